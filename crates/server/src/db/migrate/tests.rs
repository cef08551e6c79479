use super::*;
use crate::access::Tenant;
use crate::db::engines::{Engine, database, on_all_engines, open};
use crate::db::packages::Status;
use crate::db::{Database, Query, open::connect, query};
use std::collections::BTreeSet;

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

/// What landed stays: databases hold these checksums and refuse others.
#[test]
fn schemas_that_landed_are_as_they_were() {
    let landed = [
        "c829c1f5e2bb1de1d0c17a4d160ffda254c8d0caf3fa7b1af8bcac94ca261c9aee6185c483e5a7280f42ae8dfa8f0f34",
    ];
    let migrator = migrator(FILES, Dialect::Sqlite);
    for (migration, landed) in migrator.iter().zip(landed) {
        let bytes = migration.checksum.iter();
        let digits: String = bytes.map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(digits, landed, "{}", migration.version);
    }
}

/// Rows as the Reelpack that had only the first migration wrote them: a published package with its key, one that
/// failed before it had a plan, and an asset without any.
fn first_rows() -> Vec<Query> {
    let asset = |number: i64| {
        query(
            "INSERT INTO assets (id, name, input_content_origin, sha256, size, container, brand, fragmented, \
             duration_seconds, codecs, bitrate, video_track_number, probe, created_at_ms, updated_at_ms) \
             VALUES (?, 'x.mp4', ?, ?, 5, 'mp4', 'isom', TRUE, 1.5, 'avc1', 8, 1, ?, 7, 8)",
        )
        .bind(format!("ast_{number}"))
        .bind(format!("sources/{number}"))
        .bind(format!("sum{number}"))
        .bind_json(&serde_json::json!({"tracks": []}))
    };
    let renditions = serde_json::json!([
        {"name": "video", "track_id": 1, "codec": "avc1.640028", "segments": 3, "encrypted": true},
        {"name": "audio", "track_id": 2, "codec": "mp4a.40.2", "segments": 4, "encrypted": false},
    ]);
    let package = query(
        "INSERT INTO packages (id, input_content_id, code, status, scheme, encrypt, video_key, kid, given_key, \
         given_kid, segment_duration_ms, renditions, warnings, output_file_path, size, url, created_at_ms, \
         updated_at_ms, ready_at_ms) VALUES ('pkg_1', 1, 'code1', 'Ready', 'cbcs', 'video', ?, 'abcd', ?, 'q80', \
         4000, ?, ?, 'packages/code1/x', 9, '/videos/code1/dash/stream.mpd', 10, 11, 12)",
    )
    .bind(vec![1_u8, 2])
    .bind(vec![3_u8])
    .bind_json(&renditions)
    .bind_json(&["a warning"]);
    let failed = query(
        "INSERT INTO packages (id, input_content_id, code, status, error, scheme, encrypt, segment_duration_ms, \
         created_at_ms, updated_at_ms) \
         VALUES ('pkg_2', 1, 'code2', 'Failed', 'why', 'none', 'all', 4000, 20, 21)",
    );
    let job = query(
        "INSERT INTO jobs (id, kind, packaged_content_id, state, iv_seed, fence, created_at_ms) \
         VALUES ('job_1', 'package', 1, 'done', ?, 3, 10)",
    );
    vec![
        asset(1),
        asset(2),
        package,
        failed,
        job.bind(vec![9_u8; 16]),
    ]
}

