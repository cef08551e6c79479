//! Compresses answers that are text, as the client takes it: gzip, brotli or zstd.

use super::error::{Problem, Result};
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use tower::ServiceExt;
use tower_http::compression::Compression;

/// Compresses an answer for a client that said in `request` what it takes; parts of a whole stay as they are.
///
/// The entity tag of what is compressed becomes a weak one: other bytes, the same content (RFC 9110, 8.8.1).
pub(super) async fn compressed(request: &HeaderMap, response: Response) -> Result<Response> {
    let mut asked = Request::new(Body::empty());
    for taken in request.get_all(header::ACCEPT_ENCODING) {
        asked
            .headers_mut()
            .append(header::ACCEPT_ENCODING, taken.clone());
    }
    let mut response = Some(response);
    let answer = tower::service_fn(move |_: Request| {
        let answer = response.take();
        async { answer.ok_or_else(|| Problem::internal("one answer was compressed twice")) }
    });
    let response = Compression::new(answer).oneshot(asked).await?;
    let mut response = response.map(Body::new);
    let headers = response.headers_mut();
    // Also where this client gets the plain bytes: a cache must know that others may not.
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if headers.contains_key(header::CONTENT_ENCODING)
        && let Some(tag) = headers
            .get(header::ETAG)
            .and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok())
    {
        headers.insert(header::ETAG, tag);
    }
    Ok(response)
}
