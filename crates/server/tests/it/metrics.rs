//! Metrics on a listener of their own: what they say, and that they do not grow with what is stored.

use crate::support::{TestApp, clips};
use reqwest::StatusCode;
use serde_json::json;
use std::collections::HashSet;

async fn app() -> TestApp {
    TestApp::start_with(|config| {
        config.telemetry.metrics = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await
}

async fn metrics(app: &TestApp) -> String {
    let address = app.metrics_addr().expect("a listener");
    let answer = app.client.get(format!("http://{address}/metrics")).send();
    let answer = answer.await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let mime = answer.headers()["content-type"].to_str().expect("text");
    assert!(mime.starts_with("application/openmetrics-text"), "{mime}");
    answer.text().await.expect("text")
}

fn value(metrics: &str, series: &str) -> f64 {
    let line = metrics.lines().find_map(|line| {
        line.strip_prefix(series)
            .and_then(|rest| rest.strip_prefix(' '))
    });
    let value = line.unwrap_or_else(|| panic!("no {series} in\n{metrics}"));
    value.parse().expect("a number")
}

/// The series, without their values.
fn series(metrics: &str) -> HashSet<String> {
    let lines = metrics.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned()))
        .collect()
}

#[tokio::test]
async fn requests_jobs_and_publishing_are_counted_by_route_and_never_by_id() {
    let app = app().await;
    let package = app.ready(&clips::plain(), &json!({})).await;
    let path = app.path_of(&package["dash_url"]);
    assert_eq!(app.get(&path).await.status(), StatusCode::OK);
    assert_eq!(
        app.get("/videos/absent/dash/stream.mpd").await.status(),
        404
    );
    let first = metrics(&app).await;
    let requests = "reelpack_http_requests_total";
    let route = "method=\"GET\",route=\"/videos/{code}/dash/{*path}\"";
    assert_eq!(
        value(&first, &format!("{requests}{{{route},status=\"200\"}}")),
        1.0
    );
    assert_eq!(
        value(&first, &format!("{requests}{{{route},status=\"404\"}}")),
        1.0
    );
    let durations = format!("reelpack_http_request_duration_seconds_count{{{route}}}");
    assert_eq!(value(&first, &durations), 2.0);
    assert_eq!(
        value(&first, "reelpack_publish_duration_seconds_count"),
        1.0
    );
    assert_eq!(value(&first, "reelpack_jobs{state=\"done\"}"), 1.0);
    assert_eq!(value(&first, "reelpack_queue_oldest_age_seconds"), 0.0);
    assert_eq!(value(&first, "reelpack_job_leases_lost_total"), 0.0);
    assert_eq!(value(&first, "reelpack_catalogue_up"), 1.0);
    for word in ["id", "code", "uid"] {
        let text = package[word].as_str().unwrap_or("no such thing");
        assert!(!first.contains(text), "{text}");
    }
    assert!(first.ends_with("# EOF\n"));

    // The same again, with other assets and made-up paths and methods: no further series.
    let package = app.ready(&clips::plain(), &json!({})).await;
    assert_eq!(
        app.get(&app.path_of(&package["dash_url"])).await.status(),
        200
    );
    for number in 0..20 {
        app.get(&format!("/no-such-thing-{number}")).await;
    }
    let second = metrics(&app).await;
    for number in 20..40 {
        app.get(&format!("/no-such-thing-{number}")).await;
    }
    let third = metrics(&app).await;
    assert_eq!(series(&second), series(&third));
    assert!(series(&third).len() < 1_000, "{}", series(&third).len());
}

/// SEC-40.
#[tokio::test]
async fn metrics_are_nowhere_but_on_their_listener() {
    let with = app().await;
    assert_eq!(with.get("/metrics").await.status(), StatusCode::NOT_FOUND);
    let address = with.metrics_addr().expect("a listener");
    let other = with.client.get(format!("http://{address}/livez")).send();
    assert_eq!(other.await.expect("an answer").status(), 404);
    let without = TestApp::start().await;
    assert_eq!(without.metrics_addr(), None);
    assert_eq!(
        without.get("/metrics").await.status(),
        StatusCode::NOT_FOUND
    );
}
