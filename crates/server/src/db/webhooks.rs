//! Webhooks: addresses that are told what happened.

use super::events::{self, EventKind};
use super::{Changed, Database, Page, Result, Transaction, Wanted, idempotency, query, tenants};
use crate::access::Tenant;
use crate::clock;

/// A webhook, its secrets wrapped.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Webhook {
    pub(crate) webhook_id: i64,
    pub(crate) id: String,
    #[sqlx(try_from = "String")]
    pub(super) tenant_id: Tenant,
    pub(crate) url: String,
    /// Words with a space between them; none: all types of events.
    event_types: String,
    /// For people.
    pub(crate) description: String,
    pub(crate) enabled: bool,
    /// Why it is not enabled, when nobody wanted that.
    pub(crate) disabled_because: Option<String>,
    pub(crate) secret: Vec<u8>,
    earlier_secret: Option<Vec<u8>>,
    earlier_until_ms: Option<i64>,
    /// Number of the last event for which deliveries were made.
    pub(super) seen_event: i64,
    pub(crate) failing_since_ms: Option<i64>,
    /// Grows with every change that a client makes.
    pub(crate) version: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
}

impl Webhook {
    /// The types of events that it is told; none: all of them.
    pub(crate) fn event_types(&self) -> Vec<&str> {
        self.event_types.split_whitespace().collect()
    }

    /// Whether it is told of this type of events.
    pub(super) fn wants(&self, kind: &str) -> bool {
        let wanted = self.event_types();
        wanted.is_empty() || wanted.contains(&kind)
    }

    /// The secret before, while it signs besides.
    pub(crate) fn earlier_secret(&self) -> Option<&[u8]> {
        self.earlier_until_ms()?;
        self.earlier_secret.as_deref()
    }

    /// Until when that is.
    pub(crate) fn earlier_until_ms(&self) -> Option<i64> {
        self.earlier_until_ms
            .filter(|until| *until > clock::now_ms())
    }
}

/// What a new webhook needs.
#[derive(Debug)]
pub(crate) struct NewWebhook<'a> {
    pub(crate) id: &'a str,
    pub(crate) tenant: &'a Tenant,
    pub(crate) url: &'a str,
    pub(crate) event_types: &'a [&'a str],
    pub(crate) description: &'a str,
    /// Wrapped.
    pub(crate) secret: &'a [u8],
}

/// What is to be different of a webhook.
#[derive(Debug, Default)]
pub(crate) struct WebhookChange<'a> {
    pub(crate) url: Option<&'a str>,
    pub(crate) event_types: Option<Vec<&'a str>>,
    pub(crate) description: Option<&'a str>,
    pub(crate) enabled: Option<bool>,
}

macro_rules! select {
    ($tail:literal) => {
        query(concat!(
            "SELECT webhook_id, id, tenant_id, url, event_types, description, enabled, disabled_because, secret, earlier_secret, \
             earlier_until_ms, seen_event, failing_since_ms, version, created_at_ms, updated_at_ms FROM webhooks ",
            $tail
        ))
    };
}

