//! Tools of the tests.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use transcode::{Confinement, Tools};

/// The confinement helper of this crate.
pub fn helper() -> Confinement {
    Confinement::Helper(vec![helper_program()])
}

/// The same, told to go without Landlock and seccomp.
pub fn off() -> Confinement {
    Confinement::Off(vec![helper_program()])
}

/// The helper's program.
pub fn helper_program() -> OsString {
    env!("CARGO_BIN_EXE_transcode-confine").into()
}

/// ffmpeg and ffprobe of this machine, confined.
pub fn tools() -> Tools {
    Tools::new(None, None, helper())
}

/// A hostile program in the place of both.
pub fn hostile() -> Tools {
    let program = PathBuf::from(env!("CARGO_BIN_EXE_transcode-hostile"));
    Tools::new(Some(program.clone()), Some(program), helper())
}

/// Makes a file with ffmpeg, unconfined: it is the test's own.
pub fn generate(words: &str, path: &Path) {
    let done = Command::new("ffmpeg")
        .args(["-hide_banner", "-loglevel", "error", "-nostdin", "-y"])
        .args(words.split(' '))
        .arg(path)
        .output()
        .expect("ffmpeg runs: scripts/setup.sh test brings it");
    assert!(
        done.status.success(),
        "{words}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

/// What ffprobe says of a file, unconfined.
pub fn ask(words: &str, path: &Path) -> String {
    let done = Command::new("ffprobe")
        .args(["-v", "error", "-of", "csv=p=0"])
        .args(words.split(' '))
        .arg(path)
        .output()
        .expect("ffprobe runs");
    assert!(
        done.status.success(),
        "{words}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
