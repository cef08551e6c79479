//! AV1: `av1C` (AV1 Codec ISO Media File Format Binding, 2.3), OBUs and frame headers (AV1 Bitstream & Decoding Process
//! Specification, 5), which "AV1" stands for in comments.
//!
//! In: the configuration, then samples in order from a key frame on. Out: where the tiles of each sample lie.

mod frame;
mod references;
mod sequence;
mod tiles;

use super::CodecError;
use super::bits::BitReader;
use super::picture::{PictureInfo, PixelForm};
use frame::Header;
use references::{REFERENCES, References};
use sequence::Sequence;
use std::ops::Range;
use tiles::TileLayout;

/// What `av1C` says, and what the samples so far have said.
#[derive(Debug, Clone)]
pub(crate) struct Av1Config {
    profile: u8,
    level: u8,
    high_tier: bool,
    bit_depth: u8,
    monochrome: bool,
    /// Subsampling of columns and rows, and where chroma lies.
    chroma: [u8; 3],
    sequence: Option<Sequence>,
    references: References,
}

/// `obu_type` (6.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObuKind {
    SequenceHeader,
    TemporalDelimiter,
    FrameHeader,
    TileGroup,
    Frame,
    TileList,
    /// Metadata, padding, and what is reserved: without tiles.
    Other,
}

/// The head of an open bitstream unit (5.3).
#[derive(Debug, Clone, Copy)]
pub(super) struct ObuHead {
    pub kind: ObuKind,
    /// Temporal and spatial.
    pub layer: (u32, u32),
    /// Bytes of the head.
    pub len: usize,
    /// Bytes behind the head; `None` when the unit reaches to the end of its sample.
    pub payload_len: Option<usize>,
}

/// The most bytes that a head can have.
pub(super) const MAX_OBU_HEAD: usize = 2 + 8;

impl ObuHead {
    /// Reads the head at the start of `bytes`.
    pub fn parse(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = BitReader::new(bytes);
        if reader.flag()? {
            return Err(CodecError::new("an OBU begins with the forbidden bit"));
        }
        let kind = match reader.bits(4)? {
            1 => ObuKind::SequenceHeader,
            2 => ObuKind::TemporalDelimiter,
            // A redundant frame header repeats the frame header before it.
            3 | 7 => ObuKind::FrameHeader,
            4 => ObuKind::TileGroup,
            6 => ObuKind::Frame,
            8 => ObuKind::TileList,
            _ => ObuKind::Other,
        };
        let (has_extension, has_size) = (reader.flag()?, reader.flag()?);
        reader.skip(1)?;
        let mut layer = (0, 0);
        if has_extension {
            layer = (reader.bits(3)?, reader.bits(2)?);
            reader.skip(3)?;
        }
        let mut payload_len = None;
        if has_size {
            payload_len = Some(read_leb128(&mut reader)?);
        }
        Ok(Self {
            kind,
            layer,
            len: reader.bytes_used(),
            payload_len,
        })
    }
}

/// `leb128()` (4.10.5).
fn read_leb128(reader: &mut BitReader<'_>) -> Result<usize, CodecError> {
    let mut value = 0_u64;
    for index in 0..8 {
        let byte = u64::from(reader.bits(8)?);
        value |= (byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).ok();
            let value = value.and_then(|value| usize::try_from(value).ok());
            return value.ok_or_else(|| CodecError::new("a size has more than 32 bits"));
        }
    }
    Err(CodecError::new("a size has more than 8 bytes"))
}

/// Takes the next OBU: its head, and where its payload lies.
fn take_obu(sample: &[u8], at: &mut usize) -> Result<(ObuHead, Range<usize>), CodecError> {
    let head = ObuHead::parse(sample.get(*at..).unwrap_or_default())?;
    let start = *at + head.len;
    let left = sample.len() - start;
    let length = head.payload_len.unwrap_or(left);
    if length > left {
        let what = format!("an OBU goes beyond the end of the sample ({left} bytes left)");
        return Err(CodecError(what));
    }
    *at = start + length;
    Ok((head, start..*at))
}

impl Av1Config {
    /// Reads the body of `av1C`.
    pub fn parse(record: &[u8]) -> Result<Self, CodecError> {
        let Some((&[version, profile, form, _], units)) = record.split_first_chunk::<4>() else {
            return Err(CodecError::new("the record is cut short"));
        };
        if version != 0x81 {
            return Err(CodecError(format!(
                "marker and version are {version:#04x}, not 0x81"
            )));
        }
        let bit = |position: u8| form >> position & 1;
        let mut config = Self {
            profile: profile >> 5,
            level: profile & 0x1f,
            high_tier: bit(7) == 1,
            bit_depth: match (bit(6), bit(5)) {
                (0, 0) => 8,
                (1, 0) => 10,
                (1, _) if profile >> 5 == 2 => 12,
                _ => return Err(CodecError::new("the bit depth does not exist")),
            },
            monochrome: bit(4) == 1,
            chroma: [bit(3), bit(2), form & 3],
            sequence: None,
            references: [None; REFERENCES],
        };
        if config.profile > 2 {
            return Err(CodecError(format!(
                "profile {} is not known",
                config.profile
            )));
        }
        let mut at = 0;
        while at < units.len() {
            let (head, payload) = take_obu(units, &mut at)?;
            if head.kind == ObuKind::SequenceHeader {
                let payload = units.get(payload).unwrap_or_default();
                config.sequence = Some(Sequence::parse(payload)?);
            }
        }
        Ok(config)
    }

