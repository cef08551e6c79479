//! `/api/v1/webhooks`: addresses that are told what happened, after Standard Webhooks.

pub(super) mod deliveries;

use super::base_url::BaseUrl;
use super::error::{Problem, ProblemBody, Result};
use super::etag::{self, IfMatch};
use super::extract::{Body, Path, Query};
use super::fields::{Faults, Fields};
use super::paging::{self, Paging};
use super::time::rfc3339;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::events::EventKind;
use crate::db::webhooks::{self as rows, NewWebhook, WebhookChange};
use crate::webhooks::{MOST, SigningSecret};
use crate::{clock, id};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// Characters of the longest URL and of the longest description.
const LONGEST_URL: usize = 2000;
const LONGEST_DESCRIPTION: usize = 500;
/// How long the secret before signs besides: 24 hours.
const ROTATION_MS: i64 = 24 * 60 * 60 * 1000;

/// A webhook, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Webhook {
    #[schema(example = "whk_9f3k…")]
    id: String,
    #[schema(example = "https://hooks.example/reelpack")]
    url: String,
    /// The types of events that it is told; none: all.
    #[schema(example = json!(["package.ready", "package.failed"]))]
    events: Vec<String>,
    /// For people.
    description: String,
    /// Whether it is told anything.
    enabled: bool,
    /// Why it is not, when nobody wanted that: it failed for five days, or its receiver answered 410.
    disabled_reason: Option<String>,
    /// Since when no attempt has succeeded; RFC 3339, UTC.
    failing_since: Option<String>,
    /// Until when the secret before signs besides.
    earlier_secret_until: Option<String>,
    created_at: String,
    updated_at: String,
}

/// A webhook with its secret, which is shown this once. It is not printed.
#[derive(Serialize, ToSchema)]
pub(super) struct NewWebhookBody {
    #[serde(flatten)]
    webhook: Webhook,
    /// What the receiver verifies signatures with.
    #[schema(example = "whsec_MfKQ9r8G…")]
    secret: String,
}

impl Drop for NewWebhookBody {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.secret.zeroize();
    }
}

/// A page of webhooks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WebhookList {
    data: Vec<Webhook>,
    /// Give it as `cursor` for the next page; `null` at the end.
    next_cursor: Option<String>,
    /// Whether there is more.
    has_more: bool,
}

/// Whom to tell what.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "it describes the body that Fields reads")]
pub(super) struct WebhookRequest {
    /// http or https, on the public internet unless whoever runs the server allows more.
    #[schema(max_length = 2000)]
    url: String,
    /// `asset.created`, `asset.updated`, `asset.deleted`, `package.ordered`, `package.ready`, `package.failed`, `package.deleted`, `job.retried`,
    /// `webhook.disabled`; none unless given, which is all.
    events: Option<Vec<String>>,
    /// For people.
    #[schema(max_length = 500)]
    description: Option<String>,
}

/// What is to be different of a webhook; what is not there stays.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(dead_code, reason = "it describes the body that Fields reads")]
pub(super) struct WebhookChangeRequest {
    #[schema(max_length = 2000)]
    url: Option<String>,
    events: Option<Vec<String>>,
    #[schema(max_length = 500)]
    description: Option<String>,
    /// `false`: what waits is given up, nothing more is told. `true`: it is told of what happens from now on.
    enabled: Option<bool>,
}

impl From<rows::Webhook> for Webhook {
    fn from(row: rows::Webhook) -> Self {
        Self {
            events: row.event_types().into_iter().map(str::to_owned).collect(),
            earlier_secret_until: row.earlier_until_ms().map(rfc3339),
            id: row.id,
            url: row.url,
            description: row.description,
            enabled: row.enabled,
            disabled_reason: row.disabled_because,
            failing_since: row.failing_since_ms.map(rfc3339),
            created_at: rfc3339(row.created_at_ms),
            updated_at: rfc3339(row.updated_at_ms),
        }
    }
}

