//! Which problems a route can answer with, beside those that its handler names.

use super::super::error::Kind as ProblemKind;
use super::super::needs::Need;
use super::Route;
use crate::access::playback::Kind;
use axum::http::Method;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Whatever is asked for: another server was meant, a fault, the database or the storage is away, the disk is full.
const EVERYWHERE: [u16; 4] = [421, 500, 503, 507];

/// Names every problem of a route, with its schema.
pub(super) fn declare(route: &Route<'_>, operation: &mut Value) {
    let mut statuses: BTreeSet<u16> = EVERYWHERE.into();
    let parameters = operation["parameters"].as_array();
    let told = parameters.is_some_and(|all| all.iter().any(|given| given["in"] != "path"));
    let body = !operation["requestBody"].is_null();
    if told || body {
        statuses.insert(400);
    }
    let tus = parameters.is_some_and(|all| all.iter().any(|given| given["name"] == super::TUS));
    if tus {
        statuses.insert(412);
    }
    if body {
        statuses.extend([408, 413]);
    }
    if route.path.contains('{') {
        statuses.insert(404);
    }
    if route.takes_names() {
        statuses.extend([409, 422]);
    }
    match route.need {
        Some(Need::Nothing) => statuses.extend([403]),
        Some(Need::Known | Need::Allowed(_) | Need::Installation(_)) => {
            statuses.extend([401, 403, 429]);
        }
        Some(_) => statuses.extend([401, 403]),
        None => statuses.extend([403]),
    }
    let Some(responses) = operation["responses"].as_object_mut() else {
        return;
    };
    let named = responses.keys().filter_map(|status| status.parse().ok());
    statuses.extend(named.filter(|status: &u16| *status >= 400));
    for status in statuses {
        let response = responses
            .entry(status.to_string())
            .or_insert_with(|| Value::Object(Map::new()));
        describe(status, response, route);
    }
}

fn describe(status: u16, response: &mut Value, route: &Route<'_>) {
    let said = response["description"].as_str().unwrap_or_default();
    if said.is_empty() {
        let titles: Vec<&str> = kinds(status).map(|kind| kind.facts().2).collect();
        response["description"] = Value::String(titles.join(", or: "));
    }
    // Answers to HEAD have no body; those of the form of the first API are pages.
    // Players look at the headers of what could not be read in parts.
    let of_parts = route.need == Some(Need::Playback(Kind::Media)) && [412, 416].contains(&status);
    let page = !response["content"]["text/html"].is_null();
    if route.method == Method::HEAD || page || of_parts {
        return;
    }
    let mut content = Map::new();
    let schema = json!({"$ref": format!("#/components/schemas/{}", name(status))});
    content.insert(
        "application/problem+json".to_owned(),
        json!({"schema": schema}),
    );
    if status == 401 && route.method == Method::GET {
        // Whoever asks by a browser is shown where one logs in.
        content.insert(
            "text/html".to_owned(),
            json!({"schema": {"type": "string"}}),
        );
    }
    response["content"] = Value::Object(content);
}

fn kinds(status: u16) -> impl Iterator<Item = &'static ProblemKind> {
    let has = move |kind: &&ProblemKind| kind.facts().0.as_u16() == status;
    ProblemKind::ALL.iter().filter(has)
}

fn name(status: u16) -> String {
    format!("Problem{status}")
}

/// A schema for each status that problems have: the general one with this status and its codes.
pub(super) fn schemas() -> impl Iterator<Item = (String, Value)> {
    let mut codes: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for kind in ProblemKind::ALL {
        let (status, code, _) = kind.facts();
        codes.entry(status.as_u16()).or_default().push(code);
    }
    codes.into_iter().map(|(status, codes)| {
        let general = json!({"$ref": "#/components/schemas/ProblemBody"});
        let special = json!({"type": "object", "properties": {"status": {"const": status}, "code": {"enum": codes}}});
        (name(status), json!({"allOf": [general, special]}))
    })
}
