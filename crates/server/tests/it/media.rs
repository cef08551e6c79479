//! Media: types, ranges, tags, caches, other origins, and paths that lead nowhere.

use crate::support::{TestApp, clips, problem, text};
use axum::body::Bytes;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use std::path::PathBuf;

/// A ready package and the path of its folder.
async fn published(app: &TestApp) -> (Value, String) {
    let package = app.ready(&clips::plain(), &json!({})).await;
    let mpd = app.path_of(&package["dash_url"]);
    let folder = mpd.strip_suffix("stream.mpd").expect("the MPD's name");
    (package, folder.to_owned())
}

async fn with(app: &TestApp, path: &str, name: &str, value: &str) -> Response {
    let request = app.client.get(app.url(path)).header(name, value);
    request.send().await.expect("an answer")
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    let value = answer
        .headers()
        .get(name)
        .unwrap_or_else(|| panic!("no {name}"));
    value.to_str().expect("text")
}

#[tokio::test]
async fn every_file_has_its_type_and_its_place_in_caches() {
    let app = TestApp::start().await;
    let (_, folder) = published(&app).await;
    let forever = "public, max-age=31536000, immutable";
    for (file, mime, cache) in [
        ("stream.mpd", "application/dash+xml", "no-cache"),
        ("master.m3u8", "application/vnd.apple.mpegurl", "no-cache"),
        (
            "video/playlist.m3u8",
            "application/vnd.apple.mpegurl",
            "no-cache",
        ),
        ("video/init.mp4", "video/mp4", forever),
        ("audio/1.m4s", "audio/mp4", forever),
    ] {
        let path = format!("{folder}{file}");
        let answer = app.get(&path).await;
        assert_eq!(answer.status(), StatusCode::OK, "{file}");
        assert_eq!(header(&answer, "content-type"), mime);
        assert_eq!(header(&answer, "cache-control"), cache);
        assert_eq!(header(&answer, "accept-ranges"), "bytes");
        assert_eq!(header(&answer, "access-control-allow-origin"), "*");
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
        let (length, tag) = (
            header(&answer, "content-length").to_owned(),
            header(&answer, "etag").to_owned(),
        );
        assert_eq!(
            answer.bytes().await.expect("bytes").len().to_string(),
            length
        );

        let head = app
            .client
            .head(app.url(&path))
            .send()
            .await
            .expect("an answer");
        assert_eq!(head.status(), StatusCode::OK);
        assert_eq!(
            (header(&head, "content-length"), header(&head, "etag")),
            (&*length, &*tag)
        );
        assert!(head.bytes().await.expect("nothing").is_empty());

        for list in [tag.clone(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let again = with(&app, &path, "if-none-match", &list).await;
            assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{list}");
            assert_eq!(header(&again, "etag"), tag);
        }
        let other = with(&app, &path, "if-none-match", "\"other\"").await;
        assert_eq!(other.status(), StatusCode::OK);
    }
}

#[tokio::test]
async fn ranges_are_parts_of_the_whole() {
    let app = TestApp::start_with(|_| ()).await;
    let (_, folder) = published(&app).await;
    for file in ["video/1.m4s", "stream.mpd"] {
        let path = format!("{folder}{file}");
        let whole = app.get(&path).await;
        let tag = header(&whole, "etag").to_owned();
        let whole = whole.bytes().await.expect("bytes");
        let size = whole.len();
        for (range, from, to) in [
            ("bytes=0-0".to_owned(), 0, 0),
            ("bytes=100-299".to_owned(), 100, 299),
            (format!("bytes={}-", size - 5), size - 5, size - 1),
            ("bytes=-7".to_owned(), size - 7, size - 1),
            (format!("bytes=10-{}", size * 2), 10, size - 1),
        ] {
            let part = with(&app, &path, "range", &range).await;
            assert_eq!(part.status(), StatusCode::PARTIAL_CONTENT, "{range}");
            assert_eq!(
                header(&part, "content-range"),
                format!("bytes {from}-{to}/{size}")
            );
            assert_eq!(part.bytes().await.expect("bytes"), whole.slice(from..=to));
        }
        let beyond = with(&app, &path, "range", &format!("bytes={size}-")).await;
        assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(header(&beyond, "content-range"), format!("bytes */{size}"));
        for range in ["bytes=5-1", "bytes=0-,1-2", "bytes=x", "lines=0-1"] {
            let all = with(&app, &path, "range", range).await;
            assert_eq!(all.status(), StatusCode::OK, "{range}");
        }
        let several = with(&app, &path, "range", "bytes=5-9,-3,0-0").await;
        assert_eq!(several.status(), StatusCode::PARTIAL_CONTENT);
        let (mime, length) = (
            header(&whole_head(&app, &path).await, "content-type").to_owned(),
            header(&several, "content-length").to_owned(),
        );
        let boundary = header(&several, "content-type")
            .strip_prefix("multipart/byteranges; boundary=")
            .expect("a boundary")
            .to_owned();
        let body = several.bytes().await.expect("bytes");
        assert_eq!(body.len().to_string(), length);
        let mut wanted = Vec::new();
        for (from, to) in [(5, 9), (size - 3, size - 1), (0, 0)] {
            let head = format!(
                "\r\n--{boundary}\r\nContent-Type: {mime}\r\nContent-Range: bytes {from}-{to}/{size}\r\n\r\n"
            );
            wanted.extend_from_slice(head.as_bytes());
            wanted.extend_from_slice(&whole[from..=to]);
        }
        wanted.extend_from_slice(format!("\r\n--{boundary}--\r\n").as_bytes());
        assert_eq!(body, wanted);
        for (condition, status) in [(tag.as_str(), 200), ("*", 200), ("\"other\"", 412)] {
            let answer = with(&app, &path, "if-match", condition).await;
            assert_eq!(answer.status(), status, "{condition}");
        }
        for (condition, status) in [(tag.as_str(), 206), ("\"other\"", 200)] {
            let request = app.client.get(app.url(&path)).header("range", "bytes=0-0");
            let answer = request.header("if-range", condition).send().await;
            assert_eq!(answer.expect("an answer").status(), status);
        }
    }
}

async fn whole_head(app: &TestApp, path: &str) -> Response {
    let request = app.client.head(app.url(path));
    request.send().await.expect("an answer")
}

#[tokio::test]
async fn large_files_are_streamed_whole_and_in_parts() {
    let app = TestApp::start().await;
    // One segment of two minutes is larger than the pieces in which files are sent.
    let options = json!({"scheme": "none", "segment_duration": 60});
    let package = app.ready(&clips::long(), &options).await;
    let path = app
        .path_of(&package["dash_url"])
        .replace("stream.mpd", "video/1.m4s");
    let whole = app.get(&path).await.bytes().await.expect("bytes");
    assert!(whole.len() > 1 << 20, "{}", whole.len());
    let part = with(
        &app,
        &path,
        "range",
        &format!("bytes=1000-{}", whole.len() - 1000),
    )
    .await;
    assert_eq!(
        part.bytes().await.expect("bytes"),
        whole.slice(1000..=whole.len() - 1000)
    );
}

/// A segment of more than 1 MiB that is in memory: its address, its file, and its bytes.
async fn hot_segment(app: &TestApp) -> (String, PathBuf, Bytes) {
    let options = json!({"scheme": "none", "segment_duration": 60});
    let package = app.ready(&clips::long(), &options).await;
    let path = app.path_of(&package["dash_url"]);
    let path = path.replace("stream.mpd", "video/1.m4s");
    let file = path.replace("/videos/", "packages/");
    let whole = app.get(&path).await.bytes().await.expect("bytes");
    (path, app.dir().join(file), whole)
}

#[tokio::test]
async fn large_files_in_memory_are_sent_from_the_page_cache() {
    let app = TestApp::start().await;
    let (path, file, whole) = hot_segment(&app).await;
    // What a package holds never changes. Here it does, which shows where the bytes come from.
    std::fs::write(&file, vec![7; whole.len()]).expect("written");
    let sent = app.get(&path).await.bytes().await.expect("bytes");
    assert_eq!(sent.len(), whole.len());
    assert_eq!(
        sent[..1000],
        whole[..1000],
        "the beginning goes with the head"
    );
    assert!(
        sent[100_000..].iter().all(|byte| *byte == 7),
        "sendfile is not used"
    );
}

#[tokio::test]
async fn files_in_memory_that_are_cut_short_on_disk_are_served_whole() {
    let app = TestApp::start().await;
    let (path, file, whole) = hot_segment(&app).await;
    let file = std::fs::File::options().write(true).open(file);
    let file = file.expect("the segment");
    for length in [700_000, 0] {
        file.set_len(length).expect("cut short");
        let sent = app.get(&path).await.bytes().await.expect("bytes");
        assert!(sent == whole, "{length} bytes are left on disk");
        let part = with(&app, &path, "range", "bytes=600000-999999").await;
        assert!(part.bytes().await.expect("bytes") == whole.slice(600_000..1_000_000));
    }
}

#[tokio::test]
async fn players_of_other_origins_may_read() {
    let app = TestApp::start().await;
    let (_, folder) = published(&app).await;
    let url = app.url(&format!("{folder}video/1.m4s"));
    let request = app.client.request(Method::OPTIONS, url);
    let request = request
        .header("Origin", "http://player.example")
        .header("Access-Control-Request-Method", "GET")
        .header("Access-Control-Request-Headers", "range");
    let answer = request.send().await.expect("an answer");
    assert!(answer.status().is_success());
    assert!(header(&answer, "access-control-allow-headers").contains("Range"));
    let answer = app.get(&format!("{folder}video/1.m4s")).await;
    for name in ["Content-Length", "Content-Range", "ETag"] {
        assert!(header(&answer, "access-control-expose-headers").contains(name));
    }
    // The API is for this server's own page.
    for path in ["/api/v1/assets", "/", "/packaged_content/1"] {
        let answer = app.get(path).await;
        assert!(
            answer
                .headers()
                .get("access-control-allow-origin")
                .is_none(),
            "{path}"
        );
    }
    let request = app
        .client
        .post(app.url("/packaged_content"))
        .header("Sec-Fetch-Site", "cross-site");
    problem(request.send().await.expect("an answer"), 403, "cross_site").await;
}

/// SEC-02, SEC-39.
#[tokio::test]
async fn paths_lead_to_published_files_alone() {
    let app = TestApp::start().await;
    let (_, folder) = published(&app).await;
    for path in [
        "video/99.m4s",
        "video/",
        "",
        "none.mpd",
        "video",
        "video/1.txt",
        "video/.hidden.m4s",
        "../../../content-keys.key",
        "..%2f..%2f..%2fcontent-keys.key",
        "%2e%2e/%2e%2e/reelpack.db",
        "video/..%2f..%2fstream.mpd",
        "video%2f..%2f..%2f..%2f..%2freelpack.db",
        "..%5cstream.mpd",
        "video/%00.m4s",
        "%2fetc%2fpasswd",
        "/etc/passwd.m4s",
        "video/../stream.mpd",
    ] {
        let request =
            format!("GET {folder}{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answer = app.raw(&request).await;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
    }
    problem(
        app.get("/videos/unknown/dash/stream.mpd").await,
        404,
        "not_found",
    )
    .await;
    problem(
        app.get("/videos/..%2fsources/dash/stream.mpd").await,
        404,
        "not_found",
    )
    .await;
}

#[tokio::test]
async fn manifests_carry_the_urls_of_whoever_asks() {
    let app = TestApp::start().await;
    let (_, folder) = published(&app).await;
    for host in ["reel.example", "[::1]:5000", "127.0.0.1:81"] {
        let request =
            format!("GET {folder}stream.mpd HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        let answer = app.raw(&request).await;
        assert!(
            answer.contains(&format!("http://{host}/license/clearkey")),
            "{answer}"
        );
        assert!(
            !answer.contains("reelpack-"),
            "a placeholder is left: {answer}"
        );
    }
    for host in ["a\"b", "a<b", "a b", "a/b", "é"] {
        for path in [&*format!("{folder}stream.mpd"), "/api/v1/assets", "/"] {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
            let answer = app.raw(&request).await;
            assert!(
                answer.starts_with("HTTP/1.1 400"),
                "{host} {path}: {answer}"
            );
        }
    }
}

#[tokio::test]
async fn the_public_url_is_what_links_begin_with() {
    let app = TestApp::start_with(|config| {
        config.public_url = Some("https://video.example/reel/".to_owned());
    })
    .await;
    let package = app.ready(&clips::plain(), &json!({"scheme": "cenc"})).await;
    let url = text(&package["dash_url"]);
    let path = url
        .strip_prefix("https://video.example/reel")
        .expect("the public URL");
    let mpd = app.get(path).await.text().await.expect("text");
    assert!(
        mpd.contains("https://video.example/reel/license/clearkey"),
        "{mpd}"
    );
    let playlist = path.replace("stream.mpd", "video/playlist.m3u8");
    let playlist = app.get(&playlist).await.text().await.expect("text");
    assert!(
        playlist.contains("https://video.example/reel/license/key/"),
        "{playlist}"
    );
}

#[tokio::test]
async fn manifests_are_compressed_as_the_client_takes_it_and_segments_never() {
    let app = TestApp::start().await;
    let (_, folder) = published(&app).await;
    for file in ["stream.mpd", "master.m3u8", "video/playlist.m3u8"] {
        let path = format!("{folder}{file}");
        let plain = app.get(&path).await;
        assert_eq!(header(&plain, "vary"), "accept-encoding");
        let tag = header(&plain, "etag").to_owned();
        let plain = plain.bytes().await.expect("bytes");
        for (taken, given) in [
            ("gzip", "gzip"),
            ("gzip, deflate, br;q=0.5", "gzip"),
            ("br", "br"),
            ("zstd", "zstd"),
        ] {
            let answer = with(&app, &path, "accept-encoding", taken).await;
            assert_eq!(header(&answer, "content-encoding"), given, "{file}");
            assert_eq!(header(&answer, "vary"), "accept-encoding");
            assert_eq!(header(&answer, "etag"), format!("W/{tag}"));
            let bytes = answer.bytes().await.expect("bytes");
            assert_ne!(bytes, plain);
            if given == "gzip" {
                let mut unpacked = Vec::new();
                let mut reader = flate2::read::GzDecoder::new(&bytes[..]);
                std::io::Read::read_to_end(&mut reader, &mut unpacked).expect("gzip");
                assert_eq!(unpacked, plain);
            }
        }
        for (name, value) in [("accept-encoding", "identity"), ("range", "bytes=0-9")] {
            let request = app.client.get(app.url(&path)).header(name, value);
            let answer = request.send().await.expect("an answer");
            assert!(
                !answer.headers().contains_key("content-encoding"),
                "{value}"
            );
            assert_eq!(header(&answer, "vary"), "accept-encoding");
        }
        let weak = with(&app, &path, "if-none-match", &format!("W/{tag}")).await;
        assert_eq!(weak.status(), StatusCode::NOT_MODIFIED);
    }
    let segment = with(
        &app,
        &format!("{folder}video/1.m4s"),
        "accept-encoding",
        "gzip",
    )
    .await;
    assert!(!segment.headers().contains_key("content-encoding"));
}

/// SEC-32.
#[tokio::test]
async fn listed_origins_alone_may_read_where_they_are_listed() {
    let app = TestApp::start_with(|config| {
        config.serving.cors_origins = vec!["https://player.example".to_owned()];
    })
    .await;
    let (_, folder) = published(&app).await;
    for file in ["stream.mpd", "video/1.m4s"] {
        let path = format!("{folder}{file}");
        let listed = with(&app, &path, "origin", "https://player.example").await;
        let told = header(&listed, "access-control-allow-origin");
        assert_eq!(told, "https://player.example");
        for origin in [
            "null",
            "https://evil-player.example",
            "http://player.example",
        ] {
            let other = with(&app, &path, "origin", origin).await;
            assert!(
                !other.headers().contains_key("access-control-allow-origin"),
                "{origin}"
            );
            let vary: Vec<_> = other.headers().get_all("vary").iter().collect();
            assert!(
                vary.contains(&&"origin".parse().expect("a value")),
                "{vary:?}"
            );
        }
    }
}

#[tokio::test]
async fn what_was_deleted_is_not_served_from_memory() {
    let app = TestApp::start().await;
    let (package, folder) = published(&app).await;
    let path = format!("{folder}video/1.m4s");
    for _ in 0..3 {
        assert_eq!(app.get(&path).await.status(), StatusCode::OK);
    }
    let package = format!("/api/v1/packages/{}", text(&package["id"]));
    assert_eq!(app.delete(&package).await.status(), StatusCode::NO_CONTENT);
    problem(app.get(&path).await, 404, "not_found").await;
}

#[tokio::test]
async fn files_are_whole_where_no_memory_is_to_spare() {
    let options = json!({"scheme": "none", "segment_duration": 60});
    let mut seen = Vec::new();
    for memory in [128 << 20, 16 << 10] {
        let app = TestApp::start_with(|config| config.serving.media_memory = memory).await;
        let package = app.ready(&clips::long(), &options).await;
        let path = app.path_of(&package["dash_url"]);
        let path = path.replace("stream.mpd", "video/1.m4s");
        let whole = app.get(&path).await.bytes().await.expect("bytes");
        let end = whole.len() - 1;
        let part = with(&app, &path, "range", &format!("bytes=70000-{end}")).await;
        assert_eq!(part.bytes().await.expect("bytes"), whole.slice(70_000..));
        let several = with(&app, &path, "range", "bytes=0-99999,200000-299999").await;
        let several = several.bytes().await.expect("bytes");
        for range in [0..100_000, 200_000..300_000] {
            let wanted = &whole[range.clone()];
            let found = several.windows(wanted.len()).any(|window| window == wanted);
            assert!(found, "{range:?}");
        }
        seen.push(whole);
    }
    assert_eq!(seen[0], seen[1]);
}

/// SEC-38: what is private does not become a file by its name, and nothing private is kept by caches.
#[tokio::test]
async fn private_addresses_have_no_files_below_them() {
    let app = TestApp::start().await;
    for path in [
        "/api/v1/assets/x.css",
        "/api/v1/queue/x.js",
        "/api/v1/x.png",
        "/library/x.css",
    ] {
        let answer = app.get(path).await;
        assert_eq!(header(&answer, "cache-control"), "no-store", "{path}");
        assert_eq!(answer.status(), StatusCode::NOT_FOUND, "{path}");
    }
}
