//! When key pictures are, the same in all rungs, and where a long video is cut to be encoded by several at once. Pure.
//!
//! Times are in ticks of the clock of the rungs.

use serde::{Deserialize, Serialize};

/// Seconds that a chunk aims at.
const CHUNK_SECONDS: f64 = 16.0;
/// A chunk is at most this part of what is left: the last ones are small, so that nobody works alone for long at the end, and
/// short videos have enough of them for several.
const PART_OF_THE_REST: f64 = 4.0;
/// Seconds that a chunk lasts at least.
const LEAST_SECONDS: f64 = 4.0;
/// Ticks a second that the clock of rungs has at least: pictures of any rate then last so many ticks that decode times
/// can be moved by some.
const LEAST_CLOCK: u32 = 90_000;

/// A piece of a video. Times lie a little before the picture that is meant, so that no rounding passes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Pictures from here on; `None`: from the beginning.
    pub start: Option<i64>,
    /// Pictures before this; `None`: to the end.
    pub end: Option<i64>,
    /// When its key pictures are.
    pub keys: Vec<i64>,
    /// How many pictures there are, about.
    pub pictures: u64,
}

/// The clock of rungs: a multiple of the clock that the pictures of a source have.
pub fn clock(timescale: u32) -> u32 {
    let timescale = timescale.max(1);
    timescale.saturating_mul(LEAST_CLOCK.div_ceil(timescale))
}

/// When key pictures are: of pictures that begin at `start` and end at `end`, every `step` ticks.
pub fn regular(start: i64, end: i64, step: i64) -> Vec<i64> {
    let step = usize::try_from(step.max(1)).unwrap_or(usize::MAX);
    (start..end.max(start + 1)).step_by(step).collect()
}

/// The key pictures of a source at which all rungs can be cut, when they are near enough to each other: the first, and from
/// there on whichever comes `gop` ticks later. `None` when players would wait too long between two.
pub fn of_source(keys: &[i64], end: i64, gop: i64, longest: i64) -> Option<Vec<i64>> {
    let mut chosen: Vec<i64> = Vec::new();
    for key in keys {
        // Pictures of a rate such as 30000/1001 come a little early.
        if chosen
            .last()
            .is_none_or(|last| key - last >= gop - gop / 20)
        {
            chosen.push(*key);
        }
    }
    let ends = chosen.iter().skip(1).chain(std::iter::once(&end));
    let longest_found = chosen
        .iter()
        .zip(ends)
        .map(|(key, next)| next - key)
        .max()?;
    (longest_found <= longest).then_some(chosen)
}

/// Cuts a video at some of its key pictures. With `each`, at all of them.
pub fn chunks(
    keys: &[i64],
    end: i64,
    clock: u32,
    pictures_a_second: f64,
    each: bool,
) -> Vec<Chunk> {
    let second = f64::from(clock);
    let left = |from: i64| (end - from).max(0) as f64 / second;
    let aim = |start: i64| match each {
        true => 0.0,
        false => CHUNK_SECONDS.min((left(start) / PART_OF_THE_REST).max(LEAST_SECONDS)),
    };
    let mut groups: Vec<Vec<i64>> = Vec::new();
    for key in keys {
        let is_due = |group: &Vec<i64>| {
            let start = group.first().copied().unwrap_or(*key);
            let aim = aim(start);
            // What is left at the end and under half a chunk belongs to the one before.
            left(start) - left(*key) + 0.05 >= aim && left(*key) >= aim / 2.0
        };
        match groups.last_mut() {
            Some(group) if !is_due(group) => group.push(*key),
            _ => groups.push(vec![*key]),
        }
    }
    let early = i64::from(clock / 2000);
    let starts: Vec<i64> = groups.iter().map(|group| group[0]).collect();
    let chunk = |(number, keys): (usize, Vec<i64>)| {
        let next = starts.get(number + 1);
        let lasts = (next.copied().unwrap_or(end) - keys[0]).max(0) as f64 / second;
        Chunk {
            start: (number > 0).then(|| keys[0] - early),
            end: next.map(|next| next - early),
            pictures: (lasts * pictures_a_second).round() as u64,
            keys: keys.into_iter().map(|key| key - early).collect(),
        }
    };
    groups.into_iter().enumerate().map(chunk).collect()
}

