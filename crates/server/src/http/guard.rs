//! The one place where it is decided whether a request is let in. It looks at heads alone: whoever is refused is so before a byte of
//! the body is read.

use super::error::{Problem, Result};
use super::needs::{self, Declared, Need};
use super::{cors, credentials};
use crate::access::Caller;
use crate::app::Shared;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Lets a request in, with who sent it beside it, or says why not.
pub(super) async fn watch(
    State(shared): State<Arc<Shared>>,
    mut request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let declared = match route {
        Some(route) => needs::of(request.method(), route.as_str()),
        // What no route matches is a file of the page, or nothing.
        None => Declared::Needs(Need::SetUp),
    };
    let (need, known) = match declared {
        Declared::Needs(need) => (need, true),
        Declared::OtherMethod(need) => (need, false),
        Declared::Nowhere => return Problem::undeclared().into_response(),
    };
    // A preflight asks whether players may ask.
    if need == Need::Playback && request.method() == Method::OPTIONS {
        return next.run(request).await;
    }
    // The body is left out: it cannot be shared between threads, and is nobody's business here.
    let (method, headers) = (request.method().clone(), request.headers().clone());
    let uri = request.uri().clone();
    match admit(&shared, need, &method, &headers, &uri).await {
        Ok(caller) if known => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Ok(_) => refusal(Problem::method_not_allowed(), need, &method, &headers),
        Err(problem) => refusal(problem, need, &method, &headers),
    }
}

async fn admit(
    shared: &Shared,
    need: Need,
    method: &Method,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Caller> {
    // Pages of any origin may read what players read: it is of no use to one to have this server's name.
    if need != Need::Playback {
        let hosts = &shared.access.hosts;
        hosts.check(headers, uri)?;
        if hosts.is_foreign(method, headers, uri, need.is_private()) {
            return Err(Problem::cross_site());
        }
    }
    if need == Need::Nothing || shared.access.is_open() {
        return Ok(Caller::Anyone);
    }
    if !shared.access.is_set_up(&shared.db).await? {
        return Err(Problem::not_set_up());
    }
    match need {
        Need::Nothing | Need::SetUp | Need::Login | Need::Playback => Ok(Caller::Anyone),
        Need::Known => credentials::caller(shared, headers).await,
        Need::Allowed(scope) => {
            let caller = credentials::caller(shared, headers).await?;
            match caller.may(scope) {
                true => Ok(caller),
                false => Err(Problem::missing_scope(scope)),
            }
        }
    }
}

/// Says why a request is not let in: to people with a link, to programs as a problem.
fn refusal(problem: Problem, need: Need, method: &Method, headers: &HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT);
    let accepts = accepts.and_then(|accepts| accepts.to_str().ok());
    let person =
        *method == Method::GET && accepts.is_some_and(|accepts| accepts.contains("text/html"));
    if person && problem.status() == StatusCode::UNAUTHORIZED {
        return problem.for_people();
    }
    match need {
        // Players of other origins may read why they are refused.
        Need::Playback => cors::opened(problem.into_response()),
        _ => problem.into_response(),
    }
}
