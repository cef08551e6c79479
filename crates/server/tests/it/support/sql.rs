//! Looks into, and damages, the database of a server that is stopped: only for faults that no client can
//! cause.

use super::chosen;
use super::engines::Engine;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Column, ConnectOptions, Connection, MySqlConnection, PgConnection, Row};
use std::path::Path;

/// The columns of a row: their names and, as texts, their values.
pub type Columns = Vec<(String, Option<String>)>;

/// Runs a statement.
pub async fn run(data_dir: &Path, sql: &'static str) {
    rows(data_dir, sql).await;
}

/// Reads one text.
pub async fn text(data_dir: &Path, sql: &'static str) -> String {
    let mut row = rows(data_dir, sql).await.remove(0);
    row.remove(0).1.expect("a text")
}

/// Reads all rows.
pub async fn rows(data_dir: &Path, sql: &'static str) -> Vec<Columns> {
    macro_rules! read {
        ($connection:expr) => {{
            let mut connection = $connection.await.expect("the database opens");
            let found = sqlx::raw_sql(sql).fetch_all(&mut connection).await;
            let found = found.expect("the statement runs");
            connection.close().await.expect("the database closes");
            found
                .iter()
                .map(|row| {
                    row.columns()
                        .iter()
                        .map(|column| {
                            let value = row.try_get_unchecked(column.ordinal());
                            (column.name().to_owned(), value.expect("a text"))
                        })
                        .collect()
                })
                .collect()
        }};
    }
    let (engine, url) = chosen(data_dir);
    let url = url.unwrap_or_default();
    match engine {
        Engine::Sqlite => {
            let file = data_dir.join("reelpack.db");
            read!(SqliteConnectOptions::new().filename(file).connect())
        }
        Engine::Postgres => read!(PgConnection::connect(&url)),
        Engine::MySql => read!(MySqlConnection::connect(&url)),
    }
}
