//! `scrub`, `backup` and `restore`, beside a server that runs.

use crate::push::{Server, push, run};
use crate::support::Scratch;
use crate::{media, support};

#[test]
fn what_is_kept_is_looked_at_backed_up_and_brought_back() {
    let scratch = Scratch::new();
    std::fs::copy(media::clip(), scratch.path().join("film.mp4")).unwrap();
    let server = Server::start(&scratch);
    run(push(&scratch, &server.base(), "film.mp4")).ok();

    let clean = scratch.words("scrub --data-dir data --json").ok().json();
    assert_eq!(clean["faults"].as_array().map(Vec::len), Some(0));
    assert!(clean["objects"].as_u64() > Some(4), "{clean}");
    let backup = "backup safe --data-dir data --with-objects";
    let said = scratch.words(backup).ok();
    assert!(said.stdout().contains("the key file is not in it"));
    scratch.words(backup).fails(74, "is not empty");

    let restore = "restore safe --data-dir new --verify";
    scratch.words(restore).fails(74, "--key-file");
    let with_key = format!("{restore} --key-file data/content-keys.key");
    scratch.words(&with_key).ok();
    scratch.words("scrub --data-dir new").ok();
    scratch
        .words(&with_key)
        .fails(74, "has a catalogue already");

    let package = scratch.path().join("data/packages");
    let objects = support::snapshot(&package).into_iter();
    let mut segments =
        objects.filter(|(path, _)| path.extension().is_some_and(|kind| kind == "m4s"));
    let (segment, bytes) = segments.next().unwrap();
    let mut bytes = bytes.unwrap();
    bytes[100] ^= 1;
    std::fs::write(package.join(&segment), bytes).unwrap();
    let found = scratch.words("scrub --data-dir data");
    assert_eq!(found.code(), Some(1), "{}", found.stderr());
    let name = segment.to_string_lossy().into_owned();
    assert!(found.stdout().contains(&name), "{}", found.stdout());
    server.kill();
}

#[test]
fn storage_that_cannot_be_used_is_said_without_secrets() {
    let scratch = Scratch::new();
    std::fs::create_dir(scratch.path().join("data")).unwrap();
    let bad = "scrub --data-dir data --storage";
    scratch
        .words(&format!("{bad} ftp://x"))
        .fails(74, "s3://BUCKET/PREFIX");
    let file = scratch.write("credentials", "AWS_SECRET_ACCESS_KEY=hush");
    let with = format!(
        "{bad} s3://films --storage-credentials-file {}",
        file.display()
    );
    let open = scratch.words(&with).fails(74, "chmod 600");
    assert!(!open.stderr().contains("hush"));
    scratch
        .words("scrub --data-dir data --storage-region x")
        .fails(2, "--storage");
    scratch
        .words("scrub --data-dir nowhere")
        .fails(74, "no data folder");
}
