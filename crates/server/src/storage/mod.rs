//! Where sources and packages lie: a folder on this machine, or an object store that others share.
//!
//! Every path is made of names that this server chose. An object gets its name when it is complete, so what
//! has a name is whole; [`PackageStore::seal`] makes a package durable, and only then is its row published.
//! What waits for the disk or the network blocks its thread; what is asynchronous says so.

mod folder;
mod hashes;
mod incoming;
mod local;
mod location;
mod package;
mod parts;
mod remote;
pub(crate) mod resumable;
mod source;
mod sweep;
mod transfer;
mod writer;

pub use location::StorageConfig;

pub(crate) use hashes::{HASHES, Recorded};
pub(crate) use incoming::{KeptSource, Upload};
pub(crate) use local::LocalFile;
pub(crate) use location::ConfigError;
pub(crate) use package::{Opened, PackageStore, Sealed};
pub(crate) use remote::Fetched;
pub(crate) use source::SourceFile;
pub(crate) use sweep::Known;

use folder::Folder;
use remote::Remote;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Uploads under way, always on this machine.
const INCOMING: &str = "incoming";
/// Delivered files.
const SOURCES: &str = "sources";
/// Packages, a prefix each.
const PACKAGES: &str = "packages";
/// What `--keep-work` keeps. Nothing of it is ever served.
const WORK: &str = "work";
/// What is made of sources before they are packaged.
const PARTS: &str = "parts";
/// Files that a process of this machine needs for a while, a folder each.
const SCRATCH: &str = "scratch";
const LOCK_FILE: &str = "reelpack.lock";
/// Prefix inside of a package that holds its files; part of every media URL.
pub(crate) const DASH: &str = "dash";

/// The data folder and the storage of sources and packages.
#[derive(Debug)]
pub(crate) struct Storage {
    root: PathBuf,
    back: Back,
    scratch: source::Scratch,
    last_copy: local::LastCopy,
    keep_work: bool,
    grace: Duration,
    sweep_every: Duration,
    /// Locked as long as it is open; a server has it, a helper beside it has not.
    lock: Option<File>,
}

/// The back ends.
#[derive(Debug, Clone)]
enum Back {
    Folder(Folder),
    Remote(Remote),
}

/// Why the storage could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Another process holds the lock.
    #[error(
        "another Reelpack server runs on {0}: stop it, or choose another folder with --data-dir"
    )]
    Held(PathBuf),
    /// The folder cannot be made or written to.
    #[error("the data folder {path} cannot be used: {source}")]
    Io {
        /// The folder or the file in it.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The object store is not configured as it should be.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl Storage {
    /// Whether files are opened where they lie; else each comes whole before it is read.
    pub(crate) fn is_on_this_machine(&self) -> bool {
        matches!(self.back, Back::Folder(_))
    }

    /// Makes the folders that are missing and locks the data folder against a second server.
    ///
    /// Must be called on a Tokio runtime, which then carries the requests to an object store.
    pub(crate) fn open(root: &Path, config: &StorageConfig) -> Result<Self, OpenError> {
        let mut storage = Self::attach(root, config)?;
        let path = storage.root.join(LOCK_FILE);
        let at = |source| OpenError::Io {
            path: path.clone(),
            source,
        };
        let lock = File::create(&path).map_err(at)?;
        match lock.try_lock() {
            Ok(()) => storage.lock = Some(lock),
            Err(fs::TryLockError::WouldBlock) => return Err(OpenError::Held(storage.root)),
            Err(fs::TryLockError::Error(source)) => return Err(at(source)),
        }
        Ok(storage)
    }

    /// Lets another server have the data folder, whoever still holds this value.
    pub(crate) fn unlock(&self) -> std::io::Result<()> {
        self.lock.as_ref().map_or(Ok(()), File::unlock)
    }

    /// The same without the lock, for a worker or a helper that may run beside a server.
    pub(crate) fn attach(root: &Path, config: &StorageConfig) -> Result<Self, OpenError> {
        let at = |path: PathBuf| move |source| OpenError::Io { path, source };
        for folder in [INCOMING, SOURCES, PACKAGES, PARTS] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(at(path.clone()))?;
        }
        let root = root.canonicalize().map_err(at(root.to_owned()))?;
        let back = match config.connect()? {
            None => Back::Folder(Folder::new(root.clone())),
            Some(remote) => Back::Remote(remote),
        };
        Ok(Self {
            root,
            back,
            scratch: source::Scratch::default(),
            last_copy: local::LastCopy::default(),
            keep_work: config.keep_work,
            grace: config.grace,
            sweep_every: config.sweep_every,
            lock: None,
        })
    }

    /// The data folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where sources and packages lie, in words for people.
    pub(crate) fn place(&self) -> String {
        match &self.back {
            Back::Folder(_) => format!("the folder {}", self.root.display()),
            Back::Remote(remote) => remote.to_string(),
        }
    }

    /// Whether processes with other data folders write to the same storage.
    pub(crate) fn is_shared(&self) -> bool {
        matches!(self.back, Back::Remote(_))
    }

    /// What objects of an earlier attempt must have been written under to be taken as whole and the same.
    ///
    /// In a folder it names the boot: after a power cut, files may have their names and sizes but not their
    /// bytes. An object store has whole objects only. A newer engine may write other bytes.
    pub(crate) fn trust(&self) -> Option<String> {
        let place = match &self.back {
            Back::Folder(_) => crate::clock::boot_id()?,
            Back::Remote(_) => "objects".to_owned(),
        };
        Some(format!("{place}/{}", env!("CARGO_PKG_VERSION")))
    }

    /// The prefix of a package, there or not.
    pub(crate) fn package(&self, code: &str) -> PackageStore {
        PackageStore::new(self.back.clone(), code, self.keep_work)
    }

    /// For how many milliseconds a package that was replaced keeps its objects.
    pub(crate) fn grace_ms(&self) -> i64 {
        i64::try_from(self.grace.as_millis()).unwrap_or(i64::MAX)
    }

    /// How often a running server sweeps.
    pub(crate) fn sweep_every(&self) -> Duration {
        self.sweep_every
    }

    /// Size and hash of an object by its path in the storage; it is read for it. `None` when it is not there.
    pub(crate) fn record(&self, key: &str) -> io::Result<Option<Recorded>> {
        match &self.back {
            Back::Folder(folder) => {
                let file = folder.open(key)?;
                file.map(|file| Recorded::of_file(&file)).transpose()
            }
            Back::Remote(remote) => remote.wait(remote.record(key)),
        }
    }

    /// Removes a delivered file; one that is gone already is no error.
    pub(crate) fn remove_source(&self, origin: &str) -> io::Result<()> {
        self.back.remove(origin)
    }
}

impl Back {
    fn remove(&self, key: &str) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.remove(key),
            Self::Remote(remote) => remote.remove(key),
        }
    }

    fn rename_prefix(&self, from: &str, to: &str) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.rename_prefix(from, to),
            Self::Remote(remote) => remote.rename_prefix(from, to),
        }
    }

    fn remove_prefix(&self, prefix: &str) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.remove_prefix(prefix),
            Self::Remote(remote) => remote.remove_prefix(prefix),
        }
    }
}

/// Whether it makes no sense to try again what failed so: wrong credentials, a bucket that does not exist.
pub(crate) fn is_permanent(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
    )
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
