//! Uploads: how much of each has come, and what became of it.

use super::annotations::Annotations;
use super::assets::NewAsset;
use super::{Database, Page, Result, idempotency, query, quotas, words};
use crate::access::Tenant;
use crate::clock;
use sqlx::types::Json;

/// A row of `uploads`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Upload {
    pub(crate) seq: i64,
    pub(crate) id: String,
    #[sqlx(try_from = "String")]
    pub(crate) tenant_id: Tenant,
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// `Upload-Metadata` of tus, as it came.
    pub(crate) metadata: String,
    /// What is noted about the asset to be.
    annotations: Option<Json<Annotations>>,
    /// Where a pull takes it from. It may hold a secret in its query; gone when the upload has ended.
    pub(crate) url: Option<String>,
    /// Of a pull: the strong `ETag` of the file.
    pub(crate) validator: Option<String>,
    /// Bytes of the whole, when it is known.
    pub(crate) length: Option<i64>,
    /// Bytes that are on the disk.
    pub(crate) received: i64,
    pub(crate) state: State,
    /// Why it was refused or failed.
    pub(crate) error: Option<String>,
    /// What it became.
    pub(crate) asset_id: Option<String>,
    pub(crate) expires_at_ms: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
}

/// Who brings the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A client, by tus.
    Tus,
    /// This server, from a URL.
    Pull,
}

impl Kind {
    /// All kinds.
    pub(crate) const ALL: [Self; 2] = [Self::Tus, Self::Pull];

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tus => "tus",
            Self::Pull => "pull",
        }
    }
}

words!(Kind);

/// Where an upload is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Bytes are missing.
    Receiving,
    /// All bytes are there; they are examined.
    Finishing,
    /// It became an asset.
    Done,
    /// It is no usable media.
    Refused,
    /// It could not be pulled.
    Failed,
    /// Nothing came for too long.
    Expired,
}

impl State {
    /// All states.
    pub(crate) const ALL: [Self; 6] = [
        Self::Receiving,
        Self::Finishing,
        Self::Done,
        Self::Refused,
        Self::Failed,
        Self::Expired,
    ];

    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Finishing => "finishing",
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Expired => "expired",
        }
    }
}

words!(State);

/// How an upload can end without an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It is no usable media.
    Refused,
    /// It could not be pulled.
    Failed,
}

impl From<End> for State {
    fn from(end: End) -> Self {
        match end {
            End::Refused => Self::Refused,
            End::Failed => Self::Failed,
        }
    }
}

/// What a new upload needs, and the limits that it must keep.
#[derive(Debug)]
pub(crate) struct NewUpload<'a> {
    pub(crate) id: &'a str,
    pub(crate) tenant: &'a Tenant,
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) metadata: &'a str,
    pub(crate) annotations: &'a Annotations,
    pub(crate) url: Option<&'a str>,
    pub(crate) length: Option<i64>,
    pub(crate) expires_at_ms: i64,
    pub(crate) max_unfinished: u32,
    pub(crate) max_bytes: i64,
}

/// What came of the wish to begin an upload.
#[derive(Debug)]
pub(crate) enum Admission {
    /// It has begun.
    Begun(Box<Upload>),
    /// There are too many unfinished ones.
    TooMany,
    /// Unfinished ones were promised too many bytes.
    OverQuota,
}

impl Upload {
    /// Bytes of the whole, when it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length.and_then(|length| u64::try_from(length).ok())
    }

    /// Bytes that are on the disk.
    pub(crate) fn received(&self) -> u64 {
        u64::try_from(self.received).unwrap_or(0)
    }

    /// What is noted about the asset to be.
    pub(crate) fn annotations(&self) -> Annotations {
        let noted = self.annotations.as_ref();
        noted.map(|noted| noted.0.clone()).unwrap_or_default()
    }

    /// The id of the asset that it becomes: the same however often that is tried.
    pub(crate) fn asset_to_be(&self) -> String {
        let code = self.id.rsplit('_').next().unwrap_or(&self.id);
        format!("ast_{code}")
    }
}

macro_rules! select {
    ($tail:literal) => {
        query(concat!(
            "SELECT seq, id, tenant_id, kind, name, metadata, annotations, url, validator, length, received, state, error, asset_id, \
             expires_at_ms, created_at_ms, updated_at_ms FROM uploads ",
            $tail
        ))
    };
}

