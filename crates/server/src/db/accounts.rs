//! Accounts of people, and their sessions.

use super::{Database, Error, Result, Transaction, query};
use crate::access::Tenant;
use crate::{clock, id};

/// An account that logs in.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(crate) struct Account {
    pub(crate) account_id: i64,
    #[sqlx(try_from = "String")]
    pub(crate) tenant_id: Tenant,
    pub(crate) name: String,
    /// Argon2id, in the form of the PHC.
    pub(crate) password_hash: String,
}

impl Database {
    /// Whether there is any account.
    pub(crate) async fn has_accounts(&self) -> Result<bool> {
        let found = query("SELECT account_id FROM accounts LIMIT 1");
        Ok(self.optional::<(i64,)>(found).await?.is_some())
    }

    /// The account of a name.
    pub(crate) async fn account_of_name(&self, name: &str) -> Result<Option<Account>> {
        let found =
            query("SELECT account_id, tenant_id, name, password_hash FROM accounts WHERE name = ?");
        self.optional(found.bind(name)).await
    }

    /// Adds the first account, and nobody else's: `None` when there is one already.
    pub(crate) async fn add_first_account(
        &self,
        name: &str,
        password_hash: &str,
    ) -> Result<Option<i64>> {
        self.durable(|tx| async move {
            // Whoever comes at the same moment waits for this row.
            tx.one::<(i64,)>(query("SELECT id FROM queue WHERE id = 1 {for_update}"))
                .await?;
            let any = query("SELECT account_id FROM accounts LIMIT 1");
            if tx.optional::<(i64,)>(any).await?.is_some() {
                return Ok(None);
            }
            let now = clock::now_ms();
            let account = query(
                "INSERT INTO accounts (id, name, password_hash, created_at_ms, updated_at_ms) \
                 VALUES (?, ?, ?, ?, ?)",
            )
            .bind(id::tagged("acc").map_err(Error::Io)?)
            .bind(name)
            .bind(password_hash)
            .bind(now)
            .bind(now);
            tx.insert("account_id", account).await
        })
        .await
    }

    /// Begins a session, and forgets those that have run out.
    pub(crate) async fn add_session(
        &self,
        account_id: i64,
        secret_sha256: &str,
        length_ms: i64,
    ) -> Result<()> {
        self.durable(|tx| async move {
            let now = clock::now_ms();
            tx.execute(query("DELETE FROM sessions WHERE expires_at_ms <= ?").bind(now))
                .await?;
            insert_session(&tx, account_id, secret_sha256, now, length_ms).await
        })
        .await
    }

    /// The account of a session that has not run out.
    pub(crate) async fn account_of_session(&self, secret_sha256: &str) -> Result<Option<Account>> {
        let found = query(
            "SELECT a.account_id, a.tenant_id, a.name, a.password_hash FROM sessions s \
             JOIN accounts a ON a.account_id = s.account_id \
             WHERE s.secret_sha256 = ? AND s.expires_at_ms > ?",
        );
        let found = found.bind(secret_sha256).bind(clock::now_ms());
        self.optional(found).await
    }

    /// Ends a session.
    pub(crate) async fn end_session(&self, secret_sha256: &str) -> Result<()> {
        self.durable(|tx| async move {
            let ended = query("DELETE FROM sessions WHERE secret_sha256 = ?");
            tx.execute(ended.bind(secret_sha256)).await.map(drop)
        })
        .await
    }
}

async fn insert_session(
    tx: &Transaction,
    account_id: i64,
    secret_sha256: &str,
    now: i64,
    length_ms: i64,
) -> Result<()> {
    let session = query(
        "INSERT INTO sessions (account_id, secret_sha256, created_at_ms, expires_at_ms) \
         VALUES (?, ?, ?, ?)",
    );
    let session = session.bind(account_id).bind(secret_sha256);
    tx.execute(session.bind(now).bind(now + length_ms))
        .await
        .map(drop)
}
