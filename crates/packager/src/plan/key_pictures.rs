//! Key pictures, for I-frame playlists and for playing fast: an init segment of their own, and which renditions the MPD
//! offers them of.
//!
//! A key picture is a fragment of its own, which lasts as long as any picture. Players that play key pictures alone
//! want each to last until the next one: what they buffer must have no holes. So its fragment does not tell the
//! duration, which then is that of the init segment (`trex`), and there are two init segments: one for all pictures,
//! where it is that of one picture, and one for key pictures, where it is the longest time between two of them.

use super::{ObjectId, Plan, PlannedTrack, Segment};
use crate::movie::{SampleEntry, Track, TrackKind, Warning};

/// How many key pictures one MPD lists, each in some 70 bytes: players read all of an MPD before they start.
const MAX_LISTED_PICTURES: usize = 5000;

/// Durations of key pictures that init segments tell.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyDurations {
    /// As one picture of all, in ticks.
    pub own: u32,
    /// As one key picture, in ticks.
    pub alone: u32,
}

impl KeyDurations {
    /// Those of a track of pictures; `None` when its key pictures differ in duration, which one number cannot tell.
    pub fn of(track: &Track, segments: &[Segment], end: i64) -> Option<Self> {
        if track.kind != TrackKind::Video {
            return None;
        }
        let firsts = segments.iter().filter_map(|segment| {
            let mut samples = track.samples.iter_from(segment.cursor.clone());
            samples.next()
        });
        let mut durations = firsts.map(|sample| sample.duration);
        let own = durations.next()?;
        if !durations.all(|duration| duration == own) {
            return None;
        }
        let shown = segments.iter().map(|segment| segment.first_shown.max(0));
        let nexts = shown.clone().skip(1).chain([end]);
        let between = shown.zip(nexts).map(|(shown, next)| next - shown).max()?;
        let alone = u32::try_from(between).ok().filter(|ticks| *ticks > 0)?;
        Some(Self { own, alone })
    }
}

impl ObjectId {
    /// The `segment` of an init segment for key pictures alone.
    pub const KEY_PICTURES: u32 = u32::MAX;
}

impl Plan {
    /// Whether the key pictures of a rendition have an init segment of their own.
    pub(crate) fn has_key_init(&self, rendition: u32) -> bool {
        let track = self.tracks.get(rendition as usize);
        track.is_some_and(|track| track.key_pictures.is_some())
    }

    /// Takes pictures of few pixels first, as long as there is room; a set that gets none is named in a warning.
    pub(super) fn choose_trick_modes(&mut self) {
        let mut by_size: Vec<(u32, usize)> = self
            .tracks
            .iter()
            .enumerate()
            .filter(|(_, track)| track.key_pictures.is_some())
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
        for (rendition, track) in renditions() {
            if track.facts.kind != TrackKind::Video || offered(rendition.set) {
                continue;
            }
            let why = match track.key_pictures {
                Some(_) => format!("it would list more than {MAX_LISTED_PICTURES} key pictures"),
                None => "its key pictures last differently long".to_string(),
            };
            warnings.push(Warning(format!(
                "{}: no trick mode in the MPD, since {why}; HLS has its I-frame playlist",
                rendition.name
            )));
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
