//! `/api/v1/uploads`: uploads that go on after an interruption, by tus 1.0.
//!
//! Extensions: creation, creation-with-upload, creation-defer-length, termination, expiration, checksum. Beside the
//! protocol, `GET` says in JSON what became of an upload.

mod headers;
mod receive;
pub(super) mod resource;

pub(super) use resource::created_pull;

use super::annotations;
use super::base_url::BaseUrl;
use super::error::{Problem, ProblemBody, Result};
use super::extract::Path;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::uploads::{self as rows, Kind, State as Stage};
use crate::uploads::sum;
use crate::uploads::{Wanted, begin, examine, most};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headers::Tus;
use receive::receive;
use std::sync::Arc;

/// The version of tus that is spoken.
pub(super) const VERSION: &str = "1.0.0";
const EXTENSIONS: &str =
    "creation,creation-with-upload,creation-defer-length,termination,expiration,checksum";
/// Where uploads are.
const COLLECTION: &str = "/api/v1/uploads";

/// Says what this server knows of tus.
#[utoipa::path(options, path = "/api/v1/uploads", tag = "uploads", responses((status = 204, headers(
    ("Tus-Version" = String), ("Tus-Extension" = String), ("Tus-Max-Size" = u64),
    ("Tus-Checksum-Algorithm" = String)))))]
pub(super) async fn options(State(shared): State<Arc<Shared>>) -> Response {
    let headers = [
        ("tus-resumable", VERSION.to_owned()),
        ("tus-version", VERSION.to_owned()),
        ("tus-extension", EXTENSIONS.to_owned()),
        ("tus-checksum-algorithm", sum::ALGORITHMS.to_owned()),
        ("tus-max-size", shared.uploads.limits.max_size.to_string()),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

/// The same for one upload.
#[utoipa::path(options, path = "/api/v1/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    responses((status = 204)))]
pub(super) async fn options_of_one(shared: State<Arc<Shared>>) -> Response {
    options(shared).await
}

/// Begins an upload (tus *creation*); bytes may come along.
#[utoipa::path(post, path = "/api/v1/uploads", tag = "uploads",
    params(("Tus-Resumable" = String, Header), ("Upload-Length" = Option<u64>, Header),
    ("Upload-Defer-Length" = Option<u8>, Header), ("Upload-Metadata" = Option<String>, Header,
    description = "`filename` is the name that people see, `external_id` and `metadata` (JSON) are those of the asset to be"), ("Upload-Checksum" = Option<String>, Header)),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 201, headers(("Location" = String), ("Upload-Expires" = String),
    ("Upload-Offset" = u64))), (status = 400, body = ProblemBody),
    (status = 412, body = ProblemBody), (status = 413, body = ProblemBody),
    (status = 422, description = "external_id or metadata is not allowed", body = ProblemBody),
    (status = 429, description = "too many unfinished uploads", body = ProblemBody),
    (status = 507, description = "no room, or over the quota", body = ProblemBody)))]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    headers: HeaderMap,
    body: Body,
) -> Response {
    with_version(&headers, async {
        let tus = Tus::of(&headers)?;
        let length = tus.length_of_new()?;
        let metadata = tus.metadata()?;
        let with_bytes = tus.brings_bytes();
        let sum = tus.sum()?;
        let annotations = annotations::of_texts(
            metadata.external_id.as_deref(),
            metadata.metadata.as_deref(),
        )?;
        let name = metadata.name.as_deref().unwrap_or_default();
        let wanted = Wanted {
            tenant: tenant.clone(),
            kind: Kind::Tus,
            name: examine::display_name(name),
            metadata: metadata.text,
            annotations,
            url: None,
            length,
        };
        let row = begin(&shared, wanted).await?;
        let location = [(
            header::LOCATION,
            format!("{}{COLLECTION}/{}", base.0, row.id),
        )];
        if with_bytes || row.state == Stage::Finishing {
            let answer = receive(
                &shared,
                &tenant,
                &row.id,
                0,
                sum,
                tus.content_length(),
                body,
            )
            .await;
            // The upload has begun whatever became of the bytes: the client is told where it is.
            let mut answer = answer.map_or_else(IntoResponse::into_response, |row| answer_of(&row));
            if answer.status() == StatusCode::NO_CONTENT {
                *answer.status_mut() = StatusCode::CREATED;
            }
            return Ok((location, answer).into_response());
        }
        let answer = answer_of(&row);
        Ok((StatusCode::CREATED, location, answer.headers().clone()).into_response())
    })
    .await
}

