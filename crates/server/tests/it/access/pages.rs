//! Pages of elsewhere, in the browser of somebody who may come in.

use super::routes;
use crate::support::{TestApp, clips, json_of, problem, text};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

const EVIL: &str = "http://evil.example";

fn is_for_players(path: &str) -> bool {
    path.starts_with("/license/") || path.contains("/dash/")
}

#[tokio::test]
async fn every_route_says_who_may_come() {
    let app = TestApp::start().await;
    for (method, path) in routes(&app, "").await {
        let answer = app.client.request(method.clone(), app.url(&path)).send();
        let answer = answer.await.expect("an answer");
        let body = answer.text().await.expect("text");
        let declared = !body.contains("undeclared") && !body.contains("this address knows");
        assert!(declared, "{method} {path}: {body}");
    }
}

/// A page whose name leads to this machine asks by that name (DNS rebinding).
#[tokio::test]
async fn sec_30_a_foreign_host_is_misdirected() {
    let app = TestApp::start().await;
    let port = app.base.rsplit_once(':').expect("a port").1.to_owned();
    let get = |path: &str, host: &str| app.client.get(app.url(path)).header("host", host).send();
    for path in [
        "/",
        "/livez",
        "/api/v1/assets",
        "/videos/",
        "/none",
        "/_app/x",
    ] {
        for host in ["evil.example", "localhost.evil.example", "192.168.0.1"] {
            for host in [host.to_owned(), format!("{host}:{port}")] {
                let answer = get(path, &host).await.expect("an answer");
                problem(answer, 421, "foreign_host").await;
            }
        }
        for host in ["localhost", "127.0.0.1", "[::1]", "reel.localhost"] {
            let answer = get(path, &format!("{host}:{port}")).await;
            let status = answer.expect("an answer").status();
            assert_ne!(status, StatusCode::MISDIRECTED_REQUEST, "{host} {path}");
        }
    }
}

#[tokio::test]
async fn the_public_url_names_the_server() {
    let url = Some("https://video.example/reel".to_owned());
    let app = TestApp::start_with(|config| config.public_url = url).await;
    let get = |host: &str| {
        let request = app.client.get(app.url("/api/v1/assets"));
        request.header("host", host).send()
    };
    let answer = get("video.example").await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    let answer = get("evil.example").await.expect("an answer");
    problem(answer, 421, "foreign_host").await;
    let request = app.client.post(app.url("/api/v1/queue/pause"));
    let request = request.header("origin", "https://video.example");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
}

/// Forms and scripts of other pages: whatever changes or tells something is refused on every route.
#[tokio::test]
async fn sec_30_sec_33_pages_of_other_origins_are_refused() {
    let app = TestApp::start().await;
    let as_script = |request: RequestBuilder| request.header("origin", EVIL);
    let as_form = |request: RequestBuilder| request.header("sec-fetch-site", "cross-site");
    let as_neighbour = |request: RequestBuilder| {
        request
            .header("sec-fetch-site", "same-site")
            .header("origin", "http://127.0.0.1:1")
    };
    let as_sandbox = |request: RequestBuilder| request.header("origin", "null");
    let ways: [&dyn Fn(RequestBuilder) -> RequestBuilder; 4] =
        [&as_script, &as_form, &as_neighbour, &as_sandbox];
    for (method, path) in routes(&app, "").await {
        for way in ways {
            let request = way(app.client.request(method.clone(), app.url(&path)));
            let answer = request.send().await.expect("an answer");
            match is_for_players(&path) {
                true => assert_ne!(answer.status(), StatusCode::FORBIDDEN, "{method} {path}"),
                // Answers to HEAD have no body that could say more.
                false if method == Method::HEAD => {
                    assert_eq!(answer.status(), StatusCode::FORBIDDEN)
                }
                false => drop(problem(answer, 403, "cross_site").await),
            }
        }
    }
    assert_eq!(app.get_json("/api/v1/assets").await["data"], json!([]));
}

/// The refusal comes while the body does not: nothing of it is waited for.
#[tokio::test]
async fn sec_30_the_refusal_comes_before_the_body() {
    let app = TestApp::start().await;
    for head in ["Origin: http://evil.example", "Sec-Fetch-Site: cross-site"] {
        let address = app.base.trim_start_matches("http://");
        let answer = app
            .raw(&format!(
                "POST /success HTTP/1.1\r\nHost: {address}\r\n{head}\r\n\
                 Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000000\r\n\r\n"
            ))
            .await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
}

/// Links lead to the page, and the page itself works.
#[tokio::test]
async fn links_of_other_pages_lead_here() {
    let app = TestApp::start().await;
    let visit = |path: &str, destination: &str| {
        let request = app.client.get(app.url(path));
        let request = request.header("sec-fetch-site", "cross-site");
        let request = request.header("sec-fetch-mode", "navigate");
        request.header("sec-fetch-dest", destination).send()
    };
    for path in ["/", "/library", "/videos/", "/api/v1/docs"] {
        let answer = visit(path, "document").await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
    }
    let answer = visit("/videos/", "iframe").await.expect("an answer");
    problem(answer, 403, "cross_site").await;
    let request = app.client.post(app.url("/api/v1/queue/pause"));
    let request = request.header("origin", &app.base);
    let answer = request.header("sec-fetch-site", "same-origin").send().await;
    let paused = json_of(answer.expect("an answer"), StatusCode::OK).await;
    assert_eq!(paused["paused"], json!(true));
}

/// Manifests, segments and licences are for players of any origin, even by another name.
#[tokio::test]
async fn sec_32_players_of_other_origins_play() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::numbered(0), &json!({})).await;
    let mpd = app.path_of(&package["dash_url"]);
    let kid = text(&package["kid"]).replace('-', "");
    for path in [
        mpd.clone(),
        mpd.replace("stream.mpd", "video/1.m4s"),
        format!("/license/key/{kid}"),
    ] {
        let request = app.client.get(app.url(&path)).header("origin", EVIL);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        let credentials = answer.headers().get("access-control-allow-credentials");
        assert!(credentials.is_none(), "{path}");
    }
    // Nothing else is opened to them, preflights included.
    for path in ["/api/v1/assets", "/videos/", "/packaged_content_id/1"] {
        for method in [Method::OPTIONS, Method::GET] {
            let request = app.client.request(method, app.url(path));
            let request = request.header("origin", EVIL);
            let request = request.header("access-control-request-method", "GET");
            let answer = request.send().await.expect("an answer");
            let open = answer.headers().get("access-control-allow-origin");
            assert_eq!(open, None::<&reqwest::header::HeaderValue>, "{path}");
            let body: Option<Value> = answer.json().await.ok();
            assert_eq!(body.expect("a problem")["code"], "cross_site");
        }
    }
}
