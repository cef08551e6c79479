//! A backup: the catalogue as it is at one moment, a list of every object with its hash, and, when wanted, the objects.
//! The key file is never part of it: who has the backup alone cannot open a content key.

use crate::db::Database;
use crate::inventory::{Fault, FaultKind, Item, Place, objects_of};
use crate::storage::Storage;
use crate::{ServeError, clock};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the backup is, in JSON.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The objects, one a line, in JSON.
pub(crate) const OBJECTS: &str = "objects.jsonl";
/// Folder of the objects themselves.
pub(crate) const COPIES: &str = "objects";
pub(crate) const VERSION: u32 = 1;

/// What a backup is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// Of this form of backup.
    pub version: u32,
    /// When the catalogue was as it is in the backup, in milliseconds of the Unix epoch.
    pub taken_at_ms: i64,
    /// Objects in the list.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Whether the objects themselves are in the backup.
    pub with_objects: bool,
    /// Packages without recorded hashes, which an older version made: they are not in the list.
    pub unrecorded: Vec<String>,
    /// What was found to be wrong with objects, in words for people.
    pub faults: Vec<String>,
}

/// Makes a backup in a new folder, beside a server that may run. Blocks.
///
/// # Errors
/// When something cannot be read or written. What is wrong with single objects is in the report.
pub fn backup(place: &Place, dir: &Path, with_objects: bool) -> Result<BackupReport, ServeError> {
    crate::blocking_runtime()?.block_on(async {
        let (db, storage) = place.open().await?;
        let report = make(&db, Arc::new(storage), dir, with_objects).await;
        db.close().await;
        report
    })
}

async fn make(
    live: &Database,
    storage: Arc<Storage>,
    dir: &Path,
    with_objects: bool,
) -> Result<BackupReport, ServeError> {
    new_folder(dir)?;
    let taken_at_ms = clock::now_ms();
    let snapshot = live.snapshot(dir).await;
    snapshot.map_err(|error| failed("the catalogue cannot be copied", error))?;
    let copy = Database::open(dir, None).await.map_err(ServeError)?;
    let list = File::create_new(dir.join(OBJECTS)).map_err(|error| at(dir, error))?;
    let mut making = Making {
        live,
        copy: &copy,
        storage,
        dir: dir.to_owned(),
        list: BufWriter::new(list),
        report: BackupReport {
            version: VERSION,
            taken_at_ms,
            objects: 0,
            bytes: 0,
            with_objects,
            unrecorded: Vec::new(),
            faults: Vec::new(),
        },
    };
    making.objects().await?;
    let Making { list, report, .. } = making;
    copy.close().await;
    let durable = || -> std::io::Result<()> {
        let list = list.into_inner().map_err(|error| error.into_error())?;
        list.sync_all()?;
        // The file that says what the backup is comes last: without it there is none.
        let mut file = File::create_new(dir.join(MANIFEST))?;
        file.write_all(&serde_json::to_vec_pretty(&report)?)?;
        file.sync_all()?;
        for entry in fs::read_dir(dir)? {
            File::open(entry?.path())?.sync_all()?;
        }
        File::open(dir)?.sync_all()
    };
    durable().map_err(|error| at(dir, error))?;
    Ok(report)
}

/// A backup that is made.
struct Making<'a> {
    live: &'a Database,
    copy: &'a Database,
    storage: Arc<Storage>,
    dir: PathBuf,
    list: BufWriter<File>,
    report: BackupReport,
}

impl Making<'_> {
    async fn objects(&mut self) -> Result<(), ServeError> {
        let database = |error| failed("the copy of the catalogue", error);
        for source in self.copy.kept_sources().await.map_err(database)? {
            self.add(vec![Item::from(source)]).await?;
        }
        for package in self.copy.kept_packages().await.map_err(database)? {
            let listed = objects_of(&self.storage, &package).await;
            if let Some(fault) = listed.fault {
                self.fault(&fault).await?;
            }
            if listed.unrecorded {
                self.report.unrecorded.push(package.id.clone());
            }
            self.add(listed.items).await?;
        }
        Ok(())
    }

    /// Takes the objects of one asset or package in.
    async fn add(&mut self, items: Vec<Item>) -> Result<(), ServeError> {
        let (items, faults) = match self.report.with_objects {
            true => self.export(items).await?,
            false => (items, Vec::new()),
        };
        for fault in faults {
            if !self.fault(&fault).await? {
                // Deleted since the catalogue was copied.
                return Ok(());
            }
        }
        for item in items {
            self.report.objects += 1;
            self.report.bytes += item.recorded.size;
            let line = serde_json::to_string(&item).map_err(std::io::Error::from);
            let written = line.and_then(|line| writeln!(self.list, "{line}"));
            written.map_err(|error| at(&self.dir, error))?;
        }
        Ok(())
    }

    async fn export(&self, items: Vec<Item>) -> Result<(Vec<Item>, Vec<Fault>), ServeError> {
        let (storage, copies) = (self.storage.clone(), self.dir.join(COPIES));
        let copying = tokio::task::spawn_blocking(move || {
            let faults = items
                .iter()
                .filter_map(|item| copy_out(&storage, &copies, item));
            let faults = faults.collect();
            (items, faults)
        });
        copying
            .await
            .map_err(|error| ServeError(format!("the backup hit a fault of its own: {error}")))
    }

    /// Notes what is wrong with an object. `false` when what it belongs to was deleted since the catalogue was copied;
    /// then it is deleted from the copy, too.
    async fn fault(&mut self, fault: &Fault) -> Result<bool, ServeError> {
        let counts = fault.still_counts(self.live).await;
        if counts.map_err(|error| failed("the database", error))? {
            let text = format!("{} of {} {}", fault.key, fault.of, fault.what);
            self.report.faults.push(text);
            return Ok(true);
        }
        let forgotten = self.copy.forget(&fault.of).await;
        forgotten.map_err(|error| failed("the copy of the catalogue", error))?;
        Ok(false)
    }
}

fn copy_out(storage: &Storage, copies: &Path, item: &Item) -> Option<Fault> {
    let fault = |kind, what: String| Some(Fault::new(kind, &item.key, &item.of, what));
    match storage.export(&item.key, &copies.join(&item.key)) {
        Ok(Some(found)) if found == item.recorded => None,
        Ok(Some(_)) => fault(
            FaultKind::Altered,
            "has other bytes than were written".to_owned(),
        ),
        Ok(None) => fault(FaultKind::Missing, "is not there".to_owned()),
        Err(error) => fault(FaultKind::Unreadable, format!("cannot be copied: {error}")),
    }
}

/// Only its owner may look into a backup.
fn new_folder(dir: &Path) -> Result<(), ServeError> {
    let is_empty = fs::read_dir(dir).map(|mut entries| entries.next().is_none());
    if is_empty.is_ok_and(|is_empty| !is_empty) {
        let text = format!("{} is not empty: name a new folder", dir.display());
        return Err(ServeError(text));
    }
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir);
    made.map_err(|error| at(dir, error))
}

/// A failure on a file of a backup or in a data folder.
pub(crate) fn at(path: &Path, error: std::io::Error) -> ServeError {
    ServeError(format!("{}: {error}", path.display()))
}

fn failed(what: &str, error: crate::db::Error) -> ServeError {
    ServeError(format!("{what}: {error}"))
}
