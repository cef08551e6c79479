//! Who holds an upload in this process. A slot is free again when its holder is dropped, whatever happened to it.

use sha2::Sha256;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedMutexGuard, watch};
use tokio::time::timeout;

/// A holder that got no byte for this long may have lost its client; it is asked to let go.
const STALLED: Duration = Duration::from_secs(1);
/// How long a holder that was asked may take to record what it has.
const LETTING_GO: Duration = Duration::from_secs(10);

/// The slots of all uploads of which somebody asked lately.
#[derive(Debug, Default)]
pub(crate) struct Slots(Mutex<HashMap<String, Arc<Slot>>>);

#[derive(Debug)]
struct Slot {
    memory: Arc<tokio::sync::Mutex<Memory>>,
    /// Grows with everything that comes in.
    activity: AtomicU64,
    /// Grows with each wish that the holder let go.
    wanted: watch::Sender<u64>,
}

/// What is remembered of an upload from one request to the next, as long as the process lives.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The hash of the first bytes, and how many they are.
    pub(crate) hash: Option<(u64, Sha256)>,
}

/// An upload that is held.
#[derive(Debug)]
pub(crate) struct Holding {
    slot: Arc<Slot>,
    memory: OwnedMutexGuard<Memory>,
    wanted: watch::Receiver<u64>,
}

/// Another request holds the upload, and gets bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Busy;

impl Slots {
    /// Holds an upload; waits for a holder that lost its client, not for one that is at work.
    pub(crate) async fn hold(&self, id: &str) -> Result<Holding, Busy> {
        let slot = self.slot(id);
        let before = slot.activity.load(Ordering::Relaxed);
        let lock = slot.memory.clone().lock_owned();
        tokio::pin!(lock);
        if let Ok(memory) = timeout(STALLED, &mut lock).await {
            return Ok(Holding::new(slot, memory));
        }
        if slot.activity.load(Ordering::Relaxed) != before {
            return Err(Busy);
        }
        slot.wanted.send_modify(|wishes| *wishes += 1);
        match timeout(LETTING_GO, lock).await {
            Ok(memory) => Ok(Holding::new(slot, memory)),
            Err(_) => Err(Busy),
        }
    }

    /// Holds an upload whatever its holder does: it is asked to let go at once.
    pub(crate) async fn take(&self, id: &str) -> Result<Holding, Busy> {
        let slot = self.slot(id);
        slot.wanted.send_modify(|wishes| *wishes += 1);
        match timeout(LETTING_GO, slot.memory.clone().lock_owned()).await {
            Ok(memory) => Ok(Holding::new(slot, memory)),
            Err(_) => Err(Busy),
        }
    }

    /// Holds an upload that nobody holds.
    pub(crate) fn try_hold(&self, id: &str) -> Result<Holding, Busy> {
        let slot = self.slot(id);
        match slot.memory.clone().try_lock_owned() {
            Ok(memory) => Ok(Holding::new(slot, memory)),
            Err(_) => Err(Busy),
        }
    }

    /// Forgets an upload that came to its end.
    pub(crate) fn forget(&self, id: &str) {
        self.all().remove(id);
    }

    fn slot(&self, id: &str) -> Arc<Slot> {
        let new = || {
            Arc::new(Slot {
                memory: Arc::default(),
                activity: AtomicU64::new(0),
                wanted: watch::Sender::new(0),
            })
        };
        self.all().entry(id.to_owned()).or_insert_with(new).clone()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Holding {
    fn new(slot: Arc<Slot>, memory: OwnedMutexGuard<Memory>) -> Self {
        let wanted = slot.wanted.subscribe();
        Self {
            slot,
            memory,
            wanted,
        }
    }

    /// Says that something came in.
    pub(crate) fn alive(&self) {
        self.slot.activity.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until somebody else wants the upload.
    pub(crate) async fn wanted(&mut self) {
        if self.wanted.changed().await.is_err() {
            // The sender lives in the slot that this holds.
            std::future::pending().await
        }
    }

    /// What is remembered of the upload.
    pub(crate) fn memory(&mut self) -> &mut Memory {
        &mut self.memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_stalled_holder_is_asked_to_let_go_and_one_at_work_is_not() {
        let slots = Arc::new(Slots::default());
        let mut stalled = slots.hold("a").await.expect("free");
        let holder = tokio::spawn(async move { stalled.wanted().await });
        let next = slots.hold("a").await.expect("it was let go");
        holder.await.expect("asked");

        let at_work = tokio::spawn(async move {
            for _ in 0..30 {
                next.alive();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        tokio::task::yield_now().await;
        assert!(slots.try_hold("a").is_err());
        assert!(slots.hold("a").await.is_err());
        at_work.await.expect("worked");
        assert!(slots.try_hold("a").is_ok());
        assert!(slots.try_hold("b").is_ok());
    }
}
