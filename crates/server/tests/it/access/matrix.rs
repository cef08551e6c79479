//! Every route of the document with every credential that must not do: nothing leaks (SEC-16).

use super::routes;
use crate::support::{SCOPES, TestApp, clips, sql, text};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// Routes that need no credential, and why.
const PUBLIC: [(&str, &str); 5] = [
    // They make the first administrator, or a session: with secrets of their own.
    ("POST", "/api/v1/setup"),
    ("POST", "/api/v1/session"),
    // They are for players; what is signed has tokens of its own.
    ("POST", "/license/clearkey"),
    ("GET", "/license/key/{kid}"),
    ("GET", "/videos/{code}/dash/{path}"),
];

fn is_public(method: &Method, path: &str) -> bool {
    path.starts_with("/license/")
        || path.contains("/dash/")
        || PUBLIC.contains(&(method.as_str(), path))
}

#[tokio::test]
async fn sec_16_no_route_opens_to_a_credential_that_must_not_do() {
    let app = TestApp::closed().await;
    let (all, _) = app.token(&SCOPES).await;
    let all = format!("Bearer {all}");
    let (revoked, id) = app.token(&SCOPES).await;
    let (expired, expired_id) = app.token(&SCOPES).await;
    let request = app.client.delete(app.url(&format!("/api/v1/tokens/{id}")));
    let answer = request.header("authorization", &all).send().await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::NO_CONTENT);
    expire(&app, &expired_id).await;
    // Something to leak.
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    let part = reqwest::multipart::Part::bytes(bytes).file_name("the secret title.mp4");
    let form = reqwest::multipart::Form::new().part("file", part);
    let request = app.client.post(app.url("/api/v1/assets")).multipart(form);
    let answer = request.header("authorization", &all).send().await;
    assert_eq!(answer.expect("an answer").status(), StatusCode::CREATED);

    let bad = [
        ("none", String::new()),
        ("unknown", format!("Bearer rpt_{}", "0".repeat(26))),
        ("revoked", format!("Bearer {revoked}")),
        ("expired", format!("Bearer {expired}")),
        ("without its end", all[..all.len() - 1].to_owned()),
        ("of another scheme", all.replace("Bearer", "Basic")),
        (
            "an unsigned JWT",
            "Bearer eyJhbGciOiJub25lIn0.eyJhZG1pbiI6dHJ1ZX0.".to_owned(),
        ),
    ];
    let mut asked = 0;
    for (method, path) in routes(&app, &all).await {
        for (kind, credential) in &bad {
            let request = app.client.request(method.clone(), app.url(&path));
            let request = match credential.is_empty() {
                true => request,
                false => request.header("authorization", credential),
            };
            let answer = request.send().await.expect("an answer");
            let status = answer.status();
            asked += 1;
            if is_public(&method, &path) {
                continue;
            }
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{kind}: {method} {path}");
            assert!(answer.headers().contains_key("www-authenticate"));
            let body = answer.text().await.expect("text");
            assert!(
                !body.contains("the secret title"),
                "{kind}: {method} {path}"
            );
        }
    }
    assert!(asked > 250, "{asked}");
}

/// Sets the end of a token back, which no client can.
async fn expire(app: &TestApp, id: &str) {
    let known = app.client.get(app.url("/api/v1/tokens"));
    let known = known.header("cookie", app.log_in().await).send().await;
    assert!(
        known
            .expect("an answer")
            .text()
            .await
            .expect("text")
            .contains(id)
    );
    // The third that was made.
    sql::run(
        app.dir(),
        "UPDATE api_tokens SET expires_at_ms = 1 WHERE api_token_id = 3",
    )
    .await;
}

