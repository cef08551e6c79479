//! Sequence and picture parameter sets, as far as slice headers depend on them (ITU-T H.265, 7.3.2).

use crate::codec::CodecError;
use crate::codec::bits::BitReader;
use crate::codec::picture::{PictureInfo, PixelForm, crop, read_usability};

/// A sequence parameter set.
#[derive(Debug, Clone)]
pub(super) struct SequenceSet {
    pub info: PictureInfo,
    pub separate_colour_planes: bool,
    /// Whether there is chroma that is coded with luma.
    pub has_chroma: bool,
    pub picture_order_count_bits: u32,
    /// Bits that count the coding tree blocks of a picture.
    pub slice_address_bits: u32,
    pub reference_sets: Vec<ReferenceSet>,
    /// Whether the current picture uses each long-term picture of the set; `None` without such pictures.
    pub long_term: Option<Vec<bool>>,
    pub temporal_motion_vectors: bool,
    pub sample_adaptive_offset: bool,
}

/// A picture parameter set.
#[derive(Debug, Clone)]
pub(super) struct PictureSet {
    pub sequence_set: u32,
    pub dependent_slices: bool,
    pub output_flag: bool,
    pub extra_header_bits: u32,
    pub cabac_init: bool,
    pub reference_counts: [u32; 2],
    pub slice_chroma_offsets: bool,
    pub weighted_prediction: bool,
    pub weighted_biprediction: bool,
    pub entry_points: bool,
    pub loop_filter_across_slices: bool,
    pub deblocking_override: bool,
    pub deblocking_disabled: bool,
    pub lists_modification: bool,
    pub header_extension: bool,
    pub chroma_offset_lists: bool,
}

/// A short-term reference picture set (7.4.8): distances in output order, and whether the current picture
/// uses each.
#[derive(Debug, Clone, Default)]
pub(super) struct ReferenceSet {
    negative: Vec<(i32, bool)>,
    positive: Vec<(i32, bool)>,
}

/// How many pictures a set may name (A.4.1).
const MAX_REFERENCES: u32 = 16;

impl ReferenceSet {
    /// Reads `st_ref_pic_set(index)`; `earlier` are the sets before it, `in_slice` tells that a slice header
    /// gives its own.
    pub fn parse(
        reader: &mut BitReader<'_>,
        earlier: &[Self],
        in_slice: bool,
    ) -> Result<Self, CodecError> {
        if !earlier.is_empty() && reader.flag()? {
            let back = if in_slice {
                reader.ue()? as usize + 1
            } else {
                1
            };
            let from = earlier
                .len()
                .checked_sub(back)
                .and_then(|index| earlier.get(index));
            let from = from.ok_or_else(|| CodecError::new("a reference set that is not there"))?;
            return Self::predicted(reader, from);
        }
        let counts = [reader.ue()?, reader.ue()?];
        if counts.iter().any(|count| *count > MAX_REFERENCES) {
            return Err(CodecError::new("too many reference pictures"));
        }
        let mut read = |count: u32, sign: i32| -> Result<Vec<(i32, bool)>, CodecError> {
            let mut distance = 0;
            (0..count)
                .map(|_| {
                    distance += sign * distance_of(reader.ue()?)?;
                    Ok((distance, reader.flag()?))
                })
                .collect()
        };
        let [negative, positive] = counts;
        Ok(Self {
            negative: read(negative, -1)?,
            positive: read(positive, 1)?,
        })
    }

    /// A set that is told by its difference from another (7-61, 7-62).
    fn predicted(reader: &mut BitReader<'_>, from: &Self) -> Result<Self, CodecError> {
        let sign = if reader.flag()? { -1 } else { 1 };
        let shift = sign * distance_of(reader.ue()?)?;
        let mut flags = Vec::new();
        for _ in 0..=from.count() {
            let used = reader.flag()?;
            flags.push((used, used || reader.flag()?));
        }
        // The flags are in the order: negative distances, positive distances, the picture itself.
        let distances: Vec<i32> = from
            .negative
            .iter()
            .chain(&from.positive)
            .map(|(distance, _)| *distance)
            .chain([0])
            .collect();
        let mut set = Self::default();
        for (distance, (used, kept)) in distances.iter().zip(flags) {
            let moved = distance.saturating_add(shift);
            match moved {
                _ if !kept => {}
                ..0 => set.negative.push((moved, used)),
                1.. => set.positive.push((moved, used)),
                0 => {}
            }
        }
        // Nearest first, as the derivation has it.
        set.negative.sort_by_key(|(distance, _)| -distance);
        set.positive.sort_by_key(|(distance, _)| *distance);
        match set.count() > MAX_REFERENCES as usize {
            true => Err(CodecError::new("too many reference pictures")),
            false => Ok(set),
        }
    }

    fn count(&self) -> usize {
        self.negative.len() + self.positive.len()
    }

