//! Attempts: when receivers fail, are slow, or are gone.

use super::{hook, path, soon, test, until};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, clips, json_of, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_is_attempted_until_it_is_taken() {
    let app = TestApp::start_with(soon).await;
    let mut receiver = Receiver::start(Answer::Status(503)).await;
    let hook = hook(&app, &receiver).await;
    test(&app, &hook).await;
    let failed = until(&app, &hook, "failed").await;
    let messages = receiver.messages(3).await;
    assert_eq!(messages.len(), 3, "after the last pause it is given up");
    // The same message each time, signed anew.
    assert!(messages.iter().all(|message| message.id == messages[0].id));
    assert!(
        messages
            .iter()
            .all(|message| message.body == messages[0].body)
    );
    assert_eq!(failed["event_id"], messages[0].id);
    assert_eq!(failed["type"], "webhook.test");
    assert_eq!(
        (&failed["attempts"], &failed["answer_status"]),
        (&json!(3), &json!(503))
    );
    assert_eq!(
        (&failed["answer"], &failed["next_attempt_at"]),
        (&json!("noted"), &Value::Null)
    );
    assert!(text(&failed["failure"]).contains("503"), "{failed}");
    assert!(failed["duration_ms"].is_number() && failed["attempted_at"].is_string());
    assert!(app.get_json(&path(&hook, "")).await["failing_since"].is_string());

    receiver.answers(Answer::Status(200));
    let again = path(
        &hook,
        &format!("/deliveries/{}/resend", text(&failed["id"])),
    );
    json_of(app.post(&again).await, StatusCode::ACCEPTED).await;
    let taken = until(&app, &hook, "delivered").await;
    assert_eq!(
        (&taken["attempts"], &taken["failure"]),
        (&json!(4), &Value::Null)
    );
    assert_eq!(receiver.messages(4).await[3].id, messages[0].id);
    assert_eq!(
        app.get_json(&path(&hook, "")).await["failing_since"],
        Value::Null
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_attempted_after_a_restart() {
    let long = |config: &mut server::Config| {
        soon(config);
        config.webhooks.pauses = vec![Duration::from_secs(3600)];
    };
    let app = TestApp::start_with(long).await;
    let mut receiver = Receiver::start(Answer::Status(500)).await;
    let hook = hook(&app, &receiver).await;
    let asset = app.upload(&clips::plain()).await;
    let waits = |list: &Value| {
        list["data"][0]["next_attempt_at"].is_string() && list["data"][0]["answer_status"] == 500
    };
    let list = app.until(&path(&hook, "/deliveries"), waits).await;
    let first = receiver.messages(1).await[0].clone();
    receiver.answers(Answer::Status(200));
    let dir = app.stop().await;
    // An hour has passed.
    crate::support::sql::run(
        dir.path(),
        "UPDATE webhook_deliveries SET next_attempt_at_ms = 1",
    )
    .await;
    let app = TestApp::start_in(dir, long).await;
    let second = receiver.messages(2).await[1].clone();
    assert_eq!((&second.id, &second.body), (&first.id, &first.body));
    assert_eq!(second.json()["data"]["subject"], asset["id"]);
    let taken = until(&app, &hook, "delivered").await;
    assert_eq!(
        (&taken["id"], &taken["attempts"]),
        (&list["data"][0]["id"], &json!(2))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_asks_for_a_pause_gets_it_within_the_schedule() {
    const MINUTE: i64 = 60_000;
    let app = TestApp::start_with(|config| {
        soon(config);
        config.webhooks.pauses = [60, 60 * 60].map(Duration::from_secs).to_vec();
    })
    .await;
    for (answer, least, most) in [
        (Answer::Later(503, "1800"), 30 * MINUTE, 31 * MINUTE),
        (Answer::Later(429, "1800"), 30 * MINUTE, 31 * MINUTE),
        // No receiver has messages kept for longer than the schedule ever does.
        (Answer::Later(429, "86400"), 60 * MINUTE, 61 * MINUTE),
        (
            Answer::Later(503, "Fri, 31 Dec 9999 23:59:59 GMT"),
            60 * MINUTE,
            61 * MINUTE,
        ),
        // From others, and in other words, it means nothing.
        (Answer::Later(500, "1800"), 0, 2 * MINUTE),
        (Answer::Later(503, "soon"), 0, 2 * MINUTE),
    ] {
        let receiver = Receiver::start(answer).await;
        let hook = hook(&app, &receiver).await;
        test(&app, &hook).await;
        let refused = |list: &Value| list["data"][0]["answer_status"].is_number();
        app.until(&path(&hook, "/deliveries"), refused).await;
        let pause = "SELECT next_attempt_at_ms - attempted_at_ms FROM webhook_deliveries ORDER BY webhook_delivery_id DESC LIMIT 1";
        let pause = crate::support::sql::text(app.dir(), pause).await;
        let pause: i64 = pause.parse().expect("milliseconds");
        assert!((least..most).contains(&pause), "{answer:?}: {pause} ms");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_receivers_that_redirect_or_never_end_are_not_followed() {
    let app = TestApp::start_with(|config| {
        soon(config);
        config.webhooks.pauses.clear();
        config.webhooks.time_limit = Duration::from_millis(400);
    })
    .await;
    let receiver = Receiver::start(Answer::Redirect).await;
    let redirecting = hook(&app, &receiver).await;
    test(&app, &redirecting).await;
    let failed = until(&app, &redirecting, "failed").await;
    assert_eq!(failed["answer_status"], 307);
    assert!(text(&failed["failure"]).contains("redirections are not followed"));

    let receiver = Receiver::start(Answer::Silence).await;
    let silent = hook(&app, &receiver).await;
    test(&app, &silent).await;
    let failed = until(&app, &silent, "failed").await;
    assert!(
        text(&failed["failure"]).contains("no answer within 0.4 s"),
        "{failed}"
    );
    assert_eq!(failed["answer_status"], Value::Null);

    // The status says it; of the rest the first 4 KiB are read.
    let receiver = Receiver::start(Answer::Endless).await;
    let endless = hook(&app, &receiver).await;
    test(&app, &endless).await;
    let taken = until(&app, &endless, "delivered").await;
    assert_eq!(text(&taken["answer"]).len(), 4096);
    let took = taken["duration_ms"].as_i64().expect("a number");
    assert!(took < 400, "{took} ms: it was read to its time limit");
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_45_a_silent_receiver_keeps_back_neither_others_nor_workers() {
    let app = TestApp::start_with(soon).await;
    let silence = Receiver::start(Answer::Silence).await;
    let mut good = Receiver::start(Answer::Status(200)).await;
    let silent = hook(&app, &silence).await;
    for _ in 0..10 {
        test(&app, &silent).await;
    }
    let begun = Instant::now();
    hook(&app, &good).await;
    app.ready(&clips::plain(), &json!({})).await;
    let messages = good.messages(3).await;
    assert_eq!(messages.len(), 3);
    // Within the 20 s that the first attempts at the other one take.
    assert!(
        begun.elapsed() < Duration::from_secs(15),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(silence.so_far(), 2, "so many at once at one receiver");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_or_fails_for_days_is_disabled() {
    let app = TestApp::start_with(soon).await;
    let gone = Receiver::start(Answer::Status(410)).await;
    let hook_of_gone = hook(&app, &gone).await;
    test(&app, &hook_of_gone).await;
    let disabled = |webhook: &Value| webhook["enabled"] == false;
    let webhook = app.until(&path(&hook_of_gone, ""), disabled).await;
    assert!(
        text(&webhook["disabled_reason"]).contains("410"),
        "{webhook}"
    );
    assert_eq!(gone.so_far(), 1, "it is not asked again");
    let refused = app.post(&path(&hook_of_gone, "/test")).await;
    crate::support::problem(refused, 409, "conflict").await;
    let events = app.get_json("/api/v1/events?type=webhook.disabled").await;
    assert_eq!(events["data"][0]["subject"], hook_of_gone["id"]);

    let failing = Receiver::start(Answer::Status(500)).await;
    let hook_of_failing = hook(&app, &failing).await;
    test(&app, &hook_of_failing).await;
    until(&app, &hook_of_failing, "failed").await;
    assert_eq!(
        app.get_json(&path(&hook_of_failing, "")).await["enabled"],
        true
    );
    // Five days later it still does.
    let earlier = "UPDATE webhooks SET failing_since_ms = failing_since_ms - 432000000";
    crate::support::sql::run(app.dir(), earlier).await;
    test(&app, &hook_of_failing).await;
    let webhook = app.until(&path(&hook_of_failing, ""), disabled).await;
    assert!(
        text(&webhook["disabled_reason"]).contains("too long"),
        "{webhook}"
    );
    // Somebody has looked after it.
    failing.answers(Answer::Status(200));
    let enabled = app
        .patch_json(&path(&hook_of_failing, ""), &json!({"enabled": true}))
        .await;
    let enabled = json_of(enabled, StatusCode::OK).await;
    assert_eq!(
        (&enabled["enabled"], &enabled["failing_since"]),
        (&json!(true), &Value::Null)
    );
    test(&app, &hook_of_failing).await;
    until(&app, &hook_of_failing, "delivered").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sec_04_no_webhook_leads_inside() {
    let app = TestApp::start().await;
    for url in [
        "http://127.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://0177.1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://1.1.1.1@127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "no url",
    ] {
        let answer = app
            .post_json("/api/v1/webhooks", &json!({"url": url}))
            .await;
        let problem = crate::support::problem(answer, 400, "invalid_request").await;
        assert_eq!(problem["errors"][0]["pointer"], "/url", "{url}");
    }
    // Names are judged by the address that they lead to, when it is connected to.
    let receiver = Receiver::start(Answer::Status(200)).await;
    let port = receiver.url.replace("127.0.0.1", "localhost");
    let answer = app
        .post_json("/api/v1/webhooks", &json!({"url": port}))
        .await;
    let hook = json_of(answer, StatusCode::CREATED).await;
    test(&app, &hook).await;
    let refused = |list: &Value| list["data"][0]["failure"].is_string();
    let list = app.until(&path(&hook, "/deliveries"), refused).await;
    let failure = text(&list["data"][0]["failure"]);
    assert!(
        failure.contains("no address of the public internet"),
        "{failure}"
    );
    assert!(failure.contains("--webhook-allow"), "{failure}");
    assert_eq!(receiver.so_far(), 0);
}
