//! The licence server: W3C EME ClearKey, and raw keys for HLS.

use super::error::{Problem, ProblemBody, Result};
use super::extract::{Body, Path, Query};
use super::playback::Playing;
use crate::app::Shared;
use crate::license;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use packager::{ContentKey, KeyId, parse_key_id};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use zeroize::Zeroize;

/// KIDs that one request may ask for.
const MAX_KIDS: usize = 1000;

/// A licence request (Encrypted Media Extensions, 9.1.3).
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct LicenseRequest {
    /// Key ids, base64url of 16 bytes without padding.
    #[schema(example = json!(["oW5AK5BW43HzbTSKpiu3SQ"]))]
    kids: Vec<String>,
    /// `temporary` or `persistent-license`; the first unless given.
    r#type: Option<String>,
}

/// A licence (Encrypted Media Extensions, 9.1.4): a JSON Web Key set.
#[derive(Serialize, ToSchema)]
pub(super) struct License {
    keys: Vec<JsonWebKey>,
    r#type: &'static str,
}

/// One content key of a licence. It is wiped from memory when dropped, and not printed.
#[derive(Serialize, ToSchema)]
pub(super) struct JsonWebKey {
    kty: &'static str,
    /// Key id, base64url.
    kid: String,
    /// Content key, base64url.
    k: String,
}

impl Drop for JsonWebKey {
    fn drop(&mut self) {
        self.k.zeroize();
    }
}

/// Whose keys are meant.
#[derive(Debug, Deserialize)]
pub(super) struct Of {
    package: Option<String>,
}

/// Delivers the content keys of published packages: the permitted ones of those asked for.
#[utoipa::path(post, path = "/license/clearkey", tag = "licences", params(
    ("package" = Option<String>, Query,
     description = "the package's code, as its manifests have it: its keys alone are given"),
    ("token" = Option<String>, Query, description = "a playback token for licences, where playback is signed")),
    request_body = LicenseRequest,
    responses((status = 200, body = License), (status = 400, body = ProblemBody),
    (status = 403, description = "the playback token is not good for this", body = ProblemBody),
    (status = 404, description = "none of the keys may be given", body = ProblemBody)))]
pub(super) async fn clearkey(
    State(shared): State<Arc<Shared>>,
    Query(of): Query<Of>,
    Extension(playing): Extension<Playing>,
    Body(body): Body,
) -> Result<Response> {
    let request: LicenseRequest = serde_json::from_slice(&body)
        .map_err(|_| Problem::in_body("kids", "must be a list of texts, in a JSON object"))?;
    match request.r#type.as_deref() {
        None | Some("temporary" | "persistent-license") => {}
        Some(_) => {
            let text = "must be temporary or persistent-license";
            return Err(Problem::in_body("type", text));
        }
    }
    if request.kids.is_empty() || request.kids.len() > MAX_KIDS {
        let text = format!("must hold 1 to {MAX_KIDS} key ids");
        return Err(Problem::in_body("kids", text));
    }
    let kids: Vec<KeyId> = request
        .kids
        .iter()
        .map(|kid| parse(kid))
        .collect::<Result<_>>()?;
    let keys = license::keys(
        &shared,
        &kids,
        of.package.as_deref(),
        playing.claims.as_ref(),
    )
    .await?;
    if keys.is_empty() {
        return Err(Problem::not_found("a key for these key ids"));
    }
    let license = License {
        keys: keys.iter().map(JsonWebKey::from).collect(),
        // Nothing is kept beyond the session.
        r#type: "temporary",
    };
    Ok((no_store(), Json(license)).into_response())
}

/// The 16 bytes of a published content key, for the `identity` key lines of HLS.
#[utoipa::path(get, path = "/license/key/{kid}", tag = "licences",
    params(("kid" = String, Path, description = "32 hex digits")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
    (status = 404, body = ProblemBody)))]
pub(super) async fn raw_key(
    State(shared): State<Arc<Shared>>,
    Path(kid): Path<String>,
    Extension(playing): Extension<Playing>,
) -> Result<Response> {
    raw(&shared, &kid, None, &playing).await
}

/// The 16 bytes of a content key of one published package.
#[utoipa::path(get, path = "/license/key/{package}/{kid}", tag = "licences",
    params(("package" = String, Path, description = "the package's code, as its manifests have it"),
           ("kid" = String, Path, description = "32 hex digits")),
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream"),
    (status = 404, body = ProblemBody)))]
pub(super) async fn raw_key_of_package(
    State(shared): State<Arc<Shared>>,
    Path((package, kid)): Path<(String, String)>,
    Extension(playing): Extension<Playing>,
) -> Result<Response> {
    raw(&shared, &kid, Some(&package), &playing).await
}

async fn raw(
    shared: &Shared,
    kid: &str,
    package: Option<&str>,
    playing: &Playing,
) -> Result<Response> {
    let unknown = || Problem::not_found("a key for this key id");
    let kid = parse_key_id(kid).map_err(|_| unknown())?;
    let keys = license::keys(shared, &[kid], package, playing.claims.as_ref()).await?;
    let key = keys.first().ok_or_else(unknown)?;
    let mut headers = no_store().to_vec();
    let bytes = HeaderValue::from_static("application/octet-stream");
    headers.push((header::CONTENT_TYPE, bytes));
    let body = key.value.to_vec();
    let mut response = body.into_response();
    response.headers_mut().extend(headers);
    Ok(response)
}

fn no_store() -> [(HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}

fn parse(kid: &str) -> Result<KeyId> {
    parse_key_id(kid)
        .map_err(|error| Problem::in_body("kids", format_args!("holds one that {error}")))
}

impl From<&ContentKey> for JsonWebKey {
    fn from(key: &ContentKey) -> Self {
        Self {
            kty: "oct",
            kid: key.kid.base64url(),
            k: URL_SAFE_NO_PAD.encode(key.value),
        }
    }
}
