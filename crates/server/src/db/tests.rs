//! The layer itself, on each engine: types, transactions, conflicts, lists. What is on the network is really on it.

use super::engines::{Engine, on_all_engines, open};
use super::*;
use sqlx::types::Json;
use std::collections::HashSet;
use std::sync::Arc;

/// A row with every type of column: `events` has texts, `jobs` blobs, `assets` the rest.
#[derive(Debug, PartialEq, sqlx::FromRow)]
struct Every {
    name: String,
    size: i64,
    fragmented: bool,
    duration_seconds: f64,
    video_track_number: Option<i64>,
    probe: Json<serde_json::Value>,
}

async fn add_every(tx: &Transaction, id: &str, every: &Every) -> Result<Option<i64>> {
    let row = query(
        "INSERT INTO assets (id, name, input_content_origin, sha256, size, container, brand, fragmented, \
         duration_seconds, codecs, bitrate, video_track_number, probe, created_at_ms, updated_at_ms) \
         VALUES (?, ?, ?, '', ?, 'mp4', '', ?, ?, '', 0, ?, ?, 0, 0)",
    )
    .bind(id)
    .bind(&every.name)
    .bind(id)
    .bind(every.size)
    .bind(every.fragmented)
    .bind(every.duration_seconds)
    .bind(every.video_track_number)
    .bind_json(&every.probe);
    tx.insert("input_content_id", row).await
}

fn every() -> Every {
    Every {
        name: "Grüße 🎬 '?' {list} \\ %".into(),
        size: i64::MAX,
        fragmented: true,
        duration_seconds: 1.0 / 3.0,
        video_track_number: None,
        probe: Json(serde_json::json!({"a": [1, 2.5, null, "ü"]})),
    }
}

async fn count(db: &Database) -> i64 {
    let found = db.optional(query("SELECT COUNT(*) FROM assets")).await;
    let (count,): (i64,) = found.expect("an answer").expect("a row");
    count
}

fn broken<T>() -> Result<T> {
    Err(Error::Protocol("broken off".into()))
}

on_all_engines! {

async fn every_type_comes_back_as_it_went(engine: Engine) {
    let (_dir, db) = open(engine).await;
    let (given, short) = (&every(), &Every { name: String::new(), video_track_number: Some(7), ..every() });
    let numbers = db
        .durable(|tx| async move {
            Ok((add_every(&tx, "a", given).await?, add_every(&tx, "b", short).await?))
        })
        .await
        .expect("written");
    assert_eq!(numbers, (Some(1), Some(2)));
    let columns = query(
        "SELECT name, size, fragmented, duration_seconds, video_track_number, probe FROM assets \
         WHERE fragmented AND id IN ({list}) AND (? IS NULL OR size = ?) ORDER BY id",
    );
    let none: Option<i64> = None;
    let found: Vec<Every> = db.all(columns.bind_list(["a", "b", "c"]).bind(none).bind(none)).await.expect("rows");
    assert_eq!(found, [every(), Every { name: String::new(), video_track_number: Some(7), ..every() }]);
    // Letters and their cases are told apart, on engines that would rather not.
    let found = db.optional::<(i64,)>(query("SELECT size FROM assets WHERE id = ?").bind("A")).await;
    assert_eq!(found.expect("an answer"), None);
}

async fn long_lists_texts_and_blobs_fit(engine: Engine) {
    let (_dir, db) = open(engine).await;
    let text = "x".repeat(200_000);
    let (given, text) = (&every(), text.as_str());
    db.durable(|tx| async move {
        add_every(&tx, "a", given).await?;
        tx.execute(query("UPDATE assets SET codecs = ? WHERE id = ?").bind(text).bind("a")).await
    })
    .await
    .expect("written");
    let ids = (0..3000).map(|number| number.to_string()).chain(["a".to_owned()]);
    let found = query("SELECT codecs FROM assets WHERE id IN ({list})").bind_list(ids);
    let found: Vec<(String,)> = db.all(found).await.expect("rows");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, text);
}

async fn what_fails_leaves_nothing_and_harms_nobody(engine: Engine) {
    let (_dir, db) = open(engine).await;
    let given = &every();
    for care in [Care::Durable, Care::Quick] {
        let failed: Result<()> = db
            .transaction(care, |tx| async move {
                add_every(&tx, "a", given).await?;
                broken()
            })
            .await;
        assert!(failed.is_err());
    }
    // A statement that fails breaks its transaction, not the connection.
    let twice = db.durable(|tx| async move {
        add_every(&tx, "a", given).await?;
        add_every(&tx, "a", given).await
    });
    let error = twice.await.expect_err("the key is taken");
    assert!(error.as_database_error().is_some_and(|error| error.is_unique_violation()), "{error}");
    assert!(!is_passing(&error));
    assert_eq!(count(&db).await, 0);
    db.durable(|tx| async move { add_every(&tx, "a", given).await }).await.expect("written");
    assert_eq!(count(&db).await, 1);
}

