//! Packages: one row for each packaging of an asset.

use super::assets::Deleted;
use super::events::{self, EventKind};
use super::extras;
use super::jobs::{Job, JobState, pictures_done, progress};
use super::playback::Policy;
use super::{Database, Page, Result, Transaction, Wanted, count_on, number, query, quotas, words};
use crate::access::Tenant;
use crate::clock;
use crate::keys::Place;
use crate::order::OfAsset;
use packager::{EncryptScope, Scheme};
use sqlx::types::Json;
use std::collections::HashMap;

/// How far a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

words!(Status);

impl Status {
    /// Every status.
    pub(crate) const ALL: [Self; 5] = [
        Self::Ingested,
        Self::Fragmented,
        Self::Encrypted,
        Self::Ready,
        Self::Failed,
    ];

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

/// A row of `packages`, with the id of its asset and its job: read at once, so that they fit together.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Package {
    pub(crate) packaged_content_id: i64,
    pub(crate) id: String,
    pub(crate) input_content_id: i64,
    pub(crate) asset_id: String,
    /// Whose the asset is.
    #[sqlx(try_from = "String")]
    pub(crate) tenant_id: Tenant,
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
    /// Which renditions were ordered: none, `auto`, or the text of a profile.
    pub(crate) ladder: Option<String>,
    /// What was decided about the source, once it was looked at (JSON).
    pub(crate) preparation: Option<String>,
    /// How loud sound is made, in LUFS.
    pub(crate) loudness_lufs: Option<f64>,
    /// Words of what was ordered for pages.
    pub(super) extras: Option<String>,
    /// Words of what is there of it.
    pub(super) extras_made: Option<String>,
    #[sqlx(skip)]
    pub(crate) renditions: Vec<StoredRendition>,
    pub(crate) warnings: Json<Vec<String>>,
    /// Bytes.
    pub(crate) size: Option<i64>,
    /// Path of the MPD on any host of this server, once published.
    pub(crate) url: Option<String>,
    /// Grows with every change that a client makes.
    pub(crate) version: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
    pub(crate) ready_at_ms: Option<i64>,
    /// The package that this one replaces, or will.
    pub(crate) replaces: Option<String>,
    /// The package that replaced this one.
    pub(crate) replaced_by: Option<String>,
    #[sqlx(flatten)]
    job: JobColumns,
}

/// The job of a package; nothing, once it was deleted.
#[derive(Debug, Clone, sqlx::FromRow)]
struct JobColumns {
    job_seq: Option<i64>,
    job_id: Option<String>,
    job_kind: Option<String>,
    job_state: Option<JobState>,
    job_progress: Option<f64>,
    job_pictures_done: Option<f64>,
    job_turn: Option<i64>,
    job_unique_key: Option<String>,
    job_attempts: Option<i64>,
    job_deaths: Option<i64>,
    job_error: Option<String>,
    job_version: Option<i64>,
    job_created_at_ms: Option<i64>,
    job_started_at_ms: Option<i64>,
    job_finished_at_ms: Option<i64>,
}

impl Package {
    /// To what its keys are bound.
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            tenant: &self.tenant_id,
            asset: &self.asset_id,
            package: &self.id,
        }
    }

    /// The asset that it is made of.
    pub(crate) fn asset(&self) -> OfAsset<'_> {
        OfAsset {
            tenant: &self.tenant_id,
            id: &self.asset_id,
            number: self.input_content_id,
        }
    }

    /// The job that makes it, or made it; `None` once that was deleted.
    pub(crate) fn job(&self) -> Option<Job> {
        let columns = self.job.clone();
        Some(Job {
            seq: columns.job_seq?,
            id: columns.job_id?,
            kind: columns.job_kind?,
            package_id: self.id.clone(),
            asset_id: self.asset_id.clone(),
            state: columns.job_state?,
            progress: columns.job_progress?,
            pictures_done: columns.job_pictures_done,
            preparation: self.preparation.clone(),
            turn: columns.job_turn?,
            unique_key: columns.job_unique_key,
            attempts: columns.job_attempts?,
            deaths: columns.job_deaths?,
            error: columns.job_error,
            version: columns.job_version?,
            created_at_ms: columns.job_created_at_ms?,
            started_at_ms: columns.job_started_at_ms,
            finished_at_ms: columns.job_finished_at_ms,
        })
    }
}

