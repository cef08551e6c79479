//! Jobs, as clients see them and change them. What workers do with them is in `claims`.

use super::events::{self, EventKind};
use super::{Database, Page, Result, Transaction, Wanted, parts, query, quotas, words};
use crate::access::Tenant;
use crate::clock;

/// Where a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobState {
    /// Waits for a worker.
    Queued,
    /// A worker holds its lease.
    Running,
    /// Other jobs make its parts; with the last of them it is queued.
    Waiting,
    /// Waits until somebody resumes it.
    Paused,
    /// Its package is published.
    Done,
    /// Given up; `error` says why.
    Failed,
    /// Somebody did not want it any more.
    Cancelled,
    /// Given up because its workers died; `error` says so.
    Dead,
}

impl JobState {
    /// Every state.
    pub(crate) const ALL: [Self; 8] = [
        Self::Queued,
        Self::Running,
        Self::Waiting,
        Self::Paused,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::Dead,
    ];

    /// The word that clients see.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Paused => "paused",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// Whether no worker will touch the job any more.
    pub(crate) fn is_final(self) -> bool {
        matches!(
            self,
            Self::Done | Self::Failed | Self::Cancelled | Self::Dead
        )
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
    /// Pictures that are encoded of each rung of its ladder.
    pub(crate) pictures_done: Option<f64>,
    /// What was decided about its source (JSON).
    pub(crate) preparation: Option<String>,
    /// Minus the priority.
    pub(crate) turn: i64,
    pub(crate) unique_key: Option<String>,
    pub(crate) attempts: i64,
    /// How many workers died of it, or with it.
    pub(crate) deaths: i64,
    pub(crate) error: Option<String>,
    /// Grows with every change that a client makes.
    pub(crate) version: i64,
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
    /// Somebody else changed it meanwhile.
    Stale,
}

/// How far a job is (0 to 1), its parts included: they count for nine tenths.
macro_rules! progress {
    ($job:literal) => {
        concat!(
            "COALESCE(0.9 * (SELECT SUM(part.progress * part.weight) / SUM(part.weight) FROM jobs part \
             WHERE part.packaged_content_id = ",
            $job,
            ".packaged_content_id AND part.part > 0) + 0.1 * ",
            $job,
            ".progress, ",
            $job,
            ".progress)"
        )
    };
}
pub(super) use progress;

/// Pictures of the chunks of a job that are encoded, each rung alike; nothing without chunks.
macro_rules! pictures_done {
    ($job:literal) => {
        concat!(
            "(SELECT SUM(part.progress * part.weight) FROM jobs part WHERE part.packaged_content_id = ",
            $job,
            ".packaged_content_id AND part.part > 0 AND part.task LIKE '%\"chunk\"%')"
        )
    };
}
pub(super) use pictures_done;

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT j.seq, j.id, j.kind, p.id AS package_id, a.id AS asset_id, \
             j.state, ",
            progress!("j"),
            " AS progress, ",
            pictures_done!("j"),
            " AS pictures_done, p.preparation, j.turn, j.unique_key, j.attempts, j.deaths, j.error, j.version, \
             j.created_at_ms, j.started_at_ms, \
             j.finished_at_ms FROM jobs j \
             JOIN packages p ON p.packaged_content_id = j.packaged_content_id \
             JOIN assets a ON a.input_content_id = p.input_content_id ",
            $tail
        )
    };
}

/// What clients ask about jobs.
impl Database {
    /// A job of a tenant by its id.
    pub(crate) async fn job(&self, tenant: &Tenant, id: &str) -> Result<Option<Job>> {
        let found = query(select!("WHERE j.tenant_id = ? AND j.id = ? AND j.part = 0"));
        self.optional(found.bind(tenant).bind(id)).await
    }

    /// A page of a tenant's jobs, of all or of one state, newest first.
    pub(crate) async fn jobs(
        &self,
        tenant: &Tenant,
        state: Option<JobState>,
        page: Page,
    ) -> Result<Vec<Job>> {
        let found = match page.backwards {
            false => query(select!(
                "WHERE j.tenant_id = ? AND j.part = 0 AND j.seq < ? AND j.seq > ? AND (? IS NULL OR j.state = ?) \
                 ORDER BY j.seq DESC LIMIT ?"
            )),
            true => query(select!(
                "WHERE j.tenant_id = ? AND j.part = 0 AND j.seq < ? AND j.seq > ? AND (? IS NULL OR j.state = ?) \
                 ORDER BY j.seq LIMIT ?"
            )),
        };
        let found = found.bind(tenant).bind(page.before).bind(page.after);
        let found = found.bind(state).bind(state);
        self.all(found.bind(page.limit)).await
    }