    /// RFC 6381 string of a sample entry (5): `av01.0.04M.08`. `colour` is what `colr` says, if it says something:
    /// primaries, transfer characteristics, matrix coefficients, full range.
    pub fn rfc6381(&self, fourcc: &str, colour: Option<(u16, u16, u16, bool)>) -> String {
        /// What is left out stands for this.
        const DEFAULT: &str = ".0.110.01.01.01.0";
        let Self {
            profile,
            level,
            bit_depth,
            chroma: [columns, rows, position],
            ..
        } = self;
        let tier = if self.high_tier { 'H' } else { 'M' };
        let text = format!("{fourcc}.{profile}.{level:02}{tier}.{bit_depth:02}");
        let position = if [*columns, *rows] == [1, 1] {
            *position
        } else {
            0
        };
        let of_sequence = self.sequence.as_ref().map(|sequence| &sequence.colour);
        let (primaries, transfer, matrix, full_range) = colour.unwrap_or_else(|| {
            let description = of_sequence.and_then(|colour| colour.description);
            let (primaries, transfer, matrix) = description.unwrap_or((1, 1, 1));
            let full_range = of_sequence.is_some_and(|colour| colour.full_range);
            (primaries, transfer, matrix, full_range)
        });
        let optional = format!(
            ".{}.{columns}{rows}{position}.{primaries:02}.{transfer:02}.{matrix:02}.{}",
            u8::from(self.monochrome),
            u8::from(full_range)
        );
        match optional == DEFAULT {
            true => text,
            false => text + &optional,
        }
    }

    /// What the sequence header in `av1C` says.
    pub fn picture_info(&self) -> Option<PictureInfo> {
        let sequence = self.sequence.as_ref()?;
        let colour = &sequence.colour;
        Some(PictureInfo {
            width: sequence.width,
            height: sequence.height,
            sample_aspect_ratio: None,
            colour: colour.description.map(|(primaries, transfer, matrix)| {
                (primaries, transfer, matrix, colour.full_range)
            }),
            pixels: self.pixels(),
        })
    }

    /// What `av1C` says of pixels.
    pub fn pixels(&self) -> PixelForm {
        let [columns, rows, _] = self.chroma.map(|halved| 1 + halved.min(1));
        PixelForm {
            subsampling: (!self.monochrome).then_some((columns, rows)),
            bit_depth: self.bit_depth,
        }
    }

    /// Whether frame headers begin with their kind: not so of reduced still pictures, which are key frames.
    pub(super) fn is_reduced_still_picture(&self) -> bool {
        let sequence = self.sequence.as_ref();
        sequence.is_some_and(|sequence| sequence.reduced_still_picture)
    }

    /// Where the tiles of a sample lie. Samples come in order, the first one with a key frame.
    ///
    /// # Errors
    /// When OBUs do not fit the sample, or a header cannot be read.
    pub fn tiles(&mut self, sample: &[u8]) -> Result<Vec<Range<usize>>, CodecError> {
        let mut tiles = Vec::new();
        // The frame whose tiles are awaited.
        let mut pending: Option<TileLayout> = None;
        let mut at = 0;
        while at < sample.len() {
            let (head, range) = take_obu(sample, &mut at)?;
            let start = range.start;
            let payload = sample.get(range).unwrap_or_default();
            match head.kind {
                ObuKind::SequenceHeader => self.sequence = Some(Sequence::parse(payload)?),
                ObuKind::TemporalDelimiter => pending = None,
                // While tiles are awaited, it is a copy.
                ObuKind::FrameHeader if pending.is_some() => {}
                ObuKind::FrameHeader => {
                    if let (Header::Frame(layout), _) = self.read_header(payload, &head)? {
                        pending = Some(layout);
                    }
                }
                ObuKind::Frame => {
                    let (header, used) = self.read_header(payload, &head)?;
                    let Header::Frame(layout) = header else {
                        let what = "a frame OBU that shows an earlier frame";
                        return Err(CodecError::new(what));
                    };
                    let group = payload.get(used..).unwrap_or_default();
                    let is_whole = layout.split(group, start + used, &mut tiles)?;
                    pending = (!is_whole).then_some(layout);
                }
                ObuKind::TileGroup => {
                    let Some(layout) = pending else {
                        return Err(CodecError::new("a tile group without a frame header"));
                    };
                    if layout.split(payload, start, &mut tiles)? {
                        pending = None;
                    }
                }
                ObuKind::TileList => {
                    return Err(CodecError::new("tile lists are not supported"));
                }
                ObuKind::Other => {}
            }
        }
        Ok(tiles)
    }

    fn read_header(
        &mut self,
        payload: &[u8],
        head: &ObuHead,
    ) -> Result<(Header, usize), CodecError> {
        let Some(sequence) = &self.sequence else {
            return Err(CodecError::new("a frame before any sequence header"));
        };
        frame::read(payload, sequence, &mut self.references, head.layer)
    }
}

#[cfg(test)]
mod tests;
