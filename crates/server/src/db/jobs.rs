//! Jobs, as clients see them and change them. What workers do with them is in `claims`.

use super::{Database, Page, Result, json_list};
use crate::clock;
use sqlx::{Sqlite, Transaction};

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::Type)]
#[sqlx(rename_all = "lowercase")]
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

/// A row of `jobs`, with the ids of its package and asset.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Job {
    pub(crate) seq: i64,
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) packaged_content_id: i64,
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
            "SELECT j.seq, j.id, j.kind, j.packaged_content_id, p.id AS package_id, a.id AS asset_id, \
             j.state, j.progress, j.attempts, j.error, j.created_at_ms, j.started_at_ms, \
             j.finished_at_ms FROM jobs j JOIN packages p USING (packaged_content_id) \
             JOIN assets a USING (input_content_id) ",
            $tail
        )
    };
}

/// What clients ask about jobs.
impl Database {
    /// A job by its id.
    pub(crate) async fn job(&self, id: &str) -> Result<Option<Job>> {
        sqlx::query_as(select!("WHERE j.id = ?"))
            .bind(id)
            .fetch_optional(&self.readers)
            .await
    }

    /// A page of the jobs, of all or of one state, newest first.
    pub(crate) async fn jobs(&self, state: Option<JobState>, page: Page) -> Result<Vec<Job>> {
        sqlx::query_as(select!(
            "WHERE j.seq < ?1 AND (?2 IS NULL OR j.state = ?2) ORDER BY j.seq DESC LIMIT ?3"
        ))
        .bind(page.before)
        .bind(state)
        .bind(page.limit)
        .fetch_all(&self.readers)
        .await
    }

    /// The jobs of these packages.
    pub(crate) async fn jobs_of(&self, packages: impl Iterator<Item = i64>) -> Result<Vec<Job>> {
        sqlx::query_as(select!(
            "WHERE j.packaged_content_id IN (SELECT value FROM json_each(?))"
        ))
        .bind(json_list(packages))
        .fetch_all(&self.readers)
        .await
    }

    /// Stops a job: at once when it waits, by a flag for its worker when it runs.
    pub(crate) async fn cancel_job(&self, id: &str) -> Result<Wish> {
        let mut writers = self.writers().await;
        let mut transaction = writers.durable().await?;
        let wish = match state_of(&mut transaction, id).await? {
            None => return Ok(Wish::Unknown),
            Some((seq, JobState::Queued)) => {
                end(&mut transaction, seq, JobState::Cancelled, CANCELLED).await?;
                Wish::Granted
            }
            Some((seq, JobState::Running)) => {
                sqlx::query("UPDATE jobs SET cancel_requested = 1 WHERE seq = ?")
                    .bind(seq)
                    .execute(&mut *transaction)
                    .await?;
                Wish::Granted
            }
            Some((_, state)) => return Ok(Wish::Refused(state)),
        };
        transaction.commit().await?;
        Ok(wish)
    }

    /// Puts a job that failed or was cancelled back into the queue, with its count of attempts at zero.
    pub(crate) async fn retry_job(&self, id: &str) -> Result<Wish> {
        let mut writers = self.writers().await;
        let mut transaction = writers.durable().await?;
        let seq = match state_of(&mut transaction, id).await? {
            None => return Ok(Wish::Unknown),
            Some((seq, JobState::Failed | JobState::Cancelled)) => seq,
            Some((_, state)) => return Ok(Wish::Refused(state)),
        };
        sqlx::query(
            "UPDATE jobs SET state = 'queued', progress = 0, attempts = 0, deaths = 0, error = NULL, \
             cancel_requested = 0, run_at_ms = 0, started_at_ms = NULL, finished_at_ms = NULL \
             WHERE seq = ?",
        )
        .bind(seq)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE packages SET status = 'Ingested', error = NULL, updated_at_ms = ? \
             WHERE packaged_content_id = (SELECT packaged_content_id FROM jobs WHERE seq = ?)",
        )
        .bind(clock::now_ms())
        .bind(seq)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Wish::Granted)
    }

    /// Deletes the record of a job that has ended; its package stays.
    pub(crate) async fn delete_job(&self, id: &str) -> Result<Wish> {
        let mut writers = self.writers().await;
        let mut transaction = writers.durable().await?;
        match state_of(&mut transaction, id).await? {
            None => return Ok(Wish::Unknown),
            Some((_, state)) if !state.is_final() => return Ok(Wish::Refused(state)),
            Some((seq, _)) => {
                sqlx::query("DELETE FROM jobs WHERE seq = ?")
                    .bind(seq)
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(Wish::Granted)
    }
}

/// Why a package of a cancelled job failed.
pub(super) const CANCELLED: &str = "the packaging was cancelled";

async fn state_of(
    transaction: &mut Transaction<'_, Sqlite>,
    id: &str,
) -> Result<Option<(i64, JobState)>> {
    sqlx::query_as("SELECT seq, state FROM jobs WHERE id = ?")
        .bind(id)
        .fetch_optional(&mut **transaction)
        .await
}

/// Ends a job; its package counts as failed, for there will be none.
pub(super) async fn end(
    transaction: &mut Transaction<'_, Sqlite>,
    seq: i64,
    state: JobState,
    reason: &str,
) -> Result<()> {
    let now = clock::now_ms();
    // What a client reads as the job's error is why it failed; a cancelled job did not fail.
    let error = (state == JobState::Failed).then_some(reason);
    sqlx::query(
        "UPDATE jobs SET state = ?, error = ?, finished_at_ms = ?, worker = NULL, \
         lease_until_ms = NULL WHERE seq = ?",
    )
    .bind(state)
    .bind(error)
    .bind(now)
    .bind(seq)
    .execute(&mut **transaction)
    .await?;
    sqlx::query(
        "UPDATE packages SET status = 'Failed', error = ?, output_file_path = NULL, \
         updated_at_ms = ? \
         WHERE packaged_content_id = (SELECT packaged_content_id FROM jobs WHERE seq = ?)",
    )
    .bind(reason)
    .bind(now)
    .bind(seq)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
