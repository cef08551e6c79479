//! `/api/v1/webhooks/{id}/deliveries`: what a webhook was told, and what came of it.

use super::known;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::deliveries::{self as rows, State as DeliveryState};
use crate::db::webhooks::Webhook;
use crate::http::error::{Problem, ProblemBody, Result};
use crate::http::extract::{Path, Query};
use crate::http::paging::{self, Paging};
use crate::http::time::rfc3339;
use crate::webhooks;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What a webhook was told, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Delivery {
    #[schema(example = "whd_4kq9…")]
    id: String,
    /// What the receiver knows the message by (`webhook-id`): the same at each attempt.
    #[schema(example = "evt_2m8c…")]
    event_id: String,
    #[schema(example = "package.ready")]
    r#type: String,
    /// `pending`: it is attempted or waits for that; `delivered`; `failed`: it was given up.
    state: &'static str,
    /// How often it was attempted.
    attempts: i64,
    /// When that happens next; RFC 3339, UTC.
    next_attempt_at: Option<String>,
    /// When it was last attempted, and how many milliseconds that took.
    attempted_at: Option<String>,
    duration_ms: Option<i64>,
    /// The status of the last answer, and the first 4 KiB of its body.
    answer_status: Option<i64>,
    answer: Option<String>,
    /// Why the last attempt failed.
    failure: Option<String>,
    created_at: String,
}

/// A page of deliveries.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DeliveryList {
    data: Vec<Delivery>,
    /// Give it as `cursor` for the next page; `null` at the end.
    next_cursor: Option<String>,
    /// Whether there is more.
    has_more: bool,
}

/// Which deliveries to list.
#[derive(Debug, Deserialize)]
pub(in crate::http) struct Filter {
    state: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

impl From<rows::Delivery> for Delivery {
    fn from(row: rows::Delivery) -> Self {
        Self {
            id: row.id,
            event_id: row.message,
            r#type: row.kind,
            state: row.state.as_str(),
            attempts: row.attempts,
            next_attempt_at: row.next_attempt_at_ms.map(rfc3339),
            attempted_at: row.attempted_at_ms.map(rfc3339),
            duration_ms: row.duration_ms,
            answer_status: row.answer_status,
            answer: row.answer,
            failure: row.failure,
            created_at: rfc3339(row.created_at_ms),
        }
    }
}

/// What a webhook was told in the last 30 days, newest first.
#[utoipa::path(get, path = "/api/v1/webhooks/{id}/deliveries", tag = "webhooks", params(("id" = String, Path),
    ("state" = Option<String>, Query, description = "pending, delivered or failed"),
    ("limit" = Option<i64>, Query, description = "1 to 200, 50 unless given"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before")),
    responses((status = 200, body = DeliveryList), (status = 400, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(in crate::http) async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
) -> Result<Json<DeliveryList>> {
    let webhook = known(&shared, &tenant, &id).await?;
    let state = filter.state.as_deref().map(state).transpose()?;
    let page = filter.paging.page()?;
    let found = shared.db.deliveries(webhook.webhook_id, state, page);
    let mut rows = found.await?;
    let ends = paging::ends(&mut rows, page, |row| row.webhook_delivery_id);
    Ok(Json(DeliveryList {
        data: rows.into_iter().map(Delivery::from).collect(),
        next_cursor: ends.next_cursor,
        has_more: ends.has_more,
    }))
}

/// Sends a webhook a message of the type `webhook.test`.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/test", tag = "webhooks", params(("id" = String, Path)),
    responses((status = 202, body = Delivery), (status = 404, body = ProblemBody),
    (status = 409, description = "it is disabled", body = ProblemBody)))]
pub(in crate::http) async fn test(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
) -> Result<Response> {
    let webhook = enabled(&shared, &tenant, &id).await?;
    let (message, body) = webhooks::of_test(&webhook.id).map_err(Problem::internal)?;
    let made = shared
        .db
        .add_delivery(webhook.webhook_id, &message, webhooks::TEST, &body)
        .await?;
    shared.webhooks.wake();
    accepted(&shared, &webhook, &made).await
}

/// Attempts a delivery again, at once, whatever came of it; the receiver knows it by the same `webhook-id`.
#[utoipa::path(post, path = "/api/v1/webhooks/{id}/deliveries/{delivery}/resend", tag = "webhooks",
    params(("id" = String, Path), ("delivery" = String, Path)),
    responses((status = 202, body = Delivery), (status = 404, body = ProblemBody),
    (status = 409, description = "the webhook is disabled", body = ProblemBody)))]
pub(in crate::http) async fn resend(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path((id, delivery)): Path<(String, String)>,
) -> Result<Response> {
    let webhook = enabled(&shared, &tenant, &id).await?;
    let resent = shared.db.resend_delivery(webhook.webhook_id, &delivery);
    if !resent.await? {
        return Err(Problem::not_found("this delivery"));
    }
    shared.webhooks.wake();
    accepted(&shared, &webhook, &delivery).await
}

/// 202 with a delivery as it is now.
pub(super) async fn accepted(shared: &Shared, webhook: &Webhook, id: &str) -> Result<Response> {
    let found = shared.db.delivery(webhook.webhook_id, id).await?;
    let found = found.ok_or_else(|| Problem::not_found("this delivery"))?;
    Ok((StatusCode::ACCEPTED, Json(Delivery::from(found))).into_response())
}

async fn enabled(shared: &Shared, tenant: &Tenant, id: &str) -> Result<Webhook> {
    let webhook = known(shared, tenant, id).await?;
    match webhook.enabled {
        true => Ok(webhook),
        false => Err(Problem::conflict(
            "the webhook is disabled: enable it first (PATCH with enabled: true)",
        )),
    }
}

fn state(word: &str) -> Result<DeliveryState> {
    let found = DeliveryState::ALL
        .into_iter()
        .find(|state| state.as_str() == word);
    found.ok_or_else(|| Problem::field("state", "must be pending, delivered or failed"))
}
