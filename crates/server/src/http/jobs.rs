//! `/api/v1/jobs`: the work that makes packages.

use super::error::{Problem, ProblemBody, Result};
use super::etag::{self, IfMatch};
use super::extract::{Path, Query};
use super::paging::{self, Paging};
use super::time::rfc3339;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::jobs::{self, JobState, Wish};
use crate::db::paging::Listed;
use crate::jobs::Preparation;
use crate::{clock, id};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;

/// How long an answer to a wish to cancel waits for the worker to let go.
const CANCEL_WAIT: Duration = Duration::from_secs(2);

/// A job.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Job {
    #[schema(example = "job_3kq0…")]
    id: String,
    /// What it does: `package`.
    kind: String,
    package_id: String,
    asset_id: String,
    /// `queued`, `running`, `waiting`, `paused`, `done`, `failed`, `cancelled` or `dead`.
    state: &'static str,
    /// 0 to 1.
    progress: f64,
    /// The same in hundredths, rounded down.
    percent: u8,
    /// What is done just now: `convert` (into MP4, or a ladder) or `package`; `null` unless it is at work.
    step: Option<&'static str>,
    /// Seconds until it is done if it goes on as until now; `null` when nobody can tell.
    seconds_left: Option<i64>,
    /// How far the rungs of a ladder are; empty without one.
    rungs: Vec<Rung>,
    /// Jobs of a higher one go first.
    priority: i64,
    /// The client's own name for its order.
    unique_key: Option<String>,
    /// How often a worker began it since it was last put into the queue by a client.
    attempts: i64,
    /// How many of its workers died; after the third it is `dead`.
    worker_deaths: i64,
    /// Why it failed, or why its last attempt did.
    error: Option<String>,
    /// RFC 3339, UTC.
    created_at: String,
    started_at: Option<String>,
    finished_at: Option<String>,
}

/// A rung of a ladder, and how far it is.
#[derive(Debug, Serialize, ToSchema)]
struct Rung {
    #[schema(example = "720p-h264")]
    name: String,
    /// How many it has, about.
    pictures: u64,
    /// How many are encoded.
    pictures_done: u64,
}

impl Job {
    fn rungs(row: &jobs::Job) -> Vec<Rung> {
        let text = row.preparation.as_deref().unwrap_or("{}");
        let preparation = Preparation::read(text);
        let pictures = preparation.pictures;
        let done = row.pictures_done.unwrap_or(0.0).round() as u64;
        let rung = |name| Rung {
            name,
            pictures,
            pictures_done: done.min(pictures),
        };
        preparation.rungs.into_iter().map(rung).collect()
    }
}

impl From<jobs::Job> for Job {
    fn from(row: jobs::Job) -> Self {
        Self {
            rungs: Self::rungs(&row),
            percent: (row.progress.clamp(0.0, 1.0) * 100.0) as u8,
            step: match row.state {
                JobState::Waiting => Some("convert"),
                JobState::Running => Some("package"),
                _ => None,
            },
            seconds_left: seconds_left(&row, clock::now_ms()),
            id: row.id,
            kind: row.kind,
            package_id: row.package_id,
            asset_id: row.asset_id,
            state: row.state.as_str(),
            progress: row.progress,
            priority: -row.turn,
            unique_key: row.unique_key,
            attempts: row.attempts,
            worker_deaths: row.deaths,
            error: row.error,
            created_at: rfc3339(row.created_at_ms),
            started_at: row.started_at_ms.map(rfc3339),
            finished_at: row.finished_at_ms.map(rfc3339),
        }
    }
}

/// Less progress than this says nothing about the rest.
const TELLING: f64 = 0.02;

/// How long a job at work takes from `now_ms` on, if the rest goes as what is done.
fn seconds_left(row: &jobs::Job, now_ms: i64) -> Option<i64> {
    let at_work = matches!(row.state, JobState::Running | JobState::Waiting);
    let progress = Some(row.progress).filter(|progress| at_work && *progress >= TELLING)?;
    let spent = now_ms.checked_sub(row.started_at_ms?)?;
    let left = spent as f64 / 1000.0 * (1.0 - progress.min(1.0)) / progress;
    Some(left.ceil() as i64).filter(|left| *left >= 0)
}

/// A page of jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobList {
    data: Vec<Job>,
    /// Give it as `cursor` for the next page; `null` at the end.
    next_cursor: Option<String>,
    /// Whether there is more in the direction that was asked for.
    has_more: bool,
}

/// Which jobs to list.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    state: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

/// Lists jobs, newest first.
#[utoipa::path(get, path = "/api/v1/jobs", tag = "jobs", params(
    ("state" = Option<String>, Query, description = "queued, running, waiting, paused, done, failed, cancelled or dead"),
    ("limit" = Option<i64>, Query, description = "1 to 200, 50 unless given"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
    ("starting_after" = Option<String>, Query, description = "an id: those that are older"),
    ("ending_before" = Option<String>, Query, description = "an id: those that are newer, the nearest to it"),
), responses((status = 200, body = JobList), (status = 400, body = ProblemBody)))]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Query(filter): Query<Filter>,
) -> Result<Json<JobList>> {
    let state = filter.state.as_deref().map(parse_state).transpose()?;
    let page = filter.paging.of(&shared.db, &tenant, Listed::Jobs).await?;
    let mut rows = shared.db.jobs(&tenant, state, page).await?;
    let ends = paging::ends(&mut rows, page, |row| row.seq);
    Ok(Json(JobList {
        data: rows.into_iter().map(Job::from).collect(),
        next_cursor: ends.next_cursor,
        has_more: ends.has_more,
    }))
}

