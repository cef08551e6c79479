//! Where a package goes, and how it gets there in one step.

use crate::failure::Failure;
use crate::output::{Target, Temporary, exists, parent};
use crate::{keys, text};
use packager::ContentKey;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A place for a package that has been checked.
pub struct Destination {
    /// The folder, with links resolved as far as it exists.
    dir: PathBuf,
    /// Whether an old package is there that the new one replaces.
    occupied: bool,
    /// Where a new key goes; `None` when there is none to write.
    key: Option<Target>,
}

/// What is written while a package is being made; removed when dropped.
pub struct Staging {
    package: Temporary,
    key: Option<Temporary>,
    /// Folders above the package that were missing, the innermost last.
    parents: NewParents,
}

impl Destination {
    /// Checks `output` and writes nothing. `kept` are files that must not go with an old package.
    ///
    /// # Errors
    /// [`Failure::Usage`] says what is in the way, [`Failure::Io`] what cannot be looked at.
    pub fn check(
        output: &Path,
        kept: &[&Path],
        force: bool,
        writes_key: bool,
    ) -> Result<Self, Failure> {
        let there = exists(output);
        let dir = if there {
            output
                .canonicalize()
                .map_err(|error| Failure::io("use the folder", output, &error))?
        } else {
            output.to_owned()
        };
        if dir.file_name().is_none() {
            return Err(Failure::Usage(format!(
                "{} has no name of its own; name a folder to be made",
                output.display()
            )));
        }
        let occupied = there && is_occupied(&dir, output)?;
        if occupied && !force {
            return Err(Failure::Usage(format!(
                "{} is not empty; --force replaces it when the new package is whole",
                output.display()
            )));
        }
        if there {
            refuse_to_bury(&dir, output, kept)?;
        }
        let key_path = key_path(output, &dir);
        let key = if writes_key {
            Some(Target::check(key_path, force)?)
        } else {
            warn_of_old_key(&key_path, kept);
            None
        };
        Ok(Self { dir, occupied, key })
    }

    /// Path of the key file that will be written.
    pub fn key_path(&self) -> Option<&Path> {
        self.key.as_ref().map(Target::path)
    }

    /// Makes the temporary folder, and the temporary key file with `new_key` in it.
    ///
    /// # Errors
    /// [`Failure::Io`] names what could not be made.
    pub fn stage(&self, new_key: Option<&ContentKey>) -> Result<Staging, Failure> {
        let parents = NewParents::make(parent(&self.dir))?;
        let package = Temporary::dir(parent(&self.dir))?;
        let mut staging = Staging {
            package,
            key: None,
            parents,
        };
        if let (Some(target), Some(key)) = (&self.key, new_key) {
            let (temporary, mut file) = Temporary::file(parent(target.path()), 0o600)?;
            file.write_all(keys::line(key).as_bytes())
                .map_err(|error| Failure::io("write", target.path(), &error))?;
            staging.key = Some(temporary);
        }
        Ok(staging)
    }

    /// Puts the key file and then the package in their places, so that no package is ever without its
    /// key. What was there is removed afterwards.
    ///
    /// # Errors
    /// [`Failure::Io`] or, when something has taken a place meanwhile, [`Failure::Usage`]; then everything is
    /// as before.
    pub fn publish(&self, staging: Staging) -> Result<(), Failure> {
        // Dropped in reverse: the folders above go last.
        let Staging {
            parents,
            package,
            key,
        } = staging;
        let key = self.key.as_ref().zip(key.as_ref());
        if let Some((target, temporary)) = key {
            target
                .publish(temporary)
                .map_err(|error| in_the_way(target.path(), &error))?;
        }
        let put = if self.occupied {
            package.exchange(&self.dir)
        } else {
            // Takes the place of an empty folder, and fails on one that has been filled meanwhile.
            std::fs::rename(package.path(), &self.dir)
        };
        if let Err(error) = put {
            if let Some((target, temporary)) = key {
                target
                    .withdraw(temporary)
                    .map_err(|error| Failure::io("remove", target.path(), &error))?;
            }
            return Err(in_the_way(&self.dir, &error));
        }
        if let Some((target, _)) = key.filter(|(target, _)| target.is_occupied()) {
            text::note(&format!("replaced {}", target.path().display()));
        }
        parents.keep();
        Ok(())
    }
}

