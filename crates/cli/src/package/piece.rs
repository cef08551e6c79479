//! A file that is one of many of one rendition.

use packager::Source;
use std::fs::File;
use std::io;
use std::path::PathBuf;

/// It is opened as it is read: more are made than a process may hold open.
#[derive(Debug)]
pub struct Piece {
    path: PathBuf,
    len: u64,
}

impl Piece {
    /// A file that stays as it is.
    ///
    /// # Errors
    /// What the file system says.
    pub fn new(path: PathBuf) -> io::Result<Self> {
        let len = path.metadata()?.len();
        Ok(Self { path, len })
    }
}

impl Source for Piece {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        Source::read_at(&File::open(&self.path)?, offset, buffer)
    }
}
