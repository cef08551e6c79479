//! Tenants: who shares an installation, and sees nothing of the others.

use super::{Database, Page, Result, Transaction, Wanted, query};
use crate::access::Tenant;
use crate::clock;

/// A row of `tenants`.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct TenantRow {
    pub(crate) tenant_number: i64,
    #[sqlx(try_from = "String")]
    pub(crate) id: Tenant,
    pub(crate) name: String,
    #[sqlx(flatten)]
    pub(crate) limits: Limits,
    /// Grows with every change.
    pub(crate) version: i64,
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
}

/// What a tenant may have at most; without limits where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Limits {
    /// Bytes of delivered files and of packages.
    pub(crate) max_bytes: Option<i64>,
    /// Assets.
    pub(crate) max_assets: Option<i64>,
    /// Jobs that have not ended.
    pub(crate) max_jobs: Option<i64>,
}

/// What is to be another one of a tenant; the rest stays. A limit of `None` goes.
#[derive(Debug, Default)]
pub(crate) struct Change {
    pub(crate) name: Option<String>,
    pub(crate) max_bytes: Option<Option<i64>>,
    pub(crate) max_assets: Option<Option<i64>>,
    pub(crate) max_jobs: Option<Option<i64>>,
}

impl Change {
    /// The limits after it.
    pub(crate) fn of(&self, before: Limits) -> Limits {
        Limits {
            max_bytes: self.max_bytes.unwrap_or(before.max_bytes),
            max_assets: self.max_assets.unwrap_or(before.max_assets),
            max_jobs: self.max_jobs.unwrap_or(before.max_jobs),
        }
    }
}

/// What became of the wish to change a tenant.
#[derive(Debug)]
pub(crate) enum Changed {
    /// It is so now.
    Done(Box<TenantRow>),
    /// There is no such tenant.
    Unknown,
    /// Somebody else changed it meanwhile.
    Stale,
}

/// What became of the wish to remove a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// It is gone, with its tokens and people.
    Done,
    /// There is no such tenant.
    Unknown,
    /// It has assets, or uploads that have not ended.
    InUse,
    /// Somebody else changed it meanwhile.
    Stale,
    /// It is the one that every installation has.
    First,
}

macro_rules! select {
    ($tail:literal) => {
        query(concat!(
            "SELECT tenant_number, id, name, max_bytes, max_assets, max_jobs, version, created_at_ms, updated_at_ms \
             FROM tenants ",
            $tail
        ))
    };
}

impl Database {
    /// Adds a tenant.
    ///
    /// # Errors
    /// One that [`super::is_taken`] knows when another tenant has the name.
    pub(crate) async fn add_tenant(
        &self,
        id: &Tenant,
        name: &str,
        limits: Limits,
    ) -> Result<TenantRow> {
        let now = clock::now_ms();
        self.durable(|tx| async move {
            let row = query(
                "INSERT INTO tenants (id, name, max_bytes, max_assets, max_jobs, created_at_ms, updated_at_ms) \
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            );
            let row = row.bind(id).bind(name).bind(limits.max_bytes);
            let row = row.bind(limits.max_assets).bind(limits.max_jobs);
            tx.insert("tenant_number", row.bind(now).bind(now)).await?;
            super::idempotency::note(&tx, id.as_str()).await?;
            tx.one(select!("WHERE id = ?").bind(id)).await
        })
        .await
    }

    /// A tenant by its id.
    pub(crate) async fn tenant(&self, id: &Tenant) -> Result<Option<TenantRow>> {
        self.optional(select!("WHERE id = ?").bind(id)).await
    }

    /// A page of all tenants, newest first.
    pub(crate) async fn tenants(&self, page: Page) -> Result<Vec<TenantRow>> {
        let rows = select!("WHERE tenant_number < ? ORDER BY tenant_number DESC LIMIT ?");
        self.all(rows.bind(page.before).bind(page.limit)).await
    }

    /// Gives a tenant another name or other limits, if it is of a wanted version.
    ///
    /// # Errors
    /// One that [`super::is_taken`] knows when another tenant has the name.
    pub(crate) async fn change_tenant(
        &self,
        id: &Tenant,
        change: &Change,
        wanted: &Wanted,
    ) -> Result<Changed> {
        self.durable(|tx| async move {
            let Some(row) = hold(&tx, id).await? else {
                return Ok(Changed::Unknown);
            };
            if !wanted.fits(row.version) {
                return Ok(Changed::Stale);
            }
            let name = change.name.as_deref().unwrap_or(&row.name);
            let limits = change.of(row.limits);
            let update = query(
                "UPDATE tenants SET name = ?, max_bytes = ?, max_assets = ?, max_jobs = ?, version = version + 1, \
                 updated_at_ms = ? WHERE id = ?",
            );
            let update = update.bind(name).bind(limits.max_bytes);
            let update = update.bind(limits.max_assets).bind(limits.max_jobs);
            tx.execute(update.bind(clock::now_ms()).bind(id)).await?;
            let row = tx.one(select!("WHERE id = ?").bind(id)).await?;
            Ok(Changed::Done(Box::new(row)))
        })
        .await
    }

    /// Removes a tenant that has no assets, with its tokens, its people, its webhooks, and what is told of it.
    pub(crate) async fn remove_tenant(&self, id: &Tenant, wanted: &Wanted) -> Result<Removed> {
        self.durable(|tx| async move {
            match hold(&tx, id).await? {
                None => return Ok(Removed::Unknown),
                Some(row) if !wanted.fits(row.version) => return Ok(Removed::Stale),
                Some(row) if row.id.is_first() => return Ok(Removed::First),
                Some(_) => {}
            }
            let used = query(
                "SELECT (SELECT COUNT(*) FROM assets WHERE tenant_id = ?) + (SELECT COUNT(*) FROM uploads \
                 WHERE tenant_id = ? AND state IN ('receiving', 'finishing'))",
            );
            let (used,): (i64,) = tx.one(used.bind(id).bind(id)).await?;
            if used > 0 {
                return Ok(Removed::InUse);
            }
            for gone in [
                query("DELETE FROM api_tokens WHERE tenant_id = ?"),
                query("DELETE FROM accounts WHERE tenant_id = ?"),
                query("DELETE FROM uploads WHERE tenant_id = ?"),
                query("DELETE FROM events WHERE tenant_id = ?"),
                query(
                    "DELETE FROM webhook_deliveries WHERE webhook_id IN \
                     (SELECT webhook_id FROM webhooks WHERE tenant_id = ?)",
                ),
                query("DELETE FROM webhooks WHERE tenant_id = ?"),
                query("DELETE FROM tenants WHERE id = ?"),
            ] {
                tx.execute(gone.bind(id)).await?;
            }
            Ok(Removed::Done)
        })
        .await
    }
}

/// A tenant, whose row is held until the transaction ends: nobody removes it meanwhile, and who counts what it has, counts all.
pub(super) async fn hold(tx: &Transaction, id: &Tenant) -> Result<Option<TenantRow>> {
    tx.optional(select!("WHERE id = ? {for_update}").bind(id))
        .await
}
