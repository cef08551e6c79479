//! The kill matrix: processes are ended by `kill -9` at every crash point and at random moments, and started
//! again. Nothing may be lost, half published or there twice, and what comes out has the bytes of a run that
//! nobody disturbed.
//!
//! The binary under test has the crash points because this crate's tests turn `fail/failpoints` on. With
//! `REELPACK_TORTURE` the sizes are those of `make torture`; with `REELPACK_TABLES=DIR` each test leaves its part of
//! `docs/kill-matrix.md` there.

mod chunks;
mod clocks;
mod matrix;
mod named;
mod power;
mod process;
mod random;
mod resumable;
mod scene;
mod table;
mod webhooks;
mod workers;

use std::time::{Duration, Instant};

/// What nothing here may take longer than.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the state of something is asked for.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// A server that was killed answers again so soon after its start.
const SERVES_WITHIN: Duration = Duration::from_secs(2);
/// A job whose worker was killed is claimed again so soon.
const CLAIMED_WITHIN: Duration = Duration::from_secs(15);

/// Asks for something until it is there.
#[track_caller]
pub fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Whether the full sizes are wanted.
fn torture() -> bool {
    std::env::var_os("REELPACK_TORTURE").is_some()
}
