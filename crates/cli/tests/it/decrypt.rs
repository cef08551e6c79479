//! Decrypted is what it was before: ffmpeg decodes the same pixels and the same sound.

use crate::media;
use crate::support::{KEY, KID, Run, Scratch, key};
use std::fs;
use std::path::{Path, PathBuf};

/// Packages the clip; returns its report.
fn package(scratch: &Scratch, arguments: &str) -> serde_json::Value {
    let clip = media::clip();
    let args = [
        "package",
        clip.to_str().unwrap(),
        "-o",
        "out",
        "--segment-duration",
        "1",
        "--json",
    ];
    scratch
        .run(args.into_iter().chain(arguments.split_whitespace()))
        .ok()
        .json()
}

/// The init segment and the segments of a rendition, in order.
fn parts(scratch: &Scratch, report: &serde_json::Value, name: &str) -> Vec<PathBuf> {
    let renditions = report["renditions"].as_array().unwrap();
    let rendition = renditions.iter().find(|r| r["name"] == name).unwrap();
    let segments = rendition["segments"].as_u64().unwrap();
    let folder = scratch.path().join("out").join(name);
    let numbers = (1..=segments).map(|number| folder.join(format!("{number}.m4s")));
    std::iter::once(folder.join("init.mp4"))
        .chain(numbers)
        .collect()
}

fn decrypt(scratch: &Scratch, inputs: &[PathBuf], output: &str, keys: &[&str]) -> Run {
    let mut command = scratch.command();
    command
        .arg("decrypt")
        .args(inputs)
        .args(["-o", output, "--json"])
        .args(keys);
    Run(command.output().unwrap())
}

#[test]
fn segments_decrypt_to_the_source() {
    for scheme in ["cbcs", "cenc"] {
        let scratch = Scratch::new();
        let report = package(&scratch, &format!("--scheme {scheme}"));
        for name in ["video", "audio"] {
            let output = format!("{name}.mp4");
            let inputs = parts(&scratch, &report, name);
            let run = decrypt(&scratch, &inputs, &output, &["--key-file", "out.key"]).ok();
            let size = scratch.path().join(&output).metadata().unwrap().len();
            assert_eq!(
                run.json(),
                serde_json::json!({ "output": output, "size": size })
            );
        }
        let (video, audio) = (
            scratch.path().join("video.mp4"),
            scratch.path().join("audio.mp4"),
        );
        assert_eq!(
            media::frames(&video),
            media::frames(&media::clip()),
            "{scheme}"
        );
        assert_eq!(
            media::sound_hash(&audio),
            media::sound_hash(&media::clip()),
            "{scheme}"
        );
    }
}

#[test]
fn one_file_decrypts_to_the_source() {
    let scratch = Scratch::new();
    let report = package(&scratch, &format!("--key {}", key()));
    let mut whole = Vec::new();
    for part in parts(&scratch, &report, "video") {
        whole.extend(fs::read(part).unwrap());
    }
    let input = scratch.write("protected.mp4", whole);
    let other = "00112233445566778899aabbccddeeff:00112233445566778899aabbccddeeff";
    let keys = ["--key", other, "--key", &key()];
    decrypt(&scratch, &[input], "clear.mp4", &keys).ok();
    let clear = scratch.path().join("clear.mp4");
    assert_eq!(media::frames(&clear), media::frames(&media::clip()));
}

#[test]
fn a_missing_key_is_named_by_its_kid() {
    let scratch = Scratch::new();
    let report = package(&scratch, &format!("--key {}", key()));
    let inputs = parts(&scratch, &report, "video");
    let other = "00112233445566778899aabbccddeeff:00112233445566778899aabbccddeeff";
    let run = decrypt(&scratch, &inputs, "clear.mp4", &["--key", other]);
    let run = run.fails(2, &format!("error: no key for KID {KID}"));
    assert!(!run.stderr().contains(KEY));
    assert!(!scratch.path().join("clear.mp4").exists());
}

#[test]
fn the_wrong_key_shows_no_picture_of_the_source() {
    let scratch = Scratch::new();
    let report = package(&scratch, &format!("--key {}", key()));
    let inputs = parts(&scratch, &report, "audio");
    let wrong = format!("{KID}:00112233445566778899aabbccddeeff");
    decrypt(&scratch, &inputs, "wrong.mp4", &["--key", &wrong]).ok();
    decrypt(&scratch, &inputs, "right.mp4", &["--key", &key()]).ok();
    let bytes = |name: &str| fs::read(scratch.path().join(name)).unwrap();
    assert_eq!(bytes("wrong.mp4").len(), bytes("right.mp4").len());
    assert_ne!(bytes("wrong.mp4"), bytes("right.mp4"));
}

#[test]
fn broken_segments_are_refused() {
    let scratch = Scratch::new();
    let report = package(&scratch, &format!("--key {}", key()));
    let inputs = parts(&scratch, &report, "video");
    let segment = fs::read(&inputs[1]).unwrap();
    let cut = scratch.write("cut.m4s", &segment[..segment.len() / 2]);
    let inputs = [inputs[0].clone(), cut];
    decrypt(&scratch, &inputs, "clear.mp4", &["--key", &key()]).fails(65, "/cut.m4s: a sample at");
    assert!(!scratch.path().join(Path::new("clear.mp4")).exists());
}
