//! Assets: delivered files and what was found in them.

use super::annotations::{self, Annotations};
use super::claims::{Claim, holds};
use super::events::{self, EventKind};
use super::jobs::JobState;
use super::probe::{Conversion, Probe};
use super::{Database, Page, Result, Transaction, Wanted, count_on, number, paging, query, quotas};
use crate::access::Tenant;
use crate::clock;
use crate::order::OfAsset;
use sqlx::types::Json;
use std::collections::{BTreeMap, HashSet};

/// A row of `assets`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Asset {
    pub(crate) input_content_id: i64,
    pub(crate) id: String,
    #[sqlx(try_from = "String")]
    pub(crate) tenant_id: Tenant,
    pub(crate) name: String,
    /// Path of the file below the data folder.
    pub(crate) input_content_origin: String,
    pub(crate) sha256: String,
    /// Bytes.
    pub(crate) size: i64,
    pub(crate) container: String,
    pub(crate) brand: String,
    pub(crate) fragmented: bool,
    pub(crate) duration_seconds: f64,
    pub(crate) probe: Json<Probe>,
    /// The client's own name for it.
    pub(crate) external_id: Option<String>,
    #[sqlx(skip)]
    pub(crate) metadata: BTreeMap<String, String>,
    /// Grows with every change that a client makes.
    pub(crate) version: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
}

/// What a new asset needs.
#[derive(Debug)]
pub(crate) struct NewAsset {
    /// The number that it must have, which is free; else the next.
    pub(crate) number: Option<i64>,
    /// Whose it is.
    pub(crate) tenant: Tenant,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) input_content_origin: String,
    pub(crate) sha256: String,
    pub(crate) size: u64,
    pub(crate) container: String,
    pub(crate) brand: String,
    pub(crate) fragmented: bool,
    pub(crate) duration_seconds: f64,
    pub(crate) probe: Probe,
    /// What its client notes about it.
    pub(crate) annotations: Annotations,
}

/// Which assets are listed; all unless something is said.
#[derive(Debug, Clone, Default)]
pub(crate) struct AssetFilter {
    /// Their name or their external id holds this, in either case of ASCII.
    pub(crate) search: Option<String>,
    /// Their external id is this.
    pub(crate) external_id: Option<String>,
    /// They have all of these entries of metadata.
    pub(crate) metadata: Vec<(String, String)>,
}

/// What became of a wish to delete something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deleted<T> {
    /// It is gone; its files are to be removed.
    Done(T),
    /// There is no such thing.
    Unknown,
    /// A job of it runs.
    Busy,
    /// Somebody else changed it meanwhile.
    Stale,
}

/// Files of an asset that was deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AssetFiles {
    /// Path of the delivered file below the data folder.
    pub(crate) origin: String,
    /// Folders of its packages.
    pub(crate) codes: Vec<String>,
}

impl Asset {
    /// What is ordered is of this asset.
    pub(crate) fn named(&self) -> OfAsset<'_> {
        OfAsset {
            tenant: &self.tenant_id,
            id: &self.id,
            number: self.input_content_id,
        }
    }
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT input_content_id, id, tenant_id, name, input_content_origin, sha256, size, container, brand, \
             fragmented, duration_seconds, probe, external_id, version, created_at_ms, updated_at_ms FROM assets ",
            $tail
        )
    };
}

/// A page of a tenant's assets that fit a filter, in an order.
macro_rules! page {
    ($order:literal) => {
        concat!(
            select!(
                "WHERE tenant_id = ? AND input_content_id < ? AND input_content_id > ? \
                 AND (? IS NULL OR LOWER(name) LIKE ? ESCAPE '!' OR LOWER(external_id) LIKE ? ESCAPE '!') \
                 AND (? IS NULL OR external_id = ?) \
                 AND (? = 0 OR input_content_id IN (SELECT m.input_content_id FROM asset_metadata m \
                 WHERE m.digest IN ({list}) GROUP BY m.input_content_id HAVING COUNT(*) = ?)) \
                 ORDER BY input_content_id "
            ),
            $order,
            " LIMIT ?"
        )
    };
}

