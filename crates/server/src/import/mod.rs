//! Takes over the catalogue and the files of the platform that Reelpack succeeds.
//!
//! In come its MySQL table `uploaded_videos` and its storage folder; out go assets with copies of the delivered files,
//! and orders for packages with the same numbers, keys, KIDs and links, which the queue of the server then makes anew:
//! what the old platform wrote is not trusted to be whole. Nothing of the old platform is changed. What is there
//! already is passed over, so a run that was broken off, or a later one, goes on.

mod files;
mod row;

use crate::db::{Database, DatabaseUrl, old};
use crate::keys::Keys;
use crate::storage::{Storage, StorageConfig};
use crate::{ServeError, app};
use std::path::PathBuf;
use std::sync::Arc;

/// What an import needs to know.
#[derive(Debug, Clone)]
pub struct ImportConfig {
    /// The database of the old platform.
    pub from: DatabaseUrl,
    /// Its storage folder.
    pub folder: PathBuf,
    /// The data folder of the server that takes over.
    pub data_dir: PathBuf,
    /// Its database, when it is not the embedded one.
    pub database: Option<DatabaseUrl>,
    /// Its storage.
    pub storage: StorageConfig,
    /// The file that opens its content keys, when it is not the one in its data folder.
    pub key_file: Option<PathBuf>,
    /// Only look: the new server's folder and database are not touched, nor even opened.
    pub dry_run: bool,
}

/// What became of a row of the old table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportedRow {
    /// As it stood there.
    pub input_content_id: String,
    /// The delivered file, as it stood there.
    pub origin: String,
    /// The delivered file.
    pub asset: Outcome,
    /// As it stood there; `None` when it was never packaged.
    pub packaged_content_id: Option<String>,
    /// The packaging.
    pub package: Option<Outcome>,
}

/// What became of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was taken over, or would be; there may be something to say about it.
    Taken(Option<String>),
    /// An earlier import took it.
    Already,
    /// It was not taken, and why.
    Refused(String),
}

impl ImportedRow {
    /// Whether something of it was not taken.
    pub fn is_refused(&self) -> bool {
        let refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused(_));
        refused(&self.asset) || self.package.as_ref().is_some_and(refused)
    }
}

/// Where it all goes: opened once.
struct Target {
    db: Database,
    storage: Storage,
    keys: Keys,
}

/// Takes over all rows, and tells of each when it is done. Blocks.
///
/// # Errors
/// When the old database cannot be read, or the new server's data folder or database cannot be used (a running server
/// holds its data folder). What is wrong with single rows is told with them.
pub fn import(config: &ImportConfig, tell: &mut dyn FnMut(&ImportedRow)) -> Result<(), ServeError> {
    if !config.folder.is_dir() {
        return Err(ServeError(format!(
            "{} is no folder: name the storage folder of the old platform",
            config.folder.display()
        )));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ServeError(format!("the runtime cannot start: {error}")))?;
    runtime.block_on(async {
        let rows = old::videos(&config.from).await.map_err(|error| {
            ServeError(format!(
                "the old database {} cannot be read: {error}",
                config.from
            ))
        })?;
        let target = match config.dry_run {
            true => None,
            false => Some(Arc::new(open(config).await?)),
        };
        for row in rows {
            tell(&row::take(config, target.as_ref(), row).await?);
        }
        if let Some(target) = target {
            target.db.close().await;
        }
        Ok(())
    })
}

async fn open(config: &ImportConfig) -> Result<Target, ServeError> {
    let opened = app::open_place(
        &config.data_dir,
        &config.storage,
        config.database.as_ref(),
        config.key_file.as_deref(),
        true,
    );
    let (storage, db, keys) = opened.await?;
    Ok(Target { db, storage, keys })
}
