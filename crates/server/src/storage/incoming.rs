//! Uploads under way. They lie on this machine, whatever the storage: an acknowledged byte is on this disk.

use super::hashes::{Recorded, Tally};
use super::remote::{Pending, Remote};
use super::writer::ObjectWriter;
use super::{Back, INCOMING, SOURCES, Storage, absent_is_fine};
use crate::id;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much of a file is copied at once.
const PIECE: usize = 1 << 20;
/// How often a file is sent to an object store.
const ATTEMPTS: u32 = 3;

impl Storage {
    /// A new file for an upload that begins.
    pub(crate) fn receive(&self) -> io::Result<Upload> {
        let path = self.incoming(&id::code()?);
        Ok(Upload {
            file: File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)?,
            partial: Partial(path),
            tally: Tally::default(),
            size: 0,
        })
    }

    /// Path of an upload under way.
    pub(crate) fn incoming(&self, name: &str) -> PathBuf {
        self.root.join(INCOMING).join(name)
    }

    /// Puts a received file, which lies on this machine, durably among the sources. The file itself stays where it
    /// is: whoever is killed before the catalogue names the source begins again with it.
    ///
    /// The catalogue must then name the source, and [`KeptSource::done`] be called, or it is deleted again.
    pub(crate) fn adopt(&self, received: &Path, recorded: Recorded) -> io::Result<KeptSource> {
        let origin = format!("{SOURCES}/{}", id::code()?);
        match &self.back {
            Back::Folder(folder) => folder.adopt(received, &origin)?,
            Back::Remote(remote) => {
                let mut attempt = 1;
                while let Err(error) = self.send(remote, received, &origin, &recorded) {
                    if super::is_permanent(&error) || attempt == ATTEMPTS {
                        return Err(error);
                    }
                    tracing::warn!(origin, %error, "a delivered file is sent again");
                    attempt += 1;
                }
            }
        }
        Ok(KeptSource {
            back: self.back.clone(),
            origin,
            recorded,
            keep: false,
        })
    }

    fn send(
        &self,
        remote: &Remote,
        received: &Path,
        key: &str,
        recorded: &Recorded,
    ) -> io::Result<()> {
        let mut file = File::open(received)?;
        let pending = Arc::new(Pending::default());
        let mut writer = ObjectWriter::begin(&self.back, key, recorded.size, &pending)?;
        let mut piece = vec![0; PIECE];
        loop {
            match file.read(&mut piece)? {
                0 => break,
                read => writer.write_all(piece.get(..read).unwrap_or_default())?,
            }
        }
        let sent = writer.finish()?;
        pending.settle(remote)?;
        if sent == *recorded {
            return Ok(());
        }
        remote.remove(key)?;
        Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "a received file changed on this disk before it reached the storage",
        ))
    }
}

/// An upload under way. Dropped before [`Upload::keep`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Upload {
    file: File,
    partial: Partial,
    tally: Tally,
    size: u64,
}

impl Upload {
    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.tally.add(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// What was received so far, to be probed.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.partial.0
    }

    /// Bytes received so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Puts the file among the sources (see [`Storage::adopt`]).
    pub(crate) fn keep(mut self, storage: &Storage) -> io::Result<KeptSource> {
        let recorded = std::mem::take(&mut self.tally).recorded();
        storage.adopt(&self.partial.0, recorded)
    }
}

/// A delivered file at its place, which the catalogue does not name yet.
#[derive(Debug)]
pub(crate) struct KeptSource {
    back: Back,
    /// Path below the storage.
    pub(crate) origin: String,
    /// Size and hash.
    pub(crate) recorded: Recorded,
    keep: bool,
}

impl KeptSource {
    /// The catalogue names the file now: it stays.
    pub(crate) fn done(mut self) {
        self.keep = true;
    }
}

impl Drop for KeptSource {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        match &self.back {
            Back::Folder(folder) => warn(&self.origin, folder.remove(&self.origin)),
            Back::Remote(remote) => {
                // A destructor may run where nobody may wait.
                let (remote, origin) = (remote.clone(), self.origin.clone());
                let spawn = remote.clone();
                spawn.spawn(async move { warn(&origin, remote.remove_now(&origin).await) });
            }
        }
    }
}

fn warn(what: &str, removed: io::Result<()>) {
    if let Err(error) = removed {
        tracing::warn!(what, %error, "a file that nobody needs stays until the sweep");
    }
}

/// A file that is deleted when it is dropped.
#[derive(Debug)]
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        let removed = absent_is_fine(fs::remove_file(&self.0));
        warn(&self.0.to_string_lossy(), removed);
    }
}
