//! `/api/v1/tenants`: who shares this installation. For who looks after it.

use super::base_url::BaseUrl;
use super::error::{Problem, ProblemBody, Result};
use super::etag::{self, IfMatch};
use super::extract::{Body, Path, Query};
use super::fields::{Faults, Fields};
use super::paging::{self, Paging};
use super::time::rfc3339;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::tenants::{Change, Changed, Limits, Removed, TenantRow};
use crate::{db, id};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Characters of the longest name.
const LONGEST_NAME: usize = 100;
const FIELDS: [&str; 4] = ["name", "max_bytes", "max_assets", "max_jobs"];

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Tenant)]
pub(super) struct Shown {
    #[schema(example = "ten_9f3k…")]
    id: String,
    #[schema(example = "acme")]
    name: String,
    /// Most bytes of delivered files and packages; `null` where there is no limit.
    max_bytes: Option<i64>,
    /// Most assets.
    max_assets: Option<i64>,
    /// Most jobs that have not ended.
    max_jobs: Option<i64>,
    /// RFC 3339, UTC.
    created_at: String,
    updated_at: String,
}

/// A page of tenants.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantList {
    data: Vec<Shown>,
    /// Give it as `cursor` for the next page; `null` at the end.
    next_cursor: Option<String>,
    /// Whether there are more.
    has_more: bool,
}

/// What a tenant is to be.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "describes the request; the fields are read one by one"
)]
pub(super) struct TenantRequest {
    /// No other tenant has it.
    #[schema(example = "acme", max_length = 100)]
    name: Option<String>,
    /// `null` for no limit.
    max_bytes: Option<i64>,
    max_assets: Option<i64>,
    max_jobs: Option<i64>,
}

impl From<TenantRow> for Shown {
    fn from(row: TenantRow) -> Self {
        Self {
            id: row.id.as_str().to_owned(),
            name: row.name,
            max_bytes: row.limits.max_bytes,
            max_assets: row.limits.max_assets,
            max_jobs: row.limits.max_jobs,
            created_at: rfc3339(row.created_at_ms),
            updated_at: rfc3339(row.updated_at_ms),
        }
    }
}

/// The tenants, newest first.
#[utoipa::path(get, path = "/api/v1/tenants", tag = "access", params(
    ("limit" = Option<i64>, Query, description = "1 to 200, 50 unless given"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, body = TenantList), (status = 400, body = ProblemBody),
    (status = 403, description = "for who looks after the installation", body = ProblemBody)))]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Query(paging): Query<Paging>,
) -> Result<Json<TenantList>> {
    let page = paging.page()?;
    let mut rows = shared.db.tenants(page).await?;
    let ends = paging::ends(&mut rows, page, |row| row.tenant_number);
    Ok(Json(TenantList {
        data: rows.into_iter().map(Shown::from).collect(),
        next_cursor: ends.next_cursor,
        has_more: ends.has_more,
    }))
}

/// Makes a tenant. What it has, others do not see.
#[utoipa::path(post, path = "/api/v1/tenants", tag = "access", request_body = TenantRequest,
    responses((status = 201, body = Shown, headers(("Location" = String), ("ETag" = String))),
    (status = 400, body = ProblemBody), (status = 403, body = ProblemBody),
    (status = 409, description = "another tenant has the name", body = ProblemBody),
    (status = 422, description = "a field that nobody knows", body = ProblemBody)))]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    base: BaseUrl,
    Body(body): Body,
) -> Result<Response> {
    let change = read(&body)?;
    let name = change.name.as_deref();
    let name = name.ok_or_else(|| Problem::in_body("name", "is missing"))?;
    let id = id::tagged("ten").map_err(Problem::internal)?;
    let limits = change.of(Limits::default());
    let made = shared.db.add_tenant(&id.into(), name, limits).await;
    let row = made.map_err(|error| taken(error, name))?;
    tracing::info!(tenant = row.id.as_str(), "a tenant was made");
    let location = format!("{}/api/v1/tenants/{}", base.0, row.id.as_str());
    let mut answer = shown(&HeaderMap::new(), row)?;
    *answer.status_mut() = StatusCode::CREATED;
    Ok(([(header::LOCATION, location)], answer).into_response())
}

