//! A server that was stopped, or killed, goes on where it was.

use crate::support::child::{self, ServerProcess};
use crate::support::{TestApp, clips, files, problem, sql, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::{App, Config};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Runtime::new().expect("a runtime")
}

/// Inodes of the complete media objects: a file that is written again gets another one.
fn inodes(dir: &Path) -> BTreeMap<PathBuf, u64> {
    let media = files(&dir.join("packages")).into_iter();
    let media = media.filter(|path| path.extension().is_some_and(|kind| kind == "m4s"));
    media
        .map(|path| (path.clone(), path.metadata().expect("a file").ino()))
        .collect()
}

/// Orders a package that takes a while, and returns it when its first objects are written.
async fn order_and_see_it_run(app: &TestApp) -> Value {
    let asset = app.upload(&clips::very_long()).await;
    let package = app.order(&asset, &json!({"segment_duration": 0.5})).await;
    app.until_written().await;
    package
}

/// Goes on in this process; checks that what was written stayed, and that the package is whole.
async fn goes_on(dir: tempfile::TempDir, package: &Value, attempts: i64) {
    let before = inodes(dir.path());
    assert!(
        !before.is_empty(),
        "nothing was written before the server went away"
    );
    let app = TestApp::start_in(dir, |_| ()).await;
    let package = app.ended(package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    assert_eq!(package["job"]["attempts"], attempts);
    let after = inodes(app.dir());
    for (path, inode) in &before {
        assert_eq!(
            after.get(path),
            Some(inode),
            "{} was written again",
            path.display()
        );
    }
    let segments = package["renditions"].as_array().expect("a list").iter();
    let count: u64 = segments
        .map(|rendition| rendition["segments"].as_u64().expect("a count"))
        .sum();
    assert_eq!(after.len() as u64, count);
    assert!(
        before.len() < after.len(),
        "the package was whole before the server went away"
    );
    let names = files(app.dir()).into_iter().filter(|path| {
        let name = path.file_name().expect("a name").to_string_lossy();
        name.starts_with('.')
    });
    assert_eq!(names.count(), 0, "temporary files are left");
    assert_eq!(
        app.get(&app.path_of(&package["dash_url"])).await.status(),
        StatusCode::OK
    );
}

/// Also the entry of the child processes, which serve.
#[test]
fn a_killed_server_goes_on_where_it_was() {
    if child::has_served() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let process = ServerProcess::start(dir.path());
    let app = TestApp::of_process(&process.base, dir);
    runtime().block_on(async {
        let package = order_and_see_it_run(&app).await;
        process.kill();
        goes_on(app.stop().await, &package, 2).await;
    });
}

#[test]
fn a_server_that_is_asked_to_stop_puts_its_jobs_back() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = ServerProcess::start(dir.path());
    let app = TestApp::of_process(&process.base, dir);
    runtime().block_on(async {
        let package = order_and_see_it_run(&app).await;
        let (status, log) = process.terminate();
        assert!(status.success(), "{status}: {log}");
        goes_on(app.stop().await, &package, 1).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_while_the_server_stops_is_told_to_ask_again() {
    let app = TestApp::start_with(|config| config.workers = 0).await;
    let asset = app.upload(&clips::numbered(0)).await;
    let key = "oW5AK5BW43HzbTSKpiu3SQ";
    let body = json!({"input_content_id": asset["input_content_id"], "key": key, "kid": key});
    let request = app.client.post(app.url("/packaged_content")).json(&body);
    let waiting = tokio::spawn(request.send());
    let queued = |jobs: &Value| jobs["data"][0]["state"] == "queued";
    app.until("/api/v1/jobs", queued).await;
    let dir = app.stop().await;
    let answer = waiting.await.expect("waited").expect("an answer");
    assert_eq!(answer.headers()["retry-after"], "5");
    problem(answer, 503, "stopping").await;
    let app = TestApp::start_in(dir, |_| ()).await;
    let ready = |found: &Value| found["status"] == "Ready";
    app.until("/packaged_content/1", ready).await;
}

#[tokio::test]
async fn a_job_that_kills_its_server_three_times_is_given_up() {
    // What a dead process leaves is a job in the state `running`, and a file that is locked no more; each start counts
    // one death.
    let app = TestApp::start_with(|config| config.workers = 0).await;
    let asset = app.upload(&clips::numbered(0)).await;
    let package = app.order(&asset, &json!({})).await;
    let mut dir = app.stop().await;
    for _ in 0..3 {
        let dead = "UPDATE jobs SET state = 'running', worker = 'run_dead'";
        sql::run(dir.path(), dead).await;
        std::fs::write(dir.path().join("workers/run_dead"), "").expect("written");
        dir = TestApp::start_in(dir, |config| config.workers = 0)
            .await
            .stop()
            .await;
    }
    let app = TestApp::start_in(dir, |_| ()).await;
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Failed");
    assert!(text(&package["error"]).contains("died three times"));
}

#[tokio::test]
async fn objects_of_another_boot_are_not_trusted() {
    let app = TestApp::start_with(|config| config.workers = 0).await;
    let asset = app.upload(&clips::numbered(0)).await;
    let package = app.order(&asset, &json!({})).await;
    let dir = app.stop().await;
    let code = sql::text(dir.path(), "SELECT code FROM packages").await;
    let video = dir.path().join("packages").join(code).join("dash/video");
    std::fs::create_dir_all(&video).expect("a folder");
    // What a power cut can leave: the name and the size of a file, without its bytes.
    std::fs::write(video.join("1.m4s"), [0; 1000]).expect("written");
    sql::run(dir.path(), "UPDATE jobs SET boot_id = 'another boot'").await;
    let app = TestApp::start_in(dir, |_| ()).await;
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Ready");
    let segment = std::fs::read(video.join("1.m4s")).expect("the segment");
    assert_ne!(segment, [0; 1000]);
}

#[tokio::test]
async fn a_restart_keeps_everything_and_sweeps_what_nobody_names() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::numbered(0), &json!({})).await;
    let mpd = app.path_of(&package["dash_url"]);
    let dir = app.stop().await;
    let orphans = [
        "incoming/half",
        "sources/nobody",
        "packages/nobody/dash/video/1.m4s",
    ];
    for orphan in orphans {
        let path = dir.path().join(orphan);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, "orphan").expect("written");
    }
    let app = TestApp::start_in(dir, |_| ()).await;
    for orphan in orphans {
        assert!(!app.dir().join(orphan).exists(), "{orphan}");
    }
    assert_eq!(app.get(&mpd).await.status(), StatusCode::OK);
    let kid = text(&package["kid"]).replace('-', "");
    assert_eq!(
        app.get(&format!("/license/key/{kid}")).await.status(),
        StatusCode::OK
    );
    assert!(
        app.dir()
            .join(package["id"].as_str().expect("text"))
            .metadata()
            .is_err()
    );
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_does_not_start() {
    let app = TestApp::start().await;
    let error = App::start(config(app.dir()))
        .await
        .expect_err("refused")
        .to_string();
    assert!(
        error.contains("another Reelpack server") && error.contains("--data-dir"),
        "{error}"
    );
    app.get_json("/api/v1/assets").await;
}

#[tokio::test]
async fn configurations_that_cannot_work_say_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    let app = TestApp::start().await;
    let mut taken = config(dir.path());
    let address = app.base.trim_start_matches("http://");
    taken.listen = Some(address.parse().expect("an address"));
    let mut bad_url = config(dir.path());
    bad_url.public_url = Some("video.example".to_owned());
    let mut a_file = config(dir.path());
    a_file.data_dir = dir.path().join("file");
    std::fs::write(&a_file.data_dir, "x").expect("written");
    for (config, hint) in [(taken, "--listen"), (bad_url, "http://"), (a_file, "file")] {
        let error = App::start(config).await.expect_err("refused").to_string();
        assert!(error.contains(hint), "{error}");
    }
}

