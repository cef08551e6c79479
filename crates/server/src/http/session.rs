//! `/api/v1/setup` and `/api/v1/session`: the first administrator, and people who log in.

use super::credentials::{self, SESSION_MS};
use super::error::{Problem, ProblemBody, Result};
use super::extract::Body;
use super::fields::Fields;
use super::peer::Client;
use crate::access::secret::Secret;
use crate::access::{Caller, Tenant, password, rules};
use crate::app::Shared;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use zeroize::Zeroizing;

/// What makes the first administrator.
#[derive(Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "describes the request; the fields are read one by one"
)]
pub(super) struct SetUpRequest {
    /// As the server wrote it on its console.
    set_up_token: String,
    #[schema(example = "ada", max_length = 100)]
    name: String,
    #[schema(format = Password, min_length = 12)]
    password: String,
}

/// What begins a session.
#[derive(Deserialize, ToSchema)]
#[allow(
    dead_code,
    reason = "describes the request; the fields are read one by one"
)]
pub(super) struct LoginRequest {
    #[schema(example = "ada")]
    name: String,
    #[schema(format = Password)]
    password: String,
}

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Session {
    /// Whether nobody has to log in.
    open: bool,
    /// The name of the account that is logged in.
    account: Option<String>,
    /// Whose things one sees.
    #[schema(example = "ten_default")]
    tenant_id: String,
    /// What is allowed.
    #[schema(example = json!(["assets:read", "assets:write"]))]
    scopes: Vec<&'static str>,
}

/// Makes the first administrator, and logs it in. It is gone afterwards.
#[utoipa::path(post, path = "/api/v1/setup", tag = "access", request_body = SetUpRequest,
    responses((status = 201, description = "a session, as a cookie", body = Session), (status = 400, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 403, description = "not the token of the console", body = ProblemBody),
    (status = 429, description = "too many attempts", body = ProblemBody),
    (status = 404, description = "there is an administrator, or none is needed", body = ProblemBody)))]
pub(super) async fn set_up(
    State(shared): State<Arc<Shared>>,
    Extension(client): Extension<Client>,
    Body(body): Body,
) -> Result<Response> {
    let gone = || Problem::not_found("a set-up that is still to be done");
    if shared.access.is_open() || shared.access.is_set_up(&shared.db).await? {
        return Err(gone());
    }
    let fields = Fields::parse(&body, false)?;
    fields.only(&["set_up_token", "name", "password"])?;
    let address = client.address;
    if let Err(reached) = shared.access.attempts.set_up(address) {
        tracing::warn!(%address, "too many attempts to set this server up");
        return Err(Problem::too_many_attempts(reached));
    }
    if !shared
        .access
        .is_set_up_token(fields.needed_text("set_up_token")?)
    {
        tracing::warn!("somebody tried to set this server up with a wrong token");
        return Err(Problem::wrong_set_up_token());
    }
    let name = name_of(&fields)?;
    let password = password_of(&fields)?;
    rules::new_password(&password)?;
    let hash = password::hash(password).await.map_err(Problem::internal)?;
    let made = shared.db.add_first_account(&name, &hash).await?;
    let account = made.ok_or_else(gone)?;
    tracing::info!("the first administrator was made");
    begin(
        &shared,
        account,
        (Tenant::first(), &name),
        StatusCode::CREATED,
    )
    .await
}

/// Logs an account in.
#[utoipa::path(post, path = "/api/v1/session", tag = "access", request_body = LoginRequest,
    responses((status = 200, description = "a session, as a cookie", body = Session), (status = 400, body = ProblemBody),
    (status = 422, body = ProblemBody), (status = 401, description = "no such name and password", body = ProblemBody),
    (status = 429, description = "too many attempts", body = ProblemBody)))]
pub(super) async fn begin_session(
    State(shared): State<Arc<Shared>>,
    Extension(client): Extension<Client>,
    Body(body): Body,
) -> Result<Response> {
    let fields = Fields::parse(&body, false)?;
    fields.only(&["name", "password"])?;
    let name = name_of(&fields)?;
    let password = password_of(&fields)?;
    let address = client.address;
    if let Err(reached) = shared.access.attempts.login(&name, address) {
        tracing::warn!(%address, "too many attempts to log in");
        return Err(Problem::too_many_attempts(reached));
    }
    let account = shared.db.account_of_name(&name).await?;
    let stored = account
        .as_ref()
        .map(|account| account.password_hash.clone());
    // A password that could be nobody's is looked at all the same: the time must not tell who is known.
    let right = password::is_right(password, stored).await;
    match (right.map_err(Problem::internal)?, account) {
        (true, Some(account)) => {
            let whose = (account.tenant_id, account.name.as_str());
            begin(&shared, account.account_id, whose, StatusCode::OK).await
        }
        _ => {
            tracing::warn!(%address, "somebody could not log in");
            Err(Problem::wrong_login())
        }
    }
}

/// Who asks, and what is allowed to it.
#[utoipa::path(get, path = "/api/v1/session", tag = "access",
    responses((status = 200, body = Session), (status = 401, body = ProblemBody)))]
pub(super) async fn get(Extension(caller): Extension<Caller>) -> Response {
    let account = match &caller {
        Caller::Account { name, .. } => Some(name.clone()),
        _ => None,
    };
    let body = Json(Session {
        open: matches!(caller, Caller::Anyone),
        account,
        tenant_id: caller.tenant().as_str().to_owned(),
        scopes: words(&caller),
    });
    (no_store(), body).into_response()
}

/// Ends the session.
#[utoipa::path(delete, path = "/api/v1/session", tag = "access",
    responses((status = 204), (status = 401, body = ProblemBody)))]
pub(super) async fn end(State(shared): State<Arc<Shared>>, headers: HeaderMap) -> Result<Response> {
    if let Some(hash) = credentials::session(&headers).and_then(crate::access::secret::hash) {
        shared.db.end_session(&hash).await?;
    }
    let cookie = [(header::SET_COOKIE, credentials::cookie(None)?)];
    Ok((StatusCode::NO_CONTENT, cookie, no_store()).into_response())
}

async fn begin(
    shared: &Shared,
    account_id: i64,
    (tenant, name): (Tenant, &str),
    status: StatusCode,
) -> Result<Response> {
    let secret = Secret::make("rps").map_err(Problem::internal)?;
    let hash = secret.hash();
    shared.db.add_session(account_id, &hash, SESSION_MS).await?;
    let cookie = [(
        header::SET_COOKIE,
        credentials::cookie(Some(secret.text()))?,
    )];
    let caller = Caller::Account {
        tenant,
        name: name.to_owned(),
    };
    let body = Json(Session {
        open: false,
        account: Some(name.to_owned()),
        tenant_id: caller.tenant().as_str().to_owned(),
        scopes: words(&caller),
    });
    Ok((status, cookie, no_store(), body).into_response())
}

fn name_of(fields: &Fields) -> Result<String> {
    Ok(rules::name(fields.needed_text("name")?)?.to_owned())
}

fn password_of(fields: &Fields) -> Result<Zeroizing<String>> {
    let password = fields.needed_text("password")?;
    match password.len() <= password::LONGEST {
        true => Ok(Zeroizing::new(password.to_owned())),
        false => {
            let text = format!("may have {} bytes", password::LONGEST);
            Err(Problem::in_body("password", text))
        }
    }
}

fn words(caller: &Caller) -> Vec<&'static str> {
    let scopes = caller.scopes().into_iter();
    scopes.map(crate::access::Scope::as_str).collect()
}

fn no_store() -> [(header::HeaderName, HeaderValue); 1] {
    [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]
}
