//! What clients note about assets: `external_id` and `metadata`, however the asset comes in.

use crate::support::{TestApp, clips, json_of, problem, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use reqwest::multipart::{Form, Part};
use serde_json::{Map, Value, json};

fn clip(number: u32) -> Part {
    let bytes = std::fs::read(clips::numbered(number)).expect("the clip");
    Part::bytes(bytes).file_name(format!("{number}.mp4"))
}

async fn post(app: &TestApp, form: Form) -> reqwest::Response {
    let request = app.client.post(app.url("/api/v1/assets")).multipart(form);
    request.send().await.expect("an answer")
}

fn path(asset: &Value) -> String {
    format!("/api/v1/assets/{}", text(&asset["id"]))
}

fn pointers(problem: &Value) -> Vec<&str> {
    let errors = problem["errors"].as_array().expect("a list");
    errors.iter().map(|error| text(&error["pointer"])).collect()
}

#[tokio::test]
async fn a_form_says_them_before_or_behind_the_file() {
    let app = TestApp::start().await;
    let form = Form::new()
        .text("external_id", "order 42")
        .part("file", clip(0))
        .text("metadata", r#"{"season": "2", "title": "Grüße 🎬"}"#);
    let asset = json_of(post(&app, form).await, StatusCode::CREATED).await;
    assert_eq!(asset["external_id"], "order 42");
    assert_eq!(
        asset["metadata"],
        json!({"season": "2", "title": "Grüße 🎬"})
    );
    assert_eq!(app.get_json(&path(&asset)).await, asset);

    let form = Form::new()
        .text("external_id", "")
        .text("metadata", r#"{"a": 1, "b[": "x"}"#)
        .part("file", clip(0));
    let wrong = problem(post(&app, form).await, 422, "invalid_value").await;
    let expected = ["/external_id", "/metadata/a", "/metadata/b["];
    assert_eq!(pointers(&wrong), expected);
    let form = Form::new().part("file", clip(0)).text("metadata", "{");
    let wrong = problem(post(&app, form).await, 422, "invalid_value").await;
    assert_eq!(pointers(&wrong), ["/metadata"]);
    let form = Form::new()
        .part("file", clip(0))
        .text("metadata", " ".repeat(70_000));
    problem(post(&app, form).await, 413, "too_large").await;
    let all = app.get_json("/api/v1/assets").await;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(1), "{all}");
}

#[tokio::test]
async fn an_upload_carries_them_to_its_asset() {
    let app = TestApp::start().await;
    let bytes = std::fs::read(clips::numbered(1)).expect("the clip");
    let begin = async |external_id: &str, metadata: &str| {
        let noted = format!(
            "filename {},external_id {},metadata {}",
            STANDARD.encode("a.mp4"),
            STANDARD.encode(external_id),
            STANDARD.encode(metadata)
        );
        let request = app.tus("POST", "/api/v1/uploads");
        let request = request.header("upload-length", bytes.len());
        let request = request.header("upload-metadata", noted);
        request.send().await.expect("an answer")
    };
    let wrong = problem(begin("a", r#"{"b": []}"#).await, 422, "invalid_value").await;
    assert_eq!(pointers(&wrong), ["/metadata/b"]);
    let begun = begin("tus-7", r#"{"b": "c"}"#).await;
    assert_eq!(begun.status(), 201);
    let upload = app.upload_at(begun.headers()["location"].to_str().expect("text"));
    let shown = upload.json().await;
    assert_eq!(
        (&shown["external_id"], &shown["metadata"]),
        (&json!("tus-7"), &json!({"b": "c"}))
    );
    assert_eq!(upload.append(0, bytes.clone()).await.status(), 204);
    let asset = text(&upload.json().await["asset_id"]).to_owned();
    let asset = app.get_json(&format!("/api/v1/assets/{asset}")).await;
    assert_eq!(
        (&asset["external_id"], &asset["metadata"]),
        (&json!("tus-7"), &json!({"b": "c"}))
    );
}

#[tokio::test]
async fn a_patch_merges_and_null_takes_away() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    assert_eq!(
        (&asset["external_id"], &asset["metadata"]),
        (&Value::Null, &json!({}))
    );
    let path = path(&asset);
    let patch =
        async |body: Value| json_of(app.patch_json(&path, &body).await, StatusCode::OK).await;
    let after = patch(json!({"external_id": "a", "metadata": {"b": "1", "c": "2"}})).await;
    assert_eq!(after["external_id"], "a");
    assert_eq!(app.get_json(&path).await, after);
    let after = patch(json!({"metadata": {"b": null, "c": "3", "d": "", "never": null}})).await;
    assert_eq!(
        (&after["external_id"], &after["metadata"]),
        (&json!("a"), &json!({"c": "3", "d": ""}))
    );
    assert_eq!(patch(json!({})).await["metadata"], after["metadata"]);
    let after = patch(json!({"external_id": null, "metadata": null})).await;
    assert_eq!(
        (&after["external_id"], &after["metadata"]),
        (&Value::Null, &json!({}))
    );
    let events = app.get_json("/api/v1/events?type=asset.updated").await;
    assert_eq!(events["data"].as_array().map(Vec::len), Some(4));
    assert_eq!(events["data"][0]["subject"], asset["id"]);
    problem(
        app.patch_json("/api/v1/assets/ast_no", &json!({})).await,
        404,
        "not_found",
    )
    .await;
}

#[tokio::test]
async fn a_wrong_patch_changes_nothing_and_names_each_wrong_value() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let path = path(&asset);
    let entries = |range: std::ops::Range<u32>| -> Map<String, Value> {
        range.map(|n| (format!("n{n}"), json!("x"))).collect()
    };
    let most = json!({"metadata": entries(0..50)});
    json_of(app.patch_json(&path, &most).await, StatusCode::OK).await;
    let before = app.get_json(&path).await;
    let wrong = json!({
        "external_id": "x".repeat(256), "metadata": {"a/b": 7, "c": "x".repeat(501)}, "name": "x"
    });
    let wrong = problem(app.patch_json(&path, &wrong).await, 422, "unknown_field").await;
    let expected = ["/name", "/external_id", "/metadata/a~1b", "/metadata/c"];
    assert_eq!(pointers(&wrong), expected);
    let more = json!({"external_id": "new", "metadata": {"one more": "x"}});
    let wrong = problem(app.patch_json(&path, &more).await, 422, "invalid_value").await;
    assert_eq!(pointers(&wrong), ["/metadata"]);
    let many = json!({"metadata": entries(0..101)});
    problem(app.patch_json(&path, &many).await, 422, "invalid_value").await;
    assert_eq!(app.get_json(&path).await, before);
    // One goes, another one comes.
    let instead = json!({"metadata": {"n0": null, "one more": "x"}});
    json_of(app.patch_json(&path, &instead).await, StatusCode::OK).await;
}

#[tokio::test]
async fn assets_are_found_by_them() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    for (number, external_id, metadata) in [
        (0, "Film_7", json!({"season": "2", "kind": "film"})),
        (1, "film_7", json!({})),
        (2, "film_7", json!({"season": "2", "kind": "series"})),
        (3, "film_7", json!({"season": "22"})),
    ] {
        let asset = app.upload(&clips::numbered(number)).await;
        let noted = json!({"external_id": external_id, "metadata": metadata});
        let answer = app.patch_json(&path(&asset), &noted).await;
        json_of(answer, StatusCode::OK).await;
        ids.push(text(&asset["id"]).to_owned());
    }
    let found = async |query: &str| -> Vec<usize> {
        let page = app.get_json(&format!("/api/v1/assets?{query}")).await;
        let page = page["data"].as_array().expect("a list").clone();
        let place = |asset: &Value| ids.iter().position(|id| *id == asset["id"]);
        page.iter().filter_map(place).collect()
    };
    assert_eq!(found("external_id=film_7").await, [3, 2, 1]);
    assert_eq!(found("external_id=Film_7").await, [0], "to the letter");
    assert_eq!(found("external_id=").await, [0; 0]);
    assert_eq!(found("q=LM_7").await, [3, 2, 1, 0], "in either case");
    assert_eq!(found("metadata[season]=2").await, [2, 0]);
    assert_eq!(
        found("metadata%5Bseason%5D=2&metadata[kind]=film").await,
        [0]
    );
    assert_eq!(
        found("metadata[season]=2&metadata[season]=22").await,
        [0; 0]
    );
    assert_eq!(found("metadata[season]=2&external_id=film_7").await, [2]);
    assert_eq!(found("metadata[season]=2&limit=1").await, [2]);
    let newer = format!("metadata[season]=2&ending_before={}", ids[0]);
    assert_eq!(found(&newer).await, [2]);
    for wrong in ["metadata=2", "metadata[season=2"] {
        let answer = app.get(&format!("/api/v1/assets?{wrong}")).await;
        problem(answer, 400, "invalid_request").await;
    }
}

#[tokio::test]
async fn they_go_with_their_asset() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let noted = json!({"external_id": "a", "metadata": {"b": "c"}});
    json_of(app.patch_json(&path(&asset), &noted).await, StatusCode::OK).await;
    assert_eq!(app.delete(&path(&asset)).await.status(), 204);
    let again = app.upload(&clips::numbered(0)).await;
    assert_eq!(again["metadata"], json!({}));
    let found = app.get_json("/api/v1/assets?metadata[b]=c").await;
    assert_eq!(found["data"], json!([]));
}
