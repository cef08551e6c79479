//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a POST that a client named does its work once, however often it
//! is sent within 24 hours, and is answered the same, also after the process was killed in the midst of it.

use super::base_url::BaseUrl;
use super::error::{Problem, Result};
use super::extract::Path;
use super::request_id::REQUEST_ID;
use super::uploads::resource;
use super::{assets, packages, webhooks};
use crate::access::{Caller, Tenant};
use crate::app::Shared;
use crate::db::idempotency::{Begun, Ticket};
use crate::id;
use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

/// The header in which a client names its request.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says of an answer that it is that of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest name, in characters.
pub(super) const MAX_NAME: usize = 255;
/// Longest body that is compared, and longest answer that is kept, in bytes.
const MAX_COMPARED: usize = 1 << 20;
/// Requests with passwords in them: not even their hash is kept.
const PASSWORDS: [&str; 2] = ["/api/v1/setup", "/api/v1/session"];
/// How long a name is held by a process that may have died, and how often it says that it has not.
const LEASE_MS: i64 = 15_000;
const RENEW: Duration = Duration::from_secs(5);

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct Kept {
    headers: Vec<(String, String)>,
    body: String,
}

/// Looks after requests that have a name.
pub(super) async fn watch(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let named = takes_names(request.method(), request.uri().path());
    match request.headers().get(KEY).filter(|_| named).map(name) {
        None => next.run(request).await,
        Some(Err(problem)) => problem.into_response(),
        Some(Ok(name)) => {
            let answer = once(&shared, name, request, next).await;
            answer.unwrap_or_else(IntoResponse::into_response)
        }
    }
}

/// Whether requests to an address may have a name.
pub(super) fn takes_names(method: &Method, path: &str) -> bool {
    method == Method::POST && path.starts_with("/api/v1/") && !PASSWORDS.contains(&path)
}

/// Reads a name: as the draft has it, in quotes, or as most clients send it, without.
fn name(value: &HeaderValue) -> Result<String> {
    let text = value.to_str().unwrap_or_default();
    let inner = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let text = inner.unwrap_or(text);
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
    if !(1..=MAX_NAME).contains(&text.len()) || !is_plain {
        let what = format!("must have 1 to {MAX_NAME} characters of ASCII without spaces");
        return Err(Problem::field("Idempotency-Key", what));
    }
    Ok(text.to_owned())
}

async fn once(
    shared: &Arc<Shared>,
    name: String,
    request: Request,
    next: Next,
) -> Result<Response> {
    let caller = request.extensions().get::<Caller>();
    let tenant = caller.map_or_else(Tenant::first, Caller::tenant);
    let scope = scope(&tenant, request.headers());
    let (request, fingerprint) = fingerprint(request).await?;
    let ticket = Ticket {
        scope,
        name,
        owner: id::code()?,
        run: shared.incarnation.id().to_owned(),
    };
    let begun = shared.db.begin_once(&ticket, &fingerprint, LEASE_MS);
    let earlier = match begun.await? {
        Begun::Busy => return Err(Problem::key_in_use()),
        Begun::Reused => return Err(Problem::key_reused()),
        Begun::Answered(status, answer) => return replay(shared, &ticket, status, &answer),
        Begun::Held(earlier) => earlier,
    };
    let held = Held {
        shared: shared.clone(),
        ticket: Some(ticket.clone()),
    };
    let response = match earlier {
        // A process that died had made it, and could not say so.
        Some(made) => answer_about(shared, tenant, request, &made).await?,
        None => run(shared, &ticket, request, next).await,
    };
    keep(held, response).await
}

/// Runs the request, and holds its name meanwhile.
async fn run(shared: &Arc<Shared>, ticket: &Ticket, request: Request, next: Next) -> Response {
    let mut work = std::pin::pin!(ticket.clone().watch(next.run(request)));
    loop {
        match tokio::time::timeout(RENEW, &mut work).await {
            Ok(response) => return response,
            Err(_) => {
                // Who cannot renew may lose the name, and then makes nothing.
                if let Err(error) = shared.db.renew_once(ticket, LEASE_MS).await {
                    tracing::warn!(%error, "an Idempotency-Key could not be held");
                }
            }
        }
    }
}

/// The answer about something that is made already.
async fn answer_about(
    shared: &Arc<Shared>,
    tenant: Tenant,
    request: Request,
    made: &str,
) -> Result<Response> {
    let (mut parts, _) = request.into_parts();
    let base = BaseUrl::from_request_parts(&mut parts, shared).await?;
    if parts.uri.path().starts_with("/api/v1/webhooks") {
        return webhooks::answer_about(shared, &tenant, &base, parts.uri.path(), made).await;
    }
    let (state, path) = (State(shared.clone()), Path(made.to_owned()));
    let (kind, status) = match made.split('_').next() {
        Some("pkg") => ("packages", StatusCode::ACCEPTED),
        Some("ast") => ("assets", StatusCode::CREATED),
        _ => ("uploads", StatusCode::CREATED),
    };
    let location = format!("{}/api/v1/{kind}/{made}", base.0);
    let found = match kind {
        "packages" => packages::get(state, tenant, base, path, HeaderMap::new())
            .await?
            .into_response(),
        "assets" => assets::get(state, tenant, base, path, HeaderMap::new())
            .await?
            .into_response(),
        _ => resource::get(state, tenant, path).await?.into_response(),
    };
    Ok((status, [(header::LOCATION, location)], found).into_response())
}

