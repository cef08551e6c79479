//! Configurations of video codecs behind one door: the parts of a sample that encryption protects.

use super::CodecError;
use super::av1::Av1Config;
use super::avc::{self, AvcConfig};
use super::hevc::{self, HevcConfig};
use super::picture::{PictureInfo, PixelForm};
use super::vp9::Vp9Config;
use std::ops::Range;

/// What is known of a video codec's configuration, and what the samples so far have added to it: parameter sets, the
/// frames that others refer to. A copy of the sample entry's follows the samples of one segment, in order.
#[derive(Debug, Clone)]
pub(crate) enum VideoConfig {
    /// H.264.
    Avc(AvcConfig),
    /// HEVC.
    Hevc(HevcConfig),
    /// AV1.
    Av1(Box<Av1Config>),
    /// VP9.
    Vp9(Box<Vp9Config>),
}

impl VideoConfig {
    /// What the configuration says of pictures.
    pub fn picture_info(&self) -> Option<PictureInfo> {
        match self {
            Self::Avc(config) => config.picture_info(),
            Self::Hevc(config) => config.picture_info(),
            Self::Av1(config) => config.picture_info(),
            Self::Vp9(_) => None,
        }
    }

    /// What a pixel is made of; `None` while no parameter set is known.
    pub fn pixels(&self) -> Option<PixelForm> {
        match self {
            Self::Av1(config) => Some(config.pixels()),
            Self::Vp9(config) => Some(config.pixels()),
            _ => self.picture_info().map(|info| info.pixels),
        }
    }

    /// Where slice data lie in a sample: what follows the slice headers of H.264 and HEVC, the tiles of AV1, what
    /// follows the uncompressed headers of VP9.
    ///
    /// # Errors
    /// When the sample's parts do not fit it, or a header cannot be read.
    pub fn slice_data(&mut self, sample: &[u8]) -> Result<Vec<Range<usize>>, CodecError> {
        match self {
            Self::Avc(config) => slices(sample, config.nal_length_size(), |nal| {
                if !nal.first().copied().is_some_and(avc::is_vcl) {
                    return config.learn(nal).map(|()| None);
                }
                config.slice_header_len(nal).map(Some)
            }),
            Self::Hevc(config) => slices(sample, config.nal_length_size(), |nal| {
                if !nal.first().copied().is_some_and(hevc::is_vcl) {
                    return config.learn(nal).map(|()| None);
                }
                config.slice_header_len(nal).map(Some)
            }),
            Self::Av1(config) => config.tiles(sample),
            Self::Vp9(config) => config.compressed(sample),
        }
    }

    /// As [`Self::slice_data`], of a sample whose last byte is encrypted: it may look like anything.
    ///
    /// # Errors
    /// As there.
    pub fn slice_data_of_sealed(&mut self, sample: &[u8]) -> Result<Vec<Range<usize>>, CodecError> {
        match self {
            Self::Vp9(config) => config.compressed_of_sealed(sample),
            _ => self.slice_data(sample),
        }
    }

    /// Whether protected ranges are whole blocks whatever the scheme (VP Codec ISO Media File Format Binding, "Sample
    /// Encryption").
    pub fn wants_whole_blocks(&self) -> bool {
        matches!(self, Self::Vp9(_))
    }

    /// Whether each part of slice data has a subsample of its own, be it shorter than a block (AV1 Codec ISO Media File
    /// Format Binding, 4.1).
    pub fn wants_every_subsample(&self) -> bool {
        matches!(self, Self::Av1(_))
    }
}

/// Slice data in NAL units behind length fields (ISO/IEC 14496-15, 5.3.4.2). `header_len` gives the bytes of a NAL
/// unit before its slice data, if it has such.
fn slices(
    sample: &[u8],
    length_size: usize,
    mut header_len: impl FnMut(&[u8]) -> Result<Option<usize>, CodecError>,
) -> Result<Vec<Range<usize>>, CodecError> {
    let mut ranges = Vec::new();
    let mut rest = sample;
    while !rest.is_empty() {
        let left = rest.len();
        let nal = rest
            .split_at_checked(length_size)
            .and_then(|(length, behind)| {
                let length = length
                    .iter()
                    .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
                behind.split_at_checked(length)
            });
        let Some((nal, behind)) = nal else {
            return Err(CodecError(format!(
                "a NAL unit goes beyond the end of the sample ({left} bytes left)"
            )));
        };
        if let Some(header) = header_len(nal)? {
            let end = sample.len() - behind.len();
            ranges.push(end - nal.len().saturating_sub(header)..end);
        }
        rest = behind;
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nal_units_must_fill_the_sample() {
        let found = |bytes: &[u8]| slices(bytes, 2, |nal| Ok((nal[0] == 7).then_some(1)));
        assert_eq!(
            found(&[0, 1, 9, 0, 2, 7, 8, 0, 1, 7]),
            Ok(vec![6..7, 10..10])
        );
        assert!(found(&[0, 1, 9, 0]).is_err());
        assert!(found(&[0, 3, 9, 0]).is_err());
    }
}
