//! The objects of one package, in either back end.

use super::hashes::{HASHES, Hashes, Recorded};
use super::remote::{Fetched, Pending};
use super::source::StoredObject;
use super::writer::ObjectWriter;
use super::{Back, DASH, PACKAGES, WORK};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, PoisonError};

/// A package that is made, served, looked at or deleted. Clones share what was written.
#[derive(Debug, Clone)]
pub(crate) struct PackageStore {
    back: Back,
    code: String,
    keep_work: bool,
    work: Arc<Work>,
}

/// What this process has written of a package.
#[derive(Debug, Default)]
struct Work {
    written: Mutex<BTreeMap<String, Recorded>>,
    pending: Arc<Pending>,
}

/// A file of a package on its way to a player.
#[derive(Debug)]
pub(crate) enum Opened {
    /// In the local folder, with its size.
    File(File, u64),
    /// In an object store.
    Remote(Box<Fetched>),
}

impl Opened {
    /// Bytes of the file.
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::File(_, size) => *size,
            Self::Remote(object) => object.size(),
        }
    }
}

/// A package whose objects are all there and durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sealed {
    /// Bytes of all objects, the list of hashes among them.
    pub(crate) bytes: u64,
    /// Hex digits of the SHA-256 of the package's list of hashes.
    pub(crate) hashes_sha256: String,
}

impl PackageStore {
    pub(super) fn new(back: Back, code: &str, keep_work: bool) -> Self {
        Self {
            back,
            code: code.to_owned(),
            keep_work,
            work: Arc::default(),
        }
    }

    /// Writes a file of the package, of about `expected` bytes, by `fill`. It is visible, whole, when it is
    /// written, and durable when the package is sealed.
    pub(crate) fn put<T, E: From<io::Error>>(
        &self,
        path: &str,
        expected: u64,
        fill: impl FnOnce(&mut dyn Write) -> Result<T, E>,
    ) -> Result<T, E> {
        let key = self.key(path)?;
        let mut writer = ObjectWriter::begin(&self.back, &key, expected, &self.work.pending)?;
        let filled = fill(&mut writer)?;
        let recorded = writer.finish()?;
        self.note(path, recorded);
        Ok(filled)
    }

    /// Takes an object of an earlier attempt, opened by [`PackageStore::open`], as one of this attempt.
    pub(crate) fn take_over(&self, path: &str, object: &StoredObject) -> io::Result<()> {
        self.note(path, object.record()?);
        Ok(())
    }

    /// A complete file of the package; `None` when it is not there.
    pub(crate) fn open(&self, path: &str) -> io::Result<Option<StoredObject>> {
        let key = self.key(path)?;
        Ok(match &self.back {
            Back::Folder(folder) => folder.open(&key)?.map(StoredObject::File),
            Back::Remote(remote) => remote.wait(remote.open(&key))?.map(StoredObject::Remote),
        })
    }

    /// A file for a player, who wants `all` of it or perhaps some; `None` when it is not there.
    pub(crate) async fn fetch(&self, path: &str, all: bool) -> io::Result<Option<Opened>> {
        let key = self.key(path)?;
        let folder = match &self.back {
            Back::Remote(remote) => {
                return Ok(remote
                    .fetch(&key, all)
                    .await?
                    .map(Box::new)
                    .map(Opened::Remote));
            }
            Back::Folder(folder) => folder.clone(),
        };
        let opening = tokio::task::spawn_blocking(move || {
            let Some(file) = folder.open(&key)? else {
                return Ok(None);
            };
            let size = file.metadata()?.len();
            Ok(Some(Opened::File(file, size)))
        });
        opening.await.map_err(io::Error::other)?
    }

