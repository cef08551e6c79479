//! Subtitles in a plan: cut where the picture is cut, and never encrypted.

use super::choice::Chosen;
use super::{Plan, PlannedTrack, Planner, Segment, Timeline};
use crate::cenc::systems::Signals;
use crate::init::TrackFacts;
use crate::movie::{SampleEntry, TextEntry};
use crate::text::Subtitles;
use crate::{Error, Rendition, TrackKind};
use std::sync::Arc;

impl Planner<'_> {
    /// Adds a track of text: samples like those of sound, a list of cues with the boundaries of the leading track.
    pub(super) fn add_text(&mut self, chosen: &Chosen<'_>) -> Result<(), Error> {
        let track = chosen.track;
        if !matches!(&track.entry, Some(SampleEntry::Text(TextEntry::Cues(_)))) {
            return self.add_sound(chosen);
        }
        let (Some(mut facts), Some(leader)) = (TrackFacts::of(track), self.plan.tracks.first())
        else {
            return Ok(());
        };
        facts.timescale = leader.facts.timescale;
        let ends = leader.segments.iter().skip(1).map(|next| next.start);
        let segments: Vec<Segment> = leader
            .segments
            .iter()
            .zip(ends.chain([leader.end]))
            .map(|(segment, end)| Segment::without_samples(segment.start, end))
            .collect();
        let end = leader.end;
        let set = self.set_of(chosen, 0, &[]);
        self.plan.renditions.push(Rendition {
            name: chosen.name.clone(),
            kind: track.kind,
            input: chosen.input,
            track_id: track.id,
            set,
            codec: track.codec.rfc6381.clone(),
            segments: segments.len() as u32,
            encrypted: false,
        });
        self.plan.tracks.push(PlannedTrack {
            input: chosen.input,
            timeline: Timeline::starting_with(&segments, 0, 0),
            end,
            first_sample: 0,
            samples: Arc::clone(&track.samples),
            facts,
            protections: Vec::new(),
            signals: Signals::default(),
            sample_count: 0,
            segments,
            key_pictures: None,
            trick_mode: false,
        });
        Ok(())
    }
}

impl Plan {
    /// Segments of cues are for HLS: without playlists a list of cues is one file.
    pub(super) fn leave_out_segments_of_cues(&mut self) {
        for (rendition, track) in self.renditions.iter_mut().zip(&self.tracks) {
            if track.cues().is_some() {
                rendition.segments = 0;
            }
        }
    }
}

impl PlannedTrack {
    /// The list of cues that the rendition is, when it is one.
    pub(crate) fn cues(&self) -> Option<&Subtitles> {
        match &self.facts.entry {
            SampleEntry::Text(TextEntry::Cues(cues)) => Some(cues),
            _ => None,
        }
    }

    /// The text of an object of a list of cues: of segment 0 all of it, on the clock of the presentation, which
    /// starts `start_ms` behind the movie's.
    pub(super) fn render_cues(&self, cues: &Subtitles, segment: u32, start_ms: u64) -> String {
        let Some(index) = (segment as usize).checked_sub(1) else {
            return cues.write_whole(start_ms);
        };
        let timescale = i128::from(self.facts.timescale.max(1));
        let starts = |index: usize| {
            let segment = self.segments.get(index)?;
            Some(i128::from(segment.start.max(0)) * 1000)
        };
        // Cues before the first segment and behind the last are in these: none is lost.
        let from = match index {
            0 => 0,
            _ => starts(index).unwrap_or(0) / timescale,
        };
        let to = starts(index + 1).map_or(i128::from(u64::MAX), |start| {
            (start + timescale - 1) / timescale
        });
        let ms = |ms: i128| u64::try_from(ms).unwrap_or(u64::MAX);
        cues.write_segment(ms(from), ms(to))
    }
}

impl Plan {
    /// When the first picture is shown or the first sound is heard, in seconds of the movies' timeline.
    pub(crate) fn start_seconds(&self) -> f64 {
        let tracks = self.tracks.iter();
        let media = tracks.filter(|track| track.facts.kind != TrackKind::Text);
        let starts =
            media.map(|track| track.presented_start() as f64 / f64::from(track.facts.timescale));
        starts.fold(f64::INFINITY, f64::min).max(0.0)
    }
}
