//! Results on stdout, all else on stderr; machines, terminals and pipes.

use crate::media;
use crate::support::{Run, Scratch, key};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::process::{Command, Stdio};

#[test]
fn results_are_on_stdout_and_progress_on_stderr() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let run = scratch
        .run(["package", clip.to_str().unwrap(), "-o", "out"])
        .ok();
    let expect = "dash out/stream.mpd\nhls  out/master.m3u8\nkey  out.key\n";
    assert_eq!(run.stdout(), expect);
    assert!(run.stderr().starts_with("packaging "), "{}", run.stderr());
    assert!(!run.stderr().contains(['\u{1b}', '\r']), "{}", run.stderr());

    let words = "decrypt out/video/init.mp4 out/video/1.m4s --key-file out.key -o clear.mp4";
    let run = scratch.words(words).ok();
    assert_eq!(run.stdout(), "clear.mp4\n");
    assert_eq!(run.stderr().lines().count(), 1, "{}", run.stderr());
}

#[test]
fn quiet_is_quiet() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let run = scratch
        .run(["package", "-q", clip.to_str().unwrap(), "-o", "out"])
        .ok();
    assert_eq!(run.stderr(), "");
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let clip = clip.to_str().unwrap();
    for args in [
        vec!["inspect", clip],
        vec!["inspect", clip, "--boxes"],
        vec!["package", clip, "-o", "out", "--json", "-q"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let run = Run(scratch
            .command()
            .args(args)
            .stdout(writer)
            .output()
            .unwrap());
        assert_eq!((run.code(), run.stderr()), (Some(0), ""));
    }
    assert!(scratch.path().join("out/stream.mpd").is_file());
}

#[test]
fn a_stdout_that_takes_nothing_is_an_io_error() {
    let scratch = Scratch::new();
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = scratch.command();
    command.arg("inspect").arg(media::clip()).stdout(full);
    Run(command.output().unwrap()).fails(74, "cannot write to stdout");
}

#[test]
fn a_terminal_gets_a_bar_and_colours_unless_unwanted() {
    let scratch = Scratch::new();
    let mut help = scratch.command();
    help.arg("--help")
        .env("TERM", "xterm")
        .env_remove("NO_COLOR");
    assert!(on_terminal(&mut help).contains('\u{1b}'));
    help.env("NO_COLOR", "1");
    assert!(!on_terminal(&mut help).contains('\u{1b}'));

    let mut package = scratch.command();
    package
        .arg("package")
        .arg(media::clip())
        .args(["-o", "out", "--key", &key()]);
    package.env("TERM", "xterm");
    let shown = on_terminal(&mut package);
    assert!(shown.contains("dash out/stream.mpd"), "{shown}");
    assert!(
        !shown.contains(" MiB)\r\n"),
        "plain lines on a terminal: {shown}"
    );
}

/// Runs a command with a terminal of its own as stdout and stderr; returns what it showed.
fn on_terminal(command: &mut Command) -> String {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let slave = OpenOptions::new()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(slave.try_clone().unwrap())
        .stderr(slave)
        .spawn()
        .unwrap();
    // The command holds the terminal open as long as it exists.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut shown = Vec::new();
    // Linux ends a terminal with EIO when the last program has left it.
    if let Err(error) = File::from(master).read_to_end(&mut shown) {
        assert_eq!(
            error.raw_os_error(),
            Some(rustix::io::Errno::IO.raw_os_error())
        );
    }
    let status = child.wait().unwrap();
    let shown = String::from_utf8(shown).unwrap();
    assert!(status.success(), "{shown}");
    shown
}
