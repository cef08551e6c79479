//! Subtitles in a plan: cut where the picture is cut, as long as the presentation, and never encrypted.

use super::choice::Chosen;
use super::{Plan, PlannedTrack, Planner, Segment, Timeline, cut, ticks};
use crate::cenc::systems::Signals;
use crate::init::TrackFacts;
use crate::movie::{SampleEntry, TextEntry};
use crate::text::Subtitles;
use crate::{Error, Rendition, TrackKind, Warning};
use std::sync::Arc;

/// How much shorter than picture and sound a list of cues may be, in milliseconds, where it has no cue.
const MAX_MISSING_MS: i64 = 100;

impl Planner<'_> {
    /// Adds a track of text: samples like those of sound, a list of cues with the boundaries of the leading track.
    pub(super) fn add_text(&mut self, chosen: &Chosen<'_>) -> Result<(), Error> {
        let track = chosen.track;
        if !matches!(&track.entry, Some(SampleEntry::Text(TextEntry::Cues(_)))) {
            let end = latest(&self.plan.media_ends(), track.timescale);
            let mut timing = track.timing.clone();
            if end > 0 {
                timing.end = Some(timing.end.map_or(end, |own| own.min(end)));
            }
            return self.add_sound(chosen, &timing);
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

    /// Lists of cues last as long as picture and sound do, which may be longer than the track that they are cut
    /// with; what would be shown before or after is left out.
    pub(super) fn stretch_text(&mut self) {
        let plan = &mut self.plan;
        let (start, end_ms, media) = (plan.start_seconds(), plan.end_ms(), plan.media_ends());
        for (rendition, track) in plan.renditions.iter_mut().zip(&mut plan.tracks) {
            let timescale = track.facts.timescale;
            let own_end_ms = latest(&[(track.end, timescale)], 1000);
            let Some(cues) = track.cues() else {
                continue;
            };
            let behind = |ms: i64| cues.count_from(ms.unsigned_abs());
            let (count, late, later) = (cues.count(), behind(end_ms), behind(own_end_ms));
            if late > 0 {
                plan.warnings.push(Warning(format!(
                    "{}: {late} of {count} cues appear behind the end of picture and sound ({:.3} s) and are left out",
                    rendition.name,
                    end_ms as f64 / 1000.0
                )));
            }
            if let Some(first) = track.segments.first_mut() {
                let start = (start * f64::from(timescale)).floor() as i64;
                first.begin_at(first.start.min(start));
            }
            // A list that ends with the picture is one that players can hold beside it, segment by segment.
            if later > late || end_ms - own_end_ms > MAX_MISSING_MS {
                let end = latest(&media, timescale);
                let target = ticks(self.target_ms, timescale);
                cut::extend(&mut track.segments, track.end, end, target);
                track.end = track.end.max(end);
                rendition.segments = track.segments.len() as u32;
            }
        }
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
    /// starts `start_ms` behind the movie's and ends at `end_ms` of that.
    pub(super) fn render_cues(
        &self,
        cues: &Subtitles,
        segment: u32,
        (start_ms, end_ms): (u64, u64),
    ) -> String {
        let Some(index) = (segment as usize).checked_sub(1) else {
            return cues.write_whole(start_ms, end_ms);
        };
        let timescale = i128::from(self.facts.timescale.max(1));
        let starts = |index: usize| {
            let segment = self.segments.get(index)?;
            Some(i128::from(segment.start.max(0)) * 1000)
        };
        let from = match index {
            0 => i128::from(start_ms),
            _ => starts(index).unwrap_or(0) / timescale,
        };
        let to = starts(index + 1).map_or(i128::from(end_ms), |start| {
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

    /// When the last picture and the last sound are over, in milliseconds of the movies' timeline, rounded up.
    pub(super) fn end_ms(&self) -> i64 {
        latest(&self.media_ends(), 1000)
    }

    /// When each picture and sound is over, in ticks of the movies' timeline, and how many are a second.
    fn media_ends(&self) -> Vec<(i64, u32)> {
        let tracks = self.tracks.iter();
        let media = tracks.filter(|track| track.facts.kind != TrackKind::Text);
        media
            .map(|track| (track.end, track.facts.timescale))
            .collect()
    }
}

/// The latest of times (ticks, and how many are a second), in ticks of `timescale`, rounded up; at least 0.
fn latest(times: &[(i64, u32)], timescale: u32) -> i64 {
    let rescaled = times.iter().map(|(ticks, from)| {
        let ticks = u128::try_from(*ticks).unwrap_or(0) * u128::from(timescale);
        ticks.div_ceil(u128::from(*from).max(1))
    });
    i64::try_from(rescaled.max().unwrap_or(0)).unwrap_or(i64::MAX)
}
