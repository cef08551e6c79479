//! Segments start where the bitstream says that decoding can, whatever the index claims.

use crate::conformance;
use crate::ffmpeg::{Input, Reading};
use crate::movie_builder::{Audio, Fragments, Layout, TestMovie, Video, audio, video};
use crate::package::{Package, options};
use crate::tools::{
    FFMPEG_5, FFMPEG_8, Scratch, cpu_time, media, media_source, source, succeed, tool,
};
use packager::Scheme;
use std::path::Path;
use std::time::Duration;

/// 30 s of 30 frames a second, a key frame every 2 s.
fn movie(open_gops: bool) -> TestMovie {
    let picture = Video {
        frames: 900,
        open_gops,
        bytes: (60, 90),
        ..Video::default()
    };
    let sound = Audio {
        frames: 1406,
        ..Audio::default()
    };
    TestMovie::new(vec![video(1, &picture), audio(2, &sound)])
}

/// The package of a movie whose index lies is that of the honest one; gives the warnings.
fn check(honest: &TestMovie, lie: impl Fn(usize) -> bool, layout: Layout) -> Vec<String> {
    let mut lying = honest.clone().with_layout(layout);
    for (index, sample) in lying.tracks[0].samples.iter_mut().enumerate() {
        sample.sync = lie(index);
    }
    let options = options(Some(Scheme::Cbcs));
    let expect = Package::make(&honest.source(), &options).expect("packages the honest one");
    let found = Package::make(&lying.source(), &options).expect("packages the lying one");
    conformance::check(&found);
    assert!(found.files() == expect.files(), "another package");
    let warnings = found.plan.warnings().iter();
    let warnings = warnings.filter(|warning| !expect.plan.warnings().contains(warning));
    warnings.map(|warning| warning.0.clone()).collect()
}

fn layouts() -> [Layout; 2] {
    [Layout::MoovFirst, Layout::Fragmented(Fragments::default())]
}

#[test]
fn sync_samples_that_the_index_invents_are_none() {
    for layout in layouts() {
        for open_gops in [false, true] {
            let honest = movie(open_gops);
            let truth: Vec<bool> = honest.tracks[0].samples.iter().map(|s| s.sync).collect();
            let every = check(&honest, |_| true, layout);
            let one = check(&honest, |index| truth[index] || index == 100, layout);
            let [every, one] = [&every, &one].map(|warnings| {
                assert_eq!(warnings.len(), 1, "{warnings:?}");
                warnings[0].as_str()
            });
            assert!(
                every.starts_with("track 1 (video): the index calls 885 pictures key frames"),
                "{every}"
            );
            assert!(
                one.contains("calls 1 pictures key frames") && one.contains("at 3.333 s"),
                "{one}"
            );
        }
    }
}

#[test]
fn sync_samples_that_the_index_leaves_out_are_found() {
    for layout in layouts() {
        for open_gops in [false, true] {
            let honest = movie(open_gops);
            let none = check(&honest, |_| false, layout);
            assert!(
                none[0].contains("leaves out 15 key frames (the first at 0.000 s)"),
                "{none:?}"
            );
            let first = check(&honest, |index| index == 0, layout);
            assert!(first[0].contains("leaves out 14 key frames"), "{first:?}");
            // The last one alone: what is before it would be lost.
            let last = check(&honest, |index| index == 840, layout);
            assert!(last[0].contains("leaves out 14 key frames"), "{last:?}");
        }
    }
}

#[test]
fn sync_samples_at_short_distances_are_believed_to_be_all() {
    // 4 s between the key frames that are named, as long as segments are: nothing would be won.
    let mut movie = movie(false);
    for (index, sample) in movie.tracks[0].samples.iter_mut().enumerate() {
        sample.sync = index % 120 == 0;
    }
    let package = Package::make(&movie.source(), &options(None)).unwrap();
    assert!(package.plan.warnings().is_empty());
    assert_eq!(package.plan.renditions()[0].segments, 8);
}

