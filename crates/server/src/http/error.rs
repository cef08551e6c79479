//! Errors for programs: `application/problem+json` (RFC 9457) with stable codes.

use super::request_id;
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
}

/// The kinds of problems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    InvalidRequest,
    UnknownField,
    KeyInUse,
    TooManyStreams,
    KeyReused,
    CrossSite,
    ForeignHost,
    Undeclared,
    NotSetUp,
    Unauthorized,
    WrongLogin,
    WrongSetUpToken,
    MissingScope,
    TooManyAttempts,
    PlaybackIsSigned,
    WrongPlaybackToken,
    NotFound,
    MethodNotAllowed,
    Conflict,
    TooLarge,
    UnusableMedia,
    PackagingFailed,
    Internal,
    Stopping,
    DatabaseAway,
    StorageFull,
    StorageUnavailable,
    QuotaReached,
    TooManyUploads,
    TooSlow,
    Gone,
    NotTus,
    WrongContentType,
    Locked,
    WrongChecksum,
}

/// The result of a handler.
pub(super) type Result<T> = std::result::Result<T, Problem>;

impl Kind {
    fn facts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::InvalidRequest => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "The request is not valid",
            ),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found", "There is no such thing"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "The method is not for this address",
            ),
            Self::Conflict => (
                StatusCode::CONFLICT,
                "conflict",
                "The state of the thing does not allow it",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "The request is too large",
            ),
            Self::UnusableMedia => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "unusable_media",
                "The file cannot be used",
            ),
            Self::PackagingFailed => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "packaging_failed",
                "The package could not be made",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "The server failed",
            ),
            Self::Stopping => (
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping",
                "The server is stopping",
            ),
            Self::DatabaseAway => (
                StatusCode::SERVICE_UNAVAILABLE,
                "database_away",
                "The database does not answer",
            ),
            Self::StorageUnavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "storage_unavailable",
                "The storage does not answer",
            ),
            Self::StorageFull => (
                StatusCode::INSUFFICIENT_STORAGE,
                "storage_full",
                "The server's disk is full",
            ),
            _ => self.facts_of_access(),
        }
    }

    /// Kinds of who may not come in.
    fn facts_of_access(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::UnknownField => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "unknown_field",
                "The body has fields that nobody knows",
            ),
            Self::CrossSite => (
                StatusCode::FORBIDDEN,
                "cross_site",
                "Pages of other sites may read and change nothing here",
            ),
            Self::ForeignHost => (
                StatusCode::MISDIRECTED_REQUEST,
                "foreign_host",
                "This server has another name",
            ),
            Self::Undeclared => (
                StatusCode::FORBIDDEN,
                "undeclared",
                "Nobody has said who may come here",
            ),
            Self::KeyInUse => (
                StatusCode::CONFLICT,
                "idempotency_key_in_use",
                "The request with this Idempotency-Key is under way",
            ),
            Self::TooManyStreams => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_streams",
                "Too many clients follow the events",
            ),
            Self::KeyReused => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "idempotency_key_reused",
                "The Idempotency-Key was given to another request",
            ),
            Self::NotSetUp => (
                StatusCode::UNAUTHORIZED,
                "not_set_up",
                "Nobody may come in yet",
            ),
            Self::Unauthorized => (
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                "One must log in or show a token",
            ),
            Self::WrongLogin => (
                StatusCode::UNAUTHORIZED,
                "wrong_login",
                "The name or the password is wrong",
            ),
            Self::WrongSetUpToken => (
                StatusCode::FORBIDDEN,
                "wrong_set_up_token",
                "This is not the set-up token",
            ),
            Self::MissingScope => (
                StatusCode::FORBIDDEN,
                "missing_scope",
                "The token does not allow it",
            ),
            Self::TooManyAttempts => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_attempts",
                "Too many attempts to log in",
            ),
            _ => self.facts_of_playback(),
        }
    }

    /// Kinds of who may not play.
    fn facts_of_playback(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::PlaybackIsSigned => (
                StatusCode::UNAUTHORIZED,
                "playback_is_signed",
                "Players must show a playback token",
            ),
            Self::WrongPlaybackToken => (
                StatusCode::FORBIDDEN,
                "wrong_playback_token",
                "The playback token is not good for this",
            ),
            _ => self.facts_of_uploads(),
        }
    }

    /// Kinds that only uploads have.
    fn facts_of_uploads(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::QuotaReached => (
                StatusCode::INSUFFICIENT_STORAGE,
                "upload_quota",
                "Unfinished uploads may not hold more",
            ),
            Self::TooManyUploads => (
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_uploads",
                "Too many uploads are unfinished",
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "The request came too slowly",
            ),
            Self::Gone => (StatusCode::GONE, "gone", "It was there and is no more"),
            Self::NotTus => (
                StatusCode::PRECONDITION_FAILED,
                "tus_version",
                "The request is of another protocol, or another version of it",
            ),
            Self::WrongContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "content_type",
                "The body has the wrong type",
            ),
            Self::Locked => (
                StatusCode::LOCKED,
                "locked",
                "Another request is at it just now",
            ),
            // What tus says of checksums that are of other bytes has a status of its own.
            _ => (
                StatusCode::from_u16(460).unwrap_or(StatusCode::BAD_REQUEST),
                "checksum_mismatch",
                "The bytes are not those that were sent",
            ),
        }
    }
}

