//! Opening and closing: connections as each engine wants them, tables brought up to date.

use super::dialect::Dialect;
use super::error::no_answer;
use super::migrate::{self, MigrationFile};
use super::url::{DatabaseUrl, Options};
use super::{Database, Error, Pools, Result, SqlitePools, is_disk_full, is_passing};
use sqlx::migrate::MigrateError;
use sqlx::mysql::MySqlPoolOptions;
use sqlx::postgres::PgPoolOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Executor, MySqlPool};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// Name of the database file in the data folder.
pub(crate) const DATABASE_FILE: &str = "reelpack.db";
/// Whoever brings the tables of the file up to date holds a lock on this one.
const LOCK_FILE: &str = "reelpack.db-migration";
const READERS: u32 = 4;
/// For the writers of other processes, and for other programs that look into the file (a backup).
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections of a process to a database on the network.
const CONNECTIONS: u32 = 16;
/// How long another process may take to bring the tables up to date.
const MIGRATION: Duration = Duration::from_secs(600);
/// How long one of them is waited for.
const CONNECT: Duration = Duration::from_secs(5);

impl Database {
    /// Opens a database, makes its tables when they are missing, and brings them up to date.
    ///
    /// Without a URL it is the embedded one in the data folder.
    ///
    /// # Errors
    /// A text for people: which database, why not, and what to do.
    pub(crate) async fn open(
        data_dir: &Path,
        url: Option<&DatabaseUrl>,
    ) -> std::result::Result<Self, String> {
        let opened = connect(data_dir, url, migrate::FILES).await;
        let pools = opened.map_err(|error| {
            let which = match url {
                Some(url) => format!("the database {url}"),
                None => format!("the database {}", data_dir.join(DATABASE_FILE).display()),
            };
            format!("{which} cannot be used: {error}; {}", advice(&error))
        })?;
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

/// Opens a database and brings its tables to where `files` lead.
pub(super) async fn connect(
    data_dir: &Path,
    url: Option<&DatabaseUrl>,
    files: &[MigrationFile],
) -> Result<Pools> {
    Ok(match url.map(|url| &url.options) {
        None => Pools::Sqlite(open_sqlite(data_dir, files).await?),
        Some(Options::Postgres(options)) => {
            let pool = PgPoolOptions::new()
                .max_connections(CONNECTIONS)
                .acquire_timeout(CONNECT)
                .connect_with(options.clone())
                .await?;
            migrate::migrator(files, Dialect::Postgres)
                .run(&pool)
                .await?;
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
            migrate_mysql(&pool, files).await?;
            Pools::MySql(pool)
        }
    })
}

/// sqlx waits for its own lock without an end, which MySQL understands and MariaDB does not: it would not wait.
async fn migrate_mysql(pool: &MySqlPool, files: &[MigrationFile]) -> Result<()> {
    let mut connection = pool.acquire().await?;
    // The lock is this connection's, and ends with it.
    connection.close_on_drop();
    let lock = "SELECT GET_LOCK(CONCAT('reelpack.', SHA1(DATABASE())), ?)";
    let locked: Option<i64> = sqlx::query_scalar(lock)
        .bind(MIGRATION.as_secs())
        .fetch_one(&mut *connection)
        .await?;
    if locked != Some(1) {
        return Err(no_answer(MIGRATION));
    }
    let mut migrator = migrate::migrator(files, Dialect::MySql);
    migrator.set_locking(false).run(pool).await?;
    connection.close().await
}

/// What whoever starts a server can do about a database that does not open.
fn advice(error: &Error) -> &'static str {
    match error {
        Error::Migrate(error) => match **error {
            MigrateError::VersionMissing(_) => {
                "a newer Reelpack has brought it up to date: use that one, or restore a backup made before"
            }
            MigrateError::Dirty(_) => {
                "a step that brings its tables up to date was broken off, and this engine cannot take it back: \
                 restore a backup made before, or empty the database if it was new"
            }
            _ => {
                "its tables could not be brought up to date, and it is as before; restore a backup if it is damaged"
            }
        },
        error if is_disk_full(error) => "make room on its disk",
        error if is_passing(error) => {
            "check that it runs, that its address is right, and that nothing holds it"
        }
        _ => "check that it exists and that the user and the password in its URL are right",
    }
}

async fn open_sqlite(data_dir: &Path, files: &[MigrationFile]) -> Result<SqlitePools> {
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
    migrate::migrator(files, Dialect::Sqlite)
        .run(&durable)
        .await?;
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
