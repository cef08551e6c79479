//! Versions of single things: `ETag`, `If-None-Match`, and `If-Match` where two write at once.

use crate::support::{TestApp, clips, json_of, problem, text};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

/// Sends a request that is for one version.
async fn with_tag(
    app: &TestApp,
    method: Method,
    path: &str,
    tag: &str,
    body: Option<&Value>,
) -> Response {
    let request = app.client.request(method, app.url(path));
    let request = request.header("if-match", tag);
    let request = match body {
        Some(body) => request.json(body),
        None => request,
    };
    request.send().await.expect("an answer")
}

async fn tag(app: &TestApp, path: &str) -> String {
    let answer = app.get(path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    let tag = answer.headers()["etag"].to_str().expect("text");
    tag.to_owned()
}

/// A closed server, and who may do everything there.
async fn administrator() -> (TestApp, TestApp) {
    let app = TestApp::closed().await;
    let (secret, _) = app.token(&crate::support::SCOPES).await;
    let admin = app.program(&secret);
    (app, admin)
}

/// One of each kind of thing; their paths.
async fn things(app: &TestApp) -> [String; 5] {
    let asset = app.upload(&clips::numbered(0)).await;
    let package = app.ended(&app.order(&asset, &json!({})).await).await;
    let webhook = json!({"url": "https://hooks.example/x", "events": ["webhook.disabled"]});
    let webhook = json_of(
        app.post_json("/api/v1/webhooks", &webhook).await,
        StatusCode::CREATED,
    );
    let token = json!({"name": "a test", "scopes": ["assets:read"]});
    let token = json_of(
        app.post_json("/api/v1/tokens", &token).await,
        StatusCode::CREATED,
    );
    let (webhook, token) = (webhook.await, token.await);
    [
        format!("/api/v1/assets/{}", text(&asset["id"])),
        format!("/api/v1/packages/{}", text(&package["id"])),
        format!("/api/v1/jobs/{}", text(&package["job"]["id"])),
        format!("/api/v1/tokens/{}", text(&token["id"])),
        format!("/api/v1/webhooks/{}", text(&webhook["id"])),
    ]
}

#[tokio::test]
async fn who_has_a_thing_as_it_is_gets_304() {
    let (_server, app) = administrator().await;
    for path in things(&app).await {
        let tag = tag(&app, &path).await;
        for (known, status) in [
            (tag.as_str(), 304),
            (&format!("W/{tag}"), 304),
            ("*", 304),
            ("\"1-00\"", 200),
        ] {
            let request = app.client.get(app.url(&path));
            let answer = request.header("if-none-match", known).send().await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.status(), status, "{path} {known}");
            assert_eq!(answer.headers()["etag"], tag.as_str(), "{path}");
        }
    }
}

