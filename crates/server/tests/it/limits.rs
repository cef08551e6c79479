//! The tables of docs/limits.md are true: each limit has a test that is there. Those that belong nowhere else are here.

use crate::attacks::is_test;
use crate::support::{TestApp, clips, json_of, problem, sql, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// What is wrong with the tables: rows without a test, and tests that are not there.
fn faults(document: &str) -> Vec<String> {
    let rows = document.lines().filter(|line| line.starts_with("| "));
    let rows = rows.filter(|line| !line.starts_with("| what |"));
    let mut count = 0;
    let mut faults = Vec::new();
    for row in rows {
        count += 1;
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [what, _, _, _, tests] = cells[..] else {
            faults.push(format!("{row}: it has other columns"));
            continue;
        };
        for test in tests
            .split("<br>")
            .map(|test| test.trim_matches([' ', '`']))
        {
            match test.split_once("::") {
                Some((file, name)) if is_test(file, name) => {}
                _ => faults.push(format!("{what}: there is no test {test:?}")),
            }
        }
    }
    if count < 40 {
        faults.push(format!("{count} rows alone are read"));
    }
    faults
}

#[test]
fn every_limit_has_its_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let path = root.expect("the workspace").join("docs/limits.md");
    let document = std::fs::read_to_string(path).expect("the tables");
    assert_eq!(faults(&document), [] as [String; 0]);
    // It sees what is not so.
    let renamed = document.replacen("::idle_clients_give", "::another_name", 1);
    assert_eq!(faults(&renamed).len(), 1);
    let new = format!("{document}\n| a new limit | 1 | 400 | `x.rs` | |\n");
    assert_eq!(faults(&new), ["a new limit: there is no test \"\""]);
}

#[tokio::test]
async fn pages_names_of_orders_and_metadata_have_their_limits() {
    let app = TestApp::start().await;
    assert_eq!(
        app.get("/api/v1/jobs?limit=200").await.status(),
        StatusCode::OK
    );
    problem(
        app.get("/api/v1/jobs?limit=201").await,
        400,
        "invalid_request",
    )
    .await;

    let asset = app.upload(&clips::numbered(0)).await;
    let order = format!("/api/v1/assets/{}/packages", text(&asset["id"]));
    let named = |length: usize| json!({"unique_key": "k".repeat(length)});
    let answer = app.post_json(&order, &named(201)).await;
    problem(answer, 400, "invalid_request").await;
    let answer = app.post_json(&order, &named(200)).await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);

    // A key, a space, and what is left for the value.
    for (length, good) in [(4 << 10, true), ((4 << 10) + 4, false)] {
        let value = "QUJD".repeat((length - "about ".len()) / 4);
        let metadata = format!("about {value}");
        let request = app.tus("POST", "/api/v1/uploads");
        let request = request.header("upload-length", 5);
        let request = request.header("upload-metadata", &metadata);
        let answer = request.send().await.expect("an answer");
        match good {
            true => assert_eq!(answer.status(), StatusCode::CREATED, "{}", metadata.len()),
            false => drop(problem(answer, 400, "invalid_request").await),
        }
    }
}

/// Deliveries are forgotten a month after they ended.
#[tokio::test]
async fn deliveries_are_kept_for_thirty_days() {
    let allow = "127.0.0.1".parse().expect("an address");
    let app = TestApp::start_with(|config| config.webhooks.allow = vec![allow]).await;
    // Nobody listens there.
    let hook = json!({"url": "http://127.0.0.1:1/", "events": ["asset.created"]});
    let hook = json_of(
        app.post_json("/api/v1/webhooks", &hook).await,
        StatusCode::CREATED,
    )
    .await;
    let list = format!("/api/v1/webhooks/{}/deliveries", text(&hook["id"]));
    let some = |list: &Value| list["data"].as_array().is_some_and(|data| !data.is_empty());
    app.upload(&clips::numbered(0)).await;
    app.until(&list, some).await;
    let aged = async |app: TestApp, statement| {
        let dir = app.stop().await;
        sql::run(dir.path(), statement).await;
        TestApp::start_in(dir, |_| ()).await
    };
    let most = "UPDATE webhook_deliveries SET state = 'failed', created_at_ms = created_at_ms - 29 * 86400000";
    let app = aged(app, most).await;
    assert!(some(&app.get_json(&list).await));
    let rest = "UPDATE webhook_deliveries SET created_at_ms = created_at_ms - 2 * 86400000";
    let app = aged(app, rest).await;
    app.until(&list, |list| !some(list)).await;
}

/// A client that takes nothing of its answer does not keep a server that stops.
#[tokio::test]
async fn requests_under_way_are_cut_off_after_ten_seconds() {
    // Nothing else ends it.
    let app =
        TestApp::start_with(|config| config.serving.send_pause = Duration::from_secs(600)).await;
    let options = json!({"scheme": "none", "segment_duration": 60});
    let package = app.ready(&clips::long(), &options).await;
    let path = app
        .path_of(&package["dash_url"])
        .replace("stream.mpd", "video/1.m4s");
    let slow = crate::listening::slow_reader(&app, &path).await;
    let began = Instant::now();
    app.stop().await;
    let took = began.elapsed();
    let bounds = Duration::from_secs(10)..Duration::from_secs(60);
    assert!(bounds.contains(&took), "{took:?}");
    drop(slow);
}
