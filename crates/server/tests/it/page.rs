//! The page, the documents about the API, and addresses that nobody knows.

use crate::support::{TestApp, problem};
use reqwest::StatusCode;
use serde_json::Value;

#[tokio::test]
async fn the_page_answers_at_its_own_addresses() {
    let app = TestApp::start().await;
    let start = app.get("/").await.text().await.expect("text");
    for path in ["/library", "/assets/ast_x", "/player?manifest=x"] {
        let answer = app.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let policy = answer.headers()["content-security-policy"]
            .to_str()
            .expect("text");
        assert!(policy.contains("frame-ancestors 'none'"));
        assert_eq!(answer.text().await.expect("text"), start, "{path}");
    }
}

#[tokio::test]
async fn the_document_names_every_route_and_the_docs_need_no_network() {
    let app = TestApp::start().await;
    let document = app.get_json("/api/v1/openapi.json").await;
    let paths = document["paths"].as_object().expect("paths");
    for (path, methods) in [
        ("/api/v1/assets", &["get", "post"][..]),
        ("/api/v1/assets/{id}", &["get", "delete"]),
        ("/api/v1/assets/{id}/packages", &["post"]),
        ("/api/v1/packages", &["get"]),
        ("/api/v1/packages/{id}", &["get", "delete"]),
        ("/api/v1/jobs", &["get"]),
        ("/api/v1/jobs/{id}", &["get", "delete"]),
        ("/api/v1/jobs/{id}/cancel", &["post"]),
        ("/api/v1/jobs/{id}/retry", &["post"]),
        ("/license/clearkey", &["post"]),
        ("/license/key/{kid}", &["get"]),
        ("/videos/{code}/dash/{path}", &["get"]),
        ("/success", &["post"]),
        ("/packaged_content", &["post"]),
        ("/packaged_content/{number}", &["get"]),
        ("/packaged_content_id/{number}", &["get"]),
    ] {
        for method in methods {
            assert!(paths[path][method].is_object(), "{method} {path}");
        }
    }
    let docs = app.get("/api/v1/docs").await;
    assert_eq!(docs.status(), StatusCode::OK);
    let page = docs.text().await.expect("text");
    assert!(page.contains("swagger-ui"), "{page}");
    assert!(!page.contains("//unpkg") && !page.contains("cdn"), "{page}");
    for file in [
        "swagger-ui-bundle.js",
        "swagger-ui.css",
        "swagger-initializer.js",
    ] {
        let answer = app.get(&format!("/api/v1/docs/{file}")).await;
        assert_eq!(answer.status(), StatusCode::OK, "{file}");
    }
}

#[tokio::test]
async fn references_of_the_document_lead_somewhere() {
    let app = TestApp::start().await;
    let document = app.get_json("/api/v1/openapi.json").await;
    let mut open = vec![&document];
    let mut seen = 0;
    while let Some(value) = open.pop() {
        match value {
            Value::Object(fields) => {
                if let Some(Value::String(reference)) = fields.get("$ref") {
                    let pointer = reference.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                    seen += 1;
                }
                open.extend(fields.values());
            }
            Value::Array(items) => open.extend(items),
            _ => {}
        }
    }
    assert!(seen > 10, "{seen}");
}

#[tokio::test]
async fn unknown_addresses_and_methods_are_problems() {
    let app = TestApp::start().await;
    for path in ["/api/v1/none", "/none", "/_app/none.js", "/api/v2/assets"] {
        problem(app.get(path).await, 404, "not_found").await;
    }
    problem(
        app.delete("/api/v1/assets").await,
        405,
        "method_not_allowed",
    )
    .await;
    problem(
        app.post("/packaged_content/1").await,
        405,
        "method_not_allowed",
    )
    .await;
}