/// An output track of the plan.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct StoredRendition {
    pub(crate) name: String,
    #[sqlx(try_from = "i64")]
    pub(crate) track_id: u32,
    pub(crate) codec: String,
    #[sqlx(try_from = "i64")]
    pub(crate) segments: u32,
    pub(crate) encrypted: bool,
}

/// What a new package and its job need.
#[derive(Debug)]
pub(crate) struct NewPackage {
    /// The number that it must have, which is free; else the next.
    pub(crate) number: Option<i64>,
    pub(crate) id: String,
    pub(crate) code: String,
    /// Whose the asset is.
    pub(crate) tenant: Tenant,
    pub(crate) input_content_id: i64,
    pub(crate) scheme: Option<Scheme>,
    pub(crate) encrypt: EncryptScope,
    pub(crate) keys: Option<StoredKeys>,
    pub(crate) segment_duration_ms: i64,
    pub(crate) job_id: String,
    pub(crate) iv_seed: [u8; 16],
    /// Jobs of a higher one go first.
    pub(crate) priority: i32,
    /// The same order, sent again, has the same one.
    pub(crate) unique_key: Option<String>,
    /// The number of the package that it replaces, and for how many milliseconds that one keeps its objects then.
    pub(crate) replaces: Option<(i64, i64)>,
    /// Which renditions: none, `auto`, or the text of a profile.
    pub(crate) ladder: Option<String>,
    /// How loud sound is made, in LUFS; as it is where nothing is said.
    pub(crate) loudness_lufs: Option<f64>,
    /// What is made for pages.
    pub(crate) extras: Vec<transcode::Extra>,
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
    pub(crate) asset_id: String,
    /// Whose the asset is.
    #[sqlx(try_from = "String")]
    pub(crate) tenant_id: Tenant,
    pub(crate) playback: Policy,
}

impl WrappedKey {
    /// To what it is bound.
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            tenant: &self.tenant_id,
            asset: &self.asset_id,
            package: &self.id,
        }
    }
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT p.packaged_content_id, p.id, p.input_content_id, a.id AS asset_id, a.tenant_id, p.code, \
             p.status, p.error, p.scheme, p.encrypt, k.wrapped_key AS video_key, k.kid, k.given_key, \
             k.given_kid, p.segment_duration_ms, p.ladder, p.preparation, p.loudness_lufs, p.extras, p.extras_made, p.warnings, p.size, p.url, p.version, p.created_at_ms, \
             p.updated_at_ms, p.ready_at_ms, j.seq AS job_seq, j.id AS job_id, j.kind AS job_kind, \
             j.state AS job_state, ",
            progress!("j"),
            " AS job_progress, ",
            pictures_done!("j"),
            " AS job_pictures_done, j.turn AS job_turn, \
             j.unique_key AS job_unique_key, j.attempts AS job_attempts, j.deaths AS job_deaths, \
             j.error AS job_error, j.version AS job_version, j.created_at_ms AS job_created_at_ms, \
             j.started_at_ms AS job_started_at_ms, j.finished_at_ms AS job_finished_at_ms, \
             (SELECT o.id FROM packages o WHERE o.packaged_content_id = p.replaces) AS replaces, \
             (SELECT n.id FROM packages n WHERE n.packaged_content_id = p.replaced_by) AS replaced_by \
             FROM packages p JOIN assets a ON a.input_content_id = p.input_content_id \
             LEFT JOIN content_keys k ON k.packaged_content_id = p.packaged_content_id \
             LEFT JOIN jobs j ON j.packaged_content_id = p.packaged_content_id AND j.part = 0 ",
            $tail
        )
    };
}

