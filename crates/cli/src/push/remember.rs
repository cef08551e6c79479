//! Remembers where an upload is, from one run to the next.

use crate::text;
use sha2::{Digest, Sha256};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A small file that holds the URL of one upload: of this file, as it is now, to this server.
pub struct Remembered(Option<PathBuf>);

impl Remembered {
    /// The place for it, in the state folder of the XDG Base Directory Specification. Without a home nothing is
    /// remembered.
    pub fn of(file: &Path, metadata: &Metadata, server: &str) -> Self {
        let absolute = |name: &str| {
            let path = std::env::var_os(name).map(PathBuf::from);
            path.filter(|path| path.is_absolute())
        };
        let state = absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
        let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
        let mut hash = Sha256::new();
        for part in [
            file.as_os_str().as_bytes(),
            server.as_bytes(),
            &metadata.len().to_le_bytes(),
            &metadata.mtime().to_le_bytes(),
            &metadata.mtime_nsec().to_le_bytes(),
        ] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let name: String = digest
            .iter()
            .take(16)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        Self(state.map(|state| state.join("reelpack/uploads").join(name)))
    }

    /// The URL of the upload, when one was begun.
    pub fn read(&self) -> Option<String> {
        let text = fs::read_to_string(self.0.as_ref()?).ok()?;
        let url = text.trim();
        (!url.is_empty()).then(|| url.to_owned())
    }

    /// Remembers the URL. When that fails, an end of this run costs what was sent; so it is said.
    pub fn write(&self, url: &str) {
        let Some(path) = &self.0 else {
            return;
        };
        if let Err(error) = put(path, url) {
            let path = path.display();
            text::warn(&format!(
                "cannot write {path}: {error}; an end of this run loses what was sent"
            ));
        }
    }

    /// Forgets it: the upload has ended.
    pub fn forget(&self) {
        if let Some(path) = &self.0
            && let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            text::warn(&format!("cannot remove {}: {error}", path.display()));
        }
    }
}

/// Puts the file in its place in one step.
fn put(path: &Path, url: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(io::ErrorKind::NotFound)?;
    fs::create_dir_all(folder)?;
    let mut name = OsString::from(path);
    name.push(format!(".{}", std::process::id()));
    fs::write(&name, format!("{url}\n"))?;
    fs::rename(&name, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_file_server_or_time_is_another_upload() {
        let place = |file: &str, server: &str| {
            let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
            Remembered::of(&file, &file.metadata().unwrap(), server).0
        };
        let one = place("Cargo.toml", "http://a");
        assert_eq!(one, place("src/../Cargo.toml", "http://a"));
        assert_ne!(one, place("Cargo.toml", "http://b"));
        assert_ne!(one, place("src/main.rs", "http://a"));
    }
}