    /// Stops a job: at once when it waits, by a flag for its worker when it runs.
    pub(crate) async fn cancel_job(
        &self,
        tenant: &Tenant,
        id: &str,
        wanted: &Wanted,
    ) -> Result<Wish> {
        self.durable(|tx| async move {
            let (seq, state) = match held(&tx, tenant, id, wanted).await? {
                Ok(held) => held,
                Err(wish) => return Ok(wish),
            };
            match state {
                JobState::Queued | JobState::Paused | JobState::Waiting => {
                    end(&tx, seq, JobState::Cancelled, CANCELLED).await?;
                }
                JobState::Running => {
                    let flag = query("UPDATE jobs SET cancel_requested = TRUE WHERE seq = ?");
                    tx.execute(flag.bind(seq)).await?;
                }
                state => return Ok(Wish::Refused(state)),
            }
            changed(&tx, seq).await
        })
        .await
    }

    /// Lets a job wait: at once when it waits already, by a flag for its worker when it runs.
    pub(crate) async fn pause_job(
        &self,
        tenant: &Tenant,
        id: &str,
        wanted: &Wanted,
    ) -> Result<Wish> {
        self.durable(|tx| async move {
            let (seq, state) = match held(&tx, tenant, id, wanted).await? {
                Ok(held) => held,
                Err(wish) => return Ok(wish),
            };
            match state {
                JobState::Queued => {
                    let pause = query("UPDATE jobs SET state = 'paused' WHERE seq = ?");
                    tx.execute(pause.bind(seq)).await?;
                }
                JobState::Waiting => parts::pause(&tx, seq).await?,
                JobState::Running => {
                    let flag = query("UPDATE jobs SET pause_requested = TRUE WHERE seq = ?");
                    tx.execute(flag.bind(seq)).await?;
                }
                JobState::Paused => return Ok(Wish::Granted),
                state => return Ok(Wish::Refused(state)),
            }
            changed(&tx, seq).await
        })
        .await
    }

    /// Lets a paused job go on; one that was to pause and still runs goes on running.
    pub(crate) async fn resume_job(
        &self,
        tenant: &Tenant,
        id: &str,
        wanted: &Wanted,
    ) -> Result<Wish> {
        self.durable(|tx| async move {
            let (seq, state) = match held(&tx, tenant, id, wanted).await? {
                Ok(held) => held,
                Err(wish) => return Ok(wish),
            };
            match state {
                JobState::Paused => parts::resume(&tx, seq).await?,
                JobState::Waiting => return Ok(Wish::Granted),
                JobState::Queued | JobState::Running => {
                    let flag = query("UPDATE jobs SET pause_requested = FALSE WHERE seq = ?");
                    tx.execute(flag.bind(seq)).await?;
                }
                state => return Ok(Wish::Refused(state)),
            }
            changed(&tx, seq).await
        })
        .await
    }

    /// Puts a job that failed, was cancelled or is dead back into the queue, with its count of attempts at zero.
    ///
    /// Its package gets a new code: under the old one somebody may still be deleting what was written, or a worker that
    /// was paused and does not know yet that the job is not its own.
    pub(crate) async fn retry_job(
        &self,
        tenant: &Tenant,
        id: &str,
        code: &str,
        wanted: &Wanted,
    ) -> Result<Wish> {
        self.durable(|tx| async move {
            let seq = match held(&tx, tenant, id, wanted).await? {
                Ok((seq, JobState::Failed | JobState::Cancelled | JobState::Dead)) => seq,
                Ok((_, state)) => return Ok(Wish::Refused(state)),
                Err(wish) => return Ok(wish),
            };
            quotas::job(&tx, tenant).await?;
            let job = query(
                "UPDATE jobs SET state = 'queued', progress = 0, attempts = 0, deaths = 0, \
                 error = NULL, cancel_requested = FALSE, pause_requested = FALSE, run_at_ms = 0, started_at_ms = NULL, \
                 finished_at_ms = NULL, boot_id = NULL WHERE seq = ?",
            );
            tx.execute(job.bind(seq)).await?;
            parts::forget(&tx, seq).await?;
            let package = query(
                "UPDATE packages SET status = 'Ingested', code = ?, preparation = NULL, error = NULL, updated_at_ms = ? \
                 WHERE packaged_content_id = (SELECT packaged_content_id FROM jobs WHERE seq = ?)",
            );
            let package = package.bind(code).bind(clock::now_ms());
            tx.execute(package.bind(seq)).await?;
            events::note(&tx, tenant, EventKind::JobRetried, id, None).await?;
            changed(&tx, seq).await
        })
        .await
    }

