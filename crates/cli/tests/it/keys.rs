//! Keys: their forms, their files, and that they stay secret.

use crate::media;
use crate::support::{KEY, KID, Run, Scratch, key};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

const UUID: &str = "a16e402b-9056-e371-f36d-348aa62bb749";

fn package(scratch: &Scratch, arguments: &[&str]) -> Run {
    let clip = media::clip();
    let mut all = vec![
        "package",
        clip.to_str().unwrap(),
        "-o",
        "out",
        "--force",
        "--json",
    ];
    all.extend_from_slice(arguments);
    scratch.run(all)
}

#[test]
fn every_form_of_a_key_is_the_same_key() {
    let scratch = Scratch::new();
    for form in [
        &key(),
        &format!("{UUID}:{}", KEY.to_uppercase()),
        "oW5AK5BW43HzbTSKpiu3SQ:hyN9IKGfWKdAwFaE5pm0qg",
        "oW5AK5BW43HzbTSKpiu3SQ==:hyN9IKGfWKdAwFaE5pm0qg==",
    ] {
        let run = package(&scratch, &["--key", form]).ok();
        assert_eq!(run.json()["kid"], UUID, "{form}");
        assert!(run.json()["key_file"].is_null());
        let decrypted = scratch.words(&format!(
            "decrypt out/video/init.mp4 out/video/1.m4s --key {KID}:{KEY} -o clear.mp4 --force"
        ));
        decrypted.ok();
        media::frames(&scratch.path().join("clear.mp4"));
    }
    assert!(!scratch.path().join("out.key").exists());
}

#[test]
fn a_key_that_begins_with_a_hyphen_is_a_key() {
    let scratch = Scratch::new();
    let form = "-_-_-_-_-_-_-_-_-_-_-w:-_-_-_-_-AAA_-_-_-_-_g";
    let run = package(&scratch, &["--key", form]).ok();
    assert_eq!(run.json()["kid"], "fbffbffb-ffbf-fbff-bffb-ffbffbffbffb");
}

#[test]
fn a_generated_key_is_written_for_its_owner_alone() {
    let scratch = Scratch::new();
    let first = package(&scratch, &[]).ok().json();
    assert_eq!(first["key_file"], "out.key");
    let text = scratch.text("out.key");
    let (kid, value) = text.strip_suffix('\n').unwrap().split_once(':').unwrap();
    for half in [kid, value] {
        assert_eq!(half.len(), 32);
        assert!(half.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
    }
    assert_eq!(first["kid"].as_str().unwrap().replace('-', ""), kid);
    let mode = scratch
        .path()
        .join("out.key")
        .metadata()
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);

    let again = package(&scratch, &["--key-file", "out.key"]).ok().json();
    assert_eq!(again["kid"], first["kid"]);
    assert_eq!(scratch.text("out.key"), text);
}

#[test]
fn a_key_file_has_comments_and_may_come_through_a_pipe() {
    let scratch = Scratch::new();
    scratch.write("keys", format!("# for tests\n\n  {KID}:{KEY}  \n"));
    let run = package(&scratch, &["--key-file", "keys"]).ok();
    assert_eq!(run.json()["kid"], UUID);

    let clip = media::clip();
    let mut child = scratch
        .command()
        .args([
            "package",
            clip.to_str().unwrap(),
            "-o",
            "piped",
            "--key-file",
            "-",
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(key().as_bytes())
        .unwrap();
    Run(child.wait_with_output().unwrap()).ok();
    assert!(scratch.text("piped/stream.mpd").contains(UUID));
}

#[test]
fn wrong_keys_are_refused_and_never_repeated() {
    let scratch = Scratch::new();
    scratch.write("short", format!("# a comment\n{KID}:{}\n", &KEY[..30]));
    scratch.write("two", format!("{}\n{KEY}:{KID}\n", key()));
    scratch.write("none", "# nothing\n");
    scratch.write("binary", b"\xff\xfe\x00");
    scratch.write("long", "#\n".repeat(40_000));
    let before = scratch.snapshot();
    for (arguments, message) in [
        (["--key", KEY], "--key: has no colon: write KID:KEY"),
        (
            ["--key", &format!("{KID}:{}", &KEY[..30])],
            "--key: the KEY is 15 bytes long",
        ),
        (
            ["--key", &format!("{}:{KEY}", &KID[..30])],
            "--key: the KID is 15 bytes long",
        ),
        (
            ["--key", &format!("{KID}:{KEY}:{KEY}")],
            "--key: the LABEL is none of",
        ),
        (
            ["--key-file", "short"],
            "--key-file short, line 2: the KEY is 15 bytes long",
        ),
        (["--key-file", "two"], "--key-file two: holds 2 keys"),
        (["--key-file", "none"], "--key-file none: holds no key"),
        (["--key-file", "binary"], "--key-file binary: is no text"),
        (
            ["--key-file", "long"],
            "--key-file long: is longer than 64 KiB",
        ),
    ] {
        let run = package(&scratch, &arguments).fails(2, message);
        assert!(!run.stderr().contains(&KEY[..30]), "{}", run.stderr());
    }
    package(&scratch, &["--key-file", "missing"]).fails(74, "missing");
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn no_output_and_no_manifest_holds_the_key() {
    let scratch = Scratch::new();
    let given = package(&scratch, &["--key", &key()]).ok();
    let manifests = ["stream.mpd", "master.m3u8", "video/playlist.m3u8"]
        .map(|name| scratch.text(&format!("out/{name}")));
    for text in manifests
        .iter()
        .map(String::as_str)
        .chain([given.stdout(), given.stderr()])
    {
        assert!(
            !text.contains(KEY) && !text.contains("hyN9IKGfWKdAwFaE5pm0qg"),
            "{text}"
        );
    }
}
