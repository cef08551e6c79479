//! Another key in the key file, while servers and workers run.
//!
//! 1. A new key becomes the first line of the file, in one step. Processes see that the file changed: from then on they wrap with the new
//!    key, and still unwrap with the old one.
//! 2. Every content key is unwrapped and wrapped anew, row by row, until there is none that the new key does not open.
//! 3. When that is asked for, the old key goes from the file.
//!
//! Ended anywhere, all content keys are readable, and the same command goes on where it was.

use crate::ServeError;
use crate::db::Database;
use crate::inventory::Place;
use crate::keys::{KEY_FILE, Keys, Role};
use packager::parse_key_id;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Rows that are read at once.
const BATCH: i64 = 100;

/// What a rotation did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationReport {
    /// Content keys, and secrets of webhooks, that were wrapped anew.
    pub rewrapped: u64,
    /// Whether the file had one key only, so that another one was made.
    pub made: bool,
    /// Keys in the file now; the first one wraps.
    pub keys_in_file: usize,
}

/// Gives the key file of a database another key, and wraps every content key under it, beside servers that run. Where
/// the file has several keys already, an earlier run is finished. With `forget_old`, only the first key stays. Blocks.
///
/// # Errors
/// When the file or the database cannot be used, or another process does the same. Then nothing is lost, and it can be run again.
pub fn rotate_key(
    place: &Place,
    key_file: Option<&Path>,
    forget_old: bool,
) -> Result<RotationReport, ServeError> {
    // Tests that arm points themselves run in this process.
    let _crash_points = crate::crash::text("FAILPOINTS").and_then(|_| crate::crash::arm());
    crate::blocking_runtime()?.block_on(async {
        let (db, storage) = place.open().await?;
        let default = storage.root().join(KEY_FILE);
        let report = rotate(&db, key_file.unwrap_or(&default), forget_old).await;
        db.close().await;
        report
    })
}

async fn rotate(
    db: &Database,
    path: &Path,
    forget_old: bool,
) -> Result<RotationReport, ServeError> {
    let _turn = lock(path)?;
    let keys = crate::key_file::open(db, path, false).await?;
    let made = keys.count() == 1 && !forget_old;
    if made {
        keys.add().map_err(text)?;
    }
    crash_point!("rotate.added");
    let mut rewrapped = 0;
    loop {
        let count = rewrap_all(db, &keys).await? + rewrap_webhooks(db, &keys).await?;
        rewrapped += count;
        if count == 0 {
            break;
        }
    }
    let check = keys.seal_check().map_err(text)?;
    db.set_key_check(&check).await.map_err(database)?;
    crash_point!("rotate.rewrapped");
    if forget_old {
        keys.keep_first().map_err(text)?;
    }
    Ok(RotationReport {
        rewrapped,
        made,
        keys_in_file: keys.count(),
    })
}

/// Goes through all rows once; returns how many were not under the first key.
async fn rewrap_all(db: &Database, keys: &Keys) -> Result<u64, ServeError> {
    let (mut after, mut count) = (0, 0);
    loop {
        let rows = db
            .content_keys_after(after, BATCH)
            .await
            .map_err(database)?;
        let Some(last) = rows.last() else {
            return Ok(count);
        };
        after = last.content_key_id;
        for row in &rows {
            let kid = parse_key_id(&row.kid).map_err(text)?;
            let anew = |role, wrapped: &[u8]| {
                let anew = keys.rewrap(row.place(), &kid, role, wrapped);
                anew.map_err(text)
            };
            let value = anew(Role::Value, &row.wrapped_key)?;
            let given = anew(Role::GivenText, &row.given_key)?;
            if value.is_none() && given.is_none() {
                continue;
            }
            let value = value.unwrap_or_else(|| row.wrapped_key.clone());
            let given = given.unwrap_or_else(|| row.given_key.clone());
            db.rewrap_content_key(row, &value, &given)
                .await
                .map_err(database)?;
            count += 1;
            crash_point!("rotate.half");
        }
    }
}

/// The same for the secrets of webhooks.
async fn rewrap_webhooks(db: &Database, keys: &Keys) -> Result<u64, ServeError> {
    let (mut after, mut count) = (0, 0);
    loop {
        let rows = db.webhooks_after(after, BATCH).await.map_err(database)?;
        let Some(last) = rows.last() else {
            return Ok(count);
        };
        after = last.webhook_id;
        for row in &rows {
            let anew = |wrapped: &[u8]| keys.rewrap_signing(&row.id, wrapped).map_err(text);
            let secret = anew(&row.secret)?;
            let earlier = row.earlier_secret().map(anew).transpose()?.flatten();
            if secret.is_none() && earlier.is_none() {
                continue;
            }
            let secret = secret.unwrap_or_else(|| row.secret.clone());
            // One that signs no more goes.
            let earlier = earlier.as_deref().or(row.earlier_secret());
            db.rewrap_webhook(row, &secret, earlier)
                .await
                .map_err(database)?;
            count += 1;
        }
    }
}

/// One at a time: two would each replace the other's file.
fn lock(path: &Path) -> Result<File, ServeError> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".lock");
    let name: PathBuf = path.with_file_name(name);
    let at =
        |error: std::io::Error| ServeError(format!("{} cannot be locked: {error}", name.display()));
    let file = File::create(&name).map_err(at)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let text = format!("another process is at {} just now", path.display());
            Err(ServeError(text))
        }
        Err(TryLockError::Error(error)) => Err(at(error)),
    }
}

fn text(error: impl std::fmt::Display) -> ServeError {
    ServeError(error.to_string())
}

fn database(error: crate::db::Error) -> ServeError {
    ServeError(format!("the database cannot be used: {error}"))
}
