//! `/api/v1/tokens`: what programs come in with.

use super::error::{Problem, ProblemBody, Result};
use super::etag::{self, IfMatch};
use super::extract::{Body, Path, Query};
use super::fields::Fields;
use super::paging::{self, Paging};
use super::time::rfc3339;
use crate::access::issue::{self, Wish};
use crate::access::{Caller, Scope, Tenant, rules};
use crate::app::Shared;
use crate::db::api_tokens::ApiToken;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct Token {
    /// Names it; opens nothing.
    #[schema(example = "tok_9f3k…")]
    pub id: String,
    /// Whose things it opens.
    #[schema(example = "ten_default")]
    pub tenant_id: String,
    /// What it is for.
    #[schema(example = "nightly ingest")]
    pub name: String,
    /// What it allows.
    #[schema(example = json!(["assets:read", "assets:write"]))]
    pub scopes: Vec<&'static str>,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// From then on it opens nothing.
    pub expires_at: String,
    /// When somebody ended it before its time.
    pub revoked_at: Option<String>,
    /// To the minute.
    pub last_used_at: Option<String>,
}

/// A new token with its secret, which is shown this once. It is not printed.
#[derive(Serialize, ToSchema)]
pub(super) struct NewToken {
    #[serde(flatten)]
    token: Token,
    /// For the header `Authorization: Bearer …`.
    #[schema(example = "rpt_9f3k…")]
    secret: String,
}

impl Drop for NewToken {
    fn drop(&mut self) {
        use zeroize::Zeroize;
        self.secret.zeroize();
    }
}

/// A page of tokens.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenList {
    data: Vec<Token>,
    /// Give it as `cursor` for the next page; `null` at the end.
    next_cursor: Option<String>,
    /// Whether there are more.
    has_more: bool,
}

/// What a token is to allow.
#[derive(Debug, Deserialize, ToSchema)]
pub(super) struct TokenRequest {
    #[schema(max_length = 100)]
    name: String,
    /// `assets:read`, `assets:write`, `jobs:read`, `jobs:write`, `keys:read`, `playback:sign`, `webhooks:read`, `webhooks:write`, `admin`.
    scopes: Vec<String>,
    /// Seconds; 90 days unless given, two years at most.
    expires_in: Option<i64>,
    /// Whose things it is to open: for who looks after the installation; their own tenant's unless given.
    tenant_id: Option<String>,
}

impl From<ApiToken> for Token {
    fn from(token: ApiToken) -> Self {
        Self {
            scopes: token.scopes().into_iter().map(Scope::as_str).collect(),
            id: token.id,
            tenant_id: token.tenant_id.as_str().to_owned(),
            name: token.name,
            created_at: rfc3339(token.created_at_ms),
            expires_at: rfc3339(token.expires_at_ms),
            revoked_at: token.revoked_at_ms.map(rfc3339),
            last_used_at: token.last_used_at_ms.map(rfc3339),
        }
    }
}

/// Whose tokens are meant.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    tenant_id: Option<String>,
    #[serde(flatten)]
    paging: Paging,
}

/// The tokens, newest first, those that have run out among them.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "access", params(
    ("limit" = Option<i64>, Query), ("cursor" = Option<String>, Query),
    ("tenant_id" = Option<String>, Query, description = "those of another tenant: for who looks after the installation")),
    responses((status = 200, body = TokenList), (status = 400, body = ProblemBody), (status = 404, body = ProblemBody)))]
pub(super) async fn list(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Query(filter): Query<Filter>,
) -> Result<Json<TokenList>> {
    let tenant = whose(&shared, &caller, filter.tenant_id).await?;
    let page = filter.paging.page()?;
    let mut rows = shared.db.api_tokens(&tenant, page).await?;
    let ends = paging::ends(&mut rows, page, |token| token.api_token_id);
    Ok(Json(TokenList {
        data: rows.into_iter().map(Token::from).collect(),
        next_cursor: ends.next_cursor,
        has_more: ends.has_more,
    }))
}

