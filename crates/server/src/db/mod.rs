//! The catalogue: SQLite with embedded migrations, one file a resource.
//!
//! Writers take turns behind one lock, so that SQLite never answers "busy". There are two of them: what
//! must survive a power cut goes through [`Writers::durable`] (FULL: the log reaches the disk before the
//! answer), heartbeats and progress through [`Writers::quick`] (NORMAL: a power cut may forget the last
//! ones, which loses nothing but a little work). Readers never wait for writers (WAL).

pub(crate) mod assets;
pub(crate) mod claims;
pub(crate) mod jobs;
pub(crate) mod packages;
pub(crate) mod probe;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Sqlite, Transaction};
use std::path::Path;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// Name of the database file in the data folder.
const DATABASE_FILE: &str = "reelpack.db";
const READERS: u32 = 4;
/// For other programs that look into the file (a backup); this process never makes itself wait.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// A failure of the database.
pub(crate) type Error = sqlx::Error;
type Result<T> = std::result::Result<T, Error>;

/// The open catalogue.
#[derive(Debug)]
pub(crate) struct Database {
    writers: Mutex<Writers>,
    readers: SqlitePool,
}

/// The two connections that write; whoever holds the lock may use one of them.
#[derive(Debug)]
struct Writers {
    durable: SqliteConnection,
    quick: SqliteConnection,
}

impl Writers {
    async fn durable(&mut self) -> Result<Transaction<'_, Sqlite>> {
        self.durable.begin_with("BEGIN IMMEDIATE").await
    }

    async fn quick(&mut self) -> Result<Transaction<'_, Sqlite>> {
        self.quick.begin_with("BEGIN IMMEDIATE").await
    }
}

impl Database {
    /// Opens the database of a data folder, makes it when missing, and brings its tables up to date.
    pub(crate) async fn open(data_dir: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(data_dir.join(DATABASE_FILE))
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        let mut durable = options
            .clone()
            .synchronous(SqliteSynchronous::Full)
            .connect()
            .await?;
        sqlx::migrate!().run(&mut durable).await?;
        let quick = options
            .clone()
            .synchronous(SqliteSynchronous::Normal)
            .connect()
            .await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Self {
            writers: Mutex::new(Writers { durable, quick }),
            readers,
        })
    }

    /// Closes all connections; the log is folded into the database file.
    pub(crate) async fn close(self) -> Result<()> {
        self.readers.close().await;
        let writers = self.writers.into_inner();
        writers.quick.close().await?;
        writers.durable.close().await
    }

    async fn writers(&self) -> MutexGuard<'_, Writers> {
        self.writers.lock().await
    }
}

/// Whether the database could not write because the disk is full (SQLITE_FULL).
pub(crate) fn is_disk_full(error: &Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code());
    code.is_some_and(|code| code == "13")
}

/// A page of a list, newest first: at most `limit` rows older than `before`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Rows with a smaller number only.
    pub(crate) before: i64,
    /// How many rows.
    pub(crate) limit: i64,
}

/// A list of numbers as JSON, for `IN (SELECT value FROM json_each(?))`.
fn json_list(numbers: impl Iterator<Item = i64>) -> String {
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    format!("[{}]", numbers.join(","))
}
