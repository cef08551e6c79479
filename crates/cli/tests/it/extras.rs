//! `--extras`: what lies beside a package.

use crate::media;
use crate::support::Scratch;

#[test]
fn extras_lie_beside_an_encrypted_package_and_are_told() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let clip = clip.to_str().unwrap();
    let args = ["package", clip, "-o", "out", "--json", "--extras"];
    let run = scratch
        .run(args.iter().chain(&["chapters,storyboard,poster,preview"]))
        .ok();
    let extras = [
        "poster.jpg",
        "storyboard.vtt",
        "storyboard.jpg",
        "preview.mp4",
    ];
    assert_eq!(run.json()["extras"], serde_json::json!(extras));
    assert!(run.stderr().contains("no chapters"), "{}", run.stderr());
    for name in extras {
        assert!(scratch.path().join("out").join(name).is_file(), "{name}");
    }
    scratch.words("verify out --key-file out.key").ok();
    let mut names: Vec<_> = std::fs::read_dir(scratch.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["out", "out.key"], "no folder of the work stays");
}

#[test]
fn without_a_wish_there_is_none_and_no_ffmpeg() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let args = ["package", clip.to_str().unwrap(), "-o", "out", "--json"];
    let run = scratch
        .run(args.iter().chain(&["--ffmpeg", "/nowhere"]))
        .ok();
    assert_eq!(run.json()["extras"], serde_json::json!([]));
    let wish = [
        "--extras",
        "poster",
        "--force",
        "--ffmpeg",
        "/nowhere",
        "--ffprobe",
        "/nowhere",
    ];
    scratch
        .run(args.iter().chain(&wish))
        .fails(2, "install FFmpeg");
    let wish = ["--extras", "trailer", "--force"];
    scratch.run(args.iter().chain(&wish)).fails(2, "trailer");
}
