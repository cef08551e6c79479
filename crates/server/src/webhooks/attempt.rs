//! One attempt to deliver a message: what is sent, what comes back, and how it goes on.

use super::{SigningSecret, Webhooks};
use crate::app::Shared;
use crate::db::deliveries::{After, Attempted, Delivery, Disable};
use crate::db::webhooks::Webhook;
use crate::outside::Failed;
use crate::{clock, id};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use reqwest::{Response, Url};
use std::sync::Arc;
use std::time::{Duration, Instant};

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
        duration_ms: i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
        answer_status: found.status.map(i64::from),
        answer: found.answer,
        failure: found.failure,
    };
    let config = &shared.webhooks.config;
    let after = match attempted.failure {
        None => After::Delivered,
        Some(_) => next(&config.pauses, due.tries).map_or(After::Failed, |pause| {
            After::Again(clock::now_ms().saturating_add(pause))
        }),
    };
    let disable = match found.status {
        Some(GONE) => Some(Disable::Now("the receiver answered 410 Gone")),
        _ => {
            let most = i64::try_from(config.failing_limit.as_millis()).unwrap_or(i64::MAX);
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
    let status = answer.status();
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
    }
}

/// How long to wait after so many tries that failed before this one, in milliseconds; `None` when it was the last one.
fn next(pauses: &[Duration], tries: i64) -> Option<i64> {
    let pause = pauses.get(usize::try_from(tries).ok()?)?;
    let pause = i64::try_from(pause.as_millis()).ok()?;
    // Without randomness they come back together, which does no harm.
    let chance = id::random().map_or(0, |bytes| i64::from(u16::from_le_bytes(bytes)));
    Some(pause - pause / 10 + pause / 5 * chance / i64::from(u16::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WebhookConfig;

    #[test]
    fn pauses_grow_and_end() {
        let pauses = WebhookConfig::default().pauses;
        for (tries, pause) in (0..).zip(&pauses) {
            let middle = i64::try_from(pause.as_millis()).expect("a number");
            let found = next(&pauses, tries).expect("a pause");
            let bounds = middle * 9 / 10..=middle * 11 / 10;
            assert!(bounds.contains(&found), "{tries}: {found}");
        }
        assert_eq!(next(&pauses, 9), None);
        let all: Duration = pauses.iter().sum();
        assert_eq!(all.as_secs() / 3600, 75);
    }
}
