//! Parts of a package: jobs of their own, which make what the packaging then reads. The package's job, which is part 0,
//! waits for them.

use super::claims::{Claim, Settled, holds};
use super::jobs::JobState;
use super::{Database, Result, Transaction, query};
use crate::clock;

/// A part that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewPart {
    /// Id of its job.
    pub(crate) id: String,
    /// What is to be made (JSON).
    pub(crate) task: String,
    /// How much work it is beside the others; at least 1.
    pub(crate) weight: i64,
}

/// How far a part is.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub(crate) struct Part {
    /// What is made (JSON).
    pub(crate) task: String,
    pub(crate) state: JobState,
    /// 0 to 1.
    pub(crate) progress: f64,
    pub(crate) weight: i64,
    /// What came of it (JSON), once it is done.
    pub(crate) made: Option<String>,
}

impl Database {
    /// Lets the claimed job of a package wait for parts, which are queued; notes what was decided about the source (JSON).
    pub(crate) async fn split(
        &self,
        claim: &Claim,
        preparation: &str,
        parts: &[NewPart],
    ) -> Result<Settled> {
        self.durable(|tx| async move {
            let held = query(
                "UPDATE jobs SET state = 'waiting', attempts = 0, deaths = 0, error = NULL, worker = NULL, \
                 lease_until_ms = NULL \
                 WHERE seq = ? AND fence = ? AND state = 'running' AND NOT cancel_requested",
            );
            let held = held.bind(claim.seq).bind(claim.fence);
            if tx.execute(held).await? == 0 {
                return Ok(Settled::Refused);
            }
            let number = claim.packaged_content_id;
            let decided = query("UPDATE packages SET preparation = ?, updated_at_ms = ? WHERE packaged_content_id = ?");
            let now = clock::now_ms();
            tx.execute(decided.bind(preparation).bind(now).bind(number)).await?;
            let last = query("SELECT MAX(part) FROM jobs WHERE packaged_content_id = ?").bind(number);
            // Those that were made before stay.
            let last = tx.one::<(i64,)>(last).await?.0;
            for (part, new) in (last + 1..).zip(parts) {
                let job = query(
                    "INSERT INTO jobs (id, tenant_id, kind, packaged_content_id, part, task, weight, state, turn, iv_seed, \
                     created_at_ms) \
                     SELECT ?, tenant_id, 'part', packaged_content_id, ?, ?, ?, 'queued', turn, iv_seed, ? FROM jobs \
                     WHERE seq = ?",
                );
                let job = job.bind(&new.id).bind(part).bind(&new.task);
                let job = job.bind(new.weight.max(1)).bind(now);
                tx.execute(job.bind(claim.seq)).await?;
            }
            // Who wants it to pause said so while it ran.
            let paused = query("SELECT pause_requested FROM jobs WHERE seq = ?");
            if tx.one::<(bool,)>(paused.bind(claim.seq)).await?.0 {
                pause(&tx, claim.seq).await?;
            }
            Ok(Settled::Yes)
        })
        .await
    }

    /// Notes, durably, that a claimed part is made, and what came of it (JSON). With the last one the package's job is queued.
    pub(crate) async fn finish_part(&self, claim: &Claim, made: &str) -> Result<Settled> {
        self.durable(|tx| async move {
            let number = claim.packaged_content_id;
            // Of two last parts, the second one waits here for the first.
            let whole = query("SELECT seq FROM jobs WHERE packaged_content_id = ? AND part = 0 {for_update}");
            let whole: Option<(i64,)> = tx.optional(whole.bind(number)).await?;
            let (Some((whole,)), true) = (whole, holds(&tx, claim).await?) else {
                return Ok(Settled::Refused);
            };
            let done = query(
                "UPDATE jobs SET state = 'done', progress = 1, made = ?, finished_at_ms = ?, error = NULL, worker = NULL, \
                 lease_until_ms = NULL WHERE seq = ? AND NOT cancel_requested",
            );
            if tx.execute(done.bind(made).bind(clock::now_ms()).bind(claim.seq)).await? == 0 {
                return Ok(Settled::Refused);
            }
            if unfinished(&tx, number).await? == 0 {
                let go_on = query("UPDATE jobs SET state = 'queued', run_at_ms = 0 WHERE seq = ? AND state = 'waiting'");
                tx.execute(go_on.bind(whole)).await?;
            }
            Ok(Settled::Yes)
        })
        .await
    }

