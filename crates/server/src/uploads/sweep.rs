//! What goes on without a client: what a predecessor left is taken up, what is abandoned expires.

use super::{Halt, finish, pull};
use crate::ServeError;
use crate::app::Shared;
use crate::clock;
use crate::db::uploads::{Kind, State, Upload};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Longest pause between two looks.
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// Shortest one.
const MIN_PAUSE: Duration = Duration::from_millis(200);
/// When there is work that failed and may go now.
const RETRY: Duration = Duration::from_secs(2);

/// Deletes the files of uploads that no row names. To be called before anything else begins uploads.
pub(crate) async fn resume(shared: &Shared) -> Result<usize, ServeError> {
    let rows = shared.db.unfinished_uploads().await;
    let rows = rows.map_err(|error| ServeError(format!("the database cannot be used: {error}")))?;
    let named: HashSet<&str> = rows.iter().map(|row| row.id.as_str()).collect();
    let sweep = || -> std::io::Result<usize> {
        let mut deleted = 0;
        for id in shared.uploads.incoming.ids()? {
            if !named.contains(id.as_str()) {
                shared.uploads.incoming.remove(&id)?;
                deleted += 1;
            }
        }
        Ok(deleted)
    };
    sweep().map_err(|error| ServeError(format!("the sweep of uploads failed: {error}")))
}

/// Takes up what is unfinished, and lets expire what is abandoned, until the server stops.
pub(crate) async fn start(shared: Arc<Shared>) {
    let mut stopping = shared.stopping();
    let mut retry = RETRY;
    while !*stopping.borrow() {
        let again = look(&shared).await.unwrap_or_else(|error| {
            tracing::error!(?error, "the uploads could not be looked after");
            true
        });
        let pause = if again {
            // What fails for long, a storage that is away say, is asked less and less often.
            let longer = (retry * 2).min(MAX_PAUSE);
            std::mem::replace(&mut retry, longer)
        } else {
            retry = RETRY;
            (shared.uploads.limits.expiry / 4).clamp(MIN_PAUSE, MAX_PAUSE)
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopping.changed() => {}
        }
    }
}

/// One look. Whether something should be tried again soon.
async fn look(shared: &Arc<Shared>) -> Result<bool, Halt> {
    let mut again = false;
    for row in shared.db.unfinished_uploads().await? {
        if !shared.uploads.incoming.has(&row.id) {
            // Another server's, or its bytes were lost; when it is nobody's it expires below.
            continue;
        }
        match (row.state, row.kind) {
            (State::Finishing, _) => again |= take_up(shared, row).await,
            (State::Receiving, Kind::Pull) => pull::go_on(shared, row),
            _ => {}
        }
    }
    for row in shared.db.expired_uploads(clock::now_ms()).await? {
        expire(shared, &row).await?;
    }
    for id in shared.uploads.incoming.ids()? {
        remove_ended(shared, &id).await?;
    }
    Ok(again)
}

/// Removes the bytes of an upload that ended elsewhere: by another server on the same database, or by hand.
async fn remove_ended(shared: &Shared, id: &str) -> Result<(), Halt> {
    let Ok(_holding) = shared.uploads.slots.try_hold(id) else {
        return Ok(());
    };
    let row = shared.db.any_upload(id).await?;
    if row.is_none_or(|row| !matches!(row.state, State::Receiving | State::Finishing)) {
        shared.uploads.incoming.remove(id)?;
        shared.uploads.slots.forget(id);
    }
    Ok(())
}

/// Finishes an upload that a crash or a failure left. Whether it has to be tried again.
async fn take_up(shared: &Arc<Shared>, row: Upload) -> bool {
    let Ok(holding) = shared.uploads.slots.try_hold(&row.id) else {
        return true;
    };
    // The row may be older than the holding.
    match shared.db.any_upload(&row.id).await {
        Ok(Some(row)) if row.state == State::Finishing => {
            if let Err(error) = finish(shared, &row, holding).await {
                tracing::error!(
                    upload = row.id,
                    ?error,
                    "an upload could not be finished yet"
                );
                return true;
            }
            false
        }
        Ok(_) => false,
        Err(_) => true,
    }
}

async fn expire(shared: &Shared, row: &Upload) -> Result<(), Halt> {
    let Ok(_holding) = shared.uploads.slots.try_hold(&row.id) else {
        return Ok(());
    };
    // While it is held nobody adds to it; whether it has really expired is asked of the row itself.
    let until = shared.uploads.expires_at_ms();
    if shared
        .db
        .expire_upload(&row.id, clock::now_ms(), until)
        .await?
    {
        shared.uploads.incoming.remove(&row.id)?;
        tracing::info!(
            upload = row.id,
            received = row.received,
            "an upload expired"
        );
    }
    shared.uploads.slots.forget(&row.id);
    Ok(())
}
