//! The workers: a bounded pool inside the process that takes jobs from the queue in the database.
//!
//! A worker claims a job by lease, keeps the lease alive while it works, and settles the job with its
//! fencing token. What fails is sorted here, once: for good, or to be tried again.

mod control;
mod convert;
mod extras;
mod incarnation;
mod package;
mod render;
mod rescue;
mod retry;
mod verify;

pub(crate) use incarnation::Incarnation;
pub(crate) use rescue::once as rescue;

use crate::app::Shared;
use crate::db;
use crate::db::claims::{Beat, Claim, Settled};
use crate::{clock, crash, storage};
use control::{Control, Stop, StopOnDrop};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

/// How long a claim holds without a heartbeat.
const LEASE_MS: i64 = 10_000;
/// How often a lease is renewed, progress noted and a wish to cancel seen.
const HEARTBEAT: Duration = Duration::from_millis(500);
/// How often an idle worker looks for jobs whose time has come; new jobs wake it at once.
const POLL: Duration = Duration::from_secs(1);
/// How long a worker waits before it asks a database again that did not answer.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Why a job ended without a package.
#[derive(Debug)]
enum Failure {
    /// Somebody stopped it.
    Stopped(Stop),
    /// It would fail again: the input, the options, or a fault of the engine.
    Permanent(String),
    /// The disk, the database: it may pass.
    Passing(String),
}

/// Starts the workers, and the one who looks for jobs of the dead; they end when the server stops, the workers each
/// after it has put its job back.
pub(crate) fn start(shared: &Arc<Shared>, count: usize) -> JoinSet<()> {
    let mut workers = JoinSet::new();
    workers.spawn(rescue::watch(shared.clone()));
    for _ in 0..count {
        workers.spawn(work(shared.clone()));
    }
    workers
}

/// How long a claim holds without a heartbeat, in milliseconds.
pub(crate) fn lease_ms() -> i64 {
    static LEASE: LazyLock<i64> =
        LazyLock::new(|| crash::setting("REELPACK_TEST_LEASE_MS").unwrap_or(LEASE_MS));
    *LEASE
}

async fn work(shared: Arc<Shared>) {
    let mut stopping = shared.stopping();
    while !*stopping.borrow() {
        let claimed = shared.db.claim_job(shared.incarnation.id(), lease_ms());
        let claim = match claimed.await {
            Ok(claim) => claim,
            Err(error) => {
                tracing::error!(%error, "no job could be claimed");
                None
            }
        };
        if let Some(claim) = claim {
            crash_point!("job.claimed");
            shared.wake_workers();
            let span = tracing::error_span!("job", job_id = claim.id);
            run(&shared, claim).instrument(span).await;
            continue;
        }
        shared.storage.forget_copy();
        tokio::select! {
            () = shared.work_came() => {}
            () = tokio::time::sleep(POLL) => {}
            _ = stopping.changed() => {}
        }
    }
}

/// Runs a claimed job to its end and settles it.
async fn run(shared: &Arc<Shared>, claim: Claim) {
    let began = clock::monotonic_ms();
    let claim = Arc::new(claim);
    let control = Arc::new(Control::default());
    tracing::info!(job = claim.id, attempt = claim.attempts, "work begins");
    let heart = tokio::spawn(beat(shared.clone(), claim.clone(), control.clone()));
    let _dies_with_this_task = AbortOnDropHandle::new(heart);
    let _stops_with_this_task = StopOnDrop(control.clone());
    let outcome = package::make(shared, &claim, &control).await;
    // What was to stop may have failed at any place, and for no other reason.
    let outcome = outcome.map_err(|failure| control.stopped().map_or(failure, Failure::Stopped));
    let settled = loop {
        match settle(shared, &claim, &outcome).await {
            // The heart goes on meanwhile. Should the lease run out all the same, the last word is refused.
            Err(error) if db::is_passing(&error) && !*shared.stopping().borrow() => {
                tracing::warn!(job = claim.id, %error, "the database is away; the last word waits");
                tokio::time::sleep(ASK_AGAIN).await;
            }
            settled => break settled,
        }
    };
    let took_ms = clock::monotonic_ms() - began;
    match settled {
        Ok(word) => tracing::info!(job = claim.id, took_ms, "{word}"),
        // The lease runs out and the job is claimed again.
        Err(error) => tracing::error!(job = claim.id, %error, "the job could not be settled"),
    }
    shared.announce();
}