impl Database {
    /// Adds a package and the job that makes it, in one durable transaction.
    ///
    /// `None` when the asset is gone. Returns the package's number.
    ///
    /// # Errors
    /// Among others, one that [`quotas::beyond`] knows.
    pub(crate) async fn add_package(&self, new: &NewPackage) -> Result<Option<i64>> {
        let now = clock::now_ms();
        self.durable(|tx| async move {
            quotas::job(&tx, &new.tenant).await?;
            let package = query(concat!(
                "INSERT INTO packages (packaged_content_id, id, input_content_id, code, status, scheme, encrypt, \
                 segment_duration_ms, ladder, extras, loudness_lufs, replaces, retire_after_ms, created_at_ms, updated_at_ms) \
                 SELECT ",
                number!("packages", "packaged_content_id"),
                ", ?, input_content_id, ?, 'Ingested', ?, ?, ?, ?, ?, ?, ?, ?, ?, ? \
                 FROM assets WHERE input_content_id = ? AND tenant_id = ?"
            ))
            .bind(new.number)
            .bind(&new.id)
            .bind(&new.code)
            .bind(new.scheme.map_or("none", Scheme::fourcc))
            .bind(encrypt_word(new.encrypt))
            .bind(new.segment_duration_ms)
            .bind(new.ladder.as_ref())
            .bind(extras::words(&new.extras))
            .bind(new.loudness_lufs)
            .bind(new.replaces.map(|(package, _)| package))
            .bind(new.replaces.map(|(_, after)| after))
            .bind(now)
            .bind(now)
            .bind(new.input_content_id)
            .bind(&new.tenant);
            let Some(number) = tx.insert("packaged_content_id", package).await? else {
                return Ok(None);
            };
            let number = new.number.unwrap_or(number);
            if new.number.is_some() {
                tx.one::<(i64,)>(query(count_on!("packages", "packaged_content_id")))
                    .await?;
            }
            if let Some(keys) = &new.keys {
                add_keys(&tx, number, keys, now).await?;
            }
            events::note(&tx, &new.tenant, EventKind::PackageOrdered, &new.id, None).await?;
            let job = query(
                "INSERT INTO jobs (id, tenant_id, kind, packaged_content_id, state, turn, unique_key, iv_seed, \
                 created_at_ms) VALUES (?, ?, 'package', ?, 'queued', ?, ?, ?, ?)",
            );
            let job = job.bind(&new.job_id).bind(&new.tenant).bind(number).bind(-new.priority);
            let job = job.bind(new.unique_key.as_ref()).bind(&new.iv_seed[..]);
            tx.execute(job.bind(now)).await?;
            crash_point!("order.written");
            Ok(Some(number))
        })
        .await
    }

    /// The package whose job has a unique key of this tenant.
    pub(crate) async fn package_of_key(
        &self,
        tenant: &Tenant,
        unique_key: &str,
    ) -> Result<Option<Package>> {
        let found = query(select!("WHERE j.tenant_id = ? AND j.unique_key = ?"));
        self.optional(found.bind(tenant).bind(unique_key)).await
    }

    /// A package of a tenant by its id.
    pub(crate) async fn package(&self, tenant: &Tenant, id: &str) -> Result<Option<Package>> {
        let found = query(select!("WHERE a.tenant_id = ? AND p.id = ?"));
        let found = self.optional(found.bind(tenant).bind(id));
        self.whole(found.await?).await
    }

    /// A package of a tenant by its number.
    pub(crate) async fn package_by_number(
        &self,
        tenant: &Tenant,
        number: i64,
    ) -> Result<Option<Package>> {
        let found = query(select!(
            "WHERE a.tenant_id = ? AND p.packaged_content_id = ?"
        ));
        let found = self.optional(found.bind(tenant).bind(number));
        self.whole(found.await?).await
    }

