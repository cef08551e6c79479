//! The one place where it is decided whether a request is let in. It looks at heads alone: whoever is refused is so before a byte of
//! the body is read.

use super::cors::{self, Readers};
use super::error::{Problem, Result};
use super::needs::{self, Declared, Need};
use super::{credentials, playback};
use crate::access::Caller;
use crate::app::Shared;
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Lets a request in, with who sent it beside it, or says why not.
pub(super) async fn watch(
    State(shared): State<Arc<Shared>>,
    request: Request,
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
    if need.is_playback() && request.method() == Method::OPTIONS {
        return next.run(request).await;
    }
    // The body is nobody's business here.
    let (mut head, body) = request.into_parts();
    match admit(&shared, need, &head).await {
        Ok(caller) if known => match need {
            Need::Playback(kind) => match playback::admit(&shared, kind, &mut head).await {
                Ok(playing) => {
                    head.extensions.insert(playing.clone());
                    playing.seal(next.run(Request::from_parts(head, body)).await)
                }
                Err(problem) => refusal(&shared, problem, need, &head),
            },
            _ => {
                head.extensions.insert(caller);
                next.run(Request::from_parts(head, body)).await
            }
        },
        Ok(_) => refusal(&shared, Problem::method_not_allowed(), need, &head),
        Err(problem) => refusal(&shared, problem, need, &head),
    }
}

async fn admit(shared: &Shared, need: Need, head: &Parts) -> Result<Caller> {
    let (headers, hosts) = (&head.headers, &shared.access.hosts);
    // What pages of any origin may read is of no more use to one that has this server's name.
    if !need.is_playback() || !shared.serving.cors_origins.is_empty() {
        hosts.check(headers, &head.uri)?;
    }
    if !need.is_playback() && hosts.is_foreign(&head.method, headers, &head.uri, need.is_private())
    {
        return Err(Problem::cross_site());
    }
    if need == Need::Nothing || shared.access.is_open() {
        return Ok(Caller::Anyone);
    }
    if !shared.access.is_set_up(&shared.db).await? {
        return Err(Problem::not_set_up());
    }
    match need {
        Need::Nothing | Need::SetUp | Need::Login | Need::Playback(_) => Ok(Caller::Anyone),
        Need::Known => credentials::caller(shared, head).await,
        Need::Allowed(scope) | Need::Installation(scope) => {
            let caller = credentials::caller(shared, head).await?;
            if !caller.may(scope) {
                return Err(Problem::missing_scope(scope));
            }
            match need {
                Need::Installation(_) if !caller.tenant().is_first() => {
                    Err(Problem::installation_only())
                }
                _ => Ok(caller),
            }
        }
    }
}

/// Says why a request is not let in: to people with a link, to programs as a problem.
fn refusal(shared: &Shared, problem: Problem, need: Need, head: &Parts) -> Response {
    let accepts = head.headers.get(header::ACCEPT);
    let accepts = accepts.and_then(|accepts| accepts.to_str().ok());
    let person =
        head.method == Method::GET && accepts.is_some_and(|accepts| accepts.contains("text/html"));
    if person && problem.status() == StatusCode::UNAUTHORIZED {
        return problem.for_people();
    }
    match need {
        // Players of other origins may read why they are refused.
        Need::Playback(_) => {
            cors::opened(problem.into_response(), Readers::of(shared, &head.headers))
        }
        _ => problem.into_response(),
    }
}
