//! What handlers take from requests; what cannot be read is a problem like any other.

use super::error::Problem;
use super::slow::is_too_slow;
use crate::access::{Caller, Tenant};
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

/// The named parts of the address.
#[derive(Debug)]
pub(super) struct Path<T>(pub(super) T);

/// What stands behind the `?` of the address.
#[derive(Debug)]
pub(super) struct Query<T>(pub(super) T);

/// A whole body, of the framework's limit.
#[derive(Debug)]
pub(super) struct Body(pub(super) Bytes);

/// Whose things a request may see and change: that is who was let in.
impl<S: Send + Sync> FromRequestParts<S> for Tenant {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let caller = parts.extensions.get::<Caller>();
        // Routes for players ask for nobody's things: there it is a fault of ours.
        let nobody = || Problem::internal("somebody's things are asked for, and nobody was let in");
        caller
            .map(Caller::tenant)
            .ok_or_else(|| nobody().into_response())
    }
}

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        // It is no UTF-8, so nothing can have this name.
        let unknown = |_| Problem::not_found("this address");
        path.map(|path| Self(path.0)).map_err(unknown)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::from_request_parts(parts, state).await;
        let wrong = |_| {
            Problem::invalid(
                "the query of the address cannot be read: name each parameter once, escaped as in a form",
            )
        };
        query.map(|query| Self(query.0)).map_err(wrong)
    }
}

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body = Bytes::from_request(request, state).await;
        body.map(Self).map_err(unread)
    }
}

/// Why a body did not come whole.
fn unread(rejection: BytesRejection) -> Problem {
    if is_too_slow(&rejection) {
        return Problem::too_slow("the body came too slowly; send it again");
    }
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::too_large("the body is longer than 2 MB"),
        _ => Problem::invalid("the body is cut off"),
    }
}