/// The webhooks, newest first.
#[utoipa::path(get, path = "/api/v1/webhooks", tag = "webhooks", params(
    ("limit" = Option<i64>, Query, description = "1 to 200, 50 unless given"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, body = WebhookList), (status = 400, body = ProblemBody)))]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Query(paging): Query<Paging>,
) -> Result<Json<WebhookList>> {
    let page = paging.page()?;
    let mut rows = shared.db.webhooks(&tenant, page).await?;
    let ends = paging::ends(&mut rows, page, |row| row.webhook_id);
    Ok(Json(WebhookList {
        data: rows.into_iter().map(Webhook::from).collect(),
        next_cursor: ends.next_cursor,
        has_more: ends.has_more,
    }))
}

/// A webhook.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path),
    ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, body = Webhook, headers(("ETag" = String))), (status = 304),
    (status = 404, body = ProblemBody)))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    shown(&shared, &tenant, &id, &headers).await
}

/// Makes a webhook. Its secret is shown this once, and stored encrypted. It is told of what happens from now on.
#[utoipa::path(post, path = "/api/v1/webhooks", tag = "webhooks", request_body = WebhookRequest,
    responses((status = 201, body = NewWebhookBody), (status = 400, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 409, description = "there are 20 already", body = ProblemBody)))]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Body(body): Body,
) -> Result<Response> {
    let fields = Fields::parse(&body, false)?;
    let mut faults = Faults::default();
    faults.of(fields.only(&["url", "events", "description"]));
    let url = faults.of(fields.needed_text("url").map(Some));
    let url = faults.of(url.map_or(Ok(None), |url| address(&shared, url).map(Some)));
    let event_types = faults.of(event_types(&fields));
    let description = faults.of(description(&fields));
    faults.end()?;
    let id = id::tagged("whk").map_err(Problem::internal)?;
    let secret = SigningSecret::make().map_err(Problem::internal)?;
    let new = NewWebhook {
        id: &id,
        tenant: &tenant,
        url: url.unwrap_or_default(),
        event_types: &event_types.unwrap_or_default(),
        description: description.unwrap_or_default(),
        secret: &shared.keys.wrap_signing(&id, secret.bytes())?,
    };
    if !shared.db.add_webhook(&new, MOST).await? {
        let text = format!("there are {MOST} webhooks, and there may not be more: delete one");
        return Err(Problem::conflict(text));
    }
    tracing::info!(webhook = id, "a webhook was made");
    with_secret(&shared, &tenant, &base, StatusCode::CREATED, &id).await
}

/// Changes a webhook.
#[utoipa::path(patch, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    request_body = WebhookChangeRequest, responses((status = 200, body = Webhook, headers(("ETag" = String))),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody), (status = 400, body = ProblemBody),
    (status = 404, body = ProblemBody), (status = 422, body = ProblemBody)))]
pub(super) async fn change(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
    Body(body): Body,
) -> Result<Response> {
    let fields = Fields::parse(&body, false)?;
    let mut faults = Faults::default();
    faults.of(fields.only(&["url", "events", "description", "enabled"]));
    let url = faults.of(fields.text("url"));
    let url = faults.of(url.map_or(Ok(None), |url| address(&shared, url).map(Some)));
    let change = WebhookChange {
        url,
        event_types: faults.of(event_types(&fields)),
        description: faults.of(description(&fields)),
        enabled: faults.of(fields.truth("enabled")),
    };
    faults.end()?;
    let changed = shared.db.change_webhook(&tenant, &id, &change, &wanted);
    etag::changed(changed.await?, unknown)?;
    shown(&shared, &tenant, &id, &HeaderMap::new()).await
}

/// Deletes a webhook and its deliveries.
#[utoipa::path(delete, path = "/api/v1/webhooks/{id}", tag = "webhooks", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    responses((status = 204), (status = 404, body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody)))]
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
) -> Result<StatusCode> {
    let deleted = shared.db.delete_webhook(&tenant, &id, &wanted).await?;
    etag::changed(deleted, unknown)?;
    tracing::info!(webhook = id, "a webhook was deleted");
    Ok(StatusCode::NO_CONTENT)
}