#[tokio::test]
async fn without_its_key_file_a_server_does_not_start() {
    let app = TestApp::start().await;
    app.ready(&clips::numbered(0), &json!({})).await;
    let dir = app.stop().await;
    std::fs::remove_file(dir.path().join("content-keys.key")).expect("removed");
    let error = App::start(config(dir.path()))
        .await
        .expect_err("refused")
        .to_string();
    assert!(error.contains("content-keys.key is missing"), "{error}");
    assert!(
        !dir.path().join("content-keys.key").exists(),
        "no other key is made"
    );
}

/// A key file that can be read is not enough: with another one, every job would fail for good.
#[tokio::test]
async fn with_another_key_file_nothing_starts() {
    let app = TestApp::start().await;
    let key_file = app.dir().join("content-keys.key");
    let dir = app.stop().await;
    let right = std::fs::read(&key_file).expect("the key file");
    let refused = async |config: Config| {
        let error = App::start(config).await.expect_err("refused").to_string();
        assert!(
            error.contains("is not the key file of this database"),
            "{error}"
        );
        assert!(!error.contains("0123"), "{error}");
    };
    let worker = || Config {
        listen: None,
        ..config(dir.path())
    };

    // Before the first content key there is, and after.
    std::fs::write(&key_file, "0123".repeat(16)).expect("written");
    refused(config(dir.path())).await;
    refused(worker()).await;
    std::fs::write(&key_file, &right).expect("written");
    let app = TestApp::start_in(dir, |_| {}).await;
    app.ready(&clips::numbered(0), &json!({})).await;
    let dir = app.stop().await;
    std::fs::write(&key_file, "0123".repeat(16)).expect("written");
    refused(config(dir.path())).await;
    refused(Config {
        listen: None,
        ..config(dir.path())
    })
    .await;
}

/// So it is for a database of a version that noted nothing about its key file: its content keys tell.
#[tokio::test]
async fn an_older_database_knows_its_key_file_too() {
    let app = TestApp::start().await;
    app.ready(&clips::numbered(0), &json!({})).await;
    let key_file = app.dir().join("content-keys.key");
    let dir = app.stop().await;
    sql::run(dir.path(), "UPDATE queue SET key_check = NULL").await;
    let right = std::fs::read(&key_file).expect("the key file");
    std::fs::write(&key_file, "0123".repeat(16)).expect("written");
    let error = App::start(config(dir.path())).await.expect_err("refused");
    assert!(error.to_string().contains("is not the key file"), "{error}");
    std::fs::write(&key_file, right).expect("written");
    TestApp::start_in(dir, |_| {}).await;
}

/// A catalogue without content keys loses nothing when its key file is lost. On a database on the network another server
/// may hold it still, and would not learn of a new one.
#[tokio::test]
async fn a_lost_key_file_is_made_anew_where_nothing_needs_it() {
    let dir = TestApp::start().await.stop().await;
    std::fs::remove_file(dir.path().join("content-keys.key")).expect("removed");
    let config = config(dir.path());
    if config.database.is_some() {
        let refused = server::App::start(config).await.expect_err("no key file");
        assert!(refused.to_string().contains("--key-file"), "{refused}");
        return;
    }
    let app = TestApp::start_in(dir, |_| {}).await;
    app.ready(&clips::numbered(0), &json!({})).await;
}

fn config(dir: &Path) -> Config {
    crate::support::config(dir)
}