/// Keeps a lease alive and carries wishes to the job.
async fn beat(shared: Arc<Shared>, claim: Arc<Claim>, control: Arc<Control>) {
    let mut stopping = shared.stopping();
    let mut interval = tokio::time::interval(HEARTBEAT);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        if *stopping.borrow_and_update() {
            control.stop(Stop::Shutdown);
        }
        tokio::select! {
            _ = interval.tick() => {}
            () = shared.cancel_came() => {}
            changed = stopping.changed() => if changed.is_err() { return },
        }
        let newest = control.newest();
        let beat = shared
            .db
            .heartbeat(&claim, lease_ms(), control.progress(), newest.as_deref())
            .await;
        match beat {
            Ok(Beat::Held) => {}
            Ok(Beat::CancelRequested) => control.stop(Stop::Cancelled),
            Ok(Beat::PauseRequested) => control.stop(Stop::Paused),
            Ok(Beat::Lost) => control.stop(Stop::LeaseLost),
            Err(error) => tracing::warn!(job = claim.id, %error, "a heartbeat failed"),
        }
    }
}

/// Writes the last word about a job; returns it for the log.
async fn settle(
    shared: &Arc<Shared>,
    claim: &Claim,
    outcome: &Result<(Settled, &'static str), Failure>,
) -> db::Result<&'static str> {
    let refused;
    let failure = match outcome {
        Ok((Settled::Yes, word)) => return Ok(word),
        // A wish to cancel came before the publish, or the lease went; the claim's own row says which.
        Ok((Settled::Refused, _)) => {
            refused = match shared.db.heartbeat(claim, lease_ms(), 1.0, None).await? {
                Beat::CancelRequested => Failure::Stopped(Stop::Cancelled),
                Beat::Held | Beat::PauseRequested | Beat::Lost => Failure::Stopped(Stop::LeaseLost),
            };
            &refused
        }
        Err(failure) => failure,
    };
    let (settled, word) = match failure {
        Failure::Stopped(Stop::LeaseLost) => (Settled::Refused, ""),
        Failure::Stopped(Stop::Shutdown) => {
            crash_point!("drain.stopped");
            let settled = shared.db.release(claim, None).await?;
            crash_point!("drain.handed-back");
            (settled, "the job is handed back")
        }
        Failure::Stopped(Stop::Paused) => {
            crash_point!("pause.stopped");
            let settled = shared.db.release(claim, None).await?;
            crash_point!("pause.settled");
            (settled, "the job waits until it is resumed")
        }
        Failure::Stopped(Stop::Cancelled) => {
            crash_point!("cancel.seen");
            let settled = shared.db.give_up(claim, None).await?;
            crash_point!("cancel.settled");
            if settled == Settled::Yes {
                package::remove_files(shared, &claim.code).await;
            }
            crash_point!("cancel.files-gone");
            (settled, "the job is cancelled")
        }
        Failure::Passing(reason) => match retry::pause_ms(claim.attempts, shared.first_pause_ms)? {
            Some(pause) => put_back(shared, claim, reason, pause).await?,
            None => fail(shared, claim, reason).await?,
        },
        Failure::Permanent(reason) => fail(shared, claim, reason).await?,
    };
    Ok(match settled {
        Settled::Yes => word,
        Settled::Refused => "the job belongs to another worker now",
    })
}

async fn put_back(
    shared: &Arc<Shared>,
    claim: &Claim,
    reason: &str,
    pause_ms: i64,
) -> db::Result<(Settled, &'static str)> {
    tracing::warn!(job = claim.id, reason, pause_ms, "the attempt failed");
    let settled = shared.db.release(claim, Some((reason, pause_ms))).await?;
    crash_point!("job.put-back");
    Ok((settled, "the job will be tried again"))
}

async fn fail(
    shared: &Arc<Shared>,
    claim: &Claim,
    reason: &str,
) -> db::Result<(Settled, &'static str)> {
    tracing::warn!(job = claim.id, reason, "the packaging failed");
    let settled = shared.db.give_up(claim, Some(reason)).await?;
    crash_point!("failure.settled");
    if settled == Settled::Yes {
        package::remove_files(shared, &claim.code).await;
    }
    crash_point!("failure.files-gone");
    Ok((settled, "the job is given up"))
}

impl From<packager::Error> for Failure {
    fn from(error: packager::Error) -> Self {
        match error {
            packager::Error::Io(ref cause) | packager::Error::Output(ref cause) => {
                Self::of_storage(cause, error.to_string())
            }
            _ => Self::Permanent(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::of_storage(&error, format!("the storage failed: {error}"))
    }
}

impl Failure {
    fn of_storage(error: &std::io::Error, text: String) -> Self {
        if storage::is_permanent(error) {
            Self::Permanent(text)
        } else {
            Self::Passing(text)
        }
    }
}

impl From<crate::db::Error> for Failure {
    fn from(error: crate::db::Error) -> Self {
        Self::Passing(format!("the database failed: {error}"))
    }
}
