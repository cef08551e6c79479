//! The catalogue and the files of the old platform are taken over, and its clients find what they had.

use crate::support::engines::Engine;
use crate::support::{TestApp, chosen, clips, json_of, text};
use reqwest::StatusCode;
use serde_json::json;
use server::{DatabaseUrl, ImportConfig, ImportedRow, Outcome, StorageConfig};
use sqlx::{Connection, Executor, MySqlConnection};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const KEY: &str = "hyN9IKGfWKdAwFaE5pm0qg";
const KID: &str = "oW5AK5BW43HzbTSKpiu3SQ";
const OTHER_KEY: &str = "0123456789abcdef0123456789abcdef";
const OTHER_KID: &str = "a16e402b-9056-e371-f36d-348aa62bb749";

/// The old platform: its database, and its storage folder, which was /srv/storage when the rows were written.
struct Old {
    url: String,
    folder: TempDir,
}

impl Old {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let name = folder
            .path()
            .file_name()
            .expect("a name")
            .as_encoded_bytes();
        let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
        let url = Engine::MySql
            .database(&format!("old_{name}"))
            .expect("a URL");
        for (path, clip) in [
            ("input/1/holiday.mp4", clips::plain()),
            ("input/2/numbered.mp4", clips::numbered(0)),
            ("input/5/numbered.mp4", clips::numbered(1)),
        ] {
            let to = folder.path().join(path);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("folders");
            std::fs::copy(clip, to).expect("a copy");
        }
        std::fs::create_dir_all(folder.path().join("input/4")).expect("a folder");
        std::fs::write(folder.path().join("input/4/broken.mp4"), "no video").expect("a file");
        let old = Self { url, folder };
        old.run(
            "CREATE TABLE uploaded_videos (input_content_id INT PRIMARY KEY AUTO_INCREMENT, \
             input_content_origin VARCHAR(500), video_track_number INT, status VARCHAR(50), \
             output_file_path VARCHAR(500), video_key VARCHAR(100), kid VARCHAR(100), \
             packaged_content_id INT UNIQUE, url VARCHAR(500))",
        )
        .await;
        old.run(
            "INSERT INTO uploaded_videos VALUES \
             (1, '/srv/storage/input/1/holiday.mp4', 1, 'Ready', '/srv/storage/out/1/stream.mpd', \
              'hyN9IKGfWKdAwFaE5pm0qg', 'oW5AK5BW43HzbTSKpiu3SQ', 7, \
              'http://old:8080/AbC-17/dash/stream.mpd'), \
             (2, 'input/2/numbered.mp4', 1, 'Encrypted', NULL, '0123456789abcdef0123456789abcdef', \
              'a16e402b-9056-e371-f36d-348aa62bb749', 3, NULL), \
             (3, '/srv/storage/input/3/lost.mp4', 1, 'Ready', NULL, 'hyN9IKGfWKdAwFaE5pm0qg', \
              'oW5AK5BW43HzbTSKpiu3SQ', 4, NULL), \
             (4, '/srv/storage/input/4/broken.mp4', NULL, 'Ingested', NULL, NULL, NULL, NULL, NULL), \
             (5, 'input/5/numbered.mp4', 1, 'Ingested', NULL, NULL, NULL, NULL, NULL), \
             (9, 'input/5/numbered.mp4', 1, 'Ready', NULL, 'short', 'oW5AK5BW43HzbTSKpiu3SQ', 8, NULL)",
        )
        .await;
        old
    }

    async fn run(&self, sql: &'static str) {
        let mut connection = MySqlConnection::connect(&self.url)
            .await
            .expect("a connection");
        connection.execute(sql).await.expect("the statement runs");
    }

    /// Imports into the data folder `into`; returns what was told of the rows.
    async fn import(&self, into: &Path, dry_run: bool) -> Result<Vec<ImportedRow>, String> {
        let url = |text: &str| DatabaseUrl::parse(text).expect("a URL");
        let config = ImportConfig {
            from: url(&self.url),
            folder: self.folder.path().to_owned(),
            data_dir: into.to_owned(),
            database: chosen(into).1.as_deref().map(url),
            storage: StorageConfig::default(),
            key_file: None,
            dry_run,
        };
        let imported = tokio::task::spawn_blocking(move || {
            let mut rows = Vec::new();
            server::import(&config, &mut |row| rows.push(row.clone())).map(|()| rows)
        });
        let imported = imported.await.expect("no panic");
        imported.map_err(|error| error.to_string())
    }
}

