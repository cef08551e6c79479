//! What tenants may have at most. It is counted while the tenant's row is held, so that of a hundred who come at once none goes beyond.

use super::tenants::{self, TenantRow};
use super::{Database, Error, Result, Transaction, query};
use crate::access::Tenant;

/// Why a tenant does not get more. It is an error of the transaction, which then has written nothing: see [`beyond`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Beyond {
    /// The tenant was removed meanwhile.
    #[error("the tenant was removed")]
    Gone,
    /// No file may be so large.
    #[error("the tenant may store {most} bytes, and this is more")]
    File {
        /// Bytes.
        most: i64,
    },
    /// Stored files and packages, and uploads that have not ended, leave less.
    #[error("the tenant may store {left} bytes more; delete what is no longer needed")]
    Bytes {
        /// Bytes.
        left: i64,
    },
    /// There are as many assets, or uploads that become some.
    #[error("the tenant may have {most} assets; delete those that are no longer needed")]
    Assets {
        /// How many.
        most: i64,
    },
    /// There are as many unfinished jobs.
    #[error("the tenant may have {most} unfinished jobs; wait until one has ended")]
    Jobs {
        /// How many.
        most: i64,
    },
}

/// What a failure says about the limits of a tenant, if it does.
pub(crate) fn beyond(error: &Error) -> Option<Beyond> {
    match error {
        Error::AnyDriverError(cause) => cause.downcast_ref::<Beyond>().copied(),
        _ => None,
    }
}

impl From<Beyond> for Error {
    fn from(beyond: Beyond) -> Self {
        Self::AnyDriverError(Box::new(beyond))
    }
}

impl Database {
    /// How many bytes a tenant may store besides what it has, and what unfinished uploads but `upload` were promised; `None` without a limit.
    pub(crate) async fn bytes_left(&self, tenant: &Tenant, upload: &str) -> Result<Option<i64>> {
        let Some(row) = self.tenant(tenant).await? else {
            return Err(Beyond::Gone.into());
        };
        let Some(most) = row.limits.max_bytes else {
            return Ok(None);
        };
        let used: Option<(i64,)> = self.optional(used_bytes(tenant)).await?;
        let promised: Option<(i64,)> = self.optional(promised_bytes(tenant, upload)).await?;
        let sum = |found: Option<(i64,)>| found.map_or(0, |(bytes,)| bytes);
        let taken = sum(used).saturating_add(sum(promised));
        Ok(Some(most.saturating_sub(taken).max(0)))
    }
}

/// An asset of so many bytes comes in.
pub(super) async fn asset(tx: &Transaction, tenant: &Tenant, size: i64) -> Result<()> {
    let row = hold(tx, tenant).await?;
    if let Some(most) = row.limits.max_bytes {
        let (used,) = tx.one(used_bytes(tenant)).await?;
        fits(most, used, size)?;
    }
    if let Some(most) = row.limits.max_assets {
        let (assets,): (i64,) = tx.one(assets(tenant)).await?;
        within(assets < most, Beyond::Assets { most })?;
    }
    Ok(())
}

/// An upload begins, which becomes an asset of so many bytes; of 0, when nobody knows.
pub(super) async fn upload(tx: &Transaction, tenant: &Tenant, length: i64) -> Result<()> {
    let row = hold(tx, tenant).await?;
    if let Some(most) = row.limits.max_bytes {
        let (used,): (i64,) = tx.one(used_bytes(tenant)).await?;
        let (promised,): (i64,) = tx.one(promised_bytes(tenant, "")).await?;
        // Who does not say how much comes is let in as long as anything may.
        fits(most, used.saturating_add(promised), length.max(1))?;
    }
    if let Some(most) = row.limits.max_assets {
        let (assets,): (i64,) = tx.one(assets(tenant)).await?;
        let unfinished = query(
            "SELECT COUNT(*) FROM uploads WHERE tenant_id = ? AND state IN ('receiving', 'finishing')",
        );
        let (unfinished,): (i64,) = tx.one(unfinished.bind(tenant)).await?;
        within(assets + unfinished < most, Beyond::Assets { most })?;
    }
    Ok(())
}

/// A job is ordered, or begins once more; its package will take room, too.
pub(super) async fn job(tx: &Transaction, tenant: &Tenant) -> Result<()> {
    let row = hold(tx, tenant).await?;
    if let Some(most) = row.limits.max_bytes {
        let (used,) = tx.one(used_bytes(tenant)).await?;
        // How large a package becomes, nobody knows before it is made.
        fits(most, used, 1)?;
    }
    if let Some(most) = row.limits.max_jobs {
        let unfinished = query(
            "SELECT COUNT(*) FROM jobs WHERE tenant_id = ? AND part = 0 \
             AND state IN ('queued', 'running', 'waiting', 'paused')",
        );
        let (unfinished,): (i64,) = tx.one(unfinished.bind(tenant)).await?;
        within(unfinished < most, Beyond::Jobs { most })?;
    }
    Ok(())
}

async fn hold(tx: &Transaction, tenant: &Tenant) -> Result<TenantRow> {
    let row = tenants::hold(tx, tenant).await?;
    row.ok_or_else(|| Beyond::Gone.into())
}

fn fits(most: i64, used: i64, size: i64) -> Result<()> {
    let left = most.saturating_sub(used).max(0);
    within(size <= most, Beyond::File { most })?;
    within(size <= left, Beyond::Bytes { left })
}

fn within(is_within: bool, beyond: Beyond) -> Result<()> {
    match is_within {
        true => Ok(()),
        false => Err(beyond.into()),
    }
}

/// Bytes of delivered files and of packages.
fn used_bytes(tenant: &Tenant) -> super::Query {
    query(
        "SELECT CAST((SELECT COALESCE(SUM(size), 0) FROM assets WHERE tenant_id = ?) \
         + (SELECT COALESCE(SUM(p.size), 0) FROM packages p \
         JOIN assets a ON a.input_content_id = p.input_content_id WHERE a.tenant_id = ?) \
         AS {sqlite:INTEGER}{postgres:BIGINT}{mysql:SIGNED})",
    )
    .bind(tenant)
    .bind(tenant)
}

/// Bytes that unfinished uploads were promised, but for one of them.
fn promised_bytes(tenant: &Tenant, except: &str) -> super::Query {
    query(
        "SELECT CAST(COALESCE(SUM(COALESCE(length, received)), 0) \
         AS {sqlite:INTEGER}{postgres:BIGINT}{mysql:SIGNED}) FROM uploads \
         WHERE tenant_id = ? AND id <> ? AND state IN ('receiving', 'finishing')",
    )
    .bind(tenant)
    .bind(except)
}

fn assets(tenant: &Tenant) -> super::Query {
    query("SELECT COUNT(*) FROM assets WHERE tenant_id = ?").bind(tenant)
}
