//! One presentation of several inputs: what is aligned becomes one switching set, what is not is told.

use crate::avc_writer::Sps;
use crate::movie_builder::{Audio, TestEdit, TestMovie, TestTrack, Video, audio, video};
use crate::package::{Package, options};
use crate::reader::{ReadRendition, top_level};
use crate::tools::{FFMPEG_8, Scratch, source, succeed, tool};
use crate::{conformance, faithful};
use packager::{MemorySource, Options, Scheme, Source, TrackKind};
use std::path::PathBuf;
use std::time::Duration;

/// A picture of 12 s at 30 frames a second.
#[derive(Clone)]
struct Rung {
    /// Lines; the picture is 5:3.
    lines: u32,
    /// Frames from key picture to key picture, again and again.
    gops: Vec<usize>,
    frames: usize,
    timescale: u32,
    /// Ticks of silence and darkness before it.
    late_ms: u64,
}

impl Default for Rung {
    fn default() -> Self {
        Self {
            lines: 192,
            gops: vec![60],
            frames: 360,
            timescale: 15_360,
            late_ms: 0,
        }
    }
}

impl Rung {
    fn track(&self, id: u32) -> TestTrack {
        let spec = Video {
            gops: self.gops.clone(),
            frames: self.frames,
            timescale: self.timescale,
            durations: vec![self.timescale / 30],
            bytes: (10, 40),
            sps: Sps {
                width_in_macroblocks: self.lines * 5 / 3 / 16,
                height_in_map_units: self.lines / 16,
                ..Sps::default()
            },
            seed: u64::from(self.lines) + 1,
            ..Video::default()
        };
        let mut track = video(id, &spec);
        if self.late_ms > 0 {
            track.edits.insert(0, TestEdit::gap(self.late_ms));
        }
        track
    }

    fn movie(&self) -> TestMovie {
        TestMovie::new(vec![self.track(1)])
    }
}

fn sound(frames: usize, language: [u8; 3], seed: u64) -> TestMovie {
    let spec = Audio {
        frames,
        language,
        seed,
        ..Audio::default()
    };
    TestMovie::new(vec![audio(1, &spec)])
}

fn package(movies: &[TestMovie], options: &Options) -> Result<Package, packager::Error> {
    let sources: Vec<MemorySource> = movies.iter().map(TestMovie::source).collect();
    let sources: Vec<&dyn Source> = sources.iter().map(|source| source as &dyn Source).collect();
    Package::of_all(&sources, options)
}

/// Packages, and everything that is known about packages holds.
fn check(movies: &[TestMovie], options: &Options) -> Package {
    let package = package(movies, options).unwrap_or_else(|error| panic!("{error}"));
    conformance::check(&package);
    faithful::check_all(&package, movies);
    package
}

/// The numbers of the switching sets of all renditions.
fn sets(package: &Package) -> Vec<u32> {
    let renditions = package.plan.renditions().iter();
    renditions.map(|rendition| rendition.set).collect()
}

/// When the segments of a rendition start, in milliseconds.
fn starts(package: &Package, index: u32) -> Vec<i64> {
    let read = ReadRendition::read(&package.rendition(index));
    let ms = |ticks: i64| ticks * 1000 / i64::from(read.init.timescale);
    let starts = read.segments.iter();
    starts
        .map(|segment| ms(segment.start(&read.init)))
        .collect()
}

fn variants(package: &Package) -> usize {
    package.manifests["master.m3u8"]
        .matches("#EXT-X-STREAM-INF")
        .count()
}

#[test]
fn aligned_pictures_of_three_inputs_are_one_set() {
    let rung = |lines, timescale| Rung {
        lines,
        timescale,
        ..Rung::default()
    };
    let movies = [
        rung(768, 12_800 * 3).movie(),
        rung(384, 90_000).movie(),
        rung(192, 30_000).movie(),
        sound(560, *b"eng", 9),
    ];
    for scheme in [None, Some(Scheme::Cbcs), Some(Scheme::Cenc)] {
        let package = check(&movies, &options(scheme));
        assert_eq!(sets(&package), [0, 0, 0, 1]);
        let inputs = package.plan.renditions().iter().map(|one| one.input);
        assert!(inputs.eq([0, 1, 2, 3]));
        for index in 0..3 {
            assert_eq!(starts(&package, index), [0, 4000, 8000], "picture {index}");
        }
        assert!(package.plan.warnings().is_empty());
        let mpd = &package.manifests["stream.mpd"];
        assert_eq!(mpd.matches("Role").count(), 2, "{mpd}");
        assert_eq!(variants(&package), 3);
    }
}

