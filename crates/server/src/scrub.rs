//! The scrub: reads everything that is kept and compares it with what was written.

use crate::ServeError;
use crate::db::Database;
use crate::inventory::{Fault, Item, Place, objects_of};
use crate::storage::Storage;
use serde::Serialize;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Threads that read from an object store, which answers late but many at once.
const REMOTE_THREADS: usize = 16;

/// What a scrub found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ScrubReport {
    /// Objects that were read.
    pub objects: u64,
    /// Their bytes, by what was written.
    pub bytes: u64,
    /// What is not as it was written.
    pub faults: Vec<Fault>,
    /// Packages of which no hashes were recorded, for an older version made them: their ids.
    pub unrecorded: Vec<String>,
}

/// Compares sources and packages with their recorded hashes, beside a server that may run. Blocks.
///
/// # Errors
/// When the database or the storage cannot be used; faults of single objects are in the report.
pub fn scrub(place: &Place) -> Result<ScrubReport, ServeError> {
    crate::blocking_runtime()?.block_on(async {
        let (db, storage) = place.open().await?;
        let report = look(&db, &Arc::new(storage)).await;
        db.close().await;
        report
    })
}

async fn look(db: &Database, storage: &Arc<Storage>) -> Result<ScrubReport, ServeError> {
    let mut report = ScrubReport::default();
    let sources = db.kept_sources().await.map_err(failed)?;
    let items = sources.into_iter().map(Item::from).collect();
    check(storage, items, &mut report).await?;
    for package in db.kept_packages().await.map_err(failed)? {
        let listed = objects_of(storage, &package).await;
        if listed.unrecorded {
            report.unrecorded.push(package.id.clone());
        }
        report.faults.extend(listed.fault);
        check(storage, listed.items, &mut report).await?;
    }
    // A running server deletes things meanwhile, which is no fault.
    let mut faults = Vec::with_capacity(report.faults.len());
    for fault in report.faults {
        if fault.still_counts(db).await.map_err(failed)? {
            faults.push(fault);
        }
    }
    report.faults = faults;
    Ok(report)
}

/// Reads objects on several threads.
async fn check(
    storage: &Arc<Storage>,
    items: Vec<Item>,
    report: &mut ScrubReport,
) -> Result<(), ServeError> {
    report.objects += items.len() as u64;
    report.bytes += items.iter().map(|item| item.recorded.size).sum::<u64>();
    let storage = storage.clone();
    let reading = tokio::task::spawn_blocking(move || faults_of(&storage, &items));
    let faults = reading.await;
    report.faults.extend(
        faults.map_err(|error| ServeError(format!("the scrub hit a fault of its own: {error}")))?,
    );
    Ok(())
}

fn faults_of(storage: &Storage, items: &[Item]) -> Vec<Fault> {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let threads = match storage.is_shared() {
        true => REMOTE_THREADS,
        false => cores,
    };
    let (next, faults) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..threads.min(items.len()) {
            scope.spawn(|| {
                while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(fault) = item.check(storage) {
                        let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
                        faults.push(fault);
                    }
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap_or_else(PoisonError::into_inner);
    faults.sort_by(|one, other| one.key.cmp(&other.key));
    faults
}

fn failed(error: crate::db::Error) -> ServeError {
    ServeError(format!("the database failed: {error}"))
}
