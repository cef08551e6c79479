//! The drill: a backup of a server under load, restored on a blank machine.

use crate::scrub::{place, scrub};
use crate::support::{TestApp, clips, files, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::{BackupReport, Place};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

async fn backup(place: &Place, to: &Path, with_objects: bool) -> BackupReport {
    let (place, to) = (place.clone(), to.to_owned());
    let making = tokio::task::spawn_blocking(move || server::backup(&place, &to, with_objects));
    making.await.expect("it ran").expect("a backup")
}

async fn restore(place: &Place, from: &Path, key_file: Option<&Path>) -> Result<u64, String> {
    let (place, from) = (place.clone(), from.to_owned());
    let key_file = key_file.map(Path::to_owned);
    let restoring = tokio::task::spawn_blocking(move || {
        server::restore(&place, &from, key_file.as_deref(), true)
    });
    let restored = restoring.await.expect("it ran");
    restored.map_err(|error| error.to_string())
}

/// Uploads, packages and deletes until told to stop.
async fn load(app: Arc<TestApp>, stop: Arc<AtomicBool>) -> u64 {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        let package = app.ready(&clips::numbered(2), &json!({})).await;
        if rounds % 2 == 0 {
            let asset = format!("/api/v1/assets/{}", text(&package["asset_id"]));
            assert_eq!(app.delete(&asset).await.status(), StatusCode::NO_CONTENT);
        }
        rounds += 1;
    }
    rounds
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_under_load_is_restored_whole() {
    let app = Arc::new(TestApp::start().await);
    let package = app.ready(&clips::plain(), &json!({})).await;
    let stop = Arc::new(AtomicBool::new(false));
    let working = tokio::spawn(load(app.clone(), stop.clone()));
    let safe = tempfile::tempdir().expect("a folder");
    for number in 0..3 {
        let to = safe.path().join(number.to_string());
        let report = backup(&place(app.dir()), &to, true).await;
        assert_eq!(report.faults, [] as [String; 0]);
        assert!(report.objects > 5, "{report:?}");
        assert!(
            !files(&to)
                .iter()
                .any(|path| path.ends_with("content-keys.key"))
        );
    }
    stop.store(true, Ordering::Relaxed);
    assert!(working.await.expect("worked") > 0);

    let key_file = app.dir().join("content-keys.key");
    for number in 0..3 {
        let from = safe.path().join(number.to_string());
        let blank = tempfile::tempdir().expect("a folder");
        let there = place(&blank.path().join("data"));
        let error = restore(&there, &from, None).await.expect_err("closed");
        assert!(error.contains("--key-file"), "{error}");
        assert!(!there.data_dir.join("reelpack.db").exists());
        restore(&there, &from, Some(&key_file))
            .await
            .expect("restored");
        let found = scrub(&there).await;
        assert_eq!(
            (found.faults.len(), found.unrecorded.len()),
            (0, 0),
            "{found:?}"
        );
        let restored = TestApp::start_in(blank, |config| config.data_dir.push("data")).await;
        plays(&restored, &package, &app).await;
    }
}

/// The package has the same bytes on both servers, and its licence the same keys.
async fn plays(restored: &TestApp, package: &Value, original: &TestApp) {
    let shown = format!("/api/v1/packages/{}", text(&package["id"]));
    assert_eq!(restored.get_json(&shown).await["status"], "Ready");
    let folder = original
        .path_of(&package["dash_url"])
        .replace("stream.mpd", "");
    for path in ["video/init.mp4", "video/1.m4s", "audio/1.m4s"] {
        let path = format!("{folder}{path}");
        let one = original.get(&path).await.bytes().await.expect("a body");
        let other = restored.get(&path).await;
        assert_eq!(other.status(), StatusCode::OK, "{path}");
        assert!(other.bytes().await.expect("a body") == one, "{path}");
    }
    let kid = text(&package["kid"]).replace('-', "");
    let key = format!("/license/key/{kid}");
    let one = original.get(&key).await.bytes().await.expect("a key");
    assert_eq!(restored.get(&key).await.bytes().await.expect("a key"), one);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restore_that_cannot_be_right_leaves_no_catalogue() {
    let app = TestApp::start().await;
    app.ready(&clips::numbered(0), &json!({})).await;
    let safe = tempfile::tempdir().expect("a folder");
    let (full, bare) = (safe.path().join("full"), safe.path().join("bare"));
    backup(&place(app.dir()), &full, true).await;
    backup(&place(app.dir()), &bare, false).await;
    let key_file = app.dir().join("content-keys.key");
    let wrong_key = safe.path().join("wrong");
    std::fs::write(&wrong_key, "00".repeat(32)).expect("written");
    let mut segments = files(&full.join("objects/packages")).into_iter();
    let segment = segments.find(|path| path.to_string_lossy().ends_with("1.m4s"));
    let segment = segment.expect("a segment");

    let refused = async |from: &Path, key: Option<&Path>, hint: &str| {
        let blank = tempfile::tempdir().expect("a folder");
        let there = place(blank.path());
        let error = restore(&there, from, key).await.expect_err("refused");
        assert!(error.contains(hint), "{error}");
        assert!(!blank.path().join("reelpack.db").exists());
    };
    refused(&full, Some(&wrong_key), "is not the key file").await;
    refused(&bare, Some(&key_file), "bring the storage back first").await;
    refused(safe.path(), Some(&key_file), "manifest.json").await;
    let bytes = std::fs::read(&segment).expect("read");
    std::fs::write(&segment, &bytes[1..]).expect("written");
    refused(&full, Some(&key_file), "other bytes than were backed up").await;
    let error = restore(&place(app.dir()), &bare, None).await;
    assert!(
        error
            .expect_err("refused")
            .contains("has a catalogue already")
    );
}
