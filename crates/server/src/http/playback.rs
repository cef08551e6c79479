//! Who may play: what players show, and how one says it: `/api/v1/assets/{id}/playback` and `…/playback_tokens`.

use super::base_url::BaseUrl;
use super::error::{Problem, ProblemBody, Result};
use super::extract::{Body, Path};
use super::fields::Fields;
use super::time::rfc3339;
use crate::access::Tenant;
use crate::access::playback::{Claims, Kind};
use crate::app::Shared;
use crate::db::Page;
use crate::db::playback::Policy;
use crate::{clock, id};
use axum::Json;
use axum::extract::{FromRequestParts, Query, RawPathParams, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The cookie that stands for a token in all of a package's folder.
pub(super) const COOKIE: &str = "reelpack-playback";
/// Seconds for which tokens are good unless somebody says, and at most.
const USUAL_SECONDS: i32 = 60 * 60;
const MOST_SECONDS: i32 = 24 * 60 * 60;
/// Licences and renditions that a token may count and name.
const MOST_LICENSES: i32 = 1_000_000;
const MOST_RENDITIONS: usize = 32;

/// What a player may do who was let in.
#[derive(Debug, Clone, Default)]
pub(super) struct Playing {
    /// Whether the answer is for who shows a token alone.
    pub(super) signed: bool,
    /// What manifests hand on to segments.
    pub(super) token: Option<String>,
    /// What manifests hand on to licences.
    pub(super) license_token: Option<String>,
    /// The query of the request, for who is sent on.
    pub(super) query: Option<String>,
    /// What the token of a licence says.
    pub(super) claims: Option<Claims>,
    /// The cookie that was asked for.
    cookie: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Shown {
    token: Option<String>,
    license_token: Option<String>,
    cookie: Option<String>,
}

/// Looks at what a player shows.
///
/// # Errors
/// 401 when it has to show something, 403 when that is not good for this.
pub(super) async fn admit(shared: &Arc<Shared>, kind: Kind, head: &mut Parts) -> Result<Playing> {
    match kind {
        Kind::Media => media(shared, head).await,
        Kind::License => {
            let Some(token) = shown(head).token else {
                return Ok(Playing::default());
            };
            let claims = verify(shared, &token, kind)?;
            Ok(Playing {
                claims: Some(claims),
                ..Playing::default()
            })
        }
    }
}

async fn media(shared: &Arc<Shared>, head: &mut Parts) -> Result<Playing> {
    let parts = RawPathParams::from_request_parts(head, shared).await;
    let parts = parts.map_err(|_| Problem::not_found("this file of a published package"))?;
    let of = |wanted: &str| parts.iter().find(|(name, _)| *name == wanted);
    let (Some((_, code)), Some((_, path))) = (of("code"), of("path")) else {
        return Err(Problem::not_found("this file of a published package"));
    };
    let played = shared.access.policies.of(&shared.db, code).await?;
    let Some(played) = played.filter(|played| played.playback == Policy::Signed) else {
        return Ok(Playing::default());
    };
    let shown = shown(head);
    let by_cookie = shown.token.is_none();
    let token = shown.token.or_else(|| cookie(&head.headers));
    let token = token.ok_or_else(Problem::playback_is_signed)?;
    let claims = verify(shared, &token, Kind::Media)?;
    let rendition = path.split_once('/').map(|(rendition, _)| rendition);
    let allowed = rendition.is_none_or(|rendition| claims.allow_rendition(rendition));
    if claims.asset != played.id || !allowed {
        return Err(Problem::wrong_playback_token());
    }
    let wants_cookie = shown.cookie.is_some();
    let folder = head
        .uri
        .path()
        .split_once("/dash/")
        .map(|(folder, _)| folder);
    let seconds = (claims.until_ms - clock::now_ms()).max(0) / 1000;
    let cookie = folder.filter(|_| wants_cookie).map(|folder| {
        format!(
            "{COOKIE}={token}; Path={folder}/; Max-Age={seconds}; Secure; HttpOnly; SameSite=None"
        )
    });
    Ok(Playing {
        signed: true,
        token: (!by_cookie && !wants_cookie).then_some(token),
        license_token: shown.license_token,
        query: head.uri.query().map(str::to_owned),
        claims: None,
        cookie,
    })
}

fn verify(shared: &Shared, token: &str, kind: Kind) -> Result<Claims> {
    let claims = Claims::verify(token, kind, &shared.keys, clock::now_ms());
    claims.ok_or_else(Problem::wrong_playback_token)
}

fn shown(head: &Parts) -> Shown {
    // A query that cannot be read shows nothing.
    Query::try_from_uri(&head.uri).map_or_else(|_| Shown::default(), |Query(shown)| shown)
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then(|| value.to_owned())
    })
}

