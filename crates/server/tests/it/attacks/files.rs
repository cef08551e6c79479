//! Names, links and contents of files that are meant for somebody else than the server.

use crate::support::{TestApp, clips, files, problem, text};
use reqwest::StatusCode;
use serde_json::json;
use std::path::{Path, PathBuf};

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = files(folder);
    found.retain(|file| file.extension().is_some_and(|kind| kind == "rs"));
    found
}

#[tokio::test]
async fn sec_01_no_name_reaches_a_shell() {
    // There is none: no program is started by way of one.
    let crates = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crates");
    let shells = [
        "\"sh\"",
        "\"/bin/sh\"",
        "\"bash\"",
        "\"/bin/bash\"",
        "\"cmd\"",
        "sh -c",
    ];
    let mut looked = 0;
    for room in ["bmff", "packager", "transcode", "server", "cli"] {
        for file in sources(&crates.join(room).join("src")) {
            let code = std::fs::read_to_string(&file).expect("code");
            let shell = shells.iter().find(|shell| code.contains(*shell));
            assert_eq!(shell, None, "{}", file.display());
            looked += 1;
        }
    }
    assert!(looked > 200, "{looked}");
    // And names that would be commands do nothing but name.
    let app = TestApp::start().await;
    let canary = app.dir().join("canary");
    let touch = format!("touch {}", canary.display());
    let bytes = std::fs::read(clips::matroska()).expect("the clip");
    for name in [
        format!(";{touch};.mkv"),
        format!("$({touch}).mkv"),
        format!("`{touch}`.mkv"),
        format!("a\n{touch}\n.mkv"),
    ] {
        let answer = app.post_file("/api/v1/assets", &name, bytes.clone()).await;
        if name.contains('\n') {
            // No name of a form holds a line end.
            problem(answer, 400, "invalid_request").await;
            continue;
        }
        assert_eq!(answer.status(), StatusCode::CREATED, "{name}");
        let asset: serde_json::Value = answer.json().await.expect("JSON");
        let package = app.ended(&app.order(&asset, &json!({})).await).await;
        assert_eq!(package["status"], "Ready", "{package}");
    }
    assert!(!canary.exists());
}

#[tokio::test]
async fn sec_03_a_link_that_was_planted_is_not_followed() {
    let app = TestApp::start().await;
    let package = app
        .ready(&clips::numbered(0), &json!({"scheme": "none"}))
        .await;
    let mpd = app.path_of(&package["dash_url"]);
    let segment = files(&app.dir().join("packages"))
        .into_iter()
        .find(|file| file.ends_with("video/1.m4s"));
    let video = segment
        .expect("a segment")
        .parent()
        .expect("its folder")
        .to_owned();
    std::os::unix::fs::symlink("/etc/passwd", video.join("98.m4s")).expect("a link");
    std::os::unix::fs::symlink("/etc", video.parent().expect("a folder").join("audio"))
        .expect("a link");
    for file in ["video/98.m4s", "audio/passwd.m4s"] {
        let answer = app.get(&mpd.replace("stream.mpd", file)).await;
        assert_ne!(answer.status(), StatusCode::OK, "{file}");
        let body = answer.text().await.expect("text");
        assert!(!body.contains("root:"), "{file}: {body}");
    }
}

#[tokio::test]
async fn sec_11_what_is_a_page_is_no_video_and_nothing_is_sniffed() {
    let app = TestApp::start().await;
    let page = b"<!doctype html><script>alert(1)</script>".to_vec();
    let image =
        b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec();
    for (name, bytes) in [
        ("x.html", page.clone()),
        ("x.mp4", page),
        ("x.svg", image.clone()),
        ("x.vtt", image),
    ] {
        let answer = app.post_file("/api/v1/assets", name, bytes).await;
        problem(answer, 422, "unusable_media").await;
    }
    let package = app.ready(&clips::plain(), &json!({})).await;
    let mpd = app.path_of(&package["dash_url"]);
    let media = [
        "stream.mpd",
        "master.m3u8",
        "video/init.mp4",
        "video/1.m4s",
        "none.m4s",
    ];
    let media = media.map(|file| mpd.replace("stream.mpd", file));
    let others = ["/", "/videos/", "/api/v1/assets", "/none"].map(str::to_owned);
    for path in media.iter().chain(&others) {
        let answer = app.get(path).await;
        assert_eq!(
            answer.headers()["x-content-type-options"],
            "nosniff",
            "{path}"
        );
    }
}

#[tokio::test]
async fn sec_12_sec_29_names_are_text_in_pages_and_in_no_header() {
    let app = TestApp::start().await;
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    let name = "\"><script>alert(1)<img src=x onerror=alert(1)>\u{202e}.mp4";
    let forged = format!("a\r\nSet-Cookie: a=b\r\n\r\n{name}");
    let answer = app
        .post_file("/api/v1/assets", &forged, bytes.clone())
        .await;
    problem(answer, 400, "invalid_request").await;
    let answer = app.post_file("/api/v1/assets", name, bytes).await;
    assert_eq!(answer.status(), StatusCode::CREATED);
    let asset: serde_json::Value = answer.json().await.expect("JSON");
    let package = app.ended(&app.order(&asset, &json!({})).await).await;
    let mpd = app.path_of(&package["dash_url"]);
    let of_asset = format!("/api/v1/assets/{}", text(&asset["id"]));
    for path in ["/videos/", "/", &of_asset, &mpd] {
        let answer = app.get(path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let headers = answer.headers().clone();
        assert!(
            !headers.contains_key("content-disposition") && !headers.contains_key("set-cookie"),
            "{path}"
        );
        let is_page = headers["content-type"]
            .to_str()
            .expect("text")
            .starts_with("text/html");
        let body = answer.text().await.expect("text");
        if is_page {
            assert!(
                !body.contains("<script>alert") && !body.contains("<img src=x"),
                "{path}: {body}"
            );
            let policy = headers["content-security-policy"].to_str().expect("text");
            assert!(
                !policy.contains("script-src 'unsafe-inline'"),
                "{path}: {policy}"
            );
        }
    }
    let listed = app.get("/videos/").await.text().await.expect("text");
    assert!(listed.contains("&lt;script&gt;"), "{listed}");
}

/// Where and with what it was recorded stays with the delivered file.
#[tokio::test]
async fn sec_13_places_and_devices_do_not_reach_what_is_published() {
    let app = TestApp::start().await;
    let words: [&[u8]; 3] = [b"+52.5200", b"CanaryPhone", b"Canary comment"];
    let holds = |bytes: &[u8], word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
    for clip in [clips::with_a_place("mov"), clips::with_a_place("mkv")] {
        let delivered = std::fs::read(&clip).expect("the clip");
        assert!(
            words.iter().all(|word| holds(&delivered, word)),
            "{}",
            clip.display()
        );
        let order = json!({"scheme": "none", "extras": ["poster", "preview"]});
        let package = app.ready(&clip, &order).await;
        assert!(!package["preview_url"].is_null(), "{package}");
        let published = files(&app.dir().join("packages"));
        assert!(published.len() > 5, "{published:?}");
        for file in published {
            let bytes = std::fs::read(&file).expect("a file");
            let word = words.iter().find(|word| holds(&bytes, word));
            assert_eq!(word, None, "{}", file.display());
        }
    }
}
