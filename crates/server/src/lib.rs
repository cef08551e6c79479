//! The server: everything that can be slow or down.
//!
//! Uploads come in over HTTP, jobs in the database make packages of them, players fetch the packages and
//! their keys. `http` speaks with clients, `db` is the catalogue and the queue, `jobs` are the workers,
//! `storage` the sources and packages, `keys` and `license` guard the content keys.
#![forbid(unsafe_code)]

#[macro_use]
mod crash;

mod access;
mod admission;
mod app;
mod backup;
mod clock;
mod config;
mod db;
mod doctor;
mod foreign;
mod health;
mod http;
mod id;
mod import;
mod inventory;
mod jobs;
mod key_file;
mod keys;
mod license;
mod links;
mod metrics;
mod order;
mod outside;
mod published;
mod restore;
mod rotation;
mod scrub;
mod serving;
mod storage;
mod sweep;
mod telemetry;
mod uploads;
mod webhooks;

pub use access::AccessControl;
pub use admission::{
    AdmissionError, Catalogue, MadeToken, Person, TokenWish, make_token, people, revoke_token,
    set_password, tokens,
};
pub use app::App;
pub use backup::{BackupReport, backup};
pub use config::Config;
pub use db::DatabaseUrl;
pub use doctor::{Finding, doctor};
pub use foreign::{can_do_without, complaints, complaints_about_copy, pictures};
pub use http::{TlsFiles, Token};
pub use import::{ImportConfig, ImportedRow, Outcome, import};
pub use inventory::{Fault, FaultKind, Place};
pub use outside::Allowed;
pub use restore::restore;
pub use rotation::{RotationReport, rotate_key};
pub use scrub::{ScrubReport, scrub};
pub use serving::ServingConfig;
pub use storage::StorageConfig;
pub use telemetry::{LogFormat, TelemetryConfig};
pub use uploads::UploadLimits;
pub use webhooks::WebhookConfig;

use rustix::process::Resource;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ServeError(pub String);

/// Runs a server, or workers alone, until SIGINT or SIGTERM. Blocks the calling thread; starts its own runtime.
///
/// Says `listening on http://ADDR`, or `working as run_…`, on standard error when it is ready. The signal lets it drain:
/// it is not ready any more, begins no jobs, hands back those that run, answers what it was asked, and ends. A second
/// signal ends it at once.
///
/// # Errors
/// When it cannot start, the text says what to do; or when a second signal came.
pub fn serve(config: Config) -> Result<(), ServeError> {
    // Sends its last spans when all else has ended.
    let _traces = telemetry::start(&config.telemetry)?;
    let _crash_points = crash::arm();
    allow_many_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ServeError(format!("the runtime cannot start: {error}")))?;
    let ended = runtime.block_on(run(config));
    // Work that was cut off is not waited for.
    runtime.shutdown_background();
    ended
}

async fn run(config: Config) -> Result<(), ServeError> {
    // Caught before anybody is told that there is something to stop.
    let mut signals = StopSignals::catch()
        .map_err(|error| ServeError(format!("signals cannot be caught: {error}")))?;
    let app = tokio::select! {
        app = App::start(config) => app?,
        () = signals.next() => return Ok(()),
    };
    match app.addr() {
        Some(addr) => eprintln!("listening on {}://{addr}", app.scheme()),
        None => eprintln!("working as {}", app.incarnation()),
    }
    if let Some(addr) = app.media_addr() {
        eprintln!("serving the media besides at {}://{addr}", app.scheme());
    }
    if let Some(addr) = app.metrics_addr() {
        eprintln!("metrics at http://{addr}/metrics");
    }
    if let Some(token) = app.set_up_token().await? {
        let addr = app.addr().map(|addr| addr.to_string()).unwrap_or_default();
        eprintln!(
            "nobody may come in yet: open {}://{addr}/setup and make the first administrator with the set-up token {token}",
            app.scheme()
        );
    }
    signals.next().await;
    eprintln!("stopping: running jobs are handed back; a second signal ends at once");
    tokio::select! {
        () = app.shutdown() => Ok(()),
        () = signals.next() => {
            let text = "ended at once by a second signal; the jobs that ran are taken back at the next start, \
                        or when their leases run out";
            Err(ServeError(text.to_owned()))
        }
    }
}

/// Lets this process open as many files as it may: each connection is one.
fn allow_many_files() {
    let mut limit = rustix::process::getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = rustix::process::setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

/// A runtime for a command that does one thing and ends.
fn blocking_runtime() -> Result<tokio::runtime::Runtime, ServeError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ServeError(format!("the runtime cannot start: {error}")))
}

/// SIGINT and SIGTERM, from the moment on in which they are caught.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignals {
    fn catch() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
