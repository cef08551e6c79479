//! Passwords of accounts: Argon2id, with the parameters that OWASP names (19 MiB, 2 passes, 1 lane).

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use std::sync::OnceLock;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

/// Characters of the shortest password.
pub(crate) const SHORTEST: usize = 12;
/// Bytes of the longest.
pub(crate) const LONGEST: usize = 256;
/// Passwords that are looked at together: each takes 19 MiB and some tens of milliseconds.
const AT_ONCE: usize = 2;
static TURN: Semaphore = Semaphore::const_new(AT_ONCE);

/// Why a password could not be hashed. The text holds no secret.
#[derive(Debug, thiserror::Error)]
#[error("the password could not be hashed: {0}")]
pub(crate) struct PasswordError(String);

/// What is stored of a password.
///
/// # Errors
/// When there is no randomness or no memory.
pub(crate) async fn hash(password: Zeroizing<String>) -> Result<String, PasswordError> {
    in_turn(move || {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| hash.to_string())
            .map_err(|error| PasswordError(error.to_string()))
    })
    .await?
}

/// Whether a password is that of an account. Where there is no account, it takes as long to say no.
///
/// # Errors
/// When the stored hash is none, or there is no memory.
pub(crate) async fn is_right(
    password: Zeroizing<String>,
    stored: Option<String>,
) -> Result<bool, PasswordError> {
    in_turn(move || {
        let there = stored.is_some();
        let stored = match stored {
            Some(stored) => stored,
            None => nobodys()?,
        };
        let hash = PasswordHash::new(&stored).map_err(|error| PasswordError(error.to_string()))?;
        let right = Argon2::default().verify_password(password.as_bytes(), &hash);
        Ok(right.is_ok() && there)
    })
    .await?
}

async fn in_turn<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PasswordError> {
    let turn = TURN.acquire().await;
    let turn = turn.map_err(|error| PasswordError(error.to_string()))?;
    let done = tokio::task::spawn_blocking(work).await;
    drop(turn);
    done.map_err(|error| PasswordError(error.to_string()))
}

/// The hash of a password that nobody knows.
fn nobodys() -> Result<String, PasswordError> {
    static HASH: OnceLock<String> = OnceLock::new();
    if let Some(hash) = HASH.get() {
        return Ok(hash.clone());
    }
    let code = crate::id::code().map_err(|error| PasswordError(error.to_string()))?;
    let hash = Argon2::default().hash_password(code.as_bytes());
    let hash = hash.map_err(|error| PasswordError(error.to_string()))?;
    Ok(HASH.get_or_init(|| hash.to_string()).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn sec_34_passwords_are_stored_as_argon2id() {
        let stored = hash(secret("correct horse battery")).await.expect("a hash");
        assert!(
            stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{stored}"
        );
        let again = hash(secret("correct horse battery")).await.expect("a hash");
        assert_ne!(stored, again, "each has its own salt");
        for (text, right) in [("correct horse battery", true), ("correct horse", false)] {
            let found = is_right(secret(text), Some(stored.clone())).await;
            assert_eq!(found.expect("an answer"), right);
        }
        let nobody = is_right(secret("correct horse battery"), None).await;
        assert!(!nobody.expect("an answer"));
        assert!(
            is_right(secret("x"), Some("plain".to_owned()))
                .await
                .is_err()
        );
    }
}
