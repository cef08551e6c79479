//! Other origins: players of any may read media and licences. What other pages may not do is in `guard.rs`.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// What scripts of other origins may read of an answer.
const EXPOSED: &str = "Accept-Ranges, Content-Length, Content-Range, Date, ETag";
/// What they may send.
const ALLOWED: &str = "Content-Type, If-Match, If-None-Match, If-Range, Range";
/// Browsers keep the answer to a preflight for a day.
const MAX_AGE: &str = "86400";
const NOSNIFF: HeaderName = HeaderName::from_static("x-content-type-options");

/// Opens a route to players of other origins, preflight included (Fetch standard, CORS protocol).
pub(super) async fn open(request: Request, next: Next) -> Response {
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
    opened(response)
}

/// Lets scripts of other origins read an answer.
pub(super) fn opened(mut response: Response) -> Response {
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

/// Tells browsers to believe the content types.
pub(super) async fn no_sniffing(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let value = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(NOSNIFF, value);
    response
}
