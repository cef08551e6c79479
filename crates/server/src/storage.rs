//! The local folder: uploads come in, packages come out whole or not at all.
//!
//! Every path is made of names that this server chose; nothing here is asynchronous. A file gets its name
//! when it is complete (temporary name, then rename); [`PackageDir::sync`] makes a package durable in one
//! pass.

use crate::id;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

const INCOMING: &str = "incoming";
const SOURCES: &str = "sources";
const PACKAGES: &str = "packages";
const LOCK_FILE: &str = "reelpack.lock";
/// Folder inside of a package that holds its files; part of every media URL.
pub(crate) const DASH: &str = "dash";
/// Threads that wait for the disk together when a package is made durable: 2400 small files took 6.3 s
/// with one thread, 0.6 s with 8 and 0.3 s with 32 (ext4).
const SYNC_THREADS: usize = 32;

/// The storage below a data folder, held by this process alone.
#[derive(Debug)]
pub(crate) struct Storage {
    root: PathBuf,
    /// Locked as long as it is open; `None` of workers beside a server.
    _lock: Option<File>,
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
}

impl Storage {
    /// Makes the folders that are missing and locks the data folder against a second server.
    pub(crate) fn open(root: &Path) -> Result<Self, OpenError> {
        let mut storage = Self::open_beside(root)?;
        let path = storage.root.join(LOCK_FILE);
        let at = |source| OpenError::Io {
            path: path.clone(),
            source,
        };
        let lock = File::create(&path).map_err(at)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => return Err(OpenError::Held(storage.root)),
            Err(fs::TryLockError::Error(source)) => return Err(at(source)),
        }
        storage._lock = Some(lock);
        Ok(storage)
    }

    /// Makes the folders that are missing; another process may hold the data folder.
    pub(crate) fn open_beside(root: &Path) -> Result<Self, OpenError> {
        let at = |path: PathBuf| move |source| OpenError::Io { path, source };
        for folder in [INCOMING, SOURCES, PACKAGES] {
            let path = root.join(folder);
            fs::create_dir_all(&path).map_err(at(path.clone()))?;
        }
        let root = root.canonicalize().map_err(at(root.to_owned()))?;
        Ok(Self { root, _lock: None })
    }

    /// The data folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A new file for an upload that begins.
    pub(crate) fn receive(&self) -> io::Result<Upload> {
        let path = self.root.join(INCOMING).join(id::code()?);
        Ok(Upload {
            file: File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)?,
            partial: Partial { path, keep: false },
            hash: Sha256::new(),
            size: 0,
        })
    }

    /// Opens a delivered file by the path that the catalogue keeps.
    pub(crate) fn source(&self, origin: &str) -> io::Result<File> {
        File::open(self.root.join(origin))
    }

    /// Removes a delivered file; one that is gone already is no error.
    pub(crate) fn remove_source(&self, origin: &str) -> io::Result<()> {
        absent_is_fine(fs::remove_file(self.root.join(origin)))
    }

    /// The folder of a package, there or not.
    pub(crate) fn package(&self, code: &str) -> PackageDir {
        PackageDir {
            home: self.root.join(PACKAGES).join(code),
            code: code.to_owned(),
        }
    }

    /// Deletes what nothing in the catalogue names: partial uploads, sources, packages, temporary files.
    ///
    /// `sources` are origins, `codes` the packages that may have files. Returns how many were deleted.
    pub(crate) fn sweep(
        &self,
        sources: &HashSet<String>,
        codes: &HashSet<String>,
    ) -> io::Result<usize> {
        let mut deleted = 0;
        for entry in entries(&self.root.join(INCOMING))? {
            fs::remove_file(entry.path())?;
            deleted += 1;
        }
        for entry in entries(&self.root.join(SOURCES))? {
            let origin = format!("{SOURCES}/{}", entry.file_name().to_string_lossy());
            if !sources.contains(&origin) {
                fs::remove_file(entry.path())?;
                deleted += 1;
            }
        }
        for entry in entries(&self.root.join(PACKAGES))? {
            let code = entry.file_name().to_string_lossy().into_owned();
            if codes.contains(&code) {
                deleted += self.package(&code).remove_temporary()?;
            } else {
                fs::remove_dir_all(entry.path())?;
                deleted += 1;
            }
        }
        Ok(deleted)
    }
}

/// An upload under way. Dropped before [`Upload::keep`], it leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Upload {
    file: File,
    partial: Partial,
    hash: Sha256,
    size: u64,
}

