//! Every codec, encrypted and opened again: the frames and times are those of the source.

mod entries;
mod open;

use crate::conformance;
use crate::ffmpeg::{Input, Reading, Unit, assert_same};
use crate::package::{Package, options};
use crate::tools::{FFMPEG_5, FFMPEG_8, Scratch, source, succeed, tool};
use crate::verify::{Files, describe};
use packager::{Depth, Scheme};
use std::path::{Path, PathBuf};

/// How a codec's clip is made and what it is called.
struct Case {
    /// Size, rate and length of the picture, as the test source takes them.
    picture: &'static str,
    /// Arguments of ffmpeg's encoder.
    encode: &'static [&'static str],
    is_video: bool,
    /// RFC 6381, or its beginning.
    codec: &'static str,
    /// Samples a second and channels of sound.
    sound: Option<(u32, u16)>,
}

const X265: &str = "log-level=error:keyint=30:min-keyint=30:scenecut=0:bframes=3";

fn video(encode: &'static [&'static str], codec: &'static str) -> Case {
    Case {
        picture: "s=320x180:r=30:d=4",
        encode,
        is_video: true,
        codec,
        sound: None,
    }
}

fn audio(encode: &'static [&'static str], codec: &'static str, sound: (u32, u16)) -> Case {
    Case {
        picture: "",
        encode,
        is_video: false,
        codec,
        sound: Some(sound),
    }
}

/// Makes a clip of 4 s: pictures with motion and noise, or two tones.
fn make(scratch: &Scratch, case: &Case) -> PathBuf {
    let path = scratch.path("clip.mp4");
    let picture = format!("testsrc2={},noise=alls=12:allf=t:all_seed=7", case.picture);
    let sound = "aevalsrc=0.2*sin(880*PI*t)|0.2*sin(1320*PI*t):s=48000:d=4";
    let input = if case.is_video { &picture } else { sound };
    let mut arguments = vec!["-loglevel", "error", "-y", "-f", "lavfi", "-i", input];
    arguments.extend(case.encode);
    arguments.push(path.to_str().expect("a path of text"));
    succeed(&tool(FFMPEG_5), &arguments, None);
    path
}

/// Pictures decoded; sound as packets, since decoders of some codecs trim what an edit list cuts off in
/// progressive files only.
fn units(path: &Path, is_video: bool, key: bool) -> Vec<Unit> {
    read(FFMPEG_8, path, is_video, key)
}

fn read(ffmpeg: &str, path: &Path, decode: bool, key: bool) -> Vec<Unit> {
    Reading {
        ffmpeg,
        input: Input::File(path),
        stream: "0:0",
        decode,
        key,
    }
    .units()
}

/// The engine's own checks, with the key and the source, find nothing.
fn verified(package: &Package, clip: &Path) {
    let report = Files(package.files()).verify(&[&source(clip)], Depth::Full);
    // Check 10 would like to see the colour, which the clips do not tell.
    let mut checks = report.checks.iter();
    let bad = checks.any(|check| check.fails() || (check.warns() && check.number != 10));
    assert!(!bad, "{}", describe(&report));
}

fn check(case: &Case) {
    let scratch = Scratch::new();
    check_clip(case, &make(&scratch, case));
}

fn check_clip(case: &Case, clip: &Path) {
    let scratch = Scratch::new();
    // The decrypting ffmpeg has no decoder of AV1; the other one does not decrypt well.
    let decodes = case.is_video && !case.codec.starts_with("av01");
    let units = |path: &Path, key: bool| units(path, decodes, key);
    let expect = units(clip, false);
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
        let name = format!("{} {scheme:?}", case.codec);
        let mut options = options(Some(scheme));
        options.segment_duration = std::time::Duration::from_secs(1);
        let package = Package::make(&source(clip), &options).unwrap();
        conformance::check(&package);
        verified(&package, clip);
        let [rendition] = package.plan.renditions() else {
            panic!("{name}: {:?}", package.plan.renditions());
        };
        assert!(
            rendition.codec.starts_with(case.codec),
            "{}",
            rendition.codec
        );
        assert_eq!(rendition.segments, 4, "{name}");
        if let Some((rate, channels)) = case.sound {
            let mpd = &package.manifests["stream.mpd"];
            assert!(
                mpd.contains(&format!("audioSamplingRate=\"{rate}\"")),
                "{mpd}"
            );
            assert!(mpd.contains(&format!("value=\"{channels}\"")), "{mpd}");
        }
        let open = scratch.file("open.mp4", &package.decrypted(0));
        assert_same(&units(&open, false), &expect, &format!("{name}, by us"));
        if case.is_video {
            let pictures = |path: &Path| read(FFMPEG_5, path, true, false);
            assert_same(&pictures(&open), &pictures(clip), &name);
        }
        let sealed = scratch.file("sealed.mp4", &package.joined(0));
        assert_same(
            &units(&sealed, true),
            &expect,
            &format!("{name}, by ffmpeg"),
        );
    }
}