/// Gives a webhook another secret, shown this once. For 24 hours messages are signed with both.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/rotate", tag = "webhooks", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = NewWebhookBody), (status = 404, body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody)))]
pub(super) async fn rotate(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
) -> Result<Response> {
    let secret = SigningSecret::make().map_err(Problem::internal)?;
    let wrapped = shared.keys.wrap_signing(&id, secret.bytes())?;
    let until = clock::now_ms() + ROTATION_MS;
    let db = &shared.db;
    let rotated = db.rotate_webhook(&tenant, &id, &wrapped, until, &wanted);
    etag::changed(rotated.await?, unknown)?;
    tracing::info!(webhook = id, "a webhook was given another secret");
    with_secret(&shared, &tenant, &base, StatusCode::OK, &id).await
}

/// The answer to a POST below `path` that had made something before its process died.
pub(super) async fn answer_about(
    shared: &Arc<Shared>,
    tenant: &Tenant,
    base: &BaseUrl,
    path: &str,
    made: &str,
) -> Result<Response> {
    let id = path.split('/').nth(4).unwrap_or(made);
    match path.rsplit('/').next() {
        Some("rotate") => with_secret(shared, tenant, base, StatusCode::OK, made).await,
        Some("test" | "resend") => {
            deliveries::accepted(shared, &known(shared, tenant, id).await?, made).await
        }
        _ => with_secret(shared, tenant, base, StatusCode::CREATED, made).await,
    }
}

async fn known(shared: &Shared, tenant: &Tenant, id: &str) -> Result<rows::Webhook> {
    let found = shared.db.webhook(tenant, id).await?;
    found.ok_or_else(unknown)
}

/// One webhook with its tag.
async fn shown(
    shared: &Shared,
    tenant: &Tenant,
    id: &str,
    headers: &HeaderMap,
) -> Result<Response> {
    let row = known(shared, tenant, id).await?;
    let version = row.version;
    etag::tagged(headers, version, &Webhook::from(row))
}

fn unknown() -> Problem {
    Problem::not_found("this webhook")
}

async fn with_secret(
    shared: &Shared,
    tenant: &Tenant,
    base: &BaseUrl,
    status: StatusCode,
    id: &str,
) -> Result<Response> {
    let row = known(shared, tenant, id).await?;
    let secret = SigningSecret::of(shared.keys.unwrap_signing(id, &row.secret)?);
    let text: Zeroizing<String> = secret.text();
    let body = Json(NewWebhookBody {
        webhook: row.into(),
        secret: (*text).clone(),
    });
    let headers = [
        (header::CACHE_CONTROL, "no-store".to_owned()),
        (header::LOCATION, format!("{}/api/v1/webhooks/{id}", base.0)),
    ];
    Ok((status, headers, body).into_response())
}

/// A URL as it was given, when it can be one.
fn address<'a>(shared: &Shared, url: &'a str) -> Result<&'a str> {
    if url.chars().count() > LONGEST_URL {
        let text = format!("must have {LONGEST_URL} characters at most");
        return Err(Problem::in_body("url", text));
    }
    let parsed = shared.webhooks.parse(url);
    parsed
        .map(|_| url)
        .map_err(|wrong| Problem::in_body("url", wrong))
}

fn event_types(fields: &Fields) -> Result<Option<Vec<&'static str>>> {
    let words = EventKind::ALL.map(|kind| (kind.as_str(), kind.as_str()));
    let mut given = fields.list("events", &words)?;
    if let Some(given) = &mut given {
        given.sort_unstable();
        given.dedup();
    }
    Ok(given)
}

fn description(fields: &Fields) -> Result<Option<&str>> {
    let text = fields.text("description")?;
    match text {
        Some(text) if text.chars().count() > LONGEST_DESCRIPTION || text.contains('\0') => {
            let what = format!("must have {LONGEST_DESCRIPTION} characters at most");
            Err(Problem::in_body("description", what))
        }
        text => Ok(text),
    }
}