    /// The parts of a package, in order; none when it needs none.
    pub(crate) async fn parts(&self, package: i64) -> Result<Vec<Part>> {
        let found = query(
            "SELECT task, state, progress, weight, made FROM jobs WHERE packaged_content_id = ? AND part > 0 ORDER BY part",
        );
        self.all(found.bind(package)).await
    }
}

/// Lets the parts of a waiting job pause, and it with them.
pub(super) async fn pause(tx: &Transaction, seq: i64) -> Result<()> {
    let number = package_of(tx, seq).await?;
    let running = query(
        "UPDATE jobs SET pause_requested = TRUE \
         WHERE packaged_content_id = ? AND part > 0 AND state = 'running'",
    );
    tx.execute(running.bind(number)).await?;
    let queued = query(
        "UPDATE jobs SET state = 'paused', pause_requested = FALSE WHERE packaged_content_id = ? \
         AND (part = 0 OR state = 'queued')",
    );
    tx.execute(queued.bind(number)).await?;
    Ok(())
}

/// Lets a paused job go on: by its parts, if some are not made.
pub(super) async fn resume(tx: &Transaction, seq: i64) -> Result<()> {
    let number = package_of(tx, seq).await?;
    let paused = query(
        "UPDATE jobs SET state = 'queued', run_at_ms = 0 \
         WHERE packaged_content_id = ? AND part > 0 AND state = 'paused'",
    );
    tx.execute(paused.bind(number)).await?;
    let running = query(
        "UPDATE jobs SET pause_requested = FALSE \
         WHERE packaged_content_id = ? AND part > 0 AND state = 'running'",
    );
    tx.execute(running.bind(number)).await?;
    let state = match unfinished(tx, number).await? {
        0 => JobState::Queued,
        _ => JobState::Waiting,
    };
    let whole = query("UPDATE jobs SET state = ?, run_at_ms = 0 WHERE seq = ?");
    tx.execute(whole.bind(state).bind(seq)).await?;
    Ok(())
}

/// Deletes the parts of a job that has ended; who still makes one finds that it is gone.
pub(super) async fn forget(tx: &Transaction, seq: i64) -> Result<()> {
    let number = package_of(tx, seq).await?;
    let parts = query("DELETE FROM jobs WHERE packaged_content_id = ? AND part > 0");
    tx.execute(parts.bind(number)).await?;
    Ok(())
}

/// Stops what is left of the parts of a job that ended.
pub(super) async fn stop(tx: &Transaction, seq: i64, now: i64) -> Result<()> {
    let number = package_of(tx, seq).await?;
    let waiting = query(
        "UPDATE jobs SET state = 'cancelled', finished_at_ms = ? \
         WHERE packaged_content_id = ? AND part > 0 AND state IN ('queued', 'paused')",
    );
    tx.execute(waiting.bind(now).bind(number)).await?;
    let running = query(
        "UPDATE jobs SET cancel_requested = TRUE \
         WHERE packaged_content_id = ? AND part > 0 AND state = 'running'",
    );
    tx.execute(running.bind(number)).await?;
    Ok(())
}

/// The package's job when it must end because this one, itself or a part, ended so.
///
/// A part that was cancelled was so because the whole ended before it.
pub(super) async fn whole(tx: &Transaction, seq: i64, state: JobState) -> Result<Option<i64>> {
    let number = package_of(tx, seq).await?;
    let found = query(
        "SELECT seq, state FROM jobs WHERE packaged_content_id = ? AND part = 0 {for_update}",
    );
    let found: Option<(i64, JobState)> = tx.optional(found.bind(number)).await?;
    Ok(found
        .filter(|(whole, of_whole)| {
            *whole == seq || !of_whole.is_final() && state != JobState::Cancelled
        })
        .map(|(whole, _)| whole))
}

async fn package_of(tx: &Transaction, seq: i64) -> Result<i64> {
    let number = query("SELECT packaged_content_id FROM jobs WHERE seq = ?");
    Ok(tx.one::<(i64,)>(number.bind(seq)).await?.0)
}

async fn unfinished(tx: &Transaction, package: i64) -> Result<i64> {
    let left = query(
        "SELECT COUNT(*) FROM jobs WHERE packaged_content_id = ? AND part > 0 AND state <> 'done'",
    );
    Ok(tx.one::<(i64,)>(left.bind(package)).await?.0)
}
