//! Tokens of programs: what they allow, and for how long.

use super::{Changed, Database, Page, Result, Wanted, query, tenants};
use crate::access::{Scope, Tenant};
use crate::clock;

/// Uses of a token are noted to the minute.
const USE_MS: i64 = 60_000;

/// A token, without its secret.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct ApiToken {
    pub(crate) api_token_id: i64,
    pub(crate) id: String,
    #[sqlx(try_from = "String")]
    pub(crate) tenant_id: Tenant,
    pub(crate) name: String,
    /// Words, with a space between them.
    scopes: String,
    pub(crate) created_at_ms: i64,
    pub(crate) expires_at_ms: i64,
    pub(crate) revoked_at_ms: Option<i64>,
    pub(crate) last_used_at_ms: Option<i64>,
    /// Grows with every change that a client makes.
    pub(crate) version: i64,
}

impl ApiToken {
    /// What it allows. A scope that this Reelpack does not know allows nothing.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        self.scopes.split(' ').filter_map(Scope::parse).collect()
    }
}

/// What a new token needs.
#[derive(Debug)]
pub(crate) struct NewApiToken<'a> {
    pub(crate) id: &'a str,
    /// Whose things it opens.
    pub(crate) tenant: &'a Tenant,
    pub(crate) name: &'a str,
    pub(crate) secret_sha256: &'a str,
    pub(crate) scopes: &'a [Scope],
    pub(crate) expires_at_ms: i64,
}

macro_rules! select {
    ($tail:literal) => {
        concat!(
            "SELECT api_token_id, id, tenant_id, name, scopes, created_at_ms, expires_at_ms, revoked_at_ms, last_used_at_ms, version \
             FROM api_tokens ",
            $tail
        )
    };
}

impl Database {
    /// Adds a token; `false` when its tenant is gone.
    pub(crate) async fn add_api_token(&self, new: &NewApiToken<'_>) -> Result<bool> {
        let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
        let scopes = &scopes.join(" ");
        self.durable(|tx| async move {
            if tenants::hold(&tx, new.tenant).await?.is_none() {
                return Ok(false);
            }
            let token = query(
                "INSERT INTO api_tokens (id, tenant_id, name, secret_sha256, scopes, created_at_ms, expires_at_ms) \
                 VALUES (?, ?, ?, ?, ?, ?, ?)",
            );
            let token = token.bind(new.id).bind(new.tenant).bind(new.name).bind(new.secret_sha256);
            let token = token.bind(scopes.as_str()).bind(clock::now_ms());
            tx.execute(token.bind(new.expires_at_ms)).await?;
            Ok(true)
        })
        .await
    }

    /// A page of a tenant's tokens, newest first.
    pub(crate) async fn api_tokens(&self, tenant: &Tenant, page: Page) -> Result<Vec<ApiToken>> {
        let found = query(select!(
            "WHERE tenant_id = ? AND api_token_id < ? ORDER BY api_token_id DESC LIMIT ?"
        ));
        self.all(found.bind(tenant).bind(page.before).bind(page.limit))
            .await
    }

    /// A page of the tokens of all tenants, newest first: for who looks after the catalogue itself.
    pub(crate) async fn api_tokens_of_all(&self, page: Page) -> Result<Vec<ApiToken>> {
        let found = query(select!(
            "WHERE api_token_id < ? ORDER BY api_token_id DESC LIMIT ?"
        ));
        self.all(found.bind(page.before).bind(page.limit)).await
    }

    /// A token of any tenant by its id: for who looks after the catalogue itself.
    pub(crate) async fn api_token_of_any(&self, id: &str) -> Result<Option<ApiToken>> {
        self.optional(query(select!("WHERE id = ?")).bind(id)).await
    }

    /// A token of a tenant by its id.
    pub(crate) async fn api_token(&self, tenant: &Tenant, id: &str) -> Result<Option<ApiToken>> {
        let found = query(select!("WHERE tenant_id = ? AND id = ?"));
        self.optional(found.bind(tenant).bind(id)).await
    }

    /// The token of a secret, if it is valid at this moment; notes that it was used.
    pub(crate) async fn valid_api_token(&self, secret_sha256: &str) -> Result<Option<ApiToken>> {
        let now = clock::now_ms();
        let found = query(select!(
            "WHERE secret_sha256 = ? AND revoked_at_ms IS NULL AND expires_at_ms > ?"
        ));
        let found: Option<ApiToken> = self.optional(found.bind(secret_sha256).bind(now)).await?;
        let Some(token) = found else {
            return Ok(None);
        };
        if token.last_used_at_ms.is_none_or(|at| at + USE_MS <= now) {
            let id = token.api_token_id;
            self.quick(|tx| async move {
                let used =
                    query("UPDATE api_tokens SET last_used_at_ms = ? WHERE api_token_id = ?");
                tx.execute(used.bind(now).bind(id)).await
            })
            .await?;
        }
        Ok(Some(token))
    }

    /// Revokes a token of a wanted version, at once and for good.
    pub(crate) async fn revoke_api_token(
        &self,
        tenant: &Tenant,
        id: &str,
        wanted: &Wanted,
    ) -> Result<Changed> {
        self.durable(|tx| async move {
            let known = query(
                "SELECT version FROM api_tokens WHERE tenant_id = ? AND id = ? {for_update}",
            );
            let known = known.bind(tenant).bind(id);
            match tx.optional::<(i64,)>(known).await? {
                None => return Ok(Changed::Unknown),
                Some((version,)) if !wanted.fits(version) => return Ok(Changed::Stale),
                Some(_) => {}
            }
            let revoked = query(
                "UPDATE api_tokens SET revoked_at_ms = ?, version = version + 1 WHERE id = ? AND revoked_at_ms IS NULL",
            );
            tx.execute(revoked.bind(clock::now_ms()).bind(id)).await?;
            Ok(Changed::Done)
        })
        .await
    }
}
