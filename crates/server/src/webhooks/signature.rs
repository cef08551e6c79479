//! Signatures of messages, as Standard Webhooks 1.0.0 has them: HMAC-SHA-256 of `id.timestamp.body`, in base64 behind `v1,`.

use crate::id;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

/// What secrets begin with where people see them.
const PREFIX: &str = "whsec_";
/// Bytes of a secret: the specification wants 24 to 64.
const BYTES: usize = 32;

/// What signs the messages to one webhook. `Debug` does not show it.
pub(crate) struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// Makes a new one.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub(crate) fn make() -> std::io::Result<Self> {
        let bytes: Zeroizing<[u8; BYTES]> = Zeroizing::new(id::random()?);
        Ok(Self(Zeroizing::new(bytes.to_vec())))
    }

    /// One that was stored.
    pub(crate) fn of(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// What is stored of it, once it is wrapped.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What the receiver verifies with.
    pub(crate) fn text(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(BASE64_STANDARD.encode(&*self.0));
        Zeroizing::new(format!("{PREFIX}{}", *digits))
    }

    /// The signature of a message that is sent at a time, in seconds.
    pub(crate) fn sign(&self, message: &str, timestamp: i64, body: &str) -> String {
        // A key of any length is one (RFC 2104).
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return String::new();
        };
        mac.update(format!("{message}.{timestamp}.").as_bytes());
        mac.update(body.as_bytes());
        let digits = BASE64_STANDARD.encode(mac.finalize().into_bytes());
        format!("v1,{digits}")
    }
}

impl std::fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's own libraries.
    #[test]
    fn a_message_is_signed_as_the_specification_has_it() {
        let bytes = BASE64_STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let secret = SigningSecret::of(Zeroizing::new(bytes.expect("base64")));
        assert_eq!(&*secret.text(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let message = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(
            secret.sign(message, 1_614_265_330, "{\"test\": 2432232314}"),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(format!("{secret:?}"), "[REDACTED]");
    }
}
