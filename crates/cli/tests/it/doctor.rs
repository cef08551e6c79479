//! `doctor` says what is wrong and what to do; `health` asks a server; logs are JSON when that is wanted.

use crate::support::Scratch;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn a_new_folder_is_well_and_a_broken_one_is_not() {
    let scratch = Scratch::new();
    let well = scratch.run(["doctor", "--data-dir", "data", "--json"]);
    assert_eq!(well.code(), Some(0), "{}{}", well.stdout(), well.stderr());
    let findings = well.json();
    let names: Vec<_> = findings.as_array().unwrap().iter().collect();
    for name in [
        "ffmpeg",
        "ffprobe",
        "clock",
        "free space",
        "storage",
        "database",
        "key file",
        "jobs",
    ] {
        let found = names.iter().find(|finding| finding["name"] == name);
        assert_eq!(found.unwrap_or_else(|| panic!("no {name}"))["good"], true);
    }

    scratch.write("file", "no folder");
    for (flags, words) in [
        (
            &["--ffmpeg", "/absent/ffmpeg"][..],
            &["WRONG ffmpeg", "→", "--ffmpeg"][..],
        ),
        (
            &["--data-dir", "file"],
            &["WRONG data folder", "--data-dir"],
        ),
        (
            &["--database-url", "postgres://u:canary@127.0.0.1:1/d"],
            &["WRONG database", "--database-url-file"],
        ),
    ] {
        let words_of_run = ["doctor", "--data-dir", "data"].iter().chain(flags);
        // The last of two flags of a name would be an error.
        let words_of_run: Vec<_> = match flags[0] {
            "--data-dir" => std::iter::once(&"doctor").chain(flags).collect(),
            _ => words_of_run.collect(),
        };
        let run = scratch.run(words_of_run);
        assert_eq!(
            run.code(),
            Some(1),
            "{flags:?}: {}{}",
            run.stdout(),
            run.stderr()
        );
        for word in words {
            assert!(run.stdout().contains(word), "{flags:?}: {}", run.stdout());
        }
        assert!(!run.stdout().contains("canary"), "{}", run.stdout());
    }
}

#[test]
fn health_is_what_the_server_says_and_the_log_is_json() {
    let scratch = Scratch::new();
    let mut child = scratch
        .command()
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--data-dir",
            "data",
            "--log-format",
            "json",
        ])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut logged = Vec::new();
    let url = lines
        .find_map(|line| {
            let line = line.unwrap();
            match line.strip_prefix("listening on ") {
                Some(url) => Some(url.to_owned()),
                None => {
                    logged.push(line);
                    None
                }
            }
        })
        .expect("a line that says where the server listens");
    let ready = scratch.run(["health", &url]);
    assert_eq!(
        (ready.code(), ready.stdout()),
        (Some(0), "ready\n"),
        "{}",
        ready.stderr()
    );
    assert!(!logged.is_empty());
    for line in logged {
        let event: Value =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for name in ["timestamp", "level", "message", "target"] {
            assert!(event[name].is_string(), "{name}: {line}");
        }
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    lines.for_each(|line| drop(line.unwrap()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let gone = scratch.run(["health", &url]);
    assert_eq!(gone.code(), Some(74), "{}", gone.stderr());
}
