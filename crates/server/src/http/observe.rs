//! Counts requests by their routes, and serves the metrics on a listener of their own.

use crate::app::Shared;
use crate::{metrics, telemetry};
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::sync::Arc;
use std::time::Instant;

/// What OpenMetrics calls its text.
const MIME: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// Stands for all addresses that no route has: files of the page, and what is not there.
const OTHER: &str = "other";

/// Counts a request, and how long its answer took to begin.
pub(super) async fn count(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let began = Instant::now();
    let method = name(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next.run(request).await;
    let route = route.as_ref().map_or(OTHER, MatchedPath::as_str);
    let status = response.status().as_u16();
    shared
        .metrics
        .answered(method, route, status, began.elapsed());
    telemetry::note_answer(method, route, status);
    response
}

/// Clients can make up methods; metrics know the usual ones.
fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}

/// `/metrics`, and nothing else.
pub(crate) fn metrics_router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(shared.clone())
}

async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    match metrics::text(&shared).await {
        Ok(text) => ([(header::CONTENT_TYPE, MIME)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
