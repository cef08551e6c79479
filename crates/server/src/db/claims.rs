//! Claims: what workers do with jobs. A claim is a lease with a fencing token that grows with every claim;
//! every word of a worker about its job checks the token, so who lost the lease cannot publish.

use super::jobs::{CANCELLED, JobState, end};
use super::packages::StoredRendition;
use super::{Database, Result};
use crate::clock;
use sqlx::types::Json;

/// A job whose process died this often is given up.
const MAX_DEATHS: i64 = 3;

const POISON: &str = "the server died three times while it made this package; its log may say why";

/// A job that this worker may run as long as its lease holds.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Claim {
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) packaged_content_id: i64,
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
    /// Takes back every claim of processes that died, when this one starts. Returns how many.
    pub(crate) async fn recover_jobs(&self) -> Result<u64> {
        let mut writers = self.writers().await;
        let mut transaction = writers.durable().await?;
        let found = sqlx::query(
            "UPDATE jobs SET deaths = deaths + 1, worker = NULL, lease_until_ms = NULL, \
             run_at_ms = 0, state = 'queued' WHERE state = 'running'",
        )
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        // The monotonic clock of the process that chose these times is gone.
        sqlx::query("UPDATE jobs SET run_at_ms = 0 WHERE run_at_ms <> 0")
            .execute(&mut *transaction)
            .await?;
        let ended: Vec<(i64, bool)> = sqlx::query_as(
            "SELECT seq, cancel_requested FROM jobs \
             WHERE state = 'queued' AND (cancel_requested OR deaths >= ?)",
        )
        .bind(MAX_DEATHS)
        .fetch_all(&mut *transaction)
        .await?;
        for (seq, cancelled) in ended {
            if cancelled {
                end(&mut transaction, seq, JobState::Cancelled, CANCELLED).await?;
            } else {
                end(&mut transaction, seq, JobState::Failed, POISON).await?;
            }
        }
        transaction.commit().await?;
        Ok(found)
    }

    /// Claims the oldest job that waits, or whose worker let its lease run out.
    pub(crate) async fn claim_job(&self, worker: &str, lease_ms: i64) -> Result<Option<Claim>> {
        let now = clock::monotonic_ms();
        let mut writers = self.writers().await;
        let mut transaction = writers.quick().await?;
        let claim = sqlx::query_as(
            "UPDATE jobs SET state = 'running', worker = ?1, lease_until_ms = ?2, fence = fence + 1, \
             attempts = attempts + 1, started_at_ms = COALESCE(started_at_ms, ?3) \
             WHERE seq = (SELECT seq FROM jobs WHERE (state = 'queued' AND run_at_ms <= ?4) \
             OR (state = 'running' AND lease_until_ms < ?4) ORDER BY seq LIMIT 1) \
             RETURNING seq, id, packaged_content_id, fence, attempts, iv_seed, boot_id",
        )
        .bind(worker)
        .bind(now + lease_ms)
        .bind(clock::now_ms())
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(claim)
    }

    /// Renews a lease and notes the progress (0 to 1) and the newest object of the package.
    pub(crate) async fn heartbeat(
        &self,
        claim: &Claim,
        lease_ms: i64,
        progress: f64,
        newest: Option<&str>,
    ) -> Result<Beat> {
        let mut writers = self.writers().await;
        let mut transaction = writers.quick().await?;
        let cancel: Option<bool> = sqlx::query_scalar(
            "UPDATE jobs SET lease_until_ms = ?, progress = ? \
             WHERE seq = ? AND fence = ? AND state = 'running' RETURNING cancel_requested",
        )
        .bind(clock::monotonic_ms() + lease_ms)
        .bind(progress)
        .bind(claim.seq)
        .bind(claim.fence)
        .fetch_optional(&mut *transaction)
        .await?;
        if cancel.is_some() && newest.is_some() {
            sqlx::query(
                "UPDATE packages SET output_file_path = ?1 \
                 WHERE packaged_content_id = ?2 AND output_file_path IS NOT ?1",
            )
            .bind(newest)
            .bind(claim.packaged_content_id)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(match cancel {
            None => Beat::Lost,
            Some(true) => Beat::CancelRequested,
            Some(false) => Beat::Held,
        })
    }

    /// Notes that the plan is fixed, and the boot in which objects are written from now on.
    pub(crate) async fn set_fragmented(
        &self,
        claim: &Claim,
        renditions: Vec<StoredRendition>,
        warnings: Vec<String>,
        boot_id: Option<&str>,
    ) -> Result<Settled> {
        let mut writers = self.writers().await;
        let mut transaction = writers.quick().await?;
        let held = sqlx::query(
            "UPDATE jobs SET boot_id = ? WHERE seq = ? AND fence = ? AND state = 'running'",
        )
        .bind(boot_id)
        .bind(claim.seq)
        .bind(claim.fence)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if held == 0 {
            return Ok(Settled::Refused);
        }
        sqlx::query(
            "UPDATE packages SET status = 'Fragmented', renditions = ?, warnings = ?, \
             updated_at_ms = ? WHERE packaged_content_id = ?",
        )
        .bind(Json(renditions))
        .bind(Json(warnings))
        .bind(clock::now_ms())
        .bind(claim.packaged_content_id)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Settled::Yes)
    }

    /// Notes that all media are written, `newest` last.
    pub(crate) async fn set_encrypted(&self, claim: &Claim, newest: &str) -> Result<Settled> {
        let mut writers = self.writers().await;
        let mut transaction = writers.quick().await?;
        let held = sqlx::query(
            "UPDATE packages SET status = 'Encrypted', output_file_path = ?, updated_at_ms = ? \
             WHERE packaged_content_id = ? AND EXISTS \
             (SELECT 1 FROM jobs WHERE seq = ? AND fence = ? AND state = 'running')",
        )
        .bind(newest)
        .bind(clock::now_ms())
        .bind(claim.packaged_content_id)
        .bind(claim.seq)
        .bind(claim.fence)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        transaction.commit().await?;
        Ok(settled(held))
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
        let mut writers = self.writers().await;
        let mut transaction = writers.durable().await?;
        let held = sqlx::query(
            "UPDATE jobs SET state = 'done', progress = 1, finished_at_ms = ?, error = NULL, \
             worker = NULL, lease_until_ms = NULL \
             WHERE seq = ? AND fence = ? AND state = 'running' AND NOT cancel_requested",
        )
        .bind(now)
        .bind(claim.seq)
        .bind(claim.fence)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if held == 0 {
            return Ok(Settled::Refused);
        }
        sqlx::query(
            "UPDATE packages SET status = 'Ready', error = NULL, url = ?1, output_file_path = ?2, \
             size = ?3, updated_at_ms = ?4, ready_at_ms = ?4 WHERE packaged_content_id = ?5",
        )
        .bind(url)
        .bind(newest)
        .bind(i64::try_from(size).unwrap_or(i64::MAX))
        .bind(now)
        .bind(claim.packaged_content_id)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Settled::Yes)
    }

    /// Ends a claimed job without a package: failed, with the reason, or cancelled.
    pub(crate) async fn give_up(&self, claim: &Claim, failure: Option<&str>) -> Result<Settled> {
        let mut writers = self.writers().await;
        let mut transaction = writers.durable().await?;
        let held: Option<i64> = sqlx::query_scalar(
            "SELECT seq FROM jobs WHERE seq = ? AND fence = ? AND state = 'running'",
        )
        .bind(claim.seq)
        .bind(claim.fence)
        .fetch_optional(&mut *transaction)
        .await?;
        if held.is_none() {
            return Ok(Settled::Refused);
        }
        let (state, reason) = match failure {
            Some(reason) => (JobState::Failed, reason),
            None => (JobState::Cancelled, CANCELLED),
        };
        end(&mut transaction, claim.seq, state, reason).await?;
        transaction.commit().await?;
        Ok(Settled::Yes)
    }

    /// Puts a claimed job back: after `delay_ms` with the reason why, or at once, uncounted, without one.
    pub(crate) async fn release(
        &self,
        claim: &Claim,
        retry: Option<(&str, i64)>,
    ) -> Result<Settled> {
        let mut writers = self.writers().await;
        let mut transaction = writers.quick().await?;
        let run_at = retry.map_or(0, |(_, delay_ms)| clock::monotonic_ms() + delay_ms);
        let held = sqlx::query(
            "UPDATE jobs SET state = 'queued', worker = NULL, lease_until_ms = NULL, \
             run_at_ms = ?, error = ?, attempts = attempts - ? \
             WHERE seq = ? AND fence = ? AND state = 'running'",
        )
        .bind(run_at)
        .bind(retry.map(|(reason, _)| reason))
        .bind(i64::from(retry.is_none()))
        .bind(claim.seq)
        .bind(claim.fence)
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        transaction.commit().await?;
        Ok(settled(held))
    }
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
