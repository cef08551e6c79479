//! What a program in ffmpeg's place cannot do.

use crate::support::{hostile, off, tools};
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use transcode::{
    Confinement, Control, Error, Limit, Limits, Program, Progress, Task, Tools, Unwatched,
};

const LIMITS: Limits = Limits {
    memory: 1 << 30,
    cpu_seconds: 5,
    output: 1 << 20,
    time: Duration::from_secs(20),
};

/// A folder with an input, a folder for outputs, and something that is nobody's business.
struct Place {
    dir: tempfile::TempDir,
    input: [PathBuf; 1],
    out: PathBuf,
    secret: PathBuf,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        fs::write(at("input"), "media").expect("written");
        fs::write(at("secret"), "secret").expect("written");
        fs::create_dir(at("out")).expect("a folder");
        Self {
            input: [at("input")],
            out: at("out"),
            secret: at("secret"),
            dir,
        }
    }

    fn attempt(&self, tools: &Tools, deed: &str, limits: Limits) -> transcode::Result<String> {
        self.watched(tools, deed, limits, &Unwatched)
    }

    fn watched(
        &self,
        tools: &Tools,
        deed: &str,
        limits: Limits,
        control: &dyn Control,
    ) -> transcode::Result<String> {
        let task = Task {
            program: Program::Ffprobe,
            arguments: vec![deed.into()],
            reads: &self.input,
            writes: Some(&self.out),
            limits,
        };
        let said = tools.run(&task, control)?;
        Ok(String::from_utf8_lossy(&said).trim().to_owned())
    }
}

#[test]
fn a_hostile_program_reaches_nothing_but_its_input_and_its_folder() {
    let place = Place::new();
    let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
    let unix = place.dir.path().join("socket");
    let _listening = UnixListener::bind(&unix).expect("a socket");
    let (input, out, secret) = (
        place.input[0].display(),
        place.out.display(),
        place.secret.display(),
    );
    for deed in [
        format!("read={input}"),
        format!("write={out}/a"),
        format!("remove={out}/a"),
    ] {
        let said = place.attempt(&hostile(), &deed, LIMITS).expect("it ran");
        assert_eq!(said, "done", "{deed}");
    }
    let this = std::process::id();
    for deed in [
        format!("read={secret}"),
        "read=/etc/passwd".into(),
        "read=/proc/1/environ".into(),
        format!("ptrace={this}"),
        format!("list={}", place.dir.path().display()),
        "list=/root".into(),
        format!("write={secret}"),
        format!("write={input}"),
        format!("append={input}"),
        format!("remove={input}"),
        format!("link={out}/link"),
        "write=/tmp/transcode-hostile-was-here".into(),
        format!("tcp={}", tcp.local_addr().expect("an address")),
        "listen".into(),
        "udp".into(),
        format!("unix={}", unix.display()),
        "start=/bin/true".into(),
        "fork".into(),
        format!("kill={this}"),
        "kill=1".into(),
        "limit".into(),
        format!("mode={input}"),
        format!("mode={secret}"),
        format!("times={input}"),
        format!("empty={input}"),
        format!("flags={input}"),
        "stay".into(),
        "descriptors".into(),
        "environment".into(),
    ] {
        let said = place.attempt(&hostile(), &deed, LIMITS).expect("it ran");
        assert!(said.starts_with("refused"), "{deed}: {said}");
    }
    assert_eq!(fs::read(&place.secret).expect("read"), b"secret");
    assert_eq!(fs::read(&place.input[0]).expect("read"), b"media");
    assert!(!Path::new("/tmp/transcode-hostile-was-here").exists());
}

#[test]
fn without_confinement_the_same_deeds_are_done() {
    let place = Place::new();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_transcode-hostile"));
    let free = Tools::new(Some(program.clone()), Some(program), off());
    for deed in [
        format!("read={}", place.secret.display()),
        format!("mode={}", place.secret.display()),
        format!("flags={}", place.secret.display()),
        "stay".into(),
        "udp".into(),
        "start=/bin/true".into(),
    ] {
        let said = place.attempt(&free, &deed, LIMITS).expect("it ran");
        assert_eq!(said, "done", "{deed}");
    }
}

#[test]
fn limits_end_a_program_and_say_which_it_was() {
    let place = Place::new();
    let said = place.attempt(&hostile(), "memory", LIMITS).expect("it ran");
    assert!(said.starts_with("refused"), "{said}");
    let second = Limits {
        cpu_seconds: 1,
        ..LIMITS
    };
    let error = place
        .attempt(&hostile(), "spin", second)
        .expect_err("ended");
    assert!(matches!(error, Error::LimitExceeded(Limit::Cpu)), "{error}");
    let deed = format!("output={}/large", place.out.display());
    let error = place.attempt(&hostile(), &deed, LIMITS).expect_err("ended");
    assert!(
        matches!(error, Error::LimitExceeded(Limit::Output)),
        "{error}"
    );
    let written = fs::metadata(place.out.join("large")).expect("a file").len();
    assert!(written <= LIMITS.output, "{written}");
    let many = Limits {
        memory: 8 << 30,
        ..LIMITS
    };
    let error = place
        .attempt(&hostile(), "threads", many)
        .expect_err("ended");
    assert!(
        matches!(error, Error::LimitExceeded(Limit::Threads)),
        "{error}"
    );
    let short = Limits {
        time: Duration::from_millis(300),
        ..LIMITS
    };
    let error = place.attempt(&hostile(), "wait", short).expect_err("ended");
    assert!(
        matches!(error, Error::LimitExceeded(Limit::Time)),
        "{error}"
    );
}

