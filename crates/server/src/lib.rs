//! The server: everything that can be slow or down.
//!
//! Uploads come in over HTTP, jobs in the database make packages of them, players fetch the packages and
//! their keys. `http` speaks with clients, `db` is the catalogue and the queue, `jobs` are the workers,
//! `storage` the sources and packages, `keys` and `license` guard the content keys.
#![forbid(unsafe_code)]

#[macro_use]
mod crash;

mod app;
mod backup;
mod clock;
mod config;
mod db;
mod http;
mod id;
mod import;
mod inventory;
mod jobs;
mod keys;
mod license;
mod links;
mod order;
mod restore;
mod scrub;
mod storage;
mod sweep;
mod telemetry;
mod uploads;

pub use app::App;
pub use backup::{BackupReport, backup};
pub use config::Config;
pub use db::DatabaseUrl;
pub use import::{ImportConfig, ImportedRow, Outcome, import};
pub use inventory::{Fault, FaultKind, Place};
pub use restore::restore;
pub use scrub::{ScrubReport, scrub};
pub use storage::StorageConfig;
pub use uploads::UploadLimits;
pub use uploads::pull::Allowed;

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ServeError(pub String);

/// Runs the server until SIGINT or SIGTERM. Blocks the calling thread; starts its own runtime.
///
/// Says `listening on http://ADDR` on standard error when it is ready. A second signal ends the process
/// at once.
///
/// # Errors
/// When the server cannot start; the text says what to do.
pub fn serve(config: Config) -> Result<(), ServeError> {
    telemetry::start();
    let _crash_points = crash::arm();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ServeError(format!("the runtime cannot start: {error}")))?;
    runtime.block_on(async {
        let app = App::start(config).await?;
        eprintln!("listening on http://{}", app.addr());
        if let Some(addr) = app.media_addr() {
            eprintln!("serving the media besides at http://{addr}");
        }
        let signal = |error| ServeError(format!("signals cannot be caught: {error}"));
        stop_signal().await.map_err(signal)?;
        eprintln!("stopping: running jobs go on at the next start");
        tokio::select! {
            () = app.shutdown() => Ok(()),
            again = stop_signal() => again.map_err(signal),
        }
    })
}

/// A runtime for a command that does one thing and ends.
fn blocking_runtime() -> Result<tokio::runtime::Runtime, ServeError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ServeError(format!("the runtime cannot start: {error}")))
}

async fn stop_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupt = tokio::signal::ctrl_c() => interrupt,
        _ = terminate.recv() => Ok(()),
    }
}
