//! Content keys as they are stored, all of them: to be wrapped anew.

use super::{Database, Result, query};
use crate::access::Tenant;
use crate::clock;
use crate::keys::Place;

/// A row of `content_keys`, with the id of its package.
#[derive(sqlx::FromRow)]
pub(crate) struct StoredContentKey {
    pub(crate) content_key_id: i64,
    /// The package to which it is bound.
    pub(crate) package: String,
    /// The package's asset.
    pub(crate) asset: String,
    /// Whose that is.
    #[sqlx(try_from = "String")]
    pub(crate) tenant_id: Tenant,
    pub(crate) kid: String,
    pub(crate) wrapped_key: Vec<u8>,
    pub(crate) given_key: Vec<u8>,
}

impl StoredContentKey {
    /// To what it is bound.
    pub(crate) fn place(&self) -> Place<'_> {
        Place {
            tenant: &self.tenant_id,
            asset: &self.asset,
            package: &self.package,
        }
    }
}

impl Database {
    /// The next rows after one, in their order.
    pub(crate) async fn content_keys_after(
        &self,
        after: i64,
        limit: i64,
    ) -> Result<Vec<StoredContentKey>> {
        let found = query(
            "SELECT k.content_key_id, p.id AS package, a.id AS asset, a.tenant_id, k.kid, k.wrapped_key, k.given_key FROM content_keys k \
             JOIN packages p ON p.packaged_content_id = k.packaged_content_id \
             JOIN assets a ON a.input_content_id = p.input_content_id \
             WHERE k.content_key_id > ? ORDER BY k.content_key_id LIMIT ?",
        );
        self.all(found.bind(after).bind(limit)).await
    }

    /// Writes a content key as it was wrapped anew, unless somebody else did meanwhile.
    pub(crate) async fn rewrap_content_key(
        &self,
        row: &StoredContentKey,
        wrapped_key: &[u8],
        given_key: &[u8],
    ) -> Result<()> {
        self.durable(|tx| async move {
            let anew = query(
                "UPDATE content_keys SET wrapped_key = ?, given_key = ?, updated_at_ms = ? \
                 WHERE content_key_id = ? AND wrapped_key = ?",
            );
            let anew = anew.bind(wrapped_key).bind(given_key).bind(clock::now_ms());
            let anew = anew.bind(row.content_key_id).bind(&row.wrapped_key[..]);
            tx.execute(anew).await.map(drop)
        })
        .await
    }

    /// Notes by what the key file is known from now on.
    pub(crate) async fn set_key_check(&self, sealed: &[u8]) -> Result<()> {
        self.durable(|tx| async move {
            let note = query("UPDATE queue SET key_check = ? WHERE id = 1");
            tx.execute(note.bind(sealed)).await.map(drop)
        })
        .await
    }
}