impl Database {
    /// Begins an upload, durably, when it keeps the limits.
    ///
    /// # Errors
    /// Among others, one that [`quotas::beyond`] knows.
    pub(crate) async fn add_upload(&self, new: &NewUpload<'_>) -> Result<Admission> {
        let now = clock::now_ms();
        self.durable(|tx| async move {
            // Who begins at the same moment waits here, so that everybody counts everybody.
            let turn = query("SELECT id FROM queue WHERE id = 1 {for_update}");
            tx.one::<(i64,)>(turn).await?;
            let unfinished = query(
                "SELECT COALESCE(length, received) FROM uploads WHERE state IN ('receiving', 'finishing')",
            );
            let promised: Vec<(i64,)> = tx.all(unfinished).await?;
            if promised.len() as u64 >= u64::from(new.max_unfinished) {
                return Ok(Admission::TooMany);
            }
            let bytes: i64 = promised.iter().map(|(bytes,)| bytes).sum();
            if bytes.saturating_add(new.length.unwrap_or(0)) > new.max_bytes {
                return Ok(Admission::OverQuota);
            }
            quotas::upload(&tx, new.tenant, new.length.unwrap_or(0)).await?;
            let state = match new.length {
                Some(0) => State::Finishing,
                _ => State::Receiving,
            };
            let insert = query(
                "INSERT INTO uploads (id, tenant_id, kind, name, metadata, annotations, url, length, received, state, expires_at_ms, \
                 created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?)",
            );
            let insert = insert
                .bind(new.id)
                .bind(new.tenant)
                .bind(new.kind)
                .bind(new.name)
                .bind(new.metadata)
                .bind_json(new.annotations)
                .bind(new.url)
                .bind(new.length)
                .bind(state)
                .bind(new.expires_at_ms)
                .bind(now)
                .bind(now);
            tx.insert("seq", insert).await?;
            idempotency::note(&tx, new.id).await?;
            let row: Upload = tx.one(select!("WHERE id = ?").bind(new.id)).await?;
            Ok(Admission::Begun(Box::new(row)))
        })
        .await
    }

    /// An upload of a tenant by its id.
    pub(crate) async fn upload(&self, tenant: &Tenant, id: &str) -> Result<Option<Upload>> {
        let found = select!("WHERE tenant_id = ? AND id = ?");
        self.optional(found.bind(tenant).bind(id)).await
    }

    /// An upload by its id, whoever's it is: for what this server does by itself.
    pub(crate) async fn any_upload(&self, id: &str) -> Result<Option<Upload>> {
        self.optional(select!("WHERE id = ?").bind(id)).await
    }

    /// A page of a tenant's uploads, newest first.
    pub(crate) async fn uploads(&self, tenant: &Tenant, page: Page) -> Result<Vec<Upload>> {
        let rows = match page.backwards {
            false => {
                select!("WHERE tenant_id = ? AND seq < ? AND seq > ? ORDER BY seq DESC LIMIT ?")
            }
            true => select!("WHERE tenant_id = ? AND seq < ? AND seq > ? ORDER BY seq LIMIT ?"),
        };
        let rows = rows.bind(tenant).bind(page.before).bind(page.after);
        self.all(rows.bind(page.limit)).await
    }

    /// Uploads that wait for bytes or for their end, oldest first.
    pub(crate) async fn unfinished_uploads(&self) -> Result<Vec<Upload>> {
        self.all(select!(
            "WHERE state IN ('receiving', 'finishing') ORDER BY seq"
        ))
        .await
    }

    /// Uploads whose time is over.
    pub(crate) async fn expired_uploads(&self, now: i64) -> Result<Vec<Upload>> {
        let rows = select!("WHERE expires_at_ms <= ? AND state <> 'finishing' ORDER BY seq");
        self.all(rows.bind(now)).await
    }

    /// Bytes that unfinished uploads were promised and that are not on the disk yet.
    pub(crate) async fn outstanding_upload_bytes(&self) -> Result<i64> {
        let missing = query(
            "SELECT length - received FROM uploads WHERE state = 'receiving' AND length IS NOT NULL",
        );
        let missing: Vec<(i64,)> = self.all(missing).await?;
        Ok(missing.iter().map(|(bytes,)| bytes).sum())
    }

    /// Notes the length of an upload whose length was not known, durably. False when it is known, or over.
    pub(crate) async fn set_upload_length(&self, row: &Upload, length: u64) -> Result<bool> {
        let length = i64::try_from(length).unwrap_or(i64::MAX);
        let now = clock::now_ms();
        self.durable(|tx| async move {
            let update = query(
                "UPDATE uploads SET length = ?, updated_at_ms = ? \
                 WHERE id = ? AND length IS NULL AND received <= ? AND state = 'receiving'",
            );
            let update = update.bind(length).bind(now).bind(&row.id).bind(length);
            Ok(tx.execute(update).await? > 0)
        })
        .await
    }

    /// Notes that a pull begins with the first byte again, durably. False when it is over.
    pub(crate) async fn restart_pull(
        &self,
        id: &str,
        length: Option<u64>,
        validator: Option<&str>,
    ) -> Result<bool> {
        let length = length.map(|length| i64::try_from(length).unwrap_or(i64::MAX));
        let now = clock::now_ms();
        self.durable(|tx| async move {
            let update = query(
                "UPDATE uploads SET received = 0, length = ?, validator = ?, updated_at_ms = ? \
                 WHERE id = ? AND state = 'receiving'",
            );
            let update = update.bind(length).bind(validator).bind(now).bind(id);
            Ok(tx.execute(update).await? > 0)
        })
        .await
    }

