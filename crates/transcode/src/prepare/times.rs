//! When the pictures of a source are, and when the key pictures of its rungs.

use super::{LONGEST_GOPS, USUAL_CLOCK, Work};
use crate::encode::Pictures;
use crate::grid;
use crate::order::Order;
use crate::probe::{Track, Video};
use crate::sniff::Container;

/// What is known of when pictures are.
pub(super) struct Times {
    pub(super) clock: u32,
    pub(super) start: i64,
    pub(super) end: i64,
    /// Ticks of a picture, when all last as long.
    pub(super) step: Option<i64>,
}

impl Work<'_> {
    pub(super) fn times(&self, track: &Track, video: &Video, seen: Option<&Pictures>) -> Times {
        let rate = video.rate.filter(|(over, _)| *over <= 1_000_000);
        if let Some(seen) = seen {
            let clock = grid::clock(seen.timescale);
            let factor = i64::from(clock / seen.timescale.max(1));
            let start = seen.keys.first().copied().unwrap_or(0) * factor;
            let end = seen.end * factor;
            let step = rate.and_then(|rate| exact_step(clock, rate));
            // The file says that the rate is constant; all of its pictures must have room in it.
            let fits = |step: &i64| ((end - start) - step * seen.count as i64).abs() <= *step;
            return Times {
                clock,
                start,
                end,
                step: step.filter(fits),
            };
        }
        let clock = rate.map_or(USUAL_CLOCK, |(over, _)| grid::clock(over));
        let ticks = |seconds: f64| (seconds * f64::from(clock)).round() as i64;
        let begins = self.facts.tracks.iter().map(|track| track.start);
        let zero = match self.facts.container {
            Container::Mp4 => 0.0,
            _ => begins.fold(f64::INFINITY, f64::min),
        };
        let start = ticks((track.start - zero).max(0.0));
        Times {
            clock,
            start,
            end: ticks(self.facts.seconds).max(start + 1),
            step: rate.and_then(|rate| exact_step(clock, rate)),
        }
    }

    /// The key pictures of the source when it can be a rung as it is; else why not, when that is worth a word.
    pub(super) fn source_grid(
        &self,
        video: &Video,
        seen: Option<&Pictures>,
        times: &Times,
    ) -> (Option<Vec<i64>>, Option<String>) {
        let wanted = match self.order {
            Order::Profile(profile) => profile.source,
            Order::None | Order::Auto => true,
        };
        let Some(seen) = seen.filter(|_| wanted) else {
            return (None, None);
        };
        let no = |why: &str| (None, Some(format!("the source itself is no rung: {why}")));
        if video.interlaced {
            return no("its half pictures are made whole");
        }
        if video.rotation != 0 || (video.pixel_aspect - 1.0).abs() > 0.001 {
            return no("it is turned, or its pixels are not square, which the other rungs are not");
        }
        if !seen.closed {
            return no("pictures behind its key pictures need what is before them");
        }
        let factor = i64::from(times.clock / seen.timescale.max(1));
        let keys: Vec<i64> = seen.keys.iter().map(|key| key * factor).collect();
        let second = f64::from(times.clock);
        let gop = self.gop_seconds() * second;
        let longest = gop * LONGEST_GOPS;
        match grid::of_source(&keys, times.end, gop as i64, longest as i64) {
            Some(grid) => (Some(grid), None),
            None => no(&format!(
                "its key pictures are further apart than {:.1} s",
                longest / second
            )),
        }
    }

    /// Pictures between key pictures, at a rate.
    pub(super) fn gop_of(&self, rate: f64) -> u32 {
        (self.gop_seconds() * rate).round().max(1.0) as u32
    }

    pub(super) fn regular_grid(&self, video: &Video, times: &Times) -> Vec<i64> {
        let gop = self.gop_seconds();
        if let Some(rate) = self.even_rate(video) {
            let step = f64::from(self.gop_of(rate)) / rate * f64::from(times.clock);
            let count = ((times.end - times.start) as f64 / step).ceil() as i64;
            let place = |number: i64| times.start + (number as f64 * step).round() as i64;
            return (0..count.max(1)).map(place).collect();
        }
        let step = match (times.step, video.rate) {
            (Some(step), Some((over, under))) => {
                let pictures = (gop * f64::from(over) / f64::from(under)).round().max(1.0);
                step * pictures as i64
            }
            _ => (gop * f64::from(times.clock)) as i64,
        };
        grid::regular(times.start, times.end, step)
    }
}

/// Ticks of a picture when they are a whole number.
fn exact_step(clock: u32, (over, under): (u32, u32)) -> Option<i64> {
    let ticks = u64::from(clock) * u64::from(under);
    let over = u64::from(over.max(1));
    (ticks.is_multiple_of(over)).then(|| (ticks / over) as i64)
}

/// Pictures between key pictures when that is one number.
pub(super) fn countable(keys: &[i64], times: &Times) -> Option<u32> {
    let step = times.step?;
    let first = keys
        .get(1)
        .map_or(times.end - times.start, |second| second - keys[0]);
    let same = keys.windows(2).all(|pair| pair[1] - pair[0] == first);
    (same && first > 0 && first % step == 0).then(|| u32::try_from(first / step).ok())?
}
