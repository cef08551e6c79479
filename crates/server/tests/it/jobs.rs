//! Jobs: listed, cancelled, tried again, deleted.

use crate::support::{TestApp, clips, files, json_of, problem, stored_files, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Short segments: many files.
fn slow() -> Value {
    json!({"segment_duration": 0.5})
}

fn job_path(package: &Value) -> String {
    format!("/api/v1/jobs/{}", text(&package["job"]["id"]))
}

#[tokio::test]
async fn a_running_job_is_cancelled_within_two_seconds_and_made_again_to_the_same_bytes() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::very_long()).await;
    let package = app.order(&asset, &slow()).await;
    let path = job_path(&package);
    app.until_written().await;
    let job = app.get_json(&path).await;
    assert_eq!(
        job["state"], "running",
        "the job must still run to be cancelled"
    );
    let asset_path = format!("/api/v1/assets/{}", text(&asset["id"]));
    let package_path = format!("/api/v1/packages/{}", text(&package["id"]));
    problem(app.delete(&asset_path).await, 409, "conflict").await;
    problem(app.delete(&package_path).await, 409, "conflict").await;
    problem(app.delete(&path).await, 409, "conflict").await;
    problem(app.post(&format!("{path}/retry")).await, 409, "conflict").await;
    let before = objects(&app);

    let began = Instant::now();
    let cancelled = json_of(app.post(&format!("{path}/cancel")).await, StatusCode::OK).await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(cancelled["state"], "cancelled");
    assert_eq!(stored_files(app.dir()).len(), 1, "the source alone is left");
    let failed = app.get_json(&package_path).await;
    assert_eq!(
        (&failed["status"], &failed["error"]),
        (&json!("Failed"), &json!("the packaging was cancelled"))
    );
    problem(app.post(&format!("{path}/cancel")).await, 409, "conflict").await;

    let again = json_of(app.post(&format!("{path}/retry")).await, StatusCode::OK).await;
    assert_eq!(again["id"], cancelled["id"]);
    let ready = app.ended(&package).await;
    assert_eq!(ready["status"], "Ready", "{ready}");
    let after = objects(&app);
    assert!(before.len() > 1);
    for (file, bytes) in &before {
        assert!(after.get(file) == Some(bytes), "{}", file.display());
    }
    problem(app.post(&format!("{path}/retry")).await, 409, "conflict").await;
}

/// The complete media objects of the only package, below its folder, whose name a retry changes.
fn objects(app: &TestApp) -> BTreeMap<PathBuf, Vec<u8>> {
    let packages = app.dir().join("packages");
    let all = files(&packages).into_iter();
    let media = all.filter(|path| {
        path.extension()
            .is_some_and(|kind| kind == "m4s" || kind == "mp4")
    });
    let inside = |path: &PathBuf| {
        let path = path.strip_prefix(&packages).expect("inside");
        path.components().skip(1).collect()
    };
    media
        .map(|path| (inside(&path), std::fs::read(path).expect("a file")))
        .collect()
}

#[tokio::test]
async fn a_job_that_waits_is_cancelled_at_once() {
    let app = TestApp::start_with(|config| config.workers = 0).await;
    let asset = app.upload(&clips::numbered(0)).await;
    let package = app.order(&asset, &json!({})).await;
    let path = job_path(&package);
    assert_eq!(app.get_json(&path).await["state"], "queued");
    problem(app.delete(&path).await, 409, "conflict").await;
    let job = json_of(app.post(&format!("{path}/cancel")).await, StatusCode::OK).await;
    assert_eq!(job["state"], "cancelled");
    assert!(text(&job["finished_at"]).ends_with('Z'));
    json_of(app.post(&format!("{path}/retry")).await, StatusCode::OK).await;
    let app = app.restart(|_| ()).await;
    let ready = app.ended(&package).await;
    assert_eq!(ready["status"], "Ready");
}

#[tokio::test]
async fn things_whose_jobs_wait_can_be_deleted() {
    let app = TestApp::start_with(|config| config.workers = 0).await;
    let asset = app.upload(&clips::numbered(0)).await;
    let first = app.order(&asset, &json!({})).await;
    let second = app.order(&asset, &json!({})).await;
    let path = format!("/api/v1/packages/{}", text(&first["id"]));
    assert_eq!(app.delete(&path).await.status(), StatusCode::NO_CONTENT);
    problem(app.get(&job_path(&first)).await, 404, "not_found").await;
    assert_eq!(app.get_json(&job_path(&second)).await["state"], "queued");
    let path = format!("/api/v1/assets/{}", text(&asset["id"]));
    assert_eq!(app.delete(&path).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(app.get_json("/api/v1/jobs").await["data"], json!([]));
    assert!(stored_files(app.dir()).is_empty());
}

#[tokio::test]
async fn the_record_of_a_job_goes_and_its_package_stays() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::numbered(0), &json!({})).await;
    let path = job_path(&package);
    assert_eq!(app.delete(&path).await.status(), StatusCode::NO_CONTENT);
    for answer in [
        app.get(&path).await,
        app.delete(&path).await,
        app.post(&format!("{path}/cancel")).await,
        app.post(&format!("{path}/retry")).await,
    ] {
        problem(answer, 404, "not_found").await;
    }
    let package = app.ended(&package).await;
    assert_eq!(
        (&package["status"], &package["job"]),
        (&json!("Ready"), &Value::Null)
    );
}