    /// A package by its number, whoever's it is: for workers, and for who may play it.
    pub(crate) async fn any_package(&self, number: i64) -> Result<Option<Package>> {
        let found = query(select!("WHERE p.packaged_content_id = ?")).bind(number);
        self.whole(self.optional(found).await?).await
    }

    /// A page of a tenant's packages, or of one asset's, newest first.
    pub(crate) async fn packages(
        &self,
        tenant: &Tenant,
        asset: Option<&str>,
        status: Option<Status>,
        page: Page,
    ) -> Result<Vec<Package>> {
        let found = match page.backwards {
            false => query(select!(
                "WHERE a.tenant_id = ? AND p.packaged_content_id < ? AND p.packaged_content_id > ? AND (? IS NULL OR a.id = ?) \
                 AND (? IS NULL OR p.status = ?) ORDER BY p.packaged_content_id DESC LIMIT ?"
            )),
            true => query(select!(
                "WHERE a.tenant_id = ? AND p.packaged_content_id < ? AND p.packaged_content_id > ? AND (? IS NULL OR a.id = ?) \
                 AND (? IS NULL OR p.status = ?) ORDER BY p.packaged_content_id LIMIT ?"
            )),
        };
        let found = found.bind(tenant).bind(page.before).bind(page.after);
        let found = found.bind(asset).bind(asset).bind(status).bind(status);
        self.whole(self.all(found.bind(page.limit)).await?).await
    }

    /// All packages of these assets of a tenant, newest first.
    pub(crate) async fn packages_of(
        &self,
        tenant: &Tenant,
        assets: impl Iterator<Item = i64>,
    ) -> Result<Vec<Package>> {
        let found = query(select!(
            "WHERE a.tenant_id = ? AND p.input_content_id IN ({list}) ORDER BY p.packaged_content_id DESC"
        ));
        let found = found.bind(tenant).bind_list(assets);
        self.whole(self.all(found).await?).await
    }

    /// Adds their renditions to packages.
    async fn whole<P>(&self, mut packages: P) -> Result<P>
    where
        for<'a> &'a mut P: IntoIterator<Item = &'a mut Package>,
    {
        let mut by_number: HashMap<i64, &mut Package> = packages
            .into_iter()
            .map(|package| (package.packaged_content_id, package))
            .collect();
        if by_number.is_empty() {
            return Ok(packages);
        }
        let found = query(
            "SELECT packaged_content_id, name, track_id, codec, segments, encrypted FROM renditions \
             WHERE packaged_content_id IN ({list}) ORDER BY packaged_content_id, position",
        );
        let found = found.bind_list(by_number.keys().copied());
        for row in self.all::<RenditionRow>(found).await? {
            if let Some(package) = by_number.get_mut(&row.packaged_content_id) {
                package.renditions.push(row.rendition);
            }
        }
        Ok(packages)
    }

    /// Whether no package has this code.
    pub(crate) async fn is_free_code(&self, code: &str) -> Result<bool> {
        let found = query("SELECT packaged_content_id FROM packages WHERE code = ?");
        Ok(self.optional::<(i64,)>(found.bind(code)).await?.is_none())
    }

    /// The wrapped keys of published packages for some KIDs (hex digits), newest first.
    ///
    /// With a code, of the package of that code alone. Without one, of the first tenant's packages, and of one asset, whoever's
    /// that is: no tenant's KID stands in the way of another's.
    pub(crate) async fn wrapped_keys(
        &self,
        kids: &[String],
        code: Option<&str>,
        asset: Option<&str>,
    ) -> Result<Vec<WrappedKey>> {
        let found = query(
            "SELECT p.id, k.kid, k.wrapped_key AS video_key, a.id AS asset_id, a.tenant_id, a.playback FROM content_keys k \
             JOIN packages p ON p.packaged_content_id = k.packaged_content_id \
             JOIN assets a ON a.input_content_id = p.input_content_id \
             WHERE k.kid IN ({list}) AND p.status = 'Ready' \
             AND (p.code = ? OR (? IS NULL AND (a.tenant_id = ? OR a.id = ?))) \
             ORDER BY p.packaged_content_id DESC",
        );
        let found = found.bind_list(kids).bind(code).bind(code);
        self.all(found.bind(&Tenant::first()).bind(asset)).await
    }

