//! The programs, and how they are confined.

use crate::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Reads and writes media.
    Ffmpeg,
    /// Tells what is in a file.
    Ffprobe,
}

impl Program {
    /// The name of the file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ffmpeg => "ffmpeg",
            Self::Ffprobe => "ffprobe",
        }
    }
}

/// How programs are held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confinement {
    /// By this program and its first arguments, which end in [`crate::confine::run`].
    Helper(Vec<OsString>),
    /// By the helper too, which sets limits and ends the program with its parent, but without Landlock and seccomp.
    /// Whoever asks for it said so.
    Off(Vec<OsString>),
}

/// ffmpeg and ffprobe of this machine.
#[derive(Debug, Clone)]
pub struct Tools {
    ffmpeg: Option<PathBuf>,
    ffprobe: Option<PathBuf>,
    pub(crate) confinement: Confinement,
}

impl Tools {
    /// The programs at these places, or those on the `PATH`. Whether they are there is seen when they are needed.
    pub fn new(
        ffmpeg: Option<PathBuf>,
        ffprobe: Option<PathBuf>,
        confinement: Confinement,
    ) -> Self {
        let beside = ffmpeg
            .as_deref()
            .map(|path| path.with_file_name(Program::Ffprobe.name()));
        let ffprobe = ffprobe.or_else(|| beside.filter(|path| path.is_file()));
        Self {
            ffmpeg: ffmpeg.or_else(|| on_path(Program::Ffmpeg.name())),
            ffprobe: ffprobe.or_else(|| on_path(Program::Ffprobe.name())),
            confinement,
        }
    }

    /// Where a program is.
    ///
    /// # Errors
    /// [`Error::ToolMissing`].
    pub fn path(&self, program: Program) -> Result<PathBuf> {
        let path = match program {
            Program::Ffmpeg => &self.ffmpeg,
            Program::Ffprobe => &self.ffprobe,
        };
        let missing = Error::ToolMissing(program.name());
        // A link is followed once, here: confinement is by the place of the file itself.
        let found = path.as_deref().map(Path::canonicalize);
        found.and_then(std::io::Result::ok).ok_or(missing)
    }
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}
