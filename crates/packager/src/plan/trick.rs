//! Which renditions the MPD offers for playing fast: those whose key pictures it lists.

use super::{Plan, PlannedTrack};
use crate::movie::{SampleEntry, Warning};

/// How many key pictures one MPD lists, each in some 70 bytes: players read all of an MPD before they start.
const MAX_LISTED_PICTURES: usize = 5000;

impl Plan {
    /// Takes pictures of few pixels first, as long as there is room; a set that gets none is named in a warning.
    pub(super) fn choose_trick_modes(&mut self) {
        let mut by_size: Vec<(u32, usize)> = self
            .tracks
            .iter()
            .enumerate()
            .filter_map(|(index, track)| Some((track.pixels()?, index)))
            .collect();
        by_size.sort_unstable();
        let mut room = MAX_LISTED_PICTURES;
        for (_, index) in &by_size {
            if let Some(track) = self.tracks.get_mut(*index)
                && let Some(left) = room.checked_sub(track.segments.len())
            {
                room = left;
                track.trick_mode = true;
            }
        }
        let renditions = || self.renditions.iter().zip(&self.tracks);
        let offered =
            |set: u32| renditions().any(|(other, track)| other.set == set && track.trick_mode);
        let mut warnings = Vec::new();
        for (_, index) in by_size {
            let Some(rendition) = self.renditions.get(index) else {
                continue;
            };
            if !offered(rendition.set) {
                warnings.push(Warning(format!(
                    "{}: no trick mode in the MPD, which lists {MAX_LISTED_PICTURES} key pictures at most; HLS has its I-frame playlist",
                    rendition.name
                )));
            }
        }
        self.warnings.append(&mut warnings);
    }
}

impl PlannedTrack {
    /// Of a picture.
    fn pixels(&self) -> Option<u32> {
        match &self.facts.entry {
            SampleEntry::Video(entry) => Some(u32::from(entry.width) * u32::from(entry.height)),
            SampleEntry::Audio(_) | SampleEntry::Text(_) => None,
        }
    }
}
