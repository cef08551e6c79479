//! `/api/v1/queue`: the queue as a whole.

use super::error::Result;
use crate::access::Tenant;
use crate::app::Shared;
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::ToSchema;

/// The queue.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Queue {
    /// Whether it is paused: nothing new is begun.
    paused: bool,
    /// How many jobs are in each state that any is in.
    jobs: BTreeMap<&'static str, i64>,
}

/// Whether the queue is paused, and what it holds.
#[utoipa::path(get, path = "/api/v1/queue", tag = "jobs", responses((status = 200, body = Queue)))]
pub(super) async fn get(State(shared): State<Arc<Shared>>, tenant: Tenant) -> Result<Json<Queue>> {
    let queue = shared.db.queue(Some(&tenant)).await?;
    let jobs = queue.jobs.into_iter();
    Ok(Json(Queue {
        paused: queue.paused,
        jobs: jobs.map(|(state, count)| (state.as_str(), count)).collect(),
    }))
}

/// Pauses the queue, for all servers and workers of the database: jobs that run end as usual, nothing new is begun.
#[utoipa::path(post, path = "/api/v1/queue/pause", tag = "jobs",
    responses((status = 200, body = Queue)))]
pub(super) async fn pause(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
) -> Result<Json<Queue>> {
    shared.db.pause_queue(true).await?;
    get(State(shared), tenant).await
}

/// Lets a paused queue go on.
#[utoipa::path(post, path = "/api/v1/queue/resume", tag = "jobs",
    responses((status = 200, body = Queue)))]
pub(super) async fn resume(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
) -> Result<Json<Queue>> {
    shared.db.pause_queue(false).await?;
    shared.wake_workers();
    get(State(shared), tenant).await
}
