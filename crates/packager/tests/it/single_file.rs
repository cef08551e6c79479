//! A file a rendition: the same media as in files of segments, with an index; and key pictures played alone.

use crate::avc_writer::Sps;
use crate::ffmpeg::{Input, Reading, Unit, assert_same};
use crate::movie_builder::{Audio, TestMovie, Video, audio, video};
use crate::package::{Package, content_key, decrypt, options};
use crate::reader::{ReadRendition, top_level};
use crate::tools::{
    FFMPEG_5, FFMPEG_8, SHAKA_PACKAGER, Scratch, media, media_source, succeed, tool,
};
use bmff::boxes::Sidx;
use packager::{Error, FileLayout, ObjectFacts, ObjectId, Options, Scheme};
use std::path::Path;
use std::time::Duration;

fn single(scheme: Option<Scheme>) -> Options {
    Options {
        layout: FileLayout::SingleFile,
        ..options(scheme)
    }
}

#[test]
fn single_files_hold_the_fragments_of_segments() {
    let movie = TestMovie::ordinary();
    let source = movie.source();
    for scheme in [
        None,
        Some(Scheme::Cbcs),
        Some(Scheme::Cenc),
        Some(Scheme::Cens),
    ] {
        let several = Package::make(&source, &options(scheme)).unwrap();
        let one = Package::make(&source, &single(scheme)).unwrap();
        for index in one.indices() {
            let (parts, file) = (several.rendition(index), one.joined(index));
            let mut expect = parts[0].to_vec();
            let views = top_level(&file);
            assert_eq!(views[2].kind, b"sidx");
            let sidx = views[2].offset as usize..(views[2].offset + views[2].size()) as usize;
            assert_eq!(sidx.len() as u64, one.plan.index_size(index));
            expect.extend_from_slice(&file[sidx]);
            for part in &parts[1..] {
                let styp = &top_level(part)[0];
                assert_eq!(styp.kind, b"styp");
                expect.extend_from_slice(&part[styp.size() as usize..]);
            }
            assert_eq!(file, expect, "{scheme:?}, rendition {index}");
        }
        // Manifests, init segments of key pictures, and a file for each rendition.
        let files = one.files();
        let names: Vec<&str> = files.keys().map(String::as_str).collect();
        let mut due = vec![
            "audio.m3u8",
            "audio.mp4",
            "master.m3u8",
            "stream.mpd",
            "video-iframes.m3u8",
            "video-iframes.mp4",
            "video.m3u8",
            "video.mp4",
        ];
        if scheme == Some(Scheme::Cens) {
            due.retain(|name| !name.ends_with("m3u8"));
        }
        assert_eq!(names, due);
    }
}

#[test]
fn single_files_are_decrypted_with_their_index() {
    let movie = TestMovie::ordinary();
    let clear = Package::make(&movie.source(), &single(None)).unwrap();
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
        let sealed = Package::make(&movie.source(), &single(Some(scheme))).unwrap();
        for index in sealed.indices() {
            let open = decrypt(&[&sealed.joined(index)]);
            let read = ReadRendition::read_joined(&open);
            let expect = ReadRendition::read_joined(&clear.joined(index));
            assert!(read.samples().eq(expect.samples()), "{scheme:?} {index}");
            assert_eq!(read.segments.len(), expect.segments.len());
        }
    }
}

/// What a plan of a picture with these frames says.
fn refused(picture: &Video, options: &Options) -> Error {
    let movie = TestMovie::new(vec![video(1, picture)]);
    let movie = packager::probe(&movie.source()).unwrap();
    packager::plan(&[movie], options).map(|_| ()).unwrap_err()
}