    /// The code of a cancelled job's package, for as long as nobody retries it.
    pub(crate) async fn cancelled_code(&self, tenant: &Tenant, id: &str) -> Result<Option<String>> {
        let found = query(
            "SELECT p.code FROM jobs j \
             JOIN packages p ON p.packaged_content_id = j.packaged_content_id \
             WHERE j.tenant_id = ? AND j.id = ? AND j.state = 'cancelled'",
        );
        let found: Option<(String,)> = self.optional(found.bind(tenant).bind(id)).await?;
        Ok(found.map(|(code,)| code))
    }

    /// Deletes the record of a job that has ended; its package stays.
    pub(crate) async fn delete_job(
        &self,
        tenant: &Tenant,
        id: &str,
        wanted: &Wanted,
    ) -> Result<Wish> {
        self.durable(|tx| async move {
            match held(&tx, tenant, id, wanted).await? {
                Err(wish) => Ok(wish),
                Ok((_, state)) if !state.is_final() => Ok(Wish::Refused(state)),
                Ok((seq, _)) => {
                    parts::forget(&tx, seq).await?;
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

/// The number and the state of a job of a wanted version, locked; else what becomes of the wish.
async fn held(
    tx: &Transaction,
    tenant: &Tenant,
    id: &str,
    wanted: &Wanted,
) -> Result<std::result::Result<(i64, JobState), Wish>> {
    let found = query(
        "SELECT seq, state, version FROM jobs WHERE tenant_id = ? AND id = ? AND part = 0 {for_update}",
    );
    let found = tx.optional::<(i64, JobState, i64)>(found.bind(tenant).bind(id));
    Ok(match found.await? {
        None => Err(Wish::Unknown),
        Some((.., version)) if !wanted.fits(version) => Err(Wish::Stale),
        Some((seq, state, _)) => Ok((seq, state)),
    })
}

/// Counts a change that a client made to a job on, and so to its package, which shows the job.
async fn changed(tx: &Transaction, seq: i64) -> Result<Wish> {
    let job = query("UPDATE jobs SET version = version + 1 WHERE seq = ?");
    tx.execute(job.bind(seq)).await?;
    let package = query(
        "UPDATE packages SET version = version + 1 WHERE packaged_content_id = \
         (SELECT packaged_content_id FROM jobs WHERE seq = ?)",
    );
    tx.execute(package.bind(seq)).await?;
    Ok(Wish::Granted)
}

/// Ends a job; its package counts as failed, for there will be none. What fails a part fails the whole.
pub(super) async fn end(tx: &Transaction, seq: i64, state: JobState, reason: &str) -> Result<()> {
    let now = clock::now_ms();
    close(tx, seq, state, reason, now).await?;
    let Some(seq) = parts::whole(tx, seq, state).await? else {
        return Ok(());
    };
    close(tx, seq, state, reason, now).await?;
    parts::stop(tx, seq, now).await?;
    let package = query(
        "UPDATE packages SET status = 'Failed', error = ?, output_file_path = NULL, updated_at_ms = ? \
         WHERE packaged_content_id = (SELECT packaged_content_id FROM jobs WHERE seq = ?)",
    );
    tx.execute(package.bind(reason).bind(now).bind(seq)).await?;
    let number = query("SELECT packaged_content_id FROM jobs WHERE seq = ?");
    let (number,): (i64,) = tx.one(number.bind(seq)).await?;
    note_package(tx, EventKind::PackageFailed, number, Some(reason)).await
}

async fn close(tx: &Transaction, seq: i64, state: JobState, reason: &str, now: i64) -> Result<()> {
    // What a client reads as the job's error is why it failed; a cancelled job did not fail.
    let error = (state != JobState::Cancelled).then_some(reason);
    let job = query(
        "UPDATE jobs SET state = ?, error = ?, finished_at_ms = ?, worker = NULL, \
         lease_until_ms = NULL WHERE seq = ?",
    );
    let job = job.bind(state).bind(error).bind(now).bind(seq);
    tx.execute(job).await?;
    Ok(())
}

/// Notes that something happened to a package.
pub(super) async fn note_package(
    tx: &Transaction,
    kind: EventKind,
    number: i64,
    detail: Option<&str>,
) -> Result<()> {
    let whose = query(
        "SELECT p.id, a.tenant_id FROM packages p \
         JOIN assets a ON a.input_content_id = p.input_content_id WHERE p.packaged_content_id = ?",
    );
    let (id, tenant): (String, String) = tx.one(whose.bind(number)).await?;
    events::note(tx, &tenant.into(), kind, &id, detail).await
}
