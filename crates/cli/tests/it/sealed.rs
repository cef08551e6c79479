//! Inputs that are encrypted already, and inputs that are cut short.

use crate::media;
use crate::support::{KEY, KID, Scratch};
use std::fs;

/// A package of the clip, its picture as one file `sealed.mp4`; its key is in `first.key`.
fn seal(scratch: &Scratch, scheme: &str) {
    let clip = media::clip();
    let words = ["package", clip.to_str().unwrap(), "-o", "first"];
    let words = words.into_iter().chain(["--scheme", scheme, "--quiet"]);
    scratch.run(words).ok();
    let video = scratch.path().join("first/video");
    let mut bytes = fs::read(video.join("init.mp4")).unwrap();
    for number in 1.. {
        let Ok(segment) = fs::read(video.join(format!("{number}.m4s"))) else {
            break;
        };
        bytes.extend(segment);
    }
    scratch.write("sealed.mp4", bytes);
}

#[test]
fn encrypted_inputs_are_packaged_again_with_their_keys() {
    for scheme in ["cbcs", "cenc"] {
        let scratch = Scratch::new();
        seal(&scratch, scheme);
        let old = scratch.text("first.key");
        let (kid, value) = old.trim().split_once(':').unwrap();
        let refused = scratch.words("package sealed.mp4 -o again").fails(65, kid);
        for part in [scheme, "--input-key"] {
            assert!(refused.stderr().contains(part), "{}", refused.stderr());
        }
        let wrong = format!("package sealed.mp4 -o again --input-key {KID}:{KEY}");
        scratch.words(&wrong).fails(2, kid);
        assert!(!scratch.path().join("again").exists());
        scratch
            .words("package sealed.mp4 -o again --input-key-file first.key --quiet")
            .ok();
        let new = scratch.text("again.key");
        assert!(
            !new.contains(kid) && !new.contains(value),
            "the new key is another one"
        );
        let command =
            "decrypt again/video/init.mp4 again/video/1.m4s --key-file again.key -o two.mp4";
        scratch.words(command).ok();
        let command =
            "decrypt first/video/init.mp4 first/video/1.m4s --key-file first.key -o one.mp4";
        scratch.words(command).ok();
        let [one, two] = ["one.mp4", "two.mp4"].map(|name| scratch.path().join(name));
        assert_eq!(media::frames(&one), media::frames(&two), "{scheme}");
    }
}

#[test]
fn inputs_that_are_cut_short_are_salvaged_when_that_is_asked_for() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let words = ["package", clip.to_str().unwrap(), "-o", "first"];
    scratch
        .run(
            words
                .into_iter()
                .chain(["--scheme", "none", "--segment-duration", "1"]),
        )
        .ok();
    let whole = fs::read(scratch.path().join("first/video/1.m4s")).unwrap();
    let init = fs::read(scratch.path().join("first/video/init.mp4")).unwrap();
    let next = fs::read(scratch.path().join("first/video/2.m4s")).unwrap();
    let cut = [&init[..], &whole, &next[..next.len() - 10]].concat();
    scratch.write("cut.mp4", cut);
    let refused = scratch
        .words("package cut.mp4 -o out")
        .fails(65, "cut short");
    assert!(
        refused.stderr().contains("--salvage"),
        "{}",
        refused.stderr()
    );
    let run = scratch
        .words("package cut.mp4 -o out --salvage --scheme none --json")
        .ok();
    assert!(
        run.stderr().contains("the file is cut short"),
        "{}",
        run.stderr()
    );
    assert_eq!(run.json()["renditions"][0]["segments"], 1);
    let init_only = [&init[..], &whole[..200]].concat();
    scratch.write("nothing.mp4", init_only);
    scratch
        .words("package nothing.mp4 -o none --salvage")
        .fails(65, "nothing");
}
