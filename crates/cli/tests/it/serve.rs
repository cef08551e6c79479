//! `serve` starts a server and ends when it is asked to.

use crate::support::Scratch;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Stdio;

#[test]
fn the_server_answers_and_ends_by_a_signal() {
    let scratch = Scratch::new();
    let mut child = scratch
        .command()
        .args(["serve", "--listen", "127.0.0.1:0"])
        .env("XDG_DATA_HOME", scratch.path().join("data"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let address = lines
        .find_map(|line| {
            let line = line.unwrap();
            let (_, address) = line.split_once("listening on http://")?;
            address.split_whitespace().next().map(str::to_owned)
        })
        .expect("a line that says where the server listens");
    let mut stream = TcpStream::connect(&address).unwrap();
    let request = format!("GET /videos/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(
        scratch
            .path()
            .join("data/reelpack/content-keys.key")
            .is_file()
    );

    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    lines.for_each(|line| drop(line.unwrap()));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut stdout = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut stdout)
        .unwrap();
    assert_eq!(stdout, "");
}

#[test]
fn an_address_in_use_is_an_io_error() {
    let scratch = Scratch::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let run = scratch.run(["serve", "--data-dir", "data", "--listen", &address]);
    assert_eq!(run.code(), Some(74), "{}", run.stderr());
    assert!(run.stderr().contains(&address), "{}", run.stderr());
}
