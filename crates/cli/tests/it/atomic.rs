//! A package appears whole or not at all, and nothing is lost without `--force`.

use crate::media;
use crate::support::{Run, Scratch, key};
use std::fs;
use std::os::unix::fs::symlink;

fn package(scratch: &Scratch, output: &str, arguments: &str) -> Run {
    let clip = media::clip();
    let mut all = vec!["package", clip.to_str().unwrap(), "-o", output];
    all.extend(arguments.split_whitespace());
    scratch.run(all)
}

#[test]
fn a_folder_that_is_not_empty_is_refused() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path().join("out")).unwrap();
    scratch.write("out/mine.txt", "mine");
    let before = scratch.snapshot();
    package(&scratch, "out", "").fails(2, "out is not empty; --force");
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn an_empty_folder_and_a_new_one_are_taken() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path().join("empty")).unwrap();
    for output in ["empty", "new/", "above/that/new"] {
        package(&scratch, output, "").ok();
        let package = scratch.path().join(output);
        assert!(package.join("stream.mpd").is_file());
        assert!(package.with_extension("key").is_file(), "{output}");
    }
    for path in scratch.snapshot().keys() {
        assert!(!path.to_str().unwrap().contains(".reelpack-"), "{path:?}");
    }
}

#[test]
fn force_replaces_the_package_and_its_key() {
    let scratch = Scratch::new();
    package(&scratch, "out", "").ok();
    scratch.write("out/mine.txt", "mine");
    let (old_key, old_mpd) = (scratch.text("out.key"), scratch.text("out/stream.mpd"));
    package(&scratch, "out", "--force").ok();
    assert!(!scratch.path().join("out/mine.txt").exists());
    assert_ne!(scratch.text("out.key"), old_key);
    assert_ne!(scratch.text("out/stream.mpd"), old_mpd);
    let mut names: Vec<_> = fs::read_dir(scratch.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["out", "out.key"]);
}

#[test]
fn a_failed_run_with_force_keeps_what_was_there() {
    let scratch = Scratch::new();
    package(&scratch, "out", "").ok();
    let whole = fs::read(media::clip()).unwrap();
    scratch.write("cut.mp4", &whole[..whole.len() / 2]);
    let before = scratch.snapshot();
    scratch
        .words("package cut.mp4 -o out --force")
        .fails(65, "cut.mp4");
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn a_key_file_is_not_overwritten_in_silence() {
    let scratch = Scratch::new();
    scratch.write("out.key", "the only copy");
    package(&scratch, "out", "").fails(2, "out.key is there already; --force");
    assert_eq!(scratch.snapshot().len(), 1);

    let run = package(&scratch, "out", &format!("--key {}", key())).ok();
    assert!(
        run.stderr()
            .contains("warning: out.key is of another packaging")
    );
    assert_eq!(scratch.text("out.key"), "the only copy");

    let run = package(&scratch, "out", "--force").ok();
    assert!(
        run.stderr().contains("replaced out.key"),
        "{}",
        run.stderr()
    );
    assert_eq!(scratch.text("out.key").len(), 66);
}

#[test]
fn what_is_no_folder_or_no_file_is_in_the_way() {
    let scratch = Scratch::new();
    scratch.write("file", "");
    fs::create_dir(scratch.path().join("out.key")).unwrap();
    let before = scratch.snapshot();
    package(&scratch, "file", "--force").fails(2, "file is there and is no folder");
    package(&scratch, "out", "--force").fails(2, "out.key is there and is no regular file");
    package(&scratch, "file/below", "").fails(74, "file");
    package(&scratch, "/dev/null", "--force").fails(2, "/dev/null is there and is no folder");
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn a_folder_with_the_input_or_the_user_in_it_is_not_replaced() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path().join("out")).unwrap();
    fs::copy(media::clip(), scratch.path().join("out/clip.mp4")).unwrap();
    scratch.write("out/keys", key());
    let before = scratch.snapshot();
    scratch
        .words("package out/clip.mp4 -o out --force")
        .fails(2, "out/clip.mp4 is in the output folder");
    package(&scratch, "out", "--key-file out/keys --force").fails(2, "out/keys is in the output");
    package(&scratch, ".", "--force").fails(2, ". is the current folder or one above it");
    package(&scratch, "/", "--force").fails(2, "/ has no name of its own");
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn a_link_to_a_folder_stays_a_link() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path().join("real")).unwrap();
    symlink("real", scratch.path().join("link")).unwrap();
    package(&scratch, "link", "").ok();
    assert!(scratch.path().join("link").is_symlink());
    assert!(scratch.path().join("real/stream.mpd").is_file());
    assert!(scratch.path().join("link.key").is_file());
}

#[test]
fn decrypted_files_are_replaced_with_force_alone() {
    let scratch = Scratch::new();
    package(&scratch, "out", "").ok();
    let decrypt = "decrypt out/video/init.mp4 out/video/1.m4s --key-file out.key -o";
    scratch.write("there.mp4", "there");
    scratch
        .words(&format!("{decrypt} there.mp4"))
        .fails(2, "there.mp4 is there already");
    assert_eq!(scratch.text("there.mp4"), "there");
    scratch.words(&format!("{decrypt} there.mp4 --force")).ok();
    media::frames(&scratch.path().join("there.mp4"));

    let before = scratch.snapshot();
    scratch
        .words(&format!("{decrypt} out/video/1.m4s --force"))
        .fails(2, "out/video/1.m4s is an input too");
    scratch
        .words(&format!("{decrypt} /dev/null --force"))
        .fails(2, "/dev/null is there and is no regular file");
    scratch
        .words(&format!("{decrypt} none/clear.mp4"))
        .fails(74, "none");
    scratch.write("other.key", key());
    let wrong = decrypt.replace("out.key", "other.key");
    scratch.words(&format!("{wrong} new.mp4")).fails(2, "key");
    fs::remove_file(scratch.path().join("other.key")).unwrap();
    assert_eq!(scratch.snapshot(), before);
    let devices = fs::read_dir("/dev")
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    assert!(
        !devices
            .into_iter()
            .any(|name| name.to_string_lossy().starts_with(".reelpack-"))
    );
}
