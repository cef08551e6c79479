//! The page: built from `web/`, inside the binary.

use super::base_url::BaseUrl;
use super::error::{Problem, Result};
use super::html;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::range;

/// The built page. Debug builds read the folder when they run, so that a new build of the page shows.
#[derive(RustEmbed)]
#[folder = "../../web/dist"]
#[allow_missing = true]
struct Dist;

const INDEX: &str = "index.html";
/// Files whose names hold a hash of their content.
const HASHED: &str = "_app/";
/// `/player` plays manifests of anywhere; nothing else comes from outside.
const POLICY: &str = "default-src 'self'; connect-src * data: blob:; media-src * data: blob:; \
    img-src * data: blob:; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; \
    object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

/// The page, for every address that it knows itself.
pub(super) async fn index(base: BaseUrl, headers: HeaderMap) -> Response {
    match Dist::get(INDEX) {
        Some(file) => respond(INDEX, file, &headers),
        None => {
            let body = format!(
                "<p>This binary was built without its page. Build the page and the binary with \
                 <code>make build</code>. The API works all the same:</p>\n{}",
                html::overview(&base.0)
            );
            html::page(StatusCode::OK, "Reelpack", &body)
        }
    }
}

/// A script, style or picture of the page.
pub(super) async fn asset(Path(path): Path<String>, headers: HeaderMap) -> Result<Response> {
    file(&format!("{HASHED}{path}"), &headers)
}

/// A file beside the page (its icon), or 404.
pub(super) async fn fallback(uri: axum::http::Uri, headers: HeaderMap) -> Result<Response> {
    file(uri.path().trim_start_matches('/'), &headers)
}

fn file(path: &str, headers: &HeaderMap) -> Result<Response> {
    match Dist::get(path) {
        Some(file) => Ok(respond(path, file, headers)),
        None => Err(Problem::not_found(format_args!("/{path}"))),
    }
}

fn respond(path: &str, file: EmbeddedFile, request: &HeaderMap) -> Response {
    let hash = file.metadata.sha256_hash();
    let hex: String = hash
        .iter()
        .take(16)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let tag = format!("\"{hex}\"");
    let cache = if path.starts_with(HASHED) {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut headers = HeaderMap::new();
    // Hex digits in quotes are always a header value.
    if let Ok(value) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, value);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    let policy = HeaderValue::from_static(POLICY);
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    if range::names_tag(request, header::IF_NONE_MATCH, &tag, true) {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(mime(path)));
    (headers, Body::from(file.data)).into_response()
}

fn mime(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" | "webmanifest" => "application/json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/vnd.microsoft.icon",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        _ => "application/octet-stream",
    }
}
