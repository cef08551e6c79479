//! What lies beside a package for pages.

use crate::support::{TestApp, clips, problem, text};
use reqwest::StatusCode;
use serde_json::json;

#[tokio::test]
async fn extras_are_made_by_a_part_and_served_beside_an_encrypted_package() {
    let app = TestApp::start().await;
    let wish = json!({"extras": ["storyboard", "poster", "preview", "chapters", "poster"]});
    let package = app.ready(&clips::numbered(0), &wish).await;
    assert_eq!(package["scheme"], "cbcs");
    let all = json!(["poster", "storyboard", "preview", "chapters"]);
    assert_eq!(package["extras"], all);
    // The clip has no chapters, which is no reason to have no package.
    assert!(package["chapters_url"].is_null(), "{package}");
    assert!(
        package["warnings"].to_string().contains("no chapters"),
        "{package}"
    );
    for (url, kind, begin) in [
        ("poster_url", "image/jpeg", &b"\xff\xd8"[..]),
        ("storyboard_url", "text/vtt", b"WEBVTT"),
        ("preview_url", "video/mp4", b"\0\0\0"),
    ] {
        let answer = app.get(&app.path_of(&package[url])).await;
        assert_eq!(answer.status(), StatusCode::OK, "{url}");
        assert_eq!(answer.headers()["content-type"], kind, "{url}");
        let bytes = answer.bytes().await.expect("a body");
        assert!(bytes.starts_with(begin), "{url}");
    }
    let picture = app
        .path_of(&package["storyboard_url"])
        .replace(".vtt", ".jpg");
    assert_eq!(app.get(&picture).await.status(), StatusCode::OK);
    // What replaces it has the same, unless it says otherwise.
    let path = format!("/api/v1/packages/{}/replace", text(&package["id"]));
    let next = app.post_json(&path, &json!({"scheme": "none"})).await;
    let next: serde_json::Value = next.json().await.expect("a package");
    assert_eq!(next["extras"], all);
    app.ended(&next).await;
    app.until_gone("parts").await;
    app.until_gone("scratch").await;
}

#[tokio::test]
async fn a_converted_file_has_extras_too_and_most_packages_have_none() {
    let app = TestApp::start().await;
    let package = app
        .ready(&clips::webm(), &json!({"extras": ["poster"]}))
        .await;
    assert!(
        text(&package["poster_url"]).ends_with("/poster.jpg"),
        "{package}"
    );
    let package = app.ready(&clips::numbered(0), &json!({})).await;
    assert_eq!(package["extras"], json!([]));
    assert!(package["poster_url"].is_null());
    let path = format!("/api/v1/assets/{}/packages", text(&package["asset_id"]));
    for wrong in [json!(["trailer"]), json!("poster"), json!([1])] {
        let answer = app.post_json(&path, &json!({"extras": wrong})).await;
        problem(answer, 400, "invalid_request").await;
    }
}