impl Playing {
    /// Keeps what is signed out of shared caches, and hands out the cookie that was asked for.
    pub(super) fn seal(self, mut response: Response) -> Response {
        if !self.signed {
            return response;
        }
        let headers = response.headers_mut();
        let cache = headers.get(header::CACHE_CONTROL);
        let cache = cache.and_then(|cache| cache.to_str().ok());
        let private = cache.map(|cache| cache.replace("public", "private"));
        // The text was a header's before, and a token is one of ours.
        if let Some(Ok(value)) = private.map(|text| text.parse()) {
            headers.insert(header::CACHE_CONTROL, value);
        }
        if let Some(Ok(value)) = self.cookie.map(|text| text.parse()) {
            headers.append(header::SET_COOKIE, value);
        }
        response
    }
}

/// Who may play an asset.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Playback {
    /// `public`: whoever knows the URL; `signed`: who shows a playback token.
    #[schema(example = "signed")]
    policy: &'static str,
}

/// Who is to play an asset.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "describes the request; the fields are read one by one"
)]
pub(super) struct PlaybackRequest {
    /// `public` or `signed`.
    policy: String,
}

/// What playback tokens are to be good for.
#[derive(Debug, Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "describes the request; the fields are read one by one"
)]
pub(super) struct PlaybackTokensRequest {
    /// Seconds; an hour unless given, a day at most.
    expires_in: Option<i32>,
    /// Seconds until they begin to be good; at once unless given.
    starts_in: Option<i32>,
    /// Names of renditions, as the folders of a package have them; all unless given.
    renditions: Option<Vec<String>>,
    /// How many licences are given at most; uncounted unless given.
    licenses: Option<i32>,
}

/// Playback tokens of an asset. They are not printed.
#[derive(Serialize, ToSchema)]
pub(super) struct PlaybackTokens {
    /// For manifests and segments: `?token=…`.
    token: String,
    /// For licences: `?token=…`; manifests hand it on when they are asked for with `&license_token=…`.
    license_token: String,
    /// RFC 3339, UTC.
    expires_at: String,
    /// The asset's packages, newest first.
    packages: Vec<SignedPackage>,
}

/// Where a package is played with these tokens.
#[derive(Serialize, ToSchema)]
pub(super) struct SignedPackage {
    id: String,
    dash_url: String,
    hls_url: String,
}

/// Who may play an asset.
#[utoipa::path(get, path = "/api/v1/assets/{id}/playback", tag = "access", params(("id" = String, Path)),
    responses((status = 200, body = Playback), (status = 404, body = ProblemBody)))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
) -> Result<Json<Playback>> {
    let policy = shared.db.playback(&tenant, &id).await?;
    let policy = policy.ok_or_else(|| Problem::not_found("this asset"))?;
    Ok(Json(Playback {
        policy: policy.as_str(),
    }))
}

