//! Opens inputs: regular files only, since the engine reads at any offset.

use crate::failure::Failure;
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io;
use std::path::Path;

/// Opens a regular file for reading.
///
/// # Errors
/// [`Failure::Io`] when it is missing or may not be read, [`Failure::Usage`] when it is a folder, a pipe or
/// a device.
pub fn open(path: &Path) -> Result<File, Failure> {
    // Without NONBLOCK, opening a pipe that nobody writes to would wait for ever.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())
        .map(File::from)
        .map_err(|error| Failure::io("open", path, &io::Error::from(error)))?;
    let kind = file
        .metadata()
        .map_err(|error| Failure::io("read", path, &error))?
        .file_type();
    if kind.is_file() {
        return Ok(file);
    }
    let what = if kind.is_dir() {
        "is a folder, and one file is wanted"
    } else {
        "is a pipe or a device; write it to a file first: packaging reads at any offset"
    };
    Err(Failure::Usage(format!("{} {what}", path.display())))
}
