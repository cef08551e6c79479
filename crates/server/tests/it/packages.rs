//! Packages: ordered, made, decrypted again, listed, deleted.

use crate::support::{TestApp, clips, files, json_of, problem, stored_files, text};
use packager::{ContentKey, MemorySource, Source};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::path::Path;

const KID: &str = "a16e402b9056e371f36d348aa62bb749";
const KEY: &str = "00112233445566778899aabbccddeeff";

#[tokio::test]
async fn a_package_is_the_video_again_when_it_is_decrypted() {
    let app = TestApp::start().await;
    for (scheme, encrypt) in [("cbcs", "all"), ("cbcs", "video"), ("cenc", "all")] {
        let options = json!({"scheme": scheme, "encrypt": encrypt, "kid": KID, "key": KEY});
        let package = app.ready(&clips::plain(), &options).await;
        assert_eq!(package["renditions"].as_array().map(Vec::len), Some(2));
        for (index, kind) in [(0, "v"), (1, "a")] {
            let rendition = &package["renditions"][index];
            let clear = encrypt == "video" && kind == "a";
            assert_eq!(rendition["encrypted"], !clear, "{package}");
            let whole = download(&app, &package, rendition).await;
            let keys = [ContentKey::parse(&format!("{KID}:{KEY}")).expect("a key")];
            let keys = if clear { &[][..] } else { &keys[..] };
            assert_same_frames(whole, keys, kind);
        }
    }
}

/// Downloads the init segment and all media segments of a rendition.
async fn download(app: &TestApp, package: &Value, rendition: &Value) -> Vec<Vec<u8>> {
    let mpd = app.path_of(&package["dash_url"]);
    let folder = mpd.strip_suffix("stream.mpd").expect("the MPD's name");
    let name = text(&rendition["name"]);
    let segments = rendition["segments"].as_u64().expect("a count");
    let mut parts = Vec::new();
    for file in std::iter::once("init.mp4".to_owned())
        .chain((1..=segments).map(|number| format!("{number}.m4s")))
    {
        let answer = app.get(&format!("{folder}{name}/{file}")).await;
        assert_eq!(answer.status(), StatusCode::OK);
        parts.push(answer.bytes().await.expect("bytes").to_vec());
    }
    parts
}

/// Without keys, the parts must be clear.
fn assert_same_frames(parts: Vec<Vec<u8>>, keys: &[ContentKey], kind: &str) {
    let in_order = parts.concat();
    let sources: Vec<MemorySource> = parts.into_iter().map(MemorySource).collect();
    let inputs: Vec<&dyn Source> = sources.iter().map(|part| part as &dyn Source).collect();
    let mut clear = Vec::new();
    if keys.is_empty() {
        clear = in_order;
    } else {
        packager::decrypt(&inputs, keys, &mut clear).expect("decrypted");
    }
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("clear.mp4");
    std::fs::write(&path, clear).expect("written");
    let (source, output) = (hashes(&clips::plain(), kind), hashes(&path, kind));
    assert!(!source.is_empty());
    assert_eq!(source, output);
}

/// The hashes of the decoded frames of the first track of a kind, from the start of the presentation on.
///
/// ffmpeg shows the encoder's priming of a fragmented file, before the start that the edit list says.
fn hashes(file: &Path, kind: &str) -> Vec<String> {
    let listing = clips::frames(file, kind);
    let frames = listing.lines().filter(|line| !line.starts_with('#'));
    let fields = frames.map(|line| line.split(',').map(str::trim).collect::<Vec<_>>());
    fields
        .filter(|fields| !fields[2].starts_with('-'))
        .map(|fields| fields[5].to_owned())
        .collect()
}

#[tokio::test]
async fn a_package_says_all_that_was_promised() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::plain()).await;
    let path = format!("/api/v1/assets/{}/packages", text(&asset["id"]));
    let answer = app.post(&path).await;
    let location = answer.headers()["location"]
        .to_str()
        .expect("text")
        .to_owned();
    let ordered = json_of(answer, StatusCode::ACCEPTED).await;
    assert_eq!(
        location,
        app.url(&format!("/api/v1/packages/{}", text(&ordered["id"])))
    );
    assert_eq!(ordered["dash_url"], Value::Null);
    assert_eq!(ordered["asset_id"], asset["id"]);
    let ready = app.ended(&ordered).await;
    assert_eq!(ready["status"], "Ready");
    assert_eq!(ready["scheme"], "cbcs");
    assert_eq!(ready["encrypt"], "all");
    assert_eq!(ready["segment_duration"], 4.0);
    assert_eq!(ready["error"], Value::Null);
    assert_eq!(text(&ready["kid"]).len(), 36);
    assert_eq!(ready["job"]["state"], "done");
    assert_eq!(ready["job"]["progress"], 1.0);
    assert_eq!(ready["job"]["package_id"], ready["id"]);
    assert!(text(&ready["hls_url"]).ends_with("/dash/master.m3u8"));
    assert!(text(&ready["ready_at"]).ends_with('Z'));
    let folder = app.dir().join("packages");
    let bytes: u64 = files(&folder)
        .iter()
        .map(|file| file.metadata().expect("a file").len())
        .sum();
    assert_eq!(ready["size"].as_u64(), Some(bytes));
}

