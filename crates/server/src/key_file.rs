//! The key file and the catalogue belong together, which every process sees at its start.

use crate::ServeError;
use crate::db::Database;
use crate::keys::Keys;
use std::path::Path;

/// Opens the key file of a catalogue; who `may_make` it does so when the catalogue holds no content keys yet.
///
/// # Errors
/// When it is missing, cannot be used, or is not the one under which the content keys in the catalogue are wrapped.
pub(crate) async fn open(db: &Database, path: &Path, may_make: bool) -> Result<Keys, ServeError> {
    let failed = |error| ServeError(format!("the database cannot be used: {error}"));
    let is_there = path.exists();
    let first = !db.has_key_check().await.map_err(failed)?;
    // A database on the network may be in use by a server elsewhere, which would not learn of a new key file.
    let may_make = may_make && (is_there || first || db.is_embedded());
    if !is_there && (!may_make || db.holds_keys().await.map_err(failed)?) {
        return Err(missing(path));
    }
    let keys = match may_make {
        true => Keys::open_or_make(path),
        false => Keys::open(path),
    };
    let keys = keys.map_err(|error| ServeError(error.to_string()))?;
    if first && !opens_a_content_key(db, &keys).await? {
        return Err(another(path));
    }
    let check = keys.seal_check();
    let check = check.map_err(|error| ServeError(error.to_string()))?;
    let mut noted = db.key_check(&check).await.map_err(failed)?;
    if !is_there && db.is_embedded() && !keys.opens_check(&noted) {
        // A new key file, and nothing that only the old one opens.
        noted = db.renew_key_check(&check).await.map_err(failed)?;
    }
    match keys.opens_check(&noted) {
        true => Ok(keys),
        false => Err(another(path)),
    }
}

/// Whether the content keys of a catalogue open with these keys; they do when there are none.
pub(crate) async fn opens_a_content_key(db: &Database, keys: &Keys) -> Result<bool, ServeError> {
    let broken = |error: &dyn std::fmt::Display| ServeError(format!("the catalogue: {error}"));
    let found = db.some_wrapped_key().await;
    let Some(found) = found.map_err(|error| broken(&error))? else {
        return Ok(true);
    };
    let kid = packager::parse_key_id(&found.kid).map_err(|error| broken(&error))?;
    Ok(keys
        .content_key(found.place(), kid, &found.video_key)
        .is_ok())
}

fn missing(path: &Path) -> ServeError {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = path.parent().unwrap_or(Path::new("."));
    ServeError(format!(
        "{name} is missing from {}, and the content keys in the database open with nothing else: \
         bring that file, or name it with --key-file",
        folder.display()
    ))
}

fn another(path: &Path) -> ServeError {
    ServeError(format!(
        "{} is not the key file of this database, whose content keys open with its own alone: \
         bring that one back, or name it with --key-file",
        path.display()
    ))
}
