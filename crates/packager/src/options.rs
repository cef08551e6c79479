//! What the caller decides about a packaging.

use crate::ContentKey;
use std::time::Duration;

/// How media are encrypted (ISO/IEC 23001-7, clause 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// AES-CBC with a 1:9 pattern on video, constant IVs.
    Cbcs,
    /// AES-CTR on subsamples, a fresh 8-byte IV a sample.
    Cenc,
}

/// Which tracks are encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EncryptScope {
    /// Every track.
    #[default]
    All,
    /// The picture only: sound stays audible without a key.
    Video,
}

/// Everything that the engine does not find in the input.
#[derive(Debug, Clone)]
pub struct Options {
    /// `None` packages in the clear.
    pub scheme: Option<Scheme>,
    /// Ignored without a scheme.
    pub encrypt: EncryptScope,
    /// Needed exactly when there is a scheme.
    pub content_key: Option<ContentKey>,
    /// 16 fresh random bytes for each packaging job; all IVs come from it. A job that is tried again
    /// keeps its seed and so writes the same bytes.
    pub iv_seed: [u8; 16],
    /// Length that segments aim at.
    pub segment_duration: Duration,
    /// Written into the manifests; `None` writes none.
    pub license_url: Option<String>,
    /// Prefix of the URL that answers a key's 16 raw bytes; the KID's hex digits follow. Under `cenc` the
    /// playlists carry it as an `identity` key line; `None` writes none.
    pub hls_key_url: Option<String>,
}

impl Scheme {
    /// The four-character code in `schm` and in the MPD.
    pub fn fourcc(self) -> &'static str {
        match self {
            Self::Cbcs => "cbcs",
            Self::Cenc => "cenc",
        }
    }

    /// Whether AES runs in CBC mode, not as a counter.
    pub fn is_cbc(self) -> bool {
        matches!(self, Self::Cbcs)
    }

    /// METHOD of `EXT-X-KEY`; `None` for a scheme that HLS does not know.
    pub fn hls_method(self) -> Option<&'static str> {
        match self {
            Self::Cbcs => Some("SAMPLE-AES"),
            Self::Cenc => Some("SAMPLE-AES-CTR"),
        }
    }
}

impl Default for Options {
    /// Clear, 4 s segments.
    fn default() -> Self {
        Self {
            scheme: None,
            encrypt: EncryptScope::All,
            content_key: None,
            iv_seed: [0; 16],
            segment_duration: Duration::from_secs(4),
            license_url: None,
            hls_key_url: None,
        }
    }
}
