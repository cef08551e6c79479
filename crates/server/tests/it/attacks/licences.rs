//! KIDs that somebody tries out.

use crate::support::{TestApp, clips, license_request, problem, text};
use packager::{KeyId, parse_key_id};
use serde_json::{Value, json};

fn guessed(number: u32) -> String {
    let mut kid = [0x5a; 16];
    kid[..4].copy_from_slice(&number.to_be_bytes());
    KeyId(kid).base64url()
}

/// The answer but for what names the request.
async fn refusal(app: &TestApp, kid: &str) -> Value {
    let asked = license_request(&[kid.to_owned()]);
    let mut said = problem(
        app.post_json("/license/clearkey", &asked).await,
        404,
        "not_found",
    )
    .await;
    said["request_id"] = Value::Null;
    said
}

#[tokio::test]
async fn sec_21_ten_thousand_kids_give_nothing_away() {
    let app = TestApp::start().await;
    let package = app.ready(&clips::numbered(0), &json!({})).await;
    let known = parse_key_id(text(&package["kid"]))
        .expect("a KID")
        .base64url();
    let guesses: Vec<String> = (0..10_000).map(guessed).collect();
    // So many at once are too many, the right one among them or not.
    let mut all = guesses.clone();
    all[5_000].clone_from(&known);
    problem(
        app.post_json("/license/clearkey", &license_request(&all))
            .await,
        400,
        "invalid_request",
    )
    .await;
    // In as many requests as it takes, each finds nothing, and the answer says no more than that.
    for thousand in guesses.chunks(1_000) {
        let answer = app
            .post_json("/license/clearkey", &license_request(thousand))
            .await;
        problem(answer, 404, "not_found").await;
    }
    // A key that is there but may not be given is as one that was never there: its words, its length, its work.
    let asset = app.upload(&clips::numbered(1)).await;
    let paused = app.post("/api/v1/queue/pause").await;
    assert_eq!(paused.status(), 200);
    let waiting = app.order(&asset, &json!({})).await;
    let unpublished = parse_key_id(text(&waiting["kid"]))
        .expect("a KID")
        .base64url();
    assert_eq!(
        refusal(&app, &unpublished).await,
        refusal(&app, &guessed(77)).await
    );
    for kid in [&unpublished, &guessed(78)] {
        let hex: String = parse_key_id(kid)
            .expect("a KID")
            .0
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        problem(
            app.get(&format!("/license/key/{hex}")).await,
            404,
            "not_found",
        )
        .await;
    }
}
