//! The one place where it is decided whether a request is let in. It looks at heads alone: whoever is refused is so before a byte of
//! the body is read.

use super::cors::{self, Readers};
use super::error::{Problem, Result};
use super::needs::{self, Declared, Need};
use crate::app::Shared;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Lets a request in, or says why not.
pub(super) async fn watch(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let route = request.extensions().get::<MatchedPath>();
    let declared = match route {
        Some(route) => needs::of(request.method(), route.as_str()),
        // What no route matches is a file of the page, or nothing.
        None => Declared::Needs(Need::Nothing),
    };
    let (need, methods) = match declared {
        Declared::Needs(need) => (need, None),
        Declared::OtherMethod(need, methods) => (need, Some(methods)),
        Declared::Nowhere => return Problem::undeclared().into_response(),
    };
    let preflight = need == Need::Playback && request.method() == Method::OPTIONS;
    let admitted = match (preflight, admit(&shared, need, &request)) {
        // It asks whether players may ask.
        (true, _) => Ok(()),
        (false, Ok(())) => methods.map_or(Ok(()), |methods| Err(Problem::not_among(methods))),
        (false, refused) => refused,
    };
    match admitted {
        Ok(()) => next.run(request).await,
        // Players of other origins may read why they are refused.
        Err(problem) if need == Need::Playback => {
            let readers = Readers::of(&shared, request.headers());
            cors::opened(problem.into_response(), readers)
        }
        Err(problem) => problem.into_response(),
    }
}

fn admit(shared: &Shared, need: Need, request: &Request) -> Result<()> {
    if need == Need::Playback {
        // Pages of any origin may read these: it is of no use to one to have this server's name.
        return Ok(());
    }
    let (headers, uri, hosts) = (request.headers(), request.uri(), &shared.access.hosts);
    hosts.check(headers, uri)?;
    match hosts.is_foreign(request.method(), headers, uri, need == Need::Private) {
        true => Err(Problem::cross_site()),
        false => Ok(()),
    }
}
