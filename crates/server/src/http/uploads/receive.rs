//! Takes the bytes of one request in.

use crate::access::Tenant;
use crate::app::Shared;
use crate::db::uploads::{State, Upload};
use crate::http::error::{Problem, Result};
use crate::http::slow;
use crate::storage::resumable::Opened;
use crate::uploads::slots::Holding;
use crate::uploads::sum::Sum;
use crate::uploads::{Halt, Writer, finish, most};
use axum::body::Body;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// How long the answer to the last byte waits for the file to be examined; hashing again after a restart takes
/// about a second for each gigabyte.
const EXAMINING: Duration = Duration::from_secs(10);

/// How a body ended.
enum Ended {
    /// As it should.
    Well,
    /// The connection broke, or its encoding.
    Broken,
    /// It came too slowly.
    Slow,
    /// Another request wants the upload.
    Wanted,
    /// The server stops.
    Stopping,
}

/// Appends a body to an upload, at `offset`. Returns the row as it is then, and a problem when the file was refused.
///
/// The work goes on when the client goes away: what came before is recorded.
pub(super) async fn receive(
    shared: &Arc<Shared>,
    tenant: &Tenant,
    id: &str,
    offset: u64,
    sum: Option<Sum>,
    content_length: Option<u64>,
    body: Body,
) -> Result<Upload> {
    let busy = |_| Problem::locked("another request appends to this upload; ask for its offset");
    let (server, tenant, name) = (shared.clone(), tenant.clone(), id.to_owned());
    let held = shared.uploads.slots.hold(id).await.map_err(busy)?;
    let work = async move {
        append(
            &server,
            (&tenant, &name),
            held,
            offset,
            sum,
            content_length,
            body,
        )
        .await
    };
    tokio::spawn(work).await.map_err(Problem::internal)?
}

async fn append(
    shared: &Arc<Shared>,
    (tenant, id): (&Tenant, &str),
    holding: Holding,
    offset: u64,
    sum: Option<Sum>,
    content_length: Option<u64>,
    body: Body,
) -> Result<Upload> {
    let row = super::find(shared, tenant, id).await?;
    if offset != row.received() {
        let text = format!("the offset is {}, not {offset}", row.received);
        return Err(Problem::conflict(text));
    }
    match row.state {
        State::Receiving => {}
        State::Finishing => return examined(shared, row, holding).await,
        _ => return settled(row),
    }
    let most = most(shared, &row).await?;
    let limit = row.length().unwrap_or(most);
    if content_length.is_some_and(|count| offset.saturating_add(count) > limit) {
        return Err(Halt::TooLarge(limit).into());
    }
    let partial = match shared.uploads.incoming.hold(id, row.received())? {
        Opened::Here(partial) => partial,
        Opened::Held => return Err(Problem::locked("another server appends to this upload")),
        Opened::Gone => {
            return Err(Problem::gone(
                "the bytes of this upload are not on this server",
            ));
        }
    };
    let mut writer = Writer::new(shared, &row, holding, (partial, most), sum);
    let ended = copy(shared, &mut writer, body).await;
    let ended = match ended {
        Ok(Ended::Well) => writer.check().await.map(|()| Ended::Well),
        other => other,
    };
    match ended {
        Err(halt @ (Halt::WrongSum | Halt::Gone)) => return Err(halt.into()),
        Err(halt) => {
            // Why it stopped is what the client has to know, even when the rest cannot be kept.
            if let Err(error) = writer.keep().await {
                tracing::warn!(upload = id, ?error, "what came last could not be kept");
            }
            return Err(halt.into());
        }
        Ok(_) => writer.keep().await?,
    }
    let (whole, holding) = (writer.is_whole(), writer.into_holding());
    let row = super::find(shared, tenant, id).await?;
    crash_point!("tus.kept");
    match ended {
        _ if whole => examined(shared, row, holding).await,
        Ok(Ended::Slow) => Err(Problem::too_slow(
            "what came is kept; ask for the offset and go on",
        )),
        Ok(Ended::Broken) => Err(Problem::invalid("the body was cut off; what came is kept")),
        Ok(Ended::Wanted) => Err(Problem::locked(
            "another request took over; what came is kept",
        )),
        Ok(Ended::Stopping) => Err(Problem::stopping_transfer()),
        _ => Ok(row),
    }
}

async fn copy(
    shared: &Shared,
    writer: &mut Writer,
    body: Body,
) -> std::result::Result<Ended, Halt> {
    let mut body = body.into_data_stream();
    let stopped = shared.stopped();
    tokio::pin!(stopped);
    loop {
        let due = writer.record_at();
        let record = async {
            match due {
                Some(due) => sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        let piece = tokio::select! {
            piece = body.next() => piece,
            () = record => {
                writer.record().await?;
                continue;
            }
            () = writer.holding().wanted() => return Ok(Ended::Wanted),
            () = &mut stopped => return Ok(Ended::Stopping),
        };
        match piece {
            None => return Ok(Ended::Well),
            Some(Ok(bytes)) => writer.push(&bytes).await?,
            Some(Err(error)) if slow::is_too_slow(&error) => return Ok(Ended::Slow),
            Some(Err(_)) => return Ok(Ended::Broken),
        }
    }
}

/// Finishes a whole upload and waits for that, but not for ever.
async fn examined(shared: &Arc<Shared>, row: Upload, holding: Holding) -> Result<Upload> {
    let (server, tenant, id) = (shared.clone(), row.tenant_id.clone(), row.id.clone());
    let work = tokio::spawn(async move {
        let done = finish(&server, &row, holding).await;
        if let Err(error) = &done {
            // The bytes are safe; the sweep tries again.
            tracing::error!(
                upload = row.id,
                ?error,
                "an upload could not be finished yet"
            );
        }
    });
    // Whoever asks is told how it stands; the rest is read later.
    let _ = tokio::time::timeout_at(Instant::now() + EXAMINING, work).await;
    settled(super::find(shared, &tenant, &id).await?)
}

fn settled(row: Upload) -> Result<Upload> {
    match row.state {
        State::Refused => Err(Problem::unusable_media(row.error.unwrap_or_default())),
        _ => Ok(row),
    }
}
