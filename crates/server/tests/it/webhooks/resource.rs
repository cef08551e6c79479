//! `/api/v1/webhooks`: made, listed, changed, deleted.

use super::{hook, path, soon, test, until};
use crate::support::receiver::{Answer, Receiver};
use crate::support::{TestApp, clips, json_of, problem, text};
use reqwest::StatusCode;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_told_what_it_asked_for() {
    let app = TestApp::start_with(soon).await;
    let mut receiver = Receiver::start(Answer::Status(200)).await;
    let body = json!({"url": receiver.url, "events": ["package.ready", "package.ready"], "description": "the shop"});
    let answer = app.post_json("/api/v1/webhooks", &body).await;
    let made = json_of(answer, StatusCode::CREATED).await;
    assert!(text(&made["id"]).starts_with("whk_"));
    assert!(text(&made["secret"]).starts_with("whsec_"));
    assert_eq!(made["events"], json!(["package.ready"]));
    let package = app.ready(&clips::plain(), &json!({})).await;
    let message = receiver.messages(1).await[0].json();
    assert_eq!(
        (&message["type"], &message["data"]["subject"]),
        (&json!("package.ready"), &package["id"])
    );
    until(&app, &made, "delivered").await;
    let list = app.get_json(&path(&made, "/deliveries")).await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));

    // Disabled it is told nothing; enabled again, what happens from then on.
    let changed = app
        .patch_json(&path(&made, ""), &json!({"enabled": false, "events": []}))
        .await;
    let changed = json_of(changed, StatusCode::OK).await;
    assert_eq!(
        (&changed["enabled"], &changed["events"]),
        (&json!(false), &json!([]))
    );
    assert_eq!(
        (&changed["description"], &changed["disabled_reason"]),
        (&json!("the shop"), &Value::Null)
    );
    let asset = app.upload(&clips::numbered(0)).await;
    json_of(
        app.patch_json(&path(&made, ""), &json!({"enabled": true}))
            .await,
        StatusCode::OK,
    )
    .await;
    assert_eq!(
        app.delete(&format!("/api/v1/assets/{}", text(&asset["id"])))
            .await
            .status(),
        204
    );
    let message = receiver.messages(2).await[1].json();
    assert_eq!(
        (&message["type"], &message["data"]["subject"]),
        (&json!("asset.deleted"), &asset["id"])
    );

    assert_eq!(
        app.delete(&path(&made, "")).await.status(),
        StatusCode::NO_CONTENT
    );
    problem(app.get(&path(&made, "")).await, 404, "not_found").await;
    problem(app.get(&path(&made, "/deliveries")).await, 404, "not_found").await;
    problem(app.delete(&path(&made, "")).await, 404, "not_found").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_a_tenant_has_twenty() {
    let app = TestApp::start_with(soon).await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.insert(0, text(&hook(&app, &receiver).await["id"]).to_owned());
    }
    let full = app
        .post_json("/api/v1/webhooks", &json!({"url": receiver.url}))
        .await;
    problem(full, 409, "conflict").await;
    let mut found = Vec::new();
    let mut query = "?limit=7".to_owned();
    loop {
        let list = app.get_json(&format!("/api/v1/webhooks{query}")).await;
        let data = list["data"].as_array().expect("a list");
        found.extend(data.iter().map(|webhook| text(&webhook["id"]).to_owned()));
        assert_eq!(list["has_more"], list["next_cursor"].is_string());
        let Some(cursor) = list["next_cursor"].as_str() else {
            break;
        };
        query = format!("?limit=7&cursor={cursor}");
    }
    assert_eq!(found, ids);
    let newest = app.get_json(&format!("/api/v1/webhooks/{}", ids[0])).await;
    for _ in 0..3 {
        test(&app, &newest).await;
    }
    let delivered = |list: &Value| list["data"].as_array().is_some_and(|data| data.len() == 3);
    app.until(&path(&newest, "/deliveries?state=delivered"), delivered)
        .await;
    let page = app.get_json(&path(&newest, "/deliveries?limit=2")).await;
    assert_eq!(
        (page["data"].as_array().map(Vec::len), &page["has_more"]),
        (Some(2), &json!(true))
    );
    let wrong = app.get(&path(&newest, "/deliveries?state=lost")).await;
    assert_eq!(
        problem(wrong, 400, "invalid_request").await["field"],
        "state"
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_webhook_is_said_of_each_field() {
    let app = TestApp::start_with(soon).await;
    let body = json!({"url": 1, "events": ["package.made"], "description": "x".repeat(501), "tenant_id": "ten_x"});
    let answer = app.post_json("/api/v1/webhooks", &body).await;
    let found = problem(answer, 422, "unknown_field").await;
    let errors = found["errors"].as_array().expect("a list");
    let pointers: Vec<&str> = errors.iter().map(|error| text(&error["pointer"])).collect();
    assert_eq!(pointers, ["/tenant_id", "/url", "/events", "/description"]);
    let receiver = Receiver::start(Answer::Status(200)).await;
    let made = hook(&app, &receiver).await;
    let answer = app
        .patch_json(
            &path(&made, ""),
            &json!({"secret": "whsec_x", "enabled": 1}),
        )
        .await;
    problem(answer, 422, "unknown_field").await;
    let unknown = path(&made, "/deliveries/whd_x/resend");
    problem(app.post(&unknown).await, 404, "not_found").await;
}

#[tokio::test]
async fn a_named_webhook_is_made_once() {
    let app = TestApp::start_with(soon).await;
    let receiver = Receiver::start(Answer::Status(200)).await;
    let make = async || {
        let request = app.client.post(app.url("/api/v1/webhooks"));
        let request = request.json(&json!({"url": receiver.url}));
        let answer = request.header("idempotency-key", "hook-1").send().await;
        json_of(answer.expect("an answer"), StatusCode::CREATED).await
    };
    let first = make().await;
    assert_eq!(make().await, first, "with its secret");
    let list = app.get_json("/api/v1/webhooks").await;
    assert_eq!(list["data"].as_array().map(Vec::len), Some(1));
}
