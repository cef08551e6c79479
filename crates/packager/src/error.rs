//! What can go wrong, sorted by who can fix it.

use thiserror::Error;

/// A failure of the engine. The text says where and what to do; it never holds a content key.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// The input is broken: truncated, contradictory, not a movie.
    #[error("{0}")]
    InvalidInput(String),
    /// The input is sound, but holds what this version cannot package.
    #[error("{0}")]
    Unsupported(String),
    /// The caller asked for something that does not exist or does not fit together.
    #[error("{0}")]
    InvalidOptions(String),
    /// The input asks for more than a named limit allows.
    #[error("{0}")]
    LimitExceeded(String),
    /// The source could not be read.
    #[error("the input could not be read: {0}")]
    Io(#[from] std::io::Error),
    /// What was rendered could not be written.
    #[error("the output could not be written: {0}")]
    Output(std::io::Error),
}

impl From<bmff::Error> for Error {
    fn from(error: bmff::Error) -> Self {
        match error {
            bmff::Error::Io(error) => Self::Io(error),
            malformed => Self::InvalidInput(malformed.to_string()),
        }
    }
}
