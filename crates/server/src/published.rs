//! Which packages are published, remembered for a moment: players ask for a segment every few seconds each, and the
//! answer rarely changes.

use crate::db::storage::Behind;
use crate::db::{Database, Result};
use quick_cache::sync::Cache;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// How long an answer of the catalogue holds where another process may change it unseen: one that deletes a package through
/// the same database, or the clock that ends the grace of a replaced one.
const FRESH: Duration = Duration::from_secs(1);
/// Packages that are remembered at once.
const PACKAGES: usize = 4_096;

/// Packages that had files a moment ago.
#[derive(Debug)]
pub(crate) struct Published {
    known: Cache<Box<str>, Arc<Entry>>,
    /// Grows with every change that this process makes or hears of. What was learnt before does not count.
    changes: AtomicU64,
}

#[derive(Debug, Default)]
struct Entry {
    seen: RwLock<Option<Seen>>,
    /// Held by who asks the catalogue; the others wait for the answer.
    asking: tokio::sync::Mutex<()>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    changes: u64,
    until: Instant,
}

impl Default for Published {
    fn default() -> Self {
        Self {
            known: Cache::new(PACKAGES),
            changes: AtomicU64::new(0),
        }
    }
}

impl Published {
    /// Whether it is known without a question that the files of a package may be served.
    pub(crate) fn remembers(&self, code: &str) -> bool {
        self.known.get(code).is_some_and(|entry| self.holds(&entry))
    }

    /// Whether the files of a package may be served.
    ///
    /// # Errors
    /// When the catalogue has to be asked and does not answer.
    pub(crate) async fn has_files(&self, db: &Database, code: &str) -> Result<bool> {
        let entry = match self.known.get(code) {
            Some(entry) => entry,
            None => {
                let entry = Arc::<Entry>::default();
                self.known.insert(code.into(), entry.clone());
                entry
            }
        };
        if self.holds(&entry) {
            return Ok(true);
        }
        let _asking = entry.asking.lock().await;
        if self.holds(&entry) {
            return Ok(true);
        }
        // Taken before the question: a change in between makes the answer an old one.
        let changes = self.changes.load(Ordering::Acquire);
        let found = matches!(db.behind(code).await?, Behind::Files { .. });
        let seen = found.then(|| Seen {
            changes,
            until: Instant::now() + FRESH,
        });
        *entry.seen.write().unwrap_or_else(PoisonError::into_inner) = seen;
        Ok(found)
    }

    /// Forgets everything: a package was deleted, published or replaced.
    pub(crate) fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    fn holds(&self, entry: &Entry) -> bool {
        let seen = *entry.seen.read().unwrap_or_else(PoisonError::into_inner);
        seen.is_some_and(|seen| {
            seen.changes == self.changes.load(Ordering::Acquire) && seen.until > Instant::now()
        })
    }
}
