//! One run of a program: what it may read and write, how long and how much, how far it is, and its end.

use crate::error::{self, Limit};
use crate::tools::{Confinement, Program, Tools};
use crate::{Error, Result, confine};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a program may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of address space.
    pub memory: u64,
    /// Seconds of processor time, all threads together.
    pub cpu_seconds: u64,
    /// Bytes of each file that it writes.
    pub output: u64,
    /// How long it may take.
    pub time: Duration,
}

impl Limits {
    /// For looking into a file.
    pub const LOOK: Self = Self {
        memory: 2 << 30,
        cpu_seconds: 30,
        output: 0,
        time: Duration::from_secs(60),
    };
    /// For making a file of a long video.
    pub const MAKE: Self = Self {
        memory: 8 << 30,
        cpu_seconds: 7 * 24 * 3600,
        output: 1 << 40,
        time: Duration::from_secs(7 * 24 * 3600),
    };
}

/// A run of a program.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    /// Which one.
    pub program: Program,
    /// Its arguments; what every run has (no questions, no banner, no network) is added to them.
    pub arguments: Vec<OsString>,
    /// The files that it may read.
    pub reads: &'a [PathBuf],
    /// The folder in which it may write.
    pub writes: Option<&'a Path>,
    /// What it may spend.
    pub limits: Limits,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Pictures written.
    pub frames: u64,
    /// Time of the output, in microseconds.
    pub time_us: u64,
}

/// Who watches a run.
pub trait Control: Sync {
    /// Whether it is to be ended.
    fn cancelled(&self) -> bool;
    /// Hears how far it is.
    fn progress(&self, progress: Progress);
}

/// Nobody watches.
#[derive(Debug, Clone, Copy)]
pub struct Unwatched;

impl Control for Unwatched {
    fn cancelled(&self) -> bool {
        false
    }

    fn progress(&self, _: Progress) {}
}

/// How often a run is asked whether it is to be ended.
const LOOK: Duration = Duration::from_millis(100);
/// Most bytes of an answer on stdout.
const MAX_ANSWER: u64 = 8 << 20;
/// Bytes of what a program says that are kept: the last ones.
const MAX_SAID: usize = 64 << 10;

impl Tools {
    /// Runs a program to its end; returns what it wrote to stdout.
    ///
    /// # Errors
    /// When it fails, why; [`Error::Cancelled`] when [`Control::cancelled`] said so: then nothing of it runs any more. What
    /// it wrote into its folder is there in both cases.
    pub fn run(&self, task: &Task<'_>, control: &dyn Control) -> Result<Vec<u8>> {
        let mut child = self
            .command(task)?
            .spawn()
            .map_err(Error::io("start ffmpeg"))?;
        let (say, heard) = channel();
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Error::Tool("a program has no outputs".into()));
        };
        let answer = match task.program {
            Program::Ffmpeg => std::thread::spawn(move || follow(stdout, &say)),
            Program::Ffprobe => std::thread::spawn(move || collect(stdout, &say)),
        };
        let said = std::thread::spawn(move || listen(stderr));
        let stopped = watch(&mut child, &heard, task.limits.time, control);
        let ended = child.wait().map_err(Error::io("wait for ffmpeg"));
        let (answer, said) = (joined(answer)?, joined(said)?);
        match stopped {
            Some(error) => Err(error),
            None => judge(ended?, &said).map(|()| answer),
        }
    }

    fn command(&self, task: &Task<'_>) -> Result<Command> {
        let program = self.path(task.program)?;
        let mut line = match &self.confinement {
            Confinement::Off => vec![program.into_os_string()],
            Confinement::Helper(helper) => {
                let mut line = helper.clone();
                line.extend(confine::arguments(&program, task)?);
                line
            }
        };
        line.extend(always(task.program));
        line.extend(task.arguments.iter().cloned());
        let mut words = line.into_iter();
        let mut command = Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A signal from a terminal is for the parent, which ends the run in its own time.
            .process_group(0);
        if let Some(folder) = task.writes {
            command.current_dir(folder);
        }
        Ok(command)
    }
}

