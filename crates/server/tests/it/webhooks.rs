//! Webhooks: who is told what happened, and how it goes on when that fails.

mod attempts;
mod resource;
mod signatures;

use crate::support::receiver::Receiver;
use crate::support::{TestApp, json_of, text};
use reqwest::StatusCode;
use serde_json::{Value, json};
use server::Config;
use std::time::Duration;

/// Lets an app reach loopback, and try again soon: three times.
fn soon(config: &mut Config) {
    config.webhooks.allow = vec!["127.0.0.0/8".parse().expect("a network")];
    config.webhooks.pauses = vec![Duration::from_millis(20); 2];
    config.webhooks.time_limit = Duration::from_secs(20);
}

/// Makes a webhook for all events; returns it with its secret.
async fn hook(app: &TestApp, receiver: &Receiver) -> Value {
    let answer = app
        .post_json("/api/v1/webhooks", &json!({"url": receiver.url}))
        .await;
    json_of(answer, StatusCode::CREATED).await
}

fn path(hook: &Value, rest: &str) -> String {
    format!("/api/v1/webhooks/{}{rest}", text(&hook["id"]))
}

/// Asks for a message to a webhook; returns the delivery.
async fn test(app: &TestApp, hook: &Value) -> Value {
    let answer = app.post(&path(hook, "/test")).await;
    json_of(answer, StatusCode::ACCEPTED).await
}

/// Waits until the newest delivery of a webhook is in a state.
async fn until(app: &TestApp, hook: &Value, state: &str) -> Value {
    let wanted = |list: &Value| list["data"][0]["state"] == state;
    let list = app.until(&path(hook, "/deliveries"), wanted).await;
    list["data"][0].clone()
}
