//! Content keys are in the licence and in the answer to their owner, and nowhere else.

use crate::support::child::ServerProcess;
use crate::support::{TestApp, clips, files, json_of, sql, text};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use reqwest::StatusCode;
use serde_json::json;
use std::os::unix::fs::PermissionsExt;

pub const CANARY: [u8; 16] = *b"\xc0canary-of-key\xff\xfe";
pub const KID: &str = "a16e402b9056e371f36d348aa62bb749";

/// Every form in which the canary could leak.
fn forms() -> Vec<Vec<u8>> {
    let hex: String = CANARY.iter().map(|byte| format!("{byte:02x}")).collect();
    let bare = |text: String| text.trim_end_matches('=').to_owned();
    let texts = [
        hex.to_uppercase(),
        hex,
        bare(STANDARD.encode(CANARY)),
        bare(URL_SAFE.encode(CANARY)),
    ];
    let decimal = format!("{CANARY:?}").trim_matches(['[', ']']).to_owned();
    let texts = texts.into_iter().chain([decimal]).map(String::into_bytes);
    texts.chain([CANARY.to_vec()]).collect()
}

pub fn holds_canary(bytes: &[u8]) -> bool {
    forms()
        .iter()
        .any(|form| bytes.windows(form.len()).any(|window| window == form))
}

#[test]
fn the_canary_is_found_where_it_is() {
    assert!(holds_canary(&[b"xx", CANARY.as_slice()].concat()));
    assert!(holds_canary(
        format!("k={}", URL_SAFE.encode(CANARY)).as_bytes()
    ));
    assert!(!holds_canary(b"nothing of the kind"));
}

#[test]
fn sec_27_no_key_is_in_the_folder_its_backups_the_log_the_arguments_or_the_answers() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = ServerProcess::start(dir.path());
    let app = TestApp::of_process(&process.base, dir);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        assert_packages_hold_no_canary(&app).await;
        assert_errors_hold_no_canary(&app).await;
        let pages = ["/", "/videos/", "/packaged_content/1"];
        let lists = ["/api/v1/assets", "/api/v1/packages", "/api/v1/jobs"];
        for path in pages.into_iter().chain(lists) {
            assert!(!holds_canary(&bytes_of(&app, path).await), "{path}");
        }
        // The owner and the player get it, and the search would find it.
        for path in ["/packaged_content_id/1", &format!("/license/key/{KID}")] {
            assert!(holds_canary(&bytes_of(&app, path).await), "{path}");
        }
        assert!(!holds_canary(process.arguments().as_bytes()));
        assert_folder_holds_no_canary(&app);
        assert_backups_hold_no_canary(&app).await;
        let (status, log) = process.terminate();
        assert!(status.success());
        assert!(log.contains("the package is published"), "no log: {log}");
        assert!(!holds_canary(log.as_bytes()));
        assert_folder_holds_no_canary(&app);
    });
}

async fn bytes_of(app: &TestApp, path: &str) -> Vec<u8> {
    let answer = app.get(path).await;
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.bytes().await.expect("bytes").to_vec()
}

/// Packages with the canary as their key, and looks into their files as players see them.
async fn assert_packages_hold_no_canary(app: &TestApp) {
    for scheme in ["cbcs", "cenc"] {
        let options = json!({"scheme": scheme, "kid": KID, "key": URL_SAFE.encode(CANARY)});
        let package = app.ready(&clips::plain(), &options).await;
        let mpd = app.path_of(&package["dash_url"]);
        let manifests = ["stream.mpd", "master.m3u8", "video/playlist.m3u8"];
        for file in manifests
            .into_iter()
            .chain(["video/init.mp4", "video/1.m4s"])
        {
            let bytes = bytes_of(app, &mpd.replace("stream.mpd", file)).await;
            assert!(!holds_canary(&bytes), "{file}");
        }
    }
}

