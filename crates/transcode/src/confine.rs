//! The confinement helper: takes away from this process all that a program needs not, and becomes that program.
//!
//! It is a process of its own, since what is given up cannot be had back, and since code between fork and exec would be
//! `unsafe`. Landlock closes the file system but for the inputs, the program with its libraries, and the one folder of
//! outputs; it closes TCP too. seccomp takes sockets of any kind, new processes, and the kernel's interfaces that ffmpeg has no
//! use for. Limits of the operating system do the rest.

mod files;
mod system;

use crate::run::Task;
use crate::{Error, Result};
use rustix::process::{Resource, Rlimit, Signal};
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// Exit code of the helper when it could not confine, and so did not start the program.
pub const REFUSED: i32 = 125;
/// With what the helper begins the line that says why.
pub(crate) const REFUSAL: &str = "reelpack-confine: ";
/// The reason was not a missing means, but the program.
const NO_PROGRAM: &str = "the program does not start: ";

/// What the helper is told.
#[derive(Debug, Default, PartialEq, Eq)]
struct Orders {
    parent: i32,
    /// No Landlock, no seccomp.
    unconfined: bool,
    reads: Vec<PathBuf>,
    writes: Option<PathBuf>,
    memory: u64,
    cpu: u64,
    output: u64,
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// The helper's arguments for a task, up to the arguments of the program itself.
pub(crate) fn arguments(
    program: &Path,
    task: &Task<'_>,
    unconfined: bool,
) -> Result<Vec<OsString>> {
    let number = |name: &str, value: u64| OsString::from(format!("--{name}={value}"));
    let path = |name: &str, value: &Path| {
        // By its real place, whatever links lead there.
        let real = value.canonicalize().map_err(Error::io("find a file"))?;
        let mut word = OsString::from(format!("--{name}="));
        word.push(real);
        Ok::<_, Error>(word)
    };
    let mut words = vec![
        number("parent", u64::from(std::process::id())),
        number("memory", task.limits.memory),
        number("cpu", task.limits.cpu_seconds),
        number("output", task.limits.output),
    ];
    if unconfined {
        words.push("--unconfined=yes".into());
    }
    for file in task.reads {
        words.push(path("read", file)?);
    }
    if let Some(folder) = task.writes {
        words.push(path("write", folder)?);
    }
    words.push("--".into());
    words.push(program.into());
    Ok(words)
}

/// Confines this process and becomes the program that the arguments name. Returns only when that failed.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let refused = match parse(arguments) {
        Ok(orders) => match confine(&orders) {
            Ok(()) => {
                let mut program = Command::new(&orders.program);
                let error = program.args(&orders.arguments).env_clear().exec();
                format!("{NO_PROGRAM}{error}")
            }
            Err(reason) => reason,
        },
        Err(reason) => reason,
    };
    eprintln!("{REFUSAL}{refused}");
    ExitCode::from(u8::try_from(REFUSED).unwrap_or(1))
}

/// What the helper said becomes an error.
pub(crate) fn refused(why: &str) -> Error {
    match why.strip_prefix(NO_PROGRAM) {
        Some(error) => Error::Unsupported(format!(
            "the program in ffmpeg's place does not start here ({error}): a script or a snap cannot be confined; name \
             ffmpeg itself with --ffmpeg"
        )),
        None => Error::ConfinementMissing(why.to_owned()),
    }
}

fn parse(arguments: impl Iterator<Item = OsString>) -> std::result::Result<Orders, String> {
    let mut orders = Orders::default();
    let mut arguments = arguments.into_iter();
    for word in arguments.by_ref() {
        if word == "--" {
            break;
        }
        let (name, value) = split(&word).ok_or("an argument of the helper is not known")?;
        let number = || value.to_str().and_then(|text| text.parse::<u64>().ok());
        let wrong = "an argument of the helper is no number";
        match name {
            "--parent" => {
                let parent = number().and_then(|number| i32::try_from(number).ok());
                orders.parent = parent.ok_or(wrong)?;
            }
            "--memory" => orders.memory = number().ok_or(wrong)?,
            "--cpu" => orders.cpu = number().ok_or(wrong)?,
            "--output" => orders.output = number().ok_or(wrong)?,
            "--read" => orders.reads.push(value.into()),
            "--unconfined" => orders.unconfined = true,
            "--write" => orders.writes = Some(value.into()),
            _ => return Err("an argument of the helper is not known".into()),
        }
    }
    orders.program = arguments
        .next()
        .ok_or("the helper was not told a program")?
        .into();
    orders.arguments = arguments.collect();
    Ok(orders)
}

fn split(word: &OsStr) -> Option<(&str, &OsStr)> {
    use std::os::unix::ffi::OsStrExt;
    let bytes = word.as_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')?;
    let name = std::str::from_utf8(&bytes[..at]).ok()?;
    Some((name, OsStr::from_bytes(&bytes[at + 1..])))
}

fn confine(orders: &Orders) -> std::result::Result<(), String> {
    end_with_parent(orders.parent)?;
    limit(orders).map_err(|error| format!("limits could not be set: {error}"))?;
    // What the parent inherited from its own parent is nothing for the program.
    close_fds::set_fds_cloexec(3, &[]);
    if orders.unconfined {
        return Ok(());
    }
    files::close(&orders.program, &orders.reads, orders.writes.as_deref())?;
    system::close()
}

/// Whoever kills the parent ends this process too.
fn end_with_parent(parent: i32) -> std::result::Result<(), String> {
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|error| format!("the end of the parent would not be seen: {error}"))?;
    // It may have died before.
    let now = rustix::process::getppid().map_or(0, rustix::process::Pid::as_raw_pid);
    match now == parent {
        true => Ok(()),
        false => Err("the parent is gone".into()),
    }
}

fn limit(orders: &Orders) -> std::io::Result<()> {
    let set = |resource, most: u64| {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        rustix::process::setrlimit(resource, limit)
    };
    set(Resource::As, orders.memory)?;
    set(Resource::Fsize, orders.output)?;
    set(Resource::Nofile, 256)?;
    set(Resource::Core, 0)?;
    // Where both limits are one, the kernel kills at once: ffmpeg would catch the signal of the soft one, and end as if
    // the file were whole.
    set(Resource::Cpu, orders.cpu.max(1))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_come_through_a_command_line() {
        let words = "--parent=7 --memory=1 --cpu=2 --output=3 --read=/a=b --write=/out -- /bin/x -i --read=/no";
        let orders = parse(words.split(' ').map(OsString::from)).expect("orders");
        assert_eq!(orders.reads, [PathBuf::from("/a=b")]);
        assert_eq!(orders.writes, Some(PathBuf::from("/out")));
        assert_eq!(
            (orders.parent, orders.memory, orders.cpu, orders.output),
            (7, 1, 2, 3)
        );
        assert_eq!(orders.arguments, ["-i", "--read=/no"]);
        for wrong in [
            "--memory=x -- /bin/x",
            "--what=1 -- /bin/x",
            "/bin/x",
            "--cpu=1",
        ] {
            assert!(
                parse(wrong.split(' ').map(OsString::from)).is_err(),
                "{wrong}"
            );
        }
    }
}
