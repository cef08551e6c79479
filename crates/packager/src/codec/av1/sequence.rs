//! Sequence headers (AV1, 5.5).

use crate::codec::CodecError;
use crate::codec::bits::BitReader;

/// What a sequence header says, as far as frame headers and manifests depend on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sequence {
    pub reduced_still_picture: bool,
    /// Operating points: their layers, and whether frame headers may tell times of a decoder model for them.
    pub operating_points: Vec<OperatingPoint>,
    pub decoder_model: Option<DecoderModel>,
    pub width_bits: u32,
    pub height_bits: u32,
    pub width: u32,
    pub height: u32,
    pub frame_ids: Option<FrameIds>,
    pub large_superblocks: bool,
    pub warped_motion: bool,
    pub reference_motion_vectors: bool,
    /// 0 without order hints.
    pub order_hint_bits: u32,
    /// `None` when each frame tells.
    pub screen_content_tools: Option<bool>,
    /// See `screen_content_tools`.
    pub integer_motion_vectors: Option<bool>,
    pub super_resolution: bool,
    pub directional_enhancement: bool,
    pub restoration: bool,
    pub colour: ColourConfig,
    pub film_grain: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OperatingPoint {
    /// `operating_point_idc`: 8 bits of temporal layers, above them 4 of spatial ones.
    pub layers: u32,
    pub has_decoder_model: bool,
}

/// Bits of the fields of `decoder_model_info` (5.5.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DecoderModel {
    pub buffer_delay_bits: u32,
    pub buffer_removal_bits: u32,
    /// `None` when pictures follow each other at equal intervals.
    pub presentation_time_bits: Option<u32>,
}

/// Bits of frame ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameIds {
    pub delta_bits: u32,
    pub bits: u32,
}

/// `color_config` (5.5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ColourConfig {
    pub monochrome: bool,
    /// Primaries, transfer characteristics, matrix coefficients, when they are told.
    pub description: Option<(u16, u16, u16)>,
    pub full_range: bool,
    /// Whether chroma has half as many columns and half as many rows.
    pub half_columns_and_rows: bool,
    pub separate_chroma_quantisers: bool,
}

impl Sequence {
    /// Reads the payload of an OBU.
    pub fn parse(payload: &[u8]) -> Result<Self, CodecError> {
        let mut reader = BitReader::new(payload);
        let reader = &mut reader;
        let profile = reader.bits(3)?;
        if profile > 2 {
            return Err(CodecError(format!("profile {profile} is not known")));
        }
        reader.skip(1)?;
        let reduced_still_picture = reader.flag()?;
        let mut decoder_model = None;
        let mut operating_points = Vec::new();
        if reduced_still_picture {
            reader.skip(5)?;
        } else {
            if reader.flag()? {
                decoder_model = read_timing(reader)?;
            }
            operating_points = read_operating_points(reader, decoder_model.as_ref())?;
        }
        let [width_bits, height_bits] = [reader.bits(4)? + 1, reader.bits(4)? + 1];
        let [width, height] = [reader.bits(width_bits)? + 1, reader.bits(height_bits)? + 1];
        let mut frame_ids = None;
        if !reduced_still_picture && reader.flag()? {
            let delta_bits = reader.bits(4)? + 2;
            let bits = reader.bits(3)? + delta_bits + 1;
            frame_ids = Some(FrameIds { delta_bits, bits });
        }
        let large_superblocks = reader.flag()?;
        reader.skip(2)?;
        let mut tools = Tools::default();
        if !reduced_still_picture {
            tools = Tools::parse(reader)?;
        }
        Ok(Self {
            reduced_still_picture,
            operating_points,
            decoder_model,
            width_bits,
            height_bits,
            width,
            height,
            frame_ids,
            large_superblocks,
            warped_motion: tools.warped_motion,
            reference_motion_vectors: tools.reference_motion_vectors,
            order_hint_bits: tools.order_hint_bits,
            screen_content_tools: tools.screen_content_tools,
            integer_motion_vectors: tools.integer_motion_vectors,
            super_resolution: reader.flag()?,
            directional_enhancement: reader.flag()?,
            restoration: reader.flag()?,
            colour: ColourConfig::parse(reader, profile)?,
            film_grain: reader.flag()?,
        })
    }
}

