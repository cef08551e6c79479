//! What holds for every route, written into the OpenAPI document.
//!
//! In: what the handlers say of themselves. Out: the document as clients get it: who may come in, every problem that a route can
//! answer with and its codes, request ids, names of requests, limits of lists.

mod problems;
mod words;

use super::needs::{self, Declared, Need};
use super::paging::{DEFAULT_LIMIT, MAX_LIMIT};
use super::{credentials, idempotency, playback, uploads};
use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};
use utoipa::openapi::OpenApi;

/// The header in which clients of tus say its version.
const TUS: &str = "Tus-Resumable";

/// Completes the document.
///
/// # Errors
/// When it cannot be written as JSON.
pub(super) fn complete(document: &OpenApi) -> serde_json::Result<Value> {
    let mut document = serde_json::to_value(document)?;
    words::close_sets(&mut document);
    if let Some(paths) = document["paths"].as_object_mut() {
        for (path, item) in paths {
            for (method, operation) in item.as_object_mut().into_iter().flatten() {
                Route::new(method, path).complete(operation);
            }
        }
    }
    let components = &mut document["components"];
    for (name, schema) in problems::schemas() {
        components["schemas"][name] = schema;
    }
    components["headers"] = headers();
    components["securitySchemes"] = security_schemes();
    Ok(document)
}

/// A method of a path.
struct Route<'a> {
    method: Method,
    path: &'a str,
    /// What the guard asks of it; `None` when nobody has said, so that it is refused.
    need: Option<Need>,
}

impl<'a> Route<'a> {
    fn new(method: &str, path: &'a str) -> Self {
        // The router's word for the rest of a path is another one.
        let route = path.replace("/{path}", "/{*path}");
        let method = method.to_uppercase().parse().unwrap_or_default();
        let need = match needs::of(&method, &route) {
            Declared::Needs(need) => Some(need),
            Declared::OtherMethod(_) | Declared::Nowhere => None,
        };
        Self { method, path, need }
    }

    /// Writes what holds for this route into what its handler says.
    fn complete(&self, operation: &mut Value) {
        operation["operationId"] = Value::String(self.name(&operation["operationId"]));
        operation["security"] = self.security();
        if let Some(Need::Allowed(scope)) = self.need {
            let said = operation["description"].as_str();
            let said = said.or(operation["summary"].as_str()).unwrap_or_default();
            let text = format!("{said}\n\nIt needs the scope `{}`.", scope.as_str());
            operation["description"] = Value::String(text);
        }
        let parameters = operation.get_mut("parameters");
        let parameters = parameters.and_then(Value::as_array_mut);
        parameters.into_iter().flatten().for_each(bound);
        if let Some(content) = operation.pointer_mut("/requestBody/content") {
            write_as_bytes(content);
        }
        if self.takes_names() {
            let parameters = operation.as_object_mut().map(|operation| {
                let given = operation.entry("parameters");
                given.or_insert_with(|| Value::Array(Vec::new()))
            });
            if let Some(Value::Array(parameters)) = parameters {
                parameters.push(name_of_request());
            }
        }
        problems::declare(self, operation);
        let replayed = self.takes_names();
        for (status, response) in operation["responses"].as_object_mut().into_iter().flatten() {
            if let Some(content) = response.get_mut("content") {
                write_as_bytes(content);
            }
            if response["description"].is_null() {
                let reason = status
                    .parse()
                    .ok()
                    .and_then(|status: StatusCode| status.canonical_reason());
                response["description"] = json!(reason.unwrap_or(status));
            }
            add_headers(status, response, replayed);
        }
    }

    /// A name that no other operation has: the words of the path, and that of the handler.
    fn name(&self, handler: &Value) -> String {
        let handler = handler.as_str().unwrap_or_default();
        let is_word = |part: &&str| !part.is_empty() && !part.starts_with('{');
        let path = self.path.strip_prefix("/api/v1").unwrap_or(self.path);
        let mut words: Vec<&str> = path.split('/').filter(is_word).collect();
        if words.last() != Some(&handler) {
            words.push(handler);
        }
        words.join("_")
    }

    /// Whether it takes an `Idempotency-Key`.
    fn takes_names(&self) -> bool {
        idempotency::takes_names(&self.method, self.path)
    }

