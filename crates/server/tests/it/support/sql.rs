//! Looks into, and damages, the database of a server that is stopped: only for faults that no client can
//! cause.

use sqlx::ConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::path::Path;

/// Runs a statement.
pub async fn run(data_dir: &Path, sql: &'static str) {
    let mut connection = open(data_dir).await;
    let done = sqlx::query(sql).execute(&mut connection).await;
    done.expect("the statement runs");
    let closed = sqlx::Connection::close(connection).await;
    closed.expect("the database closes");
}

/// Reads one text.
pub async fn text(data_dir: &Path, sql: &'static str) -> String {
    let mut connection = open(data_dir).await;
    let found = sqlx::query_scalar(sql).fetch_one(&mut connection).await;
    found.expect("a text")
}

async fn open(data_dir: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(data_dir.join("reelpack.db"));
    options.connect().await.expect("the database opens")
}