/// What was told, by the number of the row: `t`aken, `a`lready there, `r`efused; the video, then its packaging.
fn outcomes(rows: &[ImportedRow]) -> Vec<(&str, String)> {
    let sign = |outcome: &Outcome| match outcome {
        Outcome::Taken(_) => 't',
        Outcome::Already => 'a',
        Outcome::Refused(_) => 'r',
    };
    rows.iter()
        .map(|row| {
            let signs = [Some(&row.asset), row.package.as_ref()];
            let signs = signs.into_iter().flatten().map(sign).collect();
            (row.input_content_id.as_str(), signs)
        })
        .collect()
}

fn expect(signs: [&'static str; 6]) -> Vec<(&'static str, String)> {
    let numbers = ["1", "2", "3", "4", "5", "9"].into_iter();
    numbers.zip(signs.map(str::to_owned)).collect()
}

#[tokio::test]
async fn what_the_old_platform_had_is_taken_over_and_its_clients_find_it() {
    let old = Old::new().await;
    let dir = tempfile::tempdir().expect("a folder");
    let data: PathBuf = dir.path().into();

    let looked = old.import(&data, true).await.expect("a look");
    assert_eq!(
        outcomes(&looked),
        expect(["tt", "tt", "rr", "r", "t", "tr"])
    );
    assert_eq!(
        std::fs::read_dir(&data).expect("the folder").count(),
        0,
        "nothing was touched"
    );

    let taken = old.import(&data, false).await.expect("an import");
    assert_eq!(outcomes(&taken), expect(["tt", "tt", "rr", "r", "t", "tr"]));
    let reason = |row: &ImportedRow| match (&row.asset, &row.package) {
        (Outcome::Refused(reason), _) | (_, Some(Outcome::Refused(reason))) => reason.clone(),
        _ => String::new(),
    };
    assert!(
        reason(&taken[2]).contains("neither there nor below"),
        "{:?}",
        taken[2]
    );
    assert!(reason(&taken[3]).contains("broken.mp4"), "{:?}", taken[3]);
    assert!(reason(&taken[5]).starts_with("its key "), "{:?}", taken[5]);
    assert!(!format!("{taken:?}").contains(KEY), "no key is told");

    let again = old.import(&data, false).await.expect("another import");
    assert_eq!(outcomes(&again), expect(["aa", "aa", "rr", "r", "a", "ar"]));

    let app = TestApp::start_in(dir, |config| {
        config.media_listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await;
    for (number, key, kid) in [(7, KEY, KID), (3, OTHER_KEY, OTHER_KID)] {
        let path = format!("/packaged_content/{number}");
        app.until(&path, |status| status["status"] == "Ready").await;
        let found = app
            .get_json(&format!("/packaged_content_id/{number}"))
            .await;
        assert_eq!(
            (&found["key"], &found["kid"]),
            (&json!([key]), &json!([kid]))
        );
    }
    // The old link, at the old port.
    let link = format!("{}/AbC-17/dash/stream.mpd", app.media_base());
    let manifest = app.client.get(link).send().await.expect("an answer");
    assert_eq!(manifest.status(), StatusCode::OK);

    // New ones go on after the old numbers, and what is there is not overwritten.
    let asset = app.upload(&clips::plain()).await;
    assert_eq!(asset["input_content_id"], 10);
    let order = json!({"input_content_id": 5, "key": KEY, "kid": KID});
    let answer = app.post_json("/packaged_content", &order).await;
    let packaged = json_of(answer, StatusCode::OK).await;
    assert_eq!(packaged["packaged_content_id"], json!([8]));
    assert!(text(&packaged["url"][0]).ends_with("/dash/stream.mpd"));

    let running = old
        .import(&data, false)
        .await
        .expect_err("the server holds its folder");
    assert!(running.contains("stop it"), "{running}");
    app.stop().await;
}

#[tokio::test]
async fn numbers_that_are_taken_are_not_taken_again() {
    let old = Old::new().await;
    let app = TestApp::start().await;
    app.ready(&clips::numbered(2), &json!({})).await;
    let dir = app.stop().await;
    let rows = old.import(dir.path(), false).await.expect("an import");
    assert_eq!(outcomes(&rows), expect(["rr", "tt", "rr", "r", "t", "tr"]));
    assert!(
        matches!(&rows[0].asset, Outcome::Refused(reason) if reason.contains("another video here, ast_"))
    );
}

#[tokio::test]
async fn what_is_no_old_platform_is_told_as_such() {
    let old = Old::new().await;
    let dir = tempfile::tempdir().expect("a folder");
    old.run("DROP TABLE uploaded_videos").await;
    let error = old.import(dir.path(), true).await.expect_err("no table");
    assert!(
        error.contains("cannot be read") && error.contains("uploaded_videos"),
        "{error}"
    );
    let old = Old {
        url: "postgres://a:hunter2@127.0.0.1:1/b".into(),
        ..old
    };
    let error = old.import(dir.path(), true).await.expect_err("no MySQL");
    assert!(
        error.contains("write mysql://") && !error.contains("hunter2"),
        "{error}"
    );
}
