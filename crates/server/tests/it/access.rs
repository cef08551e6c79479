//! Who may come in. Tests carry the ids of the attacks that they are about.

mod login;
mod matrix;
mod pages;
mod playback;
mod tenants;
mod tokens;

use crate::support::{TestApp, json_of};
use reqwest::{Method, StatusCode};
use serde_json::Value;

/// Every method of every route that the document names, with something in the place of parameters.
async fn routes(app: &TestApp, authorization: &str) -> Vec<(Method, String)> {
    let routes = templates(app, authorization).await.into_iter();
    let filled = routes.map(|(method, path)| {
        let parts = path.split('/').map(|part| match part {
            "{number}" => "1",
            "{path}" => "stream.mpd",
            "{kid}" => "00000000000000000000000000000000",
            part if part.starts_with('{') => "x",
            part => part,
        });
        let path = parts.collect::<Vec<_>>().join("/");
        (method, path)
    });
    filled.collect()
}

/// Every method of every route as the document names it.
async fn templates(app: &TestApp, authorization: &str) -> Vec<(Method, String)> {
    let request = app.client.get(app.url("/api/v1/openapi.json"));
    let request = request.header("authorization", authorization);
    let document: Value = json_of(request.send().await.expect("an answer"), StatusCode::OK).await;
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            let method = method.to_uppercase().parse().expect("a method");
            routes.push((method, path.clone()));
        }
    }
    assert!(routes.len() > 30, "{routes:?}");
    routes
}
