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
    pub(crate) created_at_ms: i64,
    pub(crate) updated_at_ms: i64,
}

macro_rules! select {
    ($tail:literal) => {
        query(concat!(
            "SELECT a.account_id, a.tenant_id, a.name, a.password_hash, a.created_at_ms, a.updated_at_ms FROM accounts a ",
            $tail
        ))
    };
}

impl Database {
    /// Whether there is any account.
    pub(crate) async fn has_accounts(&self) -> Result<bool> {
        let found = query("SELECT account_id FROM accounts LIMIT 1");
        Ok(self.optional::<(i64,)>(found).await?.is_some())
    }

    /// The account of a name.
    pub(crate) async fn account_of_name(&self, name: &str) -> Result<Option<Account>> {
        let found = select!("WHERE a.name = ?");
        self.optional(found.bind(name)).await
    }

    /// All accounts, by name. They are few.
    pub(crate) async fn accounts(&self) -> Result<Vec<Account>> {
        self.all(select!("ORDER BY a.name")).await
    }

    /// Gives an account another password, and ends its sessions; `false` when there is none of this name.
    pub(crate) async fn set_password(&self, name: &str, password_hash: &str) -> Result<bool> {
        self.durable(|tx| async move {
            let known = query("SELECT account_id FROM accounts WHERE name = ? {for_update}");
            let Some((account,)) = tx.optional::<(i64,)>(known.bind(name)).await? else {
                return Ok(false);
            };
            let changed = query(
                "UPDATE accounts SET password_hash = ?, updated_at_ms = ? WHERE account_id = ?",
            );
            let changed = changed.bind(password_hash).bind(clock::now_ms());
            tx.execute(changed.bind(account)).await?;
            let sessions = query("DELETE FROM sessions WHERE account_id = ?");
            tx.execute(sessions.bind(account)).await?;
            Ok(true)
        })
        .await
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
        let found = select!(
            "JOIN sessions s ON a.account_id = s.account_id \
             WHERE s.secret_sha256 = ? AND s.expires_at_ms > ?"
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
