//! One row of the old table becomes an asset and, when it was packaged, an order for the same package.

use super::files::{code_of, find};
use super::{ImportConfig, ImportedRow, Outcome, Target};
use crate::access::Tenant;
use crate::db::annotations::Annotations;
use crate::db::assets::NewAsset;
use crate::db::old::OldVideo;
use crate::db::packages::NewPackage;
use crate::keys::Place;
use crate::order::{self, GivenKey, SEGMENT_DURATION_MS};
use crate::storage::{KeptSource, Recorded};
use crate::uploads::examine::{Delivered, Demand, Fault, Findings, display_name, examine};
use crate::{ServeError, id};
use packager::{EncryptScope, KeyId, Scheme, parse_key_id};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How much of a file is copied at once.
const PIECE: usize = 1 << 20;

/// What a row says of its packaging, checked.
struct Packaging {
    number: i64,
    kid: (KeyId, String),
    key: GivenKey,
    /// The CODE of its old link.
    code: Option<String>,
}

/// A delivered file of the old platform, looked into.
struct Found {
    path: PathBuf,
    recorded: Recorded,
    findings: Findings,
}

/// Takes over a row, or says what would become of it when there is no target.
///
/// # Errors
/// When nothing more can be taken: the new database or its storage fails.
pub(super) async fn take(
    config: &ImportConfig,
    target: Option<&Arc<Target>>,
    row: OldVideo,
) -> Result<ImportedRow, ServeError> {
    let origin = row.input_content_origin.clone().unwrap_or_default();
    let packaging = packaging(&row);
    let number = row.input_content_id.as_deref().and_then(number);
    let asset = match number {
        None => Outcome::Refused("its input_content_id is no number above 0".into()),
        Some(number) => {
            let (folder, origin) = (config.folder.clone(), origin.clone());
            match blocking(move || look(&folder, &origin)).await? {
                Err(reason) => Outcome::Refused(reason),
                Ok(found) => match target {
                    None => Outcome::Taken(None),
                    Some(target) => take_asset(target, number, found).await?,
                },
            }
        }
    };
    let package = match (packaging, &asset, number) {
        (None, ..) => None,
        (Some(Err(reason)), ..) => Some(Outcome::Refused(reason)),
        (Some(Ok(_)), Outcome::Refused(_), _) | (_, _, None) => {
            Some(Outcome::Refused("its video was not taken".into()))
        }
        (Some(Ok(packaging)), _, Some(number)) => Some(match target {
            None => Outcome::Taken(None),
            Some(target) => take_package(target, number, packaging).await?,
        }),
    };
    Ok(ImportedRow {
        input_content_id: row.input_content_id.unwrap_or_default(),
        origin,
        asset,
        packaged_content_id: row.packaged_content_id,
        package,
    })
}

fn number(text: &str) -> Option<i64> {
    text.trim().parse().ok().filter(|number| *number > 0)
}

/// Reads what a row says of its packaging; `None` when it has none.
fn packaging(row: &OldVideo) -> Option<Result<Packaging, String>> {
    let given = row.packaged_content_id.as_deref()?;
    let read = || {
        let number = number(given).ok_or("its packaged_content_id is no number above 0")?;
        let text = |value: &Option<String>| value.clone().filter(|value| !value.trim().is_empty());
        let kid = text(&row.kid).ok_or("it has no KID")?;
        let key = row.video_key.0.as_ref().ok_or("it has no key")?;
        let (kid_text, key_text) = (kid.trim(), key.trim());
        let kid = parse_key_id(kid_text).map_err(|error| format!("its KID {error}"))?;
        let key = GivenKey::parse(key_text).map_err(|error| format!("its key {error}"))?;
        Ok(Packaging {
            number,
            kid: (kid, kid_text.to_owned()),
            key,
            code: row.url.as_deref().and_then(code_of).map(str::to_owned),
        })
    };
    Some(read())
}

fn look(folder: &Path, origin: &str) -> io::Result<Result<Found, String>> {
    let Some(path) = find(folder, origin) else {
        return Ok(Err(format!(
            "its file {origin:?} is neither there nor below {}",
            folder.display()
        )));
    };
    let looked = File::open(&path).map_err(Fault::Io).and_then(|file| {
        let findings = examine(&file, Demand::AnyTrack)?;
        Ok((findings, Recorded::of_file(&file).map_err(Fault::Io)?))
    });
    Ok(match looked {
        Ok((findings, recorded)) => Ok(Found {
            path,
            recorded,
            findings,
        }),
        Err(Fault::Unusable(reason)) => Err(format!("{}: {reason}", path.display())),
        Err(Fault::Io(error)) => Err(format!("{} cannot be read: {error}", path.display())),
    })
}

