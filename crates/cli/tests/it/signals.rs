//! A run that is interrupted leaves nothing behind.

use crate::media;
use crate::support::Scratch;
use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

#[test]
fn sigint_and_sigterm_leave_nothing() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        if signal == Signal::HUP && hangup_is_ignored() {
            println!("SIGHUP left out: the tests run under nohup, and so would the program");
            continue;
        }
        let scratch = Scratch::new();
        let clip = media::clip();
        let status = interrupt(
            &scratch,
            signal,
            &["package", clip.to_str().unwrap(), "-o", "a/out"],
        );
        assert_eq!(status.signal(), Some(signal.as_raw()));
        assert!(
            scratch.snapshot().is_empty(),
            "{:?}",
            scratch.snapshot().keys()
        );
    }
}

fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.unwrap().trim(), 16).unwrap();
    ignored & 1 == 1
}

#[test]
fn an_interrupted_replacement_keeps_the_old_package() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let args = ["package", clip.to_str().unwrap(), "-o", "out", "--force"];
    scratch.run(args).ok();
    let before = scratch.snapshot();
    let status = interrupt(&scratch, Signal::INT, &args);
    assert_eq!(status.signal(), Some(Signal::INT.as_raw()));
    assert_eq!(scratch.snapshot(), before);
}

#[test]
fn an_interrupted_decryption_leaves_nothing() {
    let scratch = Scratch::new();
    let clip = media::clip();
    scratch
        .run(["package", clip.to_str().unwrap(), "-o", "out"])
        .ok();
    let before = scratch.snapshot();
    let words = "decrypt out/video/init.mp4 out/video/1.m4s --key-file out.key -o clear.mp4";
    let args: Vec<&str> = words.split(' ').collect();
    let status = interrupt(&scratch, Signal::TERM, &args);
    assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
    assert_eq!(scratch.snapshot(), before);
}

/// Starts the binary with a stderr that takes nothing, so that it stops at its first line, which comes after
/// its temporary files; sends the signal there, and lets it go on.
fn interrupt(scratch: &Scratch, signal: Signal, args: &[&str]) -> ExitStatus {
    let before = scratch.snapshot().len();
    let (mut reader, writer) = full_pipe();
    let mut command = scratch.command();
    command.args(args).stdout(Stdio::null()).stderr(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    let deadline = Instant::now() + Duration::from_secs(60);
    while !scratch
        .snapshot()
        .keys()
        .any(|path| path.to_string_lossy().contains(".reelpack-"))
    {
        assert!(
            child.try_wait().unwrap().is_none(),
            "ended before it was interrupted"
        );
        assert!(
            Instant::now() < deadline,
            "{before} files, and no temporary one"
        );
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), signal).unwrap();
    let mut said = Vec::new();
    reader.read_to_end(&mut said).unwrap();
    let said = String::from_utf8_lossy(&said);
    let said = said.trim_start_matches('\0');
    assert!(
        said.ends_with("interrupted: nothing was left behind\n"),
        "{said}"
    );
    child.wait().unwrap()
}

/// A pipe with no room left in it.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    rustix::fs::fcntl_setfl(&writer, OFlags::NONBLOCK).unwrap();
    for chunk in [4096, 1] {
        let error = loop {
            if let Err(error) = writer.write_all(&vec![0; chunk]) {
                break error;
            }
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
    }
    rustix::fs::fcntl_setfl(&writer, OFlags::empty()).unwrap();
    (reader, writer)
}