/// Says how far an upload is (tus *core*).
#[utoipa::path(head, path = "/api/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path), ("Tus-Resumable" = String, Header)),
    responses((status = 200, headers(("Upload-Offset" = u64), ("Upload-Length" = u64),
    ("Upload-Metadata" = String), ("Upload-Expires" = String), ("Reelpack-State" = String),
    ("Reelpack-Asset" = String))), (status = 404), (status = 410)))]
pub(super) async fn head(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    with_version(&headers, async {
        let mut row = find(&shared, &tenant, &id).await?;
        if row.state == Stage::Receiving && row.kind == Kind::Tus {
            // A holder that lost its client records what it has and lets go; one that is at work goes on.
            let _held = shared.uploads.slots.hold(&id).await;
            row = find(&shared, &tenant, &id).await?;
        }
        let mut answer = answer_of(&row);
        *answer.status_mut() = StatusCode::OK;
        if !row.metadata.is_empty() {
            let metadata = row.metadata.parse().map_err(Problem::internal)?;
            answer.headers_mut().insert("upload-metadata", metadata);
        }
        Ok(answer)
    })
    .await
}

/// Appends bytes to an upload (tus *core*); with the last one it is examined and becomes an asset.
#[utoipa::path(patch, path = "/api/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path), ("Tus-Resumable" = String, Header), ("Upload-Offset" = u64, Header),
    ("Upload-Length" = Option<u64>, Header), ("Upload-Checksum" = Option<String>, Header)),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204, headers(("Upload-Offset" = u64), ("Upload-Expires" = String),
    ("Reelpack-State" = String), ("Reelpack-Asset" = String))),
    (status = 404, body = ProblemBody), (status = 408, body = ProblemBody),
    (status = 409, description = "the offset is another one", body = ProblemBody),
    (status = 410, body = ProblemBody), (status = 413, body = ProblemBody), (status = 415, body = ProblemBody),
    (status = 422, description = "no usable video or audio", body = ProblemBody),
    (status = 423, description = "another request appends", body = ProblemBody),
    (status = 460, description = "the checksum is wrong", body = ProblemBody),
    (status = 507, description = "the disk is full", body = ProblemBody)))]
pub(super) async fn patch(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    headers: HeaderMap,
    Path(id): Path<String>,
    body: Body,
) -> Response {
    with_version(&headers, append(&shared, &tenant, &headers, &id, body)).await
}

/// Ends an upload (tus *termination*): what came of it goes. An asset that it became stays.
#[utoipa::path(delete, path = "/api/v1/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = ProblemBody), (status = 423, body = ProblemBody)))]
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    // Who speaks no tus may end an upload too, so the version is not asked for.
    let _ = headers;
    finished(terminate(&shared, &tenant, &id).await)
}

/// Any of the methods above, for those who can only POST (`X-HTTP-Method-Override`).
#[utoipa::path(post, path = "/api/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path), ("X-HTTP-Method-Override" = String, Header)),
    responses((status = 204), (status = 405, body = ProblemBody)))]
pub(super) async fn overridden(
    shared: State<Arc<Shared>>,
    tenant: Tenant,
    headers: HeaderMap,
    id: Path<String>,
    body: Body,
) -> Response {
    let method = headers
        .get("x-http-method-override")
        .map(|method| method.as_bytes().to_vec());
    match method.as_deref().map(Method::from_bytes) {
        Some(Ok(Method::PATCH)) => patch(shared, tenant, headers, id, body).await,
        Some(Ok(Method::DELETE)) => delete(shared, tenant, headers, id).await,
        Some(Ok(Method::HEAD)) => head(shared, tenant, headers, id).await,
        _ => finished(Err(Problem::method_not_allowed())),
    }
}

async fn append(
    shared: &Arc<Shared>,
    tenant: &Tenant,
    headers: &HeaderMap,
    id: &str,
    body: Body,
) -> Result<Response> {
    let tus = Tus::of(headers)?;
    if !tus.brings_bytes() {
        return Err(Problem::wrong_content_type(headers::BYTES));
    }
    let offset = tus.offset()?;
    let sum = tus.sum()?;
    let row = find(shared, tenant, id).await?;
    if row.kind != Kind::Tus {
        return Err(Problem::conflict("the server pulls this upload itself"));
    }
    if let Some(length) = tus.length()? {
        set_length(shared, &row, length).await?;
    }
    let row = receive(shared, tenant, id, offset, sum, tus.content_length(), body).await?;
    Ok(answer_of(&row))
}

