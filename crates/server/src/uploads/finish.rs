//! Makes an asset of an upload that is whole, or says why it becomes none. Doing it again after a crash ends the same.

use super::Halt;
use super::examine::{Delivered, Demand, Fault, Findings, examine_any};
use super::slots::Holding;
use crate::app::Shared;
use crate::db::quotas;
use crate::db::uploads::{End, Upload};
use crate::storage::{KeptSource, Recorded};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;

/// Reads so much at a time when a file has to be hashed once more.
const READ_BYTES: usize = 1 << 20;

/// Ends a whole upload. Whoever calls holds it.
pub(crate) async fn finish(
    shared: &Arc<Shared>,
    row: &Upload,
    mut holding: Holding,
) -> Result<(), Halt> {
    let closed = |_| Halt::Io(io::Error::other("the server is going"));
    let _turn = shared.uploads.finishing.acquire().await.map_err(closed)?;
    let known = holding.memory().hash.take();
    let (worker, id, size) = (shared.clone(), row.id.clone(), row.received);
    let looked = tokio::task::spawn_blocking(move || look(&worker, &id, size, known));
    let looked = looked
        .await
        .map_err(|error| Halt::Io(io::Error::other(error)))?;
    match looked {
        Ok((findings, kept)) => {
            crash_point!("tus.placed");
            let new = findings.into_asset(Delivered {
                tenant: row.tenant_id.clone(),
                id: row.asset_to_be(),
                name: row.name.clone(),
                origin: kept.origin.clone(),
                sha256: kept.recorded.sha256.clone(),
                size: kept.recorded.size,
                annotations: row.annotations(),
            });
            let until = shared.uploads.expires_at_ms();
            match shared.db.finish_upload(&row.id, &new, until).await {
                Ok(true) => kept.done(),
                // Somebody else was quicker.
                Ok(false) => {}
                Err(error) => match quotas::beyond(&error) {
                    // The tenant filled up while it came in: the bytes go, the reason stays.
                    Some(beyond) => {
                        let reason = beyond.to_string();
                        return end(shared, &row.id, End::Failed, &reason).await;
                    }
                    None => return Err(error.into()),
                },
            }
            crash_point!("tus.named");
            shared.uploads.incoming.remove(&row.id)?;
            tracing::info!(
                upload = row.id,
                asset = new.id,
                size = row.received,
                "an upload became an asset"
            );
        }
        Err(Fault::Unusable(reason)) => {
            end(shared, &row.id, End::Refused, &reason).await?;
            tracing::info!(upload = row.id, reason, "an upload was refused");
        }
        Err(Fault::Io(error)) => return Err(error.into()),
    }
    crash_point!("tus.ended");
    shared.uploads.slots.forget(&row.id);
    Ok(())
}

/// Ends an upload without an asset: the reason stays readable, the bytes go.
pub(crate) async fn end(shared: &Shared, id: &str, end: End, reason: &str) -> Result<(), Halt> {
    let until = shared.uploads.expires_at_ms();
    shared.db.end_upload(id, end, reason, until).await?;
    shared.uploads.incoming.remove(id)?;
    shared.uploads.slots.forget(id);
    Ok(())
}

/// Hashes what was not hashed on its way in, examines the file, and gives it a place among the sources.
fn look(
    shared: &Shared,
    id: &str,
    size: i64,
    known: Option<(u64, Sha256)>,
) -> Result<(Findings, KeptSource), Fault> {
    let incoming = &shared.uploads.incoming;
    let file = incoming.whole(id).map_err(Fault::Io)?;
    let length = file.metadata().map_err(Fault::Io)?.len();
    if i64::try_from(length) != Ok(size) {
        return Err(Fault::Io(io::Error::other(format!(
            "the upload {id} has {length} bytes on the disk and {size} in the catalogue"
        ))));
    }
    let findings = examine_any(&file, &incoming.path(id), Demand::AnyTrack, &shared.tools)?;
    crash_point!("tus.examined");
    let hash = match known {
        Some((at, hash)) if at == length => hash,
        _ => hash_of(shared, file).map_err(Fault::Io)?,
    };
    let digest = hash.finalize();
    let recorded = Recorded {
        size: length,
        sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let kept = shared.storage.adopt(&incoming.path(id), recorded);
    Ok((findings, kept.map_err(Fault::Io)?))
}

/// Reads a file once more. That may take minutes, for which a stop does not wait: it is done at the next start.
fn hash_of(shared: &Shared, mut file: File) -> io::Result<Sha256> {
    let stopping = shared.stopping();
    let mut hash = Sha256::new();
    let mut buffer = vec![0; READ_BYTES];
    loop {
        if *stopping.borrow() {
            return Err(io::Error::other("the server stops"));
        }
        match file.read(&mut buffer)? {
            0 => return Ok(hash),
            count => hash.update(&buffer[..count]),
        }
    }
}
