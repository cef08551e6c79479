//! Other origins: players of any may read media and licences; what other pages may not do is in `guard.rs`.

use crate::app::Shared;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use tower_http::set_header::SetResponseHeaderLayer;

/// What scripts of other origins may read of an answer.
const EXPOSED: &str = "Accept-Ranges, Content-Length, Content-Range, Date, ETag, Request-Id";
/// What they may send.
const ALLOWED: &str = "Content-Type, If-Match, If-None-Match, If-Range, Range";
/// Browsers keep the answer to a preflight for a day.
const MAX_AGE: &str = "86400";
const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");

/// Opens a route to players of other origins, of any or of those that are listed, preflight included (Fetch standard,
/// CORS protocol).
pub(super) async fn open(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let readers = Readers::of(&shared, request.headers());
    let response = if request.method() == Method::OPTIONS {
        let headers = [
            (
                header::ACCESS_CONTROL_ALLOW_METHODS,
                "GET, HEAD, POST, OPTIONS",
            ),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE),
        ];
        (StatusCode::NO_CONTENT, headers).into_response()
    } else {
        next.run(request).await
    };
    opened(response, readers)
}

/// Whose pages may read an answer.
pub(super) struct Readers {
    /// What the browser is told, if it may let its page read.
    origin: Option<HeaderValue>,
    /// Whether another origin would be told something else.
    varies: bool,
}

impl Readers {
    /// Those that the configuration allows, for a request.
    pub(super) fn of(shared: &Shared, request: &HeaderMap) -> Self {
        let listed = &shared.serving.cors_origins;
        Self {
            origin: allowed(listed, request),
            varies: !listed.is_empty(),
        }
    }
}

/// Lets scripts of other origins read an answer.
pub(super) fn opened(mut response: Response, readers: Readers) -> Response {
    let headers = response.headers_mut();
    if readers.varies {
        headers.append(header::VARY, HeaderValue::from_static("origin"));
    }
    let Some(origin) = readers.origin else {
        return response;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    let exposed = HeaderValue::from_static(EXPOSED);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    // Pages that are isolated from other origins may load media that say so.
    let anywhere = HeaderValue::from_static("cross-origin");
    headers.insert("cross-origin-resource-policy", anywhere);
    response
}

/// What a page of an origin is told: `*` where any may read, its own name where it is listed.
fn allowed(listed: &[String], request: &HeaderMap) -> Option<HeaderValue> {
    if listed.is_empty() {
        return Some(HeaderValue::from_static("*"));
    }
    let origin = request.get(header::ORIGIN)?;
    let known = listed.iter().any(|known| origin == known.as_str());
    known.then(|| origin.clone())
}

/// Tells browsers to believe the content types.
pub(super) fn no_sniffing() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(NOSNIFF, HeaderValue::from_static("nosniff"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_as_wholes() {
        let asked = |origin: &'static str| {
            HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))])
        };
        let any = allowed(&[], &asked("https://evil.example"));
        assert_eq!(any, Some(HeaderValue::from_static("*")));
        let listed = ["https://good.example".to_owned()];
        for (origin, may) in [
            ("https://good.example", true),
            ("http://good.example", false),
            ("https://good.example:8443", false),
            ("https://evil-good.example", false),
            ("https://good.example.evil.example", false),
            ("null", false),
        ] {
            let told = allowed(&listed, &asked(origin));
            assert_eq!(
                told,
                may.then(|| HeaderValue::from_static(origin)),
                "{origin}"
            );
        }
        assert_eq!(allowed(&listed, &HeaderMap::new()), None);
    }
}