#[test]
fn sync_samples_that_cannot_be_read_are_none_and_what_is_lost_is_named() {
    let movie = movie(false);
    let mut bytes = movie.bytes();
    let mdat = bytes.windows(4).position(|four| four == b"mdat").unwrap() + 4;
    bytes[mdat..mdat + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    let source = packager::MemorySource(bytes);
    let package = Package::make(&source, &options(Some(Scheme::Cbcs))).unwrap();
    let warnings: Vec<&str> = package
        .plan
        .warnings()
        .iter()
        .map(|w| w.0.as_str())
        .collect();
    assert!(
        warnings[1].contains("start at 2.000 s first: the 60 pictures before are left out"),
        "{warnings:?}"
    );
}

#[test]
fn sync_samples_in_great_number_take_little_time() {
    let picture = Video {
        frames: 100_000,
        gops: vec![1],
        b_frames: false,
        bytes: (0, 3),
        ..Video::default()
    };
    let movie = TestMovie::new(vec![video(1, &picture)]).source();
    let started = cpu_time();
    let found = packager::probe(&movie).expect("probes");
    let taken = cpu_time() - started;
    assert!(found.warnings.is_empty(), "{:?}", found.warnings);
    assert!(taken < Duration::from_secs(4), "{taken:?}");
}

/// Encodes 12 s of moving bars.
fn encode(scratch: &Scratch, arguments: &[&str]) -> packager::MemorySource {
    let output = scratch.path("encoded.mp4");
    let from = media("clip-no-audio.mp4");
    let arguments = [
        &[
            "-nostdin",
            "-loglevel",
            "error",
            "-y",
            "-i",
            from.to_str().unwrap(),
        ],
        arguments,
        &["-threads", "1", output.to_str().unwrap()],
    ]
    .concat();
    succeed(&tool(FFMPEG_5), &arguments, None);
    source(&output)
}

/// What the MPD says of the picture's segments.
fn access(package: &Package) -> &str {
    let mpd = &package.manifests["stream.mpd"];
    let at = mpd.find("startWithSAP=\"").expect("an attribute") + 14;
    &mpd[at..at + 1]
}

/// Numbers of frames that ffmpeg decodes of a file and of what begins with each segment.
fn frames(path: &Path) -> usize {
    Reading {
        ffmpeg: FFMPEG_8,
        input: Input::File(path),
        stream: "0:v",
        decode: true,
        key: false,
    }
    .units()
    .len()
}

/// Each segment alone, behind the init segment, gives all of its pictures.
fn check_segments_alone(package: &Package) {
    let scratch = Scratch::new();
    let files = package.rendition(0);
    assert!(files.len() > 2, "there are several segments");
    for segment in &files[1..] {
        let alone = scratch.file("alone.mp4", &[files[0], segment].concat());
        let samples = crate::reader::ReadRendition::read(&[files[0], segment]);
        assert_eq!(frames(&alone), samples.samples().count());
    }
}

#[test]
fn sync_samples_of_x264_with_open_groups_are_signalled() {
    let package = Package::make(&media_source("clip-open-gop.mp4"), &options(None)).unwrap();
    assert_eq!(access(&package), "3");
    let warning = &package.plan.warnings()[0].0;
    assert!(warning.contains("groups of pictures are open"), "{warning}");
    assert!(!package.manifests["master.m3u8"].contains("INDEPENDENT"));
    assert!(package.plan.renditions()[0].segments > 1);
}

#[test]
fn sync_samples_of_x264_that_refreshes_slowly_are_none() {
    let scratch = Scratch::new();
    let arguments = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "30"];
    let arguments = [&arguments[..], &["-x264-params", "intra-refresh=1"]].concat();
    let encoded = encode(&scratch, &arguments);
    let package = Package::make(&encoded, &options(None)).unwrap();
    conformance::check(&package);
    assert_eq!(package.plan.renditions()[0].segments, 1);
    assert_eq!(access(&package), "1");
}

#[test]
fn sync_samples_of_x265_are_what_the_bitstream_says() {
    let scratch = Scratch::new();
    let hevc = |parameters: &str| {
        let parameters =
            format!("keyint=60:min-keyint=60:scenecut=0:log-level=none:pools=1:{parameters}");
        let arguments = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params"];
        let arguments = [&arguments[..], &[parameters.as_str()]].concat();
        let package = Package::make(&encode(&scratch, &arguments), &options(None)).unwrap();
        conformance::check(&package);
        assert!(package.plan.renditions()[0].segments > 1, "{parameters}");
        package
    };
    // CRA pictures, with leading pictures that need the group before and without any.
    assert_eq!(access(&hevc("open-gop=1:bframes=3")), "3");
    let without = hevc("open-gop=1:bframes=0");
    assert_eq!(access(&without), "1");
    check_segments_alone(&without);
    // IDR pictures with leading pictures that need nothing before.
    let radl = hevc("open-gop=0:radl=2:bframes=3");
    assert_eq!(access(&radl), "2");
    check_segments_alone(&radl);
}
