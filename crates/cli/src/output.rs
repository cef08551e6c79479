//! New files and folders appear whole or not at all: they are written under a temporary name beside their
//! place, then renamed. Nothing is synchronised to the disk.

use crate::failure::Failure;
use crate::{random, text};
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file or folder under a temporary name, removed when dropped.
pub struct Temporary {
    path: PathBuf,
    is_dir: bool,
}

impl Temporary {
    /// Makes an empty folder in `parent`.
    ///
    /// # Errors
    /// [`Failure::Io`] names `parent`.
    pub fn dir(parent: &Path) -> Result<Self, Failure> {
        let path = temporary_path(parent)?;
        std::fs::create_dir(&path)
            .map_err(|error| Failure::io("make a folder in", parent, &error))?;
        Ok(Self { path, is_dir: true })
    }

    /// Makes an empty file in `parent` with the permission bits `mode` (less the umask).
    ///
    /// # Errors
    /// [`Failure::Io`] names `parent`.
    pub fn file(parent: &Path, mode: u32) -> Result<(Self, File), Failure> {
        let path = temporary_path(parent)?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&path)
            .map_err(|error| Failure::io("make a file in", parent, &error))?;
        let temporary = Self {
            path,
            is_dir: false,
        };
        Ok((temporary, file))
    }

    /// Where it is now.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it its name; fails when something has that name.
    ///
    /// # Errors
    /// `AlreadyExists`, or what the file system says.
    pub fn put_new(&self, target: &Path) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, &self.path, CWD, target, RenameFlags::NOREPLACE) {
            // Some file systems know plain renames only; there the check comes before.
            Err(Errno::INVAL | Errno::NOSYS) if !exists(target) => {
                std::fs::rename(&self.path, target)
            }
            Err(Errno::INVAL | Errno::NOSYS) => Err(io::ErrorKind::AlreadyExists.into()),
            other => Ok(other?),
        }
    }

    /// Takes the place of what has the name `target`, which is then under the temporary name; done twice,
    /// everything is as before.
    ///
    /// # Errors
    /// What the file system says; then both are where they were.
    pub fn exchange(&self, target: &Path) -> io::Result<()> {
        match rustix::fs::renameat_with(CWD, &self.path, CWD, target, RenameFlags::EXCHANGE) {
            Err(Errno::INVAL | Errno::NOSYS) => self.exchange_in_steps(target),
            other => Ok(other?),
        }
    }

    /// For file systems that cannot exchange two names at once.
    fn exchange_in_steps(&self, target: &Path) -> io::Result<()> {
        let mut aside = OsString::from(&self.path);
        aside.push("-old");
        std::fs::rename(target, &aside)?;
        if let Err(error) = std::fs::rename(&self.path, target) {
            std::fs::rename(&aside, target)?;
            return Err(error);
        }
        std::fs::rename(&aside, &self.path)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let removed = if self.is_dir {
            std::fs::remove_dir_all(&self.path)
        } else {
            std::fs::remove_file(&self.path)
        };
        match removed {
            Ok(()) => {}
            // It has got its name.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => text::warn(&format!(
                "cannot remove {}: {error}; remove it by hand",
                self.path.display()
            )),
        }
    }
}

/// Whether anything has this name, also a link that leads nowhere.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The folder that `path` is in, as a path that can be opened.
pub fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// A file to be written whole; see [`Target::check`].
#[derive(Clone)]
pub struct Target {
    path: PathBuf,
    occupied: bool,
}

impl Target {
    /// Checks that a file may be written at `path`.
    ///
    /// # Errors
    /// [`Failure::Usage`] when a file is there and `force` is not given, or when something else is there:
    /// a device would be replaced by the rename.
    pub fn check(path: PathBuf, force: bool) -> Result<Self, Failure> {
        let Ok(metadata) = path.symlink_metadata() else {
            let occupied = false;
            return Ok(Self { path, occupied });
        };
        if !metadata.is_file() {
            return Err(Failure::Usage(format!(
                "{} is there and is no regular file; name another place",
                path.display()
            )));
        }
        if !force {
            return Err(Failure::Usage(format!(
                "{} is there already; --force replaces it",
                path.display()
            )));
        }
        let occupied = true;
        Ok(Self { path, occupied })
    }

    /// Where the file will be.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file is there that will be replaced.
    pub fn is_occupied(&self) -> bool {
        self.occupied
    }

    /// Gives the file its name.
    ///
    /// # Errors
    /// What the file system says.
    pub fn publish(&self, file: &Temporary) -> io::Result<()> {
        if self.occupied {
            file.exchange(&self.path)
        } else {
            file.put_new(&self.path)
        }
    }

    /// Undoes [`Target::publish`].
    ///
    /// # Errors
    /// What the file system says.
    pub fn withdraw(&self, file: &Temporary) -> io::Result<()> {
        if self.occupied {
            file.exchange(&self.path)
        } else {
            std::fs::rename(&self.path, file.path())
        }
    }
}

/// The name tells a person what made it, and nobody can guess it.
fn temporary_path(parent: &Path) -> Result<PathBuf, Failure> {
    Ok(parent.join(format!(".reelpack-{}", random::name()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    #[test]
    fn names_are_exchanged_and_the_temporary_one_goes() {
        let dir = Temporary::dir(&std::env::temp_dir()).unwrap();
        let target = dir.path().join("target");
        std::fs::write(&target, "old").unwrap();
        let (file, _) = Temporary::file(dir.path(), 0o600).unwrap();
        std::fs::write(file.path(), "new").unwrap();

        assert_eq!(
            file.put_new(&target).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        for exchange in [Temporary::exchange, Temporary::exchange_in_steps] {
            exchange(&file, &target).unwrap();
            assert_eq!(
                (contents(&target), contents(file.path())),
                ("new".into(), "old".into())
            );
            exchange(&file, &target).unwrap();
            assert_eq!(
                (contents(&target), contents(file.path())),
                ("old".into(), "new".into())
            );
        }
        drop(file);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
