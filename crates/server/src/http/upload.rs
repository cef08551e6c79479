//! Receives a delivered file: streamed to disk, hashed on the way, probed, then named in the catalogue.

use super::annotations::{self, EXTERNAL_ID, METADATA};
use super::error::{Problem, Result};
use super::slow;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::annotations::Annotations;
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
/// Longest text beside the file, in bytes.
const MAX_TEXT: usize = 64 << 10;

/// The texts of a form that are noted about the asset.
#[derive(Debug, Default)]
struct Texts {
    external_id: Option<String>,
    metadata: Option<String>,
}

impl Texts {
    fn read(&self) -> Result<Annotations> {
        annotations::of_texts(self.external_id.as_deref(), self.metadata.as_deref())
    }
}

/// Receives the field `file` of a form and adds it to the catalogue, with what other fields say about it.
///
/// Whatever goes wrong, nothing is left behind. When the client goes away after its last byte, the asset
/// is added all the same.
pub(super) async fn receive(
    shared: &Arc<Shared>,
    tenant: &Tenant,
    mut form: Multipart,
    demand: Demand,
) -> Result<Asset> {
    let mut received = None;
    let mut texts = Texts::default();
    while let Some(field) = form.next_field().await.map_err(broken_form)? {
        match field.name() {
            Some(FIELD) if received.is_none() => {
                let Some(name) = field.file_name().map(display_name) else {
                    let text = "must be a file, with a file name, not a text";
                    return Err(Problem::field(FIELD, text));
                };
                // What is wrong already is told before much is received.
                texts.read()?;
                received = Some((store(shared, tenant, field).await?, name));
            }
            Some(EXTERNAL_ID) => texts.external_id = Some(text(field, EXTERNAL_ID).await?),
            Some(METADATA) => texts.metadata = Some(text(field, METADATA).await?),
            _ => {}
        }
    }
    let Some((upload, name)) = received else {
        return Err(Problem::field(
            FIELD,
            "is missing: send the video in a multipart/form-data field of this name",
        ));
    };
    let noted = texts.read()?;
    let (shared, tenant) = (shared.clone(), tenant.clone());
    // A task of its own, because the work of a request ends when its client goes away.
    let added =
        tokio::spawn(async move { add(&shared, tenant, upload, name, noted, demand).await });
    added.await.map_err(Problem::internal)?
}

/// Reads a short text of a form.
async fn text(mut field: Field<'_>, name: &str) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(broken_form)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_TEXT {
            let text = format!("{name} may have {MAX_TEXT} bytes at most");
            return Err(Problem::too_large(text));
        }
    }
    String::from_utf8(bytes).map_err(|_| Problem::not_allowed(&[name], "must be UTF-8"))
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
    noted: Annotations,
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
            annotations: noted,
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