/// Notes the length of an upload that was begun without.
async fn set_length(shared: &Shared, row: &rows::Upload, length: u64) -> Result<()> {
    let same = row.length() == Some(length);
    if same {
        return Ok(());
    }
    let most = most(shared, row).await?;
    if length > most {
        return Err(Problem::too_large(format!(
            "a file may have {most} bytes at most"
        )));
    }
    if row.length.is_some() || !shared.db.set_upload_length(row, length).await? {
        let text = "is another one than was said before, or less than has come already";
        return Err(Problem::field("Upload-Length", text));
    }
    Ok(())
}

async fn terminate(shared: &Arc<Shared>, tenant: &Tenant, id: &str) -> Result<Response> {
    let row = shared.db.upload(tenant, id).await?;
    let row = row.ok_or_else(|| unknown(id))?;
    let busy = |_| Problem::locked("the upload is just becoming an asset; ask again");
    let held = match row.state {
        Stage::Finishing => shared.uploads.slots.try_hold(id),
        _ => shared.uploads.slots.take(id).await,
    };
    let _held = held.map_err(busy)?;
    if !shared.db.delete_upload(&row).await? {
        return Err(Problem::locked(
            "the upload is just becoming an asset; ask again",
        ));
    }
    let (server, name) = (shared.clone(), id.to_owned());
    super::blocking(move || Ok(server.uploads.incoming.remove(&name)?)).await?;
    shared.uploads.slots.forget(id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Finds an upload that is not over its time.
async fn find(shared: &Shared, tenant: &Tenant, id: &str) -> Result<rows::Upload> {
    let named = async || {
        let row = shared.db.upload(tenant, id).await?;
        row.ok_or_else(|| unknown(id))
    };
    let mut row = named().await?;
    if row.state == Stage::Receiving && !shared.uploads.incoming.has(&row.id) {
        // It may have ended just now: its bytes go after its row has changed.
        row = named().await?;
    }
    let text = match row.state {
        Stage::Expired => "nothing came for too long, so the upload expired; begin a new one",
        Stage::Receiving if row.expires_at_ms <= crate::clock::now_ms() => {
            "nothing came for too long, so the upload expired; begin a new one"
        }
        Stage::Receiving if !shared.uploads.incoming.has(&row.id) => {
            "the bytes of this upload are not on this server; begin a new one"
        }
        _ => return Ok(row),
    };
    Err(Problem::gone(text))
}

/// The headers that say how an upload stands, and 422 when it was refused.
fn answer_of(row: &rows::Upload) -> Response {
    let mut answer = StatusCode::NO_CONTENT.into_response();
    let headers = answer.headers_mut();
    headers.insert("upload-offset", row.received.into());
    match row.length {
        Some(length) => headers.insert("upload-length", length.into()),
        None => headers.insert("upload-defer-length", 1.into()),
    };
    headers.insert(
        header::CACHE_CONTROL,
        header::HeaderValue::from_static("no-store"),
    );
    let mut text = |name: &'static str, value: &str| {
        // All of them are made of letters, digits and a few signs.
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    text("upload-expires", &super::time::http_date(row.expires_at_ms));
    text("reelpack-state", row.state.as_str());
    if let Some(asset) = &row.asset_id {
        text("reelpack-asset", asset);
    }
    answer
}

async fn with_version(
    headers: &HeaderMap,
    work: impl Future<Output = Result<Response>>,
) -> Response {
    if headers
        .get("tus-resumable")
        .is_none_or(|version| version != VERSION)
    {
        let mut answer = finished(Err(Problem::not_tus()));
        let version = header::HeaderValue::from_static(VERSION);
        answer.headers_mut().insert("tus-version", version);
        return answer;
    }
    finished(work.await)
}

/// Every answer names the version.
fn finished(answer: Result<Response>) -> Response {
    let mut answer = answer.unwrap_or_else(IntoResponse::into_response);
    let version = header::HeaderValue::from_static(VERSION);
    answer.headers_mut().insert("tus-resumable", version);
    answer
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format_args!("the upload {id:?}"))
}
