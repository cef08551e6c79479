//! tus 1.0, header by header.

use crate::support::tus::{header, number, sha256};
use crate::support::{TestApp, clips, json_of, problem, stored_files, text};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use serde_json::Value;
use sha1::Digest;

#[tokio::test]
async fn the_server_says_what_it_knows() {
    let app = TestApp::start().await;
    for path in ["/api/v1/uploads", "/api/v1/uploads/upl_x"] {
        // Only this request comes without a version.
        let answer = app
            .client
            .request(reqwest::Method::OPTIONS, app.url(path))
            .send()
            .await;
        let answer = answer.expect("an answer");
        assert_eq!(answer.status(), 204);
        assert_eq!(header(&answer, "tus-version"), "1.0.0");
        assert_eq!(
            header(&answer, "tus-extension"),
            "creation,creation-with-upload,creation-defer-length,termination,expiration,checksum"
        );
        assert_eq!(
            header(&answer, "tus-checksum-algorithm"),
            "sha1,sha256,crc32c"
        );
        assert_eq!(number(&answer, "tus-max-size"), 256 << 30);
    }
}

#[tokio::test]
async fn another_version_is_refused() {
    let app = TestApp::start().await;
    for version in [None, Some("0.2.2")] {
        let mut request = app
            .client
            .post(app.url("/api/v1/uploads"))
            .header("upload-length", 1);
        if let Some(version) = version {
            request = request.header("tus-resumable", version);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(header(&answer, "tus-version"), "1.0.0");
        problem(answer, 412, "tus_version").await;
    }
}

#[tokio::test]
async fn a_file_in_pieces_becomes_an_asset() {
    let app = TestApp::start().await;
    let bytes = std::fs::read(clips::plain()).expect("the clip");
    let upload = app.begin(bytes.len() as u64, "a b.mp4").await;
    let answer = upload.head().await;
    assert_eq!(answer.status(), 200);
    assert_eq!(number(&answer, "upload-offset"), 0);
    assert_eq!(number(&answer, "upload-length"), bytes.len() as u64);
    assert_eq!(header(&answer, "cache-control"), "no-store");
    assert_eq!(header(&answer, "tus-resumable"), "1.0.0");
    assert_eq!(
        header(&answer, "upload-metadata"),
        format!("filename {}", STANDARD.encode("a b.mp4"))
    );
    assert!(header(&answer, "upload-expires").ends_with(" GMT"));
    let (first, rest) = bytes.split_at(1000);
    let answer = upload.append(0, first.to_vec()).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(number(&answer, "upload-offset"), 1000);
    assert_eq!(header(&answer, "reelpack-state"), "receiving");
    assert_eq!(upload.offset().await, 1000);
    let found = upload.json().await;
    assert_eq!(
        (&found["state"], &found["offset"]),
        (&"receiving".into(), &1000.into())
    );

    let answer = upload.append(1000, rest.to_vec()).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(header(&answer, "reelpack-state"), "done");
    let asset = header(&answer, "reelpack-asset");
    let asset = app.get_json(&format!("/api/v1/assets/{asset}")).await;
    assert_eq!(asset["name"], "a b.mp4");
    assert_eq!(asset["sha256"], sha256(&bytes));
    let found = upload.json().await;
    assert_eq!(
        (&found["state"], &found["asset_id"]),
        (&"done".into(), &asset["id"])
    );
    assert_eq!(upload.offset().await, bytes.len() as u64);
    // Whoever did not hear the answer may ask again.
    let answer = upload.append(bytes.len() as u64, Vec::new()).await;
    assert_eq!(answer.status(), 204);
    assert_eq!(header(&answer, "reelpack-asset"), text(&asset["id"]));
    let package = app
        .ended(&app.order(&asset, &serde_json::json!({})).await)
        .await;
    assert_eq!(package["status"], "Ready", "{package}");
}

#[tokio::test]
async fn bytes_may_come_with_the_beginning_and_the_length_later() {
    let app = TestApp::start().await;
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    let request = app
        .tus("POST", "/api/v1/uploads")
        .header("upload-length", bytes.len())
        .header("content-type", "application/offset+octet-stream")
        .body(bytes.clone());
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    assert_eq!(number(&answer, "upload-offset"), bytes.len() as u64);
    let first = header(&answer, "reelpack-asset");
    let upload = app.upload_at(&header(&answer, "location"));
    assert_eq!(upload.json().await["state"], "done");

    let request = app
        .tus("POST", "/api/v1/uploads")
        .header("upload-defer-length", 1);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 201);
    let upload = app.upload_at(&header(&answer, "location"));
    let answer = upload.head().await;
    assert_eq!(header(&answer, "upload-defer-length"), "1");
    assert!(!answer.headers().contains_key("upload-length"));
    assert_eq!(upload.append(0, bytes.clone()).await.status(), 204);
    let end = bytes.len() as u64;
    let too_short = upload
        .appending(end, Vec::new())
        .header("upload-length", end - 1);
    problem(
        too_short.send().await.expect("an answer"),
        400,
        "invalid_request",
    )
    .await;
    let last = upload
        .appending(end, Vec::new())
        .header("upload-length", end);
    let answer = last.send().await.expect("an answer");
    assert_eq!(answer.status(), 204);
    // The same bytes once more: both assets are there, and the later one says so.
    let second = header(&answer, "reelpack-asset");
    assert_eq!(upload.json().await["duplicate_of"], first);
    let asset = app.get_json(&format!("/api/v1/assets/{second}")).await;
    assert_eq!(asset["duplicate_of"], first);
    let list = app.get_json("/api/v1/assets").await;
    assert_eq!(list["data"][0]["duplicate_of"], first);
    assert_eq!(list["data"][1]["duplicate_of"], Value::Null);
}

