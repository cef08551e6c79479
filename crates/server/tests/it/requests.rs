//! What holds for every request: its id, and problems that programs can read.

use crate::support::{TestApp, problem, text};
use std::collections::HashSet;

#[tokio::test]
async fn every_answer_names_its_request() {
    let app = TestApp::start().await;
    let mut ids = HashSet::new();
    for path in ["/livez", "/api/v1/assets", "/videos/x/dash/stream.mpd", "/"] {
        let answer = app.get(path).await;
        let id = answer.headers()["request-id"].to_str().expect("plain text");
        assert!(id.starts_with("req_"), "{id}");
        ids.insert(id.to_owned());
    }
    assert_eq!(ids.len(), 4, "no two are the same");
    let answer = app.get("/api/v1/assets/ast_none").await;
    let id = answer.headers()["request-id"].to_str().expect("plain text");
    let id = id.to_owned();
    let found = problem(answer, 404, "not_found").await;
    assert_eq!(text(&found["request_id"]), id);
}

#[tokio::test]
async fn what_cannot_be_read_is_a_problem() {
    let app = TestApp::start().await;
    let answer = app.get("/api/v1/packages?limit=1&limit=2").await;
    problem(answer, 400, "invalid_request").await;
    problem(app.get("/api/v1/jobs/%ff").await, 404, "not_found").await;
    let long = vec![b' '; 3 << 20];
    let request = app.client.post(app.url("/api/v1/assets/ast_none/packages"));
    let answer = request.body(long).send().await.expect("an answer");
    problem(answer, 413, "too_large").await;
}