#[tokio::test]
async fn sec_16_a_token_does_what_its_scopes_say_and_no_more() {
    let app = TestApp::closed().await;
    let (all, _) = app.token(&SCOPES).await;
    let all = format!("Bearer {all}");
    let mut tokens = Vec::new();
    for scope in SCOPES {
        tokens.push((scope, format!("Bearer {}", app.token(&[scope]).await.0)));
    }
    for (method, path) in routes(&app, &all).await {
        if is_public(&method, &path) || path == "/api/v1/session" || path == "/api/v1/openapi.json"
        {
            continue;
        }
        let mut allowed = Vec::new();
        for (scope, token) in &tokens {
            let request = app.client.request(method.clone(), app.url(&path));
            let answer = request.header("authorization", token).send().await;
            let answer = answer.expect("an answer");
            assert_ne!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
            match answer.status() {
                StatusCode::FORBIDDEN => {
                    let body = answer.text().await.expect("text");
                    let known = method == Method::HEAD || body.contains("missing_scope");
                    assert!(known, "{method} {path}: {body}");
                }
                _ => allowed.push(*scope),
            }
        }
        assert_eq!(allowed.len(), 1, "{method} {path}: {allowed:?}");
        let reads = matches!(method, Method::GET | Method::HEAD);
        let form = path == "/upload_input_content";
        let wanted = !reads || form || !allowed[0].ends_with(":write");
        assert!(wanted, "{method} {path}: {allowed:?}");
    }
}

/// Before there is an administrator, nobody gets anything.
#[tokio::test]
async fn sec_35_nothing_is_open_before_it_is_set_up() {
    let app = TestApp::start_with(|config| {
        config.access = Some(server::AccessControl::Closed);
        config.media_listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await;
    let open = TestApp::start().await;
    let documented = routes(&open, "").await;
    let pages = [
        "/",
        "/library",
        "/player",
        "/videos/",
        "/readyz",
        "/none",
        "/favicon.svg",
    ];
    let pages = pages.map(|path| (Method::GET, path.to_owned()));
    for (method, path) in documented.into_iter().chain(pages) {
        if path == "/api/v1/setup" {
            continue;
        }
        for base in [app.base.clone(), app.media_base()] {
            let request = app.client.request(method.clone(), format!("{base}{path}"));
            let answer = request.send().await.expect("an answer");
            assert_eq!(
                answer.status(),
                StatusCode::UNAUTHORIZED,
                "{method} {base}{path}"
            );
        }
    }
    for path in ["/livez", "/setup"] {
        assert_eq!(app.get(path).await.status(), StatusCode::OK, "{path}");
    }
    let request = app
        .client
        .get(app.url("/library"))
        .header("accept", "text/html");
    let page = request.send().await.expect("an answer");
    assert_eq!(page.status(), StatusCode::UNAUTHORIZED);
    assert!(page.text().await.expect("text").contains("href=\"/setup\""));
}

#[tokio::test]
async fn clients_of_the_first_api_send_a_token() {
    let app = TestApp::closed().await;
    let (token, _) = app
        .token(&["assets:read", "assets:write", "keys:read"])
        .await;
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    let part = reqwest::multipart::Part::bytes(bytes).file_name("x.mp4");
    let form = reqwest::multipart::Form::new().part("file", part);
    let request = app.client.post(app.url("/success")).multipart(form);
    let answer = request.bearer_auth(&token).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let order = json!({"input_content_id": 1, "key": "hyN9IKGfWKdAwFaE5pm0qg", "kid": "oW5AK5BW43HzbTSKpiu3SQ"});
    let request = app.client.post(app.url("/packaged_content")).json(&order);
    let answer = request.bearer_auth(&token).send().await.expect("an answer");
    let packaged: serde_json::Value = answer.json().await.expect("JSON");
    let request = app.client.get(app.url("/packaged_content_id/1"));
    let answer = request.bearer_auth(&token).send().await.expect("an answer");
    let found: serde_json::Value = answer.json().await.expect("JSON");
    assert_eq!(found["key"][0], "hyN9IKGfWKdAwFaE5pm0qg");
    // What is public plays without.
    let path = app.path_of(&packaged["url"][0]);
    let mpd = app.get(&path).await;
    assert_eq!(
        mpd.status(),
        StatusCode::OK,
        "{}",
        text(&packaged["url"][0])
    );
}
