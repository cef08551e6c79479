//! The first API, row by row.

use crate::support::{TestApp, clips, json_of, problem, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::Path;

const KEY: &str = "hyN9IKGfWKdAwFaE5pm0qg";
const KID: &str = "oW5AK5BW43HzbTSKpiu3SQ";

/// Uploads through the form and returns the page and the number in it.
async fn upload(app: &TestApp, file: &Path, name: &str) -> (String, i64) {
    let bytes = std::fs::read(file).expect("the clip");
    let answer = app.post_file("/success", name, bytes).await;
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.expect("text");
    let number = number_in(&page);
    (page, number)
}

fn number_in(page: &str) -> i64 {
    let (_, rest) = page.split_once("input_content_id: ").expect("the number");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

#[tokio::test]
async fn the_start_names_all_that_can_be_done() {
    let app = TestApp::start().await;
    let answer = app.get("/").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(
        answer.headers()["content-type"]
            .to_str()
            .expect("text")
            .starts_with("text/html")
    );
    let page = answer.text().await.expect("text").to_lowercase();
    for word in [
        "upload",
        "package",
        "status",
        "browse",
        "/success",
        "/packaged_content",
        "/packaged_content_id/1",
        "/videos/",
        "/api/v1/docs",
    ] {
        assert!(page.contains(word), "{word} is not on the page");
    }
}

#[tokio::test]
async fn the_form_posts_to_success() {
    let app = TestApp::start().await;
    let answer = app.get("/upload_input_content").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let page = answer.text().await.expect("text");
    for part in [
        "<form",
        "action=\"/success\"",
        "method=\"post\"",
        "multipart/form-data",
        "name=\"file\"",
    ] {
        assert!(page.contains(part), "{part}");
    }
}

#[tokio::test]
async fn an_upload_is_numbered_and_names_earlier_ones() {
    let app = TestApp::start().await;
    let (page, first) = upload(&app, &clips::numbered(0), "same.mp4").await;
    assert!(!page.contains("Earlier"));
    let (_, other) = upload(&app, &clips::numbered(0), "other.mp4").await;
    let (page, second) = upload(&app, &clips::numbered(1), "same.mp4").await;
    assert!(
        page.contains(&format!("Earlier videos of this name: {first}<")),
        "{page}"
    );
    assert_eq!((first, other, second), (1, 2, 3));
}

#[tokio::test]
async fn names_are_shown_and_never_run() {
    let app = TestApp::start().await;
    let (page, _) = upload(&app, &clips::numbered(0), "<script>alert(1)<&script>.mp4").await;
    assert!(
        !page.contains("<script>") && page.contains("&lt;script&gt;"),
        "{page}"
    );
    let page = app.get("/videos/").await.text().await.expect("text");
    assert!(
        !page.contains("<script>") && page.contains("&lt;script&gt;"),
        "{page}"
    );
}

#[tokio::test]
async fn what_is_no_video_is_refused_with_the_reason() {
    let app = TestApp::start().await;
    for (file, reason) in [
        (clips::sound_only(), "no video track"),
        (clips::png(), "PNG picture"),
    ] {
        let bytes = std::fs::read(file).expect("the clip");
        let answer = app.post_file("/success", "x.mp4", bytes).await;
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
        let page = answer.text().await.expect("text");
        assert!(page.contains(reason), "{page}");
    }
    let form = reqwest::multipart::Form::new().text("other", "x");
    let request = app.client.post(app.url("/success")).multipart(form);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
    assert!(
        answer
            .text()
            .await
            .expect("text")
            .contains("file is missing")
    );
}

#[tokio::test]
async fn packaging_waits_until_it_is_ready() {
    let app = TestApp::start().await;
    let (_, number) = upload(&app, &clips::plain(), "x.mp4").await;
    let body = json!({"input_content_id": number, "key": KEY, "kid": KID, "note": "ignored"});
    let made = json_of(
        app.post_json("/packaged_content", &body).await,
        StatusCode::OK,
    )
    .await;
    assert_eq!(made["packaged_content_id"], json!([1]));
    let url = text(&made["url"][0]);
    assert!(
        url.starts_with(&app.url("/videos/")) && url.ends_with("/dash/stream.mpd"),
        "{url}"
    );
    assert_eq!(
        app.get(&app.path_of(&made["url"][0])).await.status(),
        StatusCode::OK
    );

    let keys = app.get_json("/packaged_content_id/1").await;
    assert_eq!(keys, json!({"url": [url], "key": [KEY], "kid": [KID]}));
    let status = app.get_json("/packaged_content/1").await;
    assert_eq!(
        status,
        json!({"packaged_content_id": 1, "status": "Ready", "url": url})
    );

    let packages = app.get_json("/api/v1/packages").await;
    let package = &packages["data"][0];
    assert_eq!(
        (&package["scheme"], &package["encrypt"]),
        (&json!("cbcs"), &json!("video"))
    );
    let encrypted: Vec<&Value> = package["renditions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|rendition| &rendition["encrypted"])
        .collect();
    assert_eq!(encrypted, [&json!(true), &json!(false)], "the picture only");
}

#[tokio::test]
async fn ids_may_be_texts_and_all_tracks_encrypted() {
    let app = TestApp::start().await;
    let (_, number) = upload(&app, &clips::plain(), "x.mp4").await;
    let body =
        json!({"input_content_id": number.to_string(), "key": KEY, "kid": KID, "encrypt": "all"});
    json_of(
        app.post_json("/packaged_content", &body).await,
        StatusCode::OK,
    )
    .await;
    let packages = app.get_json("/api/v1/packages").await;
    assert_eq!(packages["data"][0]["encrypt"], "all");
    assert_eq!(packages["data"][0]["renditions"][1]["encrypted"], true);
}

#[tokio::test]
async fn keys_come_back_in_the_form_in_which_they_were_given() {
    let app = TestApp::start().await;
    let (_, number) = upload(&app, &clips::numbered(0), "x.mp4").await;
    for (key, kid) in [
        ("hyN9IKGfWKdAwFaE5pm0qg==", "oW5AK5BW43HzbTSKpiu3SQ=="),
        (
            "87237D20A19F58A740C05684E699B4AA",
            "a16e402b-9056-e371-f36d-348aa62bb749",
        ),
    ] {
        let body = json!({"input_content_id": number, "key": key, "kid": kid});
        let made = json_of(
            app.post_json("/packaged_content", &body).await,
            StatusCode::OK,
        )
        .await;
        let keys = app
            .get_json(&format!(
                "/packaged_content_id/{}",
                made["packaged_content_id"][0]
            ))
            .await;
        assert_eq!((&keys["key"], &keys["kid"]), (&json!([key]), &json!([kid])));
    }
}

#[tokio::test]
async fn a_client_may_rather_ask_again() {
    let app = TestApp::start_with(|config| config.workers = 0).await;
    let (_, number) = upload(&app, &clips::plain(), "x.mp4").await;
    let body = json!({"input_content_id": number, "key": KEY, "kid": KID});
    let request = app.client.post(app.url("/packaged_content")).json(&body);
    let request = request.header("Prefer", "respond-async, wait=10");
    let answer = request.send().await.expect("an answer");
    let location = answer.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    assert_eq!(location, app.url("/packaged_content/1"));
    let accepted = json_of(answer, StatusCode::ACCEPTED).await;
    assert_eq!(accepted, json!({"packaged_content_id": [1]}));

    let before = app.get("/packaged_content_id/1").await;
    assert_eq!(before.status(), StatusCode::OK);
    let before = before.text().await.expect("text");
    assert_eq!(before, "Ingested");
    let status = app.get_json("/packaged_content/1").await;
    assert_eq!(
        (&status["status"], &status["url"]),
        (&json!("Ingested"), &Value::Null)
    );
    let app = app.restart(|_| ()).await;
    let status = app
        .until("/packaged_content/1", |found| found["status"] == "Ready")
        .await;
    assert!(text(&status["url"]).ends_with("/dash/stream.mpd"));
}

#[tokio::test]
async fn a_client_that_goes_away_cancels_nothing() {
    let app = TestApp::start().await;
    let (_, number) = upload(&app, &clips::long(), "x.mp4").await;
    let body = json!({"input_content_id": number, "key": KEY, "kid": KID}).to_string();
    let mut stream =
        std::net::TcpStream::connect(app.base.trim_start_matches("http://")).expect("connected");
    std::io::Write::write_all(
        &mut stream,
        format!(
            "POST /packaged_content HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .as_bytes(),
    )
    .expect("sent");
    app.until("/api/v1/packages", |found| {
        found["data"][0]["id"].is_string()
    })
    .await;
    drop(stream);
    app.until("/packaged_content/1", |found| found["status"] == "Ready")
        .await;
}

#[tokio::test]
async fn wrong_requests_name_the_field() {
    let app = TestApp::start().await;
    upload(&app, &clips::numbered(0), "x.mp4").await;
    let whole = json!({"input_content_id": 1, "key": KEY, "kid": KID});
    for (field, value) in [
        ("input_content_id", Value::Null),
        ("input_content_id", json!("x")),
        ("input_content_id", json!(1.5)),
        ("key", Value::Null),
        ("key", json!("AAAA")),
        ("key", json!(7)),
        ("kid", Value::Null),
        ("kid", json!("a16e402b")),
        ("encrypt", json!("sound")),
    ] {
        let mut body = whole.clone();
        body[field] = value;
        let answer = app.post_json("/packaged_content", &body).await;
        let found = problem(answer, 400, "invalid_request").await;
        assert_eq!(found["field"], field, "{body}");
        assert!(text(&found["detail"]).contains(field));
        assert!(!found.to_string().contains("AAAA"), "a key is echoed");
    }
    let answer = app
        .client
        .post(app.url("/packaged_content"))
        .body("{\"key\": ")
        .send()
        .await;
    problem(answer.expect("an answer"), 400, "invalid_request").await;
    let body = json!({"input_content_id": 99, "key": KEY, "kid": KID});
    problem(
        app.post_json("/packaged_content", &body).await,
        404,
        "not_found",
    )
    .await;
    for path in [
        "/packaged_content/7",
        "/packaged_content_id/7",
        "/packaged_content/x",
    ] {
        problem(app.get(path).await, 404, "not_found").await;
    }
}

#[tokio::test]
async fn a_packaging_that_fails_says_why() {
    let app = TestApp::start().await;
    let (_, number) = upload(&app, &clips::numbered(0), "x.mp4").await;
    let sources = app.dir().join("sources");
    let source = crate::support::files(&sources).pop().expect("the source");
    std::fs::write(source, "damaged on the disk").expect("written");
    let body = json!({"input_content_id": number, "key": KEY, "kid": KID});
    let answer = app.post_json("/packaged_content", &body).await;
    let found = problem(answer, 422, "packaging_failed").await;
    assert!(text(&found["detail"]).contains("19 bytes"), "{found}");
    let status = app
        .get("/packaged_content_id/1")
        .await
        .text()
        .await
        .expect("text");
    assert!(status.starts_with("Failed: "), "{status}");
    let status = app.get_json("/packaged_content/1").await;
    assert_eq!(
        (&status["status"], &status["url"]),
        (&json!("Failed"), &Value::Null)
    );
}

#[tokio::test]
async fn sound_alone_is_packaged_by_the_new_api_only() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::sound_only()).await;
    let body = json!({"input_content_id": asset["input_content_id"], "key": KEY, "kid": KID});
    let answer = app.post_json("/packaged_content", &body).await;
    problem(answer, 422, "unusable_media").await;
}

#[tokio::test]
async fn the_library_lists_what_is_ready_and_the_old_port_serves_it() {
    let app = TestApp::start_with(|config| {
        config.media_listen = Some("127.0.0.1:0".parse().expect("an address"));
    })
    .await;
    let (_, number) = upload(&app, &clips::plain(), "holiday.mp4").await;
    let body = json!({"input_content_id": number, "key": KEY, "kid": KID});
    let made = json_of(
        app.post_json("/packaged_content", &body).await,
        StatusCode::OK,
    )
    .await;
    let path = app.path_of(&made["url"][0]);
    let page = app.get("/videos/").await.text().await.expect("text");
    assert!(
        page.contains("holiday.mp4") && page.contains(&path),
        "{page}"
    );
    assert!(!page.contains(KEY));

    let media = app.media_base();
    for path in [path.clone(), path.replace("/videos", "")] {
        let answer = app
            .client
            .get(format!("{media}{path}"))
            .send()
            .await
            .expect("an answer");
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let mpd = answer.text().await.expect("text");
        assert!(mpd.contains(&format!("{media}/license/clearkey")), "{mpd}");
    }
    let body = json!({"kids": [KID]});
    let request = app
        .client
        .post(format!("{media}/license/clearkey"))
        .json(&body);
    assert_eq!(
        request.send().await.expect("an answer").status(),
        StatusCode::OK
    );
    let hidden = app
        .client
        .get(format!("{media}/api/v1/assets"))
        .send()
        .await;
    problem(hidden.expect("an answer"), 404, "not_found").await;
}
