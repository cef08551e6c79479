//! What sequence parameter sets of H.264 and HEVC say about pictures.

use super::CodecError;
use super::bits::BitReader;

/// What manifests and sample entries need of a sequence parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PictureInfo {
    /// Picture size in pixels, after cropping.
    pub width: u32,
    /// See `width`.
    pub height: u32,
    /// Width and height of a pixel.
    pub sample_aspect_ratio: Option<(u32, u32)>,
    /// Primaries, transfer characteristics, matrix coefficients, full range.
    pub colour: Option<(u16, u16, u16, bool)>,
    /// What a pixel is made of.
    pub pixels: PixelForm,
}

/// What a pixel is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelForm {
    /// Luma samples for each chroma sample, by column and by row; `None` without chroma.
    pub subsampling: Option<(u8, u8)>,
    /// Bits of a luma sample.
    pub bit_depth: u8,
}

impl PixelForm {
    /// Of `chroma_format_idc` and `bit_depth_luma_minus8` of H.264 and HEVC.
    pub(super) fn of_parameter_set(chroma_format: u32, depth_above_8: u32) -> Self {
        Self {
            subsampling: match chroma_format {
                0 => None,
                1 => Some((2, 2)),
                2 => Some((2, 1)),
                _ => Some((1, 1)),
            },
            bit_depth: u8::try_from(depth_above_8.saturating_add(8)).unwrap_or(u8::MAX),
        }
    }

    /// Whether chroma is halved both ways, as it is in all that is made for the web.
    pub fn is_420(self) -> bool {
        self.subsampling == Some((2, 2))
    }

    /// `4:2:0`, and so on, for people.
    pub fn name(self) -> &'static str {
        match self.subsampling {
            None => "4:0:0",
            Some((2, 2)) => "4:2:0",
            Some((2, _)) => "4:2:2",
            Some((4, _)) => "4:1:1",
            Some((_, 2)) => "4:4:0",
            Some(_) => "4:4:4",
        }
    }
}

/// A length in pixels without what is cut off on both sides.
///
/// # Errors
/// When nothing is left.
pub(super) fn crop(length: u32, cut: u64) -> Result<u32, CodecError> {
    let left = u64::from(length).checked_sub(cut).filter(|left| *left > 0);
    left.and_then(|left| u32::try_from(left).ok())
        .ok_or_else(|| CodecError::new("the picture size is out of range"))
}

/// Aspect ratio and colour of `vui_parameters` (ITU-T H.264, E.1.1; ITU-T H.265, E.2.1); the rest is not needed.
pub(super) fn read_usability(
    reader: &mut BitReader<'_>,
    info: &mut PictureInfo,
) -> Result<(), CodecError> {
    /// Table E-1 of both standards.
    const RATIOS: [(u32, u32); 16] = [
        (1, 1),
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    ];
    if reader.flag()? {
        info.sample_aspect_ratio = match reader.bits(8)? {
            255 => Some((reader.bits(16)?, reader.bits(16)?)),
            index => RATIOS.get((index as usize).wrapping_sub(1)).copied(),
        };
    }
    if reader.flag()? {
        reader.flag()?;
    }
    if reader.flag()? {
        reader.skip(3)?;
        let full_range = reader.flag()?;
        if reader.flag()? {
            let [primaries, transfer, matrix] =
                [reader.bits(8)?, reader.bits(8)?, reader.bits(8)?].map(|code| code as u16);
            info.colour = Some((primaries, transfer, matrix, full_range));
        }
    }
    Ok(())
}
