//! HEVC: `hvcC` (ISO/IEC 14496-15, 8.3.3), parameter sets and slice headers (ITU-T H.265, 7.3).

mod parameter_sets;
mod slice;

use super::CodecError;
use super::picture::PictureInfo;
use parameter_sets::{PictureSet, SequenceSet};
use std::collections::BTreeMap;

/// What `hvcC` says, and the parameter sets in it.
#[derive(Debug, Clone)]
pub(crate) struct HevcConfig {
    profile: Profile,
    nal_length_size: usize,
    sequence_sets: BTreeMap<u32, SequenceSet>,
    picture_sets: BTreeMap<u32, PictureSet>,
}

/// The general part of `profile_tier_level` (7.3.3).
#[derive(Debug, Clone)]
struct Profile {
    space: u8,
    high_tier: bool,
    idc: u8,
    compatibility: u32,
    constraints: [u8; 6],
    level: u8,
}

/// `nal_unit_type` (Table 7-1).
const SEQUENCE_SET: u8 = 33;
const PICTURE_SET: u8 = 34;

/// Bytes of a NAL unit's header.
pub(super) const NAL_HEADER_LEN: usize = 2;

/// Whether a NAL unit with this first byte holds coded slice data.
pub(crate) fn is_vcl(header: u8) -> bool {
    nal_unit_type(header) < 32
}

/// `nal_unit_type` of a NAL unit with this first byte.
pub(super) fn nal_unit_type(header: u8) -> u8 {
    header >> 1 & 0x3f
}

/// `nuh_layer_id` of a NAL unit's header (7.3.1.2).
pub(super) fn layer_id(first: u8, second: u8) -> u8 {
    (first & 1) << 5 | second >> 3
}

impl HevcConfig {
    /// Reads the body of `hvcC`.
    pub fn parse(record: &[u8]) -> Result<Self, CodecError> {
        let cut_short = || CodecError::new("the record is cut short");
        let (head, mut rest) = record.split_first_chunk::<23>().ok_or_else(cut_short)?;
        let [
            version,
            profile,
            p0,
            p1,
            p2,
            p3,
            c0,
            c1,
            c2,
            c3,
            c4,
            c5,
            level,
            ..,
        ] = *head;
        let [.., lengths, arrays] = *head;
        if version != 1 {
            return Err(CodecError(format!("version {version} is not known")));
        }
        let mut config = Self {
            profile: Profile {
                space: profile >> 6,
                high_tier: profile & 0x20 != 0,
                idc: profile & 0x1f,
                compatibility: u32::from_be_bytes([p0, p1, p2, p3]),
                constraints: [c0, c1, c2, c3, c4, c5],
                level,
            },
            nal_length_size: super::nal_length_size(lengths)?,
            sequence_sets: BTreeMap::new(),
            picture_sets: BTreeMap::new(),
        };
        for _ in 0..arrays {
            let (head, behind) = rest.split_first_chunk::<3>().ok_or_else(cut_short)?;
            let [_, high, low] = *head;
            rest = behind;
            for _ in 0..u16::from_be_bytes([high, low]) {
                config.learn(super::take_nal_unit(&mut rest)?)?;
            }
        }
        Ok(config)
    }

    /// Remembers a parameter set; other NAL units change nothing.
    ///
    /// # Errors
    /// When a parameter set cannot be read.
    pub fn learn(&mut self, nal: &[u8]) -> Result<(), CodecError> {
        let Some((header, payload)) = nal.split_first_chunk::<NAL_HEADER_LEN>() else {
            return Ok(());
        };
        let [first, second] = *header;
        if layer_id(first, second) > 0 {
            return Ok(());
        }
        match nal_unit_type(first) {
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

    /// RFC 6381 string of a sample entry (ISO/IEC 14496-15, E.3): `hvc1.2.4.L93.B0`.
    pub fn rfc6381(&self, fourcc: &str) -> String {
        let Profile {
            space,
            high_tier,
            idc,
            compatibility,
            constraints,
            level,
        } = &self.profile;
        let space = match space {
            1 => "A",
            2 => "B",
            3 => "C",
            _ => "",
        };
        let tier = if *high_tier { "H" } else { "L" };
        let compatibility = compatibility.reverse_bits();
        let mut text = format!("{fourcc}.{space}{idc}.{compatibility:X}.{tier}{level}");
        let used = constraints.iter().rposition(|byte| *byte != 0);
        for byte in constraints.iter().take(used.map_or(0, |last| last + 1)) {
            text.push_str(&format!(".{byte:X}"));
        }
        text
    }

    /// Bytes of the field before each NAL unit: 1, 2 or 4.
    pub fn nal_length_size(&self) -> usize {
        self.nal_length_size
    }

    /// What the first sequence parameter set says.
    pub fn picture_info(&self) -> Option<PictureInfo> {
        self.sequence_sets.values().next().map(|set| set.info)
    }

    /// Bytes of a slice's NAL unit up to the first byte of slice data (7.3.6).
    ///
    /// # Errors
    /// When the header is cut short or names a parameter set that is not known.
    pub fn slice_header_len(&self, nal: &[u8]) -> Result<usize, CodecError> {
        let Some((header, payload)) = nal.split_first_chunk::<NAL_HEADER_LEN>() else {
            return Err(CodecError::new("a NAL unit without a header"));
        };
        let [first, _] = *header;
        let length = slice::header_len(
            payload,
            nal_unit_type(first),
            &self.sequence_sets,
            &self.picture_sets,
        )?;
        Ok(NAL_HEADER_LEN + length)
    }
}

#[cfg(test)]
mod tests;
