//! From the source's clock to the output's.

use super::cut::Segment;
use crate::sample::Sample;

/// What is added to times, and what the output's edit list takes away again.
///
/// A presentation time on the movie's timeline is `dts + composition offset + shift`. The output has no
/// negative decode time, no negative composition offset (readers disagree about those in fragments), and
/// one edit: `media_time`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeline {
    /// Added to a decode time of the source, in ticks.
    decode_shift: i64,
    /// Added to a composition offset of the source, in ticks.
    composition_shift: i32,
    /// `media_time` of the edit list: composition time of what is shown at 0; 0 means no edit list.
    pub media_time: u64,
}

impl Timeline {
    /// The timeline of a track that begins with these segments; `shift` is its edit list's.
    pub fn starting_with(segments: &[Segment], shift: i64, lowest_composition_offset: i32) -> Self {
        let first = segments
            .first()
            .map_or(0, |segment| segment.decode_time as i64);
        let composition_shift = lowest_composition_offset.saturating_neg().max(0);
        let lead = 0.max(-(first + shift));
        Self {
            decode_shift: shift + lead,
            composition_shift,
            media_time: lead as u64 + composition_shift as u64,
        }
    }

    /// Added to a composition time of the source, gives the time on the movie's timeline.
    pub fn shift(&self) -> i64 {
        let lead = (self.media_time as i64).saturating_sub(i64::from(self.composition_shift));
        self.decode_shift.saturating_sub(lead)
    }

    /// A sample with the composition offset of the output.
    pub fn shifted(&self, sample: Sample) -> Sample {
        Sample {
            composition_offset: sample
                .composition_offset
                .saturating_add(self.composition_shift),
            ..sample
        }
    }

    /// Decode time in the output of a decode time in the source.
    pub fn decode_time(&self, source: u64) -> u64 {
        source.saturating_add_signed(self.decode_shift)
    }
}
