//! Other origins: players of any may read media and licences; nobody else's page may change anything.

use super::error::Problem;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What scripts of other origins may read of an answer.
const EXPOSED: &str = "Accept-Ranges, Content-Length, Content-Range, Date, ETag";
/// What they may send.
const ALLOWED: &str = "Content-Type, If-Match, If-None-Match, If-Range, Range";
/// Browsers keep the answer to a preflight for a day.
const MAX_AGE: &str = "86400";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");

/// Opens a route to players of other origins, preflight included (Fetch standard, CORS protocol).
pub(super) async fn open(request: Request, next: Next) -> Response {
    let mut response = if request.method() == Method::OPTIONS {
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
    let headers = response.headers_mut();
    let any = HeaderValue::from_static("*");
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, any);
    let exposed = HeaderValue::from_static(EXPOSED);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    // Pages that are isolated from other origins may load media that say so.
    let anywhere = HeaderValue::from_static("cross-origin");
    headers.insert("cross-origin-resource-policy", anywhere);
    response
}

/// Refuses requests that change something when a browser sends them for a page of another site.
pub(super) async fn guard(request: Request, next: Next) -> Response {
    let changes = !matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    if changes && is_cross_site(request.headers()) {
        return Problem::cross_site().into_response();
    }
    next.run(request).await
}

/// Tells browsers to believe the content types.
pub(super) async fn no_sniffing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let value = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(NOSNIFF, value);
    response
}

fn is_cross_site(headers: &HeaderMap) -> bool {
    headers
        .get(SEC_FETCH_SITE)
        .is_some_and(|site| site == "cross-site")
}
