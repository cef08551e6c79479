//! Playback tokens: short-lived, for one asset and one kind of thing, signed with HMAC-SHA-256 under a key that is derived from the key
//! file. There is one algorithm, and the token names none.

use crate::keys::Keys;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

/// What tokens begin with.
const PREFIX: &str = "rpp1";
/// Longer texts are no tokens.
const LONGEST: usize = 2_000;

/// A kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// Manifests and segments.
    Media,
    /// Content keys.
    License,
}

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Claims {
    /// The asset.
    pub(crate) asset: String,
    /// What of it.
    pub(crate) kind: Kind,
    /// Good until then, in milliseconds of the Unix epoch.
    pub(crate) until_ms: i64,
    /// Good from then on; at once unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) from_ms: Option<i64>,
    /// The renditions by their names; all unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) renditions: Option<Vec<String>>,
    /// The row that counts licences; uncounted unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) grant: Option<String>,
}

impl Claims {
    /// Whether they are good for a rendition.
    pub(crate) fn allow_rendition(&self, name: &str) -> bool {
        let listed = self.renditions.as_ref();
        listed.is_none_or(|listed| listed.iter().any(|known| known == name))
    }

    /// The token that says this.
    ///
    /// # Errors
    /// Never: all of it can be written as JSON.
    pub(crate) fn sign(&self, keys: &Keys) -> Result<String, serde_json::Error> {
        let payload = URL_SAFE_NO_PAD.encode(serde_json::to_vec(self)?);
        let signed = format!("{PREFIX}.{payload}");
        let mac = URL_SAFE_NO_PAD.encode(keys.sign(signed.as_bytes()));
        Ok(format!("{signed}.{mac}"))
    }

    /// What a token says, when it is one of ours, of this kind, and good at this moment.
    ///
    /// The signature is looked at first, in constant time; of what has a wrong one, nothing is read.
    pub(crate) fn verify(token: &str, kind: Kind, keys: &Keys, now_ms: i64) -> Option<Self> {
        if token.len() > LONGEST {
            return None;
        }
        let (signed, mac) = token.rsplit_once('.')?;
        let mac = URL_SAFE_NO_PAD.decode(mac).ok()?;
        if !keys.has_signed(signed.as_bytes(), &mac) {
            return None;
        }
        let (prefix, payload) = signed.split_once('.')?;
        let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
        let claims: Self = serde_json::from_slice(&payload).ok()?;
        let good = prefix == PREFIX
            && claims.kind == kind
            && claims.until_ms > now_ms
            && claims.from_ms.is_none_or(|from| from <= now_ms);
        good.then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            asset: "ast_1".to_owned(),
            kind: Kind::Media,
            until_ms: 1_000,
            from_ms: Some(500),
            renditions: Some(vec!["video".to_owned()]),
            grant: None,
        }
    }

    #[test]
    fn sec_17_tokens_that_are_not_ours_say_nothing() {
        let dir = tempfile::tempdir().expect("a folder");
        let keys = Keys::open_or_make(&dir.path().join("a")).expect("keys");
        let others = Keys::open_or_make(&dir.path().join("b")).expect("keys");
        let token = claims().sign(&keys).expect("a token");
        let verify = |token: &str| Claims::verify(token, Kind::Media, &keys, 700);
        assert_eq!(verify(&token), Some(claims()));
        assert_eq!(Claims::verify(&token, Kind::License, &keys, 700), None);
        for now in [0, 499, 1_000, i64::MAX] {
            assert_eq!(Claims::verify(&token, Kind::Media, &keys, now), None);
        }
        let foreign = claims().sign(&others).expect("a token");
        let longer = Claims {
            asset: "ast_10".to_owned(),
            ..claims()
        };
        let longer = longer.sign(&others).expect("a token");
        let parts: Vec<&str> = token.split('.').collect();
        let other_parts: Vec<&str> = longer.split('.').collect();
        for wrong in [
            "",
            ".",
            "..",
            &foreign,
            // The payload of one with the signature of another.
            &format!("{}.{}.{}", parts[0], other_parts[1], parts[2]),
            &format!("{}.{}.", parts[0], parts[1]),
            &format!("{}.{}", parts[0], parts[1]),
            &format!("{}.{}.{}", parts[0], parts[1], &parts[2][..20]),
            &format!("rpp2.{}.{}", parts[1], parts[2]),
            &format!("{token}="),
            &format!("{token}.{}", parts[2]),
            "eyJhbGciOiJub25lIn0.eyJhc3NldCI6ImFzdF8xIn0.",
            "eyJhbGciOiJIUzI1NiIsImtpZCI6Ii9kZXYvbnVsbCJ9.eyJhc3NldCI6ImFzdF8xIn0.AAAA",
        ] {
            assert_eq!(verify(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn renditions_are_named_wholly() {
        assert!(claims().allow_rendition("video"));
        for other in ["video-1", "vide", "", "audio"] {
            assert!(!claims().allow_rendition(other), "{other}");
        }
    }
}