/// What stands before the arguments of every run.
fn always(program: Program) -> Vec<OsString> {
    let words: &[&str] = match program {
        Program::Ffmpeg => &[
            "-hide_banner",
            "-nostdin",
            "-nostats",
            "-y",
            "-loglevel",
            "error",
            "-progress",
            "pipe:1",
            "-max_alloc",
            "1073741824",
        ],
        Program::Ffprobe => &[
            "-hide_banner",
            "-loglevel",
            "error",
            "-max_alloc",
            "1073741824",
        ],
    };
    words.iter().map(OsString::from).collect()
}

/// Waits until the outputs of a child are closed, or it is to end; then says why it was ended.
fn watch(
    child: &mut Child,
    heard: &Receiver<Progress>,
    time: Duration,
    control: &dyn Control,
) -> Option<Error> {
    let began = Instant::now();
    loop {
        let stop = if control.cancelled() {
            Some(Error::Cancelled)
        } else if began.elapsed() > time {
            Some(Error::LimitExceeded(Limit::Time))
        } else {
            None
        };
        if stop.is_some() {
            end(child);
            return stop;
        }
        match heard.recv_timeout(LOOK) {
            Ok(progress) => control.progress(progress),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// Ends a child with all that it may have started.
fn end(child: &mut Child) {
    let group = rustix::process::Pid::from_child(child);
    // It may have ended in between.
    let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let _ = child.kill();
}

/// Reads what `-progress` says.
fn follow(stdout: ChildStdout, say: &Sender<Progress>) -> Vec<u8> {
    let mut progress = Progress::default();
    for line in BufReader::new(stdout)
        .split(b'\n')
        .map_while(std::io::Result::ok)
    {
        let line = String::from_utf8_lossy(&line);
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        match name {
            "frame" => progress.frames = value.trim().parse().unwrap_or(progress.frames),
            "out_time_us" => progress.time_us = value.trim().parse().unwrap_or(progress.time_us),
            // Who does not listen any more is about to end this program.
            "progress" => {
                let _ = say.send(progress);
            }
            _ => {}
        }
    }
    Vec::new()
}

/// Reads an answer; its sender goes with the thread.
fn collect(stdout: ChildStdout, _say: &Sender<Progress>) -> Vec<u8> {
    let mut answer = Vec::new();
    let mut limited = stdout.take(MAX_ANSWER);
    // What is cut off is no JSON, which the caller says.
    let _ = limited.read_to_end(&mut answer);
    let _ = std::io::copy(&mut limited.into_inner(), &mut std::io::sink());
    answer
}

/// Reads what a program has to say, and keeps the end of it.
fn listen(mut stderr: ChildStderr) -> String {
    let mut said = Vec::new();
    let mut piece = [0; 4096];
    while let Ok(count @ 1..) = stderr.read(&mut piece) {
        said.extend_from_slice(&piece[..count]);
        if said.len() > 2 * MAX_SAID {
            said.drain(..said.len() - MAX_SAID);
        }
    }
    String::from_utf8_lossy(&said).into_owned()
}

fn judge(ended: ExitStatus, said: &str) -> Result<()> {
    if ended.success() {
        return Ok(());
    }
    if ended.code() == Some(confine::REFUSED) {
        let why = said.lines().last().unwrap_or("no reason given");
        return Err(Error::ConfinementMissing(why.to_owned()));
    }
    Err(match ended.signal() {
        Some(libc::SIGXCPU) => Error::LimitExceeded(Limit::Cpu),
        Some(libc::SIGXFSZ) => Error::LimitExceeded(Limit::Output),
        // The soft limit of processor time was not enough to end it; or the machine has no memory left.
        Some(libc::SIGKILL) => {
            Error::Tool("ffmpeg was killed: by the memory of this machine, or by a person".into())
        }
        Some(signal) => Error::InvalidInput(format!(
            "ffmpeg broke over the file (signal {signal}); deliver it again in another form"
        )),
        None => error::explain(said),
    })
}

fn joined<T>(thread: JoinHandle<T>) -> Result<T> {
    thread
        .join()
        .map_err(|_| Error::Tool("a thread that listens to ffmpeg panicked".into()))
}