    /// How many pictures the current picture uses.
    pub fn used(&self) -> u32 {
        let all = self.negative.iter().chain(&self.positive);
        all.filter(|(_, used)| *used).count() as u32
    }
}

/// A distance that is coded less one.
fn distance_of(code: u32) -> Result<i32, CodecError> {
    match code {
        0..0x8000 => Ok(code as i32 + 1),
        _ => Err(CodecError::new("a reference picture lies too far away")),
    }
}

impl SequenceSet {
    /// Gives its id and itself (7.3.2.2).
    pub fn parse(payload: &[u8]) -> Result<(u32, Self), CodecError> {
        let mut reader = BitReader::of_nal_unit(payload);
        let reader = &mut reader;
        reader.skip(4)?;
        let sub_layers = reader.bits(3)?;
        reader.skip(1)?;
        skip_profile(reader, sub_layers)?;
        let id = reader.ue()?;
        let chroma_format = reader.ue()?;
        let separate_colour_planes = chroma_format == 3 && reader.flag()?;
        let (coded_width, coded_height) = (reader.ue()?, reader.ue()?);
        let (width, height) = read_window(reader, (coded_width, coded_height), chroma_format)?;
        let depth_above_8 = reader.ue()?;
        reader.ue()?;
        let picture_order_count_bits = reader.ue()?.saturating_add(4);
        if picture_order_count_bits > 16 {
            return Err(CodecError::new("a sequence parameter set is out of range"));
        }
        let each_layer = reader.flag()?;
        for _ in 0..=if each_layer { sub_layers } else { 0 } {
            for _ in 0..3 {
                reader.ue()?;
            }
        }
        let block_bits = reader.ue()?.saturating_add(3).saturating_add(reader.ue()?);
        if !(3..=6).contains(&block_bits) {
            return Err(CodecError::new("a coding tree block is out of range"));
        }
        for _ in 0..4 {
            reader.ue()?;
        }
        if reader.flag()? && reader.flag()? {
            skip_scaling_lists(reader)?;
        }
        reader.flag()?;
        let sample_adaptive_offset = reader.flag()?;
        if reader.flag()? {
            reader.skip(8)?;
            reader.ue()?;
            reader.ue()?;
            reader.skip(1)?;
        }
        let reference_sets = read_reference_sets(reader)?;
        let long_term = read_long_term(reader, picture_order_count_bits)?;
        let temporal_motion_vectors = reader.flag()?;
        reader.flag()?;
        let mut info = PictureInfo {
            width,
            height,
            sample_aspect_ratio: None,
            colour: None,
            pixels: PixelForm::of_parameter_set(chroma_format, depth_above_8),
        };
        if reader.flag()? {
            read_usability(reader, &mut info)?;
        }
        let blocks = |length: u32| u64::from(length.div_ceil(1 << block_bits));
        let set = Self {
            info,
            separate_colour_planes,
            has_chroma: chroma_format != 0 && !separate_colour_planes,
            picture_order_count_bits,
            slice_address_bits: bits_for(blocks(coded_width) * blocks(coded_height)),
            reference_sets,
            long_term,
            temporal_motion_vectors,
            sample_adaptive_offset,
        };
        Ok((id, set))
    }
}

/// Ceil(Log2(count)): bits that tell `count` things apart.
pub(super) fn bits_for(count: u64) -> u32 {
    count.max(1).next_power_of_two().trailing_zeros()
}

/// Passes over `profile_tier_level(1, sub_layers)` (7.3.3).
fn skip_profile(reader: &mut BitReader<'_>, sub_layers: u32) -> Result<(), CodecError> {
    const PROFILE_BITS: u32 = 88;
    const LEVEL_BITS: u32 = 8;
    reader.skip(PROFILE_BITS + LEVEL_BITS)?;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((reader.flag()?, reader.flag()?));
    }
    if sub_layers > 0 {
        reader.skip(2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        reader.skip(if profile { PROFILE_BITS } else { 0 })?;
        reader.skip(if level { LEVEL_BITS } else { 0 })?;
    }
    Ok(())
}

/// The picture size after the conformance window.
fn read_window(
    reader: &mut BitReader<'_>,
    (width, height): (u32, u32),
    chroma_format: u32,
) -> Result<(u32, u32), CodecError> {
    if width > 0xffff || height > 0xffff {
        return Err(CodecError::new("the picture size is out of range"));
    }
    if !reader.flag()? {
        return Ok((width, height));
    }
    let (unit_x, unit_y) = match chroma_format {
        1 => (2, 2),
        2 => (2, 1),
        _ => (1, 1),
    };
    let [left, right, top, bottom] =
        [reader.ue()?, reader.ue()?, reader.ue()?, reader.ue()?].map(u64::from);
    Ok((
        crop(width, (left + right) * unit_x)?,
        crop(height, (top + bottom) * unit_y)?,
    ))
}

