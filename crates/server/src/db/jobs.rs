//! Jobs, as clients see them and change them. What workers do with them is in `claims`.

use super::events::{self, EventKind};
use super::{Database, Page, Result, Transaction, query, words};
use crate::clock;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobState {
    /// Waits for a worker.
    Queued,
    /// A worker holds its lease.
    Running,
    /// Its package is published.
    Done,
    /// Given up; `error` says why.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub(crate) const ALL: [Self; 5] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// The word that clients see.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether no worker will touch the job any more.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

words!(JobState);

/// A row of `jobs`, with the ids of its package and asset.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Job {
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) package_id: String,
    pub(crate) asset_id: String,
    pub(crate) state: JobState,
    pub(crate) progress: f64,
    pub(crate) attempts: i64,
    pub(crate) error: Option<String>,
    pub(crate) created_at_ms: i64,
    pub(crate) started_at_ms: Option<i64>,
    pub(crate) finished_at_ms: Option<i64>,
}

/// What became of a wish about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Done, or under way.
    Granted,
    /// There is no such job.
    Unknown,
    /// The job is in this state, in which it cannot be.
    Refused(JobState),
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT j.seq, j.id, j.kind, p.id AS package_id, a.id AS asset_id, \
             j.state, j.progress, j.attempts, j.error, j.created_at_ms, j.started_at_ms, \
             j.finished_at_ms FROM jobs j \
             JOIN packages p ON p.packaged_content_id = j.packaged_content_id \
             JOIN assets a ON a.input_content_id = p.input_content_id ",
            $tail
        )
    };
}

/// What clients ask about jobs.
impl Database {
    /// A job by its id.
    pub(crate) async fn job(&self, id: &str) -> Result<Option<Job>> {
        self.optional(query(select!("WHERE j.id = ?")).bind(id))
            .await
    }

    /// A page of the jobs, of all or of one state, newest first.
    pub(crate) async fn jobs(&self, state: Option<JobState>, page: Page) -> Result<Vec<Job>> {
        let found = query(select!(
            "WHERE j.seq < ? AND (? IS NULL OR j.state = ?) ORDER BY j.seq DESC LIMIT ?"
        ));
        let found = found.bind(page.before).bind(state).bind(state);
        self.all(found.bind(page.limit)).await
    }

    /// Stops a job: at once when it waits, by a flag for its worker when it runs.
    pub(crate) async fn cancel_job(&self, id: &str) -> Result<Wish> {
        self.durable(|tx| async move {
            match state_of(&tx, id).await? {
                None => return Ok(Wish::Unknown),
                Some((seq, JobState::Queued)) => {
                    end(&tx, seq, JobState::Cancelled, CANCELLED).await?;
                }
                Some((seq, JobState::Running)) => {
                    let flag = query("UPDATE jobs SET cancel_requested = TRUE WHERE seq = ?");
                    tx.execute(flag.bind(seq)).await?;
                }
                Some((_, state)) => return Ok(Wish::Refused(state)),
            }
            Ok(Wish::Granted)
        })
        .await
    }

    /// Puts a job that failed or was cancelled back into the queue, with its count of attempts at zero.
    pub(crate) async fn retry_job(&self, id: &str) -> Result<Wish> {
        self.durable(|tx| async move {
            let seq = match state_of(&tx, id).await? {
                None => return Ok(Wish::Unknown),
                Some((seq, JobState::Failed | JobState::Cancelled)) => seq,
                Some((_, state)) => return Ok(Wish::Refused(state)),
            };
            let job = query(
                "UPDATE jobs SET state = 'queued', progress = 0, attempts = 0, deaths = 0, \
                 error = NULL, cancel_requested = FALSE, run_at_ms = 0, started_at_ms = NULL, \
                 finished_at_ms = NULL WHERE seq = ?",
            );
            tx.execute(job.bind(seq)).await?;
            let package = query(
                "UPDATE packages SET status = 'Ingested', error = NULL, updated_at_ms = ? \
                 WHERE packaged_content_id = (SELECT packaged_content_id FROM jobs WHERE seq = ?)",
            );
            tx.execute(package.bind(clock::now_ms()).bind(seq)).await?;
            events::note(&tx, EventKind::JobRetried, id, None).await?;
            Ok(Wish::Granted)
        })
        .await
    }

    /// Deletes the record of a job that has ended; its package stays.
    pub(crate) async fn delete_job(&self, id: &str) -> Result<Wish> {
        self.durable(|tx| async move {
            match state_of(&tx, id).await? {
                None => Ok(Wish::Unknown),
                Some((_, state)) if !state.is_final() => Ok(Wish::Refused(state)),
                Some((seq, _)) => {
                    tx.execute(query("DELETE FROM jobs WHERE seq = ?").bind(seq))
                        .await?;
                    Ok(Wish::Granted)
                }
            }
        })
        .await
    }
}

/// Why a package of a cancelled job failed.
pub(super) const CANCELLED: &str = "the packaging was cancelled";

async fn state_of(tx: &Transaction, id: &str) -> Result<Option<(i64, JobState)>> {
    let found = query("SELECT seq, state FROM jobs WHERE id = ? {for_update}");
    tx.optional(found.bind(id)).await
}

/// Ends a job; its package counts as failed, for there will be none.
pub(super) async fn end(tx: &Transaction, seq: i64, state: JobState, reason: &str) -> Result<()> {
    let now = clock::now_ms();
    // What a client reads as the job's error is why it failed; a cancelled job did not fail.
    let error = (state == JobState::Failed).then_some(reason);
    let job = query(
        "UPDATE jobs SET state = ?, error = ?, finished_at_ms = ?, worker = NULL, \
         lease_until_ms = NULL WHERE seq = ?",
    );
    tx.execute(job.bind(state).bind(error).bind(now).bind(seq))
        .await?;
    let package = query(
        "UPDATE packages SET status = 'Failed', error = ?, output_file_path = NULL, updated_at_ms = ? \
         WHERE packaged_content_id = (SELECT packaged_content_id FROM jobs WHERE seq = ?)",
    );
    tx.execute(package.bind(reason).bind(now).bind(seq)).await?;
    let number = query("SELECT packaged_content_id FROM jobs WHERE seq = ?");
    let (number,): (i64,) = tx.one(number.bind(seq)).await?;
    note_package(tx, EventKind::PackageFailed, number, Some(reason)).await
}

/// Notes that something happened to a package.
pub(super) async fn note_package(
    tx: &Transaction,
    kind: EventKind,
    number: i64,
    detail: Option<&str>,
) -> Result<()> {
    let id = query("SELECT id FROM packages WHERE packaged_content_id = ?");
    let (id,): (String,) = tx.one(id.bind(number)).await?;
    events::note(tx, kind, &id, detail).await
}
