//! What a receiver reads: the type of an event, its time, and what it is about.

use crate::db::events::Event;
use crate::http::rfc3339;
use crate::{clock, id};
use serde_json::json;

/// The type of a message that somebody asked for, to see whether it comes.
pub(crate) const TEST: &str = "webhook.test";

/// The message about an event.
pub(super) fn of_event(event: &Event) -> String {
    json!({
        "type": event.kind,
        "timestamp": rfc3339(event.created_at_ms),
        "data": {
            "id": event.id,
            "subject": event.subject,
            "detail": event.detail,
        },
    })
    .to_string()
}

/// A test of a webhook: the id of the message, and the message.
///
/// # Errors
/// When the operating system has no randomness.
pub(crate) fn of_test(webhook: &str) -> std::io::Result<(String, String)> {
    let id = id::tagged("evt")?;
    let body = json!({
        "type": TEST,
        "timestamp": rfc3339(clock::now_ms()),
        "data": {
            "id": id,
            "subject": webhook,
            "detail": "somebody asked for this message, to see whether it comes",
        },
    });
    Ok((id, body.to_string()))
}
