//! Where a package goes, and how it gets there in one step.

use crate::failure::Failure;
use crate::output::{Target, Temporary, exists, parent};
use crate::text;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A place for a package that has been checked.
pub struct Destination {
    /// The folder, with links resolved as far as it exists.
    dir: PathBuf,
    /// Whether an old package is there that the new one replaces.
    occupied: bool,
    /// Where new keys go; `None` when there are none to write.
    key: Option<Target>,
    /// Where a CPIX document goes.
    cpix: Option<Target>,
}

/// Files beside the package that hold keys.
#[derive(Default)]
pub struct Secrets {
    /// The text of `DIR.key`.
    pub keys: Option<Zeroizing<String>>,
    /// The text of the CPIX document.
    pub cpix: Option<Zeroizing<String>>,
}

/// What is written while a package is being made; removed when dropped.
pub struct Staging {
    package: Temporary,
    /// Files with keys and their places.
    secrets: Vec<(Target, Temporary)>,
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
        cpix: Option<&Path>,
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
        let cpix = match cpix {
            Some(path) => Some(check_cpix(path, &dir, output, force)?),
            None => None,
        };
        Ok(Self {
            dir,
            occupied,
            key,
            cpix,
        })
    }

    /// Path of the CPIX document that will be written.
    pub fn cpix_path(&self) -> Option<&Path> {
        self.cpix.as_ref().map(Target::path)
    }

    /// Path of the key file that will be written.
    pub fn key_path(&self) -> Option<&Path> {
        self.key.as_ref().map(Target::path)
    }

    /// Makes the temporary folder, and the temporary files with keys.
    ///
    /// # Errors
    /// [`Failure::Io`] names what could not be made.
    pub fn stage(&self, secrets: &Secrets) -> Result<Staging, Failure> {
        let parents = NewParents::make(parent(&self.dir))?;
        let package = Temporary::dir(parent(&self.dir))?;
        let mut staging = Staging {
            package,
            secrets: Vec::new(),
            parents,
        };
        for (target, text) in [(&self.key, &secrets.keys), (&self.cpix, &secrets.cpix)] {
            if let (Some(target), Some(text)) = (target, text) {
                let (temporary, mut file) = Temporary::file(parent(target.path()), 0o600)?;
                file.write_all(text.as_bytes())
                    .map_err(|error| Failure::io("write", target.path(), &error))?;
                staging.secrets.push((target.clone(), temporary));
            }
        }
        Ok(staging)
    }

    /// Puts the files with keys and then the package in their places, so that no package is ever without its
    /// keys. What was there is removed afterwards.
    ///
    /// # Errors
    /// [`Failure::Io`] or, when something has taken a place meanwhile, [`Failure::Usage`]; then everything is
    /// as before.
    pub fn publish(&self, staging: Staging) -> Result<(), Failure> {
        // Dropped in reverse: the folders above go last.
        let Staging {
            parents,
            package,
            secrets,
        } = staging;
        for (index, (target, temporary)) in secrets.iter().enumerate() {
            if let Err(error) = target.publish(temporary) {
                withdraw(&secrets[..index])?;
                return Err(in_the_way(target.path(), &error));
            }
        }
        let put = if self.occupied {
            package.exchange(&self.dir)
        } else {
            // Takes the place of an empty folder, and fails on one that has been filled meanwhile.
            std::fs::rename(package.path(), &self.dir)
        };
        if let Err(error) = put {
            withdraw(&secrets)?;
            return Err(in_the_way(&self.dir, &error));
        }
        for (target, _) in secrets.iter().filter(|(target, _)| target.is_occupied()) {
            text::note(&format!("replaced {}", target.path().display()));
        }
        parents.keep();
        Ok(())
    }
}

/// Undoes the publishing of files.
fn withdraw(secrets: &[(Target, Temporary)]) -> Result<(), Failure> {
    for (target, temporary) in secrets {
        target
            .withdraw(temporary)
            .map_err(|error| Failure::io("remove", target.path(), &error))?;
    }
    Ok(())
}

/// A document of keys must not lie in the folder that is going to be published.
fn check_cpix(path: &Path, dir: &Path, output: &Path, force: bool) -> Result<Target, Failure> {
    let inside = |folder: &Path| {
        path.starts_with(folder)
            || parent(path)
                .canonicalize()
                .is_ok_and(|parent| parent.starts_with(folder))
    };
    if inside(dir) || inside(output) {
        return Err(Failure::Usage(format!(
            "--cpix-out {}: it holds the keys, and the output folder is what players get; name another place",
            path.display()
        )));
    }
    Target::check(path.to_owned(), force)
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