    fn security(&self) -> Value {
        match self.need {
            Some(Need::Allowed(scope)) => json!([{"bearer": [scope.as_str()]}, {"session": []}]),
            Some(Need::Known) => json!([{"bearer": []}, {"session": []}]),
            Some(Need::Playback(_)) => json!([{}, {"playback_token": []}, {"playback_cookie": []}]),
            _ => json!([]),
        }
    }
}

/// Limits that a parameter has wherever it is.
fn bound(parameter: &mut Value) {
    let schema = match parameter["name"].as_str() {
        Some("limit") => json!({"type": "integer", "format": "int64",
            "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}),
        Some(TUS) => json!({"type": "string", "enum": [uploads::VERSION]}),
        _ => return,
    };
    parameter["schema"] = schema;
}

/// Bodies that are bytes are no lists of numbers.
fn write_as_bytes(content: &mut Value) {
    for (kind, content) in content.as_object_mut().into_iter().flatten() {
        if content["schema"]["type"] == "array" && kind != "application/json" {
            content["schema"] = json!({"type": "string", "contentMediaType": kind});
        }
    }
}

fn name_of_request() -> Value {
    json!({"name": "Idempotency-Key", "in": "header", "required": false,
        "description": "Your own name for this request: sent again with the same name within 24 hours, it is answered as the first time.",
        "schema": {"type": "string", "minLength": 1, "maxLength": idempotency::MAX_NAME, "pattern": "^[!-~]+$"}})
}

fn add_headers(status: &str, response: &mut Value, replayed: bool) {
    let Some(response) = response.as_object_mut() else {
        return;
    };
    let headers = response
        .entry("headers")
        .or_insert_with(|| Value::Object(Map::new()));
    let mut add = |name: &str, component: &str| {
        if headers[name].is_null() {
            headers[name] = json!({"$ref": format!("#/components/headers/{component}")});
        }
    };
    add("Request-Id", "RequestId");
    if replayed {
        add("Idempotency-Replayed", "IdempotencyReplayed");
    }
    match status {
        "401" => add("WWW-Authenticate", "WwwAuthenticate"),
        "429" => {
            add("Retry-After", "RetryAfter");
            add("RateLimit", "RateLimit");
            add("RateLimit-Policy", "RateLimitPolicy");
        }
        "409" | "423" | "503" => add("Retry-After", "RetryAfter"),
        _ => {}
    }
}

fn headers() -> Value {
    json!({
        "RequestId": {"description": "Names the request, here and in the server's log.", "required": true,
            "schema": {"type": "string", "examples": ["req_4kq9…"]}},
        "IdempotencyReplayed": {"description": "`true` where the answer is that of an earlier request of the same name.",
            "schema": {"type": "string", "enum": ["true"]}},
        "RetryAfter": {"description": "After how many seconds it is worth another try; not there where another try alone changes nothing.",
            "schema": {"type": "integer", "minimum": 1}},
        "RateLimit": {"description": "The limit that was reached, by its name: what is left of it, and in how many seconds there is more (draft-ietf-httpapi-ratelimit-headers). Not there for unfinished uploads.",
            "schema": {"type": "string", "examples": ["\"login-account\";r=0;t=42"]}},
        "RateLimitPolicy": {"description": "What the limit allows in how many seconds, or at once.",
            "schema": {"type": "string", "examples": ["\"login-account\";q=10;w=600"]}},
        "WwwAuthenticate": {"description": "What is to be shown.", "schema": {"type": "string"}},
    })
}

fn security_schemes() -> Value {
    json!({
        "bearer": {"type": "http", "scheme": "bearer",
            "description": "An API token (`POST /api/v1/tokens`) with the scope that the operation names. Where access is open, as on loopback out of the box, nothing is asked for."},
        "session": {"type": "apiKey", "in": "cookie", "name": credentials::COOKIE,
            "description": "The session of somebody who logged in (`POST /api/v1/session`)."},
        "playback_token": {"type": "apiKey", "in": "query", "name": "token",
            "description": "Where the playback of an asset is signed: a token of `POST /api/v1/assets/{id}/playback_tokens`."},
        "playback_cookie": {"type": "apiKey", "in": "cookie", "name": playback::COOKIE,
            "description": "The same for a whole package: given where a manifest is asked for with `?token=…&cookie=1`."},
    })
}
