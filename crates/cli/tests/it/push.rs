//! `push` uploads, goes on after every interruption, and says where the video plays.

use crate::media;
use crate::support::{Run, Scratch};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server on a port that stays the same when it is started again.
pub struct Server {
    child: Child,
    port: u16,
}

impl Server {
    pub fn start(scratch: &Scratch) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        Self::on(scratch, port)
    }

    fn on(scratch: &Scratch, port: u16) -> Self {
        let mut child = scratch
            .command()
            .args(["serve", "--data-dir", "data", "--reserve", "0", "--listen"])
            .arg(format!("127.0.0.1:{port}"))
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("listening on")));
        // Nobody reads on, and a full pipe would stop the server.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, port }
    }

    pub fn base(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Ends the server; returns its port.
    pub fn kill(self) -> u16 {
        self.port
    }
}

impl Drop for Server {
    /// A server that outlives a test that fails holds the output of all tests open, and they never end.
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

pub fn push(scratch: &Scratch, base: &str, words: &str) -> Command {
    let mut command = scratch.command();
    command
        .args(["push", "--server", base])
        .args(words.split_whitespace())
        .env("XDG_STATE_HOME", scratch.path().join("state"));
    command
}

pub fn run(mut command: Command) -> Run {
    Run(command.output().unwrap())
}

/// Writes a video of at least this size: a clip, and behind it a box that nobody reads.
fn film(scratch: &Scratch, size: usize) {
    let mut bytes = std::fs::read(media::clip()).unwrap();
    let noise = size - bytes.len();
    bytes.extend(u32::try_from(noise).unwrap().to_be_bytes());
    bytes.extend(b"free");
    bytes.extend((0..noise - 8).map(|at| (at * 31 / 7) as u8));
    scratch.write("film.mp4", bytes);
}

fn remembered(scratch: &Scratch) -> usize {
    let folder = scratch.path().join("state/reelpack/uploads");
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

#[test]
fn a_file_is_pushed_packaged_and_where_it_plays_is_printed() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    film(&scratch, 3_000_000);
    let done = run(push(
        &scratch,
        &server.base(),
        "film.mp4 --chunk 1MB --json",
    ))
    .ok();
    let report = done.json();
    let url = report["url"].as_str().unwrap();
    assert!(
        url.starts_with(&format!("{}/assets/ast_", server.base())),
        "{url}"
    );
    assert!(report["dash_url"].as_str().unwrap().ends_with("stream.mpd"));
    assert_eq!(report["duplicate_of"], Value::Null);
    assert_eq!(remembered(&scratch), 0);
    let again = run(push(
        &scratch,
        &server.base(),
        "film.mp4 --no-package --name other.mp4",
    ))
    .ok();
    assert!(
        again.stderr().contains("had these bytes before"),
        "{}",
        again.stderr()
    );
    assert!(
        again
            .stdout()
            .starts_with(&format!("{}/assets/ast_", server.base()))
    );
    server.kill();
}

#[test]
fn a_push_goes_on_after_its_own_end_and_that_of_the_server() {
    let scratch = Scratch::new();
    let mut server = Server::start(&scratch);
    let base = server.base();
    film(&scratch, 60_000_000);
    for round in 0..6 {
        let mut child = push(&scratch, &base, "film.mp4 --chunk 256KiB --no-package")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Until something more is there than before.
        let before = received(&scratch);
        let began = Instant::now();
        while received(&scratch) < before + 3_000_000 {
            assert!(began.elapsed() < Duration::from_secs(30), "nothing is sent");
            std::thread::sleep(Duration::from_millis(5));
        }
        if round % 2 == 0 {
            child.kill().unwrap();
            child.wait().unwrap();
            assert_eq!(remembered(&scratch), 1);
        } else {
            server = Server::on(&scratch, server.kill());
            std::thread::sleep(Duration::from_millis(50));
            // It waits for the server and goes on by itself; then it is asked to end.
            kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
            child.wait().unwrap();
        }
    }
    let done = run(push(&scratch, &base, "film.mp4 --json")).ok();
    assert!(done.json()["dash_url"].is_string());
    assert_eq!(
        done.json()["duplicate_of"],
        Value::Null,
        "one upload became two assets"
    );
    server.kill();
}

/// Bytes of the one unfinished upload.
fn received(scratch: &Scratch) -> u64 {
    let files = std::fs::read_dir(scratch.path().join("data/uploads"));
    files.map_or(0, |files| {
        files
            .flatten()
            .map(|file| file.metadata().map_or(0, |data| data.len()))
            .sum()
    })
}

#[test]
fn what_goes_wrong_has_its_exit_code() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    scratch.write("text.mp4", "no video");
    run(push(&scratch, &server.base(), "text.mp4")).fails(65, "text.mp4: ");
    assert_eq!(remembered(&scratch), 0);
    run(push(&scratch, &server.base(), "missing.mp4")).fails(74, "missing.mp4");
    run(push(&scratch, &server.base(), "data")).fails(2, "is a folder");
    run(push(&scratch, "file:///x", "text.mp4")).fails(2, "--server");
    let port = server.kill();
    let gone = format!("http://127.0.0.1:{port}");
    let run = run(push(&scratch, &gone, "text.mp4 --patience 1s")).fails(74, "--patience");
    assert!(
        run.stderr().contains("waiting for http://"),
        "{}",
        run.stderr()
    );
}

#[test]
fn what_is_noted_goes_along() {
    let scratch = Scratch::new();
    let server = Server::start(&scratch);
    film(&scratch, 300_000);
    let words = "film.mp4 --no-package --external-id order=42 --metadata season=2 --metadata formula=a=b --json";
    let report = run(push(&scratch, &server.base(), words)).ok().json();
    let id = report["asset_id"].as_str().unwrap();
    let url = format!("{}/api/v1/assets/{id}", server.base());
    let mut answer = ureq::get(&url).call().unwrap();
    let asset: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
    assert_eq!(asset["external_id"], "order=42");
    let metadata = serde_json::json!({"season": "2", "formula": "a=b"});
    assert_eq!(asset["metadata"], metadata);

    let words = "film.mp4 --no-package --metadata season";
    run(push(&scratch, &server.base(), words)).fails(2, "NAME=VALUE");
    let long = format!("film.mp4 --no-package --external-id {}", "x".repeat(256));
    run(push(&scratch, &server.base(), &long)).fails(65, "external_id");
}
