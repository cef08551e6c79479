//! What a running job and its heartbeat tell each other.

use packager::Source;
use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Why a running job is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stop {
    /// A client cancelled it.
    Cancelled = 1,
    /// Another worker has it.
    LeaseLost = 2,
    /// The process stops; the job goes on in another one, or at the next start.
    Shutdown = 3,
    /// A client lets it wait.
    Paused = 4,
}

/// Shared between the threads of a job and its heartbeat.
#[derive(Debug, Default)]
pub(super) struct Control {
    stop: AtomicU8,
    done: AtomicU64,
    total: AtomicU64,
    newest: Mutex<Option<String>>,
}

impl Control {
    /// Asks the job to stop. The first reason stands.
    pub(super) fn stop(&self, reason: Stop) {
        // Fails when there is a reason already.
        let _ = self
            .stop
            .compare_exchange(0, reason as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether, and why, the job is to stop.
    pub(super) fn stopped(&self) -> Option<Stop> {
        match self.stop.load(Ordering::Relaxed) {
            1 => Some(Stop::Cancelled),
            2 => Some(Stop::LeaseLost),
            3 => Some(Stop::Shutdown),
            4 => Some(Stop::Paused),
            _ => None,
        }
    }

    /// Says how much work there is, in bytes of media or milliseconds of a video.
    pub(super) fn set_total(&self, total: u64) {
        self.total.store(total, Ordering::Relaxed);
    }

    /// Says how much of the work is done.
    pub(super) fn set_done(&self, done: u64) {
        self.done.store(done, Ordering::Relaxed);
    }

    /// Adds work that is done, and the object that it made.
    pub(super) fn advance(&self, weight: u64, newest: String) {
        self.done.fetch_add(weight, Ordering::Relaxed);
        if let Ok(mut slot) = self.newest.lock() {
            *slot = Some(newest);
        }
    }

    /// Part of the work that is done, 0 to 1.
    pub(super) fn progress(&self) -> f64 {
        let total = self.total.load(Ordering::Relaxed);
        if total == 0 {
            return 0.0;
        }
        (self.done.load(Ordering::Relaxed) as f64 / total as f64).min(1.0)
    }

    /// Path of the newest object below the data folder.
    pub(super) fn newest(&self) -> Option<String> {
        self.newest.lock().ok()?.clone()
    }
}

/// A delivered file that cannot be read any more once its job is to stop.
///
/// Even the largest object is read in pieces, so that work on it ends soon, too.
pub(super) struct StoppableSource {
    pub(super) source: Box<dyn Source>,
    pub(super) control: Arc<Control>,
}

impl Source for StoppableSource {
    fn len(&self) -> u64 {
        self.source.len()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if self.control.stopped().is_some() {
            return Err(io::Error::other("the job is to stop"));
        }
        self.source.read_at(offset, buffer)
    }
}

/// Stops a job's threads when its task is dropped, which happens when a server is dropped.
#[derive(Debug)]
pub(super) struct StopOnDrop(pub(super) Arc<Control>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop(Stop::Shutdown);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_stands_and_progress_stays_in_its_bounds() {
        let control = Control::default();
        assert_eq!((control.stopped(), control.progress()), (None, 0.0));
        control.set_total(10);
        control.advance(5, "a".into());
        assert_eq!(control.progress(), 0.5);
        control.advance(9, "b".into());
        assert_eq!(
            (control.progress(), control.newest()),
            (1.0, Some("b".into()))
        );
        control.stop(Stop::Cancelled);
        control.stop(Stop::Shutdown);
        assert_eq!(control.stopped(), Some(Stop::Cancelled));
    }
}
