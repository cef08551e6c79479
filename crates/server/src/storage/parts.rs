//! Parts of packages to be: what is made of a source before it is packaged. Nothing of it is ever served.

use super::hashes::Recorded;
use super::{Back, PARTS, Storage};
use std::io;
use std::path::Path;

/// The parts of one package.
#[derive(Debug)]
pub(crate) struct PartStore<'a> {
    storage: &'a Storage,
    code: String,
}

impl Storage {
    /// The parts of a package, there or not.
    pub(crate) fn parts(&self, code: &str) -> PartStore<'_> {
        PartStore {
            storage: self,
            code: code.to_owned(),
        }
    }
}

impl PartStore<'_> {
    /// Copies a file of this machine into the storage, durably. `name` is one that this server chose.
    pub(crate) fn put(&self, name: &str, from: &Path) -> io::Result<Recorded> {
        let key = self.key(name);
        let recorded = self.storage.import(&key, from)?;
        if let Back::Folder(folder) = &self.storage.back {
            folder.sync_object(&key)?;
        }
        Ok(recorded)
    }

    /// Path of a part in the storage.
    pub(crate) fn key(&self, name: &str) -> String {
        format!("{PARTS}/{}/{name}", self.code)
    }

    /// Deletes the parts, unless they are to be kept; what is gone already is no error.
    pub(crate) fn remove(&self) -> io::Result<()> {
        if self.storage.keep_work {
            return Ok(());
        }
        self.storage
            .back
            .remove_prefix(&format!("{PARTS}/{}", self.code))
    }
}
