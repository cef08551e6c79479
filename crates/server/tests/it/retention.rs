//! What is replaced, deleted, given up: readers see one version, and nothing comes back.

use crate::support::{TestApp, clips, files, json_of, problem, stored_files, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// Orders a replacement of a package and waits until it is there.
async fn replaced(app: &TestApp, package: &Value, options: &Value) -> Value {
    let path = format!("/api/v1/packages/{}/replace", text(&package["id"]));
    let answer = app.post_json(&path, options).await;
    let new = crate::support::json_of(answer, StatusCode::ACCEPTED).await;
    assert_eq!(new["replaces"], package["id"]);
    let new = app.ended(&new).await;
    assert_eq!(new["status"], "Ready", "{new}");
    new
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_one_version_while_packages_are_replaced() {
    // S4 wants a hundred under 10,000 requests.
    let (times, requests) = match std::env::var_os("REELPACK_TORTURE") {
        Some(_) => (100, 10_000),
        None => (8, 50),
    };
    let app = Arc::new(TestApp::start().await);
    let first = app
        .ready(&clips::plain(), &json!({"segment_duration": 1}))
        .await;
    let start = app.url(&app.path_of(&first["dash_url"]));
    let (done, read) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (done, read) = (done.clone(), read.clone());
            tokio::spawn(play_again_and_again(start.clone(), done, read))
        })
        .collect();
    let mut package = first.clone();
    for number in 0..times {
        // Other segments and other bytes each time.
        let options = json!({"segment_duration": if number % 2 == 0 { 2 } else { 1 }});
        package = replaced(&app, &package, &options).await;
        // Readers are slower than that.
        while read.load(Ordering::Relaxed) < (number + 1) * requests / times {
            tokio::task::yield_now().await;
        }
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader
            .await
            .expect("a reader that saw one version at a time");
    }
    let read = read.load(Ordering::Relaxed);
    println!("{read} segments were read while a package was replaced {times} times");
    // The first API's number leads to the newest package; the key has stayed.
    let number = &first["packaged_content_id"];
    let found = app.get_json(&format!("/packaged_content/{number}")).await;
    assert_eq!(found["url"], package["dash_url"]);
    assert_eq!(found["packaged_content_id"], *number);
    assert_eq!(package["kid"], first["kid"]);
    let path = format!("/api/v1/packages/{}/replace", text(&first["id"]));
    problem(app.post_json(&path, &json!({})).await, 409, "conflict").await;
}

/// An answer got lost, and the client asks again: it gets the package of its first order, even when that is there.
#[tokio::test]
async fn a_replacement_with_a_key_of_its_own_is_ordered_once() {
    let app = TestApp::start().await;
    let first = app
        .ready(&clips::numbered(0), &json!({"unique_key": "first"}))
        .await;
    let path = format!("/api/v1/packages/{}/replace", text(&first["id"]));
    let other = app.post_json(&path, &json!({"unique_key": "first"})).await;
    problem(other, 409, "conflict").await;
    let second = replaced(&app, &first, &json!({"unique_key": "second"})).await;
    let again = app.post_json(&path, &json!({"unique_key": "second"})).await;
    let again = json_of(again, StatusCode::ACCEPTED).await;
    assert_eq!(again["id"], second["id"]);
    problem(app.post_json(&path, &json!({})).await, 409, "conflict").await;
}