#[tokio::test]
async fn a_wrong_request_changes_nothing() {
    let app = TestApp::start().await;
    let upload = app.begin(10, "x.mp4").await;
    assert_eq!(upload.append(0, "abc").await.status(), 204);
    problem(upload.append(2, "x").await, 409, "conflict").await;
    problem(upload.append(4, "x").await, 409, "conflict").await;
    let no_offset = app
        .tus("PATCH", &upload.path)
        .header("content-type", "application/offset+octet-stream");
    problem(
        no_offset.send().await.expect("an answer"),
        400,
        "invalid_request",
    )
    .await;
    let typed = app
        .tus("PATCH", &upload.path)
        .header("upload-offset", 3)
        .body("x");
    problem(typed.send().await.expect("an answer"), 415, "content_type").await;
    problem(upload.append(3, "12345678").await, 413, "too_large").await;
    let other_length = upload.appending(3, "x").header("upload-length", 11);
    problem(
        other_length.send().await.expect("an answer"),
        400,
        "invalid_request",
    )
    .await;
    assert_eq!(upload.offset().await, 3);
    for (name, value) in [
        ("upload-length", "-1"),
        ("upload-length", "x"),
        ("upload-defer-length", "2"),
        ("upload-metadata", "a"),
    ] {
        let request = app.tus("POST", "/api/v1/uploads").header(name, value);
        problem(
            request.send().await.expect("an answer"),
            400,
            "invalid_request",
        )
        .await;
    }
    let nowhere = app.upload_at("/api/v1/uploads/upl_nobody");
    assert_eq!(nowhere.head().await.status(), 404);
    problem(nowhere.append(0, "x").await, 404, "not_found").await;
    problem(nowhere.end().await, 404, "not_found").await;
    problem(
        app.get("/api/v1/uploads/..%2f..%2fetc").await,
        404,
        "not_found",
    )
    .await;
}

#[tokio::test]
async fn a_wrong_checksum_keeps_the_offset() {
    let app = TestApp::start().await;
    let upload = app.begin(1000, "x.mp4").await;
    let bytes = b"a piece of the file".to_vec();
    let right = [
        ("sha1", STANDARD.encode(sha1::Sha1::digest(&bytes))),
        ("sha256", STANDARD.encode(sha2::Sha256::digest(&bytes))),
        (
            "crc32c",
            STANDARD.encode(crc32c::crc32c(&bytes).to_be_bytes()),
        ),
    ];
    let mut offset = 0;
    for (algorithm, sum) in right {
        let mut flipped = bytes.clone();
        for bit in 0..bytes.len() * 8 {
            flipped[bit / 8] ^= 1 << (bit % 8);
            let request = upload.appending(offset, flipped.clone());
            let request = request.header("upload-checksum", format!("{algorithm} {sum}"));
            let answer = request.send().await.expect("an answer");
            problem(answer, 460, "checksum_mismatch").await;
            flipped[bit / 8] ^= 1 << (bit % 8);
        }
        assert_eq!(upload.offset().await, offset);
        let request = upload.appending(offset, bytes.clone());
        let request = request.header("upload-checksum", format!("{algorithm} {sum}"));
        assert_eq!(request.send().await.expect("an answer").status(), 204);
        offset += bytes.len() as u64;
        assert_eq!(upload.offset().await, offset);
    }
    for wrong in ["md5 AAAA", "sha1 x", "sha1"] {
        let request = upload
            .appending(offset, "x")
            .header("upload-checksum", wrong);
        problem(
            request.send().await.expect("an answer"),
            400,
            "invalid_request",
        )
        .await;
    }
}