    /// Notes how many bytes are on the disk, durably; with the last one, that it is whole. It never goes back.
    /// False when the upload is over.
    pub(crate) async fn record_upload(
        &self,
        id: &str,
        received: u64,
        expires_at_ms: i64,
    ) -> Result<bool> {
        let received = i64::try_from(received).unwrap_or(i64::MAX);
        let now = clock::now_ms();
        self.durable(|tx| async move {
            let update = query(
                "UPDATE uploads SET received = ?, expires_at_ms = ?, updated_at_ms = ?, \
                 state = CASE WHEN length = ? THEN 'finishing' ELSE state END \
                 WHERE id = ? AND state = 'receiving' AND received <= ?",
            );
            let update = update
                .bind(received)
                .bind(expires_at_ms)
                .bind(now)
                .bind(received)
                .bind(id)
                .bind(received);
            Ok(tx.execute(update).await? > 0)
        })
        .await
    }

    /// Makes the asset of a whole upload, durably and once. Whether it was this time.
    ///
    /// # Errors
    /// Among others, one that [`quotas::beyond`] knows.
    pub(crate) async fn finish_upload(
        &self,
        id: &str,
        asset: &NewAsset,
        expires_at_ms: i64,
    ) -> Result<bool> {
        let now = clock::now_ms();
        self.durable(|tx| async move {
            let update = query(
                "UPDATE uploads SET state = 'done', asset_id = ?, url = NULL, expires_at_ms = ?, updated_at_ms = ? \
                 WHERE id = ? AND state = 'finishing'",
            );
            let update = update.bind(&asset.id).bind(expires_at_ms).bind(now).bind(id);
            if tx.execute(update).await? == 0 {
                return Ok(false);
            }
            super::assets::insert(&tx, asset).await?;
            Ok(true)
        })
        .await
    }

    /// Ends an upload without an asset, durably.
    pub(crate) async fn end_upload(
        &self,
        id: &str,
        end: End,
        reason: &str,
        expires_at_ms: i64,
    ) -> Result<()> {
        let now = clock::now_ms();
        self.durable(|tx| async move {
            let update = query(
                "UPDATE uploads SET state = ?, error = ?, url = NULL, expires_at_ms = ?, updated_at_ms = ? \
                 WHERE id = ? AND state IN ('receiving', 'finishing')",
            );
            let update = update
                .bind(State::from(end))
                .bind(reason)
                .bind(expires_at_ms)
                .bind(now)
                .bind(id);
            tx.execute(update).await?;
            Ok(())
        })
        .await
    }

    /// Lets an upload expire whose time is over: an unfinished one is remembered as expired until `until`, what
    /// is known of an ended one is forgotten. Whether its bytes are to be deleted.
    pub(crate) async fn expire_upload(&self, id: &str, now: i64, until: i64) -> Result<bool> {
        self.durable(|tx| async move {
            let expire = query(
                "UPDATE uploads SET state = 'expired', url = NULL, expires_at_ms = ?, updated_at_ms = ? \
                 WHERE id = ? AND state = 'receiving' AND expires_at_ms <= ?",
            );
            if tx.execute(expire.bind(until).bind(now).bind(id).bind(now)).await? > 0 {
                return Ok(true);
            }
            let forget = query(
                "DELETE FROM uploads WHERE id = ? AND state IN ('done', 'refused', 'failed', 'expired') \
                 AND expires_at_ms <= ?",
            );
            tx.execute(forget.bind(id).bind(now)).await?;
            Ok(false)
        })
        .await
    }

    /// Forgets an upload, durably, unless it is just becoming an asset. False when there is none to forget.
    pub(crate) async fn delete_upload(&self, row: &Upload) -> Result<bool> {
        self.durable(|tx| async move {
            let delete = query("DELETE FROM uploads WHERE id = ? AND state <> 'finishing'");
            Ok(tx.execute(delete.bind(&row.id)).await? > 0)
        })
        .await
    }

    /// The oldest other asset of the same tenant that has the bytes of an asset, if that is older.
    pub(crate) async fn duplicate_of(&self, asset: &str) -> Result<Option<String>> {
        let of_one = query(
            "SELECT older.id FROM assets later JOIN assets older ON older.sha256 = later.sha256 AND older.tenant_id = later.tenant_id \
             WHERE later.id = ? AND older.input_content_id < later.input_content_id \
             ORDER BY older.input_content_id LIMIT 1",
        );
        let found: Option<(String,)> = self.optional(of_one.bind(asset)).await?;
        Ok(found.map(|(id,)| id))
    }

    /// The same for many assets, by their numbers: ids of assets and of the oldest ones of the same bytes.
    pub(crate) async fn duplicates_of(
        &self,
        numbers: impl IntoIterator<Item = i64>,
    ) -> Result<Vec<(String, String)>> {
        let of_many = query(
            "SELECT later.id, older.id FROM (SELECT one.id AS id, MIN(other.input_content_id) AS first \
             FROM assets one JOIN assets other ON other.sha256 = one.sha256 AND other.tenant_id = one.tenant_id \
             WHERE one.input_content_id IN ({list}) GROUP BY one.id) later \
             JOIN assets older ON older.input_content_id = later.first WHERE older.id <> later.id",
        );
        self.all(of_many.bind_list(numbers)).await
    }
}
