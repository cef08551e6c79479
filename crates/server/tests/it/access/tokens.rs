//! Tokens of programs.

use crate::support::{TestApp, files, json_of, problem, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn make(app: &TestApp, cookie: &str, body: &Value) -> reqwest::Response {
    let request = app.client.post(app.url("/api/v1/tokens")).json(body);
    request
        .header("cookie", cookie)
        .send()
        .await
        .expect("an answer")
}

#[tokio::test]
async fn sec_19_a_token_is_shown_once_and_stored_as_a_hash() {
    let app = TestApp::closed().await;
    let cookie = app.log_in().await;
    let answer = make(
        &app,
        &cookie,
        &json!({"name": "ingest", "scopes": ["assets:read"]}),
    )
    .await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let made = json_of(answer, StatusCode::CREATED).await;
    let secret = text(&made["secret"]);
    // 26 characters of 5 bits.
    assert_eq!(secret.strip_prefix("rpt_").map(str::len), Some(26));
    assert_eq!(made["scopes"], json!(["assets:read"]));
    let list = app.client.get(app.url("/api/v1/tokens"));
    let list = list
        .header("cookie", &cookie)
        .send()
        .await
        .expect("an answer");
    let list = list.text().await.expect("text");
    assert!(
        list.contains(text(&made["id"])) && !list.contains(secret),
        "{list}"
    );
    let used = app
        .client
        .get(app.url("/api/v1/assets"))
        .bearer_auth(secret);
    assert_eq!(
        used.send().await.expect("an answer").status(),
        StatusCode::OK
    );
    // Nor is it, or the password or the session, in any file.
    let session = cookie.split_once('=').expect("a pair").1.to_owned();
    for file in files(app.dir()) {
        let bytes = std::fs::read(&file).expect("a file");
        for hidden in [secret, &session, crate::support::PASSWORD] {
            let found = bytes
                .windows(hidden.len())
                .any(|window| window == hidden.as_bytes());
            assert!(!found, "{}", file.display());
        }
    }
}

/// A token in the URL, in a form or in another header is none.
#[tokio::test]
async fn sec_20_tokens_come_in_their_header_alone() {
    let app = TestApp::closed().await;
    let (secret, _) = app.token(&["assets:read"]).await;
    for path in [
        format!("/api/v1/assets?token={secret}"),
        format!("/api/v1/assets?access_token={secret}"),
    ] {
        let answer = app.get(&path).await;
        let body = problem(answer, 401, "unauthorized").await.to_string();
        assert!(!body.contains(&secret), "{body}");
    }
    let request = app.client.get(app.url("/api/v1/assets"));
    let answer = request.header("x-api-key", &secret).send().await;
    problem(answer.expect("an answer"), 401, "unauthorized").await;
    let request = app.client.get(app.url("/api/v1/assets"));
    let answer = request
        .header("cookie", format!("__Host-reelpack-session={secret}"))
        .send()
        .await;
    problem(answer.expect("an answer"), 401, "unauthorized").await;
}

#[tokio::test]
async fn a_token_ends_when_it_is_revoked_or_runs_out() {
    let app = TestApp::closed().await;
    let cookie = app.log_in().await;
    let (secret, id) = app.token(&["assets:read", "admin"]).await;
    let get = |secret: &str| {
        app.client
            .get(app.url("/api/v1/assets"))
            .bearer_auth(secret)
            .send()
    };
    assert_eq!(
        get(&secret).await.expect("an answer").status(),
        StatusCode::OK
    );
    for _ in 0..2 {
        let request = app.client.delete(app.url(&format!("/api/v1/tokens/{id}")));
        let answer = request
            .header("cookie", &cookie)
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::NO_CONTENT);
        problem(get(&secret).await.expect("an answer"), 401, "unauthorized").await;
    }
    let request = app.client.delete(app.url("/api/v1/tokens/tok_none"));
    let answer = request
        .header("cookie", &cookie)
        .send()
        .await
        .expect("an answer");
    problem(answer, 404, "not_found").await;

    let body = json!({"name": "short", "scopes": ["assets:read"], "expires_in": 1});
    let made = json_of(make(&app, &cookie, &body).await, StatusCode::CREATED).await;
    let waiting = async {
        let mut interval = tokio::time::interval(std::time::Duration::from_millis(50));
        while get(text(&made["secret"]))
            .await
            .expect("an answer")
            .status()
            == StatusCode::OK
        {
            interval.tick().await;
        }
    };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), waiting).await;
    ended.expect("it runs out");
}

#[tokio::test]
async fn nobody_gives_on_more_than_one_has() {
    let app = TestApp::closed().await;
    let (secret, _) = app.token(&["admin", "assets:read"]).await;
    let make = |scopes: Value| {
        let body = json!({"name": "more", "scopes": scopes});
        let request = app.client.post(app.url("/api/v1/tokens")).json(&body);
        request.bearer_auth(&secret).send()
    };
    let answer = make(json!(["assets:read", "keys:read"]))
        .await
        .expect("an answer");
    problem(answer, 403, "missing_scope").await;
    let answer = make(json!(["assets:read"])).await.expect("an answer");
    json_of(answer, StatusCode::CREATED).await;
}

#[tokio::test]
async fn sec_49_requests_for_tokens_hold_what_they_may() {
    let app = TestApp::closed().await;
    let cookie = app.log_in().await;
    for body in [
        json!({"name": "x", "scopes": []}),
        json!({"name": "x", "scopes": ["everything"]}),
        json!({"name": "x", "scopes": "admin"}),
        json!({"name": " ", "scopes": ["admin"]}),
        json!({"scopes": ["admin"]}),
        json!({"name": "x", "scopes": ["admin"], "expires_in": 0}),
        json!({"name": "x", "scopes": ["admin"], "expires_in": 1_000_000_000}),
    ] {
        problem(make(&app, &cookie, &body).await, 400, "invalid_request").await;
    }
    for field in ["id", "tenant", "secret", "revoked_at"] {
        let mut body = json!({"name": "x", "scopes": ["admin"]});
        body[field] = json!("mine");
        problem(make(&app, &cookie, &body).await, 422, "unknown_field").await;
    }
}

#[tokio::test]
async fn lists_of_tokens_say_whether_there_are_more() {
    let app = TestApp::closed().await;
    let cookie = app.log_in().await;
    for number in 0..3 {
        let body = json!({"name": format!("token {number}"), "scopes": ["jobs:read"]});
        make(&app, &cookie, &body).await;
    }
    let page = async |query: &str| {
        let request = app.client.get(app.url(&format!("/api/v1/tokens?{query}")));
        let answer = request.header("cookie", &cookie).send().await;
        json_of(answer.expect("an answer"), StatusCode::OK).await
    };
    let first = page("limit=2").await;
    assert_eq!(first["has_more"], true);
    let rest = page(&format!("limit=2&cursor={}", text(&first["next_cursor"]))).await;
    assert_eq!(
        (&rest["has_more"], &rest["next_cursor"]),
        (&json!(false), &Value::Null)
    );
    let names = |page: &Value| {
        let tokens = page["data"].as_array().expect("a list").clone();
        tokens.into_iter().map(|token| token["name"].clone())
    };
    let all: Vec<Value> = names(&first).chain(names(&rest)).collect();
    assert_eq!(all, ["token 2", "token 1", "token 0"]);
}