impl Upload {
    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// What was received so far, to be probed.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Bytes received so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Makes the file durable and moves it to the sources. The catalogue must then name it, and
    /// [`KeptSource::done`] be called, or it is deleted again.
    pub(crate) fn keep(mut self, storage: &Storage) -> io::Result<KeptSource> {
        self.file.sync_all()?;
        let origin = format!("{SOURCES}/{}", id::code()?);
        let path = storage.root.join(&origin);
        fs::rename(&self.partial.path, &path)?;
        self.partial.keep = true;
        let partial = Partial { path, keep: false };
        File::open(storage.root.join(SOURCES))?.sync_all()?;
        let digest = std::mem::take(&mut self.hash).finalize();
        Ok(KeptSource {
            partial,
            origin,
            size: self.size,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }
}

/// A delivered file at its place, which the catalogue does not name yet.
#[derive(Debug)]
pub(crate) struct KeptSource {
    partial: Partial,
    /// Path below the data folder.
    pub(crate) origin: String,
    /// Bytes.
    pub(crate) size: u64,
    /// Hex digits of the SHA-256 of its bytes.
    pub(crate) sha256: String,
}

impl KeptSource {
    /// The catalogue names the file now: it stays.
    pub(crate) fn done(mut self) {
        self.partial.keep = true;
    }
}

/// A file that is deleted unless somebody decides to keep it.
#[derive(Debug)]
struct Partial {
    path: PathBuf,
    keep: bool,
}

impl Drop for Partial {
    fn drop(&mut self) {
        if self.keep {
            return;
        }
        if let Err(error) = absent_is_fine(fs::remove_file(&self.path)) {
            tracing::warn!(path = %self.path.display(), %error,
                "an abandoned upload stays until the next start");
        }
    }
}

/// The folder of one package.
#[derive(Debug, Clone)]
pub(crate) struct PackageDir {
    home: PathBuf,
    code: String,
}

impl PackageDir {
    /// Makes the folder with these folders for renditions in it.
    pub(crate) fn create(&self, renditions: &[&str]) -> io::Result<()> {
        fs::create_dir_all(self.home.join(DASH))?;
        for name in renditions {
            fs::create_dir_all(self.file(name)?)?;
        }
        Ok(())
    }

    /// Writes a file of the package by `fill`; it is visible when `fill` is done.
    pub(crate) fn put<T, E: From<io::Error>>(
        &self,
        path: &str,
        fill: impl FnOnce(&mut File) -> Result<T, E>,
    ) -> Result<T, E> {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let target = self.file(path)?;
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        // The process is part of the name because a predecessor's leftovers may still be there.
        let temporary = target.with_file_name(format!(".{}-{number}.tmp", std::process::id()));
        let written = File::create(&temporary)
            .map_err(E::from)
            .and_then(|mut file| fill(&mut file))
            .and_then(|filled| Ok(fs::rename(&temporary, &target).map(|()| filled)?));
        if written.is_err() {
            absent_is_fine(fs::remove_file(&temporary))?;
        }
        written
    }

    /// A complete file of the package; `None` when it is not there.
    pub(crate) fn open(&self, path: &str) -> io::Result<Option<File>> {
        match File::open(self.file(path)?) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Size of a complete file of the package, in bytes; `None` when it is not there.
    pub(crate) fn size(&self, path: &str) -> io::Result<Option<u64>> {
        match fs::metadata(self.file(path)?) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Path of a file below the data folder, as the catalogue keeps it.
    pub(crate) fn origin(&self, path: &str) -> String {
        format!("{PACKAGES}/{}/{DASH}/{path}", self.code)
    }

    /// The file of the package that a URL names.
    ///
    /// # Errors
    /// `InvalidInput` for a path that no package can have: each name is made of letters, digits, `_`,
    /// `-` and `.`, does not begin with a dot, and there are at most two.
    pub(crate) fn file(&self, path: &str) -> io::Result<PathBuf> {
        let parts: Vec<&str> = path.split('/').collect();
        if parts.len() > 2 || !parts.iter().all(|part| is_plain_name(part)) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "not the path of a file in a package",
            ));
        }
        Ok(self.home.join(DASH).join(path))
    }

    /// Makes all that was written durable: every file, then every folder up to the storage's own.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let mut files = Vec::new();
        let mut folders = vec![self.home.clone()];
        collect(&self.home, &mut files, &mut folders)?;
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            // The disk joins what waits for it at the same time.
            let threads: Vec<_> = (0..SYNC_THREADS.min(files.len()))
                .map(|_| scope.spawn(|| sync_each(&files, &next)))
                .collect();
            threads.into_iter().try_for_each(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(io::Error::other("a thread of the sync panicked")))
            })
        })?;
        if let Some(parent) = self.home.parent() {
            folders.push(parent.to_owned());
        }
        folders
            .iter()
            .try_for_each(|folder| File::open(folder)?.sync_all())
    }

    /// Deletes the package's files; what is gone already is no error.
    pub(crate) fn remove(&self) -> io::Result<()> {
        absent_is_fine(fs::remove_dir_all(&self.home))
    }

    /// Deletes temporary files that an interrupted process left. Returns how many.
    pub(crate) fn remove_temporary(&self) -> io::Result<usize> {
        let (mut files, mut folders) = (Vec::new(), Vec::new());
        if self.home.is_dir() {
            collect(&self.home, &mut files, &mut folders)?;
        }
        let temporary = files.iter().filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('.'))
        });
        let mut deleted = 0;
        for path in temporary {
            fs::remove_file(path)?;
            deleted += 1;
        }
        Ok(deleted)
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

fn sync_each(files: &[PathBuf], next: &AtomicUsize) -> io::Result<()> {
    while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
        File::open(path)?.sync_all()?;
    }
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>, folders: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in entries(folder)? {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            folders.push(path.clone());
            collect(&path, files, folders)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

fn entries(folder: &Path) -> io::Result<Vec<fs::DirEntry>> {
    fs::read_dir(folder)?.collect()
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests;
