//! Times of inputs that are not plain: late, short, long, trimmed.

use crate::movie_builder::{
    Audio, Fragments, Layout, TestEdit, TestMovie, TestTrack, Video, audio, video,
};
use crate::package::{Package, options};
use crate::verify::Files;
use crate::{conformance, faithful};
use packager::{Depth, Scheme};

fn picture(frames: usize) -> TestTrack {
    let spec = Video {
        frames,
        bytes: (60, 90),
        ..Video::default()
    };
    video(1, &spec)
}

fn sound(frames: usize) -> TestTrack {
    let spec = Audio {
        frames,
        ..Audio::default()
    };
    audio(2, &spec)
}

#[track_caller]
fn check(movie: &TestMovie) -> Package {
    let package = Package::make(&movie.source(), &options(Some(Scheme::Cbcs)));
    let package = package.expect("packages");
    conformance::check(&package);
    faithful::check(&package, movie);
    package
}

#[test]
fn times_beyond_32_bits_are_kept() {
    // 500 pictures of one second: 5 000 000 000 ticks.
    let spec = Video {
        frames: 500,
        gops: vec![4],
        timescale: 10_000_000,
        durations: vec![10_000_000],
        bytes: (20, 40),
        ..Video::default()
    };
    let layouts = [
        Layout::Wide,
        Layout::Fragmented(Fragments {
            milliseconds: 4000,
            ..Fragments::default()
        }),
    ];
    let packages = layouts.map(|layout| {
        let movie = TestMovie::new(vec![video(1, &spec)]).with_layout(layout);
        let package = check(&movie);
        let found = packager::probe(&movie.source()).expect("probes");
        assert!((found.duration_seconds - 500.0).abs() < 0.001);
        package
    });
    assert!(packages[0].files() == packages[1].files());
    let last = crate::reader::ReadRendition::read_joined(&packages[0].joined(0));
    let last = last.segments.last().expect("segments").decode_time;
    assert!(last > u64::from(u32::MAX), "{last}");
}

#[test]
fn times_of_tracks_that_start_late_and_end_early_are_kept() {
    // Frames of picture and sound, and milliseconds by which each is late.
    for (pictures, sounds, picture_late, sound_late) in [
        (300, 188, 0, 0),
        (120, 470, 0, 0),
        (300, 470, 0, 1500),
        (300, 470, 700, 0),
        (300, 94, 0, 4000),
        (90, 470, 3100, 0),
        (300, 470, 250, 40),
    ] {
        let mut movie = TestMovie::new(vec![picture(pictures), sound(sounds)]);
        for (track, late) in movie.tracks.iter_mut().zip([picture_late, sound_late]) {
            if late > 0 {
                track.edits.insert(0, TestEdit::gap(late));
            }
        }
        let package = check(&movie);
        assert_eq!(package.plan.renditions().len(), 2);
        let found = packager::probe(&movie.source()).expect("probes");
        let starts = found.tracks.iter().map(|track| track.start_seconds);
        // Pictures start with their gap, the priming of sound lies before it.
        for (start, late) in starts.zip([picture_late, sound_late]) {
            let late = late as f64 / 1000.0;
            assert!((start - late).abs() < 0.03, "{start} is not {late}");
        }
    }
}

#[test]
fn times_of_a_trimmed_track_with_a_gap_before_it_are_kept() {
    for (gap, from, length) in [(0, 3.0, 4.0), (500, 1.5, 6.0), (1234, 0.0, 2.5)] {
        let mut movie = TestMovie::new(vec![picture(300), sound(470)]);
        for track in &mut movie.tracks {
            let media_time = (from * f64::from(track.timescale)) as i64 + 1024;
            let piece = TestEdit::piece((length * 1000.0) as u64, media_time);
            track.edits = vec![piece];
            if gap > 0 {
                track.edits.insert(0, TestEdit::gap(gap));
            }
        }
        let package = check(&movie);
        let found = packager::probe(&movie.source()).expect("probes");
        let end = gap as f64 / 1000.0 + length;
        assert!(
            (found.duration_seconds - end).abs() < 0.05,
            "{}",
            found.duration_seconds
        );
        assert_eq!(package.plan.renditions().len(), 2);
    }
}

#[test]
fn a_picture_may_be_trimmed_amid_those_that_others_need() {
    let frame_ms = 1000 / 25;
    for length in (5000..6000).step_by(frame_ms / 2) {
        let mut movie = TestMovie::new(vec![picture(300)]);
        let delay = movie.tracks[0].edits[0].media_time;
        movie.tracks[0].edits = vec![TestEdit::piece(length, delay)];
        let source = movie.source();
        let package = Package::make(&source, &options(Some(Scheme::Cbcs))).expect("packages");
        let files = Files(package.files());
        let report = package.plan.verify(&files, &[&source], Depth::Full);
        let failures: Vec<_> = report
            .as_ref()
            .expect("verifies")
            .failures()
            .map(|found| format!("{found:?}"))
            .collect();
        assert!(failures.is_empty(), "{length} ms: {failures:#?}");
    }
}
