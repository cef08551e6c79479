//! Sources and packages in an object store, which fails as object stores do.

use crate::support::engines::Engine;
use crate::support::s3::{Faults, S3};
use crate::support::{TestApp, clips, config, problem, stored_files, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::{App, DatabaseUrl};
use std::time::Duration;

/// An app whose storage is `s3`.
async fn app_on(s3: &S3, dir: tempfile::TempDir) -> TestApp {
    let storage = s3.config(dir.path());
    TestApp::start_in(dir, |config| config.storage = storage).await
}

async fn new_app(s3: &S3) -> TestApp {
    app_on(s3, tempfile::tempdir().expect("a folder")).await
}

/// Fetches every file that a package lists, whole, and returns their bytes by path.
async fn files_of(app: &TestApp, package: &Value) -> Vec<(String, Vec<u8>)> {
    let base = app.path_of(&package["dash_url"]);
    let folder = base
        .strip_suffix("/stream.mpd")
        .expect("the MPD")
        .to_owned();
    let mut paths = vec!["stream.mpd".to_owned(), "master.m3u8".to_owned()];
    for rendition in package["renditions"].as_array().expect("a list") {
        let name = text(&rendition["name"]);
        paths.push(format!("{name}/init.mp4"));
        for number in 1..=rendition["segments"].as_u64().expect("a count") {
            paths.push(format!("{name}/{number}.m4s"));
        }
    }
    let mut files = Vec::new();
    for path in paths {
        let answer = app.get(&format!("{folder}/{path}")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        files.push((path, answer.bytes().await.expect("a body").to_vec()));
    }
    files
}

/// A server that cannot write where packages are is not ready, lives, and is ready when the store is back.
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_makes_the_server_not_ready() {
    let s3 = S3::start().await;
    let app = new_app(&s3).await;
    s3.break_things(Faults {
        refused: 100,
        ..Faults::default()
    });
    let answer = app.get("/readyz").await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = answer.text().await.expect("a body");
    assert!(said.contains("storage"), "{said}");
    assert!(!said.contains(S3::secret()), "{said}");
    assert_eq!(app.get("/livez").await.status(), StatusCode::OK);
    s3.break_things(Faults::default());
    let ready = async {
        while app.get("/readyz").await.status() != StatusCode::OK {
            tokio::task::yield_now().await;
        }
    };
    let ready = tokio::time::timeout(Duration::from_secs(20), ready);
    ready.await.expect("ready again");
    assert_eq!(s3.objects("").len(), 1);
    let (before, _) = s3.requests();
    for _ in 0..50 {
        assert_eq!(app.get("/readyz").await.status(), StatusCode::OK);
    }
    assert_eq!(
        s3.requests().0,
        before,
        "who asks often is given the same answer"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_and_packages_live_in_a_bucket() {
    let s3 = S3::start().await;
    let app = new_app(&s3).await;
    let package = app.ready(&clips::plain(), &json!({})).await;
    let files = files_of(&app, &package).await;
    let total: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    assert!(total as i64 > 100_000, "{total}");
    assert!(
        stored_files(app.dir()).is_empty(),
        "nothing stays on this machine"
    );

    let folder = app.path_of(&package["dash_url"]).replace("/stream.mpd", "");
    let (path, bytes) = files
        .iter()
        .find(|(path, _)| path.ends_with("video/1.m4s"))
        .expect("one");
    let url = app.url(&format!("{folder}/{path}"));
    let part = app.client.get(&url).header("range", "bytes=100-199").send();
    let part = part.await.expect("an answer");
    assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT);
    let range = format!("bytes 100-199/{}", bytes.len());
    assert_eq!(part.headers()["content-range"], range.as_str());
    let tag = part.headers()["etag"].clone();
    assert_eq!(part.bytes().await.expect("a body"), &bytes[100..200]);
    let behind = app
        .client
        .get(&url)
        .header("range", "bytes=999999999-")
        .send();
    assert_eq!(
        behind.await.expect("an answer").status(),
        StatusCode::RANGE_NOT_SATISFIABLE
    );
    let cached = app.client.get(&url).header("if-none-match", tag).send();
    assert_eq!(
        cached.await.expect("an answer").status(),
        StatusCode::NOT_MODIFIED
    );
    for absent in [
        "video/999.m4s",
        "../hashes.json",
        "video/..%2f..%2fhashes.json",
    ] {
        let answer = app.get(&format!("{folder}/{absent}")).await;
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{absent}");
    }

    let app = app_on(&s3, app.stop().await).await;
    let path = format!("/api/v1/packages/{}", text(&package["id"]));
    let package = app.get_json(&path).await;
    // The manifests name the server, whose port is another one now.
    let media = |files: Vec<(String, Vec<u8>)>| {
        let media = files.into_iter().skip(2);
        media.collect::<Vec<_>>()
    };
    let again = files_of(&app, &package).await;
    assert!(media(again) == media(files), "a restart changes nothing");
    let asset = format!("/api/v1/assets/{}", text(&package["asset_id"]));
    assert_eq!(app.delete(&asset).await.status(), StatusCode::NO_CONTENT);
    assert_eq!(s3.objects("").len(), 0, "the bucket is empty again");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_through_a_storm_has_the_same_bytes() {
    let s3 = S3::start().await;
    let app = new_app(&s3).await;
    let key = "hyN9IKGfWKdAwFaE5pm0qg";
    let options = json!({"key": key, "kid": key, "segment_duration": 1});
    let asset = app.upload(&clips::plain()).await;
    s3.break_things(Faults {
        errors: 20,
        stalls: 2,
        stall: Duration::from_millis(1500),
        truncated: 10,
        wrong_etags: 10,
        ..Faults::default()
    });
    let package = app.ended(&app.order(&asset, &options).await).await;
    assert_eq!(package["status"], "Ready", "{package}");
    let (requests, broken) = s3.requests();
    assert!(broken > 5, "{broken} of {requests}");
    s3.break_things(Faults::default());
    let files = files_of(&app, &package).await;
    let listed = app.get_json("/api/v1/packages").await;
    assert_eq!(listed["data"].as_array().expect("a list").len(), 1);
    // The whole of what was published is in the bucket, and nothing else.
    let code = app.path_of(&package["dash_url"]);
    let code = code.split('/').nth(2).expect("a code").to_owned();
    let objects = s3.objects(&format!("packages/{code}"));
    let served = objects
        .iter()
        .filter(|path| path.to_string_lossy().contains("/dash/"));
    assert!(served.count() >= files.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_refuses_fails_the_job_with_its_reason() {
    let s3 = S3::start().await;
    let app = new_app(&s3).await;
    let asset = app.upload(&clips::numbered(0)).await;
    s3.break_things(Faults {
        refused: 100,
        ..Faults::default()
    });
    let package = app.ended(&app.order(&asset, &json!({})).await).await;
    assert_eq!(package["status"], "Failed");
    let error = text(&package["error"]);
    assert!(
        error.contains("credentials") && !error.contains(S3::secret()),
        "{error}"
    );
    s3.break_things(Faults::default());
    let retry = format!("/api/v1/jobs/{}/retry", text(&package["job"]["id"]));
    assert!(app.post(&retry).await.status().is_success());
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    files_of(&app, &package).await;
}

/// A delivered file of more than one part, to be packaged in the clear.
#[tokio::test(flavor = "multi_thread")]
async fn large_objects_go_in_parts_through_a_storm() {
    let s3 = S3::start().await;
    let app = new_app(&s3).await;
    // What follows the boxes of a file is passed over.
    let mut file = std::fs::read(clips::numbered(0)).expect("the clip");
    let free = 20_u32 << 20;
    file.extend(free.to_be_bytes());
    file.extend(b"free");
    file.extend((8..free).map(|number| (number % 251) as u8));
    s3.break_things(Faults {
        errors: 20,
        wrong_etags: 5,
        late_errors: 20,
        truncated: 10,
        ..Faults::default()
    });
    let mut refused = 0;
    let asset = loop {
        let answer = app
            .post_file("/api/v1/assets", "large.mp4", file.clone())
            .await;
        if answer.status() == StatusCode::CREATED {
            break crate::support::json_of(answer, StatusCode::CREATED).await;
        }
        // A part whose tag was wrong makes the whole fail: nothing is left of it.
        problem(answer, 503, "storage_unavailable").await;
        refused += 1;
        assert!(refused < 10, "no upload comes through");
    };
    let package = app.ended(&app.order(&asset, &json!({})).await).await;
    assert_eq!(package["status"], "Ready", "{package}");
    s3.break_things(Faults::default());
    files_of(&app, &package).await;
    let sources = s3.objects("sources");
    assert_eq!(sources.len(), 1, "{refused} were refused");
    assert!(std::fs::read(&sources[0]).expect("the source") == file);
    let listed = app.get_json("/api/v1/assets").await;
    assert_eq!(listed["data"].as_array().expect("a list").len(), 1);
}

/// A server without workers, and a worker with a data folder of its own, as on another machine: they share the
/// database, the bucket and the key file.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_on_another_machine_makes_the_packages() {
    for engine in [Engine::Postgres, Engine::MySql] {
        let url = engine.database(&format!("elsewhere_{}", std::process::id()));
        let url = DatabaseUrl::parse(&url.expect("a URL")).expect("a URL");
        let s3 = S3::start().await;
        let secrets = tempfile::tempdir().expect("a folder");
        let storage = s3.config(secrets.path());
        let app = TestApp::start_with(|config| {
            config.storage = storage.clone();
            config.database = Some(url.clone());
            config.workers = 0;
        })
        .await;
        let elsewhere = tempfile::tempdir().expect("a folder");
        let mut there = config(elsewhere.path());
        there.listen = None;
        there.storage = storage;
        there.database = Some(url);
        there.key_file = Some(app.dir().join("content-keys.key"));
        let worker = App::start(there).await.expect("a worker");

        let package = app.ready(&clips::plain(), &json!({})).await;
        let files = files_of(&app, &package).await;
        assert!(files.iter().all(|(_, bytes)| !bytes.is_empty()));
        let kid = text(&package["kid"]).replace('-', "");
        let key = app.get(&format!("/license/key/{kid}")).await;
        assert_eq!(key.status(), StatusCode::OK);
        worker.shutdown().await;
        assert!(stored_files(elsewhere.path()).is_empty());
        app.stop().await;
    }
}
