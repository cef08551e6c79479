//! Events: as a list, and as a stream that goes on where it was broken off.

use crate::support::{TestApp, clips, problem, text};
use reqwest::Response;
use serde_json::json;
use std::time::Duration;

/// Begins to follow: what happens from its answer on is told.
async fn open(app: &TestApp, query: &str, last: Option<&str>) -> Response {
    let request = app.client.get(app.url(&format!("/api/v1/events{query}")));
    let mut request = request.header("accept", "text/event-stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.send().await.expect("an answer")
}

/// Reads a stream until so many events came: their ids and types.
async fn read(mut answer: Response, count: usize) -> Vec<(String, String)> {
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut seen = String::new();
    let reading = async {
        while seen.matches("\n\n").count() < count {
            let chunk = answer.chunk().await.expect("more").expect("not the end");
            seen.push_str(std::str::from_utf8(&chunk).expect("text"));
        }
    };
    let read = tokio::time::timeout(Duration::from_secs(30), reading).await;
    read.expect("the events come");
    let lines = |name: &str| -> Vec<String> {
        let lines = seen.lines().filter_map(|line| line.strip_prefix(name));
        lines.map(|value| value.trim().to_owned()).collect()
    };
    let pairs = lines("id:").into_iter().zip(lines("event:"));
    pairs.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_listed_and_followed() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::plain(), &json!({})).await;
    let list = app.get_json("/api/v1/events").await;
    let data = list["data"].as_array().expect("a list");
    let types: Vec<&str> = data.iter().map(|event| text(&event["type"])).collect();
    assert_eq!(types, ["package.ready", "package.ordered", "asset.created"]);
    assert_eq!(data[0]["subject"], package["id"]);
    let of_type = app.get_json("/api/v1/events?type=asset.created").await;
    assert_eq!(of_type["data"], json!([data[2]]));
    let subject = format!("/api/v1/events?subject={}", text(&package["id"]));
    assert_eq!(
        app.get_json(&subject).await["data"],
        json!([data[0], data[1]])
    );

    // Who saw the first one is told the others.
    let first = text(&data[2]["id"]);
    let found = read(open(&app, "", Some(first)).await, 2).await;
    let expect: Vec<(String, String)> = [&data[1], &data[0]]
        .iter()
        .map(|event| {
            (
                text(&event["id"]).to_owned(),
                text(&event["type"]).to_owned(),
            )
        })
        .collect();
    assert_eq!(found, expect);
    let found = read(open(&app, "?type=package.ready", Some(first)).await, 1).await;
    assert_eq!(found, expect[1..]);

    // Who has seen nothing is told what happens from then on.
    let stream = open(&app, "", None).await;
    let asset = app.upload(&clips::numbered(0)).await;
    let found = read(stream, 1).await;
    assert_eq!(found[0].1, "asset.created");
    let newest = app.get_json("/api/v1/events?limit=1").await;
    assert_eq!(newest["data"][0]["subject"], asset["id"]);
    assert_eq!(newest["data"][0]["id"], found[0].0);
    let refused = open(&app, "", Some("evt_none")).await;
    let found = problem(refused, 400, "invalid_request").await;
    assert_eq!(found["field"], "Last-Event-ID");
    // A stream that is open does not keep the server from stopping.
    let stream = open(&app, "", None).await;
    let stopped = tokio::time::timeout(Duration::from_secs(5), app.stop()).await;
    stopped.expect("it stops");
    drop(stream);
}
