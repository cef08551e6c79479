//! A restore: a backup becomes the catalogue and the objects of a new data folder. The catalogue comes last, so that
//! nothing serves what is not there.

use crate::backup::{BackupReport, COPIES, MANIFEST, OBJECTS, VERSION, at};
use crate::db::Database;
use crate::inventory::{Item, Place};
use crate::keys::{KEY_FILE, Keys};
use crate::storage::Storage;
use crate::{ServeError, db};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

/// Restores a backup. Blocks.
///
/// `key_file` is the key file of the server that was backed up, unless it is in the data folder already. With `verify`
/// every object is read again from where it is kept, and compared with its hash. Returns how many objects there are.
///
/// # Errors
/// When the place is not empty, the key file is missing or another one, or an object is missing or altered; then no
/// catalogue is there, and no server begins with half of it.
pub fn restore(
    place: &Place,
    dir: &Path,
    key_file: Option<&Path>,
    verify: bool,
) -> Result<u64, ServeError> {
    crate::blocking_runtime()?.block_on(async {
        let report = manifest(dir)?;
        let data_dir = &place.data_dir;
        let made = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(data_dir);
        made.map_err(|error| at(data_dir, error))?;
        if data_dir.join(db::DATABASE_FILE).exists() {
            let text = format!(
                "{} has a catalogue already: name a new folder with --data-dir",
                data_dir.display()
            );
            return Err(ServeError(text));
        }
        // The backup stays as it is: what is opened is a copy of its catalogue.
        let work = tempfile::tempdir_in(data_dir).map_err(|error| at(data_dir, error))?;
        let copied = fs::copy(
            dir.join(db::DATABASE_FILE),
            work.path().join(db::DATABASE_FILE),
        );
        copied.map_err(|error| at(&dir.join(db::DATABASE_FILE), error))?;
        let catalogue = Database::open(work.path(), None)
            .await
            .map_err(ServeError)?;
        key(&catalogue, data_dir, key_file).await?;
        let storage = Storage::open(data_dir, &place.storage);
        let storage = Arc::new(storage.map_err(|error| ServeError(error.to_string()))?);
        let target = match &place.database {
            None => None,
            Some(url) => Some(empty(data_dir, url).await?),
        };
        let from = dir.to_owned();
        let with_objects = report.with_objects;
        let objects =
            tokio::task::spawn_blocking(move || objects(&storage, &from, with_objects, verify));
        let objects = objects.await.map_err(|error| {
            ServeError(format!("the restore hit a fault of its own: {error}"))
        })??;
        settle(&catalogue, target.as_ref(), work.path(), data_dir).await?;
        Ok(objects)
    })
}

fn manifest(dir: &Path) -> Result<BackupReport, ServeError> {
    let path = dir.join(MANIFEST);
    let json = fs::read(&path).map_err(|error| {
        ServeError(format!(
            "{}: {error}; a backup that was made to its end has this file",
            path.display()
        ))
    })?;
    let report: BackupReport =
        serde_json::from_slice(&json).map_err(|error| at(&path, error.into()))?;
    match report.version {
        VERSION => Ok(report),
        version => Err(ServeError(format!(
            "{} has version {version}: a newer Reelpack made this backup",
            path.display()
        ))),
    }
}

/// Puts the key file in its place, and looks whether it opens what is in the catalogue.
async fn key(
    catalogue: &Database,
    data_dir: &Path,
    key_file: Option<&Path>,
) -> Result<(), ServeError> {
    let path = data_dir.join(KEY_FILE);
    if let Some(given) = key_file {
        let placed = fs::copy(given, &path).and_then(|_| {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
            File::open(&path)?.sync_all()
        });
        placed.map_err(|error| at(given, error))?;
    }
    let holds_keys = catalogue.holds_keys().await;
    if !holds_keys.map_err(|error| ServeError(format!("the catalogue: {error}")))? {
        return Ok(());
    }
    if !path.exists() {
        return Err(ServeError(format!(
            "the content keys in this backup open with the key file of its server alone, which is not in the \
             backup: give it with --key-file, or put it at {}",
            path.display()
        )));
    }
    let opened = Keys::open(&path).map_err(|error| ServeError(error.to_string()))?;
    match crate::key_file::opens_a_content_key(catalogue, &opened).await? {
        true => Ok(()),
        false => Err(ServeError(format!(
            "{} is not the key file of the server that was backed up: its content keys do not open with it",
            path.display()
        ))),
    }
}

/// The database on the network, in which there must be nothing.
async fn empty(data_dir: &Path, url: &db::DatabaseUrl) -> Result<Database, ServeError> {
    let target = Database::open(data_dir, Some(url)).await;
    let target = target.map_err(ServeError)?;
    let is_empty = target.is_empty().await;
    match is_empty.map_err(|error| ServeError(format!("the database {url}: {error}")))? {
        true => Ok(target),
        false => Err(ServeError(format!(
            "the database {url} has a catalogue already: name an empty one"
        ))),
    }
}

/// Brings the objects in, or looks whether they are there.
fn objects(
    storage: &Storage,
    dir: &Path,
    with_objects: bool,
    verify: bool,
) -> Result<u64, ServeError> {
    let path = dir.join(OBJECTS);
    let list = File::open(&path).map_err(|error| at(&path, error))?;
    let mut count = 0;
    let (mut faults, mut first) = (0_u64, None);
    for line in BufReader::new(list).lines() {
        let line = line.map_err(|error| at(&path, error))?;
        let item: Item = serde_json::from_str(&line).map_err(|error| at(&path, error.into()))?;
        count += 1;
        if with_objects {
            let copy = dir.join(COPIES).join(&item.key);
            let recorded = storage.import(&item.key, &copy);
            let recorded = recorded.map_err(|error| at(&copy, error))?;
            if recorded != item.recorded {
                let text = "has other bytes than were backed up";
                return Err(ServeError(format!("{} {text}", copy.display())));
            }
        }
        // Without copies of its own a backup is of use only where the objects are still whole.
        if (verify || !with_objects)
            && let Err(fault) = item.check(storage)
        {
            faults += 1;
            first.get_or_insert(fault);
        }
    }
    storage
        .sync()
        .map_err(|error| ServeError(format!("the storage: {error}")))?;
    match first {
        None => Ok(count),
        Some(fault) => Err(ServeError(format!(
            "{faults} of {count} objects are not as they were backed up; the first: {} {}{}",
            fault.key,
            fault.what,
            match with_objects {
                true => "",
                false => " (this backup has no objects of its own: bring the storage back first)",
            }
        ))),
    }
}

/// Puts the catalogue in its place.
async fn settle(
    catalogue: &Database,
    target: Option<&Database>,
    work: &Path,
    data_dir: &Path,
) -> Result<(), ServeError> {
    if let Some(target) = target {
        let copied = catalogue.copy_into(target).await;
        copied.map_err(|error| ServeError(format!("the catalogue cannot be copied: {error}")))?;
        target.close().await;
        catalogue.close().await;
        return Ok(());
    }
    catalogue.close().await;
    let file = work.join(db::DATABASE_FILE);
    let moved = File::open(&file)
        .and_then(|open| open.sync_all())
        .and_then(|()| fs::rename(&file, data_dir.join(db::DATABASE_FILE)))
        .and_then(|()| File::open(data_dir)?.sync_all());
    moved.map_err(|error| at(data_dir, error))
}
