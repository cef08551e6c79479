//! VP9: `vpcC` (VP Codec ISO Media File Format Binding), superframes and uncompressed headers (VP9 Bitstream & Decoding
//! Process Specification, 6.2 and annex B).
//!
//! In: the configuration, then samples in order from a key frame on. Out: where the compressed parts of each sample lie.

mod frame;

use super::CodecError;
use super::picture::PixelForm;
use frame::{FrameSize, REFERENCES};
use std::ops::Range;

pub(super) use frame::is_key;

/// What `vpcC` says, and what the samples so far have said.
#[derive(Debug, Clone)]
pub(crate) struct Vp9Config {
    profile: u8,
    level: u8,
    bit_depth: u8,
    chroma_subsampling: u8,
    /// Primaries, transfer characteristics, matrix coefficients, full range.
    colour: (u16, u16, u16, bool),
    /// Sizes of the frames that later ones may refer to; `None` is a frame of before the first that was read.
    references: [Option<FrameSize>; REFERENCES],
}

/// How many frames a superframe may have (annex B).
const MAX_FRAMES: usize = 8;

/// Values of `level`, and how many luma samples a picture of it may have (annex A).
const LEVELS: [(u8, u32); 14] = [
    (10, 36_864),
    (11, 73_728),
    (20, 122_880),
    (21, 245_760),
    (30, 552_960),
    (31, 983_040),
    (40, 2_228_224),
    (41, 2_228_224),
    (50, 8_912_896),
    (51, 8_912_896),
    (52, 8_912_896),
    (60, 35_651_584),
    (61, 35_651_584),
    (62, 35_651_584),
];

/// Where the level stands in the body of `vpcC`.
const LEVEL_AT: usize = 5;

impl Vp9Config {
    /// Reads the body of `vpcC`, for pictures of a size in pixels.
    pub fn parse(record: &[u8], (width, height): (u16, u16)) -> Result<Self, CodecError> {
        let Some(
            &[
                version,
                _,
                _,
                _,
                profile,
                level,
                form,
                primaries,
                transfer,
                matrix,
                ..,
            ],
        ) = record.first_chunk::<12>()
        else {
            return Err(CodecError::new("the record is cut short"));
        };
        if version != 1 {
            return Err(CodecError(format!("version {version} is not known")));
        }
        let bit_depth = form >> 4;
        if profile > 3 || !matches!(bit_depth, 8 | 10 | 12) || (profile < 2) != (bit_depth == 8) {
            let what = format!("profile {profile} with {bit_depth} bits does not exist");
            return Err(CodecError(what));
        }
        let mut config = Self {
            profile,
            level,
            bit_depth,
            chroma_subsampling: form >> 1 & 7,
            colour: (
                u16::from(primaries),
                u16::from(transfer),
                u16::from(matrix),
                form & 1 == 1,
            ),
            references: [None; REFERENCES],
        };
        // Some writers leave the level out, and players refuse a string without one.
        if !LEVELS.iter().any(|(known, _)| *known == level) {
            let samples = u32::from(width) * u32::from(height);
            let least = LEVELS.iter().find(|(_, most)| samples <= *most);
            config.level = least.map_or(62, |(level, _)| *level);
        }
        Ok(config)
    }

    /// The body of `vpcC` for the output: with a level that exists.
    pub fn canonical_record(&self, record: &[u8]) -> Vec<u8> {
        let mut record = record.to_vec();
        if let Some(level) = record.get_mut(LEVEL_AT) {
            *level = self.level;
        }
        record
    }

    /// RFC 6381 string of a sample entry: `vp09.00.41.08`.
    pub fn rfc6381(&self, fourcc: &str) -> String {
        /// What is left out stands for this.
        const DEFAULT: &str = ".01.01.01.01.00";
        let Self {
            profile,
            level,
            bit_depth,
            chroma_subsampling,
            colour: (primaries, transfer, matrix, full_range),
            ..
        } = self;
        let text = format!("{fourcc}.{profile:02}.{level:02}.{bit_depth:02}");
        let optional = format!(
            ".{chroma_subsampling:02}.{primaries:02}.{transfer:02}.{matrix:02}.{:02}",
            u8::from(*full_range)
        );
        match optional == DEFAULT {
            true => text,
            false => text + &optional,
        }
    }