#[tokio::test]
async fn a_file_that_is_no_video_is_refused_and_the_reason_stays() {
    let app = TestApp::start().await;
    let picture = std::fs::read(clips::png()).expect("the clip");
    for bytes in [picture, b"#EXTM3U\n#EXTINF:1,\na.ts\n".to_vec()] {
        let upload = app.begin(bytes.len() as u64, "x.mp4").await;
        let refused = problem(upload.append(0, bytes.clone()).await, 422, "unusable_media").await;
        let found = upload.json().await;
        assert_eq!(found["state"], "refused");
        assert_eq!(found["error"], refused["detail"]);
        let head = upload.head().await;
        assert_eq!(
            (head.status(), header(&head, "reelpack-state").as_str()),
            (StatusCode::OK, "refused")
        );
        let again = upload.append(bytes.len() as u64, Vec::new()).await;
        problem(again, 422, "unusable_media").await;
    }
    let empty = app.ask_to_begin(0).await;
    assert!(empty.headers().contains_key("location"));
    problem(empty, 422, "unusable_media").await;
    assert!(stored_files(app.dir()).is_empty());
    let list = app.get_json("/api/v1/uploads?limit=2").await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(2));
    let next = text(&list["next_cursor"]);
    let rest = app
        .get_json(&format!("/api/v1/uploads?cursor={next}"))
        .await;
    assert_eq!(rest["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn an_upload_that_is_ended_is_gone_and_its_asset_stays() {
    let app = TestApp::start().await;
    let upload = app.begin(10, "x.mp4").await;
    upload.append(0, "abc").await;
    assert_eq!(upload.end().await.status(), 204);
    assert_eq!(upload.head().await.status(), 404);
    problem(upload.append(3, "x").await, 404, "not_found").await;
    assert!(stored_files(app.dir()).is_empty());
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    let upload = app.begin(bytes.len() as u64, "x.mp4").await;
    let asset = header(&upload.append(0, bytes).await, "reelpack-asset");
    assert_eq!(upload.end().await.status(), 204);
    app.get_json(&format!("/api/v1/assets/{asset}")).await;
}

#[tokio::test]
async fn methods_may_be_named_in_a_header() {
    let app = TestApp::start().await;
    let upload = app.begin(10, "x.mp4").await;
    let posted = |method: &str| {
        let request = app.tus("POST", &upload.path);
        request.header("x-http-method-override", method)
    };
    let patch = posted("PATCH")
        .header("upload-offset", 0)
        .header("content-type", "application/offset+octet-stream")
        .body("abc");
    let answer = patch.send().await.expect("an answer");
    assert_eq!(
        (answer.status().as_u16(), number(&answer, "upload-offset")),
        (204, 3)
    );
    assert_eq!(
        posted("DELETE").send().await.expect("an answer").status(),
        204
    );
    problem(
        posted("GET").send().await.expect("an answer"),
        405,
        "method_not_allowed",
    )
    .await;
}

#[tokio::test]
async fn names_are_text_and_never_paths() {
    let app = TestApp::start().await;
    let bytes = std::fs::read(clips::numbered(0)).expect("the clip");
    for (name, shown) in [
        ("../../../etc/passwd", "passwd"),
        ("a\0b\r\nset-cookie: x.mp4", "abset-cookie: x.mp4"),
        ("-i", "-i"),
        ("|cmd", "|cmd"),
        ("\u{202e}4pm.exe", "4pm.exe"),
        ("<script>alert(1)</script>", "script>"),
    ] {
        let upload = app.begin(bytes.len() as u64, name).await;
        let asset = header(&upload.append(0, bytes.clone()).await, "reelpack-asset");
        let asset = app.get_json(&format!("/api/v1/assets/{asset}")).await;
        assert_eq!(asset["name"], shown);
    }
    let page = app.get("/videos/").await.text().await.expect("a page");
    assert!(!page.contains("script>"), "{page}");
    let long = STANDARD.encode("x".repeat(65_536));
    let request = app
        .tus("POST", "/api/v1/uploads")
        .header("upload-length", 1);
    let request = request.header("upload-metadata", format!("filename {long}"));
    let status = request.send().await.expect("an answer").status();
    assert!(matches!(status.as_u16(), 400 | 431), "{status}");
}

#[tokio::test]
async fn pages_of_other_sites_upload_nothing() {
    let app = TestApp::start().await;
    let request = app
        .tus("POST", "/api/v1/uploads")
        .header("upload-length", 1);
    let request = request.header("sec-fetch-site", "cross-site");
    problem(request.send().await.expect("an answer"), 403, "cross_site").await;
    let none = app.get("/api/v1/uploads").await;
    assert_eq!(
        json_of(none, StatusCode::OK).await["data"],
        serde_json::json!([])
    );
}
