//! The catalogue and its queue, in embedded SQLite, PostgreSQL or MySQL/MariaDB.
//!
//! # How a query is written
//!
//! One SQL text for every engine, beside the function that needs it:
//!
//! ```text
//! // Reading: outside of transactions, from `&Database`.
//! let found = query("SELECT id, size FROM assets WHERE name = ? AND kind IN ({list})");
//! let rows: Vec<(String, i64)> = self.all(found.bind(name).bind_list(kinds)).await?;
//!
//! // Writing: the closure may run again, so it uses references and changes nothing outside.
//! self.durable(|tx| async move {
//!     let held = query("UPDATE jobs SET state = 'done' WHERE seq = ? AND fence = ?");
//!     if tx.execute(held.bind(seq).bind(fence)).await? == 0 {
//!         return Ok(Settled::Refused);
//!     }
//!     …
//!     Ok(Settled::Yes)
//! })
//! .await
//! ```
//!
//! - `?` is a value, `{list}` a list of them, bound in order; the same value twice is bound twice. What a client sent
//!   is always bound, never written into the text (which is `&'static str`).
//! - `all`, `optional`, `one` read rows: a tuple (one column: `(i64,)`), or a struct that derives `sqlx::FromRow`.
//!   `execute` returns the number of rows met, `insert("column", …)` the number that a new row was given.
//! - Types of Rust and columns: `i64` `{int}`, `f64` `{real}`, `bool` `{bool}`, `String` `{word}` or `{text}`,
//!   `Vec<u8>` `{blob}`, `Json<T>` `{json}` (bound by `bind_json`), `Option` for what may be NULL. Closed sets of words:
//!   [`words!`].
//! - Booleans are written `TRUE`, `FALSE`, `NOT x`. `COUNT(*)` is an `i64`; `SUM` wants a CAST, and so does a lone
//!   literal. No RETURNING, no ON CONFLICT, no `IS NOT ?`, no numbered `?1`, no UPDATE of a table that a subquery
//!   of its WHERE reads: one of the engines has none of it. (On a key that is there an INSERT fails with
//!   an error whose `as_database_error()` says `is_unique_violation()`.)
//! - Who reads a row to decide on it inside a transaction ends the SELECT with `{for_update}`; who takes any free row
//!   of a queue, with `{skip_locked}`. SQLite has one writer at a time and reads these as nothing.
//! - Rows of `jobs` are locked before rows of `packages`, and those before `assets`, so that no two transactions
//!   wait for each other. Should it happen anyway, the engine ends one, and the closure runs again.
//! - `{lease_now}` is the clock of leases, in milliseconds: the database's own on PostgreSQL and MySQL, one of this
//!   machine that does not jump on SQLite. Times for people are `clock::now_ms()`, bound.
//!
//! [`Database::durable`] is for what must survive a power cut when it has answered; [`Database::quick`] for
//! heartbeats and progress. On SQLite they are two connections (FULL: the log reaches the disk before the answer;
//! NORMAL: a power cut may forget the last ones, which loses nothing but a little work); elsewhere they are the same.
//!
//! # How a table is changed
//!
//! By a new file in `migrations/`, numbered on, entered in [`migrate`]'s list; a file that landed is never changed.
//! `{id}`, `{int}`, `{word}` (at most 255 characters), `{text}` and the other words of [`dialect`] stand for
//! what engines call them; `{mysql:…}` is for one alone. MySQL wants foreign keys as clauses of their own. Each table
//! and column is described in `docs/schema.md`, which a test compares with the engines.
//!
//! # Failures
//!
//! [`is_passing`]: the database is away or busy, later it may go; [`is_disk_full`]. On PostgreSQL and
//! MySQL a transaction has [`LIMIT`] to answer.

pub(crate) mod accounts;
pub(crate) mod annotations;
pub(crate) mod api_tokens;
pub(crate) mod assets;
pub(crate) mod claims;
mod connection;
pub(crate) mod content_keys;
mod copy;
pub(crate) mod deliveries;
mod dialect;
#[cfg(test)]
mod engines;
mod error;
pub(crate) mod events;
mod extras;
pub(crate) mod idempotency;
pub(crate) mod jobs;
mod migrate;
pub(crate) mod old;
mod open;
pub(crate) mod packages;
pub(crate) mod paging;
pub(crate) mod parts;
pub(crate) mod playback;
pub(crate) mod probe;
mod query;
pub(crate) mod queue;
pub(crate) mod quotas;
pub(crate) mod rescue;
#[cfg(test)]
#[path = "../../tests/it/support/engines.rs"]
mod servers;
pub(crate) mod storage;
pub(crate) mod tenants;
pub(crate) mod uploads;
mod url;
mod version;
pub(crate) mod webhooks;
mod words;

pub(crate) use connection::{Record, Transaction};
pub(crate) use error::{is_disk_full, is_passing, is_taken};
pub(crate) use open::DATABASE_FILE;
pub(crate) use paging::Page;
pub(crate) use query::{Query, Value, query};
pub use url::DatabaseUrl;
pub(crate) use version::{Changed, Wanted};
pub(crate) use words::words;

