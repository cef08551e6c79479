//! A new catalogue on each engine, for tests.

use super::{Database, DatabaseUrl};
use std::sync::atomic::{AtomicU32, Ordering};
use tempfile::TempDir;

pub(crate) use super::servers::Engine;

/// Writes tests that run on each engine: `name::sqlite`, `name::postgres`, `name::mysql`.
macro_rules! on_all_engines {
    ($($(#[$attribute:meta])* async fn $name:ident($engine:ident: Engine) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$attribute])*
            async fn test($engine: Engine) $body

            #[tokio::test]
            async fn sqlite() {
                test(Engine::Sqlite).await;
            }

            #[tokio::test]
            async fn postgres() {
                test(Engine::Postgres).await;
            }

            #[tokio::test]
            async fn mysql() {
                test(Engine::MySql).await;
            }
        }
    )*};
}
pub(crate) use on_all_engines;

/// A folder and the URL of a new, empty database; the embedded one will be in the folder.
pub(crate) fn database(engine: Engine) -> (TempDir, Option<DatabaseUrl>) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let url = engine.database(&format!("test_{}_{number}", std::process::id()));
    let url = url.map(|url| DatabaseUrl::parse(&url).expect("a URL"));
    (tempfile::tempdir().expect("a folder"), url)
}

/// Opens a new catalogue.
pub(crate) async fn open(engine: Engine) -> (TempDir, Database) {
    let (dir, url) = database(engine);
    let db = Database::open(dir.path(), url.as_ref()).await;
    (dir, db.expect("a database"))
}