/// Plays a package from the start as players do: the MPD first, then what lies beside the MPD that came.
async fn play_again_and_again(start: String, done: Arc<AtomicBool>, read: Arc<AtomicU64>) {
    let client = reqwest::Client::new();
    while !done.load(Ordering::Relaxed) {
        let mpd = client.get(&start).send().await.expect("an answer");
        assert_eq!(mpd.status(), StatusCode::OK);
        let base = mpd.url().clone();
        let text = mpd.text().await.expect("an MPD");
        let seconds = if text.contains("duration=\"1") { 1 } else { 2 };
        for number in 1..=(8 / seconds) {
            let url = base.join(&format!("video/{number}.m4s")).expect("a URL");
            let segment = client.get(url.clone()).send().await.expect("an answer");
            assert_eq!(segment.status(), StatusCode::OK, "{url}");
            read.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_package_keeps_its_files_for_a_while_and_its_address_for_ever() {
    let app = TestApp::start_with(|config| {
        config.storage.grace = Duration::from_millis(1);
        config.storage.sweep_every = Duration::from_millis(50);
    })
    .await;
    let old = app.ready(&clips::numbered(0), &json!({})).await;
    let new = replaced(&app, &old, &json!({"scheme": "none"})).await;
    assert_eq!(
        (&new["scheme"], &new["kid"]),
        (&json!("none"), &Value::Null)
    );
    let mpd = app.get(&app.path_of(&old["dash_url"])).await;
    assert_eq!(mpd.url().path(), app.path_of(&new["dash_url"]));
    let folder = app.path_of(&old["dash_url"]).replace("stream.mpd", "");
    let gone = app.get(&format!("{folder}video/1.m4s")).await;
    assert_eq!(gone.status(), StatusCode::NOT_FOUND);
    let code = folder.split('/').nth(2).expect("a code").to_owned();
    let home = app.dir().join("packages").join(code);
    while home.exists() {
        tokio::task::yield_now().await;
    }
    let shown = app
        .get_json(&format!("/api/v1/packages/{}", text(&old["id"])))
        .await;
    assert_eq!(shown["replaced_by"], new["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_while_it_plays_stays_deleted() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::plain(), &json!({})).await;
    let asset = format!("/api/v1/assets/{}", text(&package["asset_id"]));
    let folder = app.path_of(&package["dash_url"]).replace("stream.mpd", "");
    let segment = app.get(&format!("{folder}video/1.m4s")).await;
    assert_eq!(app.delete(&asset).await.status(), StatusCode::NO_CONTENT);
    // What was under way comes whole or breaks off; what is asked for now does not come.
    assert!(!segment.bytes().await.unwrap_or_default().is_empty());
    for path in ["stream.mpd", "master.m3u8", "video/1.m4s"] {
        let answer = app.get(&format!("{folder}{path}")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
    assert!(stored_files(app.dir()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_deletion_and_a_publish_one_wins() {
    let app = TestApp::start().await;
    let mut won = [0, 0];
    for round in 0..12_u64 {
        let asset = app.upload(&clips::numbered(1)).await;
        let package = app.order(&asset, &json!({})).await;
        let path = format!("/api/v1/packages/{}", text(&package["id"]));
        // The later the deletion comes, the likelier the job is the first.
        for _ in 0..round {
            app.get_json("/api/v1/jobs").await;
        }
        let answer = app.delete(&path).await.status();
        if answer == StatusCode::NO_CONTENT {
            won[0] += 1;
            assert_eq!(app.get(&path).await.status(), StatusCode::NOT_FOUND);
        } else {
            assert_eq!(answer, StatusCode::CONFLICT);
            let package = app.ended(&package).await;
            assert_eq!(package["status"], "Ready");
            let mpd = app.get(&app.path_of(&package["dash_url"])).await;
            assert_eq!(mpd.status(), StatusCode::OK);
            won[1] += 1;
        }
        let asset = format!("/api/v1/assets/{}", text(&asset["id"]));
        assert_eq!(app.delete(&asset).await.status(), StatusCode::NO_CONTENT);
        assert!(stored_files(app.dir()).is_empty(), "round {round}: {won:?}");
    }
    assert_eq!(won[0] + won[1], 12);
}

#[tokio::test(flavor = "multi_thread")]
async fn work_of_packages_that_will_not_be_is_kept_when_wanted_and_never_served() {
    let app = TestApp::start_with(|config| config.storage.keep_work = true).await;
    let asset = app.upload(&clips::very_long()).await;
    let package = app.order(&asset, &json!({"segment_duration": 0.5})).await;
    app.until_written().await;
    let cancel = format!("/api/v1/jobs/{}/cancel", text(&package["job"]["id"]));
    assert!(app.post(&cancel).await.status().is_success());
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Failed");
    let work = app.dir().join("work");
    while !work.is_dir() {
        tokio::task::yield_now().await;
    }
    let kept = files(&work);
    assert!(!kept.is_empty());
    let code = kept[0].strip_prefix(&work).expect("below it");
    let code = code
        .iter()
        .next()
        .expect("a code")
        .to_string_lossy()
        .into_owned();
    for path in ["stream.mpd", "video/1.m4s", "video/init.mp4"] {
        let answer = app.get(&format!("/videos/{code}/dash/{path}")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    }
    assert_eq!(
        app.get(&format!("/work/{code}/dash/video/1.m4s"))
            .await
            .status(),
        StatusCode::NOT_FOUND
    );
}
