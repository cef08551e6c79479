//! `/api/v1/events`: what happened, as a list and as a stream (server-sent events, HTML standard 9.2).

use super::error::{Problem, ProblemBody, Result};
use super::extract::Query;
use super::paging::{self, Paging};
use super::time::rfc3339;
use crate::access::Tenant;
use crate::app::Shared;
use crate::db::events;
use crate::db::paging::Listed;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, stream};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use utoipa::ToSchema;

/// How many clients may follow the events at once.
const MAX_STREAMS: usize = 256;
/// How often the catalogue is asked for new ones: other processes write them, too.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// How many are read at once.
const BATCH: i64 = 100;

static STREAMS: Semaphore = Semaphore::const_new(MAX_STREAMS);

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Event {
    #[schema(example = "evt_2m8c…")]
    id: String,
    /// `asset.created`, `asset.updated`, `asset.deleted`, `package.ordered`, `package.ready`, `package.failed`, `package.deleted` or
    /// `job.retried`; there may be more.
    r#type: String,
    /// The id of the asset, package or job.
    subject: String,
    /// For people: why something failed.
    detail: Option<String>,
    /// RFC 3339, UTC.
    created_at: String,
}

/// A page of events.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventList {
    data: Vec<Event>,
    /// Give it as `cursor` for the next page; `null` at the end.
    next_cursor: Option<String>,
    /// Whether there is more in the direction that was asked for.
    has_more: bool,
}

/// Which events to list.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    r#type: Option<String>,
    subject: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

impl From<events::Event> for Event {
    fn from(row: events::Event) -> Self {
        Self {
            id: row.id,
            r#type: row.kind,
            subject: row.subject,
            detail: row.detail,
            created_at: rfc3339(row.created_at_ms),
        }
    }
}

/// What happened in the last 90 days, newest first. Asked with `Accept: text/event-stream`, it is a stream of what happens from now on, or
/// behind the event that the header `Last-Event-ID` names.
#[utoipa::path(get, path = "/api/v1/events", tag = "events", params(
    ("type" = Option<String>, Query, description = "those of one type"),
    ("subject" = Option<String>, Query, description = "those about one thing, by its id"),
    ("limit" = Option<i64>, Query, description = "1 to 200, 50 unless given"),
    ("cursor" = Option<String>, Query, description = "next_cursor of the page before"),
    ("starting_after" = Option<String>, Query, description = "an id: those that are older"),
    ("ending_before" = Option<String>, Query, description = "an id: those that are newer, the nearest to it"),
    ("Last-Event-ID" = Option<String>, Header, description = "of a stream: the last event that was seen"),
), responses((status = 200, content((EventList = "application/json"), (String = "text/event-stream"))),
    (status = 400, body = ProblemBody),
    (status = 429, description = "too many streams", body = ProblemBody)))]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response> {
    let accepts = headers.get(header::ACCEPT);
    if accepts.is_some_and(|accepts| accepts.as_bytes().starts_with(b"text/event-stream")) {
        return follow(shared, tenant, filter, &headers).await;
    }
    let page = filter
        .paging
        .of(&shared.db, &tenant, Listed::Events)
        .await?;
    let (kind, subject) = (filter.r#type.as_deref(), filter.subject.as_deref());
    let mut rows = shared.db.events(&tenant, kind, subject, page).await?;
    let ends = paging::ends(&mut rows, page, |row| row.event_id);
    let list = EventList {
        data: rows.into_iter().map(Event::from).collect(),
        next_cursor: ends.next_cursor,
        has_more: ends.has_more,
    };
    Ok(Json(list).into_response())
}

/// Somebody who follows the events.
struct Follower {
    shared: Arc<Shared>,
    tenant: Tenant,
    filter: Filter,
    /// Number of the last event that was looked at.
    last: i64,
    read: VecDeque<events::Event>,
    _permit: SemaphorePermit<'static>,
}

async fn follow(
    shared: Arc<Shared>,
    tenant: Tenant,
    filter: Filter,
    headers: &HeaderMap,
) -> Result<Response> {
    let permit = STREAMS.try_acquire();
    let permit = permit.map_err(|_| Problem::too_many_streams(MAX_STREAMS))?;
    let last = match headers.get("last-event-id") {
        None => shared.db.newest_event(&tenant).await?,
        Some(id) => {
            let id = id.to_str().unwrap_or_default();
            let number = shared.db.number_of(&tenant, Listed::Events, id).await?;
            let unknown = || {
                let text =
                    "names no event of the last 90 days; ask for the list, and follow without it";
                Problem::field("Last-Event-ID", text)
            };
            number.ok_or_else(unknown)?
        }
    };
    let follower = Follower {
        shared,
        tenant,
        filter,
        last,
        read: VecDeque::new(),
        _permit: permit,
    };
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(15));
    let answer = Sse::new(told(follower)).keep_alive(keep_alive);
    // Proxies that gather answers would keep events back.
    let headers = [(header::CACHE_CONTROL, "no-store"), (BUFFERING, "no")];
    Ok((headers, answer).into_response())
}

/// What nginx is told.
const BUFFERING: header::HeaderName = header::HeaderName::from_static("x-accel-buffering");

fn told(follower: Follower) -> impl Stream<Item = std::result::Result<sse::Event, Infallible>> {
    stream::unfold(follower, |mut follower| async move {
        let row = follower.next().await?;
        let event = sse::Event::default().id(&row.id).event(&row.kind);
        // Texts without line breaks are JSON; these always can be written.
        let event = event.json_data(Event::from(row)).ok()?;
        Some((Ok(event), follower))
    })
}

impl Follower {
    /// The next event; `None` when the server stops.
    async fn next(&mut self) -> Option<events::Event> {
        loop {
            while let Some(row) = self.read.pop_front() {
                self.last = row.event_id;
                if self.wants(&row) {
                    return Some(row);
                }
            }
            let found = self.shared.db.events_after(&self.tenant, self.last, BATCH);
            match found.await {
                Ok(rows) if !rows.is_empty() => {
                    self.read = rows.into();
                    continue;
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "events cannot be read just now"),
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_AGAIN) => {}
                () = self.shared.stopped() => return None,
            }
        }
    }

    fn wants(&self, row: &events::Event) -> bool {
        let fits =
            |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
        fits(&self.filter.r#type, &row.kind) && fits(&self.filter.subject, &row.subject)
    }
}
