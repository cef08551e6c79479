//! Logs: one line an event, to standard error, never a secret.

use std::io::IsTerminal;
use tracing::Level;

/// Starts logging to standard error. A second call changes nothing.
///
/// The level comes from `REELPACK_LOG` (`error`, `warn`, `info`, `debug`); `info` unless set.
pub(crate) fn start() {
    let wanted = std::env::var("REELPACK_LOG").ok();
    let level = wanted.as_deref().map(str::parse::<Level>);
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_max_level(match level {
            Some(Ok(level)) => level,
            _ => Level::INFO,
        })
        .finish();
    // Fails when a logger runs already, which then stays.
    let first = tracing::subscriber::set_global_default(subscriber).is_ok();
    if first && matches!(level, Some(Err(_))) {
        tracing::warn!("REELPACK_LOG is none of error, warn, info, debug, trace: info is used");
    }
}