    /// What `vpcC` says of pixels.
    pub fn pixels(&self) -> PixelForm {
        PixelForm {
            subsampling: Some(match self.chroma_subsampling {
                0 | 1 => (2, 2),
                2 => (2, 1),
                4 => (1, 2),
                _ => (1, 1),
            }),
            bit_depth: self.bit_depth,
        }
    }

    /// Primaries, transfer characteristics, matrix coefficients and full range, when they are told.
    pub fn colour(&self) -> Option<(u16, u16, u16, bool)> {
        const UNSPECIFIED: u16 = 2;
        let (primaries, transfer, matrix, _) = self.colour;
        let told = [primaries, transfer, matrix] != [UNSPECIFIED; 3];
        told.then_some(self.colour)
    }

    /// Where the frames of a sample lie behind their uncompressed headers. Samples come in order, the first one with
    /// a key frame.
    ///
    /// # Errors
    /// When frames do not fit the sample, or a header cannot be read.
    pub fn compressed(&mut self, sample: &[u8]) -> Result<Vec<Range<usize>>, CodecError> {
        self.behind_headers(sample, frames(sample)?)
    }

    /// As [`Self::compressed`], of a sample that is encrypted up to its end: then it is one frame, since the index of a superframe
    /// stays clear, and what looks like one is chance.
    pub fn compressed_of_sealed(&mut self, sample: &[u8]) -> Result<Vec<Range<usize>>, CodecError> {
        let whole = 0..sample.len();
        self.behind_headers(sample, vec![whole])
    }

    fn behind_headers(
        &mut self,
        sample: &[u8],
        frames: Vec<Range<usize>>,
    ) -> Result<Vec<Range<usize>>, CodecError> {
        let mut ranges = Vec::new();
        for frame in frames {
            let bytes = sample.get(frame.clone()).unwrap_or_default();
            let header = frame::header_len(bytes, &mut self.references)?;
            ranges.push(frame.start + header..frame.end);
        }
        Ok(ranges)
    }
}

/// The frames of a sample: those that the index at the end of a superframe counts, or the whole sample.
fn frames(sample: &[u8]) -> Result<Vec<Range<usize>>, CodecError> {
    let whole = 0..sample.len();
    let Some(index) = index(sample) else {
        return Ok(vec![whole]);
    };
    let mut frames = Vec::new();
    let mut at = 0;
    let end = sample.len() - index.bytes.len();
    for size in index.sizes() {
        let frame = at..at + size;
        if frame.end > end {
            return Err(CodecError::new("a superframe's frames go beyond its end"));
        }
        at = frame.end;
        // A frame without bytes stands for one that was dropped.
        if size > 0 {
            frames.push(frame);
        }
    }
    Ok(frames)
}

/// The index of a superframe, markers included.
struct Index<'a> {
    bytes: &'a [u8],
    size_bytes: usize,
}

/// Bytes of an index whose last byte is this; `None` when it is no marker.
fn index_len(last: u8) -> Option<usize> {
    let size_bytes = usize::from(last >> 3 & 3) + 1;
    let count = usize::from(last & 7) + 1;
    (last >> 5 == 0b110).then_some(2 + size_bytes * count.min(MAX_FRAMES))
}

fn index(sample: &[u8]) -> Option<Index<'_>> {
    let last = *sample.last()?;
    let start = sample.len().checked_sub(index_len(last)?)?;
    Index::of(sample.get(start..)?)
}

impl<'a> Index<'a> {
    /// An index, when `bytes` begin and end with its marker.
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let last = *bytes.last()?;
        let is_index = index_len(last) == Some(bytes.len()) && bytes.first() == Some(&last);
        is_index.then_some(Self {
            bytes,
            size_bytes: usize::from(last >> 3 & 3) + 1,
        })
    }

    /// Bytes of each frame.
    fn sizes(&self) -> impl Iterator<Item = usize> {
        let sizes = self.bytes.get(1..self.bytes.len() - 1).unwrap_or_default();
        sizes.chunks_exact(self.size_bytes).map(|size| {
            size.iter()
                .rev()
                .fold(0, |sum, byte| sum << 8 | usize::from(*byte))
        })
    }
}

#[cfg(test)]
mod tests;
