//! Several inputs make one presentation.

use crate::media;
use crate::support::{Scratch, snapshot};
use serde_json::json;
use std::path::Path;

#[test]
fn several_inputs_become_one_package() {
    let scratch = Scratch::new();
    let (clip, small) = (media::clip(), media::small());
    let inputs = [clip.to_str().unwrap(), small.to_str().unwrap()];
    let run = scratch
        .run(["package", inputs[0], inputs[1], "-o", "out", "--json"])
        .ok();
    let report = run.json();
    assert_eq!(report["warnings"], json!([]));
    let renditions = report["renditions"].as_array().unwrap();
    let of = |field: &str| -> Vec<_> { renditions.iter().map(|one| one[field].clone()).collect() };
    assert_eq!(
        of("name"),
        [json!("video-180p"), json!("video-90p"), json!("audio")]
    );
    assert_eq!(of("input"), [json!(1), json!(2), json!(1)]);
    let files = snapshot(&scratch.path().join("out"));
    for path in [
        "stream.mpd",
        "master.m3u8",
        "video-90p/init.mp4",
        "video-90p/1.m4s",
    ] {
        assert!(files.contains_key(Path::new(path)), "{path}");
    }
    let mpd = scratch.text("out/stream.mpd");
    assert_eq!(
        mpd.matches("<AdaptationSet ").count() - mpd.matches("trickmode").count(),
        2
    );
    let master = scratch.text("out/master.m3u8");
    assert_eq!(master.matches("#EXT-X-STREAM-INF").count(), 2, "{master}");
    // Without --json: one labelled path a line.
    let run = scratch
        .run(["package", inputs[0], inputs[1], "-o", "again"])
        .ok();
    assert!(
        run.stdout().contains("again/stream.mpd"),
        "{}",
        run.stdout()
    );
}

#[test]
fn errors_name_the_input_that_is_to_blame() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let clip = clip.to_str().unwrap();
    scratch.write("text.mp4", "This is a text, and no movie.\n".repeat(9));
    let package = |second: &str| scratch.run(["package", clip, second, "-o", "out"]);
    package("none.mp4").fails(74, "none.mp4");
    package("text.mp4").fails(65, "text.mp4: ");
    let whole = std::fs::read(clip).unwrap();
    scratch.write("cut.mp4", &whole[..whole.len() / 2]);
    package("cut.mp4").fails(65, "cut.mp4: ");
    assert!(!scratch.path().join("out").exists());
}

#[test]
fn inputs_that_part_are_refused_unless_that_is_allowed() {
    let scratch = Scratch::new();
    let (clip, other) = (media::clip(), media::other_groups());
    let mut arguments = vec!["package", clip.to_str().unwrap()];
    arguments.extend([other.to_str().unwrap(), "-o", "out"]);
    arguments.extend(["--segment-duration", "1"]);
    let run = scratch.run(&arguments).fails(65, "--allow-misaligned");
    for part in ["input 1", "input 2", " s"] {
        assert!(run.stderr().contains(part), "{part}: {}", run.stderr());
    }
    arguments.push("--allow-misaligned");
    let run = scratch.run(&arguments).ok();
    assert!(
        run.stderr().contains("sets of their own"),
        "{}",
        run.stderr()
    );
    let mpd = scratch.text("out/stream.mpd");
    assert_eq!(
        mpd.matches("contentType=\"video\"").count() - mpd.matches("trickmode").count(),
        2
    );
}

#[test]
fn keys_are_made_for_every_crypto_period() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let options = "--segment-duration 1 --clear-lead 1 --key-rotation 1 --scheme cenc --json";
    let arguments = ["package", clip.to_str().unwrap(), "-o", "out"].into_iter();
    let run = scratch.run(arguments.chain(options.split(' '))).ok();
    let report = run.json();
    // Four seconds: one is clear.
    assert_eq!(
        report["keys"].as_array().unwrap().len(),
        3,
        "{}",
        report["keys"]
    );
    assert_eq!(scratch.text("out.key").lines().count(), 3);
    let playlist = scratch.text("out/video/playlist.m3u8");
    assert_eq!(playlist.matches("METHOD=NONE").count(), 1, "{playlist}");
    let parts: Vec<String> = (1..=4)
        .map(|number| format!("out/video/{number}.m4s"))
        .collect();
    let mut words = vec!["decrypt", "out/video/init.mp4"];
    words.extend(parts.iter().map(String::as_str));
    words.extend(["--key-file", "out.key", "-o", "open.mp4"]);
    scratch.run(words).ok();
    let open = media::frames(&scratch.path().join("open.mp4"));
    assert_eq!(open, media::frames(&clip));
}
