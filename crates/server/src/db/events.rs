//! Events: what happened to the things of the catalogue, written in the transaction that made it happen.

use super::{Database, Error, Result, Transaction, idempotency, query};
use crate::{clock, id};

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    AssetCreated,
    AssetDeleted,
    PackageOrdered,
    PackageReady,
    PackageFailed,
    PackageDeleted,
    JobRetried,
}

impl EventKind {
    /// The word that is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AssetCreated => "asset.created",
            Self::AssetDeleted => "asset.deleted",
            Self::PackageOrdered => "package.ordered",
            Self::PackageReady => "package.ready",
            Self::PackageFailed => "package.failed",
            Self::PackageDeleted => "package.deleted",
            Self::JobRetried => "job.retried",
        }
    }
}

/// Notes that something happened to `subject`, an id; `detail` is for people.
pub(super) async fn note(
    tx: &Transaction,
    kind: EventKind,
    subject: &str,
    detail: Option<&str>,
) -> Result<()> {
    let event = query(
        "INSERT INTO events (id, kind, subject, detail, created_at_ms) VALUES (?, ?, ?, ?, ?)",
    )
    .bind(id::tagged("evt").map_err(Error::Io)?)
    .bind(kind.as_str())
    .bind(subject)
    .bind(detail)
    .bind(clock::now_ms());
    tx.execute(event).await?;
    match kind {
        EventKind::AssetCreated | EventKind::PackageOrdered => idempotency::note(tx, subject).await,
        _ => Ok(()),
    }
}

impl Database {
    /// Forgets the events before a time (of the wall clock). Returns how many.
    pub(crate) async fn forget_events(&self, before_ms: i64) -> Result<u64> {
        self.quick(|tx| async move {
            tx.execute(query("DELETE FROM events WHERE created_at_ms < ?").bind(before_ms))
                .await
        })
        .await
    }
}
