//! SIGINT, SIGTERM and SIGHUP: noted here, asked for between two pieces of work.

use crate::failure::Failure;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Tells whether a signal has asked the run to end. Copies share what they know.
#[derive(Clone)]
pub struct Interrupt {
    /// Number of the last signal; 0 when there was none.
    signal: Arc<AtomicUsize>,
}

impl Interrupt {
    /// From here on signals no longer end the process: the run has to ask [`Interrupt::check`].
    ///
    /// # Errors
    /// [`Failure::Io`] when the operating system refuses the handlers.
    pub fn install() -> Result<Self, Failure> {
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            // Under nohup the end of the terminal is not to end the run.
            if number == SIGHUP && hangup_is_ignored() {
                continue;
            }
            let value = usize::try_from(number).unwrap_or_default();
            signal_hook::flag::register_usize(number, Arc::clone(&signal), value)
                .map_err(|error| Failure::Io(format!("cannot watch for signals: {error}")))?;
        }
        Ok(Self { signal })
    }

    /// # Errors
    /// [`Failure::Interrupted`] once a signal has come.
    pub fn check(&self) -> Result<(), Failure> {
        match self.signal.load(Ordering::Relaxed) {
            0 => Ok(()),
            number => Err(Failure::Interrupted(
                i32::try_from(number).unwrap_or(SIGTERM),
            )),
        }
    }
}

/// Ends the process by the signal that asked for it, so that a shell loop around it ends as well.
pub fn die_of(signal: i32) -> ExitCode {
    if let Err(error) = signal_hook::low_level::emulate_default_handler(signal) {
        crate::text::warn(&format!("cannot end by signal {signal}: {error}"));
    }
    ExitCode::from(Failure::Interrupted(signal).code())
}

/// Whether the process was started with SIGHUP ignored; where `/proc` is missing it is taken not to be.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (SIGHUP - 1) & 1 == 1)
}