/// All chunks as one: of a file in which no time is found but by reading what is before it.
pub fn whole(chunks: &[Chunk]) -> Chunk {
    let keys = chunks.iter().flat_map(|chunk| chunk.keys.iter().copied());
    Chunk {
        start: None,
        end: None,
        keys: keys.collect(),
        pictures: chunks.iter().map(|chunk| chunk.pictures).sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_multiples_and_fine() {
        for (timescale, expect) in [
            (25, 90_000),
            (1000, 90_000),
            (12_800, 102_400),
            (30_000, 90_000),
            (24_000, 96_000),
            (90_000, 90_000),
            (10_000_000, 10_000_000),
        ] {
            assert_eq!(clock(timescale), expect, "{timescale}");
        }
    }

    #[test]
    fn every_picture_is_in_one_chunk() {
        let clock = 90_000;
        for seconds in [1, 3, 9, 31, 64, 65, 75, 3600] {
            let end = seconds * i64::from(clock);
            let keys = regular(0, end, 2 * i64::from(clock));
            let chunks = chunks(&keys, end, clock, 25.0, false);
            assert_eq!(chunks[0].start, None);
            assert_eq!(chunks.last().expect("one").end, None);
            for pair in chunks.windows(2) {
                assert_eq!(pair[0].end, pair[1].start);
                assert_eq!(pair[1].start, pair[1].keys.first().copied());
            }
            let all: Vec<i64> = chunks.iter().flat_map(|chunk| chunk.keys.clone()).collect();
            let wanted: Vec<i64> = keys.iter().map(|key| key - 45).collect();
            assert_eq!(all, wanted);
            let pictures: u64 = chunks.iter().map(|chunk| chunk.pictures).sum();
            assert_eq!(pictures, seconds as u64 * 25);
        }
        let lengths = |seconds: i64| {
            let end = seconds * 90_000;
            chunks(&regular(0, end, 180_000), end, clock, 25.0, false).len()
        };
        // The shortest are not cut, long ones into pieces of sixteen seconds, which get smaller towards the end.
        assert_eq!(
            [lengths(3), lengths(20), lengths(64), lengths(3600)],
            [1, 5, 8, 229]
        );
        // What the last of two may do while the other has nothing left is small.
        let end = 150 * 90_000;
        let lasts: Vec<u64> = chunks(&regular(0, end, 180_000), end, clock, 25.0, false)
            .iter()
            .map(|chunk| chunk.pictures / 25)
            .collect();
        assert_eq!(lasts[..5], [16; 5]);
        assert!(
            lasts.iter().all(|seconds| (4..=16).contains(seconds)),
            "{lasts:?}"
        );
        assert!(lasts.last() <= Some(&6), "{lasts:?}");
        let keys = regular(0, 900_000, 180_000);
        assert_eq!(chunks(&keys, 900_000, clock, 25.0, true).len(), keys.len());
    }

    #[test]
    fn a_source_with_near_key_pictures_gives_the_grid() {
        let gop = 180_000;
        // All pictures are key pictures: every fiftieth is taken.
        let intra: Vec<i64> = (0..500).map(|number| number * 3600).collect();
        let grid = of_source(&intra, 1_800_000, gop, 3 * gop).expect("a grid");
        assert_eq!(grid[..3], [0, 172_800, 345_600]);
        let scenes = [0, 90_000, 200_000, 390_000, 700_000];
        assert_eq!(
            of_source(&scenes, 800_000, gop, 3 * gop),
            Some(vec![0, 200_000, 390_000, 700_000])
        );
        assert_eq!(of_source(&scenes, 2_000_000, gop, 3 * gop), None);
        assert_eq!(of_source(&[], 2_000_000, gop, 3 * gop), None);
    }
}
