//! Ladders: renditions of several sizes, encoded as parts by any worker.

use crate::support::s3::S3;
use crate::support::{TestApp, clips, json_of, problem, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::Duration;

const PROFILE: &str = "[[video]]\nshort_side = 360\ncrf = 30\n[[video]]\nshort_side = 240\n\
                       [[audio]]\nbitrate = 64_000\n[[audio]]\ncodec = \"opus\"\nbitrate = 48_000";

#[tokio::test]
async fn a_ladder_is_packaged_with_one_grid() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::wide()).await;
    assert_eq!(asset["conversion"], Value::Null);
    let package = app.order(&asset, &json!({"ladder": "auto"})).await;
    assert_eq!(package["ladder"], "auto");
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    let pictures = segments(&package, "avc1");
    assert!(pictures.len() >= 3, "{package}");
    assert!(pictures.windows(2).all(|pair| pair[0] == pair[1]));
    assert_eq!(segments(&package, "mp4a").len(), 1, "{package}");
    let path = app.path_of(&package["hls_url"]);
    let master = app.get(&path).await.text().await.expect("a playlist");
    assert_eq!(master.matches("#EXT-X-STREAM-INF").count(), pictures.len());
    app.until_gone("parts").await;
    app.until_gone("scratch").await;
    // The job tells of each rung how far it was.
    let job = format!("/api/v1/jobs/{}", text(&package["job"]["id"]));
    let job = json_of(app.get(&job).await, StatusCode::OK).await;
    let rungs = job["rungs"].as_array().expect("rungs");
    assert!(rungs.len() >= 2, "{job}");
    for rung in rungs {
        assert_eq!(rung["pictures_done"], rung["pictures"], "{job}");
    }
}

#[tokio::test]
async fn a_profile_says_which_renditions_there_are() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::large_webm()).await;
    let package = app.order(&asset, &json!({"ladder": PROFILE})).await;
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    assert_eq!(segments(&package, "avc1").len(), 2, "{package}");
    app.until_gone("parts").await;
}

#[tokio::test]
async fn chunks_are_made_where_packages_are_in_a_bucket() {
    let s3 = S3::start().await;
    let dir = tempfile::tempdir().expect("a folder");
    let storage = s3.config(dir.path());
    let app = TestApp::start_in(dir, |config| config.storage = storage).await;
    let package = app.ready(&clips::wide(), &json!({"ladder": PROFILE})).await;
    // The source is a rung, and has more than twice the bits of the one of its size, which is there too.
    assert_eq!(segments(&package, "avc1").len(), 3, "{package}");
    let gone = async {
        while !s3.objects("parts").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(10), gone);
    gone.await.expect("the parts go when the package is ready");
    app.until_gone("scratch").await;
}

#[tokio::test]
async fn a_ladder_that_is_none_is_refused_with_a_reason() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::plain()).await;
    let orders = format!("/api/v1/assets/{}/packages", text(&asset["id"]));
    for (ladder, expect) in [
        (json!("automatic"), "profile"),
        (json!("[[video]]\nshort_side = 721"), "even number"),
        (json!(3), "ladder"),
    ] {
        let answer = app.post_json(&orders, &json!({"ladder": ladder})).await;
        let found = problem(answer, 400, "invalid_request").await;
        assert!(found.to_string().contains(expect), "{found}");
    }
    let sound = app.upload(&clips::sound_only()).await;
    let orders = format!("/api/v1/assets/{}/packages", text(&sound["id"]));
    let answer = app.post_json(&orders, &json!({"ladder": "auto"})).await;
    let found = problem(answer, 400, "invalid_request").await;
    assert!(found.to_string().contains("no picture"), "{found}");
}

#[tokio::test]
async fn an_encoding_is_cancelled_and_leaves_nothing() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::large_webm()).await;
    let package = app.order(&asset, &json!({"ladder": "auto"})).await;
    let job = format!("/api/v1/jobs/{}", text(&package["job"]["id"]));
    app.until(&job, |job| {
        let first = &job["rungs"][0]["pictures_done"];
        job["state"] == "waiting" && first.as_i64() > Some(0)
    })
    .await;
    let answer = app.post(&format!("{job}/cancel")).await;
    assert_eq!(json_of(answer, StatusCode::OK).await["state"], "cancelled");
    app.until_gone("parts").await;
    app.until_gone("scratch").await;
}

/// How many segments each rendition of a codec has.
fn segments(package: &Value, codec: &str) -> Vec<i64> {
    let renditions = package["renditions"].as_array().expect("renditions");
    let of_codec = renditions
        .iter()
        .filter(|rendition| text(&rendition["codec"]).starts_with(codec));
    of_codec
        .map(|rendition| rendition["segments"].as_i64().expect("a number"))
        .collect()
}
