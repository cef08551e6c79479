//! Content keys and key ids, and the forms in which people write them.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::fmt;
use thiserror::Error;
use zeroize::Zeroize;

/// A key id (KID): 16 bytes that name a content key. It is public.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 16]);

/// A key id with the 16 secret bytes of AES-128 that it names. `Debug` shows no secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ContentKey {
    /// The public name of the key.
    pub kid: KeyId,
    /// The secret.
    pub value: [u8; 16],
}

/// Why a text is no KID or no key. It never repeats the text, which may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KeyError {
    /// The text decodes to another number of bytes.
    #[error("is {0} bytes long where 16 are needed")]
    Length(usize),
    /// The text is in none of the accepted forms.
    #[error("is neither 32 hex digits, nor a UUID, nor base64 of 16 bytes")]
    Form,
    /// `KID:KEY` without its colon.
    #[error("has no colon: write KID:KEY")]
    NoColon,
}

/// Reads a KID: 32 hex digits, a UUID, or base64 of 16 bytes in either alphabet, padded or not.
pub fn parse_key_id(text: &str) -> Result<KeyId, KeyError> {
    parse_16_bytes(text).map(KeyId)
}

/// Reads the 16 secret bytes of a content key, in the forms of [`parse_key_id`].
pub fn parse_key_value(text: &str) -> Result<[u8; 16], KeyError> {
    parse_16_bytes(text)
}

impl ContentKey {
    /// Reads `KID:KEY`, each in any form of [`parse_key_id`].
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let (kid, value) = text.trim().split_once(':').ok_or(KeyError::NoColon)?;
        Ok(Self {
            kid: parse_key_id(kid)?,
            value: parse_key_value(value)?,
        })
    }
}

impl KeyId {
    /// Lower-case UUID with dashes, as `cenc:default_KID` wants it.
    pub fn uuid(&self) -> String {
        let hex = self.hex();
        let part = |range| hex.get(range).unwrap_or_default();
        format!(
            "{}-{}-{}-{}-{}",
            part(0..8),
            part(8..12),
            part(12..16),
            part(16..20),
            part(20..32)
        )
    }

    /// 32 lower-case hex digits.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Base64url without padding, as the W3C EME ClearKey messages want it.
    pub fn base64url(&self) -> String {
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({})", self.uuid())
    }
}

impl fmt::Debug for ContentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ContentKey({}, redacted)", self.kid.uuid())
    }
}

impl Drop for ContentKey {
    fn drop(&mut self) {
        self.value.zeroize();
    }
}

fn parse_16_bytes(text: &str) -> Result<[u8; 16], KeyError> {
    let text = text.trim();
    let is_uuid = text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            _ => c.is_ascii_hexdigit(),
        });
    if is_uuid {
        return to_16(decode_hex(&text.replace('-', "")));
    }
    // A text of hex digits alone is hex: 16 bytes are 22 or 24 characters of base64, 32 of hex.
    let hex_only = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if hex_only && !matches!(text.len(), 22 | 24) && text.len().is_multiple_of(2) {
        return to_16(decode_hex(text));
    }
    let url_safe = text.replace('+', "-").replace('/', "_");
    let engine = GeneralPurpose::new(
        &base64::alphabet::URL_SAFE,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    to_16(engine.decode(url_safe).ok())
}

fn to_16(bytes: Option<Vec<u8>>) -> Result<[u8; 16], KeyError> {
    let mut bytes = bytes.ok_or(KeyError::Form)?;
    let array = <[u8; 16]>::try_from(bytes.as_slice());
    let length = bytes.len();
    bytes.zeroize();
    array.map_err(|_| KeyError::Length(length))
}

/// Bytes of a text of hex digits; `None` when it is something else.
pub(crate) fn decode_hex(text: &str) -> Option<Vec<u8>> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).ok()?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: [u8; 16] = [
        0xa1, 0x6e, 0x40, 0x2b, 0x90, 0x56, 0xe3, 0x71, 0xf3, 0x6d, 0x34, 0x8a, 0xa6, 0x2b, 0xb7,
        0x49,
    ];

    #[test]
    fn every_form_of_a_key_id_is_read() {
        for text in [
            "a16e402b9056e371f36d348aa62bb749",
            "A16E402B9056E371F36D348AA62BB749",
            "a16e402b-9056-e371-f36d-348aa62bb749",
            "oW5AK5BW43HzbTSKpiu3SQ",
            "oW5AK5BW43HzbTSKpiu3SQ==",
            " oW5AK5BW43HzbTSKpiu3SQ== ",
        ] {
            assert_eq!(parse_key_id(text), Ok(KeyId(BYTES)), "{text}");
        }
        assert_eq!(
            parse_key_value("+/+/+/+/+/+/+/+/+/+/+w"),
            parse_key_value("-_-_-_-_-_-_-_-_-_-_-w==")
        );
    }

    #[test]
    fn other_lengths_and_forms_are_refused_without_echo() {
        assert_eq!(parse_key_id("a16e"), Err(KeyError::Length(2)));
        assert_eq!(parse_key_id(""), Err(KeyError::Length(0)));
        assert_eq!(
            parse_key_id("oW5AK5BW43HzbTSKpiu3"),
            Err(KeyError::Length(15))
        );
        assert_eq!(parse_key_id("not a key at all!"), Err(KeyError::Form));
        assert_eq!(
            ContentKey::parse("oW5AK5BW43HzbTSKpiu3SQ"),
            Err(KeyError::NoColon)
        );
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = ContentKey {
            kid: KeyId(BYTES),
            value: [0x5a; 16],
        };
        assert!(!format!("{key:?}").contains("5a5a"));
    }
}