/// `timing_info` and what follows it; gives the decoder model.
fn read_timing(reader: &mut BitReader<'_>) -> Result<Option<DecoderModel>, CodecError> {
    reader.skip(32 + 32)?;
    let equal_intervals = reader.flag()?;
    if equal_intervals {
        skip_unsigned_variable_length(reader)?;
    }
    if !reader.flag()? {
        return Ok(None);
    }
    let buffer_delay_bits = reader.bits(5)? + 1;
    reader.skip(32)?;
    let buffer_removal_bits = reader.bits(5)? + 1;
    let presentation_time_bits = reader.bits(5)? + 1;
    Ok(Some(DecoderModel {
        buffer_delay_bits,
        buffer_removal_bits,
        presentation_time_bits: (!equal_intervals).then_some(presentation_time_bits),
    }))
}

/// `uvlc()` (4.10.3).
fn skip_unsigned_variable_length(reader: &mut BitReader<'_>) -> Result<(), CodecError> {
    let mut zeros = 0;
    while !reader.flag()? {
        zeros += 1;
    }
    reader.skip(if zeros < 32 { zeros } else { 0 })
}

fn read_operating_points(
    reader: &mut BitReader<'_>,
    decoder_model: Option<&DecoderModel>,
) -> Result<Vec<OperatingPoint>, CodecError> {
    let has_display_delays = reader.flag()?;
    let count = reader.bits(5)? + 1;
    let mut points = Vec::new();
    for _ in 0..count {
        let layers = reader.bits(12)?;
        if reader.bits(5)? > 7 {
            reader.skip(1)?;
        }
        let mut has_decoder_model = false;
        if let Some(model) = decoder_model {
            has_decoder_model = reader.flag()?;
            if has_decoder_model {
                reader.skip(2 * model.buffer_delay_bits + 1)?;
            }
        }
        if has_display_delays && reader.flag()? {
            reader.skip(4)?;
        }
        points.push(OperatingPoint {
            layers,
            has_decoder_model,
        });
    }
    Ok(points)
}

/// Which tools frames may use; the default is that of reduced still pictures.
#[derive(Default)]
struct Tools {
    warped_motion: bool,
    reference_motion_vectors: bool,
    screen_content_tools: Option<bool>,
    integer_motion_vectors: Option<bool>,
    order_hint_bits: u32,
}

impl Tools {
    fn parse(reader: &mut BitReader<'_>) -> Result<Self, CodecError> {
        let mut tools = Self::default();
        reader.skip(2)?;
        tools.warped_motion = reader.flag()?;
        reader.skip(1)?;
        let has_order_hints = reader.flag()?;
        if has_order_hints {
            reader.skip(1)?;
            tools.reference_motion_vectors = reader.flag()?;
        }
        let choice = |reader: &mut BitReader<'_>| -> Result<Option<bool>, CodecError> {
            Ok(match reader.flag()? {
                true => None,
                false => Some(reader.flag()?),
            })
        };
        tools.screen_content_tools = choice(reader)?;
        if tools.screen_content_tools != Some(false) {
            tools.integer_motion_vectors = choice(reader)?;
        }
        if has_order_hints {
            tools.order_hint_bits = reader.bits(3)? + 1;
        }
        Ok(tools)
    }
}

impl ColourConfig {
    fn parse(reader: &mut BitReader<'_>, profile: u32) -> Result<Self, CodecError> {
        /// BT.709 primaries, the transfer of sRGB, no matrix: RGB without subsampling.
        const SRGB: (u16, u16, u16) = (1, 13, 0);
        let high_bit_depth = reader.flag()?;
        let twelve_bit = profile == 2 && high_bit_depth && reader.flag()?;
        let monochrome = profile != 1 && reader.flag()?;
        let mut description = None;
        if reader.flag()? {
            let [primaries, transfer, matrix] =
                [reader.bits(8)?, reader.bits(8)?, reader.bits(8)?].map(|code| code as u16);
            description = Some((primaries, transfer, matrix));
        }
        let mut config = Self {
            monochrome,
            description,
            full_range: true,
            half_columns_and_rows: false,
            separate_chroma_quantisers: false,
        };
        if monochrome {
            config.full_range = reader.flag()?;
            config.half_columns_and_rows = true;
            return Ok(config);
        }
        if description != Some(SRGB) {
            config.full_range = reader.flag()?;
            config.half_columns_and_rows = match profile {
                0 => true,
                1 => false,
                // 4:2:2 up to 10 bits; above, columns and then rows are told.
                _ => twelve_bit && reader.flag()? && reader.flag()?,
            };
            if config.half_columns_and_rows {
                reader.skip(2)?;
            }
        }
        config.separate_chroma_quantisers = reader.flag()?;
        Ok(config)
    }
}
