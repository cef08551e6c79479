//! What a process needs to do its work: the database, the data folder, free space, the key file.

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
/// With less free space the process is not ready.
const RESERVE_BYTES: u64 = 64 << 20;

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Check {
    name: &'static str,
    /// What is wrong, if anything is.
    pub(crate) problem: Option<String>,
}

/// The newest answer.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Option<(Instant, Vec<Check>)>>);

/// Looks at everything, unless that was done a moment ago. A process that is about to stop is not ready.
pub(crate) async fn checks(shared: &Arc<Shared>) -> Vec<Check> {
    let mut newest = shared.health.0.lock().await;
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
    let (folder, keys) = (shared.clone(), shared.clone());
    let (database, (write, space), keys) = tokio::join!(
        limited(database),
        async {
            let root = folder.storage.root().to_owned();
            let space = root.clone();
            tokio::join!(
                blocking(move || write(&root)),
                blocking(move || free(&space))
            )
        },
        blocking(move || keys.keys.check()),
    );
    let check = |name, result: Result<(), String>| Check {
        name,
        problem: result.err(),
    };
    vec![
        check("database", database),
        check("data folder", write),
        check("free space", space),
        check("key file", keys),
    ]
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

fn free(root: &Path) -> io::Result<()> {
    let space = rustix::fs::statvfs(root)?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    match free >= RESERVE_BYTES {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "{free} bytes are free, {RESERVE_BYTES} are wanted"
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
