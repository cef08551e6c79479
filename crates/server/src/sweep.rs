//! The sweep: asks the catalogue what the storage need not keep, at the start and from time to time.

use crate::ServeError;
use crate::app::Shared;
use crate::storage::Known;
use std::sync::Arc;

/// How old a file must be, where other processes write, before it counts as one that nobody will name.
const ORPHAN_AGE_MS: i64 = 24 * 3600 * 1000;

/// Deletes what a predecessor left. Returns how many things.
pub(crate) async fn at_start(shared: &Arc<Shared>) -> Result<usize, ServeError> {
    let swept = async {
        let storage = shared.clone();
        let uploads = blocking(move || storage.storage.sweep_incoming()).await?;
        // In a folder that this process alone holds, whatever is there is a predecessor's.
        let age_ms = if shared.storage.is_shared() {
            ORPHAN_AGE_MS
        } else {
            0
        };
        // Who uses an embedded database is of this machine, and those of another boot of it are gone.
        let temporary_age_ms = match shared.db.is_embedded() {
            true => 0,
            false => ORPHAN_AGE_MS,
        };
        Ok(uploads + once(shared, age_ms, temporary_age_ms).await?)
    };
    let swept: std::io::Result<usize> = swept.await;
    swept.map_err(|error| ServeError(format!("the sweep failed: {error}")))
}

/// Sweeps from time to time until the server stops.
pub(crate) async fn repeat(shared: Arc<Shared>) {
    let mut stopping = shared.stopping();
    loop {
        tokio::select! {
            () = tokio::time::sleep(shared.storage.sweep_every()) => {}
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        if let Err(error) = shared.db.forget_once().await {
            tracing::warn!(%error, "answers of named requests are kept for longer than they should");
        }
        match once(&shared, ORPHAN_AGE_MS, ORPHAN_AGE_MS).await {
            Ok(0) => {}
            Ok(swept) => tracing::info!(swept, "deleted what nothing names"),
            Err(error) => tracing::warn!(%error, "the sweep failed; it comes again"),
        }
    }
}

/// Passes over what could not be deleted at once: its row is gone, so the sweep deletes it.
pub(crate) fn settle(what: &str, removed: std::io::Result<()>) {
    if let Err(error) = removed {
        tracing::warn!(what, %error, "objects stay until the sweep deletes them");
    }
}

/// Deletes what nothing names and is at least so old; temporary files of this boot whatever their age, when their process
/// is gone.
async fn once(shared: &Arc<Shared>, age_ms: i64, temporary_age_ms: i64) -> std::io::Result<usize> {
    let storage = shared.clone();
    let candidates = blocking(move || storage.storage.candidates(age_ms)).await?;
    let known = async {
        Ok::<_, crate::db::Error>(Known {
            origins: shared.db.origins().await?,
            codes: shared.db.codes_with_files().await?,
            failed: shared.db.failed_codes().await?,
            unfinished: shared.db.unfinished_codes().await?,
        })
    };
    let known = known.await.map_err(std::io::Error::other)?;
    let storage = shared.clone();
    blocking(move || {
        let temporary = storage.storage.sweep_temporary(temporary_age_ms)?;
        Ok(temporary + storage.storage.sweep(&candidates, &known)?)
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(std::io::Error::other)?
}
