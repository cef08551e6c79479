//! Files with a name on this machine, for programs that read nothing else.

use super::hashes::Recorded;
use super::remote::Remote;
use super::{Back, SCRATCH, Storage, absent_is_fine, source};
use packager::Source;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// A file that lies there as long as this is held. Clones hold it together.
#[derive(Debug, Clone)]
pub(crate) struct LocalFile {
    path: PathBuf,
    len: u64,
    /// Of a copy of what is in an object store: deleted with the last of them.
    _copy: Option<Arc<tempfile::TempPath>>,
}

impl LocalFile {
    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// It is opened as it is read: a package may be made of more pieces than a process may hold open.
impl Source for LocalFile {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        Source::read_at(&File::open(&self.path)?, offset, buffer)
    }
}

/// The copy that was made last: the parts of a package are made one after another, and all want the same source.
#[derive(Debug, Default)]
pub(super) struct LastCopy(Mutex<Option<(String, LocalFile)>>);

impl Storage {
    /// An object as a file of this machine: itself in a folder, a copy that is compared with its recorded hash else.
    ///
    /// A copy lies in the scratch folder of the process `owner`.
    pub(crate) fn local(
        &self,
        key: &str,
        recorded: &Recorded,
        owner: &str,
    ) -> io::Result<LocalFile> {
        let remote = match &self.back {
            Back::Folder(folder) => {
                let file = folder.open(key)?.ok_or(io::ErrorKind::NotFound)?;
                return Ok(LocalFile {
                    path: folder.path(key),
                    len: file.metadata()?.len(),
                    _copy: None,
                });
            }
            Back::Remote(remote) => remote,
        };
        let mut last = self
            .last_copy
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((name, file)) = last.as_ref()
            && name == key
        {
            return Ok(file.clone());
        }
        let local = self.copy_of(remote, key, recorded, owner)?;
        *last = Some((key.to_owned(), local.clone()));
        Ok(local)
    }

    /// The same of one of many objects, each of which is wanted once.
    pub(crate) fn piece(
        &self,
        key: &str,
        recorded: &Recorded,
        owner: &str,
    ) -> io::Result<LocalFile> {
        match &self.back {
            Back::Folder(_) => self.local(key, recorded, owner),
            Back::Remote(remote) => self.copy_of(remote, key, recorded, owner),
        }
    }

    fn copy_of(
        &self,
        remote: &Remote,
        key: &str,
        recorded: &Recorded,
        owner: &str,
    ) -> io::Result<LocalFile> {
        let (file, path) =
            tempfile::NamedTempFile::new_in(self.scratch_folder(owner)?)?.into_parts();
        source::download(remote, key, recorded, &file)?;
        Ok(LocalFile {
            path: path.to_path_buf(),
            len: recorded.size,
            _copy: Some(Arc::new(path)),
        })
    }

    /// Lets go of the copy that was made last, unless somebody makes one at this moment.
    pub(crate) fn forget_copy(&self) {
        if let Ok(mut last) = self.last_copy.0.try_lock() {
            *last = None;
        }
    }

    /// A new empty folder of the process `owner`; it goes with what is in it when it is dropped.
    pub(crate) fn scratch(&self, owner: &str) -> io::Result<tempfile::TempDir> {
        tempfile::tempdir_in(self.scratch_folder(owner)?)
    }

    /// The processes that have scratch folders on this machine, alive or dead.
    pub(crate) fn scratch_owners(&self) -> io::Result<Vec<String>> {
        let folders = match super::folder::entries(&self.root.join(SCRATCH)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            folders => folders?,
        };
        let names = folders.iter().map(|folder| folder.file_name());
        Ok(names
            .map(|name| name.to_string_lossy().into_owned())
            .collect())
    }

    /// Deletes the scratch folder of a process that is dead, or ends.
    pub(crate) fn remove_scratch(&self, owner: &str) -> io::Result<()> {
        absent_is_fine(fs::remove_dir_all(self.root.join(SCRATCH).join(owner)))
    }

    /// The folder of a process for files that nobody else needs.
    fn scratch_folder(&self, owner: &str) -> io::Result<PathBuf> {
        let folder = self.root.join(SCRATCH).join(owner);
        fs::create_dir_all(&folder)?;
        Ok(folder)
    }
}