    /// Whether the catalogue holds any wrapped key, which the key file alone can open.
    pub(crate) async fn holds_keys(&self) -> Result<bool> {
        let found = query("SELECT content_key_id FROM content_keys LIMIT 1");
        Ok(self.optional::<(i64,)>(found).await?.is_some())
    }

    /// Deletes a package of a wanted version and its job, durably, unless the job runs. Returns the package's code.
    pub(crate) async fn delete_package(
        &self,
        tenant: &Tenant,
        id: &str,
        wanted: &Wanted,
    ) -> Result<Deleted<String>> {
        self.durable(|tx| async move {
            let jobs = query(
                "SELECT state FROM jobs WHERE tenant_id = ? AND packaged_content_id = \
                 (SELECT packaged_content_id FROM packages WHERE id = ?) {for_update}",
            );
            let jobs: Vec<(JobState,)> = tx.all(jobs.bind(tenant).bind(id)).await?;
            let code = query(
                "SELECT code, version FROM packages WHERE id = ? AND input_content_id IN \
                 (SELECT input_content_id FROM assets WHERE tenant_id = ?) {for_update}",
            );
            let code = code.bind(id).bind(tenant);
            let code = match tx.optional::<(String, i64)>(code).await? {
                None => return Ok(Deleted::Unknown),
                Some((_, version)) if !wanted.fits(version) => return Ok(Deleted::Stale),
                Some(_) if jobs.contains(&(JobState::Running,)) => return Ok(Deleted::Busy),
                Some((code, _)) => code,
            };
            tx.execute(query("DELETE FROM packages WHERE id = ?").bind(id))
                .await?;
            events::note(&tx, tenant, EventKind::PackageDeleted, id, None).await?;
            Ok(Deleted::Done(code))
        })
        .await
    }
}

#[derive(sqlx::FromRow)]
struct RenditionRow {
    packaged_content_id: i64,
    #[sqlx(flatten)]
    rendition: StoredRendition,
}

async fn add_keys(tx: &Transaction, package: i64, keys: &StoredKeys, now: i64) -> Result<()> {
    let row = query(
        "INSERT INTO content_keys (packaged_content_id, kid, wrapped_key, given_key, given_kid, \
         created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(package)
    .bind(&keys.kid)
    .bind(&keys.video_key)
    .bind(&keys.given_key)
    .bind(&keys.given_kid)
    .bind(now)
    .bind(now);
    tx.execute(row).await.map(|_| ())
}

/// Replaces the renditions of a package.
pub(super) async fn set_renditions(
    tx: &Transaction,
    package: i64,
    renditions: &[StoredRendition],
    now: i64,
) -> Result<()> {
    let earlier = query("DELETE FROM renditions WHERE packaged_content_id = ?");
    tx.execute(earlier.bind(package)).await?;
    for (position, rendition) in (0_i64..).zip(renditions) {
        let row = query(
            "INSERT INTO renditions (packaged_content_id, position, name, track_id, codec, segments, \
             encrypted, created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .bind(package)
        .bind(position)
        .bind(&rendition.name)
        .bind(rendition.track_id)
        .bind(&rendition.codec)
        .bind(rendition.segments)
        .bind(rendition.encrypted)
        .bind(now)
        .bind(now);
        tx.execute(row).await?;
    }
    Ok(())
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