async fn take_asset(
    target: &Arc<Target>,
    number: i64,
    found: Found,
) -> Result<Outcome, ServeError> {
    match target.db.any_asset(number).await.map_err(database)? {
        Some(asset) if asset.tenant_id.is_first() && asset.sha256 == found.recorded.sha256 => {
            return Ok(Outcome::Already);
        }
        Some(asset) => {
            return Ok(Outcome::Refused(format!(
                "the number is that of another video here, {}",
                asset.id
            )));
        }
        None => {}
    }
    let into = target.clone();
    let copied = blocking(move || copy(&into, found)).await?;
    let (new, kept): (NewAsset, KeptSource) = match copied {
        Ok(copied) => copied,
        Err(reason) => return Ok(Outcome::Refused(reason)),
    };
    let new = NewAsset {
        number: Some(number),
        ..new
    };
    target.db.add_asset(&new).await.map_err(database)?;
    kept.done();
    Ok(Outcome::Taken(None))
}

/// Copies a file among the sources.
fn copy(target: &Target, found: Found) -> io::Result<Result<(NewAsset, KeptSource), String>> {
    let mut from = match File::open(&found.path) {
        Ok(file) => file,
        Err(error) => {
            return Ok(Err(format!(
                "{} cannot be read: {error}",
                found.path.display()
            )));
        }
    };
    let mut upload = target.storage.receive()?;
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => upload.write(piece.get(..read).unwrap_or_default())?,
            Err(error) => {
                return Ok(Err(format!(
                    "{} cannot be read: {error}",
                    found.path.display()
                )));
            }
        }
    }
    let kept = upload.keep(&target.storage)?;
    if kept.recorded != found.recorded {
        return Ok(Err(format!(
            "{} changed while it was copied: stop the old platform first",
            found.path.display()
        )));
    }
    let name = found.path.file_name().unwrap_or_default();
    let new = found.findings.into_asset(Delivered {
        tenant: Tenant::first(),
        id: id::tagged("ast")?,
        name: display_name(&name.to_string_lossy()),
        origin: kept.origin.clone(),
        sha256: kept.recorded.sha256.clone(),
        size: kept.recorded.size,
        annotations: Annotations::default(),
    });
    Ok(Ok((new, kept)))
}

async fn take_package(
    target: &Arc<Target>,
    asset: i64,
    packaging: Packaging,
) -> Result<Outcome, ServeError> {
    let number = packaging.number;
    let there = target.db.any_package(number).await;
    if let Some(there) = there.map_err(database)? {
        let same = there.input_content_id == asset
            && there.kid.as_deref() == Some(packaging.kid.0.hex().as_str());
        return Ok(match same {
            true => Outcome::Already,
            false => Outcome::Refused(format!(
                "the number is that of another packaging here, {}",
                there.id
            )),
        });
    }
    let (mut note, mut code) = (None, None);
    if let Some(old) = packaging.code {
        match target.db.is_free_code(&old).await.map_err(database)? {
            true => code = Some(old),
            false => {
                note = Some("another package has the CODE of its link: it has a new one".into())
            }
        }
    }
    let whose = Tenant::first();
    let film = target.db.asset_by_number(&whose, asset).await;
    let Some(film) = film.map_err(database)? else {
        return Ok(Outcome::Refused("its video is gone".into()));
    };
    let random = |error| ServeError(format!("no randomness: {error}"));
    let id = id::tagged("pkg").map_err(random)?;
    let (kid, key) = (Some(&packaging.kid), Some(&packaging.key));
    let place = Place {
        tenant: &whose,
        asset: &film.id,
        package: &id,
    };
    let keys = order::seal(&target.keys, place, kid, key);
    let new = NewPackage {
        number: Some(number),
        id,
        code: match code {
            Some(code) => code,
            None => id::code().map_err(random)?,
        },
        tenant: Tenant::first(),
        input_content_id: asset,
        scheme: Some(Scheme::Cbcs),
        // The old platform left sound in the clear, and its clients expect it.
        encrypt: EncryptScope::Video,
        keys: Some(keys.map_err(|error| ServeError(error.to_string()))?),
        segment_duration_ms: SEGMENT_DURATION_MS,
        job_id: id::tagged("job").map_err(random)?,
        iv_seed: id::random().map_err(random)?,
        priority: 0,
        unique_key: None,
        replaces: None,
        ladder: None,
        loudness_lufs: None,
        extras: Vec::new(),
    };
    match target.db.add_package(&new).await {
        Ok(Some(_)) => Ok(Outcome::Taken(note)),
        Ok(None) => Ok(Outcome::Refused("its video is gone".into())),
        Err(error) => Err(database(error)),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, ServeError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| ServeError(format!("the import failed: {error}")))?;
    done.map_err(|error| {
        ServeError(format!(
            "the storage failed: {error}; what was taken stays, and the same command goes on"
        ))
    })
}

fn database(error: crate::db::Error) -> ServeError {
    ServeError(format!(
        "the database failed: {error}; what was taken stays, and the same command goes on"
    ))
}
