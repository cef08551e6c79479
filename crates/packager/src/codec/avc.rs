//! H.264: `avcC` (ISO/IEC 14496-15, 5.3.3), parameter sets and slice headers (ITU-T H.264, 7.3).

use super::bits::BitReader;
use super::picture::{PictureInfo, PixelForm, crop, read_usability};
use super::{CodecError, nal_length_size, take_nal_unit};
use std::collections::BTreeMap;

/// What `avcC` says, and the parameter sets in it.
#[derive(Debug, Clone)]
pub(crate) struct AvcConfig {
    profile: u8,
    compatibility: u8,
    level: u8,
    nal_length_size: usize,
    sequence_sets: BTreeMap<u32, SequenceSet>,
    picture_sets: BTreeMap<u32, PictureSet>,
}

/// A sequence parameter set, as far as slice headers depend on it.
#[derive(Debug, Clone)]
struct SequenceSet {
    info: PictureInfo,
    /// `max_num_ref_frames`.
    references: u32,
    separate_colour_planes: bool,
    monochrome: bool,
    frame_num_bits: u32,
    picture_order_count_type: u32,
    picture_order_count_bits: u32,
    delta_picture_order_always_zero: bool,
    frame_macroblocks_only: bool,
    map_units: u32,
}

/// A picture parameter set, as far as slice headers depend on it.
#[derive(Debug, Clone)]
struct PictureSet {
    sequence_set: u32,
    entropy_coding_mode: bool,
    bottom_field_picture_order: bool,
    slice_groups: Option<SliceGroups>,
    reference_counts: [u32; 2],
    weighted_prediction: bool,
    weighted_biprediction: u32,
    deblocking_control: bool,
    redundant_picture_count: bool,
}

/// Slice groups of the types whose cycle each slice header gives (types 3 to 5).
#[derive(Debug, Clone, Copy)]
struct SliceGroups {
    change_rate: u32,
}

/// `nal_unit_type` of a sequence parameter set.
const SEQUENCE_SET: u8 = 7;
/// `nal_unit_type` of a picture parameter set.
const PICTURE_SET: u8 = 8;
/// `nal_unit_type` of a slice of an IDR picture.
pub(super) const IDR_SLICE: u8 = 5;

/// Whether a NAL unit with this first byte holds coded slice data (Table 7-1).
pub(crate) fn is_vcl(header: u8) -> bool {
    matches!(header & 0x1f, 1..=5)
}

impl AvcConfig {
    /// Reads the body of `avcC`. Its parameter sets may be missing: those of `avc3` come with the samples.
    pub fn parse(record: &[u8]) -> Result<Self, CodecError> {
        let Some((&[version, profile, compatibility, level, lengths, counts], mut rest)) =
            record.split_first_chunk::<6>()
        else {
            return Err(CodecError::new("the record is cut short"));
        };
        if version != 1 {
            return Err(CodecError(format!("version {version} is not known")));
        }
        let mut config = Self {
            profile,
            compatibility,
            level,
            nal_length_size: nal_length_size(lengths)?,
            sequence_sets: BTreeMap::new(),
            picture_sets: BTreeMap::new(),
        };
        for _ in 0..counts & 0x1f {
            config.learn(take_nal_unit(&mut rest)?)?;
        }
        let Some((count, behind)) = rest.split_first() else {
            return Err(CodecError::new("the record has no picture parameter sets"));
        };
        rest = behind;
        for _ in 0..*count {
            config.learn(take_nal_unit(&mut rest)?)?;
        }
        Ok(config)
    }

    /// Remembers a parameter set; other NAL units change nothing.
    ///
    /// # Errors
    /// When a parameter set cannot be read.
    pub fn learn(&mut self, nal: &[u8]) -> Result<(), CodecError> {
        let Some((header, payload)) = nal.split_first() else {
            return Ok(());
        };
        match header & 0x1f {
            SEQUENCE_SET => {
                let (id, set) = SequenceSet::parse(payload)?;
                self.sequence_sets.insert(id, set);
            }
            PICTURE_SET => {
                let (id, set) = PictureSet::parse(payload)?;
                self.picture_sets.insert(id, set);
            }
            _ => {}
        }
        Ok(())
    }

