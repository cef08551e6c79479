//! `Idempotency-Key`: a POST with a name does its work once.

use crate::support::{TestApp, clips, json_of, problem, text};
use reqwest::multipart::{Form, Part};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

async fn post(app: &TestApp, path: &str, name: &str, body: &Value) -> Response {
    let request = app.client.post(app.url(path)).json(body);
    let request = request.header("idempotency-key", name);
    request.send().await.expect("an answer")
}

async fn count(app: &TestApp, collection: &str) -> usize {
    let list = app.get_json(&format!("/api/v1/{collection}")).await;
    list["data"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_named_order_is_made_once_and_answered_the_same() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::plain()).await;
    let path = format!("/api/v1/assets/{}/packages", text(&asset["id"]));
    let first = post(&app, &path, "order-1", &json!({"scheme": "cenc"})).await;
    assert!(!first.headers().contains_key("idempotency-replayed"));
    let location = first.headers()["location"].clone();
    let first = json_of(first, StatusCode::ACCEPTED).await;
    app.ended(&first).await;
    let app = app.restart(|_| ()).await;
    // As the draft writes it, in quotes; the answer is that of then, whatever has become of the package.
    let again = post(&app, &path, "\"order-1\"", &json!({"scheme": "cenc"})).await;
    assert_eq!(again.headers()["idempotency-replayed"], "true");
    assert_eq!(again.headers()["location"], location);
    assert_eq!(again.headers()["content-type"], "application/json");
    assert_eq!(json_of(again, StatusCode::ACCEPTED).await, first);
    assert_eq!(count(&app, "packages").await, 1);

    let other = post(&app, &path, "order-1", &json!({"scheme": "cbcs"})).await;
    problem(other, 422, "idempotency_key_reused").await;
    let long = "x".repeat(256);
    for bad in ["", "a b", "\"\"", &long] {
        let answer = post(&app, &path, bad, &json!({})).await;
        let found = problem(answer, 400, "invalid_request").await;
        assert_eq!(found["field"], "Idempotency-Key");
    }
    // What was refused is refused again without being looked at.
    for replayed in [false, true] {
        let refused = post(&app, &path, "order-2", &json!({"scheme": 1})).await;
        let headers = refused.headers();
        assert_eq!(headers.contains_key("idempotency-replayed"), replayed);
        problem(refused, 400, "invalid_request").await;
    }
    post(&app, &path, "order-3", &json!({"scheme": "cenc"})).await;
    assert_eq!(
        count(&app, "packages").await,
        2,
        "another name, another one"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_name_at_the_same_moment_is_one_request() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::plain()).await;
    let path = format!("/api/v1/assets/{}/packages", text(&asset["id"]));
    let body = json!({});
    let posts = (0..20).map(|_| post(&app, &path, "storm", &body));
    for answer in futures_util::future::join_all(posts).await {
        match answer.status() {
            StatusCode::ACCEPTED => {}
            _ => {
                assert_eq!(answer.headers()["retry-after"], "1");
                problem(answer, 409, "idempotency_key_in_use").await;
            }
        }
    }
    assert_eq!(count(&app, "packages").await, 1);
}

#[tokio::test]
async fn uploads_and_jobs_have_names_too() {
    let app = TestApp::start().await;
    let bytes = std::fs::read(clips::plain()).expect("the clip");
    let mut ids = Vec::new();
    for _ in 0..2 {
        // Each form has another boundary.
        let part = Part::bytes(bytes.clone()).file_name("clip.mp4");
        let request = app.client.post(app.url("/api/v1/assets"));
        let request = request.multipart(Form::new().part("file", part));
        let request = request.header("idempotency-key", "form");
        let answer = request.send().await.expect("an answer");
        ids.push(json_of(answer, StatusCode::CREATED).await["id"].clone());
    }
    assert_eq!(ids[0], ids[1]);
    assert_eq!(count(&app, "assets").await, 1);
    let mut places = Vec::new();
    for _ in 0..2 {
        let request = app.client.post(app.url("/api/v1/uploads"));
        let request = request.header("tus-resumable", "1.0.0");
        let request = request.header("upload-length", "7");
        let request = request.header("idempotency-key", "tus");
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::CREATED);
        places.push(answer.headers()["location"].clone());
    }
    assert_eq!(places[0], places[1]);
    assert_eq!(count(&app, "uploads").await, 1);
    for _ in 0..2 {
        let answer = post(&app, "/api/v1/queue/pause", "pause", &json!({})).await;
        assert_eq!(json_of(answer, StatusCode::OK).await["paused"], true);
    }
}
