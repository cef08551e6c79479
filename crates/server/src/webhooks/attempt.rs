//! One attempt to deliver a message: what is sent, what comes back, and how it goes on.

use super::{SigningSecret, Webhooks, pause};
use crate::app::Shared;
use crate::clock;
use crate::db::deliveries::{After, Attempted, Delivery, Disable};
use crate::db::webhooks::Webhook;
use crate::outside::Failed;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

/// How much of an answer is read, and kept.
const MAX_ANSWER: usize = 4096;
/// The answer of a receiver that wants no more.
const GONE: u16 = 410;

/// Delivers a message that was claimed, and notes what came of it.
pub(super) async fn run(shared: &Arc<Shared>, webhook: &Webhook, due: &Delivery) {
    crash_point!("webhook.claimed");
    let (at_ms, begun) = (clock::now_ms(), Instant::now());
    let found = send(shared, webhook, due, at_ms).await;
    crash_point!("webhook.sent");
    let attempted = Attempted {
        at_ms,
        duration_ms: milliseconds(begun.elapsed()),
        answer_status: found.status.map(i64::from),
        answer: found.answer,
        failure: found.failure,
    };
    let config = &shared.webhooks.config;
    let after = match attempted.failure {
        None => After::Delivered,
        Some(_) => match pause::next(&config.pauses, due.tries, found.asked) {
            Some(pause) => After::Again(clock::now_ms().saturating_add(milliseconds(pause))),
            None => After::Failed,
        },
    };
    let disable = match found.status {
        Some(GONE) => Some(Disable::Now("the receiver answered 410 Gone")),
        _ => {
            let most = milliseconds(config.failing_limit);
            Some(Disable::AfterFailing(most, "it failed for too long"))
        }
    };
    if let Some(failure) = &attempted.failure {
        tracing::info!(
            webhook = webhook.id,
            delivery = due.id,
            failure,
            "a webhook was not delivered"
        );
    }
    let settled = shared
        .db
        .settle_delivery(webhook, due, &attempted, after, disable);
    if let Err(error) = settled.await {
        // It is attempted again when the claim runs out: receivers know messages by their ids.
        tracing::warn!(delivery = due.id, %error, "what came of a delivery could not be noted");
    }
}

/// What a receiver answered, if it did.
#[derive(Default)]
struct Found {
    status: Option<u16>,
    answer: Option<String>,
    failure: Option<String>,
    /// The pause that it asks for.
    asked: Option<Duration>,
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

async fn send(shared: &Arc<Shared>, webhook: &Webhook, due: &Delivery, at_ms: i64) -> Found {
    let failed = |failure: String| Found {
        failure: Some(failure),
        ..Found::default()
    };
    let signatures = match signatures(shared, webhook, due, at_ms / 1000) {
        Ok(signatures) => signatures,
        Err(failure) => {
            tracing::error!(webhook = webhook.id, failure, "a webhook cannot be signed");
            return failed("this server could not sign the message".to_owned());
        }
    };
    let limit = shared.webhooks.config.time_limit;
    let begun = Instant::now();
    let answer = request(&shared.webhooks, webhook, due, at_ms / 1000, &signatures);
    match tokio::time::timeout(limit, answer).await {
        Err(_) => failed(format!("no answer within {} s", limit.as_secs_f32())),
        Ok(Err(failure)) => failed(failure),
        Ok(Ok(answer)) => read(answer, limit.saturating_sub(begun.elapsed())).await,
    }
}

/// The signatures by the secret, and by the one before while that holds.
fn signatures(
    shared: &Shared,
    webhook: &Webhook,
    due: &Delivery,
    timestamp: i64,
) -> Result<String, String> {
    let secrets = [Some(webhook.secret.as_slice()), webhook.earlier_secret()];
    let signatures = secrets.into_iter().flatten().map(|wrapped| {
        let secret = shared.keys.unwrap_signing(&webhook.id, wrapped);
        let secret = SigningSecret::of(secret.map_err(|error| error.to_string())?);
        Ok(secret.sign(&due.message, timestamp, &due.body))
    });
    let signatures: Result<Vec<String>, String> = signatures.collect();
    Ok(signatures?.join(" "))
}

async fn request(
    webhooks: &Webhooks,
    webhook: &Webhook,
    due: &Delivery,
    timestamp: i64,
    signatures: &str,
) -> Result<Response, String> {
    let url =
        Url::parse(&webhook.url).map_err(|error| format!("its URL cannot be read: {error}"))?;
    webhooks.check(&url)?;
    let request = webhooks
        .client
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .header(ACCEPT_ENCODING, "identity")
        .header("webhook-id", &due.message)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signatures)
        .body(due.body.clone());
    request.send().await.map_err(|error| match error.into() {
        Failed::Inside(reason) | Failed::Otherwise(reason) => reason,
    })
}

/// Reads the beginning of an answer. What it says is in its status: whoever sends more, or slowly, is not waited for.
async fn read(mut answer: Response, left: Duration) -> Found {
    let (status, asked) = (answer.status(), asked(&answer));
    let mut body = Vec::new();
    let reading = async {
        while body.len() < MAX_ANSWER {
            match answer.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
    };
    let whole = tokio::time::timeout(left, reading).await;
    if whole.is_err() {
        tracing::debug!("a receiver did not end its answer in time");
    }
    body.truncate(MAX_ANSWER);
    // PostgreSQL keeps no NUL in texts.
    let text = String::from_utf8_lossy(&body).replace('\0', "\u{fffd}");
    let failure = match status {
        status if status.is_success() => None,
        status if status.is_redirection() => Some(format!(
            "the answer is {status}; redirections are not followed"
        )),
        status => Some(format!("the answer is {status}")),
    };
    Found {
        status: Some(status.as_u16()),
        answer: Some(text),
        failure,
        asked,
    }
}

/// The pause that a receiver asks for which is asked too much, or down.
fn asked(answer: &Response) -> Option<Duration> {
    let overloaded = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::SERVICE_UNAVAILABLE,
    ];
    let value = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
    match overloaded.contains(&answer.status()) {
        true => pause::asked_for(value, SystemTime::now()),
        false => None,
    }
}
