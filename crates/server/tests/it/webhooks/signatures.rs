//! Signatures, as the helper of receivers verifies them (SEC-44).

use super::{hook, path, soon, test};
use crate::support::receiver::{Answer, Message, Receiver};
use crate::support::{TestApp, clips, files, json_of, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What the helper says of messages: each `verified`, or why not.
fn verify(messages: &[(&str, Value)]) -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../target/tools/venv/bin/python");
    let script = root.join("tests/it/webhooks/verify.py");
    let mut helper = Command::new(&python)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}; scripts/setup.sh test", python.display()));
    let messages: Vec<Value> = messages
        .iter()
        .map(|(secret, message)| {
            let mut message = message.clone();
            message["secret"] = json!(secret);
            message
        })
        .collect();
    let text = serde_json::to_vec(&messages).expect("JSON");
    let mut stdin = helper.stdin.take().expect("its input");
    stdin.write_all(&text).expect("written");
    drop(stdin);
    let output = helper.wait_with_output().expect("its output");
    assert!(output.status.success(), "run scripts/setup.sh test");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn of_helper(messages: &[Message]) -> Vec<Value> {
    messages.iter().map(Message::of_helper).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_44_a_receiver_verifies_what_happened_and_refuses_what_was_altered() {
    let app = TestApp::start_with(soon).await;
    let mut receiver = Receiver::start(Answer::Status(204)).await;
    let hook = hook(&app, &receiver).await;
    let secret = text(&hook["secret"]);
    let package = app.ready(&clips::plain(), &json!({})).await;
    let messages = receiver.messages(3).await;
    let mut types: Vec<String> = messages
        .iter()
        .map(|message| text(&message.json()["type"]).to_owned())
        .collect();
    types.sort();
    assert_eq!(types, ["asset.created", "package.ordered", "package.ready"]);
    let ready = messages
        .iter()
        .find(|message| message.json()["type"] == "package.ready");
    let ready = ready.expect("the package is ready");
    assert_eq!(ready.json()["data"]["subject"], package["id"]);
    // The event of the list is the message.
    let events = app.get_json("/api/v1/events?type=package.ready").await;
    assert_eq!(events["data"][0]["id"], ready.id);
    assert_eq!(ready.json()["data"]["id"], ready.id);
    assert_eq!(ready.json()["timestamp"], events["data"][0]["created_at"]);

    let good = of_helper(&messages);
    let mut altered = good[0].clone();
    altered["body"] = json!(
        text(&altered["body"])
            .replace("ast_", "pkg_")
            .replace("pkg_", "as_")
    );
    let mut renamed = good[0].clone();
    renamed["headers"]["webhook-id"] = json!("evt_another");
    let mut old = good[0].clone();
    let then: i64 = messages[0].timestamp.parse().expect("a number");
    old["headers"]["webhook-timestamp"] = json!((then - 301).to_string());
    let mut moved = good[0].clone();
    moved["headers"]["webhook-timestamp"] = json!((then - 100).to_string());
    let other = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let mut all: Vec<(&str, Value)> = good.iter().map(|good| (secret, good.clone())).collect();
    all.extend([
        (secret, altered),
        (secret, renamed),
        (secret, moved),
        (other, good[0].clone()),
        (secret, old),
    ]);
    let no_match = "No matching signature found";
    assert_eq!(
        verify(&all),
        [
            "verified",
            "verified",
            "verified",
            no_match,
            no_match,
            no_match,
            no_match,
            "Message timestamp too old"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_44_both_secrets_sign_while_a_secret_is_replaced() {
    let app = TestApp::start_with(soon).await;
    let mut receiver = Receiver::start(Answer::Status(200)).await;
    let made = hook(&app, &receiver).await;
    let before = text(&made["secret"]);
    let rotated = app.post(&path(&made, "/rotate")).await;
    assert_eq!(rotated.headers()["cache-control"], "no-store");
    let rotated = json_of(rotated, StatusCode::OK).await;
    let now = text(&rotated["secret"]);
    assert_ne!(before, now);
    assert!(rotated["earlier_secret_until"].is_string(), "{rotated}");
    test(&app, &made).await;
    let both = receiver.messages(1).await[0].clone();
    assert_eq!(both.signature.split(' ').count(), 2, "{}", both.signature);
    // When the window is over, the new one signs alone.
    crate::support::sql::run(app.dir(), "UPDATE webhooks SET earlier_until_ms = 1").await;
    test(&app, &made).await;
    let later = receiver.messages(2).await[1].clone();
    let verified = verify(&[
        (before, both.of_helper()),
        (now, both.of_helper()),
        (before, later.of_helper()),
        (now, later.of_helper()),
    ]);
    let no_match = "No matching signature found";
    assert_eq!(verified, ["verified", "verified", no_match, "verified"]);
    let webhook = app.get_json(&path(&made, "")).await;
    assert_eq!(webhook["earlier_secret_until"], Value::Null);
    assert_eq!(webhook.get("secret"), None);
    // Neither is in any file as it is.
    for file in files(app.dir()) {
        let bytes = std::fs::read(&file).expect("a file");
        let has = |text: &str| {
            bytes
                .windows(text.len())
                .any(|part| part == text.as_bytes())
        };
        assert!(!has(before) && !has(now), "{}", file.display());
    }
}