/// In an INSERT, the number of a new row: one that is bound (and free), or, for NULL, the next.
macro_rules! number {
    ($table:literal, $column:literal) => {
        concat!(
            "{postgres:COALESCE(}?{postgres:, nextval(pg_get_serial_sequence('",
            $table,
            "', '",
            $column,
            "')))}"
        )
    };
}
/// After an INSERT of a row with a given number: PostgreSQL does not see by itself that it is taken, the others do.
macro_rules! count_on {
    ($table:literal, $column:literal) => {
        concat!(
            "SELECT {postgres:setval(pg_get_serial_sequence('",
            $table,
            "', '",
            $column,
            "'), }MAX(",
            $column,
            "){postgres:)} FROM ",
            $table
        )
    };
}
use {count_on, number};

use connection::Connection;
use sqlx::{MySqlPool, PgPool, SqlitePool};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// A failure of the database.
pub(crate) type Error = sqlx::Error;
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// How long a database on the network may take for a transaction before it counts as away.
const LIMIT: Duration = Duration::from_secs(10);
/// How often a transaction that the engine ended, to free another, is run again.
const ATTEMPTS: u32 = 10;

/// The open catalogue.
#[derive(Debug)]
pub(crate) struct Database {
    pools: Pools,
}

#[derive(Debug)]
enum Pools {
    Sqlite(SqlitePools),
    Postgres(PgPool),
    MySql(MySqlPool),
}

/// SQLite has one writer at a time; in this process they take turns, so that none has to ask again and again.
#[derive(Debug)]
struct SqlitePools {
    turn: Arc<Mutex<()>>,
    /// One connection, FULL.
    durable: SqlitePool,
    /// One connection, NORMAL.
    quick: SqlitePool,
    /// They never wait for writers (WAL).
    readers: SqlitePool,
}

/// What must survive of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    Durable,
    Quick,
}

impl Database {
    /// Runs a transaction that survives a power cut once it has answered.
    ///
    /// It is committed when `work` succeeds, and rolled back when it fails. `work` may run more than once.
    pub(crate) async fn durable<T, Work>(&self, work: impl Fn(Transaction) -> Work) -> Result<T>
    where
        Work: Future<Output = Result<T>>,
    {
        self.transaction(Care::Durable, work).await
    }

    /// Runs a transaction that a power cut may forget (on SQLite): for heartbeats and progress.
    pub(crate) async fn quick<T, Work>(&self, work: impl Fn(Transaction) -> Work) -> Result<T>
    where
        Work: Future<Output = Result<T>>,
    {
        self.transaction(Care::Quick, work).await
    }

    /// All rows, as they are committed.
    pub(crate) async fn all<T: Record>(&self, query: Query) -> Result<Vec<T>> {
        self.limited(async { self.reader().await?.all(query).await })
            .await
    }

    /// The row, when there is one.
    pub(crate) async fn optional<T: Record>(&self, query: Query) -> Result<Option<T>> {
        self.limited(async { self.reader().await?.optional(query).await })
            .await
    }

    async fn transaction<T, Work>(
        &self,
        care: Care,
        work: impl Fn(Transaction) -> Work,
    ) -> Result<T>
    where
        Work: Future<Output = Result<T>>,
    {
        let mut attempt = 1;
        loop {
            let done = self.limited(async {
                let transaction = self.begin(care).await?;
                match work(transaction.handle()).await {
                    Ok(answer) => transaction.commit().await.map(|()| answer),
                    Err(error) => {
                        // The connection is closed where it cannot roll back, which rolls back too.
                        let _ = transaction.roll_back().await;
                        Err(error)
                    }
                }
            });
            match done.await {
                Err(error) if error::is_conflict(&error) && attempt < ATTEMPTS => {
                    tokio::time::sleep(Duration::from_millis(1 << attempt)).await;
                    attempt += 1;
                }
                done => return done,
            }
        }
    }

    /// Whether the database is a file of this machine, so that all who use it are processes of it.
    pub(crate) fn is_embedded(&self) -> bool {
        matches!(self.pools, Pools::Sqlite(_))
    }

    async fn begin(&self, care: Care) -> Result<Transaction> {
        match &self.pools {
            Pools::Sqlite(pools) => {
                let turn = pools.turn.clone().lock_owned().await;
                let pool = match care {
                    Care::Durable => &pools.durable,
                    Care::Quick => &pools.quick,
                };
                let connection = Connection::Sqlite(pool.acquire().await?);
                Transaction::begin(connection, Some(turn)).await
            }
            Pools::Postgres(_) | Pools::MySql(_) => {
                Transaction::begin(self.reader().await?, None).await
            }
        }
    }

    async fn reader(&self) -> Result<Connection> {
        Ok(match &self.pools {
            Pools::Sqlite(pools) => Connection::Sqlite(pools.readers.acquire().await?),
            Pools::Postgres(pool) => Connection::Postgres(pool.acquire().await?),
            Pools::MySql(pool) => Connection::MySql(pool.acquire().await?),
        })
    }

    /// Ends work on a database that does not answer; the disk of SQLite is waited for.
    async fn limited<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        if matches!(self.pools, Pools::Sqlite(_)) {
            return work.await;
        }
        let done = tokio::time::timeout(LIMIT, work).await;
        done.unwrap_or_else(|_| Err(error::no_answer(LIMIT)))
    }
}

#[cfg(test)]
mod tests;
