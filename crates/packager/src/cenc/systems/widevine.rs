//! Google Widevine: a protobuf in its `pssh`.

use super::HlsKey;
use crate::{KeyId, Scheme};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message as _;

/// edef8ba9-79d6-4ace-a3c8-27dcd51d21ed.
pub(crate) const SYSTEM: [u8; 16] = 0xedef8ba9_79d6_4ace_a3c8_27dcd51d21ed_u128.to_be_bytes();

const KEY_FORMAT: &str = "urn:uuid:edef8ba9-79d6-4ace-a3c8-27dcd51d21ed";

/// What a Widevine licence server wants to find beside the key ids.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WidevineOptions {
    /// Name of the content provider at the licence service.
    pub provider: Option<String>,
    /// The provider's name of the content.
    pub content_id: Option<Vec<u8>>,
    /// Name of a policy at the licence service.
    pub policy: Option<String>,
}

/// The data of Widevine's `pssh`, as far as packagers fill it in: field numbers are those of the published
/// header.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Header {
    /// The keys' names, 16 bytes each.
    #[prost(bytes = "vec", repeated, tag = "2")]
    pub key_ids: Vec<Vec<u8>>,
    /// Content provider.
    #[prost(string, optional, tag = "3")]
    pub provider: Option<String>,
    /// Name of the content.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub content_id: Option<Vec<u8>>,
    /// Policy.
    #[prost(string, optional, tag = "6")]
    pub policy: Option<String>,
    /// The scheme's four characters as a number.
    #[prost(uint32, optional, tag = "9")]
    pub protection_scheme: Option<u32>,
}

/// Writes the header; without a scheme it names the keys alone.
pub(crate) fn header(options: &WidevineOptions, kids: &[KeyId], scheme: Option<Scheme>) -> Vec<u8> {
    let fourcc = |scheme: Scheme| {
        let bytes = scheme.fourcc().as_bytes();
        u32::from_be_bytes(bytes.try_into().unwrap_or_default())
    };
    Header {
        key_ids: kids.iter().map(|kid| kid.0.to_vec()).collect(),
        provider: options.provider.clone(),
        content_id: options.content_id.clone(),
        policy: options.policy.clone(),
        protection_scheme: scheme.map(fourcc),
    }
    .encode_to_vec()
}

/// The playlist's tag: the whole `pssh` box as a data URI.
pub(crate) fn hls_key(kid: KeyId, header: &[u8]) -> HlsKey {
    let pssh = super::pssh::data_box(&SYSTEM, header);
    HlsKey::Tag {
        key_format: KEY_FORMAT,
        versions: "1",
        uri: format!("data:text/plain;base64,{}", STANDARD.encode(pssh)),
        key_id: Some(kid),
    }
}
