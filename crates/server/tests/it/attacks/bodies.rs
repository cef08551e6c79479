//! Bodies that say more, or other things, than they may; and what errors tell.

use crate::support::{TestApp, clips, problem, sql, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Every method and path of the document that takes JSON.
async fn takers(app: &TestApp) -> Vec<(reqwest::Method, String, Value)> {
    let document = app.get_json("/api/v1/openapi.json").await;
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("methods") {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if !schema.is_null() {
                let method = method.to_uppercase().parse().expect("a method");
                found.push((method, path.clone(), closed(&document, schema)));
            }
        }
    }
    assert!(found.len() > 8, "{}", found.len());
    found
}

/// Whether a schema lets no other field in.
fn closed(document: &Value, schema: &Value) -> Value {
    let parts = ["oneOf", "anyOf"]
        .iter()
        .flat_map(|word| schema[word].as_array());
    if let Some(part) = parts.flatten().find(|part| part["$ref"].is_string()) {
        return closed(document, part);
    }
    let pointer = schema["$ref"]
        .as_str()
        .map(|name| name.trim_start_matches('#'));
    let schema = pointer.map_or(schema, |pointer| {
        document.pointer(pointer).expect("a schema")
    });
    json!(schema["additionalProperties"] == false)
}

#[tokio::test]
async fn sec_49_fields_that_are_not_a_clients_are_refused_everywhere() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::numbered(0), &json!({})).await;
    let asset = text(&package["asset_id"]);
    let mut refused = 0;
    for (method, path, closed) in takers(&app).await {
        if closed != true || path == "/api/v1/setup" {
            continue;
        }
        let id = match path.contains("/packages/") {
            true => text(&package["id"]),
            false => asset,
        };
        let address = path.replace("{id}", id);
        for field in ["status", "role", "owner_tenant", "wrapped_key", "__proto__"] {
            let request = app.client.request(method.clone(), app.url(&address));
            let answer = request
                .json(&json!({field: "admin"}))
                .send()
                .await
                .expect("an answer");
            // Of tenants and webhooks there may be none of this id.
            if answer.status() == StatusCode::NOT_FOUND
                && path.contains('{')
                && !path.contains("/assets/")
            {
                continue;
            }
            let said = problem(answer, 422, "unknown_field").await;
            let pointers = said["errors"].as_array().expect("errors");
            let wanted = format!("/{field}");
            assert!(
                pointers
                    .iter()
                    .any(|error| error["pointer"] == wanted.as_str()),
                "{said}"
            );
            refused += 1;
        }
    }
    assert!(refused >= 30, "{refused}");
    let after = app
        .get_json(&format!("/api/v1/packages/{}", text(&package["id"])))
        .await;
    assert_eq!(after, package);
}

#[tokio::test]
async fn sec_46_json_of_any_depth_is_refused_at_once() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let deep = [
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        format!(
            "{{\"scheme\":{}{}}}",
            "[".repeat(100_000),
            "]".repeat(100_000)
        ),
    ];
    for (method, path, _) in takers(&app).await {
        let address = path.replace("{id}", text(&asset["id"]));
        for body in &deep {
            let began = Instant::now();
            let request = app.client.request(method.clone(), app.url(&address));
            let request = request
                .header("content-type", "application/json")
                .body(body.clone());
            let answer = request.send().await.expect("an answer");
            let status = answer.status();
            assert!(status.is_client_error(), "{method} {path}: {status}");
            assert!(began.elapsed() < Duration::from_secs(10), "{method} {path}");
        }
    }
    assert_eq!(app.get("/livez").await.status(), StatusCode::OK);
}

/// Words that only the inside of the server knows.
fn tells_inside(app: &TestApp, body: &str) -> bool {
    let folder = app.dir().to_string_lossy().into_owned();
    let inside = [
        folder.as_str(),
        "SELECT",
        "no such table",
        "api_tokens",
        ".rs:",
        "panicked",
        "sqlx",
        "/usr/",
    ];
    inside.iter().any(|word| body.contains(word))
}

#[tokio::test]
async fn sec_42_errors_say_nothing_of_the_inside() {
    let app = TestApp::closed().await;
    let (token, _) = app
        .token(&["assets:read", "assets:write", "jobs:read"])
        .await;
    let garbage = app
        .client
        .post(app.url("/api/v1/assets"))
        .bearer_auth(&token);
    let part = reqwest::multipart::Part::bytes(vec![0x47; 4_096]).file_name("noise.mkv");
    let form = reqwest::multipart::Form::new().part("file", part);
    let refused = garbage.multipart(form).send().await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let body = refused.text().await.expect("text");
    assert!(!tells_inside(&app, &body), "{body}");
    // A fault that no client can cause: a table is gone.
    sql::run(app.dir(), "ALTER TABLE jobs RENAME TO lost").await;
    let request = app.client.get(app.url("/api/v1/jobs")).bearer_auth(&token);
    let failed = request.send().await.expect("an answer");
    let id = failed.headers()["request-id"]
        .to_str()
        .expect("text")
        .to_owned();
    let said = problem(failed, 500, "internal").await;
    assert!(!tells_inside(&app, &said.to_string()), "{said}");
    assert_eq!(said["request_id"], id.as_str());
}
