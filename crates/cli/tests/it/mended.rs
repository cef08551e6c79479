//! Inputs that browsers do not play as they are: mended with as little encoding as there can be, and with a word on why.

use crate::media;
use crate::support::{Run, Scratch};
use serde_json::Value;
use std::fs;

const PICTURE: &str = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=3";
const H264: &str = "-c:v libx264 -preset ultrafast -bf 0 -pix_fmt yuv420p";

fn generate(scratch: &Scratch, words: &str, name: &str) {
    let path = scratch.path().join(name);
    let mut words: Vec<&str> = words.split_whitespace().collect();
    words.push(path.to_str().unwrap());
    media::ffmpeg(&words);
}

fn package(scratch: &Scratch, name: &str, more: &str) -> Run {
    let words = format!("package {name} -o out --scheme none --json --force {more}");
    scratch.words(&words).ok()
}

/// Packages a file; says whether it was encoded, and all that was said of it.
#[track_caller]
fn check(words: &str, name: &str, encoded: bool, reason: &str) -> Value {
    let scratch = Scratch::new();
    generate(&scratch, words, name);
    let report = package(&scratch, name, "").json();
    let conversion = &report["conversions"][0];
    assert_eq!(conversion["encoded"], encoded, "{report}");
    let notes = conversion["notes"].to_string();
    assert!(notes.contains(reason), "{notes}");
    scratch.words("verify out").ok();
    report
}

#[test]
fn pixels_that_browsers_do_not_show_are_made_anew_in_an_mp4_too() {
    let words = format!("{PICTURE} -c:v libx264 -preset ultrafast -pix_fmt yuv422p10le");
    let report = check(
        &words,
        "deep.mp4",
        true,
        "yuv422p10le, which browsers do not show",
    );
    // High, where it was High 4:2:2.
    let codec = report["renditions"][0]["codec"].to_string();
    assert!(codec.contains("avc1.64"), "{codec}");
}

#[test]
fn lossless_h264_of_usual_pixels_is_made_anew_and_no_rung_of_a_ladder() {
    let words = format!("{PICTURE} -c:v libx264 -preset ultrafast -qp 0 -g 25 -pix_fmt yuv420p");
    let reason = "High 4:4:4 Predictive, which browsers do not play";
    for name in ["lossless.mp4", "lossless.mkv"] {
        let report = check(&words, name, true, reason);
        let codec = report["renditions"][0]["codec"].to_string();
        assert!(codec.contains("avc1.64"), "{name}: {codec}");
        let scratch = Scratch::new();
        generate(&scratch, &words, name);
        let report = package(&scratch, name, "--ladder auto").json();
        let renditions = report["renditions"].as_array().unwrap();
        for rendition in renditions {
            let codec = rendition["codec"].to_string();
            assert!(codec.contains("avc1.64"), "{name}: {report}");
        }
        let notes = report["conversions"][0]["notes"].to_string();
        assert!(notes.contains("encoded: 180p-h264"), "{name}: {notes}");
    }
}

#[test]
fn without_ffmpeg_such_an_mp4_is_packaged_as_it_is_with_a_word() {
    let scratch = Scratch::new();
    let words = format!("{PICTURE} -c:v libx264 -preset ultrafast -pix_fmt yuv422p10le");
    generate(&scratch, &words, "deep.mp4");
    let run = package(&scratch, "deep.mp4", "--ffmpeg /nowhere --ffprobe /nowhere");
    assert_eq!(run.json()["conversions"], serde_json::json!([]));
    let warned = run.stderr().contains("browsers may not play");
    assert!(
        warned && run.stderr().contains("install FFmpeg"),
        "{}",
        run.stderr()
    );
}

#[test]
fn a_wrong_level_is_written_anew_without_encoding() {
    for name in ["level.mp4", "level.mkv", "level.ts"] {
        let words = format!("{PICTURE} {H264} -bsf:v h264_metadata=level=1");
        let report = check(&words, name, false, "says level 1.0, and is of level 1.1");
        let codec = report["renditions"][0]["codec"].to_string();
        assert!(!codec.contains("0a\""), "{name}: {codec}");
    }
}

#[test]
fn what_no_segment_can_begin_in_gets_key_pictures() {
    let words = "-f lavfi -i testsrc2=size=160x90:rate=4:duration=25 -c:v libx264 -preset ultrafast -pix_fmt yuv420p \
                 -g 9999 -keyint_min 9999";
    let report = check(words, "group.mp4", true, "has no key picture for 25 s");
    let segments = report["renditions"][0]["segments"].as_u64();
    assert!(segments > Some(4), "{report}");
}

#[test]
fn times_that_stand_still_are_spread() {
    let scratch = Scratch::new();
    generate(&scratch, &format!("{PICTURE} {H264}"), "even.mp4");
    let even = scratch.path().join("even.mp4");
    // Five pictures at a time.
    let words = format!(
        "-i {} -c copy -bsf:v setts=ts=floor(N/5)*5*512+mod(N\\,5)",
        even.display()
    );
    let report = check(
        &words,
        "still.mp4",
        true,
        "60 of its 75 pictures last no time",
    );
    let seconds = report["duration_seconds"].as_f64().unwrap();
    assert!((seconds - 3.0).abs() < 0.2, "{report}");
}

