//! Assets: delivered, probed, listed, deleted.

use crate::support::{TestApp, clips, json_of, problem, stored_files, text};
use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

#[tokio::test]
async fn an_asset_says_what_is_in_the_file() {
    let app = TestApp::start().await;
    let bytes = std::fs::read(clips::plain()).expect("the clip");
    let size = bytes.len();
    let answer = app.post_file("/api/v1/assets", "a b.mp4", bytes).await;
    let location = answer.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    let asset = json_of(answer, StatusCode::CREATED).await;
    let path = format!("/api/v1/assets/{}", text(&asset["id"]));
    assert_eq!(location, app.url(&path));
    assert_eq!(app.get_json(&path).await, asset);
    assert_eq!(asset["input_content_id"], 1);
    assert_eq!(asset["name"], "a b.mp4");
    assert_eq!(asset["size"], size);
    assert_eq!(asset["container"], "mp4");
    assert_eq!(asset["fragmented"], false);
    assert_eq!(asset["packages"], json!([]));
    assert_eq!(text(&asset["sha256"]).len(), 64);
    let duration = asset["duration_seconds"].as_f64().expect("a number");
    assert!((7.9..8.1).contains(&duration), "{duration}");
    let video = &asset["tracks"][0];
    assert_eq!(
        (&video["kind"], &video["width"], &video["height"]),
        (&json!("video"), &json!(160), &json!(120))
    );
    assert_eq!(video["sample_count"], 200);
    assert!(text(&video["codec"]).starts_with("avc1."));
    assert_eq!(
        (&video["packageable"], &video["reason"]),
        (&json!(true), &Value::Null)
    );
    let audio = &asset["tracks"][1];
    assert_eq!(
        (&audio["kind"], &audio["sample_rate"], &audio["channels"]),
        (&json!("audio"), &json!(44100), &json!(1))
    );
    assert_eq!(audio["codec"], "mp4a.40.2");
}

#[tokio::test]
async fn the_hash_is_that_of_the_bytes() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let output = std::process::Command::new("sha256sum")
        .arg(clips::numbered(0))
        .output();
    let output = String::from_utf8(output.expect("sha256sum runs").stdout).expect("text");
    assert_eq!(output.split(' ').next(), asset["sha256"].as_str());
}

#[tokio::test]
async fn sound_alone_is_an_asset_and_becomes_a_package() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::sound_only(), &json!({})).await;
    assert_eq!(package["renditions"].as_array().map(Vec::len), Some(1));
    assert_eq!(package["renditions"][0]["encrypted"], true);
}

#[tokio::test]
async fn a_form_without_a_file_is_refused() {
    let app = TestApp::start().await;
    let url = app.url("/api/v1/assets");
    let other = Form::new().part("video", Part::bytes(b"x".to_vec()).file_name("x.mp4"));
    let as_text = Form::new().text("file", "x.mp4");
    for form in [other, as_text] {
        let answer = app.client.post(&url).multipart(form).send().await;
        let found = problem(answer.expect("an answer"), 400, "invalid_request").await;
        assert_eq!(found["field"], "file");
    }
    let empty = app.client.post(&url).multipart(Form::new()).send().await;
    problem(empty.expect("an answer"), 400, "invalid_request").await;
    let answer = app.client.post(&url).body("no form").send().await;
    problem(answer.expect("an answer"), 400, "invalid_request").await;
    assert!(stored_files(app.dir()).is_empty());
}

#[tokio::test]
async fn other_fields_of_the_form_are_ignored() {
    let app = TestApp::start().await;
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    let form = Form::new()
        .text("note", "before")
        .part("file", Part::bytes(bytes).file_name("x.mp4"))
        .text("note", "behind");
    let request = app.client.post(app.url("/api/v1/assets")).multipart(form);
    json_of(
        request.send().await.expect("an answer"),
        StatusCode::CREATED,
    )
    .await;
}

#[tokio::test]
async fn assets_are_listed_page_by_page() {
    let app = TestApp::start().await;
    assert_eq!(
        app.get_json("/api/v1/assets").await,
        json!({"data": [], "next_cursor": null, "has_more": false})
    );
    for number in 0..3 {
        app.upload(&clips::numbered(number)).await;
    }
    let first = app.get_json("/api/v1/assets?limit=2").await;
    assert_eq!(first["data"][0]["name"], "numbered-2.mp4", "newest first");
    let cursor = text(&first["next_cursor"]).to_owned();
    let second = app
        .get_json(&format!("/api/v1/assets?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(second["data"][0]["name"], "numbered-0.mp4");
    assert_eq!(second["next_cursor"], Value::Null);
    problem(
        app.get("/api/v1/assets?limit=many").await,
        400,
        "invalid_request",
    )
    .await;
}

#[tokio::test]
async fn a_deleted_asset_is_gone_with_everything_of_it() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::plain(), &json!({})).await;
    let path = format!("/api/v1/assets/{}", text(&package["asset_id"]));
    assert_eq!(app.delete(&path).await.status(), StatusCode::NO_CONTENT);
    problem(app.get(&path).await, 404, "not_found").await;
    problem(app.delete(&path).await, 404, "not_found").await;
    problem(
        app.get(&app.path_of(&package["dash_url"])).await,
        404,
        "not_found",
    )
    .await;
    assert_eq!(app.get_json("/api/v1/jobs").await["data"], json!([]));
    assert!(stored_files(app.dir()).is_empty());
}