impl Problem {
    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            field: None,
            errors: Vec::new(),
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

    /// Both problems of one body; the first one is told in words.
    pub(super) fn and(mut self, other: Self) -> Self {
        if other.kind == Kind::UnknownField {
            self.kind = Kind::UnknownField;
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
        Self::new(
            Kind::TooManyStreams,
            format!("{most} clients follow the events already; ask for the list now and then"),
        )
    }

    /// 422 for a name that was given to another request.
    pub(super) fn key_reused() -> Self {
        Self::new(
            Kind::KeyReused,
            "another request came with it within 24 hours: give each request a key of its own",
        )
    }

    /// 403 for a page of another site.
    pub(super) fn cross_site() -> Self {
        Self::new(
            Kind::CrossSite,
            "a browser sent this request for a page of another site; use the page of this server, \
             or a client that is no browser",
        )
    }

    /// 421 for a host that is not this server.
    pub(super) fn foreign_host(host: &str) -> Self {
        Self::new(
            Kind::ForeignHost,
            format!(
                "this server is not {host}; ask it by localhost or its address, or start it with --allow-host {host} \
                 if that is its name"
            ),
        )
    }

    /// 401 before there is an administrator.
    pub(super) fn not_set_up() -> Self {
        Self::new(
            Kind::NotSetUp,
            "open /setup and make the first administrator, with the set-up token from the server's console",
        )
    }

    /// 401 for who shows nothing.
    pub(super) fn unauthorized() -> Self {
        Self::new(
            Kind::Unauthorized,
            "send the header Authorization: Bearer with an API token, or log in on the page",
        )
    }

    /// 401 for a token that is none, or not any more.
    pub(super) fn wrong_token() -> Self {
        Self::new(
            Kind::Unauthorized,
            "the token is unknown, has run out or was revoked; an administrator can make another one",
        )
    }

    /// 401 for a name and a password; it does not say which is wrong.
    pub(super) fn wrong_login() -> Self {
        Self::new(Kind::WrongLogin, "the name or the password is wrong")
    }

    /// 403.
    pub(super) fn wrong_set_up_token() -> Self {
        Self::new(
            Kind::WrongSetUpToken,
            "this is not the set-up token: the server writes it on its console when it starts, a new one at each start",
        )
    }

    /// 403 for a token that allows other things.
    pub(super) fn missing_scope(scope: crate::access::Scope) -> Self {
        let scope = scope.as_str();
        Self::new(
            Kind::MissingScope,
            format!("it needs the scope {scope}; an administrator can make a token that has it"),
        )
    }

    /// 429.
    pub(super) fn too_many_attempts(seconds: u64) -> Self {
        Self::new(
            Kind::TooManyAttempts,
            format!("wait {seconds} s, then try again"),
        )
    }

    /// 401 for a player that shows nothing.
    pub(super) fn playback_is_signed() -> Self {
        Self::new(
            Kind::PlaybackIsSigned,
            "ask for it with ?token= and a token of POST /api/v1/assets/{id}/playback_tokens",
        )
    }

    /// 403 for a player whose token is none, of something else, or not good at this moment.
    pub(super) fn wrong_playback_token() -> Self {
        Self::new(
            Kind::WrongPlaybackToken,
            "it has run out, is used up, or is of another asset, rendition or kind; ask for another one",
        )
    }

    /// The same as a page with a link to where one gets in.
    pub(super) fn for_people(self) -> Response {
        let (status, _, title) = self.kind.facts();
        let link = match self.kind {
            Kind::NotSetUp => "<a href=\"/setup\">Set up</a>",
            _ => "<a href=\"/\">Log in</a>",
        };
        let detail = crate::links::escape(&self.detail);
        super::html::page(status, title, &format!("<p>{detail}</p>\n<p>{link}</p>"))
    }

    /// 403 for a route without its line in `needs.rs`.
    pub(super) fn undeclared() -> Self {
        Self::new(
            Kind::Undeclared,
            "this is a fault of the server: the route has no line in http/needs.rs",
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

    /// 507 for a file that is not begun.
    pub(super) fn no_room(left: u64) -> Self {
        Self::new(
            Kind::StorageFull,
            format!(
                "so much does not fit: {left} bytes are left beside what other uploads were promised and the \
                 reserve; delete assets that are no longer needed, or give the data folder more space"
            ),
        )
    }

    /// 507 for the quota of unfinished uploads.
    pub(super) fn quota_reached(most: u64) -> Self {
        Self::new(
            Kind::QuotaReached,
            format!(
                "unfinished uploads may be promised {most} bytes together; end some of them, or wait"
            ),
        )
    }

    /// 429.
    pub(super) fn too_many_uploads(most: u32) -> Self {
        Self::new(
            Kind::TooManyUploads,
            format!("{most} uploads are unfinished; end some of them, or wait until they expire"),
        )
    }

    /// 408.
    pub(super) fn too_slow(detail: impl Into<String>) -> Self {
        Self::new(Kind::TooSlow, detail)
    }

    /// 410.
    pub(super) fn gone(detail: impl Into<String>) -> Self {
        Self::new(Kind::Gone, detail)
    }

    /// 412.
    pub(super) fn not_tus() -> Self {
        Self::new(
            Kind::NotTus,
            "send Tus-Resumable: 1.0.0, as version 1.0.0 of tus wants it",
        )
    }

    /// 415.
    pub(super) fn wrong_content_type(wanted: &str) -> Self {
        let detail = format!("Content-Type must be {wanted}");
        Self::new(Kind::WrongContentType, detail)
    }

    /// 423.
    pub(super) fn locked(detail: impl Into<String>) -> Self {
        Self::new(Kind::Locked, detail)
    }

    /// 460.
    pub(super) fn wrong_checksum() -> Self {
        Self::new(
            Kind::WrongChecksum,
            "the checksum is of other bytes; nothing of this request was kept, send it again",
        )
    }

    /// 503 for a transfer that is broken off because the server stops.
    pub(super) fn stopping_transfer() -> Self {
        Self::new(
            Kind::Stopping,
            "what came is kept; ask for the offset when the server runs again, and go on",
        )
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

    /// The text for people.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }
}

impl WrongField {
    fn new(field: &str, detail: &str) -> Self {
        Self {
            pointer: format!("/{}", field.replace('~', "~0").replace('/', "~1")),
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
            Kind::TooManyUploads | Kind::TooManyAttempts | Kind::TooManyStreams => Some("60"),
            _ => None,
        };
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer realm=\"reelpack\"");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(pause) = pause {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static(pause));
        }
        response
    }
}

impl From<crate::db::Error> for Problem {
    fn from(error: crate::db::Error) -> Self {
        if crate::db::is_disk_full(&error) {
            return Self::storage_full();
        }
        if crate::db::is_passing(&error) {
            tracing::warn!(%error, "the database is away or busy");
            let text = "nothing was lost; try again in a moment";
            return Self::new(Kind::DatabaseAway, text);
        }
        Self::internal(format_args!("database: {error}"))
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                Self::storage_full()
            }
            std::io::ErrorKind::TimedOut => {
                tracing::error!(%error, "the storage does not answer");
                let text = "the object store failed or did not answer in time; try again";
                Self::new(Kind::StorageUnavailable, text)
            }
            _ => Self::internal(format_args!("storage: {error}")),
        }
    }
}