    /// RFC 6381 string of a sample entry: `avc1.64001f`.
    pub fn rfc6381(&self, fourcc: &str) -> String {
        let Self {
            profile,
            compatibility,
            level,
            ..
        } = self;
        format!("{fourcc}.{profile:02x}{compatibility:02x}{level:02x}")
    }

    /// Bytes of the field before each NAL unit: 1, 2 or 4.
    pub fn nal_length_size(&self) -> usize {
        self.nal_length_size
    }

    /// `AVCLevelIndication`: ten times the level, 9 for 1b.
    pub fn level(&self) -> u8 {
        // Of these profiles, constraint_set3_flag makes 1.1 to 1b (A.3.4.1).
        match (self.level, self.profile) {
            (11, 66 | 77 | 88) if self.compatibility & 0x10 != 0 => 9,
            (level, _) => level,
        }
    }

    /// The name of the profile when it is one of those above High (A.2), which decoders of browsers and of most devices have not,
    /// whatever the pixels are.
    pub fn beyond_high(&self) -> Option<&'static str> {
        match self.profile {
            44 => Some("CAVLC 4:4:4 Intra"),
            110 => Some("High 10"),
            122 => Some("High 4:2:2"),
            244 => Some("High 4:4:4 Predictive"),
            _ => None,
        }
    }

    /// Macroblocks of a frame, and how many frames are kept to predict others from; `None` while no parameter set is known.
    pub fn frame_load(&self) -> Option<(u32, u32)> {
        let set = self.sequence_sets.values().next()?;
        let fields = if set.frame_macroblocks_only { 1 } else { 2 };
        Some((set.map_units * fields, set.references))
    }

    /// What the first sequence parameter set says.
    pub fn picture_info(&self) -> Option<PictureInfo> {
        self.sequence_sets.values().next().map(|set| set.info)
    }

    /// Bytes of a slice's NAL unit up to the end of the slice header: its first byte, the header and
    /// its emulation prevention, rounded up to whole bytes (7.3.3).
    ///
    /// # Errors
    /// When the header is cut short or names a parameter set that is not known.
    pub fn slice_header_len(&self, nal: &[u8]) -> Result<usize, CodecError> {
        let Some((header, payload)) = nal.split_first() else {
            return Err(CodecError::new("an empty NAL unit"));
        };
        let kind = header & 0x1f;
        if !matches!(kind, 1 | IDR_SLICE) {
            return Err(CodecError::new("data partitioning is not supported"));
        }
        let mut reader = BitReader::of_nal_unit(payload);
        self.read_slice_header(&mut reader, kind == IDR_SLICE, header >> 5 & 3 != 0)?;
        Ok(1 + reader.bytes_used())
    }

    fn read_slice_header(
        &self,
        reader: &mut BitReader<'_>,
        is_idr: bool,
        is_reference: bool,
    ) -> Result<(), CodecError> {
        reader.ue()?;
        let kind = SliceKind::of(reader.ue()?)?;
        let picture_set_id = reader.ue()?;
        let Some(picture) = self.picture_sets.get(&picture_set_id) else {
            return Err(CodecError(format!(
                "picture parameter set {picture_set_id} is not known"
            )));
        };
        let Some(sequence) = self.sequence_sets.get(&picture.sequence_set) else {
            return Err(CodecError(format!(
                "sequence parameter set {} is not known",
                picture.sequence_set
            )));
        };
        read_picture_order(reader, sequence, picture, is_idr)?;
        if picture.redundant_picture_count {
            reader.ue()?;
        }
        if kind == SliceKind::B {
            reader.flag()?;
        }
        let mut reference_counts = picture.reference_counts;
        if kind.is_inter() && reader.flag()? {
            for count in reference_counts.iter_mut().take(kind.lists()) {
                *count = reader.ue()? + 1;
            }
        }
        for _ in 0..kind.lists() {
            read_list_modification(reader)?;
        }
        let weighted = match kind {
            SliceKind::P | SliceKind::Sp => picture.weighted_prediction,
            SliceKind::B => picture.weighted_biprediction == 1,
            _ => false,
        };
        if weighted {
            let counts = reference_counts.get(..kind.lists()).unwrap_or_default();
            read_weights(reader, counts, sequence)?;
        }
        if is_reference {
            read_reference_marking(reader, is_idr)?;
        }
        if picture.entropy_coding_mode && kind.is_inter() {
            reader.ue()?;
        }
        reader.se()?;
        if matches!(kind, SliceKind::Sp | SliceKind::Si) {
            if kind == SliceKind::Sp {
                reader.flag()?;
            }
            reader.se()?;
        }
        if picture.deblocking_control && reader.ue()? != 1 {
            reader.se()?;
            reader.se()?;
        }
        if let Some(groups) = picture.slice_groups {
            reader.skip(groups.cycle_bits(sequence.map_units))?;
        }
        Ok(())
    }
}

