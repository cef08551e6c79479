//! The queue as a whole.

use super::jobs::JobState;
use super::{Database, Result, query};
use crate::clock;

/// What the queue holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Queue {
    /// Nothing new is begun.
    pub(crate) paused: bool,
    /// How many jobs are in each state that any is in.
    pub(crate) jobs: Vec<(JobState, i64)>,
}

impl Database {
    /// The queue.
    pub(crate) async fn queue(&self) -> Result<Queue> {
        let paused: Option<(bool,)> = self
            .optional(query("SELECT paused FROM queue WHERE id = 1"))
            .await?;
        let jobs = query("SELECT state, COUNT(*) FROM jobs WHERE part = 0 GROUP BY state");
        Ok(Queue {
            paused: paused.is_some_and(|(paused,)| paused),
            jobs: self.all(jobs).await?,
        })
    }

    /// Stops the queue, or lets it go on. Jobs that run are not touched.
    pub(crate) async fn pause_queue(&self, paused: bool) -> Result<()> {
        self.durable(|tx| async move {
            let change = query("UPDATE queue SET paused = ? WHERE id = 1");
            tx.execute(change.bind(paused)).await?;
            Ok(())
        })
        .await
    }

    /// Looks whether the database can be written.
    pub(crate) async fn check_write(&self) -> Result<()> {
        self.quick(|tx| async move {
            let change = query("UPDATE queue SET probed_at_ms = ? WHERE id = 1");
            tx.execute(change.bind(clock::now_ms())).await?;
            Ok(())
        })
        .await
    }
}
