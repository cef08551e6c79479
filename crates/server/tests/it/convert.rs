//! Files that are not MP4: what they become, and that nothing of the work stays.

use crate::support::s3::S3;
use crate::support::{TestApp, clips, json_of, problem, stored_files, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test]
async fn matroska_is_packaged_with_its_subtitles() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::matroska()).await;
    assert_eq!(asset["container"], "matroska");
    assert_eq!(asset["conversion"]["encodes"], false);
    let notes = asset["conversion"]["notes"].to_string();
    assert!(notes.contains("put into MP4 as they are"), "{notes}");
    let kinds: Vec<_> = asset["tracks"]
        .as_array()
        .expect("tracks")
        .iter()
        .map(|track| &track["kind"])
        .collect();
    assert_eq!(kinds, ["video", "audio", "text"]);
    let package = app.order(&asset, &json!({})).await;
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    assert_eq!(package["job"]["progress"], 1.0);
    let codecs = package["renditions"].to_string();
    for codec in ["avc1", "mp4a.40.2", "wvtt"] {
        assert!(codecs.contains(codec), "{codecs}");
    }
    let master = app
        .get(&app.path_of(&package["hls_url"]))
        .await
        .text()
        .await
        .expect("a playlist");
    assert!(
        master.contains("TYPE=SUBTITLES") && master.contains("LANGUAGE=\"de\""),
        "{master}"
    );
    app.until_gone("parts").await;
    app.until_gone("scratch").await;
}

#[tokio::test]
async fn what_mp4_does_not_hold_is_encoded_and_says_so() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::webm()).await;
    assert_eq!(asset["conversion"]["encodes"], true);
    let notes = asset["conversion"]["notes"].to_string();
    assert!(
        notes.contains("vp8") && notes.contains("encoded anew as H.264"),
        "{notes}"
    );
    let package = app.order(&asset, &json!({"scheme": "cenc"})).await;
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    // MP4 that holds what no browser decodes is no different.
    let old = app.ready(&clips::mpeg4(), &json!({})).await;
    assert!(old["renditions"].to_string().contains("avc1"), "{old}");
    // By the first API, too, as any other file.
    let number = asset["input_content_id"].as_i64().expect("a number");
    let body = json!({"input_content_id": number, "key": "hyN9IKGfWKdAwFaE5pm0qg", "kid": "oW5AK5BW43HzbTSKpiu3SQ"});
    let answer = app.post_json("/packaged_content", &body).await;
    assert!(answer.status().is_success(), "{}", answer.status());
}

#[tokio::test]
async fn what_turns_out_in_the_conversion_is_told_of_the_asset() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::low_level()).await;
    let before = asset["conversion"]["notes"].to_string();
    assert!(!before.contains("level"), "{before}");
    let package = app.order(&asset, &json!({})).await;
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    let path = format!("/api/v1/assets/{}", text(&asset["id"]));
    let asset = json_of(app.get(&path).await, StatusCode::OK).await;
    let after = asset["conversion"]["notes"].to_string();
    assert!(after.contains("the level was written anew"), "{after}");
    assert_eq!(asset["conversion"]["encodes"], false);
}

#[tokio::test]
async fn sound_is_made_as_loud_as_is_asked_for_in_one_package_alone() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    assert!(asset["conversion"].is_null());
    let path = format!("/api/v1/assets/{}", text(&asset["id"]));
    for wrong in [json!(-4), json!("-23")] {
        let order = json!({"loudness_lufs": wrong});
        let answer = app.post_json(&format!("{path}/packages"), &order).await;
        problem(answer, 400, "invalid_request").await;
    }
    let package = app
        .order(&asset, &json!({"loudness_lufs": -23, "scheme": "none"}))
        .await;
    let package = app.ended(&package).await;
    assert_eq!(
        (&package["status"], &package["loudness_lufs"]),
        (&json!("Ready"), &json!(-23.0))
    );
    let asset = json_of(app.get(&path).await, StatusCode::OK).await;
    assert!(asset["conversion"].is_null(), "{asset}");
    app.until_gone("parts").await;
}

