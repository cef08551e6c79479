//! Uploads that are not whole yet: one file each, in a folder of their own.
//!
//! What counts of a file is the offset that the catalogue has recorded; bytes behind it were never promised to
//! anybody and are cut off before the next ones come. A file is held by a lock of the operating system (`flock`),
//! which ends with the process that has it and so cannot be left behind.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const FOLDER: &str = "uploads";

/// The folder of unfinished uploads.
#[derive(Debug)]
pub(crate) struct Incoming {
    root: PathBuf,
}

/// What came of the wish to open an unfinished upload.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It is held now.
    Here(Partial),
    /// Another process holds it.
    Held,
    /// Its bytes are not in this data folder, or fewer than were recorded.
    Gone,
}

impl Incoming {
    /// The folder below a data folder; it is made when missing.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root.join(FOLDER))?;
        sync_folder(root)?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// A new, empty file for the upload of this id, there also after a power cut.
    pub(crate) fn create(&self, id: &str) -> io::Result<()> {
        File::create_new(self.path(id))?.sync_all()?;
        sync_folder(&self.root.join(FOLDER))
    }

    /// Opens the file of an upload of which `recorded` bytes count, and holds it.
    pub(crate) fn hold(&self, id: &str, recorded: u64) -> io::Result<Opened> {
        let file = match File::options().read(true).write(true).open(self.path(id)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Opened::Gone),
            Err(error) => return Err(error),
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Opened::Held),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let length = file.metadata()?.len();
        if length < recorded {
            // A folder that was restored from a copy, say. To go on would leave a hole.
            return Ok(Opened::Gone);
        }
        if length > recorded {
            file.set_len(recorded)?;
        }
        Ok(Opened::Here(Partial {
            file,
            end: recorded,
        }))
    }

    /// Whether the bytes of an upload are in this data folder.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.path(id).exists()
    }

    /// The bytes of a whole upload, to be read.
    pub(crate) fn whole(&self, id: &str) -> io::Result<File> {
        File::open(self.path(id))
    }

    /// Removes the bytes of an upload; one that is gone already is no error.
    pub(crate) fn remove(&self, id: &str) -> io::Result<()> {
        super::absent_is_fine(fs::remove_file(self.path(id)))
    }

    /// Ids of the uploads whose bytes are here.
    pub(crate) fn ids(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(self.root.join(FOLDER))?;
        let name =
            |entry: io::Result<fs::DirEntry>| Ok(entry?.file_name().to_string_lossy().into_owned());
        entries.map(name).collect()
    }

    /// Free bytes on the disk of the data folder, as far as this process may use them.
    pub(crate) fn free(&self) -> io::Result<u64> {
        let disk = rustix::fs::statvfs(&self.root)?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize))
    }

    /// Where the bytes of an upload are. Ids are the server's own, so that they are safe as names.
    pub(crate) fn path(&self, id: &str) -> PathBuf {
        self.root.join(FOLDER).join(id)
    }
}

/// The file of an unfinished upload, held.
#[derive(Debug)]
pub(crate) struct Partial {
    file: File,
    end: u64,
}

impl Partial {
    /// Where the next byte goes.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    /// Appends some of these bytes; returns how many.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> io::Result<usize> {
        fail::fail_point!("upload.write", |_| Err(io::ErrorKind::StorageFull.into()));
        loop {
            match self.file.write_at(bytes, self.end) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.end += count as u64;
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until what was appended is on the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        crash_point!("tus.written");
        self.file.sync_data()
    }
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(incoming: &Incoming, recorded: u64) -> Partial {
        match incoming.hold("upl_a", recorded).expect("opened") {
            Opened::Here(partial) => partial,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_not_recorded_is_cut_off_and_what_is_missing_is_said() {
        let root = tempfile::tempdir().expect("a folder");
        let incoming = Incoming::open(root.path()).expect("opened");
        incoming.create("upl_a").expect("made");
        let mut partial = held(&incoming, 0);
        assert_eq!(partial.append(b"promised and not").expect("written"), 16);
        assert!(matches!(incoming.hold("upl_a", 0), Ok(Opened::Held)));
        drop(partial);
        drop(held(&incoming, 8));
        let path = root.path().join("uploads/upl_a");
        assert_eq!(fs::read(&path).expect("read"), b"promised");
        assert!(matches!(incoming.hold("upl_a", 9), Ok(Opened::Gone)));
        assert!(matches!(incoming.hold("upl_b", 0), Ok(Opened::Gone)));
    }

    #[test]
    fn what_is_there_is_listed() {
        let root = tempfile::tempdir().expect("a folder");
        let incoming = Incoming::open(root.path()).expect("opened");
        incoming.create("upl_a").expect("made");
        assert_eq!(incoming.ids().expect("listed"), ["upl_a"]);
        assert!(incoming.has("upl_a") && incoming.whole("upl_a").is_ok());
        incoming.remove("upl_a").expect("removed");
        incoming.remove("upl_a").expect("gone already");
        assert!(!incoming.has("upl_a") && incoming.whole("upl_a").is_err());
        assert!(incoming.free().expect("asked") > 0);
    }
}
