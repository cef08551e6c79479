//! Bytes that the engine reads: delivered files and objects of packages, wherever they lie.

use super::hashes::Recorded;
use super::remote::{Remote, RemoteObject};
use super::{Back, Storage};
use packager::Source;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A delivered file, opened. As long as one is held, others of the same file need no further copy.
#[derive(Debug, Clone)]
pub(crate) struct SourceFile(Arc<File>);

/// Local copies of delivered files that packagings use at this moment, by origin.
///
/// A copy has no name on the disk, so nothing of it outlives the process.
#[derive(Debug, Default)]
pub(super) struct Scratch(Mutex<HashMap<String, Arc<Mutex<Weak<File>>>>>);

impl Storage {
    /// Opens a delivered file by the path that the catalogue keeps.
    ///
    /// The engine reads all of it, and some of it several times: the probe alone touches every key picture. So
    /// a file in an object store is copied to this machine, once for all that package it, and compared
    /// with its recorded hash.
    pub(crate) fn source(&self, origin: &str, recorded: &Recorded) -> io::Result<SourceFile> {
        let remote = match &self.back {
            Back::Folder(folder) => {
                let file = folder.open(origin)?.ok_or(io::ErrorKind::NotFound)?;
                return Ok(SourceFile(Arc::new(file)));
            }
            Back::Remote(remote) => remote,
        };
        let slot = self.scratch.slot(origin);
        // Who comes second waits here for the copy.
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = slot.upgrade() {
            return Ok(SourceFile(file));
        }
        let file = Arc::new(self.copy(remote, origin, recorded)?);
        *slot = Arc::downgrade(&file);
        Ok(SourceFile(file))
    }

    fn copy(&self, remote: &Remote, origin: &str, recorded: &Recorded) -> io::Result<File> {
        let file = tempfile::tempfile_in(&self.root)?;
        download(remote, origin, recorded, &file)?;
        Ok(file)
    }
}

/// Copies an object into an empty file, and compares it with its recorded hash.
pub(super) fn download(
    remote: &Remote,
    origin: &str,
    recorded: &Recorded,
    file: &File,
) -> io::Result<()> {
    remote.wait(remote.download(origin, recorded.size, file))?;
    if Recorded::of_file(file)? == *recorded {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        format!(
            "{origin} arrived with other bytes than were stored; `reelpack scrub` may say more"
        ),
    ))
}

impl Scratch {
    fn slot(&self, origin: &str) -> Arc<Mutex<Weak<File>>> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Nobody else holds those of which there is one: their copies are gone, or found by their users.
        slots.retain(|name, slot| name == origin || Arc::strong_count(slot) > 1 || in_use(slot));
        slots.entry(origin.to_owned()).or_default().clone()
    }
}

fn in_use(slot: &Mutex<Weak<File>>) -> bool {
    let slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
    slot.strong_count() > 0
}

impl Source for SourceFile {
    fn len(&self) -> u64 {
        self.0.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_at(offset, buffer)
    }
}

/// An object of a package, opened.
#[derive(Debug)]
pub(crate) enum StoredObject {
    /// In the local folder.
    File(File),
    /// In an object store.
    Remote(RemoteObject),
}

impl StoredObject {
    /// Size and hash: what the object store has noted of it, or else what its bytes give.
    pub(super) fn record(&self) -> io::Result<Recorded> {
        match self {
            Self::File(file) => Recorded::of_file(file),
            Self::Remote(object) => match &object.sha256 {
                Some(sha256) => Ok(Recorded {
                    size: object.size,
                    sha256: sha256.clone(),
                }),
                None => object.record(),
            },
        }
    }
}

impl Source for StoredObject {
    fn len(&self) -> u64 {
        match self {
            Self::File(file) => file.len(),
            Self::Remote(object) => object.size,
        }
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        match self {
            Self::File(file) => file.read_at(offset, buffer),
            Self::Remote(object) => object.read_at(offset, buffer),
        }
    }
}
