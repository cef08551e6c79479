//! Packages: one row for each packaging of an asset.

use super::assets::Deleted;
use super::{Database, Page, Result, json_list};
use crate::clock;
use packager::{EncryptScope, Scheme};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use std::collections::HashSet;

/// How far a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
pub(crate) enum Status {
    /// The source is stored and probed.
    Ingested,
    /// The plan is fixed.
    Fragmented,
    /// All media are written.
    Encrypted,
    /// Published.
    Ready,
    /// Given up; `error` says why.
    Failed,
}

impl Status {
    /// The word that clients see.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ingested => "Ingested",
            Self::Fragmented => "Fragmented",
            Self::Encrypted => "Encrypted",
            Self::Ready => "Ready",
            Self::Failed => "Failed",
        }
    }
}

/// A row of `packages`, with the id of its asset.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Package {
    pub(crate) packaged_content_id: i64,
    pub(crate) id: String,
    pub(crate) input_content_id: i64,
    pub(crate) asset_id: String,
    pub(crate) code: String,
    pub(crate) status: Status,
    pub(crate) error: Option<String>,
    pub(crate) scheme: String,
    pub(crate) encrypt: String,
    /// The wrapped content key.
    pub(crate) video_key: Option<Vec<u8>>,
    /// 32 hex digits.
    pub(crate) kid: Option<String>,
    /// The wrapped text in which the client gave the key.
    pub(crate) given_key: Option<Vec<u8>>,
    /// The text in which the client gave the KID.
    pub(crate) given_kid: Option<String>,
    pub(crate) segment_duration_ms: i64,
    pub(crate) renditions: Json<Vec<StoredRendition>>,
    pub(crate) warnings: Json<Vec<String>>,
    /// Bytes.
    pub(crate) size: Option<i64>,
    /// Path of the MPD on any host of this server, once published.
    pub(crate) url: Option<String>,
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
    pub(crate) ready_at_ms: Option<i64>,
}

/// An output track of the plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredRendition {
    pub(crate) name: String,
    pub(crate) track_id: u32,
    pub(crate) codec: String,
    pub(crate) segments: u32,
    pub(crate) encrypted: bool,
}

/// What a new package and its job need.
#[derive(Debug)]
pub(crate) struct NewPackage {
    pub(crate) id: String,
    pub(crate) code: String,
    pub(crate) input_content_id: i64,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) encrypt: EncryptScope,
    pub(crate) keys: Option<StoredKeys>,
    pub(crate) segment_duration_ms: i64,
    pub(crate) job_id: String,
    pub(crate) iv_seed: [u8; 16],
}

/// The keys of a package as they are stored.
#[derive(Debug)]
pub(crate) struct StoredKeys {
    /// The wrapped content key.
    pub(crate) video_key: Vec<u8>,
    /// 32 hex digits.
    pub(crate) kid: String,
    /// The wrapped text in which the client gave the key.
    pub(crate) given_key: Vec<u8>,
    /// The text in which the client gave the KID.
    pub(crate) given_kid: String,
}

/// A wrapped key and the package to which it is bound.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct WrappedKey {
    pub(crate) id: String,
    pub(crate) kid: String,
    pub(crate) video_key: Vec<u8>,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT p.packaged_content_id, p.id, p.input_content_id, a.id AS asset_id, p.code, \
             p.status, p.error, p.scheme, p.encrypt, p.video_key, p.kid, p.given_key, p.given_kid, \
             p.segment_duration_ms, p.renditions, p.warnings, p.size, p.url, p.created_at_ms, \
             p.updated_at_ms, p.ready_at_ms FROM packages p JOIN assets a USING (input_content_id) ",
            $tail
        )
    };
}

