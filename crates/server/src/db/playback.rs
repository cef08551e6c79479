//! Who may play an asset, and how often.

use super::{Database, Result, query, words};
use crate::access::Tenant;
use crate::clock;

/// Who may play an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Policy {
    /// Whoever knows the URL.
    Public,
    /// Who shows a playback token.
    Signed,
}

words!(Policy);

impl Policy {
    /// Every policy.
    pub(crate) const ALL: [Self; 2] = [Self::Public, Self::Signed];

    /// The word of clients and of the database.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Signed => "signed",
        }
    }
}

/// Of which asset a package is, and who may play that.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub(crate) struct Played {
    /// The asset.
    pub(crate) id: String,
    pub(crate) playback: Policy,
}

impl Database {
    /// What is behind the code of a package.
    pub(crate) async fn played(&self, code: &str) -> Result<Option<Played>> {
        let found = query(
            "SELECT a.id, a.playback FROM packages p \
             JOIN assets a ON a.input_content_id = p.input_content_id WHERE p.code = ?",
        );
        self.optional(found.bind(code)).await
    }

    /// Who may play an asset of a tenant.
    pub(crate) async fn playback(&self, tenant: &Tenant, asset: &str) -> Result<Option<Policy>> {
        let found = query("SELECT id, playback FROM assets WHERE tenant_id = ? AND id = ?");
        let found: Option<Played> = self.optional(found.bind(tenant).bind(asset)).await?;
        Ok(found.map(|played| played.playback))
    }

    /// Says who may play an asset of a tenant; `false` when there is none.
    pub(crate) async fn set_playback(
        &self,
        tenant: &Tenant,
        asset: &str,
        policy: Policy,
    ) -> Result<bool> {
        self.durable(|tx| async move {
            let known = query(
                "SELECT input_content_id FROM assets WHERE tenant_id = ? AND id = ? {for_update}",
            );
            let known = known.bind(tenant).bind(asset);
            if tx.optional::<(i64,)>(known).await?.is_none() {
                return Ok(false);
            }
            let set = query("UPDATE assets SET playback = ?, updated_at_ms = ? WHERE id = ?");
            let set = set.bind(policy).bind(clock::now_ms()).bind(asset);
            tx.execute(set).await?;
            Ok(true)
        })
        .await
    }

    /// Begins to count the licences of a token, and forgets those that have run out.
    pub(crate) async fn add_grant(&self, id: &str, most: i64, expires_at_ms: i64) -> Result<()> {
        self.durable(|tx| async move {
            let now = clock::now_ms();
            tx.execute(query("DELETE FROM playback_grants WHERE expires_at_ms <= ?").bind(now))
                .await?;
            let grant = query(
                "INSERT INTO playback_grants (id, most, created_at_ms, expires_at_ms) VALUES (?, ?, ?, ?)",
            );
            let grant = grant.bind(id).bind(most).bind(now).bind(expires_at_ms);
            tx.execute(grant).await.map(drop)
        })
        .await
    }

    /// Counts a licence; `false` when all that a token is good for were given.
    pub(crate) async fn use_grant(&self, id: &str) -> Result<bool> {
        self.durable(|tx| async move {
            let used =
                query("UPDATE playback_grants SET used = used + 1 WHERE id = ? AND used < most");
            Ok(tx.execute(used.bind(id)).await? > 0)
        })
        .await
    }
}
