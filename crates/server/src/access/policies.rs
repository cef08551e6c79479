//! Which packages are signed, remembered for a moment: players ask for a segment every few seconds each.

use crate::db::playback::Played;
use crate::db::{Database, Result};
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long another process's change may stay unseen.
const FRESH: Duration = Duration::from_secs(1);
/// Packages that are remembered at once.
const PACKAGES: usize = 4_096;

/// Policies that were asked for a moment ago.
#[derive(Debug)]
pub(crate) struct Policies {
    known: Cache<Box<str>, (Instant, Arc<Played>)>,
}

impl Default for Policies {
    fn default() -> Self {
        Self {
            known: Cache::new(PACKAGES),
        }
    }
}

impl Policies {
    /// Of which asset a package is, and who may play that; `None` when there is no such package.
    ///
    /// # Errors
    /// When the catalogue has to be asked and does not answer.
    pub(crate) async fn of(&self, db: &Database, code: &str) -> Result<Option<Arc<Played>>> {
        if let Some((until, played)) = self.known.get(code)
            && until > Instant::now()
        {
            return Ok(Some(played));
        }
        // The answer is as old as the question.
        let until = Instant::now() + FRESH;
        let Some(played) = db.played(code).await?.map(Arc::new) else {
            return Ok(None);
        };
        self.known.insert(code.into(), (until, played.clone()));
        Ok(Some(played))
    }

    /// Forgets everything: this process changed a policy.
    pub(crate) fn changed(&self) {
        self.known.clear();
    }
}