/// Says who may play an asset. Other servers of the same database hear of it within a second.
#[utoipa::path(put, path = "/api/v1/assets/{id}/playback", tag = "access", params(("id" = String, Path)),
    request_body = PlaybackRequest,
    responses((status = 200, body = Playback), (status = 400, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
pub(super) async fn put(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Json<Playback>> {
    let fields = Fields::parse(&body, false)?;
    fields.only(&["policy"])?;
    let words = Policy::ALL.map(|policy| (policy.as_str(), policy));
    let policy = fields.word("policy", &words)?;
    let policy = policy.ok_or_else(|| Problem::in_body("policy", "is missing"))?;
    if !shared.db.set_playback(&tenant, &id, policy).await? {
        return Err(Problem::not_found("this asset"));
    }
    shared.access.policies.changed();
    Ok(Json(Playback {
        policy: policy.as_str(),
    }))
}

/// Makes playback tokens of an asset, and the URLs with them.
#[utoipa::path(post, path = "/api/v1/assets/{id}/playback_tokens", tag = "access", params(("id" = String, Path)),
    request_body = PlaybackTokensRequest,
    responses((status = 201, body = PlaybackTokens), (status = 400, body = ProblemBody), (status = 404, body = ProblemBody),
    (status = 422, body = ProblemBody)))]
pub(super) async fn sign(
    State(shared): State<Arc<Shared>>,
    tenant: Tenant,
    base: BaseUrl,
    Path(id): Path<String>,
    Body(body): Body,
) -> Result<Response> {
    let fields = Fields::parse(&body, true)?;
    fields.only(&["expires_in", "starts_in", "renditions", "licenses"])?;
    if shared.db.playback(&tenant, &id).await?.is_none() {
        return Err(Problem::not_found("this asset"));
    }
    let seconds = fields.number("expires_in", (1, MOST_SECONDS))?;
    let until_ms = clock::now_ms() + i64::from(seconds.unwrap_or(USUAL_SECONDS)) * 1000;
    let starts = fields.number("starts_in", (0, MOST_SECONDS))?;
    let licenses = fields.number("licenses", (1, MOST_LICENSES))?;
    let mut claims = Claims {
        asset: id.clone(),
        kind: Kind::Media,
        until_ms,
        from_ms: starts.map(|seconds| clock::now_ms() + i64::from(seconds) * 1000),
        renditions: renditions(&body)?,
        grant: None,
    };
    let token = claims.sign(&shared.keys).map_err(Problem::internal)?;
    claims.kind = Kind::License;
    if let Some(most) = licenses {
        let grant = id::tagged("grt").map_err(Problem::internal)?;
        shared
            .db
            .add_grant(&grant, i64::from(most), until_ms)
            .await?;
        claims.grant = Some(grant);
    }
    let license_token = claims.sign(&shared.keys).map_err(Problem::internal)?;
    let query = format!("?token={token}&license_token={license_token}");
    let body = Json(PlaybackTokens {
        packages: packages(&shared, &tenant, &base, &id, &query).await?,
        token,
        license_token,
        expires_at: rfc3339(until_ms),
    });
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, body).into_response())
}

async fn packages(
    shared: &Shared,
    tenant: &Tenant,
    base: &BaseUrl,
    asset: &str,
    query: &str,
) -> Result<Vec<SignedPackage>> {
    let page = Page::before(i64::MAX, 100);
    let rows = shared.db.packages(tenant, Some(asset), None, page).await?;
    let ready = rows.into_iter().filter_map(|row| Some((row.id, row.url?)));
    let signed = ready.map(|(id, url)| {
        let hls = url.replace("stream.mpd", "master.m3u8");
        SignedPackage {
            id,
            dash_url: format!("{}{url}{query}", base.0),
            hls_url: format!("{}{hls}{query}", base.0),
        }
    });
    Ok(signed.collect())
}

fn renditions(body: &[u8]) -> Result<Option<Vec<String>>> {
    #[derive(Default, Deserialize)]
    struct Named {
        renditions: Option<Vec<String>>,
    }
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let plain = |name: &String| !name.is_empty() && name.len() <= 100;
    let named: std::result::Result<Named, _> = serde_json::from_slice(body);
    let named = named.ok().map(|named| named.renditions);
    let good = named.filter(|named| {
        let listed = named.as_ref();
        listed.is_none_or(|listed| listed.len() <= MOST_RENDITIONS && listed.iter().all(plain))
    });
    good.ok_or_else(|| Problem::in_body("renditions", "must be a list of at most 32 names"))
}
