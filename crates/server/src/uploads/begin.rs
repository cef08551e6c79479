//! Begins uploads, within the limits.

use super::Uploads;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::annotations::Annotations;
use crate::db::uploads::{Admission, Kind, NewUpload, Upload};
use crate::id;
use std::sync::Arc;

/// What a client asks for.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Whose it is.
    pub(crate) tenant: Tenant,
    /// Who brings the bytes.
    pub(crate) kind: Kind,
    /// For people.
    pub(crate) name: String,
    /// `Upload-Metadata` as it came; empty without.
    pub(crate) metadata: String,
    /// What is noted about the asset to be.
    pub(crate) annotations: Annotations,
    /// Where the bytes are pulled from.
    pub(crate) url: Option<String>,
    /// Bytes of the whole, when the client knows.
    pub(crate) length: Option<u64>,
}

/// Why an upload does not begin.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It is larger than any file may be.
    TooLarge(u64),
    /// There are too many unfinished ones.
    TooMany(u32),
    /// Unfinished uploads were promised too many bytes.
    OverQuota(u64),
    /// It does not fit on the disk beside what was promised to others; so many bytes would.
    NoRoom(u64),
    /// The storage failed.
    Io(std::io::Error),
    /// The database failed.
    Db(crate::db::Error),
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<crate::db::Error> for Refusal {
    fn from(error: crate::db::Error) -> Self {
        Self::Db(error)
    }
}

/// Makes the file and the row of a new upload.
pub(crate) async fn begin(shared: &Arc<Shared>, wanted: Wanted) -> Result<Upload, Refusal> {
    let uploads = &shared.uploads;
    let limits = &uploads.limits;
    if wanted.length.is_some_and(|length| length > limits.max_size) {
        return Err(Refusal::TooLarge(limits.max_size));
    }
    room(shared, wanted.length.unwrap_or(1)).await?;
    let id = id::tagged("upl")?;
    // Nobody else knows the id yet; the sweep takes no file of an upload that is held.
    let _held = uploads.slots.try_hold(&id);
    make_file(shared, &id).await?;
    crash_point!("tus.made");
    let new = NewUpload {
        id: &id,
        tenant: &wanted.tenant,
        kind: wanted.kind,
        name: &wanted.name,
        metadata: &wanted.metadata,
        annotations: &wanted.annotations,
        url: wanted.url.as_deref(),
        length: wanted
            .length
            .map(|length| i64::try_from(length).unwrap_or(i64::MAX)),
        expires_at_ms: uploads.expires_at_ms(),
        max_unfinished: limits.max_unfinished,
        max_bytes: i64::try_from(limits.max_unfinished_bytes).unwrap_or(i64::MAX),
    };
    let refusal = match shared.db.add_upload(&new).await {
        Ok(Admission::Begun(row)) => {
            crash_point!("tus.begun");
            return Ok(*row);
        }
        Ok(Admission::TooMany) => Refusal::TooMany(limits.max_unfinished),
        Ok(Admission::OverQuota) => Refusal::OverQuota(limits.max_unfinished_bytes),
        Err(error) => error.into(),
    };
    discard(uploads, &id);
    Err(refusal)
}

/// Whether `length` more bytes fit beside the reserve and what is still to come of other uploads.
pub(crate) async fn room(shared: &Shared, length: u64) -> Result<(), Refusal> {
    let outstanding = shared.db.outstanding_upload_bytes().await?;
    let outstanding = u64::try_from(outstanding).unwrap_or(0);
    let free = shared.uploads.incoming.free()?;
    let left = free
        .saturating_sub(shared.uploads.limits.reserve)
        .saturating_sub(outstanding);
    if length > left {
        return Err(Refusal::NoRoom(left));
    }
    Ok(())
}

/// Most bytes that an upload may bring: as many as any file, or as its tenant has left.
pub(crate) async fn most(shared: &Shared, row: &Upload) -> crate::db::Result<u64> {
    let most = shared.uploads.limits.max_size;
    let left = shared.db.bytes_left(&row.tenant_id, &row.id).await?;
    let left = left.map(|left| u64::try_from(left).unwrap_or(0));
    Ok(left.map_or(most, |left| left.min(most)))
}

async fn make_file(shared: &Arc<Shared>, id: &str) -> std::io::Result<()> {
    let (shared, id) = (shared.clone(), id.to_owned());
    let made = tokio::task::spawn_blocking(move || shared.uploads.incoming.create(&id));
    made.await.map_err(std::io::Error::other)?
}

fn discard(uploads: &Uploads, id: &str) {
    uploads.slots.forget(id);
    if let Err(error) = uploads.incoming.remove(id) {
        tracing::warn!(id, %error, "the file of a refused upload stays until the next start");
    }
}
