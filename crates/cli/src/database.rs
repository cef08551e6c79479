//! Which database holds the catalogue: `--database-url`, or a file with the URL in it.

use crate::failure::Failure;
use crate::text;
use clap::Args;
use server::DatabaseUrl;
use std::path::PathBuf;

/// The database that `serve` and its companions share.
#[derive(Args)]
#[group(multiple = false)]
pub struct DatabaseArgs {
    /// Catalogue and queue in PostgreSQL or MySQL/MariaDB, such as postgres://USER:PASSWORD@HOST:5432/DATABASE or
    /// mysql://…; the tables are made. Unless given, they are in a file in the data folder.
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
    /// File that holds the URL: arguments are seen by everyone on a machine, passwords in them too.
    #[arg(long, value_name = "FILE")]
    database_url_file: Option<PathBuf>,
}

impl DatabaseArgs {
    /// Reads the URL, when there is one. No message holds it.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what is no such URL, [`Failure::Io`] for a file that cannot be read.
    pub fn url(&self) -> Result<Option<DatabaseUrl>, Failure> {
        if let Some(given) = &self.database_url {
            let url = url_of("--database-url", given)?;
            warn_of_password("--database-url", &url);
            return Ok(Some(url));
        }
        self.database_url_file.as_deref().map(url_in).transpose()
    }
}

/// Warns when a URL that was given as `flag` holds a password.
pub fn warn_of_password(flag: &str, url: &DatabaseUrl) {
    if url.has_password() {
        text::warn(&format!(
            "everyone on this machine can see the password in {flag}; write the URL into a file and name it \
             with {flag}-file"
        ));
    }
}

/// Reads the URL in a file.
///
/// # Errors
/// As [`DatabaseArgs::url`].
pub fn url_in(path: &std::path::Path) -> Result<DatabaseUrl, Failure> {
    let given = std::fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error))?;
    url_of(&format!("the URL in {}", path.display()), given.trim())
}

/// Reads a URL that was given in `place`.
///
/// # Errors
/// [`Failure::Usage`] for what is no such URL.
pub fn url_of(place: &str, given: &str) -> Result<DatabaseUrl, Failure> {
    DatabaseUrl::parse(given)
        .map_err(|error| Failure::Usage(format!("{place} cannot be used: {error}")))
}