/// One tenant.
#[utoipa::path(get, path = "/api/v1/tenants/{id}", tag = "access", params(("id" = String, Path),
    ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, body = Shown, headers(("ETag" = String))), (status = 304),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    let row = shared.db.tenant(&Tenant::from(id.clone())).await?;
    shown(&headers, row.ok_or_else(|| unknown(&id))?)
}

/// Gives a tenant another name, or other limits. What is not said stays; a limit that is `null` goes.
#[utoipa::path(patch, path = "/api/v1/tenants/{id}", tag = "access", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)), request_body = TenantRequest,
    responses((status = 200, body = Shown, headers(("ETag" = String))), (status = 400, body = ProblemBody),
    (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, description = "another tenant has the name", body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody),
    (status = 422, description = "a field that nobody knows", body = ProblemBody)))]
pub(super) async fn patch(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
    Body(body): Body,
) -> Result<Response> {
    let change = read(&body)?;
    let tenant = Tenant::from(id.clone());
    let changed = shared.db.change_tenant(&tenant, &change, &wanted).await;
    let name = change.name.as_deref().unwrap_or_default();
    match changed.map_err(|error| taken(error, name))? {
        Changed::Done(row) => shown(&HeaderMap::new(), *row),
        Changed::Unknown => Err(unknown(&id)),
        Changed::Stale => Err(Problem::stale()),
    }
}

/// Removes a tenant that has no assets, with its tokens and its people.
#[utoipa::path(delete, path = "/api/v1/tenants/{id}", tag = "access", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    responses((status = 204), (status = 403, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 409, description = "it has assets or unfinished uploads, or is the first one", body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody)))]
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
) -> Result<StatusCode> {
    let tenant = Tenant::from(id.clone());
    match shared.db.remove_tenant(&tenant, &wanted).await? {
        Removed::Done => {
            tracing::info!(tenant = id, "a tenant was removed");
            Ok(StatusCode::NO_CONTENT)
        }
        Removed::Unknown => Err(unknown(&id)),
        Removed::Stale => Err(Problem::stale()),
        Removed::First => Err(Problem::conflict(
            "every installation has this tenant; it cannot be removed",
        )),
        Removed::InUse => Err(Problem::conflict(
            "the tenant has assets, or uploads that have not ended; delete them first",
        )),
    }
}

fn read(body: &[u8]) -> Result<Change> {
    let fields = Fields::parse(body, false)?;
    let mut faults = Faults::default();
    faults.of(fields.only(&FIELDS));
    let change = Change {
        name: faults.of(name(&fields)),
        max_bytes: faults.of(fields.limit("max_bytes")),
        max_assets: faults.of(fields.limit("max_assets")),
        max_jobs: faults.of(fields.limit("max_jobs")),
    };
    faults.end().map(|()| change)
}

fn name(fields: &Fields) -> Result<Option<String>> {
    let Some(name) = fields.text("name")?.map(str::trim) else {
        return Ok(None);
    };
    let plain = name.chars().all(|character| !character.is_control());
    match plain && (1..=LONGEST_NAME).contains(&name.chars().count()) {
        true => Ok(Some(name.to_owned())),
        false => {
            let text = format!("must have 1 to {LONGEST_NAME} characters");
            Err(Problem::in_body("name", text))
        }
    }
}

fn shown(headers: &HeaderMap, row: TenantRow) -> Result<Response> {
    let version = row.version;
    etag::tagged(headers, version, &Shown::from(row))
}

fn taken(error: db::Error, name: &str) -> Problem {
    match db::is_taken(&error) {
        true => Problem::conflict(format!("another tenant has the name {name:?}")),
        false => error.into(),
    }
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format_args!("the tenant {id:?}"))
}
