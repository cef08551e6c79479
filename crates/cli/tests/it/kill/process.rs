//! Processes of Reelpack that can be killed, and a client of them.

use super::power::{self, Watch};
use super::{LOOK_AGAIN, PATIENCE, until};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use ureq::Agent;

/// A running process.
pub struct Process {
    child: Child,
    /// Under it, the end is a power cut.
    watch: Option<Watch>,
    log: JoinHandle<()>,
    lines: Arc<Mutex<String>>,
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
        Self::serve_as(data, &[("FAILPOINTS", points)], &["--workers", &workers])
    }

    /// The same in an environment, with more words on the command line.
    pub fn serve_as(
        data: &Path,
        environment: &[(&str, &str)],
        words: &[&str],
    ) -> Result<Self, String> {
        let words = [&["serve", "--listen", "127.0.0.1:0"], words].concat();
        let (process, listening) = Self::start_with(data, environment, &words);
        let Ok(base) = listening.recv_timeout(PATIENCE) else {
            let (status, log) = process.ended();
            assert_eq!(status.signal(), Some(Signal::KILL.as_raw()), "{log}");
            return Err(log);
        };
        let mut process = Self { base, ..process };
        let (status, found) = process.get("/api/v1/assets").map_err(|_| String::new())?;
        if status != 200 && matches!(process.child.try_wait(), Ok(Some(_))) {
            // It is gone, and another program listens on its port by now.
            return Err(String::new());
        }
        assert_eq!(status, 200, "{found}");
        process.up_in = process.started.elapsed();
        Ok(process)
    }

    /// Starts workers alone, with armed crash points and a lease of so many milliseconds.
    pub fn work(data: &Path, points: &str, lease_ms: u64) -> Self {
        let lease = lease_ms.to_string();
        let environment = [("FAILPOINTS", points), ("REELPACK_TEST_LEASE_MS", &lease)];
        Self::work_as(data, &environment, &[])
    }

    /// The same in an environment, with more words on the command line.
    pub fn work_as(data: &Path, environment: &[(&str, &str)], words: &[&str]) -> Self {
        let words = [&["worker", "--workers", "1"], words].concat();
        let (process, working) = Self::start_with(data, environment, &words);
        working.recv_timeout(PATIENCE).expect("it works");
        process
    }

    /// Starts a rotation of the key under which content keys are wrapped, with armed crash points.
    pub fn rotate(data: &Path, points: &str) -> Self {
        Self::start(data, points, &["rotate-key"]).0
    }

    /// Starts a server and waits for nothing.
    pub fn launch(data: &Path, workers: usize) -> Self {
        let workers = workers.to_string();
        let words = ["serve", "--listen", "127.0.0.1:0", "--workers", &workers];
        Self::start(data, "", &words).0
    }

    fn start(data: &Path, points: &str, words: &[&str]) -> (Self, mpsc::Receiver<String>) {
        Self::start_with(data, &[("FAILPOINTS", points)], words)
    }

    fn start_with(
        data: &Path,
        environment: &[(&str, &str)],
        words: &[&str],
    ) -> (Self, mpsc::Receiver<String>) {
        let started = Instant::now();
        let watch = Watch::begin(data);
        let mut line = watch.as_ref().map_or(Vec::new(), Watch::command);
        line.push(env!("CARGO_BIN_EXE_reelpack").to_owned());
        let mut command = Command::new(&line[0]);
        command
            .args(&line[1..])
            .args(words)
            .arg("--data-dir")
            .arg(data);
        if watch.is_some() {
            command.env("REELPACK_TEST_BOOT_ID", power::boot());
        }
        let child = command
            .envs(environment.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let stderr = child.stderr.take().unwrap();
        let (say, listening) = mpsc::channel();
        let lines = Arc::new(Mutex::new(String::new()));
        let to = lines.clone();
        let log = std::thread::spawn(move || read(stderr, &to, &say));
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build();
        let process = Self {
            child,
            watch,
            log,
            lines,
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

    /// Posts JSON under a name.
    pub fn post_named(&self, path: &str, body: &Value, name: &str) -> Answer {
        let request = self.agent.post(self.url(path));
        let request = request.header("content-type", "application/json");
        let request = request.header("idempotency-key", name);
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
    #[track_caller]
    pub fn until(&self, path: &str, mut wanted: impl FnMut(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, found) = self.get(path).expect("the server runs");
            if status == 200 && wanted(&found) {
                return found;
            }
            assert!(Instant::now() < deadline, "{path} stays: {status} {found}");
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// Ends the process as it is.
    pub fn kill(self) {
        self.kill_now();
        self.ended();
    }

    /// Where it listens.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Whether its log holds a text.
    pub fn said(&self, text: &str) -> bool {
        self.lines.lock().unwrap().contains(text)
    }

    /// Kills the process while others talk with it.
    pub fn kill_now(&self) {
        self.signal(Signal::KILL);
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let sent = kill_process(self.pid(), signal);
        // It may have ended by itself, at a crash point.
        assert!(
            sent.is_ok() || self.watch.is_some() || signal == Signal::KILL,
            "{sent:?}"
        );
    }

    fn pid(&self) -> Pid {
        let child = Pid::from_child(&self.child);
        if self.watch.is_none() {
            return child;
        }
        // The child is strace, whose child is the process.
        let number = child.as_raw_nonzero();
        let children = std::fs::read_to_string(format!("/proc/{number}/task/{number}/children"));
        let first = children.unwrap_or_default();
        let first = first.split(' ').next().and_then(|pid| pid.parse().ok());
        first.and_then(Pid::from_raw).unwrap_or(child)
    }

    /// Ends the process with care.
    pub fn stop(self) {
        self.signal(Signal::TERM);
        let (status, log) = self.ended();
        assert!(status.success(), "{status}: {log}");
    }

    /// Waits for the process to end by itself; its exit code and log.
    pub fn end(self) -> (Option<i32>, String) {
        let (status, log) = self.ended();
        (status.code(), log)
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
        self.log.join().unwrap();
        let log = std::mem::take(&mut *self.lines.lock().unwrap());
        if let Some(watch) = self.watch.take()
            && status.signal() == Some(Signal::KILL.as_raw())
        {
            watch.cut();
        }
        (status, log)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }
}

/// Reads a log to its end; says where the server listens.
fn read(stderr: ChildStderr, log: &Mutex<String>, listening: &mpsc::Sender<String>) {
    let mut reader = BufReader::new(stderr);
    let mut line = String::new();
    // What a killed process said last may be cut off in a character.
    while matches!(reader.read_line(&mut line), Ok(1..)) {
        log.lock().unwrap().push_str(&line);
        let said = line.trim();
        let ready = said.strip_prefix("listening on ");
        if let Some(base) = ready.or(said.strip_prefix("working as ")) {
            let _ = listening.send(base.to_owned());
        }
        line.clear();
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
