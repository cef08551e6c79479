//! Claims: what workers do with jobs. A claim is a lease with a fencing token that grows with every claim;
//! every word of a worker about its job checks the token, so who lost the lease cannot publish.

use super::events::EventKind;
use super::jobs::{CANCELLED, JobState, end, note_package};
use super::packages::{StoredRendition, set_renditions};
use super::{Database, Result, Transaction, query, storage};
use crate::clock;

/// A pause between two attempts is never longer: what waits longer was told by a clock that was wrong.
pub(crate) const MAX_PAUSE_MS: i64 = 300_000;

/// A job that this worker may run as long as its lease holds.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Claim {
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) packaged_content_id: i64,
    /// 0 when it makes the package; else which of its parts.
    pub(crate) part: i64,
    /// Of a part: what is to be made (JSON).
    pub(crate) task: Option<String>,
    /// Where the package's files go.
    pub(crate) code: String,
    /// Grows with every claim of the job.
    pub(crate) fence: i64,
    /// This attempt's number, from 1.
    pub(crate) attempts: i64,
    pub(crate) iv_seed: Vec<u8>,
    /// The boot in which an earlier attempt wrote objects.
    pub(crate) boot_id: Option<String>,
}

/// What a heartbeat learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beat {
    /// The lease holds for longer.
    Held,
    /// Somebody wants the job to stop.
    CancelRequested,
    /// Somebody wants the job to wait.
    PauseRequested,
    /// Another worker has the job, or it is gone.
    Lost,
}

/// What a publish, or another last word of a worker, came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is written.
    Yes,
    /// The lease was lost, or the job cancelled: nothing was written.
    Refused,
}

/// What workers do with jobs.
impl Database {
    /// Claims the job whose turn it is, unless the queue is paused. `worker` is the incarnation of a process.
    pub(crate) async fn claim_job(&self, worker: &str, lease_ms: i64) -> Result<Option<Claim>> {
        self.quick(|tx| async move {
            let free = query(
                "SELECT seq FROM jobs WHERE state = 'queued' \
                 AND (run_at_ms <= {lease_now} OR run_at_ms > {lease_now} + ?) \
                 AND NOT EXISTS (SELECT 1 FROM queue WHERE paused) \
                 ORDER BY turn, packaged_content_id, part LIMIT 1 {skip_locked}",
            );
            let free = free.bind(2 * MAX_PAUSE_MS);
            let Some((seq,)) = tx.optional::<(i64,)>(free).await? else {
                return Ok(None);
            };
            let claim = query(
                "UPDATE jobs SET state = 'running', worker = ?, lease_until_ms = {lease_now} + ?, \
                 fence = fence + 1, attempts = attempts + 1, \
                 started_at_ms = COALESCE(started_at_ms, ?) WHERE seq = ?",
            );
            let claim = claim.bind(worker).bind(lease_ms).bind(clock::now_ms());
            tx.execute(claim.bind(seq)).await?;
            let claimed = query(
                "SELECT j.seq, j.id, j.packaged_content_id, j.part, j.task, p.code, j.fence, j.attempts, \
                 j.iv_seed, j.boot_id FROM jobs j \
                 JOIN packages p ON p.packaged_content_id = j.packaged_content_id WHERE j.seq = ?",
            );
            tx.optional(claimed.bind(seq)).await
        })
        .await
    }

    /// Renews a lease and notes the progress (0 to 1) and the newest object of the package.
    pub(crate) async fn heartbeat(
        &self,
        claim: &Claim,
        lease_ms: i64,
        progress: f64,
        newest: Option<&str>,
    ) -> Result<Beat> {
        self.quick(|tx| async move {
            let held = query(
                "UPDATE jobs SET lease_until_ms = {lease_now} + ?, progress = ? \
                 WHERE seq = ? AND fence = ? AND state = 'running'",
            );
            let held = held.bind(lease_ms).bind(progress);
            if tx.execute(held.bind(claim.seq).bind(claim.fence)).await? == 0 {
                return Ok(Beat::Lost);
            }
            if let Some(newest) = newest {
                let package = query(
                    "UPDATE packages SET output_file_path = ? WHERE packaged_content_id = ? \
                     AND (output_file_path IS NULL OR output_file_path <> ?)",
                );
                let package = package.bind(newest).bind(claim.packaged_content_id);
                tx.execute(package.bind(newest)).await?;
            }
            let wish = query("SELECT cancel_requested, pause_requested FROM jobs WHERE seq = ?");
            Ok(match tx.one::<(bool, bool)>(wish.bind(claim.seq)).await? {
                (true, _) => Beat::CancelRequested,
                (false, true) => Beat::PauseRequested,
                (false, false) => Beat::Held,
            })
        })
        .await
    }

