//! Licences: who asks for what, and gets what.

use crate::support::{TestApp, clips, json_of, license_request, problem, text};
use packager::parse_key_id;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

const UNKNOWN: &str = "AAAAAAAAAAAAAAAAAAAAAA";

fn base64url(kid: &Value) -> String {
    parse_key_id(text(kid)).expect("a KID").base64url()
}

#[tokio::test]
async fn the_permitted_subset_is_given() {
    let app = TestApp::start().await;
    let first = app.ready(&clips::numbered(0), &json!({})).await;
    let second = app
        .ready(
            &clips::numbered(1),
            &json!({"key": "00112233445566778899aabbccddeeff"}),
        )
        .await;
    let kids = [
        base64url(&first["kid"]),
        base64url(&second["kid"]),
        UNKNOWN.to_owned(),
    ];
    let answer = app
        .post_json("/license/clearkey", &license_request(&kids))
        .await;
    let headers = answer.headers();
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["access-control-allow-origin"], "*");
    let license = json_of(answer, StatusCode::OK).await;
    assert_eq!(license["type"], "temporary");
    let keys = license["keys"].as_array().expect("a list");
    assert_eq!(keys.len(), 2);
    let of_second = keys
        .iter()
        .find(|key| key["kid"] == kids[1].as_str())
        .expect("its key");
    assert_eq!(
        of_second,
        &json!({"kty": "oct", "kid": kids[1], "k": "ABEiM0RVZneImaq7zN3u_w"})
    );
    let answer = app
        .post_json("/license/clearkey", &license_request(&kids[2..]))
        .await;
    problem(answer, 404, "not_found").await;
}

#[tokio::test]
async fn ten_and_a_hundred_kids() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::numbered(0), &json!({})).await;
    for count in [10_u8, 100] {
        let made = (1..count).map(|byte| packager::KeyId([byte; 16]).base64url());
        let kids: Vec<String> = made.chain([base64url(&package["kid"])]).collect();
        let answer = app
            .post_json("/license/clearkey", &license_request(&kids))
            .await;
        let license = json_of(answer, StatusCode::OK).await;
        assert_eq!(license["keys"].as_array().map(Vec::len), Some(1));
    }
    let many = vec![UNKNOWN.to_owned(); 1001];
    let answer = app
        .post_json("/license/clearkey", &license_request(&many))
        .await;
    problem(answer, 400, "invalid_request").await;
}

#[tokio::test]
async fn malformed_requests_are_refused() {
    let app = TestApp::start().await;
    for body in [
        "",
        "{",
        "[]",
        "{}",
        "{\"kids\": 1}",
        "{\"kids\": [1]}",
        "{\"kids\": []}",
        "{\"kids\": [\"short\"]}",
        "{\"kids\": [\"AAAAAAAAAAAAAAAAAAAAAA\"], \"type\": \"x\"}",
    ] {
        let request = app.client.post(app.url("/license/clearkey")).body(body);
        problem(
            request.send().await.expect("an answer"),
            400,
            "invalid_request",
        )
        .await;
    }
    problem(
        app.get("/license/clearkey").await,
        405,
        "method_not_allowed",
    )
    .await;
}

#[tokio::test]
async fn keys_of_what_is_not_published_are_not_given() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let sources = crate::support::files(&app.dir().join("sources"));
    std::fs::write(&sources[0], "damaged").expect("written");
    let kid = "a16e402b9056e371f36d348aa62bb749";
    let package = app
        .ended(&app.order(&asset, &json!({"kid": kid})).await)
        .await;
    assert_eq!(package["status"], "Failed");
    problem(
        app.get(&format!("/license/key/{kid}")).await,
        404,
        "not_found",
    )
    .await;
    let kids = [base64url(&package["kid"])];
    let answer = app
        .post_json("/license/clearkey", &license_request(&kids))
        .await;
    problem(answer, 404, "not_found").await;
}

#[tokio::test]
async fn raw_keys_are_sixteen_bytes() {
    let app = TestApp::start().await;
    let options = json!({"scheme": "cenc", "key": "00112233445566778899aabbccddeeff"});
    let package = app.ready(&clips::numbered(0), &options).await;
    let kid = text(&package["kid"]).replace('-', "");
    let answer = app.get(&format!("/license/key/{kid}")).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let headers = answer.headers();
    assert_eq!(headers["content-type"], "application/octet-stream");
    assert_eq!(headers["cache-control"], "no-store");
    assert_eq!(headers["access-control-allow-origin"], "*");
    let key = answer.bytes().await.expect("bytes");
    assert_eq!(key.as_ref(), (0..16).map(|n| n * 0x11).collect::<Vec<u8>>());
    for unknown in ["00000000000000000000000000000000", "x"] {
        problem(
            app.get(&format!("/license/key/{unknown}")).await,
            404,
            "not_found",
        )
        .await;
    }
}

#[tokio::test]
async fn two_keys_of_one_kid_are_told_apart_by_their_package() {
    let app = TestApp::start().await;
    let kid = "a16e402b9056e371f36d348aa62bb749";
    let mut answers = Vec::new();
    for key in [
        "00112233445566778899aabbccddeeff",
        "ffeeddccbbaa99887766554433221100",
    ] {
        let options = json!({"scheme": "cenc", "kid": kid, "key": key});
        let package = app.ready(&clips::numbered(0), &options).await;
        let playlist = app
            .path_of(&package["hls_url"])
            .replace("master", "video/playlist");
        let playlist = app.get(&playlist).await.text().await.expect("text");
        let (_, rest) = playlist
            .split_once(&app.url("/license/key/"))
            .expect("the key's URL");
        let (url, _) = rest.split_once('"').expect("the end of the URL");
        let raw = app
            .get(&format!("/license/key/{url}"))
            .await
            .bytes()
            .await
            .expect("bytes");
        let hex: String = raw.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, key);
        let code = url.split('/').next().expect("the code");
        let kids = [base64url(&json!(kid))];
        let path = format!("/license/clearkey?package={code}");
        let license = json_of(
            app.post_json(&path, &license_request(&kids)).await,
            StatusCode::OK,
        )
        .await;
        answers.push(license["keys"][0]["k"].clone());
    }
    assert_ne!(answers[0], answers[1]);
}

#[tokio::test]
async fn players_of_other_origins_may_ask() {
    let app = TestApp::start().await;
    for path in [
        "/license/clearkey",
        "/license/key/00000000000000000000000000000000",
    ] {
        let request = app.client.request(Method::OPTIONS, app.url(path));
        let request = request
            .header("Origin", "http://player.example")
            .header("Access-Control-Request-Method", "POST")
            .header("Access-Control-Request-Headers", "content-type");
        let answer = request.send().await.expect("an answer");
        assert!(answer.status().is_success(), "{}", answer.status());
        let headers = answer.headers();
        assert_eq!(headers["access-control-allow-origin"], "*");
        let allowed = headers["access-control-allow-headers"]
            .to_str()
            .expect("text");
        assert!(allowed.to_lowercase().contains("content-type"));
        assert!(
            headers["access-control-allow-methods"]
                .to_str()
                .expect("text")
                .contains("POST")
        );
    }
    let request = app
        .client
        .post(app.url("/license/clearkey"))
        .header("Sec-Fetch-Site", "cross-site");
    let answer = request
        .json(&license_request(&[UNKNOWN.to_owned()]))
        .send()
        .await;
    problem(answer.expect("an answer"), 404, "not_found").await;
}
