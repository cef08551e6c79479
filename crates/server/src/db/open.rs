//! Opening and closing: connections as each engine wants them, tables brought up to date.

use super::dialect::Dialect;
use super::url::{DatabaseUrl, Options};
use super::{Database, Error, Pools, Result, SqlitePools, migrate};
use sqlx::mysql::MySqlPoolOptions;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Executor};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// Name of the database file in the data folder.
const DATABASE_FILE: &str = "reelpack.db";
/// Whoever brings the tables of the file up to date holds a lock on this one.
const LOCK_FILE: &str = "reelpack.db-migration";
const READERS: u32 = 4;
/// For the writers of other processes, and for other programs that look into the file (a backup).
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections of a process to a database on the network.
const CONNECTIONS: u32 = 16;
/// How long one of them is waited for.
const CONNECT: Duration = Duration::from_secs(5);

impl Database {
    /// Opens a database, makes its tables when they are missing, and brings them up to date.
    ///
    /// Without a URL it is the embedded one in the data folder.
    pub(crate) async fn open(data_dir: &Path, url: Option<&DatabaseUrl>) -> Result<Self> {
        let pools = match url.map(|url| &url.0) {
            None => Pools::Sqlite(open_sqlite(data_dir).await?),
            Some(Options::Postgres(options)) => {
                let pool = PgPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .acquire_timeout(CONNECT)
                    .connect_with(options.clone())
                    .await?;
                migrate::migrator(Dialect::Postgres).run(&pool).await?;
                Pools::Postgres(pool)
            }
            Some(Options::MySql(options)) => {
                let pool = MySqlPoolOptions::new()
                    .max_connections(CONNECTIONS)
                    .acquire_timeout(CONNECT)
                    .after_connect(|connection, _| {
                        Box::pin(async move {
                            // With its default, workers that claim at once lock each other out, by gaps.
                            let sql = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
                            connection.execute(sql).await.map(|_| ())
                        })
                    })
                    .connect_with(options.clone())
                    .await?;
                migrate::migrator(Dialect::MySql).run(&pool).await?;
                Pools::MySql(pool)
            }
        };
        Ok(Self { pools })
    }

    /// Closes all connections; the log of SQLite is folded into its file.
    pub(crate) async fn close(&self) {
        match &self.pools {
            Pools::Sqlite(pools) => {
                pools.readers.close().await;
                pools.quick.close().await;
                pools.durable.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
            Pools::MySql(pool) => pool.close().await,
        }
    }
}

async fn open_sqlite(data_dir: &Path) -> Result<SqlitePools> {
    let options = SqliteConnectOptions::new()
        .filename(data_dir.join(DATABASE_FILE))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .disable_statement_logging();
    let full = options.clone().synchronous(SqliteSynchronous::Full);
    let normal = options.clone().synchronous(SqliteSynchronous::Normal);
    let lock = data_dir.join(LOCK_FILE);
    // Of several processes that start at once one makes the file and its tables; the engine has no lock for that.
    let _alone = tokio::task::spawn_blocking(move || -> std::io::Result<File> {
        let file = File::create(lock)?;
        file.lock()?;
        Ok(file)
    })
    .await
    .map_err(|error| Error::Io(error.into()))??;
    let durable = pool(1, full).await?;
    migrate::migrator(Dialect::Sqlite).run(&durable).await?;
    Ok(SqlitePools {
        turn: Default::default(),
        durable,
        quick: pool(1, normal).await?,
        readers: pool(READERS, options.read_only(true)).await?,
    })
}

/// Connections to a file: they do not age, and need no looking after.
async fn pool(size: u32, options: SqliteConnectOptions) -> Result<SqlitePool> {
    SqlitePoolOptions::new()
        .max_connections(size)
        .test_before_acquire(false)
        .max_lifetime(None)
        .idle_timeout(None)
        .connect_with(options)
        .await
}
