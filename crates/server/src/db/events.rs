//! Events: what happened to the things of the catalogue, written in the transaction that made it happen.

use super::{Database, Error, Page, Result, Transaction, idempotency, query};
use crate::access::Tenant;
use crate::{clock, id};

/// How long a transaction may take from an event's number to the moment at which others see it, on engines that
/// write several at once: whoever follows events waits so long, so that none comes in before one that was told.
const SETTLED_AFTER_MS: i64 = 2000;

/// Something that happened.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Event {
    /// They grow.
    pub(crate) event_id: i64,
    pub(crate) id: String,
    pub(crate) kind: String,
    /// The id of what it happened to.
    pub(crate) subject: String,
    /// For people.
    pub(crate) detail: Option<String>,
    pub(crate) created_at_ms: i64,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventKind {
    AssetCreated,
    AssetUpdated,
    AssetDeleted,
    PackageOrdered,
    PackageReady,
    PackageFailed,
    PackageDeleted,
    JobRetried,
    WebhookDisabled,
}

impl EventKind {
    /// Every kind.
    pub(crate) const ALL: [Self; 9] = [
        Self::AssetCreated,
        Self::AssetUpdated,
        Self::AssetDeleted,
        Self::PackageOrdered,
        Self::PackageReady,
        Self::PackageFailed,
        Self::PackageDeleted,
        Self::JobRetried,
        Self::WebhookDisabled,
    ];

    /// The word that is stored.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::AssetCreated => "asset.created",
            Self::AssetUpdated => "asset.updated",
            Self::AssetDeleted => "asset.deleted",
            Self::PackageOrdered => "package.ordered",
            Self::PackageReady => "package.ready",
            Self::PackageFailed => "package.failed",
            Self::PackageDeleted => "package.deleted",
            Self::JobRetried => "job.retried",
            Self::WebhookDisabled => "webhook.disabled",
        }
    }
}

/// Notes that something happened to `subject`, an id of a thing of this tenant; `detail` is for people.
pub(super) async fn note(
    tx: &Transaction,
    tenant: &Tenant,
    kind: EventKind,
    subject: &str,
    detail: Option<&str>,
) -> Result<()> {
    let event = query(
        "INSERT INTO events (id, tenant_id, kind, subject, detail, created_at_ms) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(id::tagged("evt").map_err(Error::Io)?)
    .bind(tenant)
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

macro_rules! select {
    ($tail:literal) => {
        query(concat!(
            "SELECT event_id, id, kind, subject, detail, created_at_ms FROM events ",
            $tail
        ))
    };
}

impl Database {
    /// A page of a tenant's events, or of those of a kind or about a thing, newest first.
    pub(crate) async fn events(
        &self,
        tenant: &Tenant,
        kind: Option<&str>,
        subject: Option<&str>,
        page: Page,
    ) -> Result<Vec<Event>> {
        let found = match page.backwards {
            false => select!(
                "WHERE tenant_id = ? AND event_id < ? AND event_id > ? AND (? IS NULL OR kind = ?) AND (? IS NULL OR subject = ?) \
                 ORDER BY event_id DESC LIMIT ?"
            ),
            true => select!(
                "WHERE tenant_id = ? AND event_id < ? AND event_id > ? AND (? IS NULL OR kind = ?) AND (? IS NULL OR subject = ?) \
                 ORDER BY event_id LIMIT ?"
            ),
        };
        let found = found.bind(tenant).bind(page.before).bind(page.after);
        let found = found.bind(kind).bind(kind).bind(subject).bind(subject);
        self.all(found.bind(page.limit)).await
    }

    /// A tenant's next events behind a number, oldest first.
    pub(crate) async fn events_after(
        &self,
        tenant: &Tenant,
        number: i64,
        limit: i64,
    ) -> Result<Vec<Event>> {
        let settled = self.settled_until_ms();
        let found = select!(
            "WHERE tenant_id = ? AND event_id > ? AND created_at_ms <= ? ORDER BY event_id LIMIT ?"
        );
        let found = found.bind(tenant).bind(number).bind(settled);
        self.all(found.bind(limit)).await
    }

    /// Before which time events have all come in: none is written any more with a smaller number than one that is older.
    pub(super) fn settled_until_ms(&self) -> i64 {
        match self.is_embedded() {
            true => i64::MAX,
            false => clock::now_ms() - SETTLED_AFTER_MS,
        }
    }

    /// The number of a tenant's newest event; 0 when there is none.
    pub(crate) async fn newest_event(&self, tenant: &Tenant) -> Result<i64> {
        let newest = query("SELECT COALESCE(MAX(event_id), 0) FROM events WHERE tenant_id = ?");
        let newest = self.optional::<(i64,)>(newest.bind(tenant)).await?;
        Ok(newest.map_or(0, |(number,)| number))
    }

    /// Forgets the events before a time (of the wall clock). Returns how many.
    pub(crate) async fn forget_events(&self, before_ms: i64) -> Result<u64> {
        self.quick(|tx| async move {
            tx.execute(query("DELETE FROM events WHERE created_at_ms < ?").bind(before_ms))
                .await
        })
        .await
    }
}
