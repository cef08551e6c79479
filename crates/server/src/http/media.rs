//! Serves the files of published packages: manifests with this server's URLs filled in, segments as they
//! are. Range, HEAD, ETag and caches as RFC 9110 and RFC 9111 have them.

mod body;
mod hot;

pub(super) use hot::Hot;
pub(crate) use hot::HotFiles;

use super::base_url::BaseUrl;
use super::compress;
use super::error::{Problem, Result};
use super::extract::Path;
use super::playback::Playing;
use super::range::{self, Part};
use crate::app::Shared;
use crate::db::storage::Behind;
use crate::links;
use crate::storage::Opened;
use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use body::{Content, Parts};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A kind of file in a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mpd,
    Playlist,
    Media(&'static str),
}

impl Kind {
    fn of(path: &str) -> Option<Self> {
        let (_, extension) = path.rsplit_once('.')?;
        Some(match extension {
            "mpd" => Self::Mpd,
            "m3u8" => Self::Playlist,
            // The engine names the folders of sound and of text so.
            "mp4" | "m4s" if path.starts_with("audio") => Self::Media("audio/mp4"),
            "mp4" | "m4s" if path.starts_with("text") => Self::Media("application/mp4"),
            "mp4" | "m4s" => Self::Media("video/mp4"),
            "vtt" => Self::Media("text/vtt"),
            "jpg" => Self::Media("image/jpeg"),
            _ => return None,
        })
    }

    fn mime(self) -> &'static str {
        match self {
            Self::Mpd => "application/dash+xml",
            Self::Playlist => "application/vnd.apple.mpegurl",
            Self::Media(mime) => mime,
        }
    }

    fn cache(self) -> &'static str {
        match self {
            // They hold URLs of this server, which may move.
            Self::Mpd | Self::Playlist => "no-cache",
            // A package never changes under its code.
            Self::Media(_) => "public, max-age=31536000, immutable",
        }
    }
}

/// A file of a published package.
#[utoipa::path(get, path = "/videos/{code}/dash/{path}", tag = "media",
    params(("code" = String, Path), ("path" = String, Path, description =
    "stream.mpd, master.m3u8, <rendition>/playlist.m3u8, <rendition>/init.mp4, <rendition>/N.m4s, <rendition>/subtitles.vtt, <rendition>/N.vtt, poster.jpg, storyboard.vtt, storyboard.jpg, preview.mp4, chapters.vtt")),
    responses((status = 200, description = "the file", headers(("ETag" = String), ("Cache-Control" = String), ("Accept-Ranges" = String)),
    content((String = "application/dash+xml"), (String = "application/vnd.apple.mpegurl"), (Vec<u8> = "video/mp4"), (Vec<u8> = "audio/mp4"), (Vec<u8> = "application/mp4"), (String = "text/vtt"), (Vec<u8> = "image/jpeg"))),
    (status = 206, description = "the parts that Range names", headers(("ETag" = String), ("Content-Range" = Option<String>)),
    content((String = "application/dash+xml"), (String = "application/vnd.apple.mpegurl"), (Vec<u8> = "video/mp4"), (Vec<u8> = "audio/mp4"), (Vec<u8> = "application/mp4"), (String = "text/vtt"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "multipart/byteranges"))),
    (status = 304, description = "it is as If-None-Match has it", headers(("ETag" = String))),
    (status = 307, description = "the package was replaced: where the newer one begins", headers(("Location" = String))),
    (status = 404), (status = 412, description = "it is not as If-Match has it"),
    (status = 416, description = "the file has no such part", headers(("Content-Range" = String)))))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    base: BaseUrl,
    method: Method,
    Path((code, path)): Path<(String, String)>,
    Extension(playing): Extension<Playing>,
    headers: HeaderMap,
) -> Result<Response> {
    let kind = Kind::of(&path).ok_or_else(unknown)?;
    match kind {
        Kind::Media(_) => {
            let key = format!("{code}/{path}");
            if shared.published.remembers(&code)
                && let Some(hot) = shared.hot.get(&key)
            {
                return of_hot(&shared, kind, hot, &headers).await;
            }
            // What asks the catalogue and the storage is boxed: it would make the memory of each request several times as large.
            Box::pin(media(&shared, kind, (&code, &path), &method, &headers)).await
        }
        Kind::Mpd | Kind::Playlist => {
            Box::pin(manifest(
                &shared,
                kind,
                (&code, &path),
                (&base, &playing),
                &headers,
            ))
            .await
        }
    }
}

fn unknown() -> Problem {
    Problem::not_found("this file of a published package")
}

/// Sends a player to the same file of another package. The address is relative, so that it holds on the media port, too.
fn redirect(code: &str, path: &str, query: Option<&str>) -> Result<Response> {
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut headers = HeaderMap::new();
    let location = HeaderValue::from_str(&format!("../../{code}/dash/{path}{query}"));
    headers.insert(header::LOCATION, location.map_err(Problem::internal)?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response())
}

