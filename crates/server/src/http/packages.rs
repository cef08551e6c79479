//! `/api/v1/packages` and `/api/v1/assets/{id}/packages`: packagings and what came of them.

use super::base_url::BaseUrl;
use super::dry_run;
use super::error::{Problem, ProblemBody, Result};
use super::etag::{self, IfMatch};
use super::extract::{Body, Path, Query};
use super::fields::{Faults, Fields};
use super::jobs::Job;
use super::paging::{self, Paging};
use super::time::rfc3339;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::assets::Deleted;
use crate::db::packages::{self, Status};
use crate::db::paging::Listed;
use crate::forecast::Forecast;
use crate::jobs::Preparation;
use crate::order::{GivenKey, Order, SEGMENT_DURATION_MS};
use crate::sweep;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use packager::{EncryptScope, Scheme, parse_key_id};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use transcode::Extra;
use utoipa::ToSchema;

/// Shortest and longest segments that a client may ask for, in seconds.
const SEGMENT_SECONDS: (f64, f64) = (0.5, 60.0);
/// Lowest and highest priority that a client may give.
const PRIORITIES: (i32, i32) = (-100, 100);
/// Most characters of a profile.
const MAX_LADDER: usize = 20_000;
/// Softest and loudest sound that a client may ask for, in LUFS.
const LOUDNESS: (f64, f64) = (-70.0, -5.0);
/// Longest name that a client may give its order.
const MAX_UNIQUE_KEY: usize = 200;

/// A package.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Package {
    #[schema(example = "pkg_7mz2…")]
    id: String,
    /// The number by which the first API knows it.
    packaged_content_id: i64,
    asset_id: String,
    /// `Ingested`, `Fragmented`, `Encrypted`, `Ready` or `Failed`.
    status: &'static str,
    /// Why it failed.
    error: Option<String>,
    /// `cbcs`, `cenc` or `none`.
    scheme: String,
    /// `all` or `video`.
    encrypt: String,
    /// The key id, a UUID; `null` in the clear.
    kid: Option<String>,
    /// Seconds that segments aim at.
    segment_duration: f64,
    /// Which renditions were ordered: `null` (the tracks of the source), `auto`, or the text of a profile.
    ladder: Option<String>,
    /// What was decided about a ladder and why, for people.
    ladder_notes: Vec<String>,
    /// The package that this one replaces when it is ready.
    replaces: Option<String>,
    /// The package that replaced this one: whoever begins to play this one's URLs is sent there.
    replaced_by: Option<String>,
    /// Absolute; `null` until the package is ready.
    dash_url: Option<String>,
    /// Absolute; `null` until the package is ready.
    hls_url: Option<String>,
    /// How loud sound was made, in LUFS; `null` where it is as it was.
    loudness_lufs: Option<f64>,
    /// What was ordered for pages: `poster`, `storyboard`, `preview`, `chapters`.
    extras: Vec<&'static str>,
    /// A JPEG, in the clear as all extras; `null` until the package is ready, and when none was ordered or made.
    poster_url: Option<String>,
    /// WebVTT that names tiles of a JPEG beside it.
    storyboard_url: Option<String>,
    /// Some seconds of MP4 without sound.
    preview_url: Option<String>,
    /// WebVTT.
    chapters_url: Option<String>,
    /// Bytes of all its files.
    size: Option<i64>,
    renditions: Vec<Rendition>,
    warnings: Vec<String>,
    /// `null` when the record of the job was deleted.
    job: Option<Job>,
    /// RFC 3339, UTC.
    created_at: String,
    updated_at: String,
    ready_at: Option<String>,
}

/// An output track.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Rendition {
    name: String,
    /// RFC 6381.
    codec: String,
    segments: u32,
    encrypted: bool,
}

/// A page of packages.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PackageList {
    data: Vec<Package>,
    /// Give it as `cursor` for the next page; `null` at the end.
    next_cursor: Option<String>,
    /// Whether there is more in the direction that was asked for.
    has_more: bool,
}

/// What can be said about a packaging; all of it is optional.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "describes the request; the fields are read one by one"
)]
pub(super) struct PackageRequest {
    /// `cbcs` (unless given), `cenc` or `none`.
    scheme: Option<String>,
    /// `all` (unless given) or `video`: the picture only.
    encrypt: Option<String>,
    /// 32 hex digits, a UUID or base64 of 16 bytes; made when not given.
    kid: Option<String>,
    /// The content key, in the forms of `kid`; made when not given.
    key: Option<String>,
    /// Seconds, 0.5 to 60; 4 unless given.
    segment_duration: Option<f64>,
    /// Sound is made as loud as this (EBU R 128) and encoded anew: -70 to -5.
    loudness_lufs: Option<f64>,
    /// Files for pages, never encrypted: any of `poster`, `storyboard`, `preview`, `chapters`.
    extras: Option<Vec<String>>,
    /// -100 to 100, 0 unless given: jobs of a higher one go first.
    priority: Option<i32>,
    /// Your own name for this order: sent again with the same name, it is answered with the same package. It is free again
    /// when the package, or the record of its job, is deleted.
    unique_key: Option<String>,
    /// Renditions of several sizes: `none` (unless given, or the server is set up otherwise), `auto` (those that fit the video), or the text of a profile
    /// (TOML). What is encoded takes ffmpeg and time; nothing else does.
    ladder: Option<String>,
    /// `true`: nothing is made; the answer is what it would come to.
    dry_run: Option<bool>,
}