#[test]
fn single_files_have_limits_that_are_named() {
    let tiny = Video {
        frames: 65_600,
        gops: vec![1],
        b_frames: false,
        timescale: 10,
        durations: vec![1],
        bytes: (0, 1),
        ..Video::default()
    };
    let short = Options {
        segment_duration: Duration::from_millis(100),
        ..single(None)
    };
    let error = refused(&tiny, &short);
    assert!(matches!(error, Error::LimitExceeded(_)), "{error}");
    assert!(
        error.to_string().contains("more than 65535 segments"),
        "{error}"
    );

    let slow = Video {
        frames: 4,
        gops: vec![1],
        b_frames: false,
        timescale: 10_000_000,
        durations: vec![3_000_000_000],
        ..Video::default()
    };
    let long = Options {
        segment_duration: Duration::from_secs(600),
        ..single(None)
    };
    let error = refused(&slow, &long);
    assert!(
        error.to_string().contains("how long a segment is"),
        "{error}"
    );
    // Files of segments know no such limits, but the MPD lists no such number of key pictures.
    let layout = FileLayout::Segments;
    let movie = packager::probe(&TestMovie::new(vec![video(1, &tiny)]).source()).unwrap();
    let plan = packager::plan(&[movie], &Options { layout, ..short }).unwrap();
    let [warning] = plan.warnings() else {
        panic!("{:?}", plan.warnings());
    };
    assert!(
        warning.0.contains("more than 5000 key pictures"),
        "{}",
        warning.0
    );

    // A segment that is too large is found when it is written.
    let movie = packager::probe(&TestMovie::ordinary().source()).unwrap();
    let plan = packager::plan(&[movie], &single(None)).unwrap();
    let size = |size| {
        move |_| ObjectFacts {
            size,
            key_picture: 9,
        }
    };
    assert!(plan.index(0, &size(0x7fff_ffff)).is_ok());
    let error = plan.index(0, &size(0x8000_0000)).unwrap_err().to_string();
    assert!(
        error.contains("video.mp4") && error.contains("2147483648 bytes"),
        "{error}"
    );
    assert!(plan.index(0, &size(0)).is_err() && plan.index(7, &size(1)).is_err());
}

fn frames(ffmpeg: &str, path: &Path, stream: &str, key: bool) -> Vec<Unit> {
    Reading {
        ffmpeg,
        input: Input::File(path),
        stream,
        decode: true,
        key,
    }
    .units()
}

#[test]
fn single_files_are_decoded_by_ffmpeg_to_the_frames_of_the_source() {
    let scratch = Scratch::new();
    let source = media("clip-short.mp4");
    for scheme in [None, Some(Scheme::Cbcs), Some(Scheme::Cenc)] {
        let package = Package::make(&media_source("clip-short.mp4"), &single(scheme)).unwrap();
        crate::conformance::check(&package);
        for (index, stream) in [(0, "0:v"), (1, "0:a")] {
            let sealed = scratch.file("sealed.mp4", &package.joined(index));
            let open = scratch.file("open.mp4", &package.decrypted(index));
            for ffmpeg in [FFMPEG_5, FFMPEG_8] {
                let expect = frames(ffmpeg, &source, stream, false);
                let what = format!("{ffmpeg} {scheme:?} {stream}");
                assert_same(&frames(ffmpeg, &open, stream, false), &expect, &what);
                if ffmpeg == FFMPEG_8 {
                    let found = frames(ffmpeg, &sealed, stream, scheme.is_some());
                    assert_same(&found, &expect, &what);
                }
            }
        }
    }
}

#[test]
fn single_files_are_read_by_shaka_packager() {
    let scratch = Scratch::new();
    let key = content_key();
    let value: String = key.value.iter().map(|byte| format!("{byte:02x}")).collect();
    let keys = format!("label=:key_id={}:key={value}", key.kid.hex());
    for scheme in [None, Some(Scheme::Cbcs), Some(Scheme::Cenc)] {
        let package = Package::make(&media_source("clip-short.mp4"), &single(scheme)).unwrap();
        for (index, kind) in [(0, "video"), (1, "audio")] {
            let sealed = scratch.file("sealed.mp4", &package.joined(index));
            let open = scratch.path("open.mp4");
            let stream = format!(
                "in={},stream={kind},output={}",
                sealed.display(),
                open.display()
            );
            let mut arguments = vec![stream.as_str(), "--quiet"];
            if scheme.is_some() {
                arguments.extend(["--enable_raw_key_decryption", "--keys", &keys]);
            }
            succeed(&tool(SHAKA_PACKAGER), &arguments, None);
            let stream = format!("0:{}", &kind[..1]);
            let expect = frames(FFMPEG_8, &media("clip-short.mp4"), &stream, false);
            let found = frames(FFMPEG_8, &open, &stream, false);
            assert_same(&found, &expect, &format!("{scheme:?} {kind}"));
        }
    }
}

