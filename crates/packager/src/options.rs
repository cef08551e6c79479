//! What the caller decides about a packaging.

use crate::{ContentKey, ProtectionSystem, TrackKind};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How media are encrypted (ISO/IEC 23001-7, clause 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// AES-CBC with a 1:9 pattern on video, constant IVs.
    Cbcs,
    /// AES-CTR on subsamples, a fresh 8-byte IV a sample.
    Cenc,
    /// AES-CTR with a 1:9 pattern on video, a fresh 8-byte IV a sample. HLS has no name for it.
    Cens,
    /// AES-CBC on subsamples, a fresh 16-byte IV a sample. HLS has no name for it.
    Cbc1,
}

/// Which renditions a content key is for.
///
/// Pictures are sorted by their number of pixels: up to 768 × 576 `Sd`, up to 1920 × 1080 `Hd`, up to
/// 4096 × 2160 `Uhd1`, above `Uhd2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// All sound.
    Audio,
    /// Small pictures.
    Sd,
    /// Pictures up to 1080 lines.
    Hd,
    /// Pictures up to 2160 lines.
    Uhd1,
    /// Larger pictures.
    Uhd2,
    /// The rendition of this name (`audio-fra`).
    Rendition(String),
}

/// A content key and what it is for.
#[derive(Debug, Clone)]
pub struct LabelledKey {
    /// `None`: whatever has no key of its own.
    pub label: Option<Label>,
    /// The key.
    pub key: ContentKey,
}

/// How media lie in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileLayout {
    /// A file a segment.
    #[default]
    Segments,
    /// A file a rendition, with an index (`sidx`) in front; players ask for ranges of bytes.
    SingleFile,
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
    /// There are some exactly when there is a scheme. A rendition takes the keys of its own name, else those of
    /// its kind and size, else those without a label; of several the crypto periods take one after the other.
    pub content_keys: Vec<LabelledKey>,
    /// Who delivers the keys. None named means the common system, and playlists that players without a key system
    /// take; else those that are named and no others.
    pub systems: Vec<ProtectionSystem>,
    /// 16 fresh random bytes for each packaging job; all IVs come from it. A job that is tried again
    /// keeps its seed and so writes the same bytes.
    pub iv_seed: [u8; 16],
    /// Length that segments aim at.
    pub segment_duration: Duration,
    /// How media lie in files.
    pub layout: FileLayout,
    /// Segments that begin before this stay clear, whole.
    pub clear_lead: Duration,
    /// After so long the next content key is used, from the end of the clear lead on; `None` for one key. Not shorter
    /// than a segment.
    pub crypto_period: Option<Duration>,
    /// Pictures of several inputs that cannot be cut at the same times become sets of their own instead of an
    /// error.
    pub allow_misaligned: bool,
    /// Written into the manifests; `None` writes none.
    pub license_url: Option<String>,
    /// Prefix of the URL that answers a key's 16 raw bytes; the KID's hex digits follow. Under `cenc` the
    /// playlists carry it as an `identity` key line; `None` writes none.
    pub hls_key_url: Option<String>,
}

impl Options {
    /// Whether tracks of a kind are encrypted, if there is a scheme.
    pub(crate) fn encrypts(&self, kind: TrackKind) -> bool {
        match self.encrypt {
            // Players decrypt no text.
            EncryptScope::All => kind != TrackKind::Text,
            EncryptScope::Video => kind == TrackKind::Video,
        }
    }
}

impl Scheme {
    /// The four-character code in `schm` and in the MPD.
    pub fn fourcc(self) -> &'static str {
        match self {
            Self::Cbcs => "cbcs",
            Self::Cenc => "cenc",
            Self::Cens => "cens",
            Self::Cbc1 => "cbc1",
        }
    }

    /// Whether the cipher is AES-CTR; else it is AES-CBC.
    pub fn is_counter_mode(self) -> bool {
        matches!(self, Self::Cenc | Self::Cens)
    }

    /// METHOD of `EXT-X-KEY`; `None` for a scheme that HLS does not know.
    pub fn hls_method(self) -> Option<&'static str> {
        match self {
            Self::Cbcs => Some("SAMPLE-AES"),
            Self::Cenc => Some("SAMPLE-AES-CTR"),
            Self::Cens | Self::Cbc1 => None,
        }
    }

    /// Whether HLS has a METHOD for it.
    pub fn is_known_to_hls(self) -> bool {
        self.hls_method().is_some()
    }
}

/// Pixels of a picture of 768 × 576.
const MAX_SD: u64 = 442_368;
/// Pixels of a picture of 1920 × 1080.
const MAX_HD: u64 = 2_073_600;
/// Pixels of a picture of 4096 × 2160.
const MAX_UHD1: u64 = 8_847_360;

impl Label {
    /// The label of pictures with so many pixels.
    pub(crate) fn of_pixels(count: u64) -> Self {
        let labels = [Self::Sd, Self::Hd, Self::Uhd1];
        let mut labels = labels.into_iter();
        let found = labels.find(|label| label.pixels().1.is_some_and(|most| count <= most));
        found.unwrap_or(Self::Uhd2)
    }

    /// The least and the most pixels of a label of pictures; there is no most of the largest.
    pub(crate) fn pixels(&self) -> (u64, Option<u64>) {
        match self {
            Self::Sd => (0, Some(MAX_SD)),
            Self::Hd => (MAX_SD + 1, Some(MAX_HD)),
            Self::Uhd1 => (MAX_HD + 1, Some(MAX_UHD1)),
            Self::Uhd2 => (MAX_UHD1 + 1, None),
            Self::Audio | Self::Rendition(_) => (0, None),
        }
    }
}

impl FromStr for Label {
    type Err = String;

    /// Reads `audio`, `sd`, `hd`, `uhd1`, `uhd2` or the name of a rendition.
    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "audio" => Self::Audio,
            "sd" => Self::Sd,
            "hd" => Self::Hd,
            "uhd1" => Self::Uhd1,
            "uhd2" => Self::Uhd2,
            name if !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') =>
            {
                Self::Rendition(name.to_string())
            }
            _ => {
                return Err(format!(
                    "'{text}' is no label: audio, sd, hd, uhd1, uhd2 or the name of a rendition is wanted"
                ));
            }
        })
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Audio => "audio",
            Self::Sd => "sd",
            Self::Hd => "hd",
            Self::Uhd1 => "uhd1",
            Self::Uhd2 => "uhd2",
            Self::Rendition(name) => name,
        })
    }
}

impl LabelledKey {
    /// A key for everything.
    pub fn for_all(key: ContentKey) -> Self {
        Self { label: None, key }
    }
}

impl Default for Options {
    /// Clear, 4 s segments.
    fn default() -> Self {
        Self {
            scheme: None,
            encrypt: EncryptScope::All,
            content_keys: Vec::new(),
            systems: Vec::new(),
            iv_seed: [0; 16],
            segment_duration: Duration::from_secs(4),
            layout: FileLayout::Segments,
            clear_lead: Duration::ZERO,
            crypto_period: None,
            allow_misaligned: false,
            license_url: None,
            hls_key_url: None,
        }
    }
}