#[test]
fn a_cut_between_key_pictures_is_made_where_browsers_can_begin() {
    let scratch = Scratch::new();
    generate(&scratch, &format!("{PICTURE} {H264} -g 50"), "whole.mp4");
    let whole = scratch.path().join("whole.mp4");
    // ffmpeg keeps the pictures from the key picture on, and lets the edit list begin later.
    let words = format!("-ss 1 -i {} -c copy", whole.display());
    let report = check(&words, "cut.mp4", true, "1.000 s behind a key picture");
    let seconds = report["duration_seconds"].as_f64().unwrap();
    assert!((seconds - 2.0).abs() < 0.05, "{report}");
}

#[test]
fn sound_that_is_not_played_beside_pictures_is_encoded_anew_not_lost() {
    let sound = "-f lavfi -i sine=frequency=440:duration=3";
    for (name, codec, reason) in [
        ("mp3.mp4", "libmp3lame", "is MP3, which browsers"),
        ("camera.mov", "pcm_s16le", "is pcm_s16le, which MP4"),
    ] {
        let words = format!("{PICTURE} {sound} {H264} -c:a {codec}");
        let report = check(&words, name, true, reason);
        let codecs = report["renditions"].to_string();
        assert!(codecs.contains("mp4a.40.2"), "{name}: {report}");
    }
}

#[test]
fn a_file_that_is_cut_short_is_taken_with_a_word() {
    for name in ["whole.mkv", "whole.webm"] {
        let scratch = Scratch::new();
        let codec = match name {
            "whole.mkv" => H264,
            _ => "-c:v libvpx -deadline realtime",
        };
        generate(
            &scratch,
            &format!("{PICTURE} -g 25 {codec} -cluster_time_limit 500"),
            name,
        );
        let whole = fs::read(scratch.path().join(name)).unwrap();
        scratch.write(name, &whole[..whole.len() * 6 / 10]);
        let report = package(&scratch, name, "").json();
        let notes = report["conversions"][0]["notes"].to_string();
        assert!(notes.contains("cut short"), "{name}: {notes}");
        scratch.words("verify out").ok();
    }
}

#[test]
fn no_sound_and_much_sound_are_taken() {
    let scratch = Scratch::new();
    generate(&scratch, &format!("{PICTURE} {H264}"), "silent.mkv");
    let report = package(&scratch, "silent.mkv", "").json();
    assert_eq!(report["renditions"].as_array().unwrap().len(), 1);
    let mut words = PICTURE.to_owned();
    for number in 0..8 {
        words += &format!(
            " -f lavfi -i sine=frequency={}:duration=3",
            200 + number * 50
        );
    }
    for number in 0..9 {
        words += &format!(" -map {number}");
    }
    for (number, language) in ["eng", "ger", "fre", "spa", "ita", "jpn", "eng", "und"]
        .iter()
        .enumerate()
    {
        words += &format!(" -metadata:s:a:{number} language={language}");
    }
    generate(&scratch, &format!("{words} {H264} -c:a aac"), "eight.mkv");
    let report = package(&scratch, "eight.mkv", "").json();
    assert_eq!(report["renditions"].as_array().unwrap().len(), 9);
    scratch.words("verify out").ok();
}

/// Integrated loudness of a file's first sound, in LUFS.
fn loudness(file: &std::path::Path) -> f64 {
    let output = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(file)
        .args(["-map", "0:a:0", "-af", "ebur128", "-f", "null", "-"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let summary = &said[said.rfind("Integrated loudness").unwrap()..];
    let value = summary
        .lines()
        .find_map(|line| line.trim().strip_prefix("I:"));
    value
        .unwrap()
        .trim()
        .trim_end_matches(" LUFS")
        .parse()
        .unwrap()
}

#[test]
fn sound_is_made_as_loud_as_is_asked_for() {
    let scratch = Scratch::new();
    // Loud and soft by turns, and far too soft as a whole.
    let words = format!(
        "{PICTURE} -f lavfi -i sine=frequency=440:duration=9 -map 0 -map 1 {H264} -c:a aac \
         -af volume=eval=frame:volume='if(lt(mod(t,3),1.5),0.05,0.02)'"
    );
    generate(
        &scratch,
        &words.replace('\'', "").replace(",", "\\,"),
        "soft.mp4",
    );
    let soft = loudness(&scratch.path().join("soft.mp4"));
    assert!(soft < -40.0, "{soft}");
    for target in [-23.0, -16.0] {
        let wish = format!("--loudness {target}");
        let report = package(&scratch, "soft.mp4", &wish).json();
        let notes = report["conversions"][0]["notes"].to_string();
        assert!(
            notes.contains(&format!("as loud as {target} LUFS")),
            "{notes}"
        );
        let found = loudness(&scratch.path().join("out/audio/playlist.m3u8"));
        assert!((found - target).abs() < 0.6, "{found} for {target}");
        // The picture is not touched.
        assert!(!notes.contains("H.264"), "{notes}");
    }
    scratch
        .words("package soft.mp4 -o out --loudness 3")
        .fails(2, "-70 to -5");
}