/// One job.
#[utoipa::path(get, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path),
    ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, body = Job, headers(("ETag" = String))), (status = 304),
    (status = 404, body = ProblemBody)))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response> {
    shown(&shared, &tenant, &id, &headers).await
}

/// Cancels a job that waits or runs; what it wrote is deleted. Waits up to 2 s for its worker.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/cancel", tag = "jobs", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Job, headers(("ETag" = String))), (status = 404, body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody),
    (status = 409, description = "the job has ended", body = ProblemBody)))]
pub(super) async fn cancel(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
) -> Result<Response> {
    let mut ended = shared.ended();
    let wish = shared.db.cancel_job(&tenant, &id, &wanted).await?;
    granted(wish, &id, "cancelled")?;
    shared.wake_heartbeats();
    let settled = async {
        loop {
            let row = shared.db.job(&tenant, &id).await?;
            if row.is_none_or(|row| row.state.is_final()) {
                return Ok::<(), Problem>(());
            }
            shared.may_have_ended(&mut ended).await;
        }
    };
    // When the worker takes longer, the answer says that the job still runs.
    if let Ok(settled) = tokio::time::timeout(CANCEL_WAIT, settled).await {
        settled?;
    }
    shared.announce();
    if let Some(code) = shared.db.cancelled_code(&tenant, &id).await? {
        let storage = shared.clone();
        super::blocking(move || {
            storage.storage.package(&code).remove()?;
            Ok(storage.storage.parts(&code).remove()?)
        })
        .await?;
    }
    shown(&shared, &tenant, &id, &HeaderMap::new()).await
}

/// Lets a job wait until it is resumed. One that runs puts itself back, and goes on later from what it has written.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/pause", tag = "jobs", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Job, headers(("ETag" = String))), (status = 404, body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody),
    (status = 409, description = "the job has ended", body = ProblemBody)))]
pub(super) async fn pause(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
) -> Result<Response> {
    let wish = shared.db.pause_job(&tenant, &id, &wanted).await?;
    granted(wish, &id, "paused")?;
    shared.wake_heartbeats();
    shown(&shared, &tenant, &id, &HeaderMap::new()).await
}

/// Lets a paused job go on.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/resume", tag = "jobs", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Job, headers(("ETag" = String))), (status = 404, body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody),
    (status = 409, description = "the job has ended", body = ProblemBody)))]
pub(super) async fn resume(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
) -> Result<Response> {
    let wish = shared.db.resume_job(&tenant, &id, &wanted).await?;
    granted(wish, &id, "resumed")?;
    shared.wake_workers();
    shown(&shared, &tenant, &id, &HeaderMap::new()).await
}

/// Puts a job that failed, was cancelled or is dead back into the queue; it keeps its IV seed and its keys.
#[utoipa::path(post, path = "/api/v1/jobs/{id}/retry", tag = "jobs", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    responses((status = 200, body = Job, headers(("ETag" = String))), (status = 404, body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody),
    (status = 409, description = "the job waits, runs, is paused or done", body = ProblemBody)))]
pub(super) async fn retry(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
) -> Result<Response> {
    let wish = shared
        .db
        .retry_job(&tenant, &id, &id::code()?, &wanted)
        .await?;
    granted(wish, &id, "retried")?;
    shared.wake_workers();
    shown(&shared, &tenant, &id, &HeaderMap::new()).await
}

/// Deletes the record of a job that has ended; its package stays.
#[utoipa::path(delete, path = "/api/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path),
    ("If-Match" = Option<String>, Header)),
    responses((status = 204), (status = 404, body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody),
    (status = 409, description = "the job waits or runs", body = ProblemBody)))]
pub(super) async fn delete(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    IfMatch(wanted): IfMatch,
) -> Result<StatusCode> {
    let wish = shared.db.delete_job(&tenant, &id, &wanted).await?;
    granted(wish, &id, "deleted")?;
    Ok(StatusCode::NO_CONTENT)
}

/// One job with its tag.
async fn shown(
    shared: &Shared,
    tenant: &Tenant,
    id: &str,
    headers: &HeaderMap,
) -> Result<Response> {
    let row = shared.db.job(tenant, id).await?;
    let row = row.ok_or_else(|| unknown(id))?;
    let version = row.version;
    etag::tagged(headers, version, &Job::from(row))
}

fn granted(wish: Wish, id: &str, verb: &str) -> Result<()> {
    match wish {
        Wish::Granted => Ok(()),
        Wish::Unknown => Err(unknown(id)),
        Wish::Stale => Err(Problem::stale()),
        Wish::Refused(state) => Err(Problem::conflict(format!(
            "the job is {} and cannot be {verb}",
            state.as_str()
        ))),
    }
}

fn unknown(id: &str) -> Problem {
    Problem::not_found(format_args!("the job {id:?}"))
}

fn parse_state(text: &str) -> Result<JobState> {
    let mut all = JobState::ALL.into_iter();
    all.find(|state| state.as_str() == text).ok_or_else(|| {
        Problem::field(
            "state",
            "must be one of queued, running, waiting, paused, done, failed, cancelled, dead",
        )
    })
}