/// Sends the canary in requests that are wrong.
async fn assert_errors_hold_no_canary(app: &TestApp) {
    let hex: String = CANARY.iter().map(|byte| format!("{byte:02x}")).collect();
    let too_long = json!({"input_content_id": 1, "kid": KID, "key": format!("{hex}00")});
    let no_json = format!("{{\"kid\": \"{KID}\", \"key\": \"{hex}\", }}");
    for body in [too_long.to_string(), no_json] {
        for path in ["/packaged_content", "/license/clearkey"] {
            let request = app.client.post(app.url(path)).body(body.clone());
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::BAD_REQUEST);
            assert!(!holds_canary(&answer.bytes().await.expect("bytes")));
        }
    }
}

fn assert_folder_holds_no_canary(app: &TestApp) {
    for file in files(app.dir()) {
        let bytes = std::fs::read(&file).expect("a file");
        assert!(!holds_canary(&bytes), "{}", file.display());
    }
}

/// Backs up the server that runs, with all objects, and looks into every file of it.
async fn assert_backups_hold_no_canary(app: &TestApp) {
    let safe = tempfile::tempdir().expect("a folder");
    let (place, to) = (
        crate::rotation::place(app.dir()),
        safe.path().join("backup"),
    );
    let folder = to.clone();
    let making = tokio::task::spawn_blocking(move || server::backup(&place, &folder, true));
    let report = making.await.expect("it ran").expect("a backup");
    assert!(report.objects > 5, "{report:?}");
    let kid = KID.as_bytes();
    let mut named = false;
    for file in files(&to) {
        let bytes = std::fs::read(&file).expect("a file");
        assert!(!holds_canary(&bytes), "{}", file.display());
        named |= bytes.windows(kid.len()).any(|window| window == kid);
    }
    assert!(
        named,
        "no file names the key: it is not this server's backup"
    );
}

#[tokio::test]
async fn the_folder_and_the_key_file_are_private() {
    let parent = tempfile::tempdir().expect("a folder");
    let data_dir = parent.path().join("data");
    let chosen = data_dir.clone();
    let app = TestApp::start_with(|config| config.data_dir = chosen).await;
    let mode =
        |path: &std::path::Path| path.metadata().expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&data_dir), 0o700);
    assert_eq!(mode(&data_dir.join("content-keys.key")), 0o600);
    drop(app);
}

#[tokio::test]
async fn keys_and_seeds_are_made_anew_for_every_packaging() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let mut kids = std::collections::HashSet::new();
    let mut first_segments = std::collections::HashSet::new();
    for _ in 0..2 {
        let package = app.ended(&app.order(&asset, &json!({})).await).await;
        kids.insert(text(&package["kid"]).to_owned());
    }
    assert_eq!(kids.len(), 2);
    // The same key twice: the IVs differ, and so does every encrypted byte.
    for _ in 0..2 {
        let options = json!({"scheme": "cenc", "kid": KID, "key": URL_SAFE.encode(CANARY)});
        let package = app.ended(&app.order(&asset, &options).await).await;
        let path = app
            .path_of(&package["dash_url"])
            .replace("stream.mpd", "video/1.m4s");
        first_segments.insert(app.get(&path).await.bytes().await.expect("bytes"));
    }
    assert_eq!(first_segments.len(), 2);
}

#[tokio::test]
async fn a_key_that_was_moved_to_another_package_does_not_open() {
    let app = TestApp::start().await;
    let first = app.ready(&clips::numbered(0), &json!({})).await;
    let second = app.ready(&clips::numbered(1), &json!({})).await;
    let dir = app.stop().await;
    sql::run(
        dir.path(),
        "UPDATE content_keys SET wrapped_key = (SELECT wrapped_key FROM content_keys \
         WHERE packaged_content_id = 2) WHERE packaged_content_id = 1",
    )
    .await;
    let app = TestApp::start_in(dir, |_| ()).await;
    let path = |package: &serde_json::Value| {
        format!("/license/key/{}", text(&package["kid"]).replace('-', ""))
    };
    let answer = app.get(&path(&first)).await;
    json_of(answer, StatusCode::INTERNAL_SERVER_ERROR).await;
    assert_eq!(app.get(&path(&second)).await.status(), StatusCode::OK);
}