/// A manifest with this server's URLs, or the word where the newer one is.
async fn manifest(
    shared: &Arc<Shared>,
    kind: Kind,
    (code, path): (&str, &str),
    (base, playing): (&BaseUrl, &Playing),
    headers: &HeaderMap,
) -> Result<Response> {
    let entry = ["stream.mpd", "master.m3u8"].contains(&path);
    match shared.db.behind(code).await? {
        // Who begins to play gets the newer package, who plays already goes on with the files of this one.
        Behind::Files {
            successor: Some(successor),
        }
        | Behind::Successor(successor)
            if entry =>
        {
            return redirect(&successor, path, playing.query.as_deref());
        }
        Behind::Files { .. } => {}
        Behind::Successor(_) | Behind::Nothing => return Err(unknown()),
    }
    let stored = shared.storage.package(code).text(path).await;
    let stored = stored.map_err(absent)?.ok_or_else(unknown)?;
    let xml = kind == Kind::Mpd;
    let text = links::fill_in(&stored, &base.0, code, xml);
    let license_token = playing.license_token.as_deref();
    let text = links::sign(&text, playing.token.as_deref(), license_token, xml);
    let digest = Sha256::digest(text.as_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let found = Found {
        kind,
        size: text.len() as u64,
        tag: HeaderValue::from_str(&format!("\"{}\"", &hex[..32])).map_err(Problem::internal)?,
        content: Content::Memory(Bytes::from(text)),
    };
    let response = found.respond(shared, headers).await?;
    compress::compressed(headers, response).await
}

/// Any other file: from memory, or else from the storage.
async fn media(
    shared: &Arc<Shared>,
    kind: Kind,
    (code, path): (&str, &str),
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response> {
    if !shared.published.has_files(&shared.db, code).await? {
        return Err(unknown());
    }
    let key = format!("{code}/{path}");
    if let Some(hot) = shared.hot.get(&key) {
        return of_hot(shared, kind, hot, headers).await;
    }
    let all = !headers.contains_key(header::RANGE) && !headers.contains_key(header::IF_NONE_MATCH);
    let opened = shared.storage.package(code).fetch(path, all).await;
    let opened = opened.map_err(absent)?.ok_or_else(unknown)?;
    let size = opened.size();
    // Immutable files: their size and their URL say all.
    let tag = HeaderValue::from_str(&format!("\"{code}-{size:x}\"")).map_err(Problem::internal)?;
    let content = match opened {
        Opened::Remote(object) => Content::Remote(object.into()),
        Opened::File(file, _) => {
            let file = Arc::new(file);
            if method == Method::GET
                && let Some(room) = shared.hot.room_to_keep(size)
            {
                let bytes = body::whole(file.clone(), room).await?;
                let hot = shared.hot.keep(key.into(), bytes, tag, file);
                return of_hot(shared, kind, hot, headers).await;
            }
            Content::File(file)
        }
    };
    let found = Found {
        kind,
        size,
        tag,
        content,
    };
    found.respond(shared, headers).await
}

/// A file that is in memory. The answer says so to who sends it.
async fn of_hot(
    shared: &Arc<Shared>,
    kind: Kind,
    hot: Arc<Hot>,
    headers: &HeaderMap,
) -> Result<Response> {
    let found = Found {
        kind,
        size: hot.bytes.len() as u64,
        tag: hot.tag.clone(),
        content: Content::Memory(hot.bytes.clone()),
    };
    let mut response = found.respond(shared, headers).await?;
    if hot.is_open() {
        response.extensions_mut().insert(hot);
    }
    Ok(response)
}

/// A file that is there.
struct Found {
    kind: Kind,
    size: u64,
    tag: HeaderValue,
    content: Content,
}

impl Found {
    /// What a request gets of the file: all, some, or the word that nothing changed (RFC 9110, 13.2.2).
    async fn respond(self, shared: &Arc<Shared>, request: &HeaderMap) -> Result<Response> {
        let Self {
            kind,
            size,
            tag,
            content,
        } = self;
        let mut headers = HeaderMap::with_capacity(16);
        let cache = HeaderValue::from_static(kind.cache());
        headers.insert(header::CACHE_CONTROL, cache);
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let text = tag.to_str().map_err(Problem::internal)?;
        if request.contains_key(header::IF_MATCH)
            && !range::names_tag(request, header::IF_MATCH, text, false)
        {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            return Ok((StatusCode::PRECONDITION_FAILED, headers).into_response());
        }
        let unchanged = range::names_tag(request, header::IF_NONE_MATCH, text, true);
        let part = part(request, text, size);
        headers.insert(header::ETAG, tag);
        if unchanged {
            return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
        }
        let value = |text: &str| HeaderValue::from_str(text).map_err(Problem::internal);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.mime()));
        let (status, length, body) = match part {
            Part::Whole => {
                let body = body::of_part(shared, content, 0..size).await?;
                (StatusCode::OK, size, body)
            }
            Part::One(range) => {
                let (from, to) = (range.start, range.end - 1);
                let said = value(&format!("bytes {from}-{to}/{size}"))?;
                headers.insert(header::CONTENT_RANGE, said);
                let length = range.end - range.start;
                let body = body::of_part(shared, content, range).await?;
                (StatusCode::PARTIAL_CONTENT, length, body)
            }
            Part::Several(ranges) => {
                let parts = Parts::new(ranges, size, kind.mime())?;
                let mime = format!("multipart/byteranges; boundary={}", parts.boundary);
                headers.insert(header::CONTENT_TYPE, value(&mime)?);
                let length = parts.length;
                let body = parts.body(shared, content);
                (StatusCode::PARTIAL_CONTENT, length, body)
            }
            Part::Unsatisfiable => {
                headers.insert(header::CONTENT_RANGE, value(&format!("bytes */{size}"))?);
                (StatusCode::RANGE_NOT_SATISFIABLE, 0, Body::empty())
            }
        };
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        Ok((status, headers, body).into_response())
    }
}

/// The part that a request wants; a range of another version is of no use, then the whole is sent.
fn part(request: &HeaderMap, tag: &str, size: u64) -> Part {
    let range = request
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok());
    let fresh =
        !request.contains_key(header::IF_RANGE) || range::is_tag(request, header::IF_RANGE, tag);
    range
        .filter(|_| fresh)
        .map_or(Part::Whole, |range| range::parse(range, size))
}

fn absent(error: std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::NotFound => unknown(),
        _ => error.into(),
    }
}