on_all_engines! {

async fn a_database_of_the_first_schema_is_taken_over(engine: Engine) {
    let (dir, url) = database(engine);
    let pools = connect(dir.path(), url.as_ref(), &FILES[..1]).await;
    let old = Database { pools: pools.expect("the first schema") };
    old.durable(|tx| async move {
        for row in first_rows() {
            tx.execute(row).await?;
        }
        Ok(())
    })
    .await
    .expect("its rows");
    old.close().await;

    let db = Database::open(dir.path(), url.as_ref()).await.expect("the newest schema");
    let package = db.package(&Tenant::first(), "pkg_1").await.expect("an answer").expect("there");
    assert_eq!((package.status, package.ready_at_ms), (Status::Ready, Some(12)));
    assert_eq!(package.video_key.as_deref(), Some(&[1, 2][..]));
    assert_eq!((package.kid.as_deref(), package.given_kid.as_deref()), (Some("abcd"), Some("q80")));
    let renditions: Vec<_> = package
        .renditions
        .iter()
        .map(|found| (found.name.as_str(), found.track_id, found.segments, found.encrypted))
        .collect();
    assert_eq!(renditions, [("video", 1, 3, true), ("audio", 2, 4, false)]);
    assert_eq!(package.warnings.0, ["a warning"]);
    let failed = db.package(&Tenant::first(), "pkg_2").await.expect("an answer").expect("there");
    assert_eq!((failed.kid, failed.renditions.len()), (None, 0));
    let keys = db.wrapped_keys(&["abcd".to_owned()], None, None).await.expect("keys");
    assert_eq!(keys.len(), 1);
    let origins = db.origins().await.expect("sources");
    assert_eq!(origins.len(), 2);
    assert!(origins.contains("sources/2"));
    let job = db.job(&Tenant::first(), "job_1").await.expect("an answer").expect("there");
    assert_eq!(job.package_id, "pkg_1");

    // Nine columns, the key redacted; one row a packaging, one for the asset without any.
    type Row = (i64, String, Option<i64>, String, Option<String>, Option<String>, Option<String>, Option<i64>);
    let view = query(
        "SELECT input_content_id, input_content_origin, video_track_number, status, output_file_path, video_key, \
         kid, packaged_content_id FROM uploaded_videos ORDER BY input_content_id, packaged_content_id",
    );
    let rows: Vec<Row> = db.all(view).await.expect("the view");
    assert_eq!(rows.len(), 3);
    assert_eq!((rows[0].5.as_deref(), rows[0].6.as_deref()), (Some("redacted"), Some("abcd")));
    assert_eq!((rows[1].3.as_str(), rows[1].5.as_deref()), ("Failed", None));
    assert_eq!((rows[2].3.as_str(), rows[2].7), ("Ingested", None));
    db.close().await;
}

async fn a_database_of_any_schema_that_landed_is_taken_over(engine: Engine) {
    for landed in 1..FILES.len() {
        let (dir, url) = database(engine);
        let pools = connect(dir.path(), url.as_ref(), &FILES[..1]).await;
        let old = Database { pools: pools.expect("the first schema") };
        old.durable(|tx| async move {
            for row in first_rows() {
                tx.execute(row).await?;
            }
            Ok(())
        })
        .await
        .expect("its rows");
        old.close().await;
        // Once by the version of that schema, then by this one.
        let pools = connect(dir.path(), url.as_ref(), &FILES[..landed]).await;
        Database { pools: pools.expect("that schema") }.close().await;
        let db = Database::open(dir.path(), url.as_ref()).await.expect("the newest schema");
        let job = db.job(&Tenant::first(), "job_1").await.expect("an answer").expect("there");
        assert_eq!((job.package_id.as_str(), job.seq), ("pkg_1", 1), "{landed}");
        let package = db.package(&Tenant::first(), "pkg_1").await.expect("an answer").expect("there");
        assert_eq!((package.renditions.len(), package.kid.as_deref()), (2, Some("abcd")), "{landed}");
        db.close().await;
    }
}

async fn several_that_start_at_once_make_the_tables_once(engine: Engine) {
    let (dir, url) = database(engine);
    let open = || {
        let (dir, url) = (dir.path().to_owned(), url.clone());
        tokio::spawn(async move { Database::open(&dir, url.as_ref()).await })
    };
    let opening: Vec<_> = (0..6).map(|_| open()).collect();
    for opened in opening {
        let db = opened.await.expect("no panic").expect("opened");
        assert!(db.origins().await.expect("an answer").is_empty());
        db.close().await;
    }
}

async fn the_document_names_every_table_and_column(engine: Engine) {
    let (_dir, db) = open(engine).await;
    let columns = query(
        "{sqlite:SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c \
         WHERE t.name NOT LIKE 'sqlite^_%' ESCAPE '^'}\
         {postgres:SELECT table_name::TEXT, column_name::TEXT FROM information_schema.columns \
         WHERE table_schema = 'public'}\
         {mysql:SELECT table_name, column_name FROM information_schema.columns \
         WHERE table_schema = DATABASE()}",
    );
    let columns: Vec<(String, String)> = db.all(columns).await.expect("columns");
    let found: BTreeSet<_> = columns.into_iter().collect();
    let documented = documented();
    let missing: Vec<_> = found.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&found).collect();
    assert!(missing.is_empty() && gone.is_empty(), "not in docs/schema.md: {missing:?}; only there: {gone:?}");
}

}

/// Tables and columns in docs/schema.md: a heading that begins with a name, rows of a table whose first cell holds
/// names, or a line of prose for the table of the library.
fn documented() -> BTreeSet<(String, String)> {
    let names = |text: &str| -> Vec<String> {
        let parts = text.split('`').skip(1).step_by(2);
        parts.map(str::to_owned).collect()
    };
    let mut table = String::new();
    let mut found = BTreeSet::new();
    for line in include_str!("../../../../../docs/schema.md").lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            table = names(heading).into_iter().next().unwrap_or_default();
        } else if let Some(row) = line.strip_prefix("| ") {
            let cell = row.split(" | ").next().unwrap_or_default();
            found.extend(names(cell).into_iter().map(|name| (table.clone(), name)));
        } else if table == "_sqlx_migrations" {
            found.extend(names(line).into_iter().map(|name| (table.clone(), name)));
        }
    }
    found.retain(|(table, _)| !table.is_empty());
    found
}

#[tokio::test]
async fn a_database_of_a_newer_reelpack_is_left_alone() {
    let (dir, _) = database(Engine::Sqlite);
    let db = Database::open(dir.path(), None).await.expect("a database");
    db.close().await;
    let older = connect(dir.path(), None, &FILES[..1]).await;
    let error = older.expect_err("an older one does not know its tables");
    assert!(error.to_string().contains("missing"), "{error}");
}