/// `slice_type` (Table 7-6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SliceKind {
    P,
    B,
    I,
    Sp,
    Si,
}

impl SliceKind {
    fn of(code: u32) -> Result<Self, CodecError> {
        Ok(match code {
            0 | 5 => Self::P,
            1 | 6 => Self::B,
            2 | 7 => Self::I,
            3 | 8 => Self::Sp,
            4 | 9 => Self::Si,
            _ => return Err(CodecError(format!("slice type {code} does not exist"))),
        })
    }

    fn is_inter(self) -> bool {
        !matches!(self, Self::I | Self::Si)
    }

    /// How many reference lists it uses.
    fn lists(self) -> usize {
        match self {
            Self::P | Self::Sp => 1,
            Self::B => 2,
            Self::I | Self::Si => 0,
        }
    }
}

fn read_picture_order(
    reader: &mut BitReader<'_>,
    sequence: &SequenceSet,
    picture: &PictureSet,
    is_idr: bool,
) -> Result<(), CodecError> {
    if sequence.separate_colour_planes {
        reader.skip(2)?;
    }
    reader.skip(sequence.frame_num_bits)?;
    let mut is_field = false;
    if !sequence.frame_macroblocks_only {
        is_field = reader.flag()?;
        if is_field {
            reader.flag()?;
        }
    }
    if is_idr {
        reader.ue()?;
    }
    let has_bottom_delta = picture.bottom_field_picture_order && !is_field;
    match sequence.picture_order_count_type {
        0 => {
            reader.skip(sequence.picture_order_count_bits)?;
            if has_bottom_delta {
                reader.se()?;
            }
        }
        1 if !sequence.delta_picture_order_always_zero => {
            reader.se()?;
            if has_bottom_delta {
                reader.se()?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// One list of `ref_pic_list_modification` (7.3.3.1).
fn read_list_modification(reader: &mut BitReader<'_>) -> Result<(), CodecError> {
    if reader.flag()? {
        while reader.ue()? != 3 {
            reader.ue()?;
        }
    }
    Ok(())
}

/// `pred_weight_table` (7.3.3.2); `counts` are the entries of each list.
fn read_weights(
    reader: &mut BitReader<'_>,
    counts: &[u32],
    sequence: &SequenceSet,
) -> Result<(), CodecError> {
    let has_chroma = !sequence.monochrome && !sequence.separate_colour_planes;
    reader.ue()?;
    if has_chroma {
        reader.ue()?;
    }
    for count in counts {
        if *count > 32 {
            return Err(CodecError(format!(
                "{count} reference pictures are too many"
            )));
        }
        for _ in 0..*count {
            if reader.flag()? {
                reader.se()?;
                reader.se()?;
            }
            if has_chroma && reader.flag()? {
                for _ in 0..4 {
                    reader.se()?;
                }
            }
        }
    }
    Ok(())
}

/// `dec_ref_pic_marking` (7.3.3.3).
fn read_reference_marking(reader: &mut BitReader<'_>, is_idr: bool) -> Result<(), CodecError> {
    if is_idr {
        return reader.skip(2);
    }
    if !reader.flag()? {
        return Ok(());
    }
    loop {
        let values = match reader.ue()? {
            0 => return Ok(()),
            1 | 2 | 4 | 6 => 1,
            3 => 2,
            5 => 0,
            other => {
                let what = format!("memory management operation {other} does not exist");
                return Err(CodecError(what));
            }
        };
        for _ in 0..values {
            reader.ue()?;
        }
    }
}

impl SequenceSet {
    /// Gives its id and itself (7.3.2.1.1).
    fn parse(payload: &[u8]) -> Result<(u32, Self), CodecError> {
        let mut reader = BitReader::of_nal_unit(payload);
        let profile = reader.bits(8)?;
        reader.skip(16)?;
        let id = reader.ue()?;
        let mut chroma_format = 1;
        let mut separate_colour_planes = false;
        let mut depth_above_8 = 0;
        if has_chroma_format(profile) {
            chroma_format = reader.ue()?;
            if chroma_format == 3 {
                separate_colour_planes = reader.flag()?;
            }
            depth_above_8 = reader.ue()?;
            reader.ue()?;
            reader.flag()?;
            if reader.flag()? {
                read_scaling_lists(&mut reader, if chroma_format == 3 { 12 } else { 8 })?;
            }
        }
        let frame_num_bits = reader.ue()?.saturating_add(4);
        let picture_order_count_type = reader.ue()?;
        let mut picture_order_count_bits = 0;
        let mut delta_picture_order_always_zero = false;
        match picture_order_count_type {
            0 => picture_order_count_bits = reader.ue()?.saturating_add(4),
            1 => {
                delta_picture_order_always_zero = reader.flag()?;
                reader.se()?;
                reader.se()?;
                for _ in 0..reader.ue()?.min(255) {
                    reader.se()?;
                }
            }
            _ => {}
        }
        if frame_num_bits > 16 || picture_order_count_bits > 16 {
            return Err(CodecError::new("a sequence parameter set is out of range"));
        }
        let references = reader.ue()?;
        reader.flag()?;
        let size = PictureSize::parse(&mut reader, chroma_format, separate_colour_planes)?;
        let mut info = PictureInfo {
            width: size.width,
            height: size.height,
            sample_aspect_ratio: None,
            colour: None,
            pixels: PixelForm::of_parameter_set(chroma_format, depth_above_8),
        };
        if reader.flag()? {
            read_usability(&mut reader, &mut info)?;
        }
        let set = Self {
            info,
            references,
            separate_colour_planes,
            monochrome: chroma_format == 0,
            frame_num_bits,
            picture_order_count_type,
            picture_order_count_bits,
            delta_picture_order_always_zero,
            frame_macroblocks_only: size.frame_macroblocks_only,
            map_units: size.map_units,
        };
        Ok((id, set))
    }
}

/// Profiles whose sequence parameter sets give the chroma format.
fn has_chroma_format(profile: u32) -> bool {
    matches!(
        profile,
        100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135
    )
}

fn read_scaling_lists(reader: &mut BitReader<'_>, count: usize) -> Result<(), CodecError> {
    for index in 0..count {
        if !reader.flag()? {
            continue;
        }
        let (mut last, mut next) = (8_i32, 8_i32);
        for _ in 0..if index < 6 { 16 } else { 64 } {
            if next != 0 {
                next = last.wrapping_add(reader.se()?).rem_euclid(256);
            }
            if next != 0 {
                last = next;
            }
        }
    }
    Ok(())
}

struct PictureSize {
    width: u32,
    height: u32,
    frame_macroblocks_only: bool,
    map_units: u32,
}

impl PictureSize {
    fn parse(
        reader: &mut BitReader<'_>,
        chroma_format: u32,
        separate_colour_planes: bool,
    ) -> Result<Self, CodecError> {
        let width_in_macroblocks = reader.ue()?.saturating_add(1);
        let height_in_map_units = reader.ue()?.saturating_add(1);
        // 16 bits of pixels is what a sample entry can say.
        if width_in_macroblocks > 4095 || height_in_map_units > 4095 {
            return Err(CodecError::new("the picture size is out of range"));
        }
        let frame_macroblocks_only = reader.flag()?;
        if !frame_macroblocks_only {
            reader.flag()?;
        }
        reader.flag()?;
        let fields = if frame_macroblocks_only { 1 } else { 2 };
        let (unit_x, unit_y) = match chroma_format {
            1 if !separate_colour_planes => (2, 2 * fields),
            2 if !separate_colour_planes => (2, fields),
            _ => (1, fields),
        };
        let mut sides = [0; 4];
        if reader.flag()? {
            for side in &mut sides {
                *side = reader.ue()?;
            }
        }
        let [left, right, top, bottom] = sides.map(u64::from);
        let height = height_in_map_units * 16 * fields as u32;
        Ok(Self {
            width: crop(width_in_macroblocks * 16, (left + right) * unit_x)?,
            height: crop(height, (top + bottom) * unit_y)?,
            frame_macroblocks_only,
            map_units: width_in_macroblocks * height_in_map_units,
        })
    }
}

impl PictureSet {
    /// Gives its id and itself (7.3.2.2). What follows `redundant_pic_cnt_present_flag` is not needed.
    fn parse(payload: &[u8]) -> Result<(u32, Self), CodecError> {
        let mut reader = BitReader::of_nal_unit(payload);
        let id = reader.ue()?;
        let sequence_set = reader.ue()?;
        let entropy_coding_mode = reader.flag()?;
        let bottom_field_picture_order = reader.flag()?;
        let slice_groups = SliceGroups::parse(&mut reader)?;
        let reference_counts = [reader.ue()?, reader.ue()?].map(|count| count.saturating_add(1));
        let weighted_prediction = reader.flag()?;
        let weighted_biprediction = reader.bits(2)?;
        reader.se()?;
        reader.se()?;
        reader.se()?;
        let deblocking_control = reader.flag()?;
        reader.flag()?;
        let redundant_picture_count = reader.flag()?;
        let set = Self {
            sequence_set,
            entropy_coding_mode,
            bottom_field_picture_order,
            slice_groups,
            reference_counts,
            weighted_prediction,
            weighted_biprediction,
            deblocking_control,
            redundant_picture_count,
        };
        Ok((id, set))
    }
}

impl SliceGroups {
    fn parse(reader: &mut BitReader<'_>) -> Result<Option<Self>, CodecError> {
        let groups = reader.ue()?;
        if groups == 0 {
            return Ok(None);
        }
        if groups > 7 {
            return Err(CodecError::new("more than 8 slice groups"));
        }
        match reader.ue()? {
            0 => {
                for _ in 0..=groups {
                    reader.ue()?;
                }
            }
            2 => {
                for _ in 0..groups * 2 {
                    reader.ue()?;
                }
            }
            3..=5 => {
                reader.flag()?;
                let change_rate = reader.ue()?.saturating_add(1);
                return Ok(Some(Self { change_rate }));
            }
            6 => {
                let id_bits = (groups + 1).next_power_of_two().trailing_zeros();
                let units = reader.ue()?.saturating_add(1);
                for _ in 0..units {
                    reader.skip(id_bits)?;
                }
            }
            _ => {}
        }
        Ok(None)
    }

    /// Bits of `slice_group_change_cycle` (7.4.3).
    fn cycle_bits(self, map_units: u32) -> u32 {
        let most = map_units.div_ceil(self.change_rate) + 1;
        most.next_power_of_two().trailing_zeros()
    }
}

#[cfg(test)]
mod tests;