#[tokio::test]
async fn parts_are_made_where_packages_are_in_a_bucket() {
    let s3 = S3::start().await;
    let dir = tempfile::tempdir().expect("a folder");
    let storage = s3.config(dir.path());
    let app = TestApp::start_in(dir, |config| config.storage = storage).await;
    let package = app.ready(&clips::matroska(), &json!({})).await;
    assert_eq!(package["status"], "Ready");
    let gone = async {
        while !s3.objects("parts").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(10), gone);
    gone.await.expect("the parts go when the package is ready");
    app.until_gone("scratch").await;
    assert!(!s3.objects("packages").is_empty());
    assert!(
        stored_files(app.dir()).is_empty(),
        "{:?}",
        stored_files(app.dir())
    );
}

/// A clip that takes some seconds to encode, and its job while that is at work.
async fn at_work(app: &TestApp) -> (Value, String) {
    let asset = app.upload(&clips::large_webm()).await;
    let package = app.order(&asset, &json!({})).await;
    let job = format!("/api/v1/jobs/{}", text(&package["job"]["id"]));
    app.until(&job, |job| {
        job["state"] == "waiting" && job["progress"].as_f64() > Some(0.0)
    })
    .await;
    (package, job)
}

#[tokio::test]
async fn a_conversion_is_cancelled_within_two_seconds_and_leaves_nothing() {
    let app = TestApp::start().await;
    let (package, job) = at_work(&app).await;
    let began = Instant::now();
    let answer = app.post(&format!("{job}/cancel")).await;
    assert_eq!(json_of(answer, StatusCode::OK).await["state"], "cancelled");
    app.until_gone("parts").await;
    app.until_gone("scratch").await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    // Nothing runs any more, so the package can go.
    let path = format!("/api/v1/packages/{}", text(&package["id"]));
    assert_eq!(app.delete(&path).await.status(), StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_conversion_pauses_and_goes_on_and_survives_a_restart() {
    let app = TestApp::start().await;
    let (package, job) = at_work(&app).await;
    let answer = app.post(&format!("{job}/pause")).await;
    assert_eq!(json_of(answer, StatusCode::OK).await["state"], "paused");
    let answer = app.post(&format!("{job}/resume")).await;
    assert_eq!(json_of(answer, StatusCode::OK).await["state"], "waiting");
    let app = app.restart(|_| {}).await;
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    assert_eq!(package["job"]["worker_deaths"], 0);
}

#[tokio::test]
async fn without_ffmpeg_what_needs_it_says_so() {
    let nowhere = || {
        transcode::Tools::new(
            Some("/nowhere".into()),
            Some("/nowhere".into()),
            transcode::Confinement::Off(vec!["/nowhere".into()]),
        )
    };
    let app = TestApp::start_with(|config| config.tools = nowhere()).await;
    let bytes = std::fs::read(clips::webm()).expect("a clip");
    let answer = app.post_file("/api/v1/assets", "a.webm", bytes).await;
    let refused = problem(answer, 422, "unusable_media").await;
    assert!(
        text(&refused["detail"]).contains("install FFmpeg"),
        "{refused}"
    );
    app.ready(&clips::numbered(0), &json!({})).await;
}

#[tokio::test]
async fn what_calls_itself_a_video_is_refused_by_its_name() {
    let app = TestApp::start().await;
    for (content, name) in [
        ("#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "a.mp4"),
        ("ffconcat version 1.0\nfile /etc/passwd\n", "a.mkv"),
    ] {
        let began = Instant::now();
        let answer = app.post_file("/api/v1/assets", name, content.into()).await;
        problem(answer, 422, "unusable_media").await;
        assert!(began.elapsed() < Duration::from_secs(1));
    }
    assert!(stored_files(app.dir()).is_empty());
}
