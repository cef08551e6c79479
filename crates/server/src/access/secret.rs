//! Secrets that clients show: made of randomness, stored as hashes.

use crate::id;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// Longer texts are no secrets of ours, and are not hashed.
const LONGEST: usize = 100;

/// A secret of 130 random bits, with a word in front that says what it is for. `Debug` does not show it.
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    /// Makes a new one.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub(crate) fn make(kind: &str) -> std::io::Result<Self> {
        let code = Zeroizing::new(id::code()?);
        Ok(Self(Zeroizing::new(format!("{kind}_{}", *code))))
    }

    /// The text, for the one who may have it.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub(crate) fn hash(&self) -> String {
        // Made here, so it is never too long.
        hash(&self.0).unwrap_or_default()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

/// SHA-256 of a secret that somebody shows, in hex digits; `None` when it cannot be one of ours.
///
/// A fast hash is enough for 130 random bits. Who looks hashes up tells nobody by the time that it takes how
/// much of a secret is right.
pub(crate) fn hash(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > LONGEST {
        return None;
    }
    let digest = Sha256::digest(text.as_bytes());
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_19_secrets_are_random_and_stored_as_hashes() {
        let secrets: Vec<Secret> = (0..1000)
            .map(|_| Secret::make("rpt").expect("randomness"))
            .collect();
        let texts: std::collections::HashSet<&str> = secrets.iter().map(Secret::text).collect();
        assert_eq!(texts.len(), 1000);
        for secret in &secrets {
            // 26 characters of 5 bits: 130 bits.
            assert_eq!(secret.text().len(), "rpt_".len() + 26);
            assert!(!secret.hash().contains(&secret.text()[4..]));
        }
    }

    #[test]
    fn sec_28_a_secret_does_not_print() {
        let secret = Secret::make("rpt").expect("randomness");
        assert_eq!(format!("{secret:?}"), "[REDACTED]");
        assert_eq!(hash(&"x".repeat(LONGEST + 1)), None);
    }
}