/// Passes over `scaling_list_data` (7.3.4).
fn skip_scaling_lists(reader: &mut BitReader<'_>) -> Result<(), CodecError> {
    for size in 0..4_u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !reader.flag()? {
                reader.ue()?;
                continue;
            }
            if size > 1 {
                reader.se()?;
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                reader.se()?;
            }
        }
    }
    Ok(())
}

fn read_reference_sets(reader: &mut BitReader<'_>) -> Result<Vec<ReferenceSet>, CodecError> {
    let count = reader.ue()?;
    if count > 64 {
        return Err(CodecError::new("too many reference sets"));
    }
    let mut sets = Vec::new();
    for _ in 0..count {
        sets.push(ReferenceSet::parse(reader, &sets, false)?);
    }
    Ok(sets)
}

fn read_long_term(
    reader: &mut BitReader<'_>,
    picture_order_count_bits: u32,
) -> Result<Option<Vec<bool>>, CodecError> {
    if !reader.flag()? {
        return Ok(None);
    }
    let count = reader.ue()?;
    if count > 32 {
        return Err(CodecError::new("too many long-term pictures"));
    }
    let mut used = Vec::new();
    for _ in 0..count {
        reader.skip(picture_order_count_bits)?;
        used.push(reader.flag()?);
    }
    Ok(Some(used))
}

impl PictureSet {
    /// Gives its id and itself (7.3.2.3).
    pub fn parse(payload: &[u8]) -> Result<(u32, Self), CodecError> {
        let mut reader = BitReader::of_nal_unit(payload);
        let reader = &mut reader;
        let id = reader.ue()?;
        let sequence_set = reader.ue()?;
        let dependent_slices = reader.flag()?;
        let output_flag = reader.flag()?;
        let extra_header_bits = reader.bits(3)?;
        reader.flag()?;
        let cabac_init = reader.flag()?;
        let reference_counts = [reader.ue()?, reader.ue()?].map(|count| count.saturating_add(1));
        reader.se()?;
        reader.flag()?;
        let transform_skip = reader.flag()?;
        if reader.flag()? {
            reader.ue()?;
        }
        reader.se()?;
        reader.se()?;
        let slice_chroma_offsets = reader.flag()?;
        let weighted_prediction = reader.flag()?;
        let weighted_biprediction = reader.flag()?;
        reader.flag()?;
        let tiles = reader.flag()?;
        let entropy_sync = reader.flag()?;
        if tiles {
            skip_tiles(reader)?;
        }
        let loop_filter_across_slices = reader.flag()?;
        let (mut deblocking_override, mut deblocking_disabled) = (false, false);
        if reader.flag()? {
            deblocking_override = reader.flag()?;
            deblocking_disabled = reader.flag()?;
            if !deblocking_disabled {
                reader.se()?;
                reader.se()?;
            }
        }
        if reader.flag()? {
            skip_scaling_lists(reader)?;
        }
        let lists_modification = reader.flag()?;
        reader.ue()?;
        let header_extension = reader.flag()?;
        let set = Self {
            sequence_set,
            dependent_slices,
            output_flag,
            extra_header_bits,
            cabac_init,
            reference_counts,
            slice_chroma_offsets,
            weighted_prediction,
            weighted_biprediction,
            entry_points: tiles || entropy_sync,
            loop_filter_across_slices,
            deblocking_override,
            deblocking_disabled,
            lists_modification,
            header_extension,
            chroma_offset_lists: read_extensions(reader, transform_skip)?,
        };
        Ok((id, set))
    }
}

fn skip_tiles(reader: &mut BitReader<'_>) -> Result<(), CodecError> {
    let (columns, rows) = (reader.ue()?, reader.ue()?);
    // Level 6.2 allows 20 columns and 22 rows (A.4.1).
    if columns > 64 || rows > 64 {
        return Err(CodecError::new("too many tiles"));
    }
    if !reader.flag()? {
        for _ in 0..columns + rows {
            reader.ue()?;
        }
    }
    reader.skip(1)
}

/// Whether `chroma_qp_offset_list_enabled_flag` is set in the range extension (7.3.2.3.2).
fn read_extensions(reader: &mut BitReader<'_>, transform_skip: bool) -> Result<bool, CodecError> {
    if !reader.flag()? {
        return Ok(false);
    }
    let range = reader.flag()?;
    let multilayer = reader.flag()?;
    let three_dimensional = reader.flag()?;
    let screen_content = reader.flag()?;
    reader.skip(4)?;
    if multilayer || three_dimensional || screen_content {
        let what = "extensions for layers or screen content are not supported";
        return Err(CodecError::new(what));
    }
    if !range {
        return Ok(false);
    }
    if transform_skip {
        reader.ue()?;
    }
    reader.flag()?;
    reader.flag()
}
