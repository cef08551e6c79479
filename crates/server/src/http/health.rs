//! `/livez` and `/readyz`: whether the process lives, and whether it can do its work at this moment.

use crate::app::Shared;
use crate::health::Check;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;

const NO_STORE: [(header::HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

/// What `/readyz` says.
#[derive(Debug, Serialize)]
struct Readiness {
    ready: bool,
    checks: Vec<Check>,
}

/// The process answers: that is all, and nothing else is asked.
pub(super) async fn live() -> impl IntoResponse {
    (NO_STORE, "ok\n")
}

/// 200 when requests can be served, 503 when one of the checks fails or the process is about to stop.
pub(super) async fn ready(State(shared): State<Arc<Shared>>) -> Response {
    let checks = crate::health::checks(&shared).await;
    let ready = checks.iter().all(|check| check.problem.is_none());
    let status = match ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    (status, NO_STORE, Json(Readiness { ready, checks })).into_response()
}