impl Database {
    /// Adds a webhook, which is told of what happens from now on; `false` when the tenant has `most` already, or is gone.
    pub(crate) async fn add_webhook(&self, new: &NewWebhook<'_>, most: i64) -> Result<bool> {
        let event_types = &new.event_types.join(" ");
        self.durable(|tx| async move {
            if tenants::hold(&tx, new.tenant).await?.is_none() {
                return Ok(false);
            }
            let there = query("SELECT COUNT(*) FROM webhooks WHERE tenant_id = ?");
            let (there,): (i64,) = tx.one(there.bind(new.tenant)).await?;
            if there >= most {
                return Ok(false);
            }
            let webhook = query(
                "INSERT INTO webhooks (id, tenant_id, url, event_types, description, secret, seen_event, created_at_ms, \
                 updated_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            );
            let webhook = webhook.bind(new.id).bind(new.tenant).bind(new.url);
            let webhook = webhook.bind(event_types.as_str()).bind(new.description);
            let webhook = webhook.bind(new.secret).bind(newest_event(&tx).await?);
            let now = clock::now_ms();
            tx.execute(webhook.bind(now).bind(now)).await?;
            idempotency::note(&tx, new.id).await?;
            Ok(true)
        })
        .await
    }

    /// A page of a tenant's webhooks, newest first.
    pub(crate) async fn webhooks(&self, tenant: &Tenant, page: Page) -> Result<Vec<Webhook>> {
        let found =
            select!("WHERE tenant_id = ? AND webhook_id < ? ORDER BY webhook_id DESC LIMIT ?");
        self.all(found.bind(tenant).bind(page.before).bind(page.limit))
            .await
    }

    /// A webhook of a tenant by its id.
    pub(crate) async fn webhook(&self, tenant: &Tenant, id: &str) -> Result<Option<Webhook>> {
        let found = select!("WHERE tenant_id = ? AND id = ?");
        self.optional(found.bind(tenant).bind(id)).await
    }

    /// A webhook by its number, if it is enabled.
    pub(crate) async fn enabled_webhook(&self, number: i64) -> Result<Option<Webhook>> {
        let found = select!("WHERE webhook_id = ? AND enabled = TRUE");
        self.optional(found.bind(number)).await
    }

    /// Changes a webhook of a wanted version. One that is enabled again is told of what happens from now on.
    pub(crate) async fn change_webhook(
        &self,
        tenant: &Tenant,
        id: &str,
        change: &WebhookChange<'_>,
        wanted: &Wanted,
    ) -> Result<Changed> {
        let event_types = &change.event_types.as_ref().map(|types| types.join(" "));
        self.durable(|tx| async move {
            let old = match held(&tx, tenant, id, wanted).await? {
                Ok(old) => old,
                Err(changed) => return Ok(changed),
            };
            let changed = query(
                "UPDATE webhooks SET url = COALESCE(?, url), event_types = COALESCE(?, event_types), \
                 description = COALESCE(?, description), version = version + 1, updated_at_ms = ? WHERE webhook_id = ?",
            );
            let changed = changed.bind(change.url).bind(event_types.as_deref());
            let changed = changed.bind(change.description).bind(clock::now_ms());
            tx.execute(changed.bind(old.webhook_id)).await?;
            match change.enabled {
                Some(true) if !old.enabled => enable(&tx, old.webhook_id).await?,
                Some(false) if old.enabled => stop(&tx, old.webhook_id, None).await?,
                _ => {}
            }
            Ok(Changed::Done)
        })
        .await
    }

    /// Gives a webhook of a wanted version another secret; the one before signs besides until a time.
    pub(crate) async fn rotate_webhook(
        &self,
        tenant: &Tenant,
        id: &str,
        secret: &[u8],
        earlier_until_ms: i64,
        wanted: &Wanted,
    ) -> Result<Changed> {
        self.durable(|tx| async move {
            let old = match held(&tx, tenant, id, wanted).await? {
                Ok(old) => old,
                Err(changed) => return Ok(changed),
            };
            let rotated = query(
                "UPDATE webhooks SET secret = ?, earlier_secret = ?, earlier_until_ms = ?, version = version + 1, updated_at_ms = ? \
                 WHERE webhook_id = ?",
            );
            let rotated = rotated.bind(secret).bind(&old.secret[..]).bind(earlier_until_ms);
            tx.execute(rotated.bind(clock::now_ms()).bind(old.webhook_id)).await?;
            idempotency::note(&tx, id).await?;
            Ok(Changed::Done)
        })
        .await
    }

    /// Deletes a webhook of a wanted version with its deliveries.
    pub(crate) async fn delete_webhook(
        &self,
        tenant: &Tenant,
        id: &str,
        wanted: &Wanted,
    ) -> Result<Changed> {
        self.durable(|tx| async move {
            let webhook = match held(&tx, tenant, id, wanted).await? {
                Ok(webhook) => webhook,
                Err(changed) => return Ok(changed),
            };
            let deliveries = query("DELETE FROM webhook_deliveries WHERE webhook_id = ?");
            tx.execute(deliveries.bind(webhook.webhook_id)).await?;
            let deleted = query("DELETE FROM webhooks WHERE webhook_id = ?");
            tx.execute(deleted.bind(webhook.webhook_id)).await?;
            Ok(Changed::Done)
        })
        .await
    }

    /// The next webhooks behind a number, in their order: to wrap their secrets anew.
    pub(crate) async fn webhooks_after(&self, after: i64, limit: i64) -> Result<Vec<Webhook>> {
        let found = select!("WHERE webhook_id > ? ORDER BY webhook_id LIMIT ?");
        self.all(found.bind(after).bind(limit)).await
    }

    /// Writes the secrets of a webhook as they were wrapped anew, unless somebody else did meanwhile.
    pub(crate) async fn rewrap_webhook(
        &self,
        row: &Webhook,
        secret: &[u8],
        earlier: Option<&[u8]>,
    ) -> Result<()> {
        self.durable(|tx| async move {
            let anew = query(
                "UPDATE webhooks SET secret = ?, earlier_secret = ? WHERE webhook_id = ? AND secret = ?",
            );
            let anew = anew.bind(secret).bind(earlier).bind(row.webhook_id);
            tx.execute(anew.bind(&row.secret[..])).await.map(drop)
        })
        .await
    }
}

/// A webhook by its number, locked.
pub(super) async fn held_by_number(tx: &Transaction, number: i64) -> Result<Option<Webhook>> {
    let found = select!("WHERE webhook_id = ? {for_update}");
    tx.optional(found.bind(number)).await
}

/// A webhook of a wanted version, locked; else what becomes of the wish to change it.
async fn held(
    tx: &Transaction,
    tenant: &Tenant,
    id: &str,
    wanted: &Wanted,
) -> Result<std::result::Result<Webhook, Changed>> {
    let found = select!("WHERE tenant_id = ? AND id = ? {for_update}");
    let found: Option<Webhook> = tx.optional(found.bind(tenant).bind(id)).await?;
    Ok(match found {
        None => Err(Changed::Unknown),
        Some(webhook) if !wanted.fits(webhook.version) => Err(Changed::Stale),
        Some(webhook) => Ok(webhook),
    })
}

/// Ends a webhook that failed for too long, or whose receiver wants no more.
pub(super) async fn disable(tx: &Transaction, webhook: &Webhook, because: &str) -> Result<()> {
    stop(tx, webhook.webhook_id, Some(because)).await?;
    let (tenant, id) = (&webhook.tenant_id, &webhook.id);
    events::note(tx, tenant, EventKind::WebhookDisabled, id, Some(because)).await
}

/// What waits for its turn is not delivered any more; it can be sent again by hand.
async fn stop(tx: &Transaction, number: i64, because: Option<&str>) -> Result<()> {
    let stopped = query(
        "UPDATE webhooks SET enabled = FALSE, disabled_because = ?, updated_at_ms = ? WHERE webhook_id = ?",
    );
    let stopped = stopped.bind(because).bind(clock::now_ms());
    tx.execute(stopped.bind(number)).await?;
    let left = query(
        "UPDATE webhook_deliveries SET state = 'failed', next_attempt_at_ms = NULL, failure = ? \
         WHERE webhook_id = ? AND state = 'pending'",
    );
    let why = "the webhook was disabled before it was delivered";
    tx.execute(left.bind(why).bind(number)).await.map(drop)
}

async fn enable(tx: &Transaction, number: i64) -> Result<()> {
    let enabled = query(
        "UPDATE webhooks SET enabled = TRUE, disabled_because = NULL, failing_since_ms = NULL, seen_event = ? \
         WHERE webhook_id = ?",
    );
    let enabled = enabled.bind(newest_event(tx).await?).bind(number);
    tx.execute(enabled).await.map(drop)
}

/// The number of the newest event, whoever's it is; 0 when there is none.
async fn newest_event(tx: &Transaction) -> Result<i64> {
    let newest = query("SELECT COALESCE(MAX(event_id), 0) FROM events");
    let (newest,): (i64,) = tx.one(newest).await?;
    Ok(newest)
}