async fn work_whose_caller_is_gone_is_taken_back(engine: Engine) {
    let (_dir, db) = open(engine).await;
    let db = Arc::new(db);
    for number in 0..5 {
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (shared, begun) = (db.clone(), std::sync::Mutex::new(Some(begun)));
        let task = tokio::spawn(async move {
            let (begun, given, id) = (&begun, &every(), &format!("gone{number}"));
            let work = shared.durable(|tx| async move {
                add_every(&tx, id, given).await?;
                let begun = begun.lock().expect("a lock").take();
                begun.expect("the first attempt").send(()).expect("somebody waits");
                std::future::pending::<Result<()>>().await
            });
            work.await
        });
        has_begun.await.expect("it began");
        task.abort();
        assert!(task.await.expect_err("it is gone").is_cancelled());
        let given = &every();
        let id = &format!("stays{number}");
        db.durable(|tx| async move { add_every(&tx, id, given).await }).await.expect("the next has its turn");
    }
    assert_eq!(count(&db).await, 5);
}

/// Two that lock the same rows in different order: the engine ends one, which is run again.
async fn transactions_that_wait_for_each_other_both_end_well(engine: Engine) {
    let (_dir, db) = open(engine).await;
    let db = Arc::new(db);
    let given = &every();
    db.durable(|tx| async move {
        add_every(&tx, "a", given).await?;
        add_every(&tx, "b", given).await?;
        tx.execute(query("UPDATE assets SET size = 0")).await
    })
    .await
    .expect("written");
    let both = Arc::new(tokio::sync::Barrier::new(2));
    let run = |first: &'static str, second: &'static str| {
        let (db, both) = (db.clone(), both.clone());
        // Where writers take turns, the other cannot begin before this one ends.
        let meets = engine != Engine::Sqlite;
        tokio::spawn(async move {
            let attempts = &std::sync::atomic::AtomicU32::new(0);
            let both = &both;
            db.durable(|tx| async move {
                let more = || query("UPDATE assets SET size = size + 1 WHERE id = ?");
                tx.execute(more().bind(first)).await?;
                if meets && attempts.fetch_add(1, std::sync::atomic::Ordering::Relaxed) == 0 {
                    both.wait().await;
                }
                tx.execute(more().bind(second)).await
            })
            .await
        })
    };
    let (one, other) = tokio::join!(run("a", "b"), run("b", "a"));
    one.expect("no panic").expect("committed");
    other.expect("no panic").expect("committed");
    let sizes: Vec<(i64,)> = db.all(query("SELECT size FROM assets")).await.expect("rows");
    assert_eq!(sizes, [(2,), (2,)]);
}

async fn a_row_of_a_queue_is_taken_by_one(engine: Engine) {
    let (_dir, db) = open(engine).await;
    let db = Arc::new(db);
    let given = &every();
    db.durable(|tx| async move {
        for number in 0..60 {
            add_every(&tx, &format!("a{number}"), given).await?;
        }
        tx.execute(query("UPDATE assets SET size = 0")).await
    })
    .await
    .expect("written");
    let take = |db: Arc<Database>| async move {
        db.quick(|tx| async move {
            let free = query("SELECT input_content_id FROM assets WHERE size = 0 ORDER BY input_content_id LIMIT 1 {skip_locked}");
            let Some((number,)) = tx.optional::<(i64,)>(free).await? else {
                return Ok(None);
            };
            let taken = query("UPDATE assets SET size = 1 WHERE input_content_id = ?");
            tx.execute(taken.bind(number)).await?;
            Ok(Some(number))
        })
        .await
        .expect("an answer")
    };
    let takers = (0..4).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Some(number) = take(db.clone()).await {
                taken.push(number);
            }
            taken
        })
    });
    let mut taken = Vec::new();
    for taker in takers.collect::<Vec<_>>() {
        taken.extend(taker.await.expect("no panic"));
    }
    assert_eq!(taken.len(), 60);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), 60);
}

}

/// What heartbeats and progress cost: nothing that waits for the disk.
#[tokio::test]
async fn only_durable_work_waits_for_the_disk() {
    let (_dir, db) = open(Engine::Sqlite).await;
    let Pools::Sqlite(pools) = &db.pools else {
        panic!("SQLite was asked for");
    };
    // 1: NORMAL, the log is not synced when a transaction ends; 2: FULL, it is.
    for (pool, expect) in [(&pools.quick, 1_i64), (&pools.durable, 2)] {
        let synchronous = sqlx::query_scalar("PRAGMA synchronous")
            .fetch_one(pool)
            .await;
        assert_eq!(synchronous.ok(), Some(expect));
        let mode = sqlx::query_scalar("PRAGMA journal_mode")
            .fetch_one(pool)
            .await;
        assert_eq!(mode.ok(), Some("wal".to_owned()));
    }
}

#[tokio::test]
async fn a_database_that_is_away_is_a_passing_failure() {
    let dir = tempfile::tempdir().expect("a folder");
    for url in [
        "postgres://a:hunter2@127.0.0.1:1/b",
        "mysql://a:hunter2@127.0.0.1:1/b",
    ] {
        let url = DatabaseUrl::parse(url).expect("a URL");
        let error = Database::open(dir.path(), Some(&url))
            .await
            .expect_err("nobody listens");
        assert!(
            error.contains("127.0.0.1:1/b cannot be used") && error.contains("check that it runs"),
            "{error}"
        );
        assert!(!error.contains("hunter2"), "{error}");
    }
}
