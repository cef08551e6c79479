//! The API token with which commands come in at servers: from a file, since arguments are seen by everyone on a machine.

use crate::failure::Failure;
use clap::Args;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use ureq::http::HeaderValue;

/// The variable of the environment that names the file.
const VARIABLE: &str = "REELPACK_TOKEN_FILE";

/// Which token a command shows.
#[derive(Args)]
pub struct TokenFileArgs {
    /// File that holds an API token, for servers where one has to log in [default: the one that the environment variable
    /// REELPACK_TOKEN_FILE names].
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl TokenFileArgs {
    /// The header `Authorization` that shows the token; `None` without one.
    ///
    /// # Errors
    /// [`Failure::Io`] when the file cannot be read, [`Failure::Usage`] when others may read it, or it holds no token.
    pub fn authorization(&self) -> Result<Option<HeaderValue>, Failure> {
        let named = self.token_file.clone();
        let named = named.or_else(|| std::env::var_os(VARIABLE).map(PathBuf::from));
        let Some(path) = named else {
            return Ok(None);
        };
        let shown = path.display();
        let away = |error| Failure::Io(format!("the token file {shown} cannot be read: {error}"));
        let mode = std::fs::metadata(&path).map_err(away)?.permissions().mode();
        if mode & 0o077 != 0 {
            let text =
                format!("the token file {shown} may be read by others; run: chmod 600 {shown}");
            return Err(Failure::Usage(text));
        }
        let text = std::fs::read_to_string(&path).map_err(away)?;
        let token = text.trim();
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if token.is_empty() || !token.bytes().all(plain) {
            // Nothing of it is repeated: it may be a secret of something else.
            let text = format!("{shown} holds no token; one line such as rpt_… is wanted");
            return Err(Failure::Usage(text));
        }
        let header = HeaderValue::try_from(format!("Bearer {token}"));
        let mut header = header.map_err(|error| Failure::Usage(error.to_string()))?;
        header.set_sensitive(true);
        Ok(Some(header))
    }
}

/// What a server said, and what to do, when it did not let a command in.
pub fn advice(status: u16, detail: &str, base: &str) -> String {
    match status {
        401 => format!(
            "{detail}; name a file with an API token by --token-file or {VARIABLE}: an administrator makes tokens at {base}/tokens"
        ),
        403 => format!("{detail}; an administrator makes a token that may do it at {base}/tokens"),
        _ => detail.to_owned(),
    }
}
