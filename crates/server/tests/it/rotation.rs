//! Another key in the key file while the server runs (SEC-26), and what it does not open.

use crate::support::{TestApp, chosen, clips, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::{DatabaseUrl, Place, RotationReport, ServeError, StorageConfig};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

/// Where an app on a folder keeps what it has, on whatever engine.
pub fn place(data_dir: &Path) -> Place {
    let (_, url) = chosen(data_dir);
    Place {
        data_dir: data_dir.to_owned(),
        database: url.map(|url| DatabaseUrl::parse(&url).expect("a URL")),
        storage: StorageConfig::default(),
    }
}

/// Runs the command; `None` when it died on its way.
async fn rotate(data_dir: &Path, forget: bool) -> Option<Result<RotationReport, ServeError>> {
    let place = place(data_dir);
    let run = tokio::task::spawn_blocking(move || server::rotate_key(&place, None, forget));
    run.await.ok()
}

async fn key_of(app: &TestApp, package: &Value) -> (StatusCode, Vec<u8>) {
    let kid = text(&package["kid"]).replace('-', "");
    let answer = app.get(&format!("/license/key/{kid}")).await;
    let status = answer.status();
    (status, answer.bytes().await.expect("bytes").to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_26_all_keys_are_readable_while_the_key_file_changes() {
    let app = Arc::new(TestApp::start().await);
    let mut known = Vec::new();
    for number in 0..3 {
        let package = app.ready(&clips::numbered(number), &json!({})).await;
        let (status, key) = key_of(&app, &package).await;
        assert_eq!(status, StatusCode::OK);
        known.push((package, key));
    }
    let known = Arc::new(known);
    let old = app.dir().join("old.key");
    let file = app.dir().join("content-keys.key");
    std::fs::copy(&file, &old).expect("a copy");

    let (stop, asked) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU32::new(0)),
    );
    let load = tokio::spawn({
        let (app, known, stop, asked) = (app.clone(), known.clone(), stop.clone(), asked.clone());
        async move {
            while !stop.load(Ordering::Acquire) {
                for (package, key) in known.iter() {
                    let found = key_of(&app, package).await;
                    assert_eq!((found.0, &found.1), (StatusCode::OK, key));
                    asked.fetch_add(1, Ordering::AcqRel);
                }
            }
        }
    });
    // It dies half way, goes on, and is run once more than needed.
    fail::cfg("rotate.half", "1*panic(half way)").expect("a crash point");
    assert!(rotate(app.dir(), false).await.is_none(), "it dies");
    fail::remove("rotate.half");
    let lines = || {
        std::fs::read_to_string(&file)
            .expect("the file")
            .lines()
            .count()
    };
    assert_eq!(lines(), 2);
    let fresh = app.ready(&clips::numbered(3), &json!({})).await;
    let done = rotate(app.dir(), false)
        .await
        .expect("it ends")
        .expect("done");
    assert_eq!(
        (done.rewrapped, done.made, done.keys_in_file),
        (2, false, 2)
    );
    let again = rotate(app.dir(), false)
        .await
        .expect("it ends")
        .expect("done");
    assert_eq!((again.rewrapped, again.made), (0, false));
    let forgot = rotate(app.dir(), true)
        .await
        .expect("it ends")
        .expect("done");
    assert_eq!((forgot.rewrapped, forgot.keys_in_file), (0, 1));
    let seen = asked.load(Ordering::Acquire);
    while asked.load(Ordering::Acquire) < seen + 3 && !load.is_finished() {
        tokio::task::yield_now().await;
    }
    stop.store(true, Ordering::Release);
    load.await.expect("every answer was right");
    assert_eq!(key_of(&app, &fresh).await.0, StatusCode::OK);

    let app = Arc::into_inner(app).expect("nobody else has it");
    only_the_new_file_opens(app, &known, old).await;
}

/// After a restart the new file alone opens the content keys; the old one opens nothing (SEC-23).
async fn only_the_new_file_opens(app: TestApp, known: &[(Value, Vec<u8>)], old: PathBuf) {
    let app = app.restart(|_| ()).await;
    for (package, key) in known.iter() {
        assert_eq!(&key_of(&app, package).await.1, key);
    }
    let dir = app.stop().await;
    let mut config = crate::support::config(dir.path());
    config.key_file = Some(old);
    let refused = server::App::start(config)
        .await
        .expect_err("another key file");
    assert!(
        refused.to_string().contains("not the key file"),
        "{refused}"
    );
}

/// The database without its key file opens nothing, and says so.
#[tokio::test]
async fn sec_23_a_stolen_database_opens_nothing() {
    let app = TestApp::start().await;
    app.ready(&clips::numbered(0), &json!({})).await;
    let dir = app.stop().await;
    std::fs::remove_file(dir.path().join("content-keys.key")).expect("removed");
    let refused = server::App::start(crate::support::config(dir.path())).await;
    let refused = refused.expect_err("no key file");
    assert!(
        refused.to_string().contains("content-keys.key"),
        "{refused}"
    );
}