/// ffmpeg catches the signal of a soft limit, and would end as if the file were whole.
#[test]
fn ffmpeg_itself_is_ended_by_its_limits() {
    let place = Place::new();
    let run = |words: &str, limits| {
        let task = Task {
            program: Program::Ffmpeg,
            arguments: words.split(' ').map(Into::into).collect(),
            reads: &[],
            writes: Some(&place.out),
            limits,
        };
        tools().run(&task, &Unwatched).map(|_| ())
    };
    let picture = "-f lavfi -i testsrc2=size=1280x720";
    let second = Limits {
        memory: 4 << 30,
        cpu_seconds: 1,
        output: 1 << 30,
        ..LIMITS
    };
    let error = run(&format!("{picture} -c:v libx264 a.mkv"), second).expect_err("ended");
    assert!(matches!(error, Error::LimitExceeded(Limit::Cpu)), "{error}");
    let small = Limits {
        output: 1 << 20,
        cpu_seconds: 30,
        ..second
    };
    let error = run(&format!("{picture} -c:v rawvideo b.mkv"), small).expect_err("ended");
    assert!(
        matches!(error, Error::LimitExceeded(Limit::Output)),
        "{error}"
    );
    let tight = Limits {
        memory: 400 << 20,
        ..small
    };
    let large = "-f lavfi -i color=size=7680x4320 -t 1 -f null -";
    let error = run(large, tight).expect_err("ended");
    assert!(
        matches!(error, Error::LimitExceeded(Limit::Memory)),
        "{error}"
    );
}

struct Cancelled(AtomicBool, Instant);

impl Control for Cancelled {
    fn cancelled(&self) -> bool {
        // It has begun by then.
        self.1.elapsed() > Duration::from_millis(300) || self.0.load(Ordering::Relaxed)
    }

    fn progress(&self, _: Progress) {}
}

#[test]
fn a_cancelled_program_is_gone_within_two_seconds() {
    let place = Place::new();
    for deed in ["wait", "spin", "talk", "silent"] {
        let control = Cancelled(AtomicBool::new(false), Instant::now());
        let error = place
            .watched(&hostile(), deed, LIMITS, &control)
            .expect_err("cancelled");
        assert!(matches!(error, Error::Cancelled), "{error}");
        assert!(
            control.1.elapsed() < Duration::from_secs(2),
            "{:?}",
            control.1.elapsed()
        );
    }
}

/// A parent that is killed cannot end its programs: they end by themselves.
#[test]
fn a_program_does_not_outlive_its_parent() {
    let script = format!(
        "{} --parent=$$ --memory=1073741824 --cpu=60 --output=0 -- {} wait & echo $!; wait",
        env!("CARGO_BIN_EXE_transcode-confine"),
        env!("CARGO_BIN_EXE_transcode-hostile"),
    );
    let mut parent = Command::new("sh");
    let mut parent = parent
        .args(["-c", &script])
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut line = String::new();
    let stdout = parent.stdout.take().expect("its output");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    let child = PathBuf::from("/proc").join(line.trim());
    let is = |name: &str| fs::read_link(child.join("exe")).is_ok_and(|exe| exe.ends_with(name));
    until("the program runs", || is("transcode-hostile"));
    parent.kill().expect("killed");
    parent.wait().expect("gone");
    until("the program is gone", || !is("transcode-hostile"));
}

fn until(what: &str, seen: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !seen() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn without_the_means_to_confine_nothing_runs() {
    let place = Place::new();
    let program = Some(PathBuf::from(env!("CARGO_BIN_EXE_transcode-hostile")));
    let helper = vec![
        env!("CARGO_BIN_EXE_transcode-confine").into(),
        "--from=nowhere".into(),
    ];
    let broken = Tools::new(program.clone(), program, Confinement::Helper(helper));
    let deed = format!("write={}/a", place.out.display());
    let error = place.attempt(&broken, &deed, LIMITS).expect_err("refused");
    assert!(matches!(error, Error::ConfinementMissing(_)), "{error}");
    assert!(!place.out.join("a").exists());
    let nowhere = Tools::new(Some("/nowhere/ffmpeg".into()), None, off());
    let error = nowhere
        .path(Program::Ffmpeg)
        .expect_err("missing")
        .to_string();
    assert!(error.contains("--ffmpeg"), "{error}");
    assert!(tools().path(Program::Ffprobe).is_ok());
}
