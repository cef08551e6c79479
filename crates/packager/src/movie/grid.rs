//! Where a picture may be cut, for those who encode others to be cut at the same times.

use super::{Movie, Packageable, Track, TrackKind};
use crate::plan::cut::{self, Selection};

/// The times of a track of pictures, in ticks of its clock, on the timeline of its movie (after the edit list).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PictureGrid {
    /// Ticks a second.
    pub timescale: u32,
    /// When its key pictures are shown, in order.
    pub keys: Vec<i64>,
    /// Whether no picture behind any of them needs what is before it: then players may switch at all of them.
    pub closed: bool,
    /// How many pictures there are.
    pub pictures: u64,
    /// When the last one is over.
    pub end: i64,
}

impl Movie {
    /// Where its first picture that can be packaged may be cut; `None` without one.
    pub fn picture_grid(&self) -> Option<PictureGrid> {
        self.tracks
            .iter()
            .find(|track| track.kind == TrackKind::Video && track.packageable == Packageable::Yes)?
            .picture_grid()
    }

    /// Leaves out all tracks but those of which `wanted` is true.
    pub fn keep_tracks(&mut self, wanted: impl Fn(&Track) -> bool) {
        self.tracks.retain(wanted);
    }
}

impl Track {
    fn picture_grid(&self) -> Option<PictureGrid> {
        let selection = Selection::of(&self.samples, &self.timing, self.timescale, true)?;
        let keys = cut::key_times(&self.samples, &selection, &self.timing);
        let segments = cut::at_times(&self.samples, &selection, &self.timing, &keys);
        Some(PictureGrid {
            timescale: self.timescale,
            closed: segments.iter().all(|segment| segment.sap_type() < 3),
            pictures: segments
                .iter()
                .map(|segment| u64::from(segment.samples))
                .sum(),
            end: segments.iter().map(|segment| segment.end).max()?,
            keys,
        })
    }
}
