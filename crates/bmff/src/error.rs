//! Where in a file something is wrong, and what.

use thiserror::Error;

/// A failure to read a box.
#[derive(Debug, Error)]
pub enum Error {
    /// The bytes are not what the standard says.
    #[error("{path} at {offset:#x}: {what}")]
    Malformed {
        /// The way down from the file: `moov/trak[1]/mdia`.
        path: String,
        /// Offset in the file, in bytes.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
    /// The source failed.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Error {
    /// A [`Error::Malformed`].
    pub fn malformed(path: impl Into<String>, offset: u64, what: impl Into<String>) -> Self {
        Self::Malformed {
            path: path.into(),
            offset,
            what: what.into(),
        }
    }
}
