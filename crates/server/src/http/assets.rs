//! `/api/v1/assets`: what was delivered.

use super::annotations::{self, EXTERNAL_ID, METADATA};
use super::base_url::BaseUrl;
use super::error::{Problem, ProblemBody, Result};
use super::etag::{self, IfMatch};
use super::extract::{Body, Path, Query};
use super::fields::{Faults, Fields};
use super::packages::Package;
use super::paging::{self, Paging};
use super::time::rfc3339;
use super::{upload, uploads};
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::annotations::Changed;
use crate::db::assets::{self, AssetFilter, Deleted};
use crate::db::paging::Listed;
use crate::db::probe::ProbedTrack;
use crate::sweep;
use crate::uploads::examine::Demand;
use axum::Json;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use utoipa::ToSchema;

/// Longest JSON that is read here.
const MAX_JSON: usize = 64 << 10;

/// An asset.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Asset {
    #[schema(example = "ast_9f3k…")]
    id: String,
    /// The number by which the first API knows it.
    input_content_id: i64,
    #[schema(example = "holiday.mp4")]
    name: String,
    /// Your own name for it.
    external_id: Option<String>,
    /// What you note about it.
    #[schema(example = json!({"season": "2"}))]
    metadata: BTreeMap<String, String>,
    /// Bytes.
    size: i64,
    /// `mp4`, `mov`, `matroska`, `mpegts`, …
    container: String,
    /// Major brand of the file.
    brand: String,
    fragmented: bool,
    duration_seconds: f64,
    /// Hex digits.
    sha256: String,
    /// The oldest asset of the same bytes, when that is another one.
    duplicate_of: Option<String>,
    /// RFC 3339, UTC.
    created_at: String,
    updated_at: String,
    tracks: Vec<Track>,
    /// What is done with the file before it is packaged; `null` where it is packaged as it is.
    conversion: Option<Conversion>,
    /// Newest first.
    packages: Vec<Package>,
}

/// A track of the delivered file.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Track {
    /// The container's track id.
    id: u32,
    /// `video`, `audio`, or the four characters of the handler.
    kind: String,
    /// RFC 6381.
    codec: String,
    /// ISO 639-2.
    language: String,
    packageable: bool,
    /// Why it is not packageable.
    reason: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    sample_rate: Option<u32>,
    channels: Option<u16>,
    /// Bits a second.
    bitrate: u64,
    sample_count: u64,
    start_seconds: f64,
    duration_seconds: f64,
}

/// What is done with a file that is not MP4 or MOV, or holds what browsers do not play.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Conversion {
    /// Whether pictures or sound are encoded anew; else all is put into MP4 as it is.
    encodes: bool,
    /// What is done, and why.
    notes: Vec<String>,
}

/// A page of assets.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AssetList {
    data: Vec<Asset>,
    /// Give it as `cursor` for the next page; `null` at the end.
    next_cursor: Option<String>,
    /// Whether there is more in the direction that was asked for.
    has_more: bool,
}

/// The form of an upload.
#[derive(ToSchema)]
#[allow(dead_code, reason = "describes the request; the form is streamed")]
pub(super) struct UploadForm {
    /// The video.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    file: String,
    /// Your own name for the asset, 1 to 255 characters.
    external_id: Option<String>,
    /// A JSON object of texts: 50 entries at most, names of 40 characters at most, values of 500.
    metadata: Option<String>,
}

/// The wish that the server fetches a file itself.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "describes the request; the fields are read one by one"
)]
pub(super) struct PullRequest {
    /// http or https, on the public internet.
    #[schema(example = "https://store.example/film.mp4")]
    url: String,
    /// The name that people see; else the end of the URL's path.
    name: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    external_id: Option<String>,
    /// 50 entries at most, names of 40 characters at most, values of 500.
    #[schema(extensions(("maxProperties" = json!(50))))]
    metadata: Option<BTreeMap<String, String>>,
}

/// What is to be different of an asset, as a JSON merge patch (RFC 7396): what is not there stays, `null` takes away.
#[derive(ToSchema)]
#[allow(
    dead_code,
    reason = "describes the request; the fields are read one by one"
)]
pub(super) struct AssetRequest {
    /// Your own name for it; several assets may have one.
    #[schema(min_length = 1, max_length = 255)]
    external_id: Option<String>,
    /// Entries are set one by one; those that are `null` go. There may be 50 afterwards.
    #[schema(extensions(("maxProperties" = json!(100))))]
    metadata: Option<BTreeMap<String, Option<String>>>,
}

