//! Uploads in JSON.

use super::{COLLECTION, find};
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::paging::Listed;
use crate::db::uploads::{self as rows, Kind};
use crate::http::annotations::{self, EXTERNAL_ID, METADATA};
use crate::http::base_url::BaseUrl;
use crate::http::error::{Problem, ProblemBody, Result};
use crate::http::extract::{Path, Query};
use crate::http::fields::{Faults, Fields};
use crate::http::paging::{self, Paging};
use crate::http::time::rfc3339;
use crate::uploads::{Wanted, begin, examine, pull};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Upload {
    #[schema(example = "upl_5r0x…")]
    id: String,
    /// `tus`, or `pull` when this server fetches the file itself.
    kind: &'static str,
    name: String,
    /// `receiving`, `finishing`, `done`, `refused`, `failed` or `expired`.
    state: &'static str,
    /// Bytes that are safe.
    offset: i64,
    /// Bytes of the whole, when that is known.
    length: Option<i64>,
    /// Why it was refused, or could not be pulled.
    error: Option<String>,
    /// Your own name for the asset to be.
    external_id: Option<String>,
    /// The metadata of the asset to be.
    metadata: BTreeMap<String, String>,
    /// The asset that it became.
    asset_id: Option<String>,
    /// The oldest other asset with the same bytes, when there is one.
    duplicate_of: Option<String>,
    /// Until when it waits for bytes; of one that has ended, until when this can be read. RFC 3339, UTC.
    expires_at: String,
    created_at: String,
    updated_at: String,
}

/// A page of uploads.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct UploadList {
    data: Vec<Upload>,
    /// Give it as `cursor` for the next page; `null` at the end.
    next_cursor: Option<String>,
    /// Whether there is more in the direction that was asked for.
    has_more: bool,
}

impl Upload {
    async fn of(shared: &Shared, row: rows::Upload) -> Result<Self> {
        let duplicate_of = match &row.asset_id {
            Some(asset) => shared.db.duplicate_of(asset).await?,
            None => None,
        };
        let annotations = row.annotations();
        Ok(Self {
            external_id: annotations.external_id,
            metadata: annotations.metadata,
            id: row.id,
            kind: row.kind.as_str(),
            name: row.name,
            state: row.state.as_str(),
            offset: row.received,
            length: row.length,
            error: row.error,
            asset_id: row.asset_id,
            duplicate_of,
            expires_at: rfc3339(row.expires_at_ms),
            created_at: rfc3339(row.created_at_ms),
            updated_at: rfc3339(row.updated_at_ms),
        })
    }
}

/// Lists uploads, newest first.
#[utoipa::path(get, path = "/api/v1/uploads", tag = "uploads", params(
    ("limit" = Option<i64>, Query, description = "1 to 200, 50 unless given"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
    ("starting_after" = Option<String>, Query, description = "an id: those that are older"),
    ("ending_before" = Option<String>, Query, description = "an id: those that are newer, the nearest to it"),
), responses((status = 200, body = UploadList), (status = 400, body = ProblemBody)))]
pub(in crate::http) async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Query(paging): Query<Paging>,
) -> Result<Json<UploadList>> {
    let page = paging.of(&shared.db, &tenant, Listed::Uploads).await?;
    let mut found = shared.db.uploads(&tenant, page).await?;
    let ends = paging::ends(&mut found, page, |row| row.seq);
    let mut data = Vec::with_capacity(found.len());
    for row in found {
        data.push(Upload::of(&shared, row).await?);
    }
    Ok(Json(UploadList {
        data,
        next_cursor: ends.next_cursor,
        has_more: ends.has_more,
    }))
}

/// One upload: how far it is, and what became of it.
#[utoipa::path(get, path = "/api/v1/uploads/{id}", tag = "uploads", params(("id" = String, Path)),
    responses((status = 200, body = Upload), (status = 404, body = ProblemBody),
    (status = 410, description = "it expired", body = ProblemBody)))]
pub(in crate::http) async fn get(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
) -> Result<Response> {
    let row = find(&shared, &tenant, &id).await?;
    let upload = Upload::of(&shared, row).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(upload)).into_response())
}

/// Begins to pull a file; the body names its `url`, and may name it for people (`name`) and say what is
/// noted about the asset.
pub(in crate::http) async fn created_pull(
    shared: &Arc<Shared>,
    tenant: &Tenant,
    base: &BaseUrl,
    body: &[u8],
) -> Result<Response> {
    let fields = Fields::parse(body, false)?;
    let mut faults = Faults::default();
    faults.of(fields.only(&["url", "name", EXTERNAL_ID, METADATA]));
    let url = faults.of(fields.needed_text("url"));
    let name = faults.of(fields.text("name"));
    let annotations = annotations::of_new(&fields, &mut faults);
    faults.end()?;
    let wrong = |trouble: pull::Trouble| Problem::in_body("url", trouble.reason);
    let url = shared.uploads.puller.parse(url).map_err(wrong)?;
    let in_url = url
        .path_segments()
        .and_then(|mut parts| parts.next_back())
        .unwrap_or_default();
    let in_url = percent_encoding::percent_decode_str(in_url).decode_utf8_lossy();
    let name = name.unwrap_or(&in_url);
    let wanted = Wanted {
        tenant: tenant.clone(),
        kind: Kind::Pull,
        name: examine::display_name(name),
        metadata: String::new(),
        annotations,
        url: Some(url.to_string()),
        length: None,
    };
    let row = begin(shared, wanted).await?;
    tracing::info!(
        upload = row.id,
        from = pull::shown(url.as_str()),
        "a pull begins"
    );
    let location = format!("{}{COLLECTION}/{}", base.0, row.id);
    pull::go_on(shared, row.clone());
    let upload = Upload::of(shared, row).await?;
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        Json(upload),
    )
        .into_response())
}
