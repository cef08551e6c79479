//! Slice segment headers (ITU-T H.265, 7.3.6).

use super::parameter_sets::{PictureSet, ReferenceSet, SequenceSet, bits_for};
use crate::codec::CodecError;
use crate::codec::bits::BitReader;
use std::collections::BTreeMap;

/// `nal_unit_type` from BLA_W_LP to RSV_IRAP_VCL23: pictures where decoding can start.
const RANDOM_ACCESS: std::ops::RangeInclusive<u8> = 16..=23;
/// `nal_unit_type` of IDR pictures.
const IDR: std::ops::RangeInclusive<u8> = 19..=20;

/// `slice_type` (Table 7-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SliceKind {
    B,
    P,
    I,
}

/// Bytes from the start of `payload` (behind the NAL unit's header) to the first byte of slice data.
pub(super) fn header_len(
    payload: &[u8],
    nal_unit_type: u8,
    sequence_sets: &BTreeMap<u32, SequenceSet>,
    picture_sets: &BTreeMap<u32, PictureSet>,
) -> Result<usize, CodecError> {
    let mut reader = BitReader::of_nal_unit(payload);
    let is_first = reader.flag()?;
    if RANDOM_ACCESS.contains(&nal_unit_type) {
        reader.flag()?;
    }
    let id = reader.ue()?;
    let unknown =
        |kind: &str, id: u32| CodecError(format!("{kind} parameter set {id} is not known"));
    let picture = picture_sets
        .get(&id)
        .ok_or_else(|| unknown("picture", id))?;
    let id = picture.sequence_set;
    let sequence = sequence_sets
        .get(&id)
        .ok_or_else(|| unknown("sequence", id))?;
    let mut is_dependent = false;
    if !is_first {
        is_dependent = picture.dependent_slices && reader.flag()?;
        reader.skip(sequence.slice_address_bits)?;
    }
    let mut header = Header {
        reader: &mut reader,
        sequence,
        picture,
    };
    if !is_dependent {
        header.independent(nal_unit_type)?;
    }
    if picture.entry_points {
        header.entry_points()?;
    }
    if picture.header_extension {
        let length = reader.ue()?;
        if length > 256 {
            return Err(CodecError::new("a slice header extension is too long"));
        }
        reader.skip(length * 8)?;
    }
    // `byte_alignment`: a bit that is set, then zeros to the end of the byte.
    reader.flag()?;
    Ok(reader.bytes_used())
}

struct Header<'r, 'b, 's> {
    reader: &'r mut BitReader<'b>,
    sequence: &'s SequenceSet,
    picture: &'s PictureSet,
}