impl Package {
    /// A row as clients see it, its URLs made absolute.
    pub(super) fn new(row: packages::Package, base: &BaseUrl) -> Self {
        let job = row.job().map(Job::from);
        let decided = Preparation::read(row.preparation.as_deref().unwrap_or("{}"));
        let dash_url = row.url.as_ref().map(|url| format!("{}{url}", base.0));
        let made = row.made_extras();
        let extra = |extra: Extra| {
            let url = dash_url.as_ref().filter(|_| made.contains(&extra))?;
            Some(sibling(url, extra.files()[0]))
        };
        let kid = row.kid.as_deref().and_then(|kid| parse_key_id(kid).ok());
        let rendition = |stored: packages::StoredRendition| Rendition {
            name: stored.name,
            codec: stored.codec,
            segments: stored.segments,
            encrypted: stored.encrypted,
        };
        Self {
            hls_url: dash_url.as_ref().map(|url| sibling(url, "master.m3u8")),
            loudness_lufs: row.loudness_lufs,
            extras: row.wanted_extras().into_iter().map(Extra::word).collect(),
            poster_url: extra(Extra::Poster),
            storyboard_url: extra(Extra::Storyboard),
            preview_url: extra(Extra::Preview),
            chapters_url: extra(Extra::Chapters),
            dash_url,
            id: row.id,
            packaged_content_id: row.packaged_content_id,
            asset_id: row.asset_id,
            status: row.status.as_str(),
            error: row.error,
            scheme: row.scheme,
            encrypt: row.encrypt,
            kid: kid.map(|kid| kid.uuid()),
            segment_duration: row.segment_duration_ms as f64 / 1000.0,
            ladder: row.ladder,
            ladder_notes: decided.notes,
            replaces: row.replaces,
            replaced_by: row.replaced_by,
            size: row.size,
            renditions: row.renditions.into_iter().map(rendition).collect(),
            warnings: row.warnings.0,
            job,
            created_at: rfc3339(row.created_at_ms),
            updated_at: rfc3339(row.updated_at_ms),
            ready_at: row.ready_at_ms.map(rfc3339),
        }
    }

    /// The asset's id.
    pub(super) fn asset_id(&self) -> &str {
        &self.asset_id
    }
}

/// The URL of a file beside another one.
fn sibling(url: &str, name: &str) -> String {
    let folder = url.rsplit_once('/').map_or("", |(folder, _)| folder);
    format!("{folder}/{name}")
}

/// Packages an asset, once more if it was packaged before: every packaging has its own id.
#[utoipa::path(post, path = "/api/v1/assets/{id}/packages", tag = "packages",
    params(("id" = String, Path)), request_body = Option<PackageRequest>,
    responses((status = 202, body = Package, headers(("Location" = String))),
    (status = 200, description = "of a dry_run", body = Forecast),
    (status = 400, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, description = "unique_key belongs to another order", body = ProblemBody),
    (status = 422, description = "a field that nobody knows", body = ProblemBody)))]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response> {
    let Asked { mut order, dry_run } = parse_order(&body, shared.ladder.as_deref())?;
    let unknown = || Problem::not_found(format_args!("the asset {id:?}"));
    let asset = shared.db.asset(&tenant, &id).await?.ok_or_else(unknown)?;
    let has_picture = asset.probe.0.video_track().is_some();
    if !has_picture && order.ladder == shared.ladder {
        order.ladder = None;
    }
    if !has_picture && order.ladder.is_some() {
        let what = "the asset has no picture of which renditions could be made; leave it out";
        return Err(Problem::in_body("ladder", what));
    }
    if dry_run {
        return dry_run::answer(&shared, asset, &order).await;
    }
    let number = shared.order(asset.named(), order).await?;
    let number = number.ok_or_else(unknown)?;
    let answer = ordered(&shared, &tenant, &base, number).await?;
    answer.ok_or_else(unknown)
}