impl Staging {
    /// The folder to write the package to.
    pub fn path(&self) -> &Path {
        self.package.path()
    }
}

/// Whether there is something in the folder.
fn is_occupied(dir: &Path, output: &Path) -> Result<bool, Failure> {
    if !dir.is_dir() {
        return Err(Failure::Usage(format!(
            "{} is there and is no folder; name another",
            output.display()
        )));
    }
    let mut entries =
        std::fs::read_dir(dir).map_err(|error| Failure::io("look into", output, &error))?;
    Ok(entries.next().is_some())
}

/// The whole folder is replaced: neither an input nor somebody's working folder may be in it.
fn refuse_to_bury(dir: &Path, output: &Path, kept: &[&Path]) -> Result<(), Failure> {
    let inside = |path: &Path| path.canonicalize().is_ok_and(|path| path.starts_with(dir));
    if let Some(file) = kept.iter().find(|path| inside(path)) {
        return Err(Failure::Usage(format!(
            "{} is in the output folder, which is replaced as a whole; name another folder",
            file.display()
        )));
    }
    if inside(Path::new(".")) {
        return Err(Failure::Usage(format!(
            "{} is the current folder or one above it, and is replaced as a whole; name another",
            output.display()
        )));
    }
    Ok(())
}

/// `DIR.key`, beside the folder as the person named it.
fn key_path(output: &Path, dir: &Path) -> PathBuf {
    let named = if output.file_name().is_some() {
        output
    } else {
        dir
    };
    let mut name = OsString::from(named.file_name().unwrap_or_default());
    name.push(".key");
    named.with_file_name(name)
}

/// A key was given, so a `DIR.key` from before is left alone; it may mislead.
fn warn_of_old_key(key_path: &Path, kept: &[&Path]) {
    let is_given = |path: &&Path| path.canonicalize().ok() == key_path.canonicalize().ok();
    if exists(key_path) && !kept.iter().any(is_given) {
        text::warn(&format!(
            "{} is of another packaging and is left as it is",
            key_path.display()
        ));
    }
}

/// An error of a rename: something else that has come meanwhile is the person's to solve.
fn in_the_way(path: &Path, error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::AlreadyExists
        | io::ErrorKind::DirectoryNotEmpty
        | io::ErrorKind::NotADirectory => Failure::Usage(format!(
            "{} has been made by something else meanwhile; nothing was written",
            path.display()
        )),
        _ => Failure::io("put the package in its place at", path, error),
    }
}

/// Missing folders above the package, made for it; removed when dropped unless kept.
struct NewParents(Vec<PathBuf>);

impl NewParents {
    /// Makes `dir` and what is missing above it.
    fn make(dir: &Path) -> Result<Self, Failure> {
        let mut missing: Vec<&Path> = dir
            .ancestors()
            .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
            .collect();
        missing.reverse();
        let mut made = Self(Vec::new());
        for path in missing {
            match std::fs::create_dir(path) {
                Ok(()) => made.0.push(path.to_owned()),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(Failure::io("make the folder", path, &error)),
            }
        }
        Ok(made)
    }

    /// The package is in its place.
    fn keep(mut self) {
        self.0.clear();
    }
}

impl Drop for NewParents {
    fn drop(&mut self) {
        for path in self.0.iter().rev() {
            if let Err(error) = std::fs::remove_dir(path) {
                text::warn(&format!("cannot remove {}: {error}", path.display()));
            }
        }
    }
}
