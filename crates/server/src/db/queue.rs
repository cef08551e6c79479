//! The queue as a whole.

use super::jobs::JobState;
use super::{Database, Result, query};
use crate::access::Tenant;
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
    /// The queue, with the jobs of a tenant; of all, for who looks after the installation, where none is named.
    pub(crate) async fn queue(&self, tenant: Option<&Tenant>) -> Result<Queue> {
        let paused: Option<(bool,)> = self
            .optional(query("SELECT paused FROM queue WHERE id = 1"))
            .await?;
        let jobs = query(
            "SELECT state, COUNT(*) FROM jobs WHERE part = 0 AND (? IS NULL OR tenant_id = ?) GROUP BY state",
        );
        let tenant = tenant.map(Tenant::as_str);
        Ok(Queue {
            paused: paused.is_some_and(|(paused,)| paused),
            jobs: self.all(jobs.bind(tenant).bind(tenant)).await?,
        })
    }

    /// When the oldest of the jobs was ordered that a worker could take, in milliseconds of the Unix epoch.
    pub(crate) async fn oldest_waiting_ms(&self) -> Result<Option<i64>> {
        let oldest =
            query("SELECT MIN(created_at_ms) FROM jobs WHERE state = 'queued' AND part = 0");
        let oldest = self.optional::<(Option<i64>,)>(oldest).await?;
        Ok(oldest.and_then(|(oldest,)| oldest))
    }

    /// The newest moment that the catalogue knows, in milliseconds of the Unix epoch.
    pub(crate) async fn newest_moment_ms(&self) -> Result<Option<i64>> {
        let newest = query("SELECT MAX(updated_at_ms) FROM packages");
        let newest = self.optional::<(Option<i64>,)>(newest).await?;
        Ok(newest.and_then(|(newest,)| newest))
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

    /// Whether it is noted what the key file of this database is known by.
    pub(crate) async fn has_key_check(&self) -> Result<bool> {
        let noted = query("SELECT id FROM queue WHERE key_check IS NOT NULL");
        Ok(self.optional::<(i64,)>(noted).await?.is_some())
    }

    /// What the key file of this database is known by: `sealed`, unless it was noted before. Returns what is noted.
    pub(crate) async fn key_check(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        self.durable(|tx| async move {
            let noted = query("SELECT key_check FROM queue WHERE id = 1 {for_update}");
            if let (Some(noted),) = tx.one::<(Option<Vec<u8>>,)>(noted).await? {
                return Ok(noted);
            }
            let note = query("UPDATE queue SET key_check = ? WHERE id = 1");
            tx.execute(note.bind(sealed)).await?;
            Ok(sealed.to_vec())
        })
        .await
    }

    /// Notes `sealed` in place of what was, unless there are content keys, which open with the old key file alone.
    /// Returns what is noted.
    pub(crate) async fn renew_key_check(&self, sealed: &[u8]) -> Result<Vec<u8>> {
        self.durable(|tx| async move {
            let note = query(
                "UPDATE queue SET key_check = ? WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM content_keys)",
            );
            tx.execute(note.bind(sealed)).await?;
            tx.one::<(Vec<u8>,)>(query("SELECT key_check FROM queue WHERE id = 1"))
                .await
                .map(|(noted,)| noted)
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
