//! Errors for programs: `application/problem+json` (RFC 9457) with stable codes.

mod access;
mod causes;
mod kind;
mod tenants;
mod uploads;

pub(super) use kind::Kind;

use super::rate_limit::Limited;
use super::request_id;
use crate::access::rules::Wrong;
use crate::id;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The body of every error.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemBody {
    /// Names the kind of problem; the last part is `code`.
    #[schema(example = "urn:reelpack:problem:not_found")]
    r#type: String,
    /// The kind, for people.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 404)]
    status: u16,
    /// The kind, for programs; it never changes.
    #[schema(example = "not_found")]
    code: &'static str,
    /// This very problem, and what to do.
    detail: String,
    /// Names the request, here and in the server's log.
    #[schema(example = "req_4kq9…")]
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// The field of the request that is wrong; the first one, when several are.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// All that is wrong in the body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<WrongField>,
}

/// A field of a body that is wrong.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct WrongField {
    /// Where it is in the body: a JSON Pointer (RFC 6901).
    #[schema(example = "/segment_duration")]
    pointer: String,
    /// What is wrong with it.
    detail: String,
}

/// An error on its way to a client.
#[derive(Debug)]
pub(super) struct Problem {
    kind: Kind,
    detail: String,
    field: Option<String>,
    errors: Vec<WrongField>,
    // Problems are small, and this is rarely there.
    limited: Option<Box<Limited>>,
}

/// The result of a handler.
pub(super) type Result<T> = std::result::Result<T, Problem>;