/// Adds an asset as a part of a transaction.
///
/// # Errors
/// Among others, one that [`quotas::beyond`] knows.
pub(super) async fn insert(tx: &Transaction, new: &NewAsset) -> Result<()> {
    let now = clock::now_ms();
    let size = i64::try_from(new.size).unwrap_or(i64::MAX);
    quotas::asset(tx, &new.tenant, size).await?;
    let bitrate = if new.duration_seconds > 0.0 {
        (size as f64 * 8.0 / new.duration_seconds) as i64
    } else {
        0
    };
    let row = query(concat!(
        "INSERT INTO assets (input_content_id, id, tenant_id, name, input_content_origin, sha256, size, container, brand, \
         fragmented, duration_seconds, codecs, bitrate, video_track_number, probe, external_id, \
         created_at_ms, updated_at_ms) VALUES (",
        number!("assets", "input_content_id"),
        ", ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    ))
    .bind(new.number)
    .bind(&new.id)
    .bind(&new.tenant)
    .bind(&new.name)
    .bind(&new.input_content_origin)
    .bind(&new.sha256)
    .bind(size)
    .bind(&new.container)
    .bind(&new.brand)
    .bind(new.fragmented)
    .bind(new.duration_seconds)
    .bind(new.probe.codecs())
    .bind(bitrate)
    .bind(new.probe.video_track())
    .bind_json(&new.probe)
    .bind(new.annotations.external_id.as_ref())
    .bind(now)
    .bind(now);
    let number = new.number.or(tx.insert("input_content_id", row).await?);
    if new.number.is_some() {
        tx.one::<(i64,)>(query(count_on!("assets", "input_content_id")))
            .await?;
    }
    let source = query(
        "INSERT INTO sources (input_content_id, path, sha256, size, created_at_ms, \
         updated_at_ms) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(number)
    .bind(&new.input_content_origin)
    .bind(&new.sha256)
    .bind(size)
    .bind(now)
    .bind(now);
    tx.execute(source).await?;
    if let Some(number) = number {
        annotations::add_metadata(tx, number, &new.annotations.metadata).await?;
    }
    events::note(tx, &new.tenant, EventKind::AssetCreated, &new.id, None).await
}

impl Database {
    /// Adds an asset, durably.
    ///
    /// # Errors
    /// Among others, one that [`quotas::beyond`] knows.
    pub(crate) async fn add_asset(&self, new: &NewAsset) -> Result<Asset> {
        self.durable(|tx| async move {
            insert(&tx, new).await?;
            let added = query(select!("WHERE id = ?"));
            let mut added: Asset = tx.one(added.bind(&new.id)).await?;
            added.metadata.clone_from(&new.annotations.metadata);
            Ok(added)
        })
        .await
    }

    /// An asset of a tenant by its id.
    pub(crate) async fn asset(&self, tenant: &Tenant, id: &str) -> Result<Option<Asset>> {
        let found = query(select!("WHERE tenant_id = ? AND id = ?"));
        let found = self.optional(found.bind(tenant).bind(id));
        self.annotated(found.await?).await
    }

    /// An asset of a tenant by its number.
    pub(crate) async fn asset_by_number(
        &self,
        tenant: &Tenant,
        number: i64,
    ) -> Result<Option<Asset>> {
        let found = query(select!("WHERE tenant_id = ? AND input_content_id = ?"));
        self.optional(found.bind(tenant).bind(number)).await
    }

    /// An asset by its number, whoever's it is: for workers.
    pub(crate) async fn any_asset(&self, number: i64) -> Result<Option<Asset>> {
        self.optional(query(select!("WHERE input_content_id = ?")).bind(number))
            .await
    }

    /// Whether there is an asset of this id, whoever's it is: for who looks after the storage.
    pub(crate) async fn is_any_asset(&self, id: &str) -> Result<bool> {
        let found = query("SELECT input_content_id FROM assets WHERE id = ?");
        Ok(self.optional::<(i64,)>(found.bind(id)).await?.is_some())
    }

    /// Notes what was done with a delivered file, as long as the claim holds. An asset that is gone meanwhile is no error.
    pub(crate) async fn set_conversion(
        &self,
        claim: &Claim,
        number: i64,
        done: &Conversion,
    ) -> Result<()> {
        self.durable(|tx| async move {
            if !holds(&tx, claim).await? {
                return Ok(());
            }
            let found = query(select!("WHERE input_content_id = ? {for_update}"));
            let Some(mut asset) = tx.optional::<Asset>(found.bind(number)).await? else {
                return Ok(());
            };
            if asset.probe.0.conversion.as_ref() == Some(done) {
                return Ok(());
            }
            asset.probe.0.conversion = Some(done.clone());
            let noted =
                query("UPDATE assets SET probe = ?, updated_at_ms = ? WHERE input_content_id = ?");
            let noted = noted.bind_json(&asset.probe.0).bind(clock::now_ms());
            tx.execute(noted.bind(number)).await?;
            Ok(())
        })
        .await
    }

    /// A page of a tenant's assets, or of those that fit a filter, newest first.
    pub(crate) async fn assets(
        &self,
        tenant: &Tenant,
        filter: &AssetFilter,
        page: Page,
    ) -> Result<Vec<Asset>> {
        let found = match page.backwards {
            false => query(page!("DESC")),
            true => query(page!("")),
        };
        let search = filter.search.as_deref().map(paging::anywhere);
        let external_id = filter.external_id.as_deref();
        let entries = filter.metadata.iter();
        let entries: HashSet<String> = entries
            .map(|(name, value)| annotations::digest(name, value))
            .collect();
        let count = i64::try_from(entries.len()).unwrap_or(i64::MAX);
        let found = found.bind(tenant).bind(page.before).bind(page.after);
        let found = found.bind(search.clone()).bind(search.clone()).bind(search);
        let found = found.bind(external_id).bind(external_id);
        let found = found.bind(count).bind_list(entries).bind(count);
        self.annotated(self.all(found.bind(page.limit)).await?)
            .await
    }

    /// Adds their metadata to assets.
    async fn annotated<A>(&self, mut assets: A) -> Result<A>
    where
        for<'a> &'a mut A: IntoIterator<Item = &'a mut Asset>,
    {
        let numbers: Vec<i64> = (&mut assets)
            .into_iter()
            .map(|asset| asset.input_content_id)
            .collect();
        if numbers.is_empty() {
            return Ok(assets);
        }
        let mut metadata = self.metadata_of(numbers).await?;
        for asset in &mut assets {
            asset.metadata = metadata.remove(&asset.input_content_id).unwrap_or_default();
        }
        Ok(assets)
    }

    /// Numbers of a tenant's assets of a name that are older than `before`, oldest first.
    pub(crate) async fn earlier_of_name(
        &self,
        tenant: &Tenant,
        name: &str,
        before: i64,
    ) -> Result<Vec<i64>> {
        let found = query(
            "SELECT input_content_id FROM assets WHERE tenant_id = ? AND name = ? AND input_content_id < ? \
             ORDER BY input_content_id",
        );
        let found = found.bind(tenant).bind(name).bind(before);
        let numbers = self.all::<(i64,)>(found).await?;
        Ok(numbers.into_iter().map(|(number,)| number).collect())
    }

    /// Paths of all delivered files, below the data folder.
    pub(crate) async fn origins(&self) -> Result<HashSet<String>> {
        let origins = self.all::<(String,)>(query("SELECT path FROM sources"));
        Ok(origins.await?.into_iter().map(|(path,)| path).collect())
    }

    /// Deletes an asset of a wanted version with its packages and jobs, durably, unless one of the jobs runs.
    pub(crate) async fn delete_asset(
        &self,
        tenant: &Tenant,
        id: &str,
        wanted: &Wanted,
    ) -> Result<Deleted<AssetFiles>> {
        self.durable(|tx| async move {
            let found = query(
                "SELECT input_content_id, input_content_origin FROM assets WHERE tenant_id = ? AND id = ?",
            );
            let found = found.bind(tenant).bind(id);
            let Some((number, origin)) = tx.optional::<(i64, String)>(found).await? else {
                return Ok(Deleted::Unknown);
            };
            let jobs = query(
                "SELECT state FROM jobs WHERE packaged_content_id IN \
                 (SELECT packaged_content_id FROM packages WHERE input_content_id = ?) {for_update}",
            );
            let jobs: Vec<(JobState,)> = tx.all(jobs.bind(number)).await?;
            let codes = query("SELECT code FROM packages WHERE input_content_id = ? {for_update}");
            let codes: Vec<(String,)> = tx.all(codes.bind(number)).await?;
            let version =
                query("SELECT version FROM assets WHERE input_content_id = ? {for_update}");
            match tx.optional::<(i64,)>(version.bind(number)).await? {
                None => return Ok(Deleted::Unknown),
                Some((version,)) if !wanted.fits(version) => return Ok(Deleted::Stale),
                Some(_) if jobs.contains(&(JobState::Running,)) => return Ok(Deleted::Busy),
                Some(_) => {}
            }
            let gone = query("DELETE FROM assets WHERE input_content_id = ?");
            tx.execute(gone.bind(number)).await?;
            events::note(&tx, tenant, EventKind::AssetDeleted, id, None).await?;
            Ok(Deleted::Done(AssetFiles {
                origin,
                codes: codes.into_iter().map(|(code,)| code).collect(),
            }))
        })
        .await
    }
}