    /// A whole manifest; `None` when it is not there.
    pub(crate) async fn text(&self, path: &str) -> io::Result<Option<String>> {
        let bytes = self.read(&self.key(path)?).await?;
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    /// Path of a file below the storage, as the catalogue keeps it.
    pub(crate) fn origin(&self, path: &str) -> String {
        format!("{}/{DASH}/{path}", self.prefix())
    }

    /// Writes the list of hashes, waits until everything is durable, and looks whether all that was written is
    /// there. What a different attempt left besides is deleted.
    pub(crate) fn seal(&self) -> io::Result<Sealed> {
        let written = {
            let written = self.work.written.lock();
            written.unwrap_or_else(PoisonError::into_inner).clone()
        };
        let hashes = Hashes::new(written);
        let key = format!("{}/{HASHES}", self.prefix());
        let json = hashes.to_json()?;
        let pending = &self.work.pending;
        let mut writer = ObjectWriter::begin(&self.back, &key, json.len() as u64, pending)?;
        writer.write_all(&json)?;
        let of_list = writer.finish()?;
        let prefix = self.prefix();
        match &self.back {
            Back::Folder(folder) => folder.sync(&prefix)?,
            Back::Remote(remote) => pending.settle(remote)?,
        }
        let mut found = self.list()?;
        found.remove(HASHES);
        for (path, recorded) in &hashes.objects {
            let size = found.remove(path);
            if size != Some(recorded.size) || recorded.size == 0 {
                let text = format!(
                    "the package is not whole: {path} should have {} bytes, has {size:?}",
                    recorded.size
                );
                return Err(io::Error::other(text));
            }
        }
        for path in found.keys() {
            self.back.remove(&format!("{prefix}/{path}"))?;
        }
        Ok(Sealed {
            bytes: hashes.bytes() + of_list.size,
            hashes_sha256: of_list.sha256,
        })
    }

    /// The list of hashes, with its own; `None` when the package has none.
    pub(crate) async fn hashes(&self) -> io::Result<Option<(Hashes, Recorded)>> {
        let json = self.read(&format!("{}/{HASHES}", self.prefix())).await?;
        json.map(|json| Ok((Hashes::parse(&json)?, Recorded::of(&json))))
            .transpose()
    }

    /// Path in the storage of what [`Hashes`] call `path`.
    pub(crate) fn key_of(&self, path: &str) -> String {
        format!("{}/{path}", self.prefix())
    }

    /// Deletes the package's objects; what is gone already is no error.
    pub(crate) fn remove(&self) -> io::Result<()> {
        self.back.remove_prefix(&self.prefix())
    }

    /// Deletes the objects of a package that will not be, or puts them where nothing is served from, as configured.
    pub(crate) fn abandon(&self) -> io::Result<()> {
        if self.keep_work {
            let aside = format!("{WORK}/{}", self.code);
            return self.back.rename_prefix(&self.prefix(), &aside);
        }
        self.remove()
    }

    /// Objects below the package's prefix with their sizes.
    pub(super) fn list(&self) -> io::Result<BTreeMap<String, u64>> {
        match &self.back {
            Back::Folder(folder) => folder.list(&self.prefix()),
            Back::Remote(remote) => remote.wait(remote.list(&self.prefix())),
        }
    }

    fn prefix(&self) -> String {
        format!("{PACKAGES}/{}", self.code)
    }

    /// The key of a file that a URL names.
    ///
    /// # Errors
    /// `NotFound` for a path that no package can have: each name is made of letters, digits, `_`, `-` and `.`,
    /// does not begin with a dot, and there are at most two.
    fn key(&self, path: &str) -> io::Result<String> {
        let parts: Vec<&str> = path.split('/').collect();
        if parts.len() > 2 || !parts.iter().all(|part| is_plain_name(part)) {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                "not the path of a file in a package",
            ));
        }
        Ok(self.origin(path))
    }

    async fn read(&self, key: &str) -> io::Result<Option<Vec<u8>>> {
        let path = match &self.back {
            Back::Remote(remote) => return remote.read(key).await,
            Back::Folder(folder) => folder.path(key),
        };
        let reading = tokio::task::spawn_blocking(move || match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound
                        | io::ErrorKind::NotADirectory
                        | io::ErrorKind::IsADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(error),
        });
        reading.await.map_err(io::Error::other)?
    }

    fn note(&self, path: &str, recorded: Recorded) {
        let written = self.work.written.lock();
        let mut written = written.unwrap_or_else(PoisonError::into_inner);
        written.insert(format!("{DASH}/{path}"), recorded);
    }
}

fn is_plain_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    !name.starts_with('.')
        && name.bytes().all(plain)
        && matches!(
            Path::new(name).components().collect::<Vec<_>>().as_slice(),
            [Component::Normal(_)]
        )
}
