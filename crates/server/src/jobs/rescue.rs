//! Takes jobs back whose workers died: at once where the process is known to be gone, else when its lease ran out.

use super::incarnation::Census;
use super::{lease_ms, package};
use crate::app::Shared;
use crate::db;
use crate::db::rescue::{Held, Rescued};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How often a process looks for jobs of the dead.
const ROUND: Duration = Duration::from_secs(1);

/// Leases that had run out when they were last seen, by job and fence.
type Suspects = HashMap<(i64, i64), Option<i64>>;

/// Looks for jobs of the dead until the process stops.
pub(super) async fn watch(shared: Arc<Shared>) {
    let mut stopping = shared.stopping();
    let mut suspects = Suspects::new();
    let mut rounds = tokio::time::interval(ROUND);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !*stopping.borrow() {
        tokio::select! {
            _ = rounds.tick() => {}
            _ = stopping.changed() => return,
        }
        match round(&shared, &mut suspects).await {
            Ok(rescued) if rescued == Rescued::default() => {}
            Ok(rescued) => {
                let (waiting, ended) = (rescued.waiting, rescued.ended.len());
                tracing::warn!(waiting, ended, "workers died; their jobs are taken back");
            }
            Err(error) => tracing::warn!(%error, "nobody could look for jobs of dead workers"),
        }
    }
}

/// Takes back the jobs of processes that are known to be dead, as a server does before it serves.
pub(crate) async fn once(shared: &Arc<Shared>) -> db::Result<Rescued> {
    round(shared, &mut Suspects::new()).await
}

/// One look. A lease that ran out is taken away at the second one, if nobody renewed it since the first: when the
/// database was away, or its clock was set, all leases seem to have run out, and the living renew theirs first.
async fn round(shared: &Arc<Shared>, suspects: &mut Suspects) -> db::Result<Rescued> {
    let held = shared.db.held_jobs().await?;
    let scratch = shared.storage.scratch_owners().map_err(db::Error::Io)?;
    // After the jobs: who claimed one that is in the list, or has a scratch folder, was entered before.
    let census = shared.incarnation.census().map_err(db::Error::Io)?;
    let embedded = shared.db.is_embedded();
    let expired: Suspects = held
        .iter()
        .filter(|job| job.has_expired(lease_ms()))
        .map(|job| ((job.seq, job.fence), job.lease_until_ms))
        .collect();
    let is_lost = |job: &Held| {
        let key = (job.seq, job.fence);
        let unmoved = expired.contains_key(&key) && suspects.get(&key) == Some(&job.lease_until_ms);
        unmoved || is_dead(job, &census, embedded)
    };
    let lost: Vec<Held> = held.iter().filter(|job| is_lost(job)).cloned().collect();
    *suspects = expired;
    let rescued = match lost.is_empty() {
        true => Rescued::default(),
        false => {
            shared.metrics.lost(lost.len());
            shared.db.take_back(&lost).await?
        }
    };
    shared
        .incarnation
        .forget(&census.dead)
        .map_err(db::Error::Io)?;
    for owner in scratch
        .iter()
        .filter(|owner| !census.alive.contains(*owner))
    {
        shared
            .storage
            .remove_scratch(owner)
            .map_err(db::Error::Io)?;
    }
    if rescued.waiting > 0 {
        package::remove_temporary(shared).await;
        shared.wake_workers();
    }
    for code in &rescued.ended {
        package::remove_files(shared, code).await;
        shared.announce();
    }
    Ok(rescued)
}

/// Whether the process that holds a job is gone for sure.
fn is_dead(job: &Held, census: &Census, embedded: bool) -> bool {
    match &job.worker {
        // Whoever uses an embedded database is a process of this machine, and has its file here.
        Some(worker) if embedded => !census.alive.contains(worker),
        Some(worker) => census.dead.contains(worker),
        None => embedded,
    }
}
