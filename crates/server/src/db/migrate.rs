//! The tables, brought up to date when a database is opened.
//!
//! Files in `migrations/` are numbered and never changed once they landed (their checksum is in every database).
//! One file serves the three engines: `{words}` of [`super::dialect`] stand for types and for what only one of
//! them wants. A new file is entered in [`FILES`]. Numbers may have gaps, so that work on uploads (from 0010), storage
//! (0020) and jobs (0030) does not meet: what a database has not seen is run, in order.

use super::dialect::{Dialect, Piece, pieces};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};
use std::borrow::Cow;

macro_rules! file {
    ($version:literal, $name:literal) => {
        (
            $version,
            $name,
            include_str!(concat!("../../migrations/", $version, "_", $name, ".sql")),
        )
    };
}

/// A migration: its number, its name, its text.
pub(super) type MigrationFile = (&'static str, &'static str, &'static str);

/// Every migration, in order.
pub(super) const FILES: &[MigrationFile] = &[
    file!("0001", "catalogue"),
    file!("0002", "rows"),
    file!("0004", "uploads"),
    file!("0005", "queue"),
    file!("0020", "storage"),
    file!("0030", "parts"),
    file!("0031", "key_check"),
    file!("0032", "successors"),
    file!("0033", "access"),
    file!("0050", "idempotency"),
    file!("0051", "extras"),
    file!("0052", "playback"),
    file!("0060", "tenants"),
    file!("0070", "webhooks"),
    file!("0080", "annotations"),
    file!("0081", "versions"),
];

/// The migrations as an engine reads them.
///
/// It takes a lock of the database on PostgreSQL and MySQL, so that of several processes that start at once one
/// does the work; on SQLite, see `open_sqlite`.
pub(super) fn migrator(files: &[MigrationFile], dialect: Dialect) -> Migrator {
    let migrations = files.iter().map(|(version, name, text)| {
        // The numbers are ours; a wrong one is found by the first test.
        let version = version.parse().unwrap_or_default();
        let sql = AssertSqlSafe(render(text, dialect)).into_sql_str();
        Migration::new(
            version,
            Cow::Borrowed(*name),
            MigrationType::Simple,
            sql,
            false,
        )
    });
    Migrator::with_migrations(migrations.collect())
}

/// The names of all tables, those that others refer to before those.
pub(super) fn tables() -> Vec<&'static str> {
    let mut tables = Vec::new();
    for line in FILES.iter().flat_map(|(_, _, text)| text.lines()) {
        let name = |line: &'static str| {
            let name = line.split([' ', ';', '(']).next();
            name.unwrap_or_default()
        };
        if let Some(rest) = line.strip_prefix("CREATE TABLE ") {
            tables.push(name(rest));
        } else if let Some(rest) = line.strip_prefix("DROP TABLE ") {
            tables.retain(|table| *table != name(rest));
        } else if let Some((old, new)) = renamed(line) {
            tables.retain(|table| *table != name(old));
            tables.push(name(new));
        }
    }
    tables
}

/// The old and the new name in a line that renames a table.
fn renamed(line: &'static str) -> Option<(&'static str, &'static str)> {
    line.strip_prefix("ALTER TABLE ")?.split_once(" RENAME TO ")
}

fn render(text: &str, dialect: Dialect) -> String {
    let pieces = pieces(text).into_iter().map(|piece| match piece {
        Piece::Plain(text) => text,
        Piece::Placeholder => "?",
        // No engine reads what is no word of any: the test below says which it is.
        Piece::Word(word) => dialect.word(word).unwrap_or("{unknown word}"),
    });
    pieces.collect()
}

#[cfg(test)]
mod tests;