impl Database {
    /// Adds a package and the job that makes it, in one durable transaction.
    ///
    /// `None` when the asset is gone. Returns the package's number.
    pub(crate) async fn add_package(&self, new: NewPackage) -> Result<Option<i64>> {
        let now = clock::now_ms();
        let mut writers = self.writers().await;
        let mut transaction = writers.durable().await?;
        let keys = new.keys.as_ref();
        let number: Option<i64> = sqlx::query_scalar(
            "INSERT INTO packages (id, input_content_id, code, status, scheme, encrypt, video_key, \
             kid, given_key, given_kid, segment_duration_ms, created_at_ms, updated_at_ms) \
             SELECT ?, input_content_id, ?, 'Ingested', ?, ?, ?, ?, ?, ?, ?, ?, ? \
             FROM assets WHERE input_content_id = ? RETURNING packaged_content_id",
        )
        .bind(new.id)
        .bind(new.code)
        .bind(new.scheme.map_or("none", Scheme::fourcc))
        .bind(encrypt_word(new.encrypt))
        .bind(keys.map(|keys| &keys.video_key))
        .bind(keys.map(|keys| &keys.kid))
        .bind(keys.map(|keys| &keys.given_key))
        .bind(keys.map(|keys| &keys.given_kid))
        .bind(new.segment_duration_ms)
        .bind(now)
        .bind(now)
        .bind(new.input_content_id)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(number) = number else {
            return Ok(None);
        };
        sqlx::query(
            "INSERT INTO jobs (id, kind, packaged_content_id, state, iv_seed, created_at_ms) \
             VALUES (?, 'package', ?, 'queued', ?, ?)",
        )
        .bind(new.job_id)
        .bind(number)
        .bind(new.iv_seed.as_slice())
        .bind(now)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Some(number))
    }

    /// A package by its id.
    pub(crate) async fn package(&self, id: &str) -> Result<Option<Package>> {
        sqlx::query_as(select!("WHERE p.id = ?"))
            .bind(id)
            .fetch_optional(&self.readers)
            .await
    }

    /// A package by its number.
    pub(crate) async fn package_by_number(&self, number: i64) -> Result<Option<Package>> {
        sqlx::query_as(select!("WHERE p.packaged_content_id = ?"))
            .bind(number)
            .fetch_optional(&self.readers)
            .await
    }

    /// A page of all packages, or of one asset's, newest first.
    pub(crate) async fn packages(&self, asset: Option<&str>, page: Page) -> Result<Vec<Package>> {
        sqlx::query_as(select!(
            "WHERE p.packaged_content_id < ?1 AND (?2 IS NULL OR a.id = ?2) \
             ORDER BY p.packaged_content_id DESC LIMIT ?3"
        ))
        .bind(page.before)
        .bind(asset)
        .bind(page.limit)
        .fetch_all(&self.readers)
        .await
    }

    /// All packages of these assets, newest first.
    pub(crate) async fn packages_of(
        &self,
        assets: impl Iterator<Item = i64>,
    ) -> Result<Vec<Package>> {
        sqlx::query_as(select!(
            "WHERE p.input_content_id IN (SELECT value FROM json_each(?)) \
             ORDER BY p.packaged_content_id DESC"
        ))
        .bind(json_list(assets))
        .fetch_all(&self.readers)
        .await
    }

    /// Whether a published package has this code.
    pub(crate) async fn is_published(&self, code: &str) -> Result<bool> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM packages WHERE code = ? AND status = 'Ready'")
                .bind(code)
                .fetch_optional(&self.readers)
                .await?;
        Ok(found.is_some())
    }

    /// Codes of the packages that may have files: published, or still to be made.
    pub(crate) async fn codes_with_files(&self) -> Result<HashSet<String>> {
        let codes: Vec<String> =
            sqlx::query_scalar("SELECT code FROM packages WHERE status <> 'Failed'")
                .fetch_all(&self.readers)
                .await?;
        Ok(codes.into_iter().collect())
    }

    /// The wrapped keys of published packages for some KIDs (hex digits), newest first.
    ///
    /// With a code, of the package of that code alone.
    pub(crate) async fn wrapped_keys(
        &self,
        kids: &[String],
        code: Option<&str>,
    ) -> Result<Vec<WrappedKey>> {
        sqlx::query_as(
            "SELECT id, kid, video_key FROM packages \
             WHERE kid IN (SELECT value FROM json_each(?1)) AND (?2 IS NULL OR code = ?2) \
             AND status = 'Ready' AND video_key IS NOT NULL ORDER BY packaged_content_id DESC",
        )
        .bind(Json(kids))
        .bind(code)
        .fetch_all(&self.readers)
        .await
    }

    /// Whether the catalogue holds any wrapped key, which the key file alone can open.
    pub(crate) async fn holds_keys(&self) -> Result<bool> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM packages WHERE video_key IS NOT NULL LIMIT 1")
                .fetch_optional(&self.readers)
                .await?;
        Ok(found.is_some())
    }

    /// Deletes a package and its job, durably, unless the job runs. Returns the package's code.
    pub(crate) async fn delete_package(&self, id: &str) -> Result<Deleted<String>> {
        let mut writers = self.writers().await;
        let mut transaction = writers.durable().await?;
        let found: Option<(String, bool)> = sqlx::query_as(
            "SELECT code, EXISTS (SELECT 1 FROM jobs j WHERE j.state = 'running' \
             AND j.packaged_content_id = p.packaged_content_id) FROM packages p WHERE id = ?",
        )
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
        match found {
            None => Ok(Deleted::Unknown),
            Some((_, true)) => Ok(Deleted::Busy),
            Some((code, false)) => {
                sqlx::query("DELETE FROM packages WHERE id = ?")
                    .bind(id)
                    .execute(&mut *transaction)
                    .await?;
                transaction.commit().await?;
                Ok(Deleted::Done(code))
            }
        }
    }
}

fn encrypt_word(scope: EncryptScope) -> &'static str {
    match scope {
        EncryptScope::All => "all",
        EncryptScope::Video => "video",
    }
}

impl Package {
    /// The scheme of the engine; `None` in the clear.
    pub(crate) fn engine_scheme(&self) -> Option<Scheme> {
        [Scheme::Cbcs, Scheme::Cenc]
            .into_iter()
            .find(|scheme| scheme.fourcc() == self.scheme)
    }

    /// The scope of the engine.
    pub(crate) fn engine_scope(&self) -> EncryptScope {
        if self.encrypt == encrypt_word(EncryptScope::Video) {
            EncryptScope::Video
        } else {
            EncryptScope::All
        }
    }
}
