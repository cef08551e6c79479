//! Uploads that may be interrupted: by tus, and pulled from a URL.
//!
//! An upload is a row of the catalogue and a file of the data folder. Bytes are written to the file, made durable,
//! and then the row says how many there are ([`writer`]). When all are there, the file is examined and becomes an
//! asset ([`finish`]); that is done again after a crash until it is done. One request or task at a time holds an
//! upload ([`slots`]).

mod begin;
pub(crate) mod examine;
mod finish;
mod limits;
pub(crate) mod pull;
pub(crate) mod slots;
pub(crate) mod sum;
mod sweep;
mod writer;

pub(crate) use begin::{Refusal, Wanted, begin, most};
pub(crate) use finish::finish;
pub use limits::UploadLimits;
pub(crate) use sweep::{resume, start};
pub(crate) use writer::Writer;

use crate::clock;
use crate::storage::resumable::Incoming;
use slots::Slots;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::sync::Semaphore;

/// How many uploads are hashed and examined at once.
const FINISHING: usize = 2;

/// What all uploads share.
#[derive(Debug)]
pub(crate) struct Uploads {
    /// Who holds which.
    pub(crate) slots: Slots,
    /// Their bytes.
    pub(crate) incoming: Incoming,
    /// What they may take.
    pub(crate) limits: UploadLimits,
    /// Pulls from elsewhere.
    pub(crate) puller: pull::Puller,
    finishing: Semaphore,
}

/// Why an upload does not go on just now, or not at all.
#[derive(Debug)]
pub(crate) enum Halt {
    /// More bytes than the upload may have.
    TooLarge(u64),
    /// The disk is full, or only its reserve is left.
    Full,
    /// The checksum is of other bytes.
    WrongSum,
    /// The upload was ended meanwhile.
    Gone,
    /// The storage failed.
    Io(io::Error),
    /// The database failed.
    Db(crate::db::Error),
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full,
            _ => Self::Io(error),
        }
    }
}

impl From<crate::db::Error> for Halt {
    fn from(error: crate::db::Error) -> Self {
        if crate::db::is_disk_full(&error) {
            Self::Full
        } else {
            Self::Db(error)
        }
    }
}

impl Uploads {
    /// Opens the folder of unfinished uploads.
    pub(crate) fn open(root: &Path, limits: UploadLimits) -> io::Result<Self> {
        Ok(Self {
            slots: Slots::default(),
            incoming: Incoming::open(root)?,
            puller: pull::Puller::new(&limits)?,
            limits,
            finishing: Semaphore::new(FINISHING),
        })
    }

    /// An error of kind `StorageFull` when bytes would eat into the reserve of the disk.
    pub(crate) fn room_for(&self, bytes: u64) -> io::Result<()> {
        let needed = self.limits.reserve.saturating_add(bytes);
        if self.incoming.free()? >= needed {
            Ok(())
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    /// When an upload ends that gets nothing more from now on.
    pub(crate) fn expires_at_ms(&self) -> i64 {
        clock::now_ms().saturating_add(milliseconds(self.limits.expiry))
    }
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}
