//! What can be packaged of a file that is cut short.
//!
//! In: tracks whose samples may lie behind the end of the file. Out: the same tracks without these, all of them
//! cut where the last whole group of pictures ends.

use super::TrackBuilder;
use crate::sample::SampleTable;
use crate::{Error, TrackKind, Warning};
use std::cmp::Ordering;

/// A time on the movie's timeline.
#[derive(Debug, Clone, Copy)]
struct Moment {
    ticks: i64,
    timescale: u32,
}

impl Moment {
    fn seconds(self) -> f64 {
        self.ticks as f64 / f64::from(self.timescale)
    }

    fn compare(self, other: Self) -> Ordering {
        let scaled = |one: Self, by: u32| i128::from(one.ticks) * i128::from(by);
        scaled(self, other.timescale).cmp(&scaled(other, self.timescale))
    }

    fn latest(moments: impl Iterator<Item = Self>) -> Option<Self> {
        moments.max_by(|one, other| one.compare(*other))
    }

    fn earliest(moments: impl Iterator<Item = Self>) -> Option<Self> {
        moments.min_by(|one, other| one.compare(*other))
    }
}

/// Cuts tracks to what is whole in a file of `size` bytes; nothing changes when all is there. `boxes_are_cut` says that
/// the last box of the file is not whole.
///
/// # Errors
/// [`Error::InvalidInput`] when nothing is whole.
pub(super) fn cut(
    tracks: &mut [TrackBuilder],
    size: u64,
    boxes_are_cut: bool,
    warnings: &mut Vec<Warning>,
) -> Result<(), Error> {
    let wholes: Vec<_> = tracks.iter().map(|track| track.whole(size)).collect();
    let with_whole = || {
        tracks
            .iter()
            .zip(&wholes)
            .filter(|(track, _)| track.is_media())
    };
    let is_cut = |track: &TrackBuilder, whole: &Whole| whole.count < track.samples.count();
    let is_whole = !boxes_are_cut && with_whole().all(|(track, whole)| !is_cut(track, whole));
    if is_whole {
        return Ok(());
    }
    if with_whole().all(|(_, whole)| whole.end.is_none()) {
        let what =
            "the file is cut short before its first picture and sound: nothing can be salvaged";
        return Err(Error::InvalidInput(what.into()));
    }
    let of_cut = with_whole().filter(|(track, whole)| is_cut(track, whole));
    let common = Moment::earliest(of_cut.filter_map(|(_, whole)| whole.end));
    let end = common.map(|end| {
        // The start of the group of pictures that is not whole is the end of the last whole one.
        let boundaries = with_whole().filter_map(|(track, whole)| track.last_key_frame(whole, end));
        Moment::earliest(boundaries).unwrap_or(end)
    });
    let last = Moment::latest(with_whole().filter_map(|(_, whole)| whole.end));
    for (track, whole) in tracks.iter_mut().zip(wholes) {
        track.cut_off = whole.end.is_none() && whole.count < track.samples.count();
        track.samples.truncate(whole.count);
        if let Some(end) = end {
            let kept = track.samples_before(end);
            track.samples.truncate(kept);
        }
    }
    warnings.push(Warning(format!(
        "the file is cut short: what is packaged ends with the last whole segment, at {:.3} s",
        end.or(last).map_or(0.0, Moment::seconds)
    )));
    Ok(())
}

/// What of a track is there.
struct Whole {
    /// How many samples are whole, up to the first one that is not.
    count: u64,
    /// When they end; `None` when there are none.
    end: Option<Moment>,
}

impl TrackBuilder {
    fn is_media(&self) -> bool {
        matches!(self.kind, TrackKind::Video | TrackKind::Audio)
    }

    fn moment(&self, ticks: i64) -> Moment {
        Moment {
            ticks,
            timescale: self.timescale,
        }
    }

    fn whole(&self, size: u64) -> Whole {
        let timing = self.timing.clone().unwrap_or_default();
        let mut end = None;
        let mut count = 0;
        for sample in self.samples.iter() {
            if sample.offset.saturating_add(u64::from(sample.size)) > size {
                break;
            }
            let over = timing
                .presentation(&sample)
                .saturating_add(i64::from(sample.duration));
            end = end.max(Some(over));
            count += 1;
        }
        Whole {
            count,
            end: end.map(|ticks| self.moment(ticks)),
        }
    }

    /// When the last key frame up to `end` is shown, the first one left out; the first picture that is not whole counts.
    fn last_key_frame(&self, whole: &Whole, end: Moment) -> Option<Moment> {
        if self.kind != TrackKind::Video {
            return None;
        }
        let timing = self.timing.clone().unwrap_or_default();
        let known = usize::try_from(whole.count)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        let keys = self.samples.iter().take(known);
        let keys = keys.filter(|sample| sample.sync).skip(1);
        let shown = keys.map(|sample| self.moment(timing.presentation(&sample)));
        shown
            .take_while(|shown| shown.compare(end) != Ordering::Greater)
            .last()
    }

    /// How many samples there are before what is shown from `end` on: pictures up to a key frame, sound to the frame.
    fn samples_before(&self, end: Moment) -> u64 {
        let timing = self.timing.clone().unwrap_or_default();
        let is_picture = self.kind == TrackKind::Video;
        let behind = self.samples.iter().position(|sample| {
            let shown = self.moment(timing.presentation(&sample));
            (sample.sync || !is_picture) && shown.compare(end) != Ordering::Less
        });
        behind.map_or(self.samples.count(), |index| index as u64)
    }
}

impl SampleTable {
    /// Drops samples from the end until `count` are left.
    fn truncate(&mut self, count: u64) {
        match self {
            Self::Progressive(table) => table.truncate(count),
            Self::Fragmented(table) => table.truncate(count),
            Self::Looked(table, _) => table.truncate(count),
        }
    }
}