impl Asset {
    fn new(row: assets::Asset, packages: Vec<Package>, duplicate_of: Option<String>) -> Self {
        Self {
            id: row.id,
            input_content_id: row.input_content_id,
            name: row.name,
            external_id: row.external_id,
            metadata: row.metadata,
            size: row.size,
            container: row.container,
            brand: row.brand,
            fragmented: row.fragmented,
            duration_seconds: row.duration_seconds,
            sha256: row.sha256,
            duplicate_of,
            created_at: rfc3339(row.created_at_ms),
            updated_at: rfc3339(row.updated_at_ms),
            tracks: row.probe.0.tracks.into_iter().map(Track::from).collect(),
            conversion: row.probe.0.conversion.map(|conversion| Conversion {
                encodes: conversion.encodes,
                notes: conversion.notes,
            }),
            packages,
        }
    }
}

impl From<ProbedTrack> for Track {
    fn from(track: ProbedTrack) -> Self {
        Self {
            id: track.id,
            kind: track.kind,
            codec: track.codec,
            language: track.language,
            packageable: track.reason.is_none(),
            reason: track.reason,
            width: track.width,
            height: track.height,
            sample_rate: track.sample_rate,
            channels: track.channels,
            bitrate: track.bitrate,
            sample_count: track.sample_count,
            start_seconds: track.start_seconds,
            duration_seconds: track.duration_seconds,
        }
    }
}

/// Takes a video in: sent in a form, or pulled from a URL that the body names. It is probed at once; packaging it is
/// a request of its own.
#[utoipa::path(post, path = "/api/v1/assets", tag = "assets",
    request_body(content((UploadForm = "multipart/form-data"), (PullRequest = "application/json"))),
    responses((status = 201, body = Asset, headers(("Location" = String))),
    (status = 202, description = "the file is being pulled", body = uploads::resource::Upload,
    headers(("Location" = String))),
    (status = 400, description = "no file", body = ProblemBody),
    (status = 413, body = ProblemBody),
    (status = 422, description = "no usable video or audio", body = ProblemBody)))]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    request: Request,
) -> Result<Response> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/json")) {
        let body = axum::body::to_bytes(request.into_body(), MAX_JSON).await;
        let body = body.map_err(|_| Problem::invalid("the body is cut off, or too long"))?;
        return uploads::created_pull(&shared, &tenant, &base, &body).await;
    }
    let form = Multipart::from_request(request, &()).await;
    let form = form.map_err(|error| Problem::field("file", format_args!("is missing: {error}")))?;
    let row = upload::receive(&shared, &tenant, form, Demand::AnyTrack).await?;
    let location = format!("{}/api/v1/assets/{}", base.0, row.id);
    let duplicate_of = shared.db.duplicate_of(&row.id).await?;
    let asset = Asset::new(row, Vec::new(), duplicate_of);
    let headers = [(header::LOCATION, location)];
    Ok((StatusCode::CREATED, headers, Json(asset)).into_response())
}

/// Which assets to list.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    q: Option<String>,
    external_id: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

/// Lists assets with their packages, newest first.
#[utoipa::path(get, path = "/api/v1/assets", tag = "assets", params(
    ("limit" = Option<i64>, Query, description = "1 to 200, 50 unless given"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
    ("starting_after" = Option<String>, Query, description = "an id: those that are older"),
    ("ending_before" = Option<String>, Query, description = "an id: those that are newer, the nearest to it"),
    ("q" = Option<String>, Query, description = "those whose name or external_id holds this text; letters of ASCII in either case"),
    ("external_id" = Option<String>, Query, description = "those of this very external_id"),
    ("metadata" = Option<BTreeMap<String, String>>, Query, style = DeepObject, explode,
        description = "`metadata[name]=value`: those with this entry; given again, those with all of them"),
), responses((status = 200, body = AssetList), (status = 400, body = ProblemBody)))]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Query(filter): Query<Filter>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Json<AssetList>> {
    let page = filter
        .paging
        .of(&shared.db, &tenant, Listed::Assets)
        .await?;
    let wanted = AssetFilter {
        search: filter.q,
        external_id: filter.external_id,
        metadata: annotations::asked_for(pairs)?,
    };
    let mut rows = shared.db.assets(&tenant, &wanted, page).await?;
    let ends = paging::ends(&mut rows, page, |row| row.input_content_id);
    Ok(Json(AssetList {
        data: with_packages(&shared, &tenant, &base, rows).await?,
        next_cursor: ends.next_cursor,
        has_more: ends.has_more,
    }))
}