impl Header<'_, '_, '_> {
    fn independent(&mut self, nal_unit_type: u8) -> Result<(), CodecError> {
        self.reader.skip(self.picture.extra_header_bits)?;
        let kind = match self.reader.ue()? {
            0 => SliceKind::B,
            1 => SliceKind::P,
            2 => SliceKind::I,
            other => return Err(CodecError(format!("slice type {other} does not exist"))),
        };
        if self.picture.output_flag {
            self.reader.flag()?;
        }
        if self.sequence.separate_colour_planes {
            self.reader.skip(2)?;
        }
        let (mut used_pictures, mut temporal) = (0, false);
        if !IDR.contains(&nal_unit_type) {
            used_pictures = self.reference_pictures()?;
            temporal = self.sequence.temporal_motion_vectors && self.reader.flag()?;
        }
        let mut filtered = false;
        if self.sequence.sample_adaptive_offset {
            filtered = self.reader.flag()?;
            if self.sequence.has_chroma {
                filtered |= self.reader.flag()?;
            }
        }
        if kind != SliceKind::I {
            self.prediction(kind, used_pictures, temporal)?;
        }
        self.reader.se()?;
        if self.picture.slice_chroma_offsets {
            self.reader.se()?;
            self.reader.se()?;
        }
        if self.picture.chroma_offset_lists {
            self.reader.flag()?;
        }
        let mut deblocking_disabled = self.picture.deblocking_disabled;
        if self.picture.deblocking_override && self.reader.flag()? {
            deblocking_disabled = self.reader.flag()?;
            if !deblocking_disabled {
                self.reader.se()?;
                self.reader.se()?;
            }
        }
        if self.picture.loop_filter_across_slices && (filtered || !deblocking_disabled) {
            self.reader.flag()?;
        }
        Ok(())
    }

    /// Gives NumPicTotalCurr (7-55): how many pictures the current one uses.
    fn reference_pictures(&mut self) -> Result<u32, CodecError> {
        let sets = &self.sequence.reference_sets;
        self.reader.skip(self.sequence.picture_order_count_bits)?;
        let mut used = if !self.reader.flag()? {
            ReferenceSet::parse(self.reader, sets, true)?.used()
        } else {
            let index = self.reader.bits(bits_for(sets.len() as u64))? as usize;
            let set = sets.get(index);
            set.ok_or_else(|| CodecError::new("a reference set that is not there"))?
                .used()
        };
        let Some(candidates) = &self.sequence.long_term else {
            return Ok(used);
        };
        let of_sequence = match candidates.is_empty() {
            true => 0,
            false => self.reader.ue()?,
        };
        let own = self.reader.ue()?;
        if of_sequence > 32 || own > 32 {
            return Err(CodecError::new("too many long-term pictures"));
        }
        for index in 0..of_sequence + own {
            let is_used = if index < of_sequence {
                let at = self.reader.bits(bits_for(candidates.len() as u64))? as usize;
                candidates.get(at).copied().unwrap_or(false)
            } else {
                self.reader.skip(self.sequence.picture_order_count_bits)?;
                self.reader.flag()?
            };
            used += u32::from(is_used);
            if self.reader.flag()? {
                self.reader.ue()?;
            }
        }
        Ok(used)
    }

    fn prediction(
        &mut self,
        kind: SliceKind,
        used_pictures: u32,
        temporal: bool,
    ) -> Result<(), CodecError> {
        let lists = if kind == SliceKind::B { 2 } else { 1 };
        let mut counts = self.picture.reference_counts;
        if self.reader.flag()? {
            for count in counts.iter_mut().take(lists) {
                *count = self.reader.ue()?.saturating_add(1);
            }
        }
        let counts = counts.get(..lists).unwrap_or_default();
        if counts.iter().any(|count| *count > 16) {
            return Err(CodecError::new("too many reference pictures"));
        }
        if self.picture.lists_modification && used_pictures > 1 {
            for count in counts {
                if self.reader.flag()? {
                    self.reader
                        .skip(bits_for(u64::from(used_pictures)) * count)?;
                }
            }
        }
        if kind == SliceKind::B {
            self.reader.flag()?;
        }
        if self.picture.cabac_init {
            self.reader.flag()?;
        }
        if temporal {
            let from_first = kind != SliceKind::B || self.reader.flag()?;
            let list = counts.get(usize::from(!from_first));
            if list.is_some_and(|count| *count > 1) {
                self.reader.ue()?;
            }
        }
        let weighted = match kind {
            SliceKind::B => self.picture.weighted_biprediction,
            _ => self.picture.weighted_prediction,
        };
        if weighted {
            self.weights(counts)?;
        }
        self.reader.ue()?;
        Ok(())
    }

    /// `pred_weight_table` (7.3.6.3).
    fn weights(&mut self, counts: &[u32]) -> Result<(), CodecError> {
        let has_chroma = self.sequence.has_chroma;
        self.reader.ue()?;
        if has_chroma {
            self.reader.se()?;
        }
        for count in counts {
            let mut flags = |wanted: bool| -> Result<Vec<bool>, CodecError> {
                (0..*count)
                    .map(|_| Ok(wanted && self.reader.flag()?))
                    .collect()
            };
            let (luma, chroma) = (flags(true)?, flags(has_chroma)?);
            for (luma, chroma) in luma.into_iter().zip(chroma) {
                for _ in 0..if luma { 2 } else { 0 } + if chroma { 4 } else { 0 } {
                    self.reader.se()?;
                }
            }
        }
        Ok(())
    }

    fn entry_points(&mut self) -> Result<(), CodecError> {
        let count = self.reader.ue()?;
        // A picture of level 6.2 has at most 440 tiles or 8192 / 16 rows in each of them.
        if count > 22 * 512 {
            return Err(CodecError::new("too many entry points"));
        }
        if count > 0 {
            let bits = self.reader.ue()?.saturating_add(1);
            if bits > 32 {
                return Err(CodecError::new("entry points of more than 32 bits"));
            }
            self.reader.skip(count * bits)?;
        }
        Ok(())
    }
}
