//! A server in a process of its own, which can be killed.
//!
//! The process is this test binary again, running [`ENTRY`] alone.

use super::engines::SERVER;
use super::{chosen, config};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

/// Names the data folder to the child.
const DATA_DIR: &str = "REELPACK_TEST_SERVE";
/// Names a collector of traces to the child.
pub const TRACES: &str = "REELPACK_TEST_TRACES";
/// The test that serves when it is asked to.
const ENTRY: &str = "restart::a_killed_server_goes_on_where_it_was";

/// Whether this process is a child: then it has served until it was stopped.
pub fn has_served() -> bool {
    let Some(dir) = std::env::var_os(DATA_DIR) else {
        return false;
    };
    let mut config = config(Path::new(&dir));
    config.workers = 1;
    config.uploads.pull_allow = vec!["127.0.0.0/8".parse().expect("a network")];
    config.telemetry.traces = std::env::var(TRACES).ok();
    server::serve(config).expect("the server ends well");
    true
}

/// A child that serves.
pub struct ServerProcess {
    child: Child,
    log: BufReader<ChildStderr>,
    seen: String,
    /// Where it listens.
    pub base: String,
}

impl ServerProcess {
    /// Starts a server on a data folder and waits until it listens.
    pub fn start(data_dir: &Path) -> Self {
        Self::start_with(data_dir, &[])
    }

    /// The same with more in its environment.
    pub fn start_with(data_dir: &Path, environment: &[(&str, &str)]) -> Self {
        // The server of the database, when there is one, is this process's.
        let (_, url) = chosen(data_dir);
        let server = url.and_then(|url| Some((SERVER, url.rsplit_once('/')?.0.to_owned())));
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args([ENTRY, "--exact", "--nocapture", "--test-threads", "1"])
            .env(DATA_DIR, data_dir)
            .envs(server)
            .envs(environment.iter().copied())
            .env("REELPACK_LOG", "trace")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the child starts");
        let mut log = BufReader::new(child.stderr.take().expect("its log"));
        let mut seen = String::new();
        let base = loop {
            let mut line = String::new();
            let read = log.read_line(&mut line).expect("a line");
            seen.push_str(&line);
            assert!(read > 0, "the child ended: {seen}");
            if let Some(base) = line.trim().strip_prefix("listening on ") {
                break base.to_owned();
            }
        };
        Self {
            child,
            log,
            seen,
            base,
        }
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The arguments of the process, as everyone on the machine sees them.
    pub fn arguments(&self) -> String {
        let path = format!("/proc/{}/cmdline", self.child.id());
        std::fs::read_to_string(path).expect("the arguments")
    }

    /// Kills the process: it gets no chance to tidy up.
    pub fn kill(mut self) {
        self.child.kill().expect("killed");
        self.child.wait().expect("gone");
    }

    /// Asks the process to stop; returns how it ended and all that it logged.
    pub fn terminate(mut self) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill runs").success());
        self.log.read_to_string(&mut self.seen).expect("the log");
        let status = self.child.wait().expect("gone");
        (status, std::mem::take(&mut self.seen))
    }
}

impl Drop for ServerProcess {
    /// A test that is done with it, or failed, leaves no process behind.
    fn drop(&mut self) {
        // It may have ended already; nothing else can fail.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
