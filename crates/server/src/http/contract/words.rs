//! Fields that hold one word of a closed set, and bodies that hold no field but the known ones.

use crate::access::Scope;
use crate::db::deliveries::State as DeliveryState;
use crate::db::events::EventKind;
use crate::db::jobs::JobState;
use crate::db::packages::Status;
use crate::db::playback::Policy;
use crate::db::uploads::{Kind, State};
use crate::forecast;
use serde_json::{Value, json};
use transcode::Extra;

/// Bodies in which clients may say more than the server knows: that of a standard, and that of the first API.
const OPEN: [&str; 2] = ["LicenseRequest", "PackagedContentRequest"];

/// Writes the sets into the document.
pub(super) fn close_sets(document: &mut Value) {
    for (schema, field, words) in fields() {
        let pointer = format!("/components/schemas/{schema}/properties/{field}");
        let Some(field) = document.pointer_mut(&pointer) else {
            continue;
        };
        // A list has its words in its items.
        let place = match field["items"].is_null() {
            true => field,
            false => &mut field["items"],
        };
        let nullable = place["type"]
            .as_array()
            .is_some_and(|types| types.contains(&json!("null")));
        let words = words.into_iter().map(Value::from);
        let words = words.chain(nullable.then_some(Value::Null));
        place["enum"] = words.collect();
    }
    for (path, name, words) in parameters() {
        let pointer = format!("/paths/{}/get/parameters", path.replace('/', "~1"));
        let parameters = document.pointer_mut(&pointer);
        let parameters = parameters.and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            if parameter["name"] == name {
                parameter["schema"] = json!({"type": "string", "enum": words});
            }
        }
    }
    let schemas = document["components"]["schemas"].as_object_mut();
    for (name, schema) in schemas.into_iter().flatten() {
        if name.ends_with("Request") && !OPEN.contains(&name.as_str()) {
            schema["additionalProperties"] = json!(false);
        }
    }
}

fn fields() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    let statuses = || Status::ALL.map(Status::as_str).to_vec();
    let schemes = || vec!["cbcs", "cenc", "none"];
    let parts = || vec!["all", "video"];
    let scopes = || Scope::ALL.map(Scope::as_str).to_vec();
    let policies = || Policy::ALL.map(Policy::as_str).to_vec();
    let extras = || Extra::ALL.map(Extra::word).to_vec();
    let events = || EventKind::ALL.map(EventKind::as_str).to_vec();
    let deliveries = DeliveryState::ALL.map(DeliveryState::as_str).to_vec();
    vec![
        ("WebhookRequest", "events", events()),
        ("WebhookChangeRequest", "events", events()),
        ("Delivery", "state", deliveries),
        ("Job", "state", JobState::ALL.map(JobState::as_str).to_vec()),
        ("Job", "step", vec!["convert", "package"]),
        ("Package", "status", statuses()),
        ("ForecastRendition", "kind", forecast::Kind::WORDS.to_vec()),
        (
            "ForecastRendition",
            "treatment",
            forecast::Treatment::WORDS.to_vec(),
        ),
        ("Package", "scheme", schemes()),
        ("Package", "encrypt", parts()),
        ("Package", "extras", extras()),
        ("PackageRequest", "scheme", schemes()),
        ("PackageRequest", "encrypt", parts()),
        ("PackageRequest", "extras", extras()),
        ("PackagedContentStatus", "status", statuses()),
        ("Playback", "policy", policies()),
        ("PlaybackRequest", "policy", policies()),
        ("Session", "scopes", scopes()),
        ("Token", "scopes", scopes()),
        ("TokenRequest", "scopes", scopes()),
        ("License", "type", vec!["temporary"]),
        (
            "LicenseRequest",
            "type",
            vec!["temporary", "persistent-license"],
        ),
        ("Upload", "kind", Kind::ALL.map(Kind::as_str).to_vec()),
        ("Upload", "state", State::ALL.map(State::as_str).to_vec()),
    ]
}

fn parameters() -> [(&'static str, &'static str, Vec<&'static str>); 3] {
    [
        (
            "/api/v1/webhooks/{id}/deliveries",
            "state",
            DeliveryState::ALL.map(DeliveryState::as_str).to_vec(),
        ),
        (
            "/api/v1/jobs",
            "state",
            JobState::ALL.map(JobState::as_str).to_vec(),
        ),
        (
            "/api/v1/packages",
            "status",
            Status::ALL.map(Status::as_str).to_vec(),
        ),
    ]
}
