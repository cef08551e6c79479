//! The tables, brought up to date when a database is opened.
//!
//! Files in `migrations/` are numbered and never changed once they landed (their checksum is in every database).
//! One file serves the three engines: `{words}` of [`super::dialect`] stand for types and for what only one of
//! them wants. A new file is entered in [`FILES`].

use super::dialect::{Dialect, Piece, pieces};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{AssertSqlSafe, SqlSafeStr};

macro_rules! file {
    ($version:literal, $name:literal) => {
        (
            $version,
            $name,
            include_str!(concat!("../../migrations/", $version, "_", $name, ".sql")),
        )
    };
}

/// Every migration: its number, its name, its text.
const FILES: [(&str, &str, &str); 2] = [file!("0001", "catalogue"), file!("0005", "queue")];

/// The migrations as an engine reads them.
///
/// It takes a lock of the database on PostgreSQL and MySQL, so that of several processes that start at once one
/// does the work; on SQLite, see `Sqlite::open`.
pub(super) fn migrator(dialect: Dialect) -> Migrator {
    let migrations = FILES.iter().map(|(version, name, text)| {
        // The numbers are ours; a wrong one is found by the first test.
        let version = version.parse().unwrap_or_default();
        let sql = AssertSqlSafe(render(text, dialect)).into_sql_str();
        Migration::new(version, (*name).into(), MigrationType::Simple, sql, false)
    });
    Migrator::with_migrations(migrations.collect())
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
mod tests {
    use super::*;

    #[test]
    fn every_word_is_known_to_every_engine() {
        for (version, _, text) in FILES {
            assert!(version.parse::<i64>().is_ok(), "{version}");
            for piece in pieces(text) {
                if let Piece::Word(word) = piece {
                    assert!(Dialect::Sqlite.word(word).is_some(), "{version}: {word}");
                }
            }
        }
    }

    /// What landed stays: databases hold this checksum and refuse another.
    #[test]
    fn the_first_schema_of_sqlite_is_the_one_that_landed() {
        let migrator = migrator(Dialect::Sqlite);
        let first = migrator.iter().next().expect("a migration");
        let digits: String = first
            .checksum
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(
            digits,
            "c829c1f5e2bb1de1d0c17a4d160ffda254c8d0caf3fa7b1af8bcac94ca261c9aee6185c483e5a7280f42ae8dfa8f0f34"
        );
    }
}
