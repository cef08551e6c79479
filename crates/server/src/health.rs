//! What a process needs to do its work: the database, the data folder, the object store, free space, the key file.

use crate::app::Shared;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// A check that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(3);
/// Who asks more often is given the same answer: asking costs a write.
const FRESH: Duration = Duration::from_secs(1);
/// How old the answer of an object store may be: each question is two requests, which cost money.
const STORE_FRESH: Duration = Duration::from_secs(10);

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    name: &'static str,
    /// What is wrong, if anything is.
    pub(crate) problem: Option<String>,
}

/// The newest answer.
#[derive(Debug, Default)]
pub(crate) struct Health {
    newest: Mutex<Option<(Instant, Vec<Check>)>>,
    store: Mutex<Option<(Instant, Result<(), String>)>>,
}

/// Looks at everything, unless that was done a moment ago. A process that is about to stop is not ready.
pub(crate) async fn checks(shared: &Arc<Shared>) -> Vec<Check> {
    let mut newest = shared.health.newest.lock().await;
    let mut checks = match &*newest {
        Some((when, checks)) if when.elapsed() < FRESH => checks.clone(),
        _ => {
            let checks = look(shared).await;
            *newest = Some((Instant::now(), checks.clone()));
            checks
        }
    };
    let stopping = shared
        .stopping()
        .borrow()
        .then(|| "the process is stopping".to_owned());
    checks.push(Check {
        name: "running",
        problem: stopping,
    });
    checks
}

async fn look(shared: &Arc<Shared>) -> Vec<Check> {
    let database = async {
        shared
            .db
            .check_write()
            .await
            .map_err(|error| error.to_string())
    };
    let (folder, space, keys) = (shared.clone(), shared.clone(), shared.clone());
    let (database, folder, store, space, keys) = tokio::join!(
        limited(database),
        blocking(move || write(folder.storage.root())),
        store(shared),
        blocking(move || free(&space)),
        blocking(move || keys.keys.check()),
    );
    let check = |name, result: Result<(), String>| Check {
        name,
        problem: result.err(),
    };
    vec![
        check("database", database),
        check("data folder", folder),
        check("storage", store),
        check("free space", space),
        check("key file", keys),
    ]
}

/// Writes an object and reads it back, unless that was done a moment ago.
async fn store(shared: &Arc<Shared>) -> Result<(), String> {
    let mut newest = shared.health.store.lock().await;
    if let Some((when, answer)) = &*newest
        && when.elapsed() < STORE_FRESH
        // A store that did not answer is asked again: it may be back.
        && answer.is_ok()
    {
        return Ok(());
    }
    let asked = shared.clone();
    let answer = blocking(move || asked.storage.check()).await;
    *newest = Some((Instant::now(), answer.clone()));
    answer
}

/// Writes a file, reads it back and deletes it.
fn write(root: &Path) -> io::Result<()> {
    let path = root.join(format!(".ready-{}", std::process::id()));
    fs::write(&path, b"ready")?;
    let read = fs::read(&path)?;
    fs::remove_file(&path)?;
    match read == b"ready" {
        true => Ok(()),
        false => Err(io::Error::other("what was written was not read back")),
    }
}

/// Looks for the room that uploads leave alone: without it they are refused.
fn free(shared: &Shared) -> io::Result<()> {
    let (free, wanted) = (
        shared.uploads.incoming.free()?,
        shared.uploads.limits.reserve,
    );
    match free >= wanted {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "{free} bytes are free, {wanted} are kept in reserve"
        ))),
    }
}

async fn blocking(work: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), String> {
    limited(async {
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(io::Error::other)
            .flatten()
            .map_err(|error| error.to_string())
    })
    .await
}

async fn limited(check: impl Future<Output = Result<(), String>>) -> Result<(), String> {
    let done = tokio::time::timeout(LIMIT, check).await;
    done.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())))
}
