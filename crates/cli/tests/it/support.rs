//! Runs the binary, and folders to run it in.

use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A KID and a content key for tests.
pub const KID: &str = "a16e402b9056e371f36d348aa62bb749";
pub const KEY: &str = "87237d20a19f58a740c05684e699b4aa";

/// `KID:KEY`.
pub fn key() -> String {
    format!("{KID}:{KEY}")
}

/// A folder of one test, removed when the test ends.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("scratch-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path.canonicalize().unwrap())
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The binary, to be started in the folder.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reelpack"));
        command.current_dir(&self.0);
        command
    }

    /// Runs the binary in the folder.
    pub fn run<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Run {
        Run(self.command().args(args).output().unwrap())
    }

    /// Runs words that are separated by spaces.
    pub fn words(&self, words: &str) -> Run {
        self.run(words.split_whitespace())
    }

    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, contents).unwrap();
        path
    }

    pub fn text(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// All files below the folder with their bytes; what is no file has `None`.
    pub fn snapshot(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        snapshot(&self.0)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A test that fails shows what it left.
        if !std::thread::panicking() {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }
}

/// All files below `root` with their bytes, by their path in it; what is no file has `None`.
pub fn snapshot(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_owned();
            let kind = path.symlink_metadata().unwrap().file_type();
            let is_dir = kind.is_dir();
            // A pipe would be waited for. A file may go while a run is being watched.
            let contents = kind.is_file().then(|| fs::read(&path).unwrap_or_default());
            found.insert(name, contents);
            if is_dir {
                folders.push(path);
            }
        }
    }
    found
}

/// A folder beside the project, or a word that its tests are left out.
pub fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared")
        .join(name);
    if !folder.is_dir() {
        println!("left out: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

/// What a finished run said.
pub struct Run(pub Output);

impl Run {
    pub fn code(&self) -> Option<i32> {
        self.0.status.code()
    }

    pub fn stdout(&self) -> &str {
        std::str::from_utf8(&self.0.stdout).unwrap()
    }

    pub fn stderr(&self) -> &str {
        std::str::from_utf8(&self.0.stderr).unwrap()
    }

    /// Checks for exit code 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        assert_eq!(self.code(), Some(0), "stderr: {}", self.stderr());
        self
    }

    /// Checks for an exit code with an error on stderr that holds `message`, and an empty stdout.
    #[track_caller]
    pub fn fails(self, code: i32, message: &str) -> Self {
        assert_eq!(self.code(), Some(code), "stderr: {}", self.stderr());
        let error = self
            .stderr()
            .lines()
            .find(|line| line.starts_with("error: "));
        assert!(error.is_some(), "{}", self.stderr());
        assert!(self.stderr().contains(message), "{}", self.stderr());
        assert_eq!(self.stdout(), "");
        self
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.0.stdout).unwrap()
    }
}