#[test]
fn aligned_pictures_are_cut_at_the_key_pictures_that_all_have() {
    let every = |frames| Rung {
        lines: 192 + frames as u32 / 30 * 192,
        gops: vec![frames],
        ..Rung::default()
    };
    let movies = [every(60).movie(), every(90).movie()];
    let package = check(&movies, &options(Some(Scheme::Cbcs)));
    assert_eq!(sets(&package), [0, 0]);
    assert_eq!(starts(&package, 0), [0, 6000]);
    assert_eq!(starts(&package, 1), [0, 6000]);
}

/// Two pictures whose key pictures part after the first.
fn parting() -> [Rung; 2] {
    let other = Rung {
        lines: 384,
        gops: vec![70],
        ..Rung::default()
    };
    [Rung::default(), other]
}

#[test]
fn misaligned_inputs_are_refused_with_the_times_where_they_part() {
    let movies = parting().map(|rung| rung.movie());
    let error = package(&movies, &options(None)).map(|_| ());
    let text = error.expect_err("it is refused").to_string();
    for part in [
        "input 1",
        "input 2",
        "4.000 s",
        "8.000 s",
        "--allow-misaligned",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let allowed = Options {
        allow_misaligned: true,
        ..options(Some(Scheme::Cbcs))
    };
    let package = check(&movies, &allowed);
    assert_eq!(sets(&package), [0, 1]);
    let [warning] = package.plan.warnings() else {
        panic!("{:?}", package.plan.warnings());
    };
    assert!(warning.0.contains("sets of their own"), "{}", warning.0);
}

#[test]
fn misaligned_pictures_of_one_file_are_sets_of_their_own() {
    let [first, second] = parting();
    let movie = TestMovie::new(vec![first.track(1), second.track(2)]);
    let package = check(&[movie], &options(Some(Scheme::Cbcs)));
    assert_eq!(sets(&package), [0, 1]);
    let warnings = package.plan.warnings();
    assert!(
        warnings.iter().any(|w| w.0.contains("sets of their own")),
        "{warnings:?}"
    );
}

#[test]
fn pictures_that_start_late_or_end_early_are_told() {
    let long = Rung::default();
    let refused = |other: &Rung| {
        let movies = [long.movie(), other.movie()];
        let refused = package(&movies, &options(None)).map(|_| ());
        refused.expect_err("it is refused").to_string()
    };
    let late = Rung {
        lines: 384,
        late_ms: 500,
        ..Rung::default()
    };
    assert!(refused(&late).contains("0.000 s"), "{}", refused(&late));
    let short = |frames| Rung {
        lines: 384,
        frames,
        ..Rung::default()
    };
    let text = refused(&short(240));
    assert!(
        text.contains("last equally long") || text.contains("8.000 s"),
        "{text}"
    );
    // Less than half a segment makes no difference.
    let package = check(
        &[long.movie(), short(345).movie()],
        &options(Some(Scheme::Cenc)),
    );
    assert_eq!(sets(&package), [0, 0]);
    assert_eq!(starts(&package, 0), starts(&package, 1));
}

#[test]
fn sounds_that_start_late_or_end_early_follow_the_picture() {
    let mut late = sound(400, *b"fra", 4);
    late.tracks[0].edits.insert(0, TestEdit::gap(3500));
    let movies = [Rung::default().movie(), sound(330, *b"eng", 3), late];
    let package = check(&movies, &options(Some(Scheme::Cbcs)));
    assert_eq!(sets(&package), [0, 1, 2]);
    let near = |found: Vec<i64>, due: &[i64]| {
        assert_eq!(found.len(), due.len(), "{found:?}");
        for (found, due) in found.iter().zip(due) {
            assert!((found - due).abs() <= 22, "{found} ms, not {due} ms");
        }
    };
    near(starts(&package, 1), &[-21, 4000]);
    near(starts(&package, 2), &[3478, 8000]);
}

#[test]
fn sounds_of_one_language_from_different_inputs_are_qualities_of_one() {
    let movies = [
        Rung::default().movie(),
        sound(560, *b"eng", 1),
        sound(560, *b"eng", 2),
        sound(560, *b"fra", 3),
    ];
    let package = check(&movies, &options(Some(Scheme::Cbcs)));
    assert_eq!(sets(&package), [0, 1, 1, 2]);
    let master = &package.manifests["master.m3u8"];
    assert_eq!(variants(&package), 2, "{master}");
    assert_eq!(master.matches("TYPE=AUDIO").count(), 4, "{master}");
}

/// A file of ffmpeg's test picture or tone, 4 s.
fn made(scratch: &Scratch, name: &str, encode: &[&str]) -> PathBuf {
    let path = scratch.path(name);
    let picture = "testsrc2=size=160x96:rate=25:duration=4";
    let tone = "sine=frequency=330:sample_rate=48000:duration=4";
    let input = match encode[0] {
        "-c:v" => picture,
        _ => tone,
    };
    let start = [
        "-hide_banner",
        "-loglevel",
        "error",
        "-f",
        "lavfi",
        "-i",
        input,
    ];
    let end = path.display().to_string();
    let arguments = [&start[..], encode, &["-y", &end]].concat();
    succeed(&tool(FFMPEG_8), &arguments, None);
    path
}

#[test]
fn codecs_of_several_inputs_are_sets_and_groups_of_their_own() {
    let scratch = Scratch::new();
    let x265 = "log-level=error:keyint=25:min-keyint=25:scenecut=0";
    let files = [
        made(
            &scratch,
            "avc.mp4",
            &["-c:v", "libx264", "-preset", "ultrafast", "-g", "25"],
        ),
        made(
            &scratch,
            "hevc.mp4",
            &[
                "-c:v",
                "libx265",
                "-preset",
                "ultrafast",
                "-x265-params",
                x265,
            ],
        ),
        made(&scratch, "aac.mp4", &["-c:a", "aac"]),
        made(&scratch, "ac3.mp4", &["-c:a", "ac3"]),
    ];
    let sources: Vec<MemorySource> = files.iter().map(|path| source(path)).collect();
    let sources: Vec<&dyn Source> = sources.iter().map(|one| one as &dyn Source).collect();
    let options = Options {
        segment_duration: Duration::from_secs(2),
        ..options(Some(Scheme::Cbcs))
    };
    let package = Package::of_all(&sources, &options).unwrap_or_else(|error| panic!("{error}"));
    conformance::check(&package);
    assert_eq!(sets(&package), [0, 1, 2, 3]);
    let kinds: Vec<TrackKind> = package
        .plan
        .renditions()
        .iter()
        .map(|one| one.kind)
        .collect();
    let (picture, sound) = (TrackKind::Video, TrackKind::Audio);
    assert_eq!(kinds, [picture, picture, sound, sound]);
    assert_eq!(starts(&package, 0), starts(&package, 1));
    // Each picture with each sound: no group mixes codecs.
    assert_eq!(variants(&package), 4);
}

#[test]
fn a_group_of_pictures_of_any_length_is_read_in_bounded_fragments() {
    const MOST: usize = 8 << 20;
    let picture = Video {
        frames: 50,
        gops: vec![50],
        bytes: (400_000, 400_000),
        ..Video::default()
    };
    let movie = TestMovie::new(vec![video(1, &picture)]);
    let options = Options {
        segment_duration: Duration::from_millis(500),
        ..options(Some(Scheme::Cbcs))
    };
    let package = package(std::slice::from_ref(&movie), &options).expect("packages");
    faithful::check_all(&package, &[movie]);
    let read = ReadRendition::read(&package.rendition(0));
    let [segment] = read.segments.as_slice() else {
        panic!("{} segments", read.segments.len());
    };
    assert_eq!(segment.fragments[0], 1, "the key picture is alone");
    assert!(segment.fragments.len() >= 4, "{:?}", segment.fragments);
    let boxes = top_level(package.rendition(0)[1]);
    for mdat in boxes.iter().filter(|view| view.kind == b"mdat") {
        assert!(mdat.body.len() <= MOST, "{} bytes", mdat.body.len());
    }
}
