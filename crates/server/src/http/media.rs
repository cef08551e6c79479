//! Serves the files of published packages: manifests with this server's URLs filled in, segments as they
//! are. Range, HEAD, ETag and caches as RFC 9110 and RFC 9111 have them.

use super::base_url::BaseUrl;
use super::error::{Problem, Result};
use super::extract::Path;
use super::range::{self, Part};
use crate::app::Shared;
use crate::db::storage::Behind;
use crate::links;
use crate::storage::{Opened, PackageStore};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

/// What is at most this large is read at once; the rest is streamed in pieces of this size.
const PIECE_BYTES: usize = 256 << 10;

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

/// What is to be sent.
enum Content {
    Memory(Bytes),
    Stored(Opened),
}

/// A file of a published package.
#[utoipa::path(get, path = "/videos/{code}/dash/{path}", tag = "media",
    params(("code" = String, Path), ("path" = String, Path, description =
    "stream.mpd, master.m3u8, <rendition>/playlist.m3u8, <rendition>/init.mp4, <rendition>/N.m4s, <rendition>/subtitles.vtt, <rendition>/N.vtt")),
    responses((status = 200), (status = 206), (status = 304), (status = 404), (status = 416)))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    base: BaseUrl,
    Path((code, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response> {
    let unknown = || Problem::not_found("this file of a published package");
    let kind = Kind::of(&path).ok_or_else(unknown)?;
    let entry = ["stream.mpd", "master.m3u8"].contains(&path.as_str());
    match shared.db.behind(&code).await? {
        // Who begins to play gets the newer package, who plays already goes on with the files of this one.
        Behind::Files {
            successor: Some(successor),
        }
        | Behind::Successor(successor)
            if entry =>
        {
            return redirect(&successor, &path);
        }
        Behind::Files { .. } => {}
        Behind::Successor(_) | Behind::Nothing => return Err(unknown()),
    }
    let package = shared.storage.package(&code);
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
        .map(str::to_owned);
    match kind {
        Kind::Media(_) => {
            let all = range.is_none() && !headers.contains_key(header::IF_NONE_MATCH);
            let (stored, size) = open(&package, &path, all).await?;
            // Immutable files: their size and their URL say all.
            let tag = format!("\"{code}-{size:x}\"");
            respond(kind, &tag, size, &headers, range, Content::Stored(stored)).await
        }
        Kind::Mpd | Kind::Playlist => {
            let xml = kind == Kind::Mpd;
            let stored = package.text(&path).await.map_err(absent)?;
            let stored = stored.ok_or_else(unknown)?;
            let text = links::fill_in(&stored, &base.0, &code, xml);
            let digest = Sha256::digest(text.as_bytes());
            let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            let tag = format!("\"{}\"", &hex[..32]);
            let size = text.len() as u64;
            let content = Content::Memory(Bytes::from(text));
            respond(kind, &tag, size, &headers, range, content).await
        }
    }
}

/// Sends a player to the same file of another package. The address is relative, so that it holds on the media port, too.
fn redirect(code: &str, path: &str) -> Result<Response> {
    let mut headers = HeaderMap::new();
    let location = HeaderValue::from_str(&format!("../../{code}/dash/{path}"));
    headers.insert(header::LOCATION, location.map_err(Problem::internal)?);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response())
}

async fn respond(
    kind: Kind,
    tag: &str,
    size: u64,
    request: &HeaderMap,
    range: Option<String>,
    content: Content,
) -> Result<Response> {
    let mut headers = HeaderMap::new();
    let text = |text: &str| HeaderValue::from_str(text).map_err(Problem::internal);
    headers.insert(header::ETAG, text(tag)?);
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static(kind.cache()),
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if range::names_tag(request, header::IF_NONE_MATCH, tag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    // A range of another version is of no use: then the whole is sent.
    let fresh =
        !request.contains_key(header::IF_RANGE) || range::is_tag(request, header::IF_RANGE, tag);
    let range = range.filter(|_| fresh);
    let part = range.map_or(Part::Whole, |range| range::parse(&range, size));
    let (status, from, length) = match part {
        Part::Whole => (StatusCode::OK, 0, size),
        Part::Bytes { from, to } => {
            let value = text(&format!("bytes {from}-{to}/{size}"))?;
            headers.insert(header::CONTENT_RANGE, value);
            (StatusCode::PARTIAL_CONTENT, from, to - from + 1)
        }
        Part::Unsatisfiable => {
            let value = text(&format!("bytes */{size}"))?;
            headers.insert(header::CONTENT_RANGE, value);
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind.mime()));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let body = body(content, from, length).await?;
    Ok((status, headers, body).into_response())
}

async fn body(content: Content, from: u64, length: u64) -> Result<Body> {
    let mut file = match content {
        Content::Memory(bytes) => {
            let start = usize::try_from(from).unwrap_or(usize::MAX).min(bytes.len());
            let end = start.saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
            return Ok(Body::from(bytes.slice(start..end.min(bytes.len()))));
        }
        Content::Stored(Opened::Remote(object)) => {
            let bytes = object.stream(from..from + length).await?;
            return Ok(Body::from_stream(bytes));
        }
        Content::Stored(Opened::File(file, _)) => file,
    };
    match usize::try_from(length) {
        Ok(length) if length <= PIECE_BYTES => {
            let bytes = super::blocking(move || {
                let mut bytes = vec![0; length];
                file.seek(SeekFrom::Start(from))?;
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            });
            Ok(Body::from(bytes.await?))
        }
        _ => {
            if from > 0 {
                file.seek(SeekFrom::Start(from))?;
            }
            let file = tokio::fs::File::from_std(file).take(length);
            let stream = ReaderStream::with_capacity(file, PIECE_BYTES);
            Ok(Body::from_stream(stream))
        }
    }
}

async fn open(package: &PackageStore, path: &str, all: bool) -> Result<(Opened, u64)> {
    let opened = package.fetch(path, all).await.map_err(absent)?;
    let opened = opened.ok_or_else(|| Problem::not_found("this file of the package"))?;
    let size = opened.size();
    Ok((opened, size))
}

fn absent(error: std::io::Error) -> Problem {
    match error.kind() {
        std::io::ErrorKind::NotFound => Problem::not_found("this file of the package"),
        _ => error.into(),
    }
}
