//! Help, version and arguments that do not fit together.

use crate::support::{KEY, KID, Scratch, key};

#[test]
fn without_arguments_the_help_is_an_error() {
    let run = Scratch::new().words("");
    assert_eq!(run.code(), Some(2));
    assert_eq!(run.stdout(), "");
    assert!(run.stderr().contains("Usage: reelpack"), "{}", run.stderr());
}

#[test]
fn the_version_is_on_stdout() {
    let run = Scratch::new().words("--version").ok();
    let expect = concat!("reelpack ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!((run.stdout(), run.stderr()), (expect, ""));
}

#[test]
fn every_subcommand_explains_itself_by_example() {
    let scratch = Scratch::new();
    for command in [
        "package", "inspect", "decrypt", "serve", "import", "token", "user",
    ] {
        let run = scratch.words(&format!("{command} --help")).ok();
        for expect in [
            &format!("reelpack {command} "),
            "Examples:\n",
            "Exit codes: 0 ",
        ] {
            assert!(run.stdout().contains(expect), "{}", run.stdout());
        }
        assert_eq!(run.stderr(), "");
    }
}

#[test]
fn contradictory_arguments_are_wrong_usage() {
    let scratch = Scratch::new();
    scratch.write("in.mp4", "");
    scratch.write("keys", key());
    for words in [
        "package",
        "package in.mp4",
        "package in.mp4 -o out --no-such-flag",
        "package in.mp4 -o out --scheme aes",
        "package in.mp4 -o out --encrypt audio",
        "package in.mp4 -o out --key-file keys --key a:b",
        &format!("package in.mp4 -o out --scheme none --key {KID}:{KEY}"),
        "package in.mp4 -o out --scheme none --key-file keys",
        "package in.mp4 -o out --segment-duration 0",
        "package in.mp4 -o out --segment-duration -4",
        "package in.mp4 -o out --segment-duration 61",
        "package in.mp4 -o out --segment-duration nan",
        "package in.mp4 -o out --segment-duration four",
        "package in.mp4 -o out --license-url keys.example",
        "package in.mp4 -o out --license-url ftp://keys.example/",
        "package in.mp4 -o out --hls-key-url /key/",
        "inspect",
        "decrypt -o out",
        "decrypt in.mp4 -o out",
        &format!("decrypt in.mp4 --key {KID}:{KEY}"),
        "serve --listen nowhere",
        "serve --listen 127.0.0.1",
        "serve --database-url redis://localhost/0",
        "serve --database-url mysql://localhost",
        "serve --database-url postgres://localhost/a --database-url-file b",
        "import --from-folder .",
        "import --from-url mysql://localhost/a",
        "import --from-url redis://localhost/0 --from-folder .",
        "serve --workers -1",
        "serve --public-url video.example",
        "serve --public-url http://video.example/?a=b",
    ] {
        let run = scratch.words(words);
        assert_eq!(run.code(), Some(2), "{words}: {}", run.stderr());
        assert!(
            run.stderr().starts_with("error: "),
            "{words}: {}",
            run.stderr()
        );
        assert_eq!(run.stdout(), "", "{words}");
    }
    let left: Vec<_> = scratch.snapshot().into_keys().collect();
    assert_eq!(left, ["in.mp4", "keys"].map(std::path::PathBuf::from));
}

#[test]
fn a_password_in_a_url_is_refused_and_not_repeated() {
    let run = Scratch::new()
        .words("package in.mp4 -o out --license-url https://user:hunter2@keys.example/")
        .fails(2, "--license-url: ");
    assert!(!run.stderr().contains("hunter2"));
}

#[test]
fn the_password_of_a_database_is_not_repeated() {
    let scratch = Scratch::new();
    std::fs::write(
        scratch.path().join("url"),
        "mysql://user:hunter2@localhost:x/y\n",
    )
    .unwrap();
    std::fs::write(
        scratch.path().join("away"),
        "mysql://user:hunter2@127.0.0.1:1/y\n",
    )
    .unwrap();
    for (words, code, says) in [
        (
            "serve --database-url postgres://user:hunter2@localhost:x/y",
            2,
            "cannot be read; write postgres://",
        ),
        (
            "serve --database-url-file url",
            2,
            "the URL in url cannot be used",
        ),
        (
            "serve --listen 127.0.0.1:0 --data-dir data --database-url-file away",
            74,
            "the database mysql://127.0.0.1:1/y cannot be used: ",
        ),
    ] {
        let run = scratch.words(words).fails(code, says);
        assert!(!run.stderr().contains("hunter2"), "{}", run.stderr());
    }
}