/// One asset with its packages.
#[utoipa::path(get, path = "/api/v1/assets/{id}", tag = "assets", params(("id" = String, Path),
    ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, body = Asset, headers(("ETag" = String))), (status = 304),
    (status = 404, body = ProblemBody)))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    shown(&shared, &tenant, &base, &id, &headers).await
}

/// Changes what you note about an asset: a JSON merge patch (RFC 7396).
#[utoipa::path(patch, path = "/api/v1/assets/{id}", tag = "assets", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    request_body(content((AssetRequest = "application/json"), (AssetRequest = "application/merge-patch+json"))),
    responses((status = 200, body = Asset, headers(("ETag" = String))), (status = 400, body = ProblemBody),
    (status = 404, body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody),
    (status = 422, description = "a field that nobody knows, or a value that is not allowed", body = ProblemBody)))]
pub(super) async fn change(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
    Body(body): Body,
) -> Result<Response> {
    let fields = Fields::parse(&body, false)?;
    let mut faults = Faults::default();
    faults.of(fields.only(&[EXTERNAL_ID, METADATA]));
    let change = annotations::change(&fields, &mut faults);
    faults.end()?;
    match shared.db.annotate(&tenant, &id, &change, &wanted).await? {
        Changed::Done => shown(&shared, &tenant, &base, &id, &HeaderMap::new()).await,
        Changed::Unknown => Err(unknown(&id)),
        Changed::Stale => Err(Problem::stale()),
        Changed::TooMany(count) => Err(annotations::too_many(count)),
    }
}

/// Deletes an asset, its packages, their jobs and all files.
#[utoipa::path(delete, path = "/api/v1/assets/{id}", tag = "assets", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    responses((status = 204), (status = 404, body = ProblemBody),
    (status = 409, description = "one of its jobs runs", body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody)))]
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
) -> Result<StatusCode> {
    let files = match shared.db.delete_asset(&tenant, &id, &wanted).await? {
        Deleted::Done(files) => files,
        Deleted::Unknown => return Err(unknown(&id)),
        Deleted::Stale => return Err(Problem::stale()),
        Deleted::Busy => {
            let text = "a job of this asset runs; cancel it first";
            return Err(Problem::conflict(text));
        }
    };
    crash_point!("delete-asset.committed");
    // Those who wait for its packages learn that they are gone.
    shared.announce();
    let storage = shared.clone();
    super::blocking(move || {
        for code in &files.codes {
            sweep::settle(code, storage.storage.package(code).remove());
            sweep::settle(code, storage.storage.parts(code).remove());
            crash_point!("delete-asset.package-gone");
        }
        let origin = &files.origin;
        sweep::settle(origin, storage.storage.remove_source(origin));
        crash_point!("delete-asset.source-gone");
        Ok(())
    })
    .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// One asset with its tag.
async fn shown(
    shared: &Shared,
    tenant: &Tenant,
    base: &BaseUrl,
    id: &str,
    headers: &HeaderMap,
) -> Result<Response> {
    let row = shared.db.asset(tenant, id).await?;
    let row = row.ok_or_else(|| unknown(id))?;
    let version = row.version;
    let mut assets = with_packages(shared, tenant, base, vec![row]).await?;
    let asset = assets.pop().ok_or_else(|| unknown(id))?;
    etag::tagged(headers, version, &asset)
}

async fn with_packages(
    shared: &Shared,
    tenant: &Tenant,
    base: &BaseUrl,
    rows: Vec<assets::Asset>,
) -> Result<Vec<Asset>> {
    let found = shared
        .db
        .packages_of(tenant, rows.iter().map(|row| row.input_content_id));
    let mut by_asset: HashMap<String, Vec<Package>> = HashMap::new();
    for row in found.await? {
        let package = Package::new(row, base);
        let of_asset = by_asset.entry(package.asset_id().to_owned());
        of_asset.or_default().push(package);
    }
    let numbers = rows.iter().map(|row| row.input_content_id);
    let duplicates = shared.db.duplicates_of(numbers).await?;
    let mut duplicates: HashMap<String, String> = duplicates.into_iter().collect();
    let wire = |row: assets::Asset| {
        let packages = by_asset.remove(&row.id).unwrap_or_default();
        let duplicate_of = duplicates.remove(&row.id);
        Asset::new(row, packages, duplicate_of)
    };
    Ok(rows.into_iter().map(wire).collect())
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format_args!("the asset {id:?}"))
}
