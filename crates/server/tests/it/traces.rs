//! Traces reach a collector: requests and jobs with their ids, and nothing that is secret.

use crate::secrets::{CANARY, KID, holds_canary};
use crate::support::child::{ServerProcess, TRACES};
use crate::support::{TestApp, clips, text};
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use serde_json::json;
use std::sync::{Arc, Mutex};

type Received = Arc<Mutex<Vec<u8>>>;

/// Takes what a server sends, as OTLP over HTTP has it.
async fn collect(State(received): State<Received>, headers: HeaderMap, body: Bytes) {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    received.lock().expect("bytes").extend_from_slice(&body);
}

#[test]
fn requests_and_jobs_are_traced_by_their_ids_and_nothing_else_is_told() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let received = Received::default();
    let address = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("an address");
        let address = listener.local_addr().expect("an address");
        let router = Router::new()
            .route("/v1/traces", post(collect))
            .with_state(received.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        address
    });
    let dir = tempfile::tempdir().expect("a folder");
    let process = ServerProcess::start_with(dir.path(), &[(TRACES, &format!("http://{address}"))]);
    let app = TestApp::of_process(&process.base, dir);
    let (request_id, job_id) = runtime.block_on(async {
        let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
        let answer = app
            .post_file("/api/v1/assets", "a secret title.mp4", bytes)
            .await;
        let id = answer.headers()["request-id"]
            .to_str()
            .expect("text")
            .to_owned();
        let asset = answer.json().await.expect("JSON");
        let order = json!({"kid": KID, "key": URL_SAFE.encode(CANARY)});
        let package = app.ended(&app.order(&asset, &order).await).await;
        assert_eq!(package["status"], "Ready", "{package}");
        let request = app.client.get(app.url("/api/v1/jobs?q=secret-query"));
        let request = request.bearer_auth("rpt_secret-token");
        request.send().await.expect("an answer");
        (id, text(&package["job"]["id"]).to_owned())
    });
    // What is left is sent at the end.
    let (status, log) = process.terminate();
    assert!(status.success(), "{log}");
    let bytes = received.lock().expect("bytes").clone();
    let told = String::from_utf8_lossy(&bytes);
    for wanted in [
        &request_id,
        &job_id,
        "service.name",
        "http.route",
        "/api/v1/assets",
        "http.response.status_code",
    ] {
        assert!(
            told.contains(wanted),
            "{wanted} is not in {} bytes",
            bytes.len()
        );
    }
    for secret in ["secret title", "secret-query", "secret-token", "published"] {
        assert!(!told.contains(secret), "{secret}");
    }
    assert!(!holds_canary(&bytes));
}
