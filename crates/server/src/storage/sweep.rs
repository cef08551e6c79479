//! Deletes what nothing in the catalogue names: objects of interrupted deletions, of packages that will not be, and
//! what a killed process left.

use super::folder::entries;
use super::{Back, INCOMING, PACKAGES, PARTS, SOURCES, Storage};
use crate::clock;
use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;

/// What the catalogue names.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Paths of delivered files.
    pub(crate) origins: HashSet<String>,
    /// Codes of packages that have, or may get, objects.
    pub(crate) codes: HashSet<String>,
    /// Codes of packages that will not be.
    pub(crate) failed: HashSet<String>,
    /// Codes of packages that are being made, which may have parts.
    pub(crate) unfinished: HashSet<String>,
}

/// What may be deleted if nothing names it: objects by their keys, packages and their parts by codes.
#[derive(Debug, Default)]
pub(crate) struct Candidates {
    sources: Vec<String>,
    packages: Vec<String>,
    parts: Vec<String>,
}

impl Storage {
    /// Lists sources that were written at least `age_ms` ago, all packages, and all parts of packages.
    ///
    /// The catalogue is to be asked after this, not before: a package has its row before its first object, so what
    /// is listed here without a row will never have one. A source is written before its row, hence the age.
    pub(crate) fn candidates(&self, age_ms: i64) -> io::Result<Candidates> {
        let before = clock::now_ms().saturating_sub(age_ms);
        let listed = |prefix: &str| match &self.back {
            Back::Folder(folder) => times(&folder.path(prefix)),
            Back::Remote(remote) => {
                let found = remote.wait(remote.list_times(prefix))?;
                let found = found.into_iter().map(|at| (at.key, at.modified_ms));
                Ok(names(prefix, found))
            }
        };
        let old = listed(SOURCES)?
            .into_iter()
            .filter(|(_, modified)| *modified <= before);
        Ok(Candidates {
            sources: old.map(|(name, _)| format!("{SOURCES}/{name}")).collect(),
            packages: listed(PACKAGES)?.into_keys().collect(),
            parts: listed(PARTS)?.into_keys().collect(),
        })
    }

    /// Deletes those candidates that are not known. Returns how many.
    pub(crate) fn sweep(&self, candidates: &Candidates, known: &Known) -> io::Result<usize> {
        let mut deleted = 0;
        let unnamed = candidates.sources.iter();
        for origin in unnamed.filter(|origin| !known.origins.contains(*origin)) {
            self.remove_source(origin)?;
            deleted += 1;
        }
        let unnamed = candidates.packages.iter();
        for code in unnamed.filter(|code| !known.codes.contains(*code)) {
            match known.failed.contains(code) {
                true => self.package(code).abandon()?,
                false => self.package(code).remove()?,
            }
            deleted += 1;
        }
        let unnamed = candidates.parts.iter().filter(|_| !self.keep_work);
        for code in unnamed.filter(|code| !known.unfinished.contains(*code)) {
            self.parts(code).remove()?;
            deleted += 1;
        }
        Ok(deleted)
    }

    /// Deletes temporary files that a dead process left in packages and parts; those of another machine when they are at
    /// least `age_ms` old.
    pub(crate) fn sweep_temporary(&self, age_ms: i64) -> io::Result<usize> {
        match &self.back {
            Back::Folder(folder) => {
                let before = clock::now_ms().saturating_sub(age_ms);
                Ok(folder.remove_temporary(PACKAGES, before)?
                    + folder.remove_temporary(PARTS, before)?)
            }
            Back::Remote(_) => Ok(0),
        }
    }

    /// Deletes uploads that a predecessor left. For the start of the only process that receives.
    pub(crate) fn sweep_incoming(&self) -> io::Result<usize> {
        let left = entries(&self.root.join(INCOMING))?;
        for entry in &left {
            fs::remove_file(entry.path())?;
        }
        Ok(left.len())
    }
}

/// The entries of a folder with the times when they were written, in milliseconds of the Unix epoch.
fn times(folder: &std::path::Path) -> io::Result<BTreeMap<String, i64>> {
    let mut times = BTreeMap::new();
    for entry in entries(folder)? {
        // Somebody else may delete it in between.
        let Ok(modified) = entry.metadata().and_then(|metadata| metadata.modified()) else {
            continue;
        };
        let name = entry.file_name().to_string_lossy().into_owned();
        times.insert(name, clock::to_ms(modified));
    }
    Ok(times)
}

/// First names below a folder, with the newest time of each.
fn names(folder: &str, keys: impl Iterator<Item = (String, i64)>) -> BTreeMap<String, i64> {
    let mut names = BTreeMap::new();
    for (key, modified) in keys {
        let path = key
            .strip_prefix(folder)
            .and_then(|path| path.strip_prefix('/'));
        let Some(name) = path.and_then(|path| path.split('/').next()) else {
            continue;
        };
        let newest = names.entry(name.to_owned()).or_insert(modified);
        *newest = modified.max(*newest);
    }
    names
}
