//! Which worker processes live. Each has an id of its own and a file of that name, which it holds locked: the lock
//! goes with the process, however that ends, so that others see at once who is dead.

use crate::id;
use std::collections::HashSet;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Folder of the files, in the data folder.
const FOLDER: &str = "workers";

/// This process, among those that work on a data folder.
#[derive(Debug)]
pub(crate) struct Incarnation {
    id: String,
    folder: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

/// What is known of the processes of a data folder.
#[derive(Debug, Default)]
pub(crate) struct Census {
    /// Their files are locked.
    pub(crate) alive: HashSet<String>,
    /// Their files are there, and locked no more.
    pub(crate) dead: HashSet<String>,
}

impl Incarnation {
    /// Enters this process.
    pub(crate) fn begin(data_dir: &Path) -> io::Result<Self> {
        let folder = data_dir.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let id = id::tagged("run")?;
        // It gets its name when it is locked: a file with the name of a process and no lock is one of the dead.
        let unnamed = folder.join(format!(".{id}"));
        let lock = File::create(&unnamed)?;
        lock.lock()?;
        fs::rename(&unnamed, folder.join(&id))?;
        Ok(Self {
            id,
            folder,
            _lock: lock,
        })
    }

    /// The id: never that of another process, whatever its number, its machine or its name.
    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    /// Looks who is alive and who is dead.
    pub(crate) fn census(&self) -> io::Result<Census> {
        let mut census = Census::default();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            let file = match File::open(entry.path()) {
                Ok(file) => file,
                // Another process forgot it at this moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            match file.try_lock() {
                Ok(()) => census.dead.insert(name),
                Err(TryLockError::WouldBlock) => census.alive.insert(name),
                Err(TryLockError::Error(error)) => return Err(error),
            };
        }
        Ok(census)
    }

    /// Deletes the files of the dead, whose jobs were taken back.
    pub(crate) fn forget(&self, dead: &HashSet<String>) -> io::Result<()> {
        for name in dead {
            remove(&self.folder.join(name))?;
        }
        Ok(())
    }
}

impl Drop for Incarnation {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.folder.join(&self.id)) {
            tracing::debug!(%error, "the file of this process stays until another one sees it");
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_living_and_the_dead_are_told_apart() {
        let dir = tempfile::tempdir().expect("a folder");
        let me = Incarnation::begin(dir.path()).expect("entered");
        let other = Incarnation::begin(dir.path()).expect("entered");
        fs::write(dir.path().join(FOLDER).join("run_gone"), "").expect("written");
        let census = me.census().expect("a census");
        let both = HashSet::from([me.id.clone(), other.id.clone()]);
        assert_eq!(census.alive, both);
        assert_eq!(census.dead, HashSet::from(["run_gone".to_owned()]));
        me.forget(&census.dead).expect("forgotten");
        drop(other);
        let census = me.census().expect("a census");
        assert_eq!((census.alive.len(), census.dead.len()), (1, 0));
    }
}
