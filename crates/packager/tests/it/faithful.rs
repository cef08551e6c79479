//! What comes out is what went in: each sample once, in order, shown when the source shows it.

use crate::movie_builder::{TestMovie, TestTrack};
use crate::package::Package;
use crate::reader::ReadRendition;

/// When each sample of a track is shown, in ticks of its media on the movie's timeline.
pub fn shown(movie: &TestMovie, track: &TestTrack) -> Vec<i64> {
    let to_media = |ticks: u64| {
        let exact = ticks as f64 * f64::from(track.timescale) / f64::from(movie.timescale);
        exact.round() as i64
    };
    let gaps = track.edits.iter().take_while(|edit| edit.media_time < 0);
    let gap = to_media(gaps.map(|edit| edit.duration).sum());
    let piece = track.edits.iter().find(|edit| edit.media_time >= 0);
    let shift = gap - piece.map_or(0, |edit| edit.media_time);
    track
        .decode_times()
        .iter()
        .zip(&track.samples)
        .map(|(time, sample)| *time as i64 + i64::from(sample.offset) + shift)
        .collect()
}

/// Where the edit list ends the presentation of a track, in ticks; `None`: with the media.
fn edit_end(movie: &TestMovie, track: &TestTrack) -> Option<i64> {
    let mut end = 0;
    for edit in &track.edits {
        end += edit.duration;
        if edit.media_time >= 0 {
            let ticks = u128::from(end) * u128::from(track.timescale);
            return (edit.duration > 0).then_some((ticks / u128::from(movie.timescale)) as i64);
        }
    }
    None
}

/// Checks 6, 13, 18 and 28 against the source: every sample that is shown is there once, in order, with
/// its bytes, and shown at the same tick.
pub fn check(package: &Package, movie: &TestMovie) {
    check_all(package, std::slice::from_ref(movie));
}

/// [`check`] of a package of several inputs.
pub fn check_all(package: &Package, movies: &[TestMovie]) {
    for (index, rendition) in package.indices().zip(package.plan.renditions()) {
        let movie = &movies[rendition.input];
        let fragmented = matches!(movie.layout, crate::movie_builder::Layout::Fragmented(_));
        let track = movie
            .tracks
            .iter()
            .find(|track| track.id == rendition.track_id);
        let track = track.expect("a track of the source");
        // Lists of cues are compared by tests of their own.
        if rendition.codec == "wvtt" {
            continue;
        }
        let read = ReadRendition::read_joined(&package.decrypted(index));
        let shown = shown(movie, track);
        let times = track.decode_times();
        let out: Vec<_> = read.samples().collect();
        let first = (0..track.samples.len())
            .find(|at| {
                shown[*at] == out[0].shown(&read.init) && track.samples[*at].data == out[0].data
            })
            .unwrap_or_else(|| {
                panic!("{}: its first sample is none of the source", rendition.name)
            });
        let base = out[0].decode_time;
        for (at, sample) in out.iter().enumerate() {
            let source = &track.samples[first + at];
            let name = format!("{}, sample {at}", rendition.name);
            assert_eq!(sample.data, source.data, "{name}: bytes");
            assert_eq!(sample.shown(&read.init), shown[first + at], "{name}: shown");
            assert_eq!(sample.duration, source.duration, "{name}: duration");
            assert_eq!(sample.sync, source.sync, "{name}: sync");
            let since = times[first + at] - times[first];
            assert_eq!(sample.decode_time - base, since, "{name}: decode time");
        }
        let end = edit_end(movie, track).filter(|_| !fragmented);
        for (at, time) in shown.iter().enumerate() {
            let is_in = (first..first + out.len()).contains(&at);
            let over = time + i64::from(track.samples[at].duration) <= 0;
            // A tick of the movie's clock may round a sample away: no word on it.
            let tick = i64::from(track.timescale / movie.timescale) + 1;
            let behind = end.is_some_and(|end| *time >= end - tick);
            assert!(
                is_in || over || behind,
                "{}: sample {at} is lost",
                rendition.name
            );
        }
    }
}