/// The answer to the order of the package with this number; `None` when it is gone already.
pub(super) async fn ordered(
    shared: &Shared,
    tenant: &Tenant,
    base: &BaseUrl,
    number: i64,
) -> Result<Option<Response>> {
    let row = shared.db.package_by_number(tenant, number).await?;
    Ok(row.map(|row| {
        let package = Package::new(row, base);
        let location = format!("{}/api/v1/packages/{}", base.0, package.id);
        let headers = [(header::LOCATION, location)];
        (StatusCode::ACCEPTED, headers, Json(package)).into_response()
    }))
}

/// Which packages to list.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    asset_id: Option<String>,
    status: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

/// Lists packages, newest first.
#[utoipa::path(get, path = "/api/v1/packages", tag = "packages", params(
    ("asset_id" = Option<String>, Query, description = "those of one asset"),
    ("limit" = Option<i64>, Query, description = "1 to 200, 50 unless given"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
    ("starting_after" = Option<String>, Query, description = "an id: those that are older"),
    ("ending_before" = Option<String>, Query, description = "an id: those that are newer, the nearest to it"),
    ("status" = Option<String>, Query, description = "Ingested, Fragmented, Encrypted, Ready or Failed"),
), responses((status = 200, body = PackageList), (status = 400, body = ProblemBody)))]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Query(filter): Query<Filter>,
) -> Result<Json<PackageList>> {
    let status = filter.status.as_deref().map(parse_status).transpose()?;
    let page = filter
        .paging
        .of(&shared.db, &tenant, Listed::Packages)
        .await?;
    let asset = filter.asset_id.as_deref();
    let mut rows = shared.db.packages(&tenant, asset, status, page).await?;
    let ends = paging::ends(&mut rows, page, |row| row.packaged_content_id);
    let data = rows
        .into_iter()
        .map(|row| Package::new(row, &base))
        .collect();
    Ok(Json(PackageList {
        data,
        next_cursor: ends.next_cursor,
        has_more: ends.has_more,
    }))
}

fn parse_status(text: &str) -> Result<Status> {
    let all = [
        Status::Ingested,
        Status::Fragmented,
        Status::Encrypted,
        Status::Ready,
        Status::Failed,
    ];
    let mut all = all.into_iter();
    all.find(|status| status.as_str() == text).ok_or_else(|| {
        let words = "must be one of Ingested, Fragmented, Encrypted, Ready, Failed";
        Problem::field("status", words)
    })
}

/// One package.
#[utoipa::path(get, path = "/api/v1/packages/{id}", tag = "packages", params(("id" = String, Path),
    ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, body = Package, headers(("ETag" = String))), (status = 304),
    (status = 404, body = ProblemBody)))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let row = shared
        .db
        .package(&tenant, &id)
        .await?
        .ok_or_else(|| unknown(&id))?;
    let version = row.version;
    etag::tagged(&headers, version, &Package::new(row, &base))
}

/// Deletes a package, its files and its job.
#[utoipa::path(delete, path = "/api/v1/packages/{id}", tag = "packages",
    params(("id" = String, Path), ("If-Match" = Option<String>, Header)),
    responses((status = 204), (status = 404, body = ProblemBody),
    (status = 409, description = "its job runs", body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody)))]
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
) -> Result<StatusCode> {
    let code = match shared.db.delete_package(&tenant, &id, &wanted).await? {
        Deleted::Done(code) => code,
        Deleted::Unknown => return Err(unknown(&id)),
        Deleted::Stale => return Err(Problem::stale()),
        Deleted::Busy => {
            let text = "the job of this package runs; cancel it first";
            return Err(Problem::conflict(text));
        }
    };
    crash_point!("delete-package.committed");
    // Those who wait for this package learn that it is gone.
    shared.announce();
    let storage = shared.clone();
    super::blocking(move || {
        sweep::settle(&code, storage.storage.package(&code).remove());
        sweep::settle(&code, storage.storage.parts(&code).remove());
        Ok(())
    })
    .await?;
    crash_point!("delete-package.files-gone");
    Ok(StatusCode::NO_CONTENT)
}

fn parse_order(body: &[u8], usual_ladder: Option<&str>) -> Result<Asked> {
    parse_order_over(
        body,
        Some(Scheme::Cbcs),
        EncryptScope::All,
        SEGMENT_DURATION_MS,
        Usual {
            loudness: None,
            extras: Vec::new(),
            ladder: usual_ladder.map(str::to_owned),
        },
    )
}

/// What a client asks for.
pub(super) struct Asked {
    /// The order.
    pub(super) order: Order,
    /// Whether it is asked alone what it would come to.
    pub(super) dry_run: bool,
}

/// What an order has that does not say something else.
pub(super) struct Usual {
    /// How loud sound is made, in LUFS.
    pub(super) loudness: Option<f64>,
    /// What lies beside the package.
    pub(super) extras: Vec<Extra>,
    /// Which renditions.
    pub(super) ladder: Option<String>,
}