/// Makes a token. Its secret is shown this once, and stored as a hash. Who asks by a token gives on what that allows, and no more.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "access", request_body = TokenRequest,
    responses((status = 201, body = NewToken), (status = 400, body = ProblemBody), (status = 422, body = ProblemBody),
    (status = 403, description = "a scope that the caller has not", body = ProblemBody),
    (status = 404, description = "no such tenant", body = ProblemBody)))]
pub(super) async fn create(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Body(body): Body,
) -> Result<Response> {
    Fields::parse(&body, false)?.only(known(&caller))?;
    let request: TokenRequest = serde_json::from_slice(&body)
        .map_err(|error| Problem::invalid(format!("the body is not what it should be: {error}")))?;
    let name = rules::name(&request.name)?;
    let scopes = rules::scopes(&request.scopes)?;
    if let Some(scope) = scopes.iter().find(|scope| !caller.may(**scope)) {
        return Err(Problem::missing_scope(*scope));
    }
    let seconds = rules::seconds(request.expires_in)?;
    let tenant = whose(&shared, &caller, request.tenant_id).await?;
    let wish = Wish {
        tenant: &tenant,
        name,
        scopes: &scopes,
        seconds,
    };
    let made = issue::token(&shared.db, &wish).await?;
    let (token, secret) = made.ok_or_else(|| unknown(&tenant))?;
    let body = Json(NewToken {
        token: token.into(),
        secret: secret.text().to_owned(),
    });
    let no_store = [(header::CACHE_CONTROL, "no-store")];
    Ok((StatusCode::CREATED, no_store, body).into_response())
}

/// One token, without its secret.
#[utoipa::path(get, path = "/api/v1/tokens/{id}", tag = "access", params(("id" = String, Path),
    ("tenant_id" = Option<String>, Query, description = "one of another tenant: for who looks after the installation"),
    ("If-None-Match" = Option<String>, Header)),
    responses((status = 200, body = Token, headers(("ETag" = String))), (status = 304), (status = 404, body = ProblemBody)))]
pub(super) async fn get(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Response> {
    let tenant = whose(&shared, &caller, filter.tenant_id).await?;
    let token = shared.db.api_token(&tenant, &id).await?;
    let token = token.ok_or_else(no_token)?;
    let version = token.version;
    etag::tagged(&headers, version, &Token::from(token))
}

/// Revokes a token, at once and for good.
#[utoipa::path(delete, path = "/api/v1/tokens/{id}", tag = "access", params(("id" = String, Path),
    ("tenant_id" = Option<String>, Query, description = "one of another tenant: for who looks after the installation"),
    ("If-Match" = Option<String>, Header)),
    responses((status = 204), (status = 404, body = ProblemBody),
    (status = 412, description = "somebody changed it meanwhile", body = ProblemBody)))]
pub(super) async fn revoke(
    State(shared): State<Arc<Shared>>,
    Extension(caller): Extension<Caller>,
    Path(id): Path<String>,
    Query(filter): Query<Filter>,
    IfMatch(wanted): IfMatch,
) -> Result<StatusCode> {
    let tenant = whose(&shared, &caller, filter.tenant_id).await?;
    let revoked = shared.db.revoke_api_token(&tenant, &id, &wanted).await?;
    etag::changed(revoked, no_token)?;
    tracing::info!(token = id, "a token was revoked");
    Ok(StatusCode::NO_CONTENT)
}

fn no_token() -> Problem {
    Problem::not_found("this token")
}

/// Whose tokens are meant: the caller's own tenant's, or for who looks after the installation, those of any.
async fn whose(shared: &Shared, caller: &Caller, named: Option<String>) -> Result<Tenant> {
    let own = caller.tenant();
    let Some(named) = named.map(Tenant::from).filter(|named| *named != own) else {
        return Ok(own);
    };
    match own.is_first() && shared.db.tenant(&named).await?.is_some() {
        true => Ok(named),
        false => Err(unknown(&named)),
    }
}

fn unknown(tenant: &Tenant) -> Problem {
    Problem::not_found(format_args!("the tenant {:?}", tenant.as_str()))
}

/// The fields that a caller may send.
fn known(caller: &Caller) -> &'static [&'static str] {
    match caller.tenant().is_first() {
        true => &["name", "scopes", "expires_in", "tenant_id"],
        false => &["name", "scopes", "expires_in"],
    }
}
