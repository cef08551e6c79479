//! Jobs whose workers died: found by what is known of processes, or by leases that ran out, and put back.

use super::jobs::{CANCELLED, JobState, end};
use super::{Database, Result, Transaction, query};

/// A job whose worker died this often is given up.
const MAX_DEATHS: i64 = 3;

const POISON: &str =
    "its worker died three times while it made this package; the log of the worker may say why";

/// A running job, as it was seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Held {
    pub(crate) seq: i64,
    pub(crate) fence: i64,
    pub(crate) lease_until_ms: Option<i64>,
    /// The incarnation of the process that claimed it.
    pub(crate) worker: Option<String>,
    /// The clock of leases at that moment.
    pub(crate) now_ms: i64,
}

impl Held {
    /// Whether the lease ran out, or was told by a clock that was wrong.
    pub(crate) fn has_expired(&self, lease_ms: i64) -> bool {
        self.lease_until_ms
            .is_none_or(|until| until < self.now_ms || until > self.now_ms + 2 * lease_ms)
    }
}

/// What became of the jobs that were taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rescued {
    /// They wait, for a worker or to be resumed.
    pub(crate) waiting: u64,
    /// Cancelled or given up: codes of packages whose files are to be removed.
    pub(crate) ended: Vec<String>,
}

/// How a lease that was not renewed is taken away.
impl Database {
    /// All running jobs.
    pub(crate) async fn held_jobs(&self) -> Result<Vec<Held>> {
        let held = query(
            "SELECT seq, fence, lease_until_ms, worker, {lease_now} AS now_ms \
             FROM jobs WHERE state = 'running'",
        );
        self.all(held).await
    }

    /// Takes jobs back whose workers died, unless something happened to them since they were seen.
    pub(crate) async fn take_back(&self, lost: &[Held]) -> Result<Rescued> {
        self.durable(|tx| async move {
            let mut rescued = Rescued::default();
            for job in lost {
                match take_back_one(&tx, job).await? {
                    None => {}
                    Some((state, code)) if state.is_final() => rescued.ended.push(code),
                    Some(_) => rescued.waiting += 1,
                }
            }
            Ok(rescued)
        })
        .await
    }

    /// Notes the boot in which leases are told from now on; those of another one are void.
    pub(crate) async fn begin_boot(&self, boot_id: &str) -> Result<()> {
        self.durable(|tx| async move {
            let known = query("SELECT boot_id FROM queue WHERE id = 1 {for_update}");
            let (known,): (Option<String>,) = tx.one(known).await?;
            if known.as_deref() == Some(boot_id) {
                return Ok(());
            }
            tx.execute(query(
                "UPDATE jobs SET lease_until_ms = NULL WHERE lease_until_ms IS NOT NULL",
            ))
            .await?;
            tx.execute(query("UPDATE jobs SET run_at_ms = 0 WHERE run_at_ms <> 0"))
                .await?;
            let note = query("UPDATE queue SET boot_id = ? WHERE id = 1");
            tx.execute(note.bind(boot_id)).await?;
            Ok(())
        })
        .await
    }
}

/// Returns the state in which the job is now, and its package's code; `None` when it is not as it was seen.
async fn take_back_one(tx: &Transaction, job: &Held) -> Result<Option<(JobState, String)>> {
    let found = query(
        "SELECT lease_until_ms, deaths, cancel_requested, pause_requested FROM jobs \
         WHERE seq = ? AND fence = ? AND state = 'running' {for_update}",
    );
    let found = found.bind(job.seq).bind(job.fence);
    let found: Option<(Option<i64>, i64, bool, bool)> = tx.optional(found).await?;
    let Some((lease, deaths, cancelled, paused)) = found else {
        return Ok(None);
    };
    if lease != job.lease_until_ms {
        return Ok(None);
    }
    let state = match (cancelled, deaths + 1 >= MAX_DEATHS, paused) {
        (true, ..) => JobState::Cancelled,
        (_, true, _) => JobState::Dead,
        (.., true) => JobState::Paused,
        _ => JobState::Queued,
    };
    let change = query(
        "UPDATE jobs SET state = ?, deaths = deaths + 1, worker = NULL, lease_until_ms = NULL, \
         run_at_ms = 0, pause_requested = FALSE WHERE seq = ?",
    );
    tx.execute(change.bind(state).bind(job.seq)).await?;
    match state {
        JobState::Cancelled => end(tx, job.seq, state, CANCELLED).await?,
        JobState::Dead => end(tx, job.seq, state, POISON).await?,
        _ => {}
    }
    let code = query(
        "SELECT p.code FROM packages p JOIN jobs j ON j.packaged_content_id = p.packaged_content_id \
         WHERE j.seq = ?",
    );
    let (code,) = tx.one(code.bind(job.seq)).await?;
    Ok(Some((state, code)))
}