impl From<crate::uploads::Halt> for Problem {
    fn from(halt: crate::uploads::Halt) -> Self {
        use crate::uploads::Halt;
        match halt {
            Halt::TooLarge(most) => Self::too_large(format!(
                "{most} bytes are all that this file may have, and there are more"
            )),
            Halt::Full => Self::storage_full(),
            Halt::WrongSum => Self::wrong_checksum(),
            Halt::Gone => Self::gone("the upload was ended meanwhile"),
            Halt::Io(error) => error.into(),
            Halt::Db(error) => error.into(),
        }
    }
}

impl From<crate::uploads::Refusal> for Problem {
    fn from(refusal: crate::uploads::Refusal) -> Self {
        use crate::uploads::Refusal;
        match refusal {
            Refusal::TooLarge(most) => {
                Self::too_large(format!("a file may have {most} bytes at most"))
            }
            Refusal::TooMany(most) => Self::too_many_uploads(most),
            Refusal::OverQuota(most) => Self::quota_reached(most),
            Refusal::NoRoom(left) => Self::no_room(left),
            Refusal::Io(error) => error.into(),
            Refusal::Db(error) => error.into(),
        }
    }
}

impl From<crate::uploads::examine::Fault> for Problem {
    fn from(fault: crate::uploads::examine::Fault) -> Self {
        use crate::uploads::examine::Fault;
        match fault {
            Fault::Unusable(reason) => Self::unusable_media(reason),
            Fault::Io(error) => error.into(),
        }
    }
}

impl From<crate::order::OrderError> for Problem {
    fn from(error: crate::order::OrderError) -> Self {
        match error {
            crate::order::OrderError::Database(error) => error.into(),
            taken @ crate::order::OrderError::KeyTaken(_) => Self::conflict(taken.to_string()),
            other => Self::internal(other),
        }
    }
}

impl From<crate::license::LicenseError> for Problem {
    fn from(error: crate::license::LicenseError) -> Self {
        use crate::license::LicenseError;
        match error {
            LicenseError::UsedUp => Self::wrong_playback_token(),
            LicenseError::Database(error) => error.into(),
            LicenseError::Keys(_) => Self::internal(error),
        }
    }
}

impl From<crate::keys::KeysError> for Problem {
    fn from(error: crate::keys::KeysError) -> Self {
        Self::internal(error)
    }
}
