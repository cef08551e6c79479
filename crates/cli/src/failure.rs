//! Why a run failed, sorted by what its exit code is.

use std::fmt;
use std::io;
use std::path::Path;

/// A failure of a subcommand. The text says what and where; it never holds a content key.
#[derive(Debug)]
pub enum Failure {
    /// The command line asks for something that does not fit together: exit code 2.
    Usage(String),
    /// The input is not usable, why and where: exit code 65.
    Input(String),
    /// A fault of our own: exit code 70.
    Internal(String),
    /// A package that was looked at breaks a requirement, as its report says: exit code 1.
    Verdict,
    /// A file could not be read or written: exit code 74.
    Io(String),
    /// A signal asked the run to end; its number.
    Interrupted(i32),
    /// Nobody reads stdout any more. This is no error.
    BrokenPipe,
}

impl Failure {
    /// The exit code of `sysexits.h` that the failure has.
    pub fn code(&self) -> u8 {
        match self {
            Self::BrokenPipe => 0,
            Self::Verdict => 1,
            Self::Usage(_) => 2,
            Self::Input(_) => 65,
            Self::Internal(_) => 70,
            Self::Io(_) => 74,
            // What a shell says of a process that died of a signal.
            Self::Interrupted(signal) => 128_u8.saturating_add(u8::try_from(*signal).unwrap_or(0)),
        }
    }

    /// A failed operation on a file: `cannot <doing> <path>: <why>`.
    pub fn io(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::Io(format!("cannot {doing} {}: {error}", path.display()))
    }

    /// A failure of the engine with `subject`, what it was about: a file mostly.
    pub fn engine(subject: &dyn fmt::Display, error: &packager::Error) -> Self {
        Self::sorted(error, format!("{subject}: {error}"))
    }

    /// A failure of the engine in the words of `message`.
    pub fn sorted(error: &packager::Error, message: String) -> Self {
        use packager::Error;
        match error {
            Error::InvalidOptions(_) => Self::Usage(message),
            Error::Io(_) | Error::Output(_) => Self::Io(message),
            // What the engine adds later is about the input until it is named here.
            _ => Self::Input(message),
        }
    }
}

impl From<server::AdmissionError> for Failure {
    fn from(error: server::AdmissionError) -> Self {
        use server::AdmissionError;
        let text = error.to_string();
        match error {
            AdmissionError::Wrong(_) => Self::Usage(text),
            AdmissionError::Unknown(_) => Self::Input(text),
            AdmissionError::Failed(_) => Self::Io(text),
        }
    }
}
