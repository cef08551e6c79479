//! The server: everything that can be slow or down.

mod config;

pub use config::Config;

/// Why the server could not start or had to stop.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ServeError(pub String);

/// Runs the server until SIGINT or SIGTERM. Blocks the calling thread; starts its own runtime.
pub fn serve(_config: Config) -> Result<(), ServeError> {
    Err(ServeError("not built yet".into()))
}