#[test]
fn key_pictures_alone_are_frames_of_the_source() {
    let scratch = Scratch::new();
    let source = frames(FFMPEG_8, &media("clip.mp4"), "0:v", false);
    for layout in [FileLayout::Segments, FileLayout::SingleFile] {
        for scheme in [None, Some(Scheme::Cbcs), Some(Scheme::Cenc)] {
            let options = Options {
                layout,
                ..options(scheme)
            };
            let package = Package::make(&media_source("clip.mp4"), &options).unwrap();
            let init = &package.objects[&ObjectId {
                rendition: 0,
                segment: ObjectId::KEY_PICTURES,
            }];
            let mut pictures = init.clone();
            let parts = package.rendition(0);
            for part in &parts[1..] {
                let boxes = top_level(part);
                let mdat = boxes.iter().find(|view| view.kind == b"mdat").unwrap();
                pictures.extend_from_slice(&part[..(mdat.offset + mdat.size()) as usize]);
            }
            let file = scratch.file("pictures.mp4", &pictures);
            let found = frames(FFMPEG_8, &file, "0:v", scheme.is_some());
            assert_eq!(found.len(), parts.len() - 1);
            for unit in &found {
                let due = source
                    .iter()
                    .find(|frame| (frame.shown - unit.shown).abs() < 1e-3);
                assert_eq!(
                    Some(&unit.hash),
                    due.map(|frame| &frame.hash),
                    "{}",
                    unit.shown
                );
            }
        }
    }
}

#[test]
fn key_pictures_that_last_differently_long_have_no_trick_mode() {
    let picture = Video {
        durations: vec![512, 700, 300],
        gops: vec![61],
        ..Video::default()
    };
    let movie = TestMovie::new(vec![video(1, &picture), audio(2, &Audio::default())]);
    let package = Package::make(&movie.source(), &options(None)).unwrap();
    let warnings: Vec<_> = package.plan.warnings().iter().map(|one| &one.0).collect();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("last differently long"),
        "{warnings:?}"
    );
    assert!(!package.manifests["stream.mpd"].contains("trickmode"));
    let playlist = &package.manifests["video/iframes.m3u8"];
    assert!(
        playlist.contains("#EXT-X-MAP:URI=\"init.mp4\""),
        "{playlist}"
    );
    assert!(!package.files().contains_key("video/iframes.mp4"));
}

#[test]
fn trick_modes_are_those_of_small_pictures_when_there_is_no_room_for_all() {
    let picture = |width_in_macroblocks| {
        let picture = Video {
            frames: 3000,
            gops: vec![1],
            b_frames: false,
            timescale: 10,
            durations: vec![1],
            bytes: (0, 1),
            sps: Sps {
                width_in_macroblocks,
                ..Sps::default()
            },
            ..Video::default()
        };
        let movie = TestMovie::new(vec![video(1, &picture)]);
        packager::probe(&movie.source()).unwrap()
    };
    let movies = [picture(40), picture(20)];
    let options = Options {
        segment_duration: Duration::from_millis(100),
        ..options(None)
    };
    let plan = packager::plan(&movies, &options).unwrap();
    let facts = |_| ObjectFacts {
        size: 1000,
        key_picture: 100,
    };
    let manifests = plan.manifests(&facts).unwrap();
    let names: Vec<_> = plan
        .renditions()
        .iter()
        .map(|one| one.name.clone())
        .collect();
    let offered = |name: &str| manifests[0].text.contains(&format!("{name}-key-pictures"));
    assert!(!offered(&names[0]) && offered(&names[1]), "{names:?}");
}

#[test]
fn index_of_open_groups_tells_their_access_points() {
    let picture = Video {
        open_gops: true,
        ..Video::default()
    };
    let movie = TestMovie::new(vec![video(1, &picture)]);
    let package = Package::make(&movie.source(), &single(None)).unwrap();
    let file = package.joined(0);
    let view = &top_level(&file)[2];
    let sidx = Sidx::parse(view).unwrap();
    let types: Vec<u8> = sidx.references.iter().map(|one| one.sap_type).collect();
    assert_eq!(types, [1, 3, 3]);
    // One picture of 512 ticks is shown before the key picture.
    let deltas: Vec<u32> = sidx
        .references
        .iter()
        .map(|one| one.sap_delta_time)
        .collect();
    assert_eq!(deltas, [0, 512, 512]);
}
