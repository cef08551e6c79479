//! schemathesis asks the server what its document does not say: wrong types, missing parts, values at the bounds. No answer may be a
//! fault of the server, or one that the document does not name.

use super::run;
use crate::support::{TestApp, clips, json_of, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Random requests of each operation; with those at the bounds of each field they are some thousands.
const EXAMPLES: u32 = 10;
const EXAMPLES_OF_TORTURE: u32 = 150;
/// Fewer requests than these are a run that did not happen.
const LEAST: u64 = 1_000;
const LEAST_OF_TORTURE: u64 = 5_000;
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection";

#[tokio::test]
async fn no_request_is_answered_as_the_document_does_not_say() {
    let torture = std::env::var_os("REELPACK_TORTURE").is_some();
    let (examples, least) = match torture {
        true => (EXAMPLES_OF_TORTURE, LEAST_OF_TORTURE),
        false => (EXAMPLES, LEAST),
    };
    let app = TestApp::start().await;
    let room = tempfile::tempdir().expect("a folder");
    let settings = room.path().join("schemathesis.toml");
    std::fs::write(&settings, settings_of(&app).await).expect("the settings");
    let document = room.path().join("openapi.json");
    let served: Value = json_of(app.get("/api/v1/openapi.json").await, StatusCode::OK).await;
    std::fs::write(&document, without_streams(served).to_string()).expect("the document");
    let report = room.path().join("report.json");
    let mut command = Command::new(program());
    command
        .arg("--config-file")
        .arg(&settings)
        .arg("run")
        .arg(&document)
        .args(["--url", &app.base, "--checks", CHECKS, "--seed", "20261126"])
        .args([
            "--max-examples",
            &examples.to_string(),
            "--continue-on-failure",
        ])
        .args([
            "--phases",
            "examples,coverage,fuzzing",
            "--no-color",
            "--request-timeout",
            "30",
        ])
        .args(["--suppress-health-check", "all"])
        .args(["--report", "json", "--report-json-path"])
        .arg(&report)
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", hooks())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(room.path());
    let ran = run(command).await;
    let said = String::from_utf8_lossy(&ran.stdout);
    let wrong = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{said}\n{wrong}");
    let generated = said
        .lines()
        .find_map(|line| line.trim().split_once(" generated, "));
    let generated = generated.and_then(|(count, _)| count.replace(',', "").parse::<u64>().ok());
    let generated = generated.unwrap_or_else(|| panic!("no count of requests: {said}"));
    println!("schemathesis: {generated} requests");
    assert!(generated >= least, "{generated} requests only: {said}");
    assert_eq!(app.get("/livez").await.status(), StatusCode::OK);
}

/// Real things for the addresses, so that more than their absence is tried, and which answers mean that something was refused.
async fn settings_of(app: &TestApp) -> String {
    let package = app
        .ready(&clips::numbered(0), &json!({"scheme": "cbcs"}))
        .await;
    let (asset, job) = (text(&package["asset_id"]), text(&package["job"]["id"]));
    let id = text(&package["id"]);
    let mut settings = String::from(
        "[checks.negative_data_rejection]\n\
         expected-statuses = [400, 401, 403, 404, 405, 408, 409, 410, 412, 413, 415, 422, 423, 429, 460]\n",
    );
    // The first API waits for its packages, of which there are many here, and the queue may be paused.
    settings += "\n[[operations]]\ninclude-name = \"POST /packaged_content\"\nheaders = { Prefer = \"respond-async\" }\n";
    for (operation, known) in [
        ("GET /api/v1/assets/{id}", asset),
        ("POST /api/v1/assets/{id}/packages", asset),
        ("GET /api/v1/assets/{id}/playback", asset),
        ("PUT /api/v1/assets/{id}/playback", asset),
        ("POST /api/v1/assets/{id}/playback_tokens", asset),
        ("GET /api/v1/packages/{id}", id),
        ("POST /api/v1/packages/{id}/replace", id),
        ("GET /api/v1/jobs/{id}", job),
    ] {
        settings += &format!(
            "\n[[operations]]\ninclude-name = \"{operation}\"\nparameters = {{ \"path.id\" = \"{known}\" }}\n"
        );
    }
    settings
}

/// The document without what never ends: a stream of events has tests of its own.
fn without_streams(mut document: Value) -> Value {
    let answers = document.pointer_mut("/paths/~1api~1v1~1events/get/responses/200/content");
    let content = answers
        .and_then(Value::as_object_mut)
        .expect("the answers of events");
    content.remove("text/event-stream").expect("a stream");
    document
}

fn program() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let own = own
        .expect("the workspace")
        .join("target/tools/bin/schemathesis");
    match own.exists() {
        true => own,
        false => PathBuf::from("schemathesis"),
    }
}

fn hooks() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/contract")
}
