//! What comes of files of many kinds.

use crate::support::{ask, generate, tools};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};
use transcode::{
    Complaints, Conversion, Converted, Error, Facts, Treatment, Unwatched, convert, judge, probe,
};

const PICTURE: &str = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2";
const SOUND: &str = "-f lavfi -i sine=frequency=440:duration=2";

fn made(path: &Path, folder: &Path) -> (Facts, Conversion, Converted) {
    let facts = probe(&tools(), path, &Unwatched).expect("facts");
    let conversion = judge(&facts, &Complaints::default()).expect("a verdict");
    let converted = convert(&tools(), path, &facts, &conversion, folder, &Unwatched);
    (facts, conversion, converted.expect("converted"))
}

/// Pictures by their times, and codecs, of a file that was made with `words`.
fn check(name: &str, words: &str, treatments: &[Treatment], codecs: &str) {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join(name);
    generate(words, &path);
    let out = dir.path().join("out");
    fs::create_dir(&out).expect("a folder");
    let (_, conversion, converted) = made(&path, &out);
    let found: Vec<_> = conversion
        .verdicts
        .iter()
        .map(|verdict| verdict.treatment)
        .collect();
    assert_eq!(found, treatments, "{name}");
    let media = &converted.media;
    let stream_codecs = ask("-show_entries stream=codec_name", media);
    assert_eq!(
        stream_codecs.lines().collect::<Vec<_>>().join(","),
        codecs,
        "{name}"
    );
    let count = |path: &Path| {
        let words = "-select_streams v:0 -count_packets -show_entries stream=nb_read_packets";
        // Of a transport stream the programs are told, too.
        let said = ask(words, path);
        said.split(['\n', ','])
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    if codecs.contains("h264") && !words.contains("interlaced") {
        assert_eq!(count(media), count(&path), "{name}: every picture, once");
    }
}

#[test]
fn containers_of_all_kinds_become_mp4() {
    use Treatment::{Copy, ToAac, ToH264};
    let h264 = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p";
    let with_aac = format!("{PICTURE} {SOUND} {h264} -c:a aac");
    for name in ["a.mkv", "a.ts", "a.flv"] {
        check(name, &with_aac, &[Copy, Copy], "h264,aac");
    }
    let of = |codecs: &str| format!("{PICTURE} {SOUND} {codecs}");
    check(
        "a.webm",
        &of("-c:v libvpx -deadline realtime -c:a libvorbis"),
        &[ToH264, ToAac],
        "h264,aac",
    );
    check(
        "b.webm",
        &of("-c:v libvpx-vp9 -deadline realtime -c:a libopus"),
        &[Copy, Copy],
        "vp9,opus",
    );
    check(
        "a.avi",
        &of("-c:v mpeg4 -c:a libmp3lame"),
        &[ToH264, ToAac],
        "h264,aac",
    );
    check(
        "a.mpg",
        &of("-c:v mpeg2video -c:a mp2"),
        &[ToH264, ToAac],
        "h264,aac",
    );
    check(
        "a.wmv",
        &of("-c:v wmv2 -c:a wmav2"),
        &[ToH264, ToAac],
        "h264,aac",
    );
    check(
        "a.mxf",
        &of("-c:v mpeg2video -c:a pcm_s16le -ar 48000"),
        &[ToH264, ToAac],
        "h264,aac",
    );
    check("a.ogg", &format!("{SOUND} -c:a libvorbis"), &[ToAac], "aac");
    check("a.flac", SOUND, &[Copy], "flac");
}

#[test]
fn pictures_that_are_not_shown_are_made_anew() {
    use Treatment::ToH264;
    let picture = |filter: &str| format!("{PICTURE} -vf {filter} -c:v ffv1");
    check("a.mkv", &picture("format=yuv444p"), &[ToH264], "h264");
    // Odd sizes, which 4:2:0 has not.
    check(
        "b.mkv",
        &picture("crop=319:179,format=bgr0"),
        &[ToH264],
        "h264",
    );
    let fields = format!("{PICTURE} -vf interlace -flags +ilme+ildct -top 1 -c:v mpeg2video -g 12");
    check("interlaced.mpg", &fields, &[ToH264], "h264");
}

#[test]
fn subtitles_keep_what_the_container_tells_of_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    fs::write(at("t.srt"), "1\n00:00:00,500 --> 00:00:01,500\nGuten Tag\n").expect("written");
    let words = format!(
        "{PICTURE} -i {} -map 0 -map 1 -map 1 -c:v libx264 -preset ultrafast -c:s srt -metadata:s:1 language=ger \
         -metadata:s:2 language=eng -disposition:s:0 forced",
        at("t.srt").display()
    );
    generate(&words, &at("t.mkv"));
    fs::create_dir(at("out")).expect("a folder");
    let (_, _, converted) = made(&at("t.mkv"), &at("out"));
    let told: Vec<_> = converted
        .subtitles
        .iter()
        .map(|text| (text.language.as_str(), text.forced))
        .collect();
    assert_eq!(told, [("ger", true), ("eng", false)]);
    let text = fs::read_to_string(&converted.subtitles[0].path).expect("WebVTT");
    assert!(
        text.starts_with("WEBVTT") && text.contains("00:00.500 --> 00:01.500\nGuten Tag"),
        "{text}"
    );
}

#[test]
fn what_calls_itself_a_video_opens_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let canary = dir.path().join("canary");
    fs::write(&canary, "do not read").expect("written");
    let canary = canary.display();
    for (name, text) in [
        (
            "a.mp4",
            format!("#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:10,\nfile://{canary}\n"),
        ),
        ("b.avi", format!("ffconcat version 1.0\nfile {canary}\n")),
        (
            "c.mkv",
            format!("<?xml version=\"1.0\"?><MPD><BaseURL>file://{canary}</BaseURL></MPD>"),
        ),
        (
            "d.mov",
            format!("<svg><image href=\"file://{canary}\"/></svg>"),
        ),
        ("e.mp4", "\u{89}PNG\r\n".into()),
    ] {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("written");
        let began = Instant::now();
        let error = probe(&tools(), &path, &Unwatched).expect_err("refused");
        assert!(matches!(error, Error::InvalidInput(_)), "{name}: {error}");
        assert!(!error.to_string().contains("canary"), "{error}");
        assert!(
            began.elapsed() < Duration::from_secs(1),
            "{name}: {:?}",
            began.elapsed()
        );
    }
}

#[test]
fn a_file_that_is_cut_off_or_damaged_has_a_cause() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("a.mkv");
    fs::write(
        &path,
        [b"\x1a\x45\xdf\xa3".as_slice(), &[0x55; 4000]].concat(),
    )
    .expect("written");
    let error = probe(&tools(), &path, &Unwatched)
        .expect_err("damaged")
        .to_string();
    assert!(
        error.contains("damaged") || error.contains("cut short"),
        "{error}"
    );
    assert!(!error.contains("a.mkv"), "{error}");
}
