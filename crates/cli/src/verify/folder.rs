//! The files of a package in a folder.

use crate::failure::Failure;
use packager::{Error, PackageFiles, Source};
use std::fs::File;
use std::io;
use std::path::{Component, Path, PathBuf};

/// How many files a folder may have.
const MAX_FILES: usize = 1_000_000;

/// A folder with a package in it.
pub struct Folder {
    root: PathBuf,
    /// All files, when the whole folder is the package.
    files: Option<Vec<String>>,
}

impl Folder {
    /// The folder is the package, and nothing else is in it.
    ///
    /// # Errors
    /// [`Failure::Io`] when it cannot be looked into; [`Failure::Input`] when it holds too much.
    pub fn whole(root: &Path) -> Result<Self, Failure> {
        let mut files = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            let failed = |error: io::Error| Failure::io("look into", &folder, &error);
            for entry in std::fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let kind = entry.file_type().map_err(failed)?;
                let path = entry.path();
                if kind.is_dir() {
                    folders.push(path);
                } else if let Ok(name) = path.strip_prefix(root) {
                    files.push(name.to_string_lossy().into_owned());
                }
                if files.len() + folders.len() > MAX_FILES {
                    let what = format!("{}: more than {MAX_FILES} files", root.display());
                    return Err(Failure::Input(what));
                }
            }
        }
        files.sort();
        Ok(Self {
            root: root.to_owned(),
            files: Some(files),
        })
    }

    /// The folder of a manifest: other files may be there, too.
    pub fn around(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
            files: None,
        }
    }

    /// The manifests in it, MPDs first.
    pub fn manifests(&self) -> Vec<String> {
        let files = self.files.as_deref().unwrap_or_default();
        let with = |end: &str| {
            let has_end = |path: &&String| path.to_ascii_lowercase().ends_with(end);
            files.iter().filter(has_end).cloned().collect::<Vec<_>>()
        };
        [with(".mpd"), with(".m3u8")].concat()
    }
}

impl PackageFiles for Folder {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Source + '_>>, Error> {
        let relative = Path::new(path);
        let inside = |part: Component<'_>| matches!(part, Component::Normal(_));
        // URLs, and paths that lead out of the package.
        if path.contains("://") || path.contains('\0') || !relative.components().all(inside) {
            return Ok(None);
        }
        let opened = File::open(self.root.join(relative));
        let file = match opened {
            Ok(file) => file,
            Err(error) => return missing(error),
        };
        match file.metadata()?.is_file() {
            true => Ok(Some(Box::new(file))),
            false => Ok(None),
        }
    }

    fn list(&self) -> Option<Vec<String>> {
        self.files.clone()
    }
}

/// A file that is not there is no error.
fn missing<'a>(error: io::Error) -> Result<Option<Box<dyn Source + 'a>>, Error> {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename => {
            Ok(None)
        }
        _ => Err(Error::Io(error)),
    }
}
