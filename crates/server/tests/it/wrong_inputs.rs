//! Wrong inputs: a clear error, a server that lives on, and nothing left behind.

use crate::support::{TestApp, clips, json_of, problem, stored_files, text};
use reqwest::StatusCode;
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

/// Gives a file to both APIs; returns what the new one says.
async fn refused(app: &TestApp, name: &str, bytes: Vec<u8>) -> String {
    let answer = app.post_file("/success", name, bytes.clone()).await;
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{name}");
    let answer = app.post_file("/api/v1/assets", name, bytes).await;
    let found = problem(answer, 422, "unusable_media").await;
    let reason = text(&found["detail"]).to_owned();
    assert!(reason.len() > 10, "{name}: {reason}");
    assert!(
        stored_files(app.dir()).is_empty(),
        "{name} left something behind"
    );
    reason
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).expect("the clip")
}

#[tokio::test]
async fn what_is_no_video_is_refused() {
    let app = TestApp::start().await;
    refused(&app, "empty.mp4", Vec::new()).await;
    refused(
        &app,
        "text.mp4",
        b"This is a text, whatever its name says.\n".repeat(100),
    )
    .await;
    refused(&app, "picture.png", read(&clips::png())).await;
    refused(&app, "picture.mp4", read(&clips::png())).await;
    refused(&app, "zeros.mp4", vec![0; 100_000]).await;
    assert_eq!(app.get_json("/api/v1/assets").await["data"], json!([]));
    app.ready(&clips::numbered(0), &json!({})).await;
}

#[tokio::test]
async fn a_file_cut_at_ten_places_is_refused() {
    let app = TestApp::start().await;
    for whole in [read(&clips::plain()), read(&clips::index_first())] {
        for tenth in 0..10 {
            let end = (whole.len() * tenth / 10 + 7).min(whole.len() - 1);
            refused(&app, "cut.mp4", whole[..end].to_vec()).await;
        }
        refused(&app, "cut.mp4", whole[..whole.len() - 1].to_vec()).await;
    }
}

#[tokio::test]
async fn an_absurd_sample_count_is_refused() {
    let app = TestApp::start().await;
    for (fourcc, offset) in [(b"stsz", 12), (b"stts", 8), (b"stco", 8), (b"stsc", 8)] {
        let mut bytes = read(&clips::plain());
        let at = bytes
            .windows(4)
            .rposition(|window| window == fourcc)
            .expect("the box");
        bytes[at + offset..at + offset + 4].copy_from_slice(&u32::MAX.to_be_bytes());
        refused(&app, "absurd.mp4", bytes).await;
    }
}

#[tokio::test]
async fn two_files_of_one_name_are_two_assets() {
    let app = TestApp::start().await;
    let (first, second) = (read(&clips::numbered(0)), read(&clips::numbered(1)));
    let (one, other) = tokio::join!(
        app.post_file("/api/v1/assets", "same.mp4", first.clone()),
        app.post_file("/api/v1/assets", "same.mp4", second.clone()),
    );
    let one = json_of(one, StatusCode::CREATED).await;
    let other = json_of(other, StatusCode::CREATED).await;
    assert_ne!(one["id"], other["id"]);
    assert_ne!(one["sha256"], other["sha256"]);
    assert_eq!(
        (&one["size"], &other["size"]),
        (&json!(first.len()), &json!(second.len()))
    );
}

#[tokio::test]
async fn names_never_become_paths() {
    let app = TestApp::start().await;
    for name in [
        "../../escape.mp4",
        "/etc/escape.mp4",
        "a/../../escape.mp4",
        "-i.mp4",
        "$(touch x).mp4",
    ] {
        let answer = app
            .post_file("/api/v1/assets", name, read(&clips::numbered(0)))
            .await;
        let asset = json_of(answer, StatusCode::CREATED).await;
        assert!(!text(&asset["name"]).contains(['/', '\0']), "{asset}");
    }
    // A form whose headers hold NUL is no form.
    let answer = app.post_file("/api/v1/assets", "nul\0.mp4", read(&clips::numbered(0)));
    problem(answer.await, 400, "invalid_request").await;
    let stored = stored_files(app.dir());
    assert_eq!(stored.len(), 5);
    for path in stored {
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        assert!(
            name.bytes().all(|byte| byte.is_ascii_alphanumeric()),
            "{name}"
        );
        assert_eq!(path.parent(), Some(app.dir().join("sources").as_path()));
    }
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing() {
    let app = TestApp::start().await;
    let clip = read(&clips::plain());
    let head = "--cut\r\nContent-Disposition: form-data; name=\"file\"; filename=\"x.mp4\"\r\n\r\n";
    for path in ["/success", "/api/v1/assets"] {
        let address = app.base.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("connected");
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=cut\r\n\
             Content-Length: {}\r\n\r\n{head}",
            clip.len() + 1000
        );
        stream.write_all(request.as_bytes()).expect("sent");
        stream.write_all(&clip).expect("sent");
        seen_within_patience(|| !stored_files(app.dir()).is_empty()).await;
        drop(stream);
        seen_within_patience(|| stored_files(app.dir()).is_empty()).await;
    }
    assert_eq!(app.get_json("/api/v1/assets").await["data"], json!([]));
}

/// Waits for something that only the file system tells.
async fn seen_within_patience(condition: impl Fn() -> bool) {
    let looking = async {
        let mut interval = tokio::time::interval(std::time::Duration::from_millis(10));
        while !condition() {
            interval.tick().await;
        }
    };
    let patience = std::time::Duration::from_secs(30);
    tokio::time::timeout(patience, looking)
        .await
        .expect("it was not seen");
}
