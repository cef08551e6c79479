//! Objects out of the storage into files, and back: for backups.

use super::hashes::{Recorded, Tally};
use super::remote::Pending;
use super::writer::ObjectWriter;
use super::{Back, PACKAGES, SOURCES, Storage};
use futures_util::TryStreamExt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

/// How much is copied at once.
const PIECE: usize = 1 << 20;
/// Key, and text, of the object that shows whether a store takes and gives.
const READY: &str = "ready";

impl Storage {
    /// Copies an object into a new file, durably. Says what was copied; `None` when it is not there.
    pub(crate) fn export(&self, key: &str, to: &Path) -> io::Result<Option<Recorded>> {
        let mut tally = Tally::default();
        match &self.back {
            Back::Folder(folder) => {
                let Some(mut file) = folder.open(key)? else {
                    return Ok(None);
                };
                let mut copy = create(to)?;
                each_piece(&mut file, |piece| {
                    tally.add(piece);
                    copy.write_all(piece)
                })?;
                copy.sync_all()?;
            }
            Back::Remote(remote) => {
                let copied = remote.wait(async {
                    let Some(object) = remote.fetch(key, true).await? else {
                        return Ok(false);
                    };
                    let mut copy = create(to)?;
                    let size = object.size();
                    let mut pieces = object.stream(0..size).await?;
                    while let Some(piece) = pieces.try_next().await? {
                        tally.add(&piece);
                        copy.write_all(&piece)?;
                    }
                    copy.sync_all()?;
                    Ok::<_, io::Error>(true)
                });
                if !copied? {
                    return Ok(None);
                }
            }
        }
        Ok(Some(tally.recorded()))
    }

    /// Copies a file into the storage as an object. It is durable after [`Storage::sync`].
    pub(crate) fn import(&self, key: &str, from: &Path) -> io::Result<Recorded> {
        let mut file = File::open(from)?;
        let size = file.metadata()?.len();
        let pending = Arc::new(Pending::default());
        let mut writer = ObjectWriter::begin(&self.back, key, size, &pending)?;
        each_piece(&mut file, |piece| writer.write_all(piece))?;
        let recorded = writer.finish()?;
        if let Back::Remote(remote) = &self.back {
            pending.settle(remote)?;
        }
        Ok(recorded)
    }

    /// Writes a small object to an object store, always the same, and reads it back. A folder has nothing to ask.
    pub(crate) fn check(&self) -> io::Result<()> {
        let Back::Remote(remote) = &self.back else {
            return Ok(());
        };
        let pending = Arc::new(Pending::default());
        let mut writer = ObjectWriter::begin(&self.back, READY, READY.len() as u64, &pending)?;
        writer.write_all(READY.as_bytes())?;
        writer.finish()?;
        pending.settle(remote)?;
        match remote.wait(remote.read(READY))?.as_deref() == Some(READY.as_bytes()) {
            true => Ok(()),
            false => Err(io::Error::other("what was written was not read back")),
        }
    }

    /// Makes everything in the storage durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        match &self.back {
            Back::Folder(folder) => [SOURCES, PACKAGES]
                .iter()
                .try_for_each(|name| folder.sync(name)),
            Back::Remote(_) => Ok(()),
        }
    }
}

fn create(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    File::create_new(path)
}

fn each_piece(
    reader: &mut dyn Read,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = vec![0; PIECE];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(read) => take(piece.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
