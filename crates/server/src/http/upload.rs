//! Receives a delivered file: streamed to disk, hashed on the way, probed, then named in the catalogue.

use super::error::{Problem, Result};
use super::slow;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::assets::Asset;
use crate::db::quotas::Beyond;
use crate::id;
use crate::storage::Upload;
use crate::uploads::examine::{Delivered, Demand, display_name, examine_any};
use axum::extract::multipart::{Field, Multipart, MultipartError};
use std::sync::Arc;

/// The multipart field that holds the file.
const FIELD: &str = "file";
/// How much is collected before it goes to the disk.
const BATCH_BYTES: usize = 1 << 20;
/// Receives the field `file` of a form and adds it to the catalogue.
///
/// Whatever goes wrong, nothing is left behind. When the client goes away after its last byte, the asset
/// is added all the same.
pub(super) async fn receive(
    shared: &Arc<Shared>,
    tenant: &Tenant,
    mut form: Multipart,
    demand: Demand,
) -> Result<Asset> {
    while let Some(field) = form.next_field().await.map_err(broken_form)? {
        if field.name() != Some(FIELD) {
            continue;
        }
        let Some(name) = field.file_name().map(display_name) else {
            let text = "must be a file, with a file name, not a text";
            return Err(Problem::field(FIELD, text));
        };
        let upload = store(shared, tenant, field).await?;
        let (shared, tenant) = (shared.clone(), tenant.clone());
        // A task of its own, because the work of a request ends when its client goes away.
        let added = tokio::spawn(async move { add(&shared, tenant, upload, name, demand).await });
        return added.await.map_err(Problem::internal)?;
    }
    Err(Problem::field(
        FIELD,
        "is missing: send the video in a multipart/form-data field of this name",
    ))
}

/// Streams a field to the disk.
async fn store(shared: &Arc<Shared>, tenant: &Tenant, mut field: Field<'_>) -> Result<Upload> {
    let storage = shared.clone();
    let most = shared.uploads.limits.max_size;
    // None of the tenant's uploads is left out; the asset is counted once more when it is named.
    let left = shared.db.bytes_left(tenant, "").await?;
    let left = left.map(|left| u64::try_from(left).unwrap_or(0));
    let mut upload = super::blocking(move || Ok(storage.storage.receive()?)).await?;
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    loop {
        let chunk = field.chunk().await.map_err(broken_form)?;
        batch.extend_from_slice(chunk.as_deref().unwrap_or_default());
        let size = upload.size() + batch.len() as u64;
        if let Some(left) = left
            && size > left
        {
            let left = i64::try_from(left).unwrap_or(i64::MAX);
            return Err(Beyond::Bytes { left }.into());
        }
        if size > most {
            return Err(Problem::too_large(format!(
                "a file may have {most} bytes at most"
            )));
        }
        if batch.len() >= BATCH_BYTES || chunk.is_none() {
            let server = shared.clone();
            (upload, batch) = super::blocking(move || {
                server.uploads.room_for(batch.len() as u64)?;
                upload.write(&batch)?;
                crash_point!("upload.receiving");
                batch.clear();
                Ok((upload, batch))
            })
            .await?;
        }
        if chunk.is_none() {
            return Ok(upload);
        }
    }
}

/// Examines what was received, keeps it, and names it in the catalogue.
async fn add(
    shared: &Arc<Shared>,
    tenant: Tenant,
    upload: Upload,
    name: String,
    demand: Demand,
) -> Result<Asset> {
    let storage = shared.clone();
    let (new, kept) = super::blocking(move || {
        let findings = examine_any(upload.file(), upload.path(), demand, &storage.tools)?;
        crash_point!("upload.probed");
        let kept = upload.keep(&storage.storage)?;
        crash_point!("upload.kept");
        let new = findings.into_asset(Delivered {
            tenant,
            id: id::tagged("ast")?,
            name,
            origin: kept.origin.clone(),
            sha256: kept.recorded.sha256.clone(),
            size: kept.recorded.size,
        });
        Ok((new, kept))
    })
    .await?;
    let asset = shared.db.add_asset(&new).await?;
    crash_point!("upload.named");
    kept.done();
    tracing::info!(asset = asset.id, size = asset.size, "an asset came in");
    Ok(asset)
}

/// Says whose fault it is that a form ends early.
fn broken_form(error: MultipartError) -> Problem {
    if slow::is_too_slow(&error) {
        return Problem::too_slow("the form came too slowly, and nothing of it was kept");
    }
    Problem::invalid(format!(
        "the form is broken or was cut off: {}",
        error.body_text()
    ))
}