#[test]
fn hevc_is_packaged() {
    let closed = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-tag:v",
        "hvc1",
        "-x265-params",
    ];
    let with = |parameters: &str| {
        let mut encode = closed.to_vec();
        encode.push(Box::leak(
            format!("{X265}:open-gop=0:{parameters}").into_boxed_str(),
        ));
        video(Box::leak(encode.into_boxed_slice()), "hvc1.1.6.L")
    };
    for parameters in [
        "wpp=1",
        "wpp=0",
        "wpp=1:slices=2",
        "weightp=1:weightb=1",
        "no-deblock=1:no-sao=1",
        "repeat-headers=1:aud=1",
    ] {
        check(&with(parameters));
    }
}

#[test]
fn hevc_of_high_dynamic_range_says_so() {
    let case = video(
        &[
            "-c:v",
            "libx265",
            "-preset",
            "ultrafast",
            "-pix_fmt",
            "yuv420p10le",
            "-color_primaries",
            "bt2020",
            "-color_trc",
            "smpte2084",
            "-colorspace",
            "bt2020nc",
            "-tag:v",
            "hev1",
            "-x265-params",
            "log-level=error:keyint=30:min-keyint=30:scenecut=0:open-gop=0",
        ],
        "hev1.2.4.L",
    );
    check(&case);
    let scratch = Scratch::new();
    let package = Package::make(&source(&make(&scratch, &case)), &options(None)).unwrap();
    let playlist = &package.manifests["master.m3u8"];
    assert!(playlist.contains(",VIDEO-RANGE=PQ"), "{playlist}");
    let mpd = &package.manifests["stream.mpd"];
    assert!(
        mpd.contains("cicp:TransferCharacteristics\" value=\"16\""),
        "{mpd}"
    );
}

#[test]
fn open_groups_of_hevc_are_signalled() {
    let case = video(
        &[
            "-c:v",
            "libx265",
            "-preset",
            "fast",
            "-tag:v",
            "hvc1",
            "-x265-params",
            "log-level=error:keyint=30:min-keyint=30:scenecut=0:bframes=3:open-gop=1",
        ],
        "hvc1.1.6.L",
    );
    check(&case);
    let scratch = Scratch::new();
    let mut options = options(None);
    options.segment_duration = std::time::Duration::from_secs(1);
    let package = Package::make(&source(&make(&scratch, &case)), &options).unwrap();
    assert!(package.manifests["stream.mpd"].contains("startWithSAP=\"3\""));
    assert!(!package.manifests["master.m3u8"].contains("INDEPENDENT-SEGMENTS"));
}

#[test]
fn sound_of_every_codec_is_packaged() {
    for case in [
        audio(&["-c:a", "aac", "-ac", "6"], "mp4a.40.2", (48_000, 6)),
        audio(&["-c:a", "libopus"], "opus", (48_000, 2)),
        audio(&["-c:a", "flac", "-strict", "-2"], "flac", (48_000, 2)),
        audio(
            &["-c:a", "flac", "-strict", "-2", "-ar", "96000"],
            "flac",
            (96_000, 2),
        ),
        audio(&["-c:a", "ac3", "-ac", "6"], "ac-3", (48_000, 6)),
        audio(&["-c:a", "eac3", "-ac", "6"], "ec-3", (48_000, 6)),
        audio(&["-c:a", "alac"], "alac", (48_000, 2)),
        audio(
            &["-c:a", "libmp3lame", "-ar", "44100"],
            "mp4a.6B",
            (44_100, 2),
        ),
    ] {
        check(&case);
    }
}

#[test]
fn mp3_beside_a_picture_is_left_out() {
    let scratch = Scratch::new();
    let path = scratch.path("clip.mp4");
    let arguments = "-loglevel error -y -f lavfi -i testsrc2=s=320x180:r=30:d=2 -f lavfi -i sine=d=2 \
                     -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a libmp3lame";
    let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
    arguments.push(path.to_str().expect("a path of text"));
    succeed(&tool(FFMPEG_5), &arguments, None);
    let package = Package::make(&source(&path), &options(Some(Scheme::Cbcs))).unwrap();
    let names: Vec<_> = package
        .plan
        .renditions()
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(names, ["video"]);
    let [warning] = package.plan.warnings() else {
        panic!("{:?}", package.plan.warnings());
    };
    assert!(
        warning
            .0
            .starts_with("track 2 (audio, mp4a.6B) is left out: "),
        "{warning:?}"
    );
}