    /// Notes that the plan is fixed, and the boot in which objects are written from now on.
    pub(crate) async fn set_fragmented(
        &self,
        claim: &Claim,
        renditions: &[StoredRendition],
        warnings: &[String],
        boot_id: Option<&str>,
    ) -> Result<Settled> {
        self.quick(|tx| async move {
            let held = query(
                "UPDATE jobs SET boot_id = ? WHERE seq = ? AND fence = ? AND state = 'running'",
            );
            let held = held.bind(boot_id).bind(claim.seq).bind(claim.fence);
            if tx.execute(held).await? == 0 {
                return Ok(Settled::Refused);
            }
            let package = query(
                "UPDATE packages SET status = 'Fragmented', warnings = ?, updated_at_ms = ? \
                 WHERE packaged_content_id = ?",
            );
            let (now, number) = (clock::now_ms(), claim.packaged_content_id);
            let package = package.bind_json(warnings).bind(now).bind(number);
            tx.execute(package).await?;
            set_renditions(&tx, number, renditions, now).await?;
            Ok(Settled::Yes)
        })
        .await
    }

    /// Notes that all media are written, `newest` last.
    pub(crate) async fn set_encrypted(&self, claim: &Claim, newest: &str) -> Result<Settled> {
        self.quick(|tx| async move {
            if !holds(&tx, claim).await? {
                return Ok(Settled::Refused);
            }
            let package = query(
                "UPDATE packages SET status = 'Encrypted', output_file_path = ?, updated_at_ms = ? \
                 WHERE packaged_content_id = ?",
            );
            let package = package.bind(newest).bind(clock::now_ms());
            tx.execute(package.bind(claim.packaged_content_id)).await?;
            Ok(Settled::Yes)
        })
        .await
    }

    /// Publishes the package, durably, if the lease still holds and nobody cancelled the job.
    pub(crate) async fn publish(
        &self,
        claim: &Claim,
        url: &str,
        newest: &str,
        size: u64,
    ) -> Result<Settled> {
        let now = clock::now_ms();
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        self.durable(|tx| async move {
            let held = query(
                "UPDATE jobs SET state = 'done', progress = 1, finished_at_ms = ?, error = NULL, \
                 worker = NULL, lease_until_ms = NULL \
                 WHERE seq = ? AND fence = ? AND state = 'running' AND NOT cancel_requested",
            );
            let held = held.bind(now).bind(claim.seq).bind(claim.fence);
            if tx.execute(held).await? == 0 {
                return Ok(Settled::Refused);
            }
            let package = query(
                "UPDATE packages SET status = 'Ready', error = NULL, url = ?, output_file_path = ?, \
                 size = ?, updated_at_ms = ?, ready_at_ms = ? WHERE packaged_content_id = ?",
            );
            let package = package.bind(url).bind(newest).bind(size).bind(now).bind(now);
            let number = claim.packaged_content_id;
            tx.execute(package.bind(number)).await?;
            storage::replace(&tx, number, now).await?;
            note_package(&tx, EventKind::PackageReady, number, None).await?;
            crash_point!("publish.before-commit");
            Ok(Settled::Yes)
        })
        .await
    }

    /// Ends a claimed job without a package: failed, with the reason, or cancelled.
    pub(crate) async fn give_up(&self, claim: &Claim, failure: Option<&str>) -> Result<Settled> {
        let (state, reason) = match failure {
            Some(reason) => (JobState::Failed, reason),
            None => (JobState::Cancelled, CANCELLED),
        };
        self.durable(|tx| async move {
            if !holds(&tx, claim).await? {
                return Ok(Settled::Refused);
            }
            end(&tx, claim.seq, state, reason).await?;
            Ok(Settled::Yes)
        })
        .await
    }

    /// Puts a claimed job back: after `delay_ms` with the reason why, or at once, uncounted, without one.
    ///
    /// It waits there if somebody wants it to pause.
    pub(crate) async fn release(
        &self,
        claim: &Claim,
        retry: Option<(&str, i64)>,
    ) -> Result<Settled> {
        self.quick(|tx| async move {
            let held = query(
                "UPDATE jobs SET state = CASE WHEN pause_requested THEN 'paused' ELSE 'queued' END, \
                 pause_requested = FALSE, worker = NULL, lease_until_ms = NULL, \
                 run_at_ms = {lease_now} + ?, error = ?, attempts = attempts - ? \
                 WHERE seq = ? AND fence = ? AND state = 'running'",
            );
            let held = held
                .bind(retry.map_or(0, |(_, delay_ms)| delay_ms))
                .bind(retry.map(|(reason, _)| reason))
                .bind(i64::from(retry.is_none()));
            let held = tx.execute(held.bind(claim.seq).bind(claim.fence)).await?;
            Ok(settled(held))
        })
        .await
    }
}

/// Whether the lease of a claim still holds; until the transaction ends nobody else takes it.
pub(super) async fn holds(tx: &Transaction, claim: &Claim) -> Result<bool> {
    let held = query(
        "SELECT seq FROM jobs WHERE seq = ? AND fence = ? AND state = 'running' {for_update}",
    );
    let held = held.bind(claim.seq).bind(claim.fence);
    Ok(tx.optional::<(i64,)>(held).await?.is_some())
}

fn settled(rows: u64) -> Settled {
    if rows == 0 {
        Settled::Refused
    } else {
        Settled::Yes
    }
}

#[cfg(test)]
mod tests;
