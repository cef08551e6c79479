//! Crash points: places with a name at which tests end the process, as `kill -9` or a power cut would.
//!
//! They exist in the binaries of tests alone, which build the crate `fail` with its feature `failpoints`; the
//! environment says which points do what: `FAILPOINTS='publish.committed=return;object.written=3*off->return'`.
//! `crates/cli/tests/it/kill` goes through all of them.

/// Ends the process here when a test wants it: no destructor runs, nothing is flushed.
macro_rules! crash_point {
    ($name:literal) => {
        fail::fail_point!($name, |_| {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            std::process::abort()
        })
    };
}

/// A number that tests set in the environment; nothing in the binary that is delivered.
pub(crate) fn setting(name: &str) -> Option<i64> {
    text(name)?.parse().ok()
}

/// The same of a text.
pub(crate) fn text(name: &str) -> Option<String> {
    match fail::has_failpoints() {
        true => std::env::var(name).ok(),
        false => None,
    }
}

/// Reads `FAILPOINTS` where crash points exist; they stay armed as long as the value lives.
pub(crate) fn arm() -> Option<fail::FailScenario<'static>> {
    fail::has_failpoints().then(fail::FailScenario::setup)
}