#[tokio::test]
async fn a_job_that_cannot_succeed_fails_once_and_may_be_tried_again() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let source = files(&app.dir().join("sources")).pop().expect("the source");
    let good = std::fs::read(&source).expect("the source");
    std::fs::write(&source, "damaged").expect("written");
    let package = app.ended(&app.order(&asset, &json!({})).await).await;
    assert_eq!(package["status"], "Failed");
    let path = job_path(&package);
    let job = app.get_json(&path).await;
    assert_eq!(
        (&job["state"], &job["attempts"], &job["error"]),
        (&json!("failed"), &json!(1), &package["error"])
    );
    assert!(text(&job["error"]).contains("7 bytes"), "{job}");
    std::fs::write(&source, good).expect("written");
    json_of(app.post(&format!("{path}/retry")).await, StatusCode::OK).await;
    let package = app.ended(&package).await;
    assert_eq!(
        (&package["status"], &package["error"]),
        (&json!("Ready"), &Value::Null)
    );
}

#[tokio::test]
async fn jobs_are_listed_by_state_and_page_by_page() {
    let app = TestApp::start_with(|config| config.workers = 0).await;
    let asset = app.upload(&clips::numbered(0)).await;
    let mut ids = Vec::new();
    for _ in 0..3 {
        let package = app.order(&asset, &json!({})).await;
        ids.insert(0, package["job"]["id"].clone());
    }
    json_of(
        app.post(&format!("/api/v1/jobs/{}/cancel", text(&ids[1])))
            .await,
        StatusCode::OK,
    )
    .await;
    let first = app.get_json("/api/v1/jobs?limit=2").await;
    assert_eq!(first["data"][0]["id"], ids[0]);
    let cursor = text(&first["next_cursor"]).to_owned();
    let second = app
        .get_json(&format!("/api/v1/jobs?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(second["data"][0]["id"], ids[2]);
    assert_eq!(second["next_cursor"], Value::Null);
    for (state, count) in [
        ("queued", 2),
        ("cancelled", 1),
        ("running", 0),
        ("done", 0),
        ("failed", 0),
    ] {
        let found = app.get_json(&format!("/api/v1/jobs?state={state}")).await;
        assert_eq!(
            found["data"].as_array().map(Vec::len),
            Some(count),
            "{state}"
        );
    }
    let found = problem(
        app.get("/api/v1/jobs?state=lost").await,
        400,
        "invalid_request",
    )
    .await;
    assert_eq!(found["field"], "state");
}

#[tokio::test]
async fn a_job_is_tried_again_when_the_storage_failed_for_a_while() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let folder = app.dir().join("packages");
    std::fs::remove_dir(&folder).expect("removed");
    std::fs::write(&folder, "no folder").expect("written");
    let package = app.order(&asset, &json!({})).await;
    let path = job_path(&package);
    let job = app.until(&path, |job| job["error"].is_string()).await;
    assert_eq!(job["state"], "queued", "{job}");
    assert!(text(&job["error"]).contains("the storage failed"), "{job}");
    std::fs::remove_file(&folder).expect("removed");
    std::fs::create_dir(&folder).expect("made");
    let package = app.ended(&package).await;
    assert_eq!(
        (&package["status"], &package["job"]["error"]),
        (&json!("Ready"), &Value::Null)
    );
    assert!(package["job"]["attempts"].as_i64() > Some(1), "{package}");
}

#[tokio::test]
async fn no_more_jobs_run_at_once_than_there_are_workers() {
    let app = TestApp::start_with(|config| config.workers = 1).await;
    let asset = app.upload(&clips::long()).await;
    for _ in 0..4 {
        app.order(&asset, &json!({})).await;
    }
    let count = |jobs: &Value, state: &str| {
        let jobs = jobs["data"].as_array().expect("a list");
        jobs.iter().filter(|job| job["state"] == state).count()
    };
    let all_done = |jobs: &Value| {
        assert!(count(jobs, "running") <= 1, "{jobs}");
        count(jobs, "done") == 4
    };
    app.until("/api/v1/jobs", all_done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_order_a_thousand_times_at_once_makes_one_package() {
    let app = TestApp::start_with(|config| config.workers = 0).await;
    let asset = app.upload(&clips::numbered(0)).await;
    let url = app.url(&format!("/api/v1/assets/{}/packages", text(&asset["id"])));
    let mut orders = tokio::task::JoinSet::new();
    for _ in 0..1000 {
        let order = app.client.post(&url).json(&json!({"unique_key": "one"}));
        orders.spawn(async move {
            let answer = order.send().await.expect("an answer");
            text(&json_of(answer, StatusCode::ACCEPTED).await["id"]).to_owned()
        });
    }
    let ids: std::collections::BTreeSet<String> = orders.join_all().await.into_iter().collect();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let jobs = app.get_json("/api/v1/jobs").await;
    assert_eq!(jobs["data"].as_array().map(Vec::len), Some(1));
}
