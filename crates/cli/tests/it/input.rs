//! Inputs that cannot be used.

use crate::media;
use crate::support::Scratch;
use rustix::fs::{CWD, FileType, Mode};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

#[test]
fn a_missing_input_is_an_io_error() {
    let scratch = Scratch::new();
    for words in [
        "package none.mp4 -o out",
        "inspect none.mp4",
        "inspect none.mp4 --boxes",
        "decrypt none.mp4 --key-file none.key -o out.mp4",
    ] {
        scratch.words(words).fails(74, "No such file");
    }
    assert!(scratch.snapshot().is_empty());
}

#[test]
fn folders_and_pipes_are_wrong_usage() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path().join("folder")).unwrap();
    let pipe = scratch.path().join("pipe");
    rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    for command in ["package", "inspect"] {
        let output = if command == "package" { "-o out" } else { "" };
        scratch
            .words(&format!("{command} folder {output}"))
            .fails(2, "folder is a folder");
        scratch
            .words(&format!("{command} pipe {output}"))
            .fails(2, "pipe is a pipe or a device");
    }
    assert_eq!(scratch.snapshot().len(), 2);
}

#[test]
fn what_is_no_movie_is_refused_and_leaves_nothing() {
    let scratch = Scratch::new();
    scratch.write("empty.mp4", "");
    scratch.write(
        "text.mp4",
        "This is a text, and a text is no movie.\n".repeat(9),
    );
    scratch.write(
        "picture.mp4",
        b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02",
    );
    let before = scratch.snapshot();
    for name in ["empty.mp4", "text.mp4", "picture.mp4"] {
        scratch.words(&format!("inspect {name}")).fails(65, name);
        scratch
            .words(&format!("package {name} -o a/b/out"))
            .fails(65, name);
    }
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn a_truncated_movie_is_refused_wherever_it_is_cut() {
    let scratch = Scratch::new();
    let whole = fs::read(media::clip()).unwrap();
    for tenth in 0..10 {
        let length = whole.len() * tenth / 10;
        scratch.write("cut.mp4", &whole[..length]);
        let run = scratch
            .words("package cut.mp4 -o out")
            .fails(65, "cut.mp4: ");
        assert!(!run.stderr().contains("panicked"), "{}", run.stderr());
        assert_eq!(scratch.snapshot().len(), 1);
    }
}

#[test]
fn paths_need_not_be_utf8() {
    let scratch = Scratch::new();
    let input = OsStr::from_bytes(b"in\xff.mp4");
    let output = OsStr::from_bytes(b"out\xfe");
    fs::copy(media::clip(), scratch.path().join(input)).unwrap();
    let args = [OsStr::new("package"), input, OsStr::new("-o"), output];
    let run = scratch.run(args);
    assert_eq!(run.code(), Some(0), "{}", run.stderr());
    assert_eq!(
        run.0.stdout,
        b"dash out\xfe/stream.mpd\nhls  out\xfe/master.m3u8\nkey  out\xfe.key\n"
    );
    let key = scratch.path().join(OsStr::from_bytes(b"out\xfe.key"));
    assert!(key.is_file());
    assert!(scratch.path().join(output).join("stream.mpd").is_file());
}