/// Reads an order in which what is not said is as given here; `None` as a scheme is the clear.
pub(super) fn parse_order_over(
    body: &[u8],
    scheme: Option<Scheme>,
    scope: EncryptScope,
    segment_duration_ms: i64,
    usual: Usual,
) -> Result<Asked> {
    let fields = Fields::parse(body, true)?;
    let mut faults = Faults::default();
    faults.of(fields.only(&[
        "scheme",
        "encrypt",
        "kid",
        "key",
        "segment_duration",
        "priority",
        "unique_key",
        "ladder",
        "extras",
        "loudness_lufs",
        "dry_run",
    ]));
    let dry_run = faults.of(fields.truth("dry_run")).unwrap_or(false);
    let schemes = [
        ("cbcs", Some(Scheme::Cbcs)),
        ("cenc", Some(Scheme::Cenc)),
        ("none", None),
    ];
    let scheme = faults.of(fields.word("scheme", &schemes)).unwrap_or(scheme);
    let order = Order {
        scheme,
        encrypt: faults.of(encrypt(&fields)).unwrap_or(scope),
        kid: faults.of(given_kid(&fields)),
        key: faults.of(given_key(&fields)),
        segment_duration_ms: faults
            .of(fields.seconds("segment_duration", SEGMENT_SECONDS))
            .unwrap_or(segment_duration_ms),
        priority: faults
            .of(fields.number("priority", PRIORITIES))
            .unwrap_or(0),
        unique_key: faults.of(unique_key(&fields)),
        replaces: None,
        ladder: faults.of(ladder(&fields)).unwrap_or(usual.ladder),
        loudness_lufs: faults
            .of(fields.decimal("loudness_lufs", LOUDNESS))
            .or(usual.loudness),
        extras: faults.of(extras(&fields)).unwrap_or(usual.extras),
    };
    faults.end()?;
    if order.scheme.is_none() && (order.kid.is_some() || order.key.is_some()) {
        let text = "is none, which goes with neither kid nor key";
        return Err(Problem::in_body("scheme", text));
    }
    Ok(Asked { order, dry_run })
}

/// Reads `ladder`: what is kept is a word or the text of a profile that was looked at, and nothing of `none`.
fn ladder(fields: &Fields) -> Result<Option<Option<String>>> {
    let Some(text) = fields.text("ladder")? else {
        return Ok(None);
    };
    if text.len() > MAX_LADDER {
        let what = format!("must have at most {MAX_LADDER} characters");
        return Err(Problem::in_body("ladder", what));
    }
    let order = transcode::Order::parse(text).map_err(|error| {
        let what = match error {
            transcode::Error::InvalidProfile(why) => why,
            other => other.to_string(),
        };
        Problem::in_body(
            "ladder",
            format!("is neither none, auto nor a profile: {what}"),
        )
    })?;
    Ok(Some(order.is_some().then(|| text.trim().to_owned())))
}

/// Reads `extras`: a list of words, each once and in order.
fn extras(fields: &Fields) -> Result<Option<Vec<Extra>>> {
    let words = Extra::ALL.map(|extra| (extra.word(), extra));
    let Some(mut extras) = fields.list("extras", &words)? else {
        return Ok(None);
    };
    extras.sort_unstable();
    extras.dedup();
    Ok(Some(extras))
}

/// Reads `unique_key`: bytes that every engine compares in the same way.
fn unique_key(fields: &Fields) -> Result<Option<String>> {
    let Some(text) = fields.text("unique_key")? else {
        return Ok(None);
    };
    if !(1..=MAX_UNIQUE_KEY).contains(&text.len())
        || !text.bytes().all(|byte| byte.is_ascii_graphic())
    {
        let what = format!("must have 1 to {MAX_UNIQUE_KEY} characters of ASCII without spaces");
        return Err(Problem::in_body("unique_key", what));
    }
    Ok(Some(text.to_owned()))
}

/// Reads `encrypt`.
pub(super) fn encrypt(fields: &Fields) -> Result<Option<EncryptScope>> {
    let words = [("all", EncryptScope::All), ("video", EncryptScope::Video)];
    fields.word("encrypt", &words)
}

/// Reads `kid`, and keeps its text.
pub(super) fn given_kid(fields: &Fields) -> Result<Option<(packager::KeyId, String)>> {
    let Some(text) = fields.text("kid")? else {
        return Ok(None);
    };
    let kid = parse_key_id(text).map_err(|error| Problem::in_body("kid", error))?;
    Ok(Some((kid, text.to_owned())))
}

/// Reads `key`.
pub(super) fn given_key(fields: &Fields) -> Result<Option<GivenKey>> {
    let Some(text) = fields.text("key")? else {
        return Ok(None);
    };
    let key = GivenKey::parse(text).map_err(|error| Problem::in_body("key", error))?;
    Ok(Some(key))
}

pub(super) fn unknown(id: &str) -> Problem {
    Problem::not_found(format_args!("the package {id:?}"))
}
