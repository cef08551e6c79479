//! One run of a program: what it may read and write, how long and how much, how far it is, and its end.

mod child;
mod progress;

use crate::error::{self, Limit};
use crate::tools::{Confinement, Program, Tools};
use crate::{Error, Result, confine};
use child::{Child, Ended};
use std::ffi::OsString;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// What a program may spend.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of address space.
    pub memory: u64,
    /// Seconds of processor time, all threads together.
    pub cpu_seconds: u64,
    /// Bytes of each file that it writes, and of all in its folder.
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

/// What came of a run that went well.
#[derive(Debug)]
pub(crate) struct Heard {
    /// What it wrote to stdout.
    pub answer: Vec<u8>,
    /// What it wrote to stderr.
    pub said: String,
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

impl Tools {
    /// Runs a program to its end; returns what it wrote to stdout. It dies with the thread that calls this.
    ///
    /// # Errors
    /// When it fails, why; [`Error::Cancelled`] when [`Control::cancelled`] said so: then nothing of it runs any more. What
    /// it wrote into its folder is there in both cases.
    pub fn run(&self, task: &Task<'_>, control: &dyn Control) -> Result<Vec<u8>> {
        Ok(self.run_heard(task, control)?.answer)
    }

    /// As [`Self::run`]; tells also what the program complained about although it went well.
    pub(crate) fn run_heard(&self, task: &Task<'_>, control: &dyn Control) -> Result<Heard> {
        if control.cancelled() {
            return Err(Error::Cancelled);
        }
        let ended = Child::start(&mut self.command(task)?)?.watch(task, control)?;
        judge(&ended, &task.limits)?;
        Ok(Heard {
            answer: ended.answer,
            said: ended.said,
        })
    }

    fn command(&self, task: &Task<'_>) -> Result<Command> {
        let program = self.path(task.program)?;
        let (Confinement::Helper(helper) | Confinement::Off(helper)) = &self.confinement;
        let mut line = helper.clone();
        let is_off = matches!(self.confinement, Confinement::Off(_));
        line.extend(confine::arguments(&program, task, is_off)?);
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

/// What an end means.
fn judge(ended: &Ended, limits: &Limits) -> Result<()> {
    let Ended { status, said, .. } = ended;
    if status.success() {
        // ffmpeg goes on without what it had no memory for, and ends as if all were well.
        return match error::is_out_of_memory(said) {
            true => Err(Error::LimitExceeded(Limit::Memory)),
            false => Ok(()),
        };
    }
    if status.code() == Some(confine::REFUSED)
        && let Some(why) = said
            .lines()
            .find_map(|line| line.strip_prefix(confine::REFUSAL))
    {
        return Err(confine::refused(why));
    }
    // The kernel counts in ticks.
    let spent = ended.processor_time + Duration::from_millis(500);
    Err(match status.signal() {
        Some(libc::SIGKILL) if spent >= Duration::from_secs(limits.cpu_seconds) => {
            Error::LimitExceeded(Limit::Cpu)
        }
        Some(libc::SIGXFSZ) => Error::LimitExceeded(Limit::Output),
        Some(libc::SIGKILL) => {
            Error::Tool("ffmpeg was killed: by the memory of this machine, or by a person".into())
        }
        // A program that gets no memory often ends itself.
        Some(_) if error::is_out_of_memory(said) => Error::LimitExceeded(Limit::Memory),
        Some(signal) => Error::InvalidInput(format!(
            "ffmpeg broke over the file (signal {signal}); deliver it again in another form"
        )),
        None => error::explain(said),
    })
}
