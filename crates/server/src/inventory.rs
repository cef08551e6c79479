//! What the storage must hold, by the catalogue and by the lists of hashes in packages: for the scrub and the backup.

use crate::db::storage::{KeptPackage, KeptSource};
use crate::db::{Database, DatabaseUrl};
use crate::storage::{HASHES, PackageStore, Recorded, Storage, StorageConfig};
use crate::{ServeError, db};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Where a server keeps what it has.
#[derive(Debug, Clone)]
pub struct Place {
    /// Its data folder.
    pub data_dir: PathBuf,
    /// Its database, when it is not the embedded one.
    pub database: Option<DatabaseUrl>,
    /// Where its sources and packages are.
    pub storage: StorageConfig,
}

/// An object that must be there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Item {
    /// Path in the storage.
    pub(crate) key: String,
    #[serde(flatten)]
    pub(crate) recorded: Recorded,
    /// The asset or the package that it belongs to.
    pub(crate) of: String,
}

/// What is wrong with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// It is not there.
    Missing,
    /// It has other bytes than were written.
    Altered,
    /// The storage does not give it out.
    Unreadable,
}

/// An object that is not as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// What is wrong.
    pub kind: FaultKind,
    /// Path in the storage.
    pub key: String,
    /// The asset or the package that it belongs to.
    pub of: String,
    /// In words for people.
    pub what: String,
}

/// A package's objects.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    pub(crate) items: Vec<Item>,
    /// What is wrong with the list itself.
    pub(crate) fault: Option<Fault>,
    /// Whether there never was a list.
    pub(crate) unrecorded: bool,
}

impl Place {
    /// Opens the database and the storage beside a server that may run.
    pub(crate) async fn open(&self) -> Result<(Database, Storage), ServeError> {
        if !self.data_dir.is_dir() {
            let text = format!("there is no data folder {}", self.data_dir.display());
            return Err(ServeError(text));
        }
        let storage = Storage::attach(&self.data_dir, &self.storage);
        let storage = storage.map_err(|error| ServeError(error.to_string()))?;
        let db = Database::open(storage.root(), self.database.as_ref()).await;
        Ok((db.map_err(ServeError)?, storage))
    }
}

impl From<KeptSource> for Item {
    fn from(source: KeptSource) -> Self {
        Self {
            key: source.input_content_origin,
            recorded: Recorded {
                size: u64::try_from(source.size).unwrap_or_default(),
                sha256: source.sha256,
            },
            of: source.id,
        }
    }
}

impl Fault {
    pub(crate) fn new(kind: FaultKind, key: &str, of: &str, what: impl Into<String>) -> Self {
        Self {
            kind,
            key: key.to_owned(),
            of: of.to_owned(),
            what: what.into(),
        }
    }

    /// Whether what the object belongs to is still in the catalogue, and so must be whole.
    pub(crate) async fn still_counts(&self, db: &Database) -> db::Result<bool> {
        if db.is_any_asset(&self.of).await? {
            return Ok(true);
        }
        let kept = db.kept_packages().await?;
        Ok(kept.iter().any(|package| package.id == self.of))
    }
}

impl Item {
    /// Compares the object in the storage with what was written; reads all of it.
    pub(crate) fn check(&self, storage: &Storage) -> Result<(), Fault> {
        let fault = |kind, what: String| Err(Fault::new(kind, &self.key, &self.of, what));
        match storage.record(&self.key) {
            Ok(Some(found)) if found == self.recorded => Ok(()),
            Ok(Some(found)) if found.size != self.recorded.size => {
                let (size, was) = (found.size, self.recorded.size);
                fault(
                    FaultKind::Altered,
                    format!("has {size} bytes, was written with {was}"),
                )
            }
            Ok(Some(_)) => fault(
                FaultKind::Altered,
                "has other bytes than were written".to_owned(),
            ),
            Ok(None) => fault(FaultKind::Missing, "is not there".to_owned()),
            Err(error) => fault(FaultKind::Unreadable, format!("cannot be read: {error}")),
        }
    }
}

/// The objects of a package, by its list of hashes.
pub(crate) async fn objects_of(storage: &Storage, package: &KeptPackage) -> Listed {
    let store: PackageStore = storage.package(&package.code);
    let key = store.key_of(HASHES);
    let fault = |kind, what: String| Listed {
        fault: Some(Fault::new(kind, &key, &package.id, what)),
        ..Listed::default()
    };
    let (hashes, of_list) = match store.hashes().await {
        Ok(Some(found)) => found,
        Ok(None) if package.hashes_sha256.is_none() => {
            return Listed {
                unrecorded: true,
                ..Listed::default()
            };
        }
        Ok(None) => {
            return fault(
                FaultKind::Missing,
                "is not there, so the objects that it lists cannot be checked; package it anew"
                    .into(),
            );
        }
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            return fault(FaultKind::Altered, format!("is no list of hashes: {error}"));
        }
        Err(error) => return fault(FaultKind::Unreadable, format!("cannot be read: {error}")),
    };
    let recorded = &package.hashes_sha256;
    let altered = recorded
        .as_ref()
        .is_some_and(|sha256| *sha256 != of_list.sha256);
    let mut items: Vec<Item> = hashes
        .objects
        .into_iter()
        .map(|(path, recorded)| Item {
            key: store.key_of(&path),
            recorded,
            of: package.id.clone(),
        })
        .collect();
    if altered {
        let what = "the list of hashes has other bytes than were written";
        let fault = Fault::new(FaultKind::Altered, &key, &package.id, what);
        return Listed {
            items,
            fault: Some(fault),
            unrecorded: false,
        };
    }
    items.push(Item {
        key,
        recorded: of_list,
        of: package.id.clone(),
    });
    Listed {
        items,
        ..Listed::default()
    }
}
