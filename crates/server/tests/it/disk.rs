//! A disk that fails at the Nth operation, once and for ever: a typed error, nothing half-published, nothing left
//! behind, and the next run succeeds.

use crate::support::{TestApp, clips, files, stored_files, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

/// Numbers of errors of Linux: input or output failed, no space, quota, too many open files.
const ERRORS: [(u32, &str); 4] = [(5, "EIO"), (28, "ENOSPC"), (122, "EDQUOT"), (24, "EMFILE")];
const OPERATIONS: [&str; 4] = ["create", "write", "rename", "sync"];

/// A failpoint of the storage below an app's folder; it is switched off when it is dropped.
struct Broken(String);

impl Broken {
    fn new(app: &TestApp, operation: &str, actions: &str) -> Self {
        let root = app.dir().canonicalize().expect("the folder");
        let name = format!("storage.{operation} {}", root.display());
        fail::cfg(&name, actions).expect("a failpoint");
        Self(name)
    }
}

impl Drop for Broken {
    fn drop(&mut self) {
        fail::remove(&self.0);
    }
}

/// Deletes a package and its files.
async fn delete(app: &TestApp, package: &Value) {
    let path = format!("/api/v1/packages/{}", text(&package["id"]));
    assert_eq!(app.delete(&path).await.status(), StatusCode::NO_CONTENT);
}

/// Files below `packages/` with names of temporary ones.
fn temporary(app: &TestApp) -> usize {
    let all = files(&app.dir().join("packages")).into_iter();
    all.filter(|path| path.to_string_lossy().ends_with(".tmp"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_at_any_operation_is_overcome() {
    let app = TestApp::start_with(|config| config.workers = 1).await;
    let asset = app.upload(&clips::numbered(0)).await;
    let mut met = 0;
    for operation in OPERATIONS {
        for nth in 0.. {
            let (error, _) = ERRORS[nth % ERRORS.len()];
            let broken = Broken::new(
                &app,
                operation,
                &format!("{nth}*off->1*return({error})->off"),
            );
            let package = app.ended(&app.order(&asset, &json!({})).await).await;
            drop(broken);
            // It passes, and the job is tried again.
            assert_eq!(package["status"], "Ready", "{operation} {nth}: {package}");
            assert_eq!(temporary(&app), 0, "{operation} {nth}");
            let mpd = app.get(&app.path_of(&package["dash_url"])).await;
            assert_eq!(mpd.status(), StatusCode::OK);
            delete(&app, &package).await;
            if package["job"]["attempts"] == 1 {
                break;
            }
            met += 1;
        }
    }
    assert!(met > 12, "{met} operations failed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fails_for_ever_fails_the_job_with_its_reason() {
    // Each job is tried several times, later and later.
    let broken = (0..OPERATIONS.len()).map(|index| tokio::spawn(fails_for_ever(index)));
    for broken in broken.collect::<Vec<_>>() {
        broken.await.expect("overcome");
    }
}

async fn fails_for_ever(index: usize) {
    let (operation, (error, name)) = (OPERATIONS[index], ERRORS[index]);
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let source = stored_files(app.dir());
    let broken = Broken::new(&app, operation, &format!("1*off->return({error})"));
    let package = app.ended(&app.order(&asset, &json!({})).await).await;
    assert_eq!(package["status"], "Failed", "{operation} {name}");
    let reason = text(&package["error"]).to_owned();
    assert!(reason.contains(&format!("os error {error}")), "{reason}");
    drop(broken);
    let retry = format!("/api/v1/jobs/{}/retry", text(&package["job"]["id"]));
    assert!(app.post(&retry).await.status().is_success());
    let package = app.ended(&package).await;
    assert_eq!(package["status"], "Ready", "{package}");
    delete(&app, &package).await;
    assert_eq!(stored_files(app.dir()), source, "{operation} {name}");
}