impl Problem {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            errors: Vec::new(),
            limited: None,
        }
    }

    /// 400 for the whole request.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, detail)
    }

    /// 400 for one field; the detail begins with its name.
    pub(super) fn field(field: &str, what: impl std::fmt::Display) -> Self {
        Self {
            field: Some(field.to_owned()),
            ..Self::invalid(format!("{field} {what}"))
        }
    }

    /// 400 for one field of the body; the detail begins with its name.
    pub(super) fn in_body(field: &str, what: impl std::fmt::Display) -> Self {
        let mut problem = Self::field(field, what);
        problem.errors.push(WrongField::new(field, &problem.detail));
        problem
    }

    /// 422 for fields of the body that are none of the `known`.
    pub(super) fn unknown_fields(fields: &[&str], known: &[&str]) -> Self {
        let known = known.join(", ");
        let of_field = |field: &&str| {
            let detail = format!("{field} is not a field of this request; known are {known}");
            WrongField::new(field, &detail)
        };
        let errors: Vec<WrongField> = fields.iter().map(of_field).collect();
        let detail = errors.first().map(|error| error.detail.clone());
        Self {
            field: fields.first().map(|field| (*field).to_owned()),
            errors,
            ..Self::new(Kind::UnknownField, detail.unwrap_or_default())
        }
    }

    /// 422 for a value that may not be so; `path` leads to it, the detail begins with it.
    pub(super) fn not_allowed(path: &[&str], what: impl std::fmt::Display) -> Self {
        let name = path.join(".");
        let detail = format!("{name} {what}");
        Self {
            field: Some(name),
            errors: vec![WrongField::at(path, &detail)],
            ..Self::new(Kind::InvalidValue, detail)
        }
    }

    /// Both problems of one body; the first one is told in words.
    pub(super) fn and(mut self, other: Self) -> Self {
        // A body that can be read, and says what may not be, is 422, whatever else is wrong in it.
        let of_values = [Kind::UnknownField, Kind::InvalidValue];
        if of_values.contains(&other.kind) && self.kind != Kind::UnknownField {
            self.kind = other.kind;
        }
        self.errors.extend(other.errors);
        self
    }

    /// 409 while the first request of this name is under way.
    pub(super) fn key_in_use() -> Self {
        Self::new(
            Kind::KeyInUse,
            "ask again in a moment: then this request is answered as the first one",
        )
    }

    /// 429.
    pub(super) fn too_many_streams(most: usize) -> Self {
        let text =
            format!("{most} clients follow the events already; ask for the list now and then");
        Self {
            limited: Some(Box::new(Limited::AtOnce("event-streams", most))),
            ..Self::new(Kind::TooManyStreams, text)
        }
    }

    /// 422 for a name that was given to another request.
    pub(super) fn key_reused() -> Self {
        Self::new(
            Kind::KeyReused,
            "another request came with it within 24 hours: give each request a key of its own",
        )
    }

    /// 404.
    pub(super) fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(Kind::NotFound, format!("{what} does not exist"))
    }

    /// 405.
    pub(super) fn method_not_allowed() -> Self {
        Self::new(
            Kind::MethodNotAllowed,
            "see /api/v1/docs for the methods of each address",
        )
    }

    /// 409.
    pub(super) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, detail)
    }

    /// 413.
    pub(super) fn too_large(detail: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, detail)
    }

    /// 422 for a file that is no usable video.
    pub(super) fn unusable_media(detail: impl Into<String>) -> Self {
        Self::new(Kind::UnusableMedia, detail)
    }

    /// 422 for a packaging that failed while its client waited.
    pub(super) fn packaging_failed(detail: impl Into<String>) -> Self {
        Self::new(Kind::PackagingFailed, detail)
    }

    /// 503.
    pub(super) fn stopping() -> Self {
        Self::new(
            Kind::Stopping,
            "the packaging goes on when the server runs again; ask for its state then",
        )
    }

    /// 408.
    pub(super) fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(Kind::TooSlow, detail)
    }

    /// 415.
    pub(super) fn wrong_content_type(wanted: &str) -> Self {
        let detail = format!("Content-Type must be {wanted}");
        Self::new(Kind::WrongContentType, detail)
    }

    /// 507.
    pub(super) fn storage_full() -> Self {
        Self::new(
            Kind::StorageFull,
            "delete assets that are no longer needed, or give the data folder more space",
        )
    }

    /// 500. The cause goes to the log; the client gets a reference to the line.
    pub(super) fn internal(cause: impl std::fmt::Display) -> Self {
        let reference = id::tagged("err").unwrap_or_else(|_| "err_unknown".to_owned());
        tracing::error!(reference, %cause, "a request failed");
        Self::new(
            Kind::Internal,
            format!("the server's log says why, at {reference}"),
        )
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> StatusCode {
        self.kind.facts().0
    }

    /// Where in the body something is wrong.
    #[cfg(test)]
    pub(super) fn pointers(&self) -> Vec<&str> {
        let pointers = self.errors.iter().map(|error| error.pointer.as_str());
        pointers.collect()
    }

    /// The text for people.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }
}

impl From<Wrong> for Problem {
    fn from(wrong: Wrong) -> Self {
        Self::in_body(wrong.field, wrong.what)
    }
}

impl WrongField {
    fn new(field: &str, detail: &str) -> Self {
        Self::at(&[field], detail)
    }

    fn at(path: &[&str], detail: &str) -> Self {
        let step = |part: &&str| format!("/{}", part.replace('~', "~0").replace('/', "~1"));
        Self {
            pointer: path.iter().map(step).collect(),
            detail: detail.to_owned(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, code, title) = self.kind.facts();
        let body = ProblemBody {
            r#type: format!("urn:reelpack:problem:{code}"),
            title,
            status: status.as_u16(),
            code,
            detail: self.detail,
            request_id: request_id::current(),
            field: self.field,
            errors: self.errors,
        };
        let mut response = (status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        let no_store = HeaderValue::from_static("no-store");
        headers.insert(header::CACHE_CONTROL, no_store);
        let pause = match self.kind {
            Kind::Stopping | Kind::DatabaseAway | Kind::StorageUnavailable => Some("5"),
            Kind::Locked | Kind::KeyInUse => Some("1"),
            Kind::TooManyUploads | Kind::TooManyStreams => Some("60"),
            _ => None,
        };
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"reelpack\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(pause) = pause {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(pause));
        }
        if let Some(limited) = self.limited {
            limited.tell(headers);
        }
        response
    }
}