/// Keeps an answer for the next try; what may be another one next time is not kept.
async fn keep(held: Held, response: Response) -> Result<Response> {
    let status = response.status();
    let passing = [
        StatusCode::REQUEST_TIMEOUT,
        StatusCode::CONFLICT,
        StatusCode::LOCKED,
        StatusCode::TOO_MANY_REQUESTS,
    ];
    if status.is_server_error() || passing.contains(&status) {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, MAX_COMPARED)
        .await
        .map_err(Problem::internal)?;
    let text = std::str::from_utf8(&body).map_err(Problem::internal)?;
    let kept = Kept {
        headers: kept_headers(&parts.headers),
        body: text.to_owned(),
    };
    let kept = serde_json::to_vec(&kept).map_err(Problem::internal)?;
    held.end(status.as_u16(), &kept).await?;
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn kept_headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let kept = headers.iter().filter(|(name, _)| **name != REQUEST_ID);
    kept.filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    })
    .collect()
}

fn replay(shared: &Shared, ticket: &Ticket, status: i64, answer: &[u8]) -> Result<Response> {
    let answer = shared.keys.unwrap_answer(&ticket.name, answer)?;
    let kept: Kept = serde_json::from_slice(&answer).map_err(Problem::internal)?;
    let status = u16::try_from(status).map_err(Problem::internal)?;
    let status = StatusCode::from_u16(status).map_err(Problem::internal)?;
    let mut response = (status, kept.body).into_response();
    let headers = response.headers_mut();
    headers.clear();
    for (name, value) in kept.headers {
        let name = HeaderName::try_from(name).map_err(Problem::internal)?;
        let value = HeaderValue::try_from(value).map_err(Problem::internal)?;
        headers.append(name, value);
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// What was asked, as a hash. Of large bodies and of forms, whose boundary is another one each time, the length stands for the body.
async fn fingerprint(request: Request) -> Result<(Request, String)> {
    let (parts, body) = request.into_parts();
    let text = |name: HeaderName| {
        parts
            .headers
            .get(name)
            .map_or(&b""[..], HeaderValue::as_bytes)
    };
    let kind = text(header::CONTENT_TYPE);
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    let length = text(header::CONTENT_LENGTH);
    let number = std::str::from_utf8(length)
        .ok()
        .and_then(|text| text.parse().ok());
    let mut hash = Sha256::new();
    let target = parts
        .uri
        .path_and_query()
        .map_or("", |target| target.as_str());
    let metadata = text(HeaderName::from_static("upload-metadata"));
    let upload = text(HeaderName::from_static("upload-length"));
    for part in [target.as_bytes(), kind, length, metadata, upload] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let is_short = number.is_some_and(|number: usize| number <= MAX_COMPARED);
    let body = match is_short && !kind.starts_with(b"multipart/") {
        false => body,
        true => {
            let bytes = to_bytes(body, MAX_COMPARED).await;
            let bytes = bytes.map_err(|_| Problem::invalid("the body is cut off"))?;
            hash.update(&bytes);
            Body::from(bytes)
        }
    };
    Ok((Request::from_parts(parts, body), digits(hash)))
}

/// Whose name it is: that of whoever has the same token, or of all of a tenant who have none.
fn scope(tenant: &Tenant, headers: &HeaderMap) -> String {
    match headers.get(header::AUTHORIZATION) {
        Some(token) => digits(Sha256::new_with_prefix(token.as_bytes())),
        None if tenant.is_first() => String::new(),
        None => tenant.as_str().to_owned(),
    }
}

fn digits(hash: Sha256) -> String {
    let mut digits = String::with_capacity(64);
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    digits
}

/// A name that is held; let go when it is dropped without an answer, as when the client goes away.
struct Held {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
}

impl Held {
    async fn end(mut self, status: u16, answer: &[u8]) -> Result<()> {
        if let Some(ticket) = &self.ticket {
            let sealed = self.shared.keys.wrap_answer(&ticket.name, answer)?;
            self.shared.db.end_once(ticket, status, &sealed).await?;
        }
        self.ticket = None;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (Some(ticket), shared) = (self.ticket.take(), self.shared.clone()) else {
            return;
        };
        tokio::spawn(async move {
            // It runs out by itself, too.
            if let Err(error) = shared.db.release_once(&ticket).await {
                tracing::warn!(%error, "an Idempotency-Key could not be let go");
            }
        });
    }
}
