//! 48 uploads and 6 packagings at once: nobody gets anything of another.

use crate::support::{TestApp, clips, json_of, text};
use packager::{ContentKey, KeyId, MemorySource, Source};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::Arc;

const UPLOADS: u32 = 48;
const PACKAGINGS: u32 = 6;

/// A video like no other: its number of frames, and a box at its end that players skip.
fn variant(number: u32) -> Vec<u8> {
    let mut bytes = std::fs::read(clips::numbered(number % PACKAGINGS)).expect("the clip");
    bytes.extend(12_u32.to_be_bytes());
    bytes.extend(b"free");
    bytes.extend(number.to_be_bytes());
    bytes
}

fn frames(number: u32) -> u64 {
    u64::from(50 + number % PACKAGINGS)
}

async fn upload(app: Arc<TestApp>, number: u32) -> Value {
    let name = format!("upload-{number}.mp4");
    let answer = app
        .post_file("/api/v1/assets", &name, variant(number))
        .await;
    json_of(answer, StatusCode::CREATED).await
}

async fn package(app: Arc<TestApp>, asset: Value, number: u8) -> Value {
    let keys = content_key(number);
    let key: String = keys
        .value
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let body = json!({
        "input_content_id": asset["input_content_id"], "kid": keys.kid.hex(), "key": key,
    });
    json_of(
        app.post_json("/packaged_content", &body).await,
        StatusCode::OK,
    )
    .await
}

fn content_key(number: u8) -> ContentKey {
    ContentKey {
        kid: KeyId([number + 1; 16]),
        value: [number + 101; 16],
    }
}

fn assert_is_variant(asset: &Value, number: u32) {
    let digest = Sha256::digest(variant(number));
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(asset["name"], format!("upload-{number}.mp4"));
    assert_eq!(asset["sha256"], digest, "{asset}");
    assert_eq!(
        asset["tracks"][0]["sample_count"],
        frames(number),
        "{asset}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn forty_eight_uploads_and_six_packagings_at_once() {
    let app = Arc::new(TestApp::start().await);
    let mut first = Vec::new();
    for number in 0..PACKAGINGS {
        first.push(upload(app.clone(), number).await);
    }
    let packagings: Vec<_> = (0_u8..)
        .zip(first)
        .map(|(number, asset)| tokio::spawn(package(app.clone(), asset, number)))
        .collect();
    let uploads: Vec<_> = (0..UPLOADS)
        .map(|number| tokio::spawn(upload(app.clone(), number)))
        .collect();

    let mut ids = HashSet::new();
    let mut numbers = HashSet::new();
    for (number, uploaded) in (0..).zip(uploads) {
        let asset = uploaded.await.expect("uploaded");
        assert_is_variant(&asset, number);
        assert!(ids.insert(text(&asset["id"]).to_owned()));
        assert!(numbers.insert(asset["input_content_id"].as_i64()));
        let again = app
            .get_json(&format!("/api/v1/assets/{}", text(&asset["id"])))
            .await;
        assert_eq!(again, asset);
    }
    assert_eq!(ids.len(), UPLOADS as usize);

    let mut packaged = HashSet::new();
    for (number, made) in (0_u8..).zip(packagings) {
        let made = made.await.expect("packaged");
        assert!(packaged.insert(made["packaged_content_id"][0].as_i64()));
        assert_is_package_of(&app, &made, number).await;
    }
}

/// Decrypts the picture of a package with the key that belongs to it, and counts its frames.
async fn assert_is_package_of(app: &TestApp, made: &Value, number: u8) {
    let mpd = app.path_of(&made["url"][0]);
    let text = app.get(&mpd).await.text().await.expect("text");
    assert!(text.contains(&content_key(number).kid.uuid()), "{text}");
    let mut parts = Vec::new();
    for file in ["init.mp4", "1.m4s"] {
        let path = mpd.replace("stream.mpd", &format!("video/{file}"));
        let answer = app.get(&path).await;
        assert_eq!(answer.status(), StatusCode::OK);
        parts.push(MemorySource(answer.bytes().await.expect("bytes").to_vec()));
    }
    let inputs: Vec<&dyn Source> = parts.iter().map(|part| part as &dyn Source).collect();
    let mut clear = Vec::new();
    packager::decrypt(&inputs, &[content_key(number)], &mut clear).expect("decrypted");
    let movie = packager::probe(&MemorySource(clear)).expect("a movie");
    assert_eq!(movie.tracks[0].sample_count, frames(u32::from(number)));
    let keys = app
        .get_json(&format!(
            "/packaged_content_id/{}",
            made["packaged_content_id"][0]
        ))
        .await;
    assert_eq!(keys["kid"], json!([content_key(number).kid.hex()]));
}