#[tokio::test]
async fn options_are_checked_field_by_field() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::numbered(0)).await;
    let path = format!("/api/v1/assets/{}/packages", text(&asset["id"]));
    for (body, field) in [
        (json!({"scheme": "cens"}), "scheme"),
        (json!({"scheme": 1}), "scheme"),
        (json!({"scheme": "none", "kid": KID}), "scheme"),
        (json!({"encrypt": "sound"}), "encrypt"),
        (json!({"kid": "short"}), "kid"),
        (json!({"key": "a1b2"}), "key"),
        (json!({"segment_duration": 0}), "segment_duration"),
        (json!({"segment_duration": "4"}), "segment_duration"),
    ] {
        let found = problem(app.post_json(&path, &body).await, 400, "invalid_request").await;
        assert_eq!(found["field"], field, "{found}");
        assert_eq!(found["errors"][0]["pointer"], format!("/{field}"));
    }
    let body = json!({"scheme": 7, "kid": "short", "state": "Ready", "a/b~": 1});
    let found = problem(app.post_json(&path, &body).await, 422, "unknown_field").await;
    let errors = found["errors"].as_array().expect("a list").iter();
    let pointers: Vec<&str> = errors.map(|error| text(&error["pointer"])).collect();
    assert_eq!(pointers, ["/a~1b~0", "/state", "/scheme", "/kid"]);
    for body in ["{", "[]", "7", "\"text\""] {
        let request = app.client.post(app.url(&path)).body(body);
        problem(
            request.send().await.expect("an answer"),
            400,
            "invalid_request",
        )
        .await;
    }
    let packages = app.get_json("/api/v1/packages").await;
    assert_eq!(packages["data"], json!([]), "nothing was ordered");
}

#[tokio::test]
async fn clear_packages_need_no_key_and_name_none() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::plain(), &json!({"scheme": "none"})).await;
    assert_eq!(package["kid"], Value::Null);
    let mpd = app.get(&app.path_of(&package["dash_url"])).await;
    let mpd = mpd.text().await.expect("text");
    assert!(
        !mpd.contains("ContentProtection") && !mpd.contains("license"),
        "{mpd}"
    );
}

#[tokio::test]
async fn packaging_again_leaves_earlier_packages_valid() {
    let app = TestApp::start().await;
    let asset = app.upload(&clips::plain()).await;
    let first = app.ended(&app.order(&asset, &json!({})).await).await;
    let options = json!({"scheme": "cenc", "segment_duration": 2});
    let second = app.ended(&app.order(&asset, &options).await).await;
    assert_ne!(first["id"], second["id"]);
    assert_ne!(first["kid"], second["kid"]);
    for package in [&first, &second] {
        let answer = app.get(&app.path_of(&package["dash_url"])).await;
        assert_eq!(answer.status(), StatusCode::OK);
    }
    let seen = app
        .get_json(&format!("/api/v1/assets/{}", text(&asset["id"])))
        .await;
    assert_eq!(seen["packages"][0]["id"], second["id"], "newest first");
    assert_eq!(seen["packages"][1]["id"], first["id"]);
}

#[tokio::test]
async fn packages_are_listed_page_by_page_and_by_asset() {
    let app = TestApp::start().await;
    let mut ids = Vec::new();
    let mut assets = Vec::new();
    for number in 0..3 {
        let package = app.ready(&clips::numbered(number), &json!({})).await;
        ids.insert(0, package["id"].clone());
        assets.push(package["asset_id"].clone());
    }
    let first = app.get_json("/api/v1/packages?limit=2").await;
    let cursor = text(&first["next_cursor"]).to_owned();
    let second = app
        .get_json(&format!("/api/v1/packages?limit=2&cursor={cursor}"))
        .await;
    assert_eq!(second["next_cursor"], Value::Null);
    let seen: Vec<&Value> = [&first, &second]
        .iter()
        .flat_map(|page| page["data"].as_array().expect("a list"))
        .map(|package| &package["id"])
        .collect();
    assert_eq!(seen, ids.iter().collect::<Vec<_>>());
    let path = format!("/api/v1/packages?asset_id={}", text(&assets[1]));
    let of_one = app.get_json(&path).await;
    assert_eq!(of_one["data"].as_array().map(Vec::len), Some(1));
    assert_eq!(of_one["data"][0]["id"], ids[1]);
    for bad in ["limit=0", "limit=201", "limit=x", "cursor=x", "cursor=-1"] {
        let answer = app.get(&format!("/api/v1/packages?{bad}")).await;
        let found = problem(answer, 400, "invalid_request").await;
        assert_eq!(Some(text(&found["field"])), bad.split('=').next());
    }
}

#[tokio::test]
async fn a_deleted_package_is_gone_with_its_files_and_keys() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::plain(), &json!({"kid": KID})).await;
    let path = format!("/api/v1/packages/{}", text(&package["id"]));
    let mpd = app.path_of(&package["dash_url"]);
    assert_eq!(app.delete(&path).await.status(), StatusCode::NO_CONTENT);
    problem(app.get(&path).await, 404, "not_found").await;
    problem(app.delete(&path).await, 404, "not_found").await;
    problem(app.get(&mpd).await, 404, "not_found").await;
    problem(
        app.get(&format!("/license/key/{KID}")).await,
        404,
        "not_found",
    )
    .await;
    assert_eq!(stored_files(app.dir()).len(), 1, "the source alone is left");
    problem(app.get("/api/v1/packages/pkg_none").await, 404, "not_found").await;
    let answer = app.post("/api/v1/assets/ast_none/packages").await;
    problem(answer, 404, "not_found").await;
}
