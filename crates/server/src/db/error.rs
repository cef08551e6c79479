//! Failures of the engines, sorted by what can be done about them.

use super::Error;
use std::io;
use std::time::Duration;

/// Whether it may go when it is tried again later: the database is away, starting, stopping or too busy.
pub(crate) fn is_passing(error: &Error) -> bool {
    match error {
        // A server that ends in the midst of a word, or a proxy before one that is away, break the protocol.
        Error::Io(_) | Error::PoolTimedOut | Error::WorkerCrashed | Error::Protocol(_) => true,
        Error::Database(_) => {
            is_conflict(error) || code(error).is_some_and(|code| Engine::of(error).is_away(&code))
        }
        _ => false,
    }
}

/// Whether a row of the same key is there already.
pub(crate) fn is_taken(error: &Error) -> bool {
    error
        .as_database_error()
        .is_some_and(|error| error.is_unique_violation())
}

/// Whether the database could not write because its disk is full.
pub(crate) fn is_disk_full(error: &Error) -> bool {
    code(error).is_some_and(|code| match Engine::of(error) {
        Engine::Sqlite => code == "13",
        Engine::Postgres => code == "53100",
        // Disk full; the table is full (no room to grow it).
        Engine::MySql => ["1021", "1114"].contains(&code.as_str()),
    })
}

/// Whether the engine ended a transaction so that another could go on: it may simply be run again.
pub(super) fn is_conflict(error: &Error) -> bool {
    code(error).is_some_and(|code| match Engine::of(error) {
        // Busy, in all its kinds.
        Engine::Sqlite => code.parse().is_ok_and(|code: i32| code & 0xff == 5),
        // Serialization failure, deadlock.
        Engine::Postgres => ["40001", "40P01"].contains(&code.as_str()),
        // Lock wait timeout, deadlock, record changed since it was read.
        Engine::MySql => ["1205", "1213", "1020"].contains(&code.as_str()),
    })
}

/// The failure of a database that said nothing in time.
pub(super) fn no_answer(limit: Duration) -> Error {
    let text = format!("no answer within {} s", limit.as_secs());
    Error::Io(io::Error::new(io::ErrorKind::TimedOut, text))
}

enum Engine {
    Sqlite,
    Postgres,
    MySql,
}

impl Engine {
    fn of(error: &Error) -> Self {
        use sqlx::mysql::MySqlDatabaseError;
        use sqlx::postgres::PgDatabaseError;
        match error.as_database_error() {
            Some(error) if error.try_downcast_ref::<PgDatabaseError>().is_some() => Self::Postgres,
            Some(error) if error.try_downcast_ref::<MySqlDatabaseError>().is_some() => Self::MySql,
            _ => Self::Sqlite,
        }
    }

    /// Whether a code says that the database is away, or cannot take more at the moment.
    fn is_away(&self, code: &str) -> bool {
        match self {
            // Locked, out of memory, input or output failed.
            Self::Sqlite => code
                .parse()
                .is_ok_and(|code: i32| [6, 7, 10].contains(&(code & 0xff))),
            // Connection lost, out of resources, stopping or starting.
            Self::Postgres => {
                ["08", "53", "57P"]
                    .iter()
                    .any(|class| code.starts_with(class))
                    || code == "25006"
            }
            // Too many connections, out of memory, shutting down, read only (a replica), connection killed or gone.
            Self::MySql => [
                "1037", "1040", "1041", "1053", "1203", "1290", "1836", "1927", "2006", "2013",
            ]
            .contains(&code),
        }
    }
}

/// The code of the engine: SQLSTATE of PostgreSQL, numbers of the others.
fn code(error: &Error) -> Option<String> {
    let error = error.as_database_error()?;
    if let Some(error) = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>() {
        return Some(error.number().to_string());
    }
    error.code().map(|code| code.into_owned())
}
