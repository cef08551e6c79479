//! A hostile program in the place of ffmpeg: it tries one deed, named by its last argument, and says how that went.

use std::fs;
use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::{Command, ExitCode};
use std::time::Duration;

fn main() -> ExitCode {
    let deed = std::env::args().next_back().unwrap_or_default();
    let (what, with) = deed.split_once('=').unwrap_or((&deed, ""));
    let done = match what {
        "read" => fs::read(with).map(|_| ()),
        "list" => fs::read_dir(with).map(|_| ()),
        "write" => fs::write(with, "x"),
        "append" => fs::OpenOptions::new().append(true).open(with).map(|_| ()),
        "link" => std::os::unix::fs::symlink("/etc", with),
        "remove" => fs::remove_file(with),
        "tcp" => TcpStream::connect(with).map(|_| ()),
        "listen" => TcpListener::bind("127.0.0.1:0").map(|_| ()),
        "udp" => UdpSocket::bind("127.0.0.1:0").map(|_| ()),
        "unix" => UnixStream::connect(with).map(|_| ()),
        "start" => Command::new(with).output().map(|_| ()),
        "fork" => Command::new("/proc/self/exe").output().map(|_| ()),
        "kill" => kill(with),
        "ptrace" => fs::read(format!("/proc/{with}/environ")).map(|_| ()),
        "limit" => limit(),
        "mode" => rustix::fs::chmod(with, rustix::fs::Mode::RWXU).map_err(Into::into),
        "times" => fs::File::open(with).and_then(|file| file.set_modified(std::time::UNIX_EPOCH)),
        "empty" => empty(with),
        "stay" => rustix::process::set_parent_process_death_signal(None).map_err(Into::into),
        "flags" => flags(with),
        "descriptors" => descriptors(),
        "threads" => threads(),
        "silent" => silent(),
        "memory" => memory(),
        "environment" => match std::env::vars().count() {
            0 => Err(std::io::Error::other("empty")),
            _ => Ok(()),
        },
        "output" => output(with),
        "spin" => loop {
            std::hint::spin_loop();
        },
        "wait" => loop {
            // Somebody is to end it.
            std::thread::sleep(Duration::from_secs(1));
        },
        "talk" => loop {
            eprintln!("{}", "x".repeat(1 << 16));
        },
        _ => Err(std::io::Error::other("no such deed")),
    };
    match done {
        Ok(()) => println!("done"),
        Err(error) => println!("refused: {error}"),
    }
    ExitCode::SUCCESS
}

fn kill(process: &str) -> std::io::Result<()> {
    let number = process
        .parse()
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let process = number.ok_or(std::io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::kill_process(
        process,
        rustix::process::Signal::CONT,
    )?)
}

fn limit() -> std::io::Result<()> {
    let none = rustix::process::Rlimit {
        current: None,
        maximum: None,
    };
    Ok(rustix::process::setrlimit(
        rustix::process::Resource::As,
        none,
    )?)
}

fn memory() -> std::io::Result<()> {
    let mut all: Vec<Vec<u8>> = Vec::new();
    while all.len() < 64 {
        let mut more = Vec::new();
        more.try_reserve_exact(64 << 20)
            .map_err(std::io::Error::other)?;
        all.push(more);
    }
    Ok(())
}

/// Opens a file to read it, and has it emptied thereby.
fn empty(path: &str) -> std::io::Result<()> {
    use rustix::fs::{Mode, OFlags};
    rustix::fs::open(path, OFlags::RDONLY | OFlags::TRUNC, Mode::empty())?;
    Ok(())
}

/// Makes a file that may be read one that nobody can change.
fn flags(path: &str) -> std::io::Result<()> {
    let file = fs::File::open(path)?;
    let flags = rustix::fs::ioctl_getflags(&file)?;
    Ok(rustix::fs::ioctl_setflags(&file, flags)?)
}

/// Reads from whatever is open besides the three that everybody has.
fn descriptors() -> std::io::Result<()> {
    let open = (3..100).find(|number| fs::read_link(format!("/proc/self/fd/{number}")).is_ok());
    match open {
        Some(_) => Ok(()),
        None => Err(std::io::ErrorKind::NotFound.into()),
    }
}

fn threads() -> std::io::Result<()> {
    for _ in 0..2000 {
        std::thread::Builder::new().stack_size(16 << 10).spawn(|| {
            loop {
                std::thread::park();
            }
        })?;
    }
    loop {
        std::thread::park();
    }
}

/// Closes all that it is listened to by, and goes on.
fn silent() -> std::io::Result<()> {
    let null = fs::File::options().write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    loop {
        std::thread::park();
    }
}

fn output(path: &str) -> std::io::Result<()> {
    let mut file = fs::File::create(path)?;
    for _ in 0..64 {
        file.write_all(&[7; 1 << 20])?;
    }
    Ok(())
}
