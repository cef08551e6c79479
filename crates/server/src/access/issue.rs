//! Tokens of programs, made: for the API and the command line alike.

use super::secret::Secret;
use super::{Scope, Tenant};
use crate::db::api_tokens::{ApiToken, NewApiToken};
use crate::db::{self, Database};
use crate::{clock, id};

/// A token that somebody wants, by the [rules](super::rules).
#[derive(Debug)]
pub(crate) struct Wish<'a> {
    /// Whose things it is to open.
    pub(crate) tenant: &'a Tenant,
    pub(crate) name: &'a str,
    pub(crate) scopes: &'a [Scope],
    /// For how long.
    pub(crate) seconds: i64,
}

/// Makes a token; its secret is in no other place. `None` when there is no such tenant.
///
/// # Errors
/// When the catalogue does not answer, or there is no randomness.
pub(crate) async fn token(
    db: &Database,
    wish: &Wish<'_>,
) -> db::Result<Option<(ApiToken, Secret)>> {
    let secret = Secret::make("rpt").map_err(db::Error::Io)?;
    let id = id::tagged("tok").map_err(db::Error::Io)?;
    let new = NewApiToken {
        id: &id,
        tenant: wish.tenant,
        name: wish.name,
        secret_sha256: &secret.hash(),
        scopes: wish.scopes,
        expires_at_ms: clock::now_ms() + wish.seconds * 1000,
    };
    if !db.add_api_token(&new).await? {
        return Ok(None);
    }
    tracing::info!(token = id, "a token was made");
    let made = db.api_token(wish.tenant, &id).await?;
    Ok(made.map(|token| (token, secret)))
}
