//! Versions of single things: `ETag`, `If-None-Match`, `If-Match` (RFC 9110, 8.8 and 13.1).
//!
//! A tag has two parts: the version of the thing, which grows with every change that clients make, and a hash of the answer, which
//! also changes when a job goes on, say. Who reads compares the whole tag; who changes is held to the version alone, so that
//! the progress of a job stands in nobody's way.

use super::error::{Problem, Result};
use crate::db::{Changed, Wanted};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// Which versions a change is for, by `If-Match`.
#[derive(Debug)]
pub(super) struct IfMatch(pub(super) Wanted);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(
        parts: &mut Parts,
        _: &S,
    ) -> std::result::Result<Self, Self::Rejection> {
        Ok(Self(wanted(&parts.headers)))
    }
}

/// One thing in JSON with its tag; 304 where the client has it as it is.
///
/// # Errors
/// Never: answers can be written as JSON.
pub(super) fn tagged(headers: &HeaderMap, version: i64, body: &impl Serialize) -> Result<Response> {
    let json = serde_json::to_vec(body).map_err(Problem::internal)?;
    let tag = tag(version, &json);
    let known = tags(headers, header::IF_NONE_MATCH).any(|known| {
        // The comparison is the weak one (RFC 9110, 13.1.2).
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    });
    let value = HeaderValue::from_str(&tag).map_err(Problem::internal)?;
    let headers = [
        (header::ETAG, value),
        // For the one who asks alone, and asked for again each time.
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, no-cache"),
        ),
    ];
    if known {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let kind = HeaderValue::from_static("application/json");
    Ok((headers, [(header::CONTENT_TYPE, kind)], json).into_response())
}

/// Goes on where a change was made; `unknown` is the problem where there is no such thing.
pub(super) fn changed(changed: Changed, unknown: impl FnOnce() -> Problem) -> Result<()> {
    match changed {
        Changed::Done => Ok(()),
        Changed::Unknown => Err(unknown()),
        Changed::Stale => Err(Problem::stale()),
    }
}

fn tag(version: i64, json: &[u8]) -> String {
    let digest = Sha256::digest(json);
    let digits: String = digest
        .iter()
        .take(12)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("\"{version}-{digits}\"")
}

/// What `If-Match` says; without it, any version is meant.
fn wanted(headers: &HeaderMap) -> Wanted {
    if !headers.contains_key(header::IF_MATCH) {
        return Wanted::Any;
    }
    let mut versions = Vec::new();
    for tag in tags(headers, header::IF_MATCH) {
        if tag == "*" {
            return Wanted::Any;
        }
        // A weak tag, or one that is none of ours, is that of no version (the comparison is the strong one).
        let inner = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
        let version: Option<i64> = inner.and_then(|inner| inner.split_once('-')?.0.parse().ok());
        versions.extend(version);
    }
    Wanted::Versions(versions)
}

/// The tags of a header; ours hold no commas.
fn tags(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(name).into_iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_str(value).expect("a value"))])
    }

    #[test]
    fn who_changes_names_versions() {
        let of = |value: &str| wanted(&headers(header::IF_MATCH, value));
        assert_eq!(wanted(&HeaderMap::new()), Wanted::Any);
        assert_eq!(of("*"), Wanted::Any);
        assert_eq!(of("\"3-ab\", \"4-cd\""), Wanted::Versions(vec![3, 4]));
        for none in ["W/\"3-ab\"", "3-ab", "\"x-ab\"", "\"3\"", "\"\"", ""] {
            assert_eq!(of(none), Wanted::Versions(Vec::new()), "{none}");
        }
    }

    #[test]
    fn who_reads_is_told_what_is_new_alone() {
        let ask = |value: &str| {
            let headers = headers(header::IF_NONE_MATCH, value);
            tagged(&headers, 3, &"body").expect("an answer").status()
        };
        let tag = tag(3, b"\"body\"");
        for known in [tag.as_str(), &format!("\"x\", W/{tag}"), "*"] {
            assert_eq!(ask(known), StatusCode::NOT_MODIFIED, "{known}");
        }
        for other in [tag.replace('3', "4").as_str(), "\"3-ab\"", "", "3"] {
            assert_eq!(ask(other), StatusCode::OK, "{other}");
        }
    }
}