#[tokio::test]
async fn a_change_of_another_version_is_412_and_changes_nothing() {
    let (_server, app) = administrator().await;
    let all = things(&app).await;
    let [asset, package, job, token, webhook] = &all;
    let stale = "\"0-00\"";
    let retry = &format!("{job}/retry");
    let rotate = &format!("{webhook}/rotate");
    let cancel = &format!("{job}/cancel");
    let pause = &format!("{job}/pause");
    let resume = &format!("{job}/resume");
    let external_id = json!({"external_id": "x"});
    let description = json!({"description": "x"});
    let mut before = Vec::new();
    for path in &all {
        before.push(app.get_json(path).await);
    }
    for (method, path, body) in [
        (Method::PATCH, asset, Some(&external_id)),
        (Method::DELETE, asset, None),
        (Method::DELETE, package, None),
        (Method::POST, cancel, None),
        (Method::POST, pause, None),
        (Method::POST, resume, None),
        (Method::POST, retry, None),
        (Method::DELETE, job, None),
        (Method::DELETE, token, None),
        (Method::PATCH, webhook, Some(&description)),
        (Method::POST, rotate, None),
        (Method::DELETE, webhook, None),
    ] {
        let answer = with_tag(&app, method, path, stale, body).await;
        problem(answer, 412, "precondition_failed").await;
    }
    for (path, before) in all.iter().zip(&before) {
        let mut after = app.get_json(path).await;
        // When it was used is no change of a client's.
        if path == token {
            after["last_used_at"] = before["last_used_at"].clone();
        }
        assert_eq!(&after, before, "{path}");
    }
    // With the tag of now they are done.
    for (path, body) in [(asset, &external_id), (webhook, &description)] {
        let old = tag(&app, path).await;
        let answer = with_tag(&app, Method::PATCH, path, &old, Some(body)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let new = answer.headers()["etag"].to_str().expect("text").to_owned();
        assert_ne!(new, old, "{path}");
        assert_eq!(tag(&app, path).await, new, "{path}");
        let answer = with_tag(&app, Method::PATCH, path, &old, Some(body)).await;
        problem(answer, 412, "precondition_failed").await;
    }
    for path in [token, webhook, job, package, asset] {
        let tag = tag(&app, path).await;
        let answer = with_tag(&app, Method::DELETE, path, &tag, None).await;
        assert_eq!(answer.status(), StatusCode::NO_CONTENT, "{path}");
    }
    let revoked = app.get_json(token).await;
    assert!(revoked["revoked_at"].is_string(), "{revoked}");
}

#[tokio::test]
async fn a_job_is_another_version_after_each_wish_of_a_client() {
    let app = TestApp::start_with(|config| config.workers = 0).await;
    let asset = app.upload(&clips::numbered(0)).await;
    let package = app.order(&asset, &json!({})).await;
    let job = format!("/api/v1/jobs/{}", text(&package["job"]["id"]));
    let package = format!("/api/v1/packages/{}", text(&package["id"]));
    for (verb, state) in [
        ("pause", "paused"),
        ("resume", "queued"),
        ("cancel", "cancelled"),
        ("retry", "queued"),
    ] {
        let (old, of_package) = (tag(&app, &job).await, tag(&app, &package).await);
        let path = format!("{job}/{verb}");
        let answer = with_tag(&app, Method::POST, &path, &old, None).await;
        let new = answer.headers()["etag"].to_str().expect("text").to_owned();
        assert_eq!(json_of(answer, StatusCode::OK).await["state"], state);
        assert_eq!(tag(&app, &job).await, new, "{verb}");
        let answer = with_tag(&app, Method::POST, &path, &old, None).await;
        problem(answer, 412, "precondition_failed").await;
        let answer = with_tag(&app, Method::DELETE, &package, &of_package, None).await;
        problem(answer, 412, "precondition_failed").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_write_at_once_with_one_tag_one_is_heard() {
    const WRITERS: usize = 12;
    let (_server, app) = administrator().await;
    let [asset, .., webhook] = things(&app).await;
    for (path, field) in [(&asset, "external_id"), (&webhook, "description")] {
        let tag = tag(&app, path).await;
        let write = |writer: usize| {
            let (app, tag) = (&app, &tag);
            async move {
                let body = json!({ field: format!("writer {writer}") });
                let answer = with_tag(app, Method::PATCH, path, tag, Some(&body)).await;
                (writer, answer.status())
            }
        };
        let answers = futures_util::future::join_all((0..WRITERS).map(write)).await;
        let heard: Vec<usize> = answers
            .iter()
            .filter(|(_, status)| *status == StatusCode::OK)
            .map(|(writer, _)| *writer)
            .collect();
        let refused =
            |(_, status): &&(usize, StatusCode)| *status == StatusCode::PRECONDITION_FAILED;
        assert_eq!(heard.len(), 1, "{path}: {answers:?}");
        assert_eq!(answers.iter().filter(refused).count(), WRITERS - 1);
        let now = app.get_json(path).await;
        assert_eq!(now[field], format!("writer {}", heard[0]), "{path}");
    }
    // One deletes, another one changes: not both.
    let tag = tag(&app, &asset).await;
    let body = json!({"external_id": "last"});
    let (deleted, changed) = tokio::join!(
        with_tag(&app, Method::DELETE, &asset, &tag, None),
        with_tag(&app, Method::PATCH, &asset, &tag, Some(&body)),
    );
    let both = (deleted.status().as_u16(), changed.status().as_u16());
    assert!([(204, 404), (412, 200)].contains(&both), "{both:?}");
}
