//! Who may come in, looked after by the catalogue itself, beside a server that may run: for who has lost the way in, and for scripts
//! that set a machine up. Whoever can read the data folder could do all of this without us.

use crate::access::issue::{self, Wish};
use crate::access::rules::{self, Wrong};
use crate::access::{Tenant, password};
use crate::db::{self, Changed, Database, DatabaseUrl, Page, Wanted};
use crate::http::{Token, rfc3339};
use serde::Serialize;
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Rows that are read at once.
const BATCH: i64 = 200;

/// Where a server keeps its catalogue.
#[derive(Debug, Clone)]
pub struct Catalogue {
    /// Its data folder.
    pub data_dir: PathBuf,
    /// Its database, when it is not the embedded one.
    pub database: Option<DatabaseUrl>,
}

/// Why something about who may come in was not done. No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// What was asked for cannot be; the text says what can.
    #[error("{0}")]
    Wrong(String),
    /// There is no such thing.
    #[error("{0}")]
    Unknown(String),
    /// The catalogue cannot be used.
    #[error("{0}")]
    Failed(String),
}

/// A token that is wanted.
#[derive(Debug, Clone)]
pub struct TokenWish {
    /// What it is for.
    pub name: String,
    /// What it allows, in the words of the API.
    pub scopes: Vec<String>,
    /// Seconds for which it is good; 90 days unless given.
    pub expires_in: Option<i64>,
    /// Whose things it opens; the first tenant's unless given.
    pub tenant: Option<String>,
}

/// A new token. `Debug` does not show its secret.
pub struct MadeToken {
    /// All but the secret.
    pub token: Token,
    /// What is sent as `Authorization: Bearer …`. It is in no other place.
    pub secret: Zeroizing<String>,
}

/// Somebody who logs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Person {
    /// Under which name.
    pub name: String,
    /// Whose things it sees.
    pub tenant_id: String,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// When its name or password became another one.
    pub updated_at: String,
}

type Result<T> = std::result::Result<T, AdmissionError>;

/// Makes a token. Blocks.
///
/// # Errors
/// As [`AdmissionError`] says.
pub fn make_token(at: &Catalogue, wish: &TokenWish) -> Result<MadeToken> {
    let name = rules::name(&wish.name)?;
    let scopes = rules::scopes(&wish.scopes)?;
    let seconds = rules::seconds(wish.expires_in)?;
    let tenant = wish.tenant.clone().map_or_else(Tenant::first, Tenant::from);
    let wish = Wish {
        tenant: &tenant,
        name,
        scopes: &scopes,
        seconds,
    };
    beside(at, async |db| {
        let made = issue::token(db, &wish).await?;
        let (token, secret) = made.ok_or_else(|| no_tenant(&tenant))?;
        Ok(MadeToken {
            token: token.into(),
            secret: Zeroizing::new(secret.text().to_owned()),
        })
    })
}

/// The tokens of a tenant, or of all, newest first; those that have run out or were revoked among them. Blocks.
///
/// # Errors
/// As [`AdmissionError`] says.
pub fn tokens(at: &Catalogue, tenant: Option<&str>) -> Result<Vec<Token>> {
    let tenant = tenant.map(|id| Tenant::from(id.to_owned()));
    beside(at, async |db| {
        if let Some(tenant) = &tenant
            && db.tenant(tenant).await?.is_none()
        {
            return Err(no_tenant(tenant));
        }
        let mut found = Vec::new();
        let mut before = i64::MAX;
        loop {
            let page = Page::before(before, BATCH);
            let rows = match &tenant {
                Some(tenant) => db.api_tokens(tenant, page).await?,
                None => db.api_tokens_of_all(page).await?,
            };
            let Some(last) = rows.last() else {
                return Ok(found);
            };
            before = last.api_token_id;
            found.extend(rows.into_iter().map(Token::from));
        }
    })
}

/// Revokes a token of any tenant by its id, at once and for good. Blocks.
///
/// # Errors
/// As [`AdmissionError`] says.
pub fn revoke_token(at: &Catalogue, id: &str) -> Result<()> {
    let unknown = || {
        let text = format!("there is no token {id:?}; `reelpack token list` shows their ids");
        AdmissionError::Unknown(text)
    };
    beside(at, async |db| {
        let token = db.api_token_of_any(id).await?.ok_or_else(unknown)?;
        let revoked = db.revoke_api_token(&token.tenant_id, id, &Wanted::Any);
        match revoked.await? {
            Changed::Unknown => Err(unknown()),
            // Of any version: there is none that is stale.
            Changed::Done | Changed::Stale => {
                tracing::info!(token = id, "a token was revoked");
                Ok(())
            }
        }
    })
}

/// Everybody who logs in, by name. Blocks.
///
/// # Errors
/// As [`AdmissionError`] says.
pub fn people(at: &Catalogue) -> Result<Vec<Person>> {
    beside(at, async |db| {
        let rows = db.accounts().await?.into_iter();
        let people = rows.map(|row| Person {
            name: row.name,
            tenant_id: row.tenant_id.as_str().to_owned(),
            created_at: rfc3339(row.created_at_ms),
            updated_at: rfc3339(row.updated_at_ms),
        });
        Ok(people.collect())
    })
}

/// Gives somebody another password, and ends the sessions that the old one began. Blocks.
///
/// # Errors
/// As [`AdmissionError`] says.
pub fn set_password(at: &Catalogue, name: &str, password: Zeroizing<String>) -> Result<()> {
    rules::new_password(&password)?;
    beside(at, async |db| {
        // Before the hash is made: it is slow on purpose.
        let unknown = || {
            let text = format!("nobody logs in as {name:?}; `reelpack user list` shows the names");
            AdmissionError::Unknown(text)
        };
        if db.account_of_name(name).await?.is_none() {
            return Err(unknown());
        }
        let hash = password::hash(password).await;
        let hash = hash.map_err(|error| AdmissionError::Failed(error.to_string()))?;
        match db.set_password(name, &hash).await? {
            true => Ok(()),
            false => Err(unknown()),
        }
    })
}

/// Works on the catalogue, and closes it.
fn beside<T>(at: &Catalogue, work: impl AsyncFnOnce(&Database) -> Result<T>) -> Result<T> {
    let failed = |text: String| AdmissionError::Failed(text);
    let runtime = crate::blocking_runtime().map_err(|error| failed(error.to_string()))?;
    runtime.block_on(async {
        // A folder with nothing in it is a mistake, and not the place for a new catalogue.
        let file = at.data_dir.join(db::DATABASE_FILE);
        if at.database.is_none() && !file.is_file() {
            let text = "no server has worked there yet: start it once, or name another folder with --data-dir";
            return Err(failed(format!("there is no {}; {text}", file.display())));
        }
        let opened = Database::open(&at.data_dir, at.database.as_ref()).await;
        let db = opened.map_err(failed)?;
        let result = work(&db).await;
        db.close().await;
        result
    })
}

fn no_tenant(tenant: &Tenant) -> AdmissionError {
    AdmissionError::Unknown(format!("there is no tenant {:?}", tenant.as_str()))
}

impl From<Wrong> for AdmissionError {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(format!("{} {}", wrong.field, wrong.what))
    }
}

impl From<db::Error> for AdmissionError {
    fn from(error: db::Error) -> Self {
        Self::Failed(format!("the database cannot be used: {error}"))
    }
}

impl std::fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MadeToken")
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
