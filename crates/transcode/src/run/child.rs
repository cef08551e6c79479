//! A program that runs: one thread reads what it says, asks whether it is to end, and looks at what it uses.

use super::progress::Reader;
use super::{Control, Limits, Task};
use crate::tools::Program;
use crate::{Error, Limit, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// How often a run is looked at.
const TICK: Duration = Duration::from_millis(50);
/// How often its folder is measured, in ticks.
const TICKS_A_MEASURE: u32 = 10;
/// Bytes of stderr that are kept; the rest is read and dropped.
const MAX_SAID: usize = 64 << 10;
/// Most bytes of an answer on stdout.
const MAX_ANSWER: usize = 8 << 20;
/// How long a program may use no processor time at all.
const MAX_IDLE: Duration = Duration::from_secs(120);
/// Most threads at once.
const MAX_THREADS: u32 = 512;

/// A process that was started; dropped, it and its group are killed and waited for.
pub(super) struct Child {
    process: std::process::Child,
    pid: Pid,
    handle: OwnedFd,
    ended: bool,
}

/// What is known of a process that has ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub status: ExitStatus,
    pub answer: Vec<u8>,
    pub said: String,
    /// Of all threads.
    pub processor_time: Duration,
}

impl Child {
    /// Starts it. It is to be the head of a group of its own.
    pub fn start(command: &mut Command) -> Result<Self> {
        let process = command.spawn().map_err(Error::io("start ffmpeg"))?;
        let pid = Pid::from_child(&process);
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(handle) => Ok(Self {
                process,
                pid,
                handle,
                ended: false,
            }),
            Err(error) => {
                end(&mut { process }, pid);
                Err(Error::io("watch ffmpeg")(error.into()))
            }
        }
    }

    /// Waits for the end, and brings it about when it must be.
    pub fn watch(mut self, task: &Task<'_>, control: &dyn Control) -> Result<Ended> {
        let limits = &task.limits;
        let is_progress = task.program == Program::Ffmpeg;
        let mut reader = Reader::new(is_progress, control);
        let (mut answer, mut said) = (Vec::new(), Vec::new());
        let mut stdout = self.process.stdout.take();
        let mut stderr = self.process.stderr.take();
        let begun = Instant::now();
        let (mut looked, mut ticks) = (begun, 0_u32);
        let mut working = Working::since(begun);
        loop {
            let ready = self.wait(stdout.as_ref(), stderr.as_ref())?;
            if ready.stdout && !read(&mut stdout, |bytes| reader.take(bytes, &mut answer))? {
                stdout = None;
            }
            if ready.stderr && !read(&mut stderr, |bytes| keep(bytes, &mut said, MAX_SAID))? {
                stderr = None;
            }
            if answer.len() > MAX_ANSWER {
                return Err(Error::LimitExceeded(Limit::Answer));
            }
            // What it said last is read first.
            if ready.ended && !ready.stdout && !ready.stderr {
                return self.finish(answer, &said);
            }
            if looked.elapsed() >= TICK {
                looked = Instant::now();
                ticks = ticks.wrapping_add(1);
                if control.cancelled() {
                    return Err(Error::Cancelled);
                }
                working.look(self.pid)?;
                self.look(
                    limits,
                    begun,
                    task.writes.filter(|_| ticks % TICKS_A_MEASURE == 0),
                )?;
            }
        }
    }

    /// Waits until there is something to read, the program has ended, or a tick is over.
    fn wait<A: std::os::fd::AsFd, B: std::os::fd::AsFd>(
        &self,
        stdout: Option<&A>,
        stderr: Option<&B>,
    ) -> Result<Ready> {
        let mut fds = vec![PollFd::new(&self.handle, PollFlags::IN)];
        fds.extend(stdout.map(|fd| PollFd::new(fd, PollFlags::IN)));
        fds.extend(stderr.map(|fd| PollFd::new(fd, PollFlags::IN)));
        let tick = Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(TICK.subsec_nanos()),
        };
        match poll(&mut fds, Some(&tick)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(Error::io("watch ffmpeg")(error.into())),
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let mut next = |is_there: bool| is_there && ready.next().unwrap_or_default();
        Ok(Ready {
            ended: next(true),
            stdout: next(stdout.is_some()),
            stderr: next(stderr.is_some()),
        })
    }

    /// Looks at what the program uses, and measures `folder`.
    fn look(&self, limits: &Limits, begun: Instant, folder: Option<&Path>) -> Result<()> {
        let over = |limit| Err(Error::LimitExceeded(limit));
        if begun.elapsed() > limits.time {
            return over(Limit::Time);
        }
        if Usage::of(self.pid).is_some_and(|usage| usage.threads > MAX_THREADS) {
            return over(Limit::Threads);
        }
        if folder.is_some_and(|folder| size(folder) > limits.output) {
            return over(Limit::Output);
        }
        Ok(())
    }

    /// The program is dead and not yet waited for, so that its number is nobody else's: what it started dies now.
    fn finish(mut self, answer: Vec<u8>, said: &[u8]) -> Result<Ended> {
        let usage = Usage::of(self.pid).unwrap_or_default();
        kill(self.pid);
        let status = self.process.wait().map_err(Error::io("wait for ffmpeg"))?;
        self.ended = true;
        let is_kept = |c: &char| !c.is_control() || *c == '\n';
        Ok(Ended {
            status,
            answer,
            said: String::from_utf8_lossy(said)
                .chars()
                .filter(is_kept)
                .collect(),
            processor_time: usage.processor_time,
        })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.ended {
            end(&mut self.process, self.pid);
        }
    }
}

