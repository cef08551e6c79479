//! Processes of Reelpack that can be killed, and a client of them.

use super::{PATIENCE, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use ureq::Agent;

/// A running process.
pub struct Process {
    child: Child,
    log: JoinHandle<String>,
    /// Where it listens.
    base: String,
    started: Instant,
    /// How long it took from its start to its first answer.
    pub up_in: Duration,
    agent: Agent,
}

/// The process went away before it answered.
#[derive(Debug)]
pub struct Gone;

/// An answer: status and JSON, `Null` without any.
pub type Answer = Result<(u16, Value), Gone>;

impl Process {
    /// Starts a server with armed crash points (`""` for none). `Err` with its log when it ends before it answers.
    pub fn serve(data: &Path, points: &str, workers: usize) -> Result<Self, String> {
        let workers = workers.to_string();
        let words = ["serve", "--listen", "127.0.0.1:0", "--workers", &workers];
        let (process, listening) = Self::start(data, points, &words);
        let Ok(base) = listening.recv_timeout(PATIENCE) else {
            let (status, log) = process.ended();
            assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{log}");
            return Err(log);
        };
        let mut process = Self { base, ..process };
        let (status, found) = process.get("/api/v1/assets").map_err(|_| String::new())?;
        assert_eq!(status, 200, "{found}");
        process.up_in = process.started.elapsed();
        Ok(process)
    }

    /// Starts a server and waits for nothing.
    pub fn launch(data: &Path, workers: usize) -> Self {
        let workers = workers.to_string();
        let words = ["serve", "--listen", "127.0.0.1:0", "--workers", &workers];
        Self::start(data, "", &words).0
    }

    fn start(data: &Path, points: &str, words: &[&str]) -> (Self, mpsc::Receiver<String>) {
        let started = Instant::now();
        let mut command = Command::new(env!("CARGO_BIN_EXE_reelpack"));
        command.args(words).arg("--data-dir").arg(data);
        let child = command
            .env("FAILPOINTS", points)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let stderr = child.stderr.take().unwrap();
        let (say, listening) = mpsc::channel();
        let log = std::thread::spawn(move || read(stderr, &say));
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build();
        let process = Self {
            child,
            log,
            base: String::new(),
            up_in: Duration::ZERO,
            agent: agent.into(),
            started,
        };
        (process, listening)
    }

    /// Asks for JSON.
    pub fn get(&self, path: &str) -> Answer {
        answer(self.agent.get(self.url(path)).call())
    }

    /// Posts JSON.
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        let request = self.agent.post(self.url(path));
        let request = request.header("content-type", "application/json");
        answer(request.send(body.to_string()))
    }

    pub fn delete(&self, path: &str) -> Answer {
        answer(self.agent.delete(self.url(path)).call())
    }

    /// Uploads a file as a form, as the first API's clients do.
    pub fn upload(&self, file: &Path) -> Answer {
        const BOUNDARY: &str = "----a-boundary-that-no-video-holds";
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"clip.mp4\"\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let bytes = std::fs::read(file).unwrap();
        let body = [head.as_bytes(), &bytes, tail.as_bytes()].concat();
        let kind = format!("multipart/form-data; boundary={BOUNDARY}");
        let request = self.agent.post(self.url("/api/v1/assets"));
        answer(request.header("content-type", kind).send(body))
    }

    /// A request of tus that brings bytes at an offset, or begins an upload of this length when there is no path. The
    /// status, the offset and the id that the answer names.
    pub fn tus(
        &self,
        path: Option<&str>,
        number: u64,
        bytes: &[u8],
    ) -> Result<(u16, u64, String), Gone> {
        let (method, header) = match path {
            Some(_) => ("PATCH", "upload-offset"),
            None => ("POST", "upload-length"),
        };
        let mut request = ureq::http::Request::builder();
        if path.is_some() {
            request = request.header("content-type", "application/offset+octet-stream");
        }
        let request = request
            .method(method)
            .uri(self.url(path.unwrap_or("/api/v1/uploads")))
            .header("tus-resumable", "1.0.0")
            .header(header, number)
            .body(bytes);
        let answer = self.agent.run(request.unwrap()).map_err(|_| Gone)?;
        let text = |name: &str| {
            let value = answer.headers().get(name);
            value.map_or("", |value| value.to_str().unwrap()).to_owned()
        };
        let location = text("location");
        let id = location.rsplit('/').next().unwrap_or_default().to_owned();
        let offset = text("upload-offset").parse().unwrap_or(0);
        Ok((answer.status().as_u16(), offset, id))
    }

    /// The bytes behind an absolute or relative URL of this server; `None` when it is not 200.
    pub fn bytes(&self, url: &str) -> Option<Vec<u8>> {
        let url = match url.strip_prefix("http://") {
            Some(_) => url.to_owned(),
            None => self.url(url),
        };
        let mut response = self.agent.get(url).call().ok()?;
        (response.status() == 200).then(|| response.body_mut().read_to_vec().unwrap())
    }

    /// Waits for something that an address says.
    pub fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        until(path, || {
            let (status, found) = self.get(path).expect("the server runs");
            (status == 200 && wanted(&found)).then_some(found)
        })
    }

    /// Ends the process as it is.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.ended();
    }

    /// Kills the process while others talk with it.
    pub fn kill_now(&self) {
        self.signal(Signal::KILL);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends the process with care.
    pub fn stop(self) {
        self.signal(Signal::TERM);
        let (status, log) = self.ended();
        assert!(status.success(), "{status}: {log}");
    }

    /// Waits for the process to be killed at a crash point.
    #[track_caller]
    pub fn died(mut self, point: &str) {
        until(&format!("death at {point}"), || {
            self.child.try_wait().unwrap()
        });
        let (status, log) = self.ended();
        assert_eq!(
            status.signal(),
            Some(Signal::KILL.as_raw()),
            "{point}: {log}"
        );
    }

    fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        (status, self.log.join().unwrap())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// Reads a log to its end; says where the server listens.
fn read(stderr: ChildStderr, listening: &mpsc::Sender<String>) -> String {
    let mut reader = BufReader::new(stderr);
    let mut log = String::new();
    loop {
        let before = log.len();
        // What a killed process said last may be cut off in a character.
        if !matches!(reader.read_line(&mut log), Ok(1..)) {
            return log;
        }
        if let Some(base) = log[before..].trim().strip_prefix("listening on ") {
            let _ = listening.send(base.to_owned());
        }
    }
}

fn answer(response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut response = response.map_err(|_| Gone)?;
    let mut text = String::new();
    let read = response.body_mut().as_reader().read_to_string(&mut text);
    read.map_err(|_| Gone)?;
    let found = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok((response.status().as_u16(), found))
}