/// Whether a program still does something: a library whose thread did not start may wait for it for ever.
struct Working {
    spent: Duration,
    seen: Instant,
}

impl Working {
    fn since(begun: Instant) -> Self {
        Self {
            spent: Duration::ZERO,
            seen: begun,
        }
    }

    fn look(&mut self, pid: Pid) -> Result<()> {
        let spent = Usage::of(pid).unwrap_or_default().processor_time;
        if spent != self.spent {
            *self = Self {
                spent,
                seen: Instant::now(),
            };
        }
        match self.seen.elapsed() > MAX_IDLE {
            true => Err(Error::LimitExceeded(Limit::Time)),
            false => Ok(()),
        }
    }
}

/// What can be read now, and whether the program is dead.
struct Ready {
    ended: bool,
    stdout: bool,
    stderr: bool,
}

/// What a process uses, from `/proc/PID/stat` (proc(5)).
#[derive(Debug, Clone, Copy, Default)]
struct Usage {
    processor_time: Duration,
    threads: u32,
}

impl Usage {
    fn of(pid: Pid) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name of the program comes second, in parentheses, and may hold anything.
        let fields: Vec<&str> = text.get(text.rfind(')')? + 2..)?.split(' ').collect();
        let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
        let ticks = number(11)? + number(12)?;
        let a_second = rustix::param::clock_ticks_per_second().max(1);
        Some(Self {
            processor_time: Duration::from_millis(ticks.saturating_mul(1000) / a_second),
            threads: u32::try_from(number(17)?).unwrap_or(u32::MAX),
        })
    }
}

fn end(process: &mut std::process::Child, pid: Pid) {
    kill(pid);
    // It cannot fail: the process is ours and was not waited for.
    let _ = process.wait();
}

fn kill(pid: Pid) {
    // It fails when nobody is left, which is as well.
    let _ = kill_process_group(pid, Signal::KILL);
}

/// Reads what is there; false at the end.
fn read(from: &mut Option<impl Read>, mut take: impl FnMut(&[u8])) -> Result<bool> {
    let Some(from) = from else {
        return Ok(false);
    };
    let mut buffer = [0; 16 << 10];
    match from.read(&mut buffer) {
        Ok(0) => Ok(false),
        Ok(length) => {
            take(buffer.get(..length).unwrap_or_default());
            Ok(true)
        }
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => Ok(true),
        Err(error) => Err(Error::io("listen to ffmpeg")(error)),
    }
}

fn keep(bytes: &[u8], kept: &mut Vec<u8>, most: usize) {
    let room = most.saturating_sub(kept.len()).min(bytes.len());
    kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
}

/// Bytes of the files in a folder. What goes while it is measured counts as nothing.
fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => size(&entry.path()),
        _ => entry.metadata().map_or(0, |metadata| metadata.len()),
    });
    sizes.fold(0, u64::saturating_add)
}
