//! Protection systems: what `pssh` boxes, the MPD and playlists say about who delivers a content key.
//!
//! In: the keys of a rendition and a scheme. Out: one [`SystemInit`] a system for the init segment and the
//! MPD, and one [`HlsKey`] a key for playlists. Nothing of it is secret.

pub(crate) mod fairplay;
mod given;
pub(crate) mod playready;
pub(crate) mod widevine;

use super::pssh;
use crate::{ContentKey, Error, KeyId, Scheme};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
pub use fairplay::FairPlayOptions;
pub use given::GivenSystem;
pub use playready::{PlayReadyOptions, PlayReadyVersion};
pub use widevine::WidevineOptions;

/// Who delivers content keys to players.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProtectionSystem {
    /// The common system of W3C: key ids and nothing else, for ClearKey.
    Common,
    /// Google Widevine.
    Widevine(WidevineOptions),
    /// Microsoft PlayReady.
    PlayReady(PlayReadyOptions),
    /// Apple FairPlay Streaming, for HLS under `cbcs`.
    FairPlay(FairPlayOptions),
    /// Any system, with what it wants to be said given as bytes and text.
    Given(GivenSystem),
}

/// What a system says in the init segment and in the MPD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemInit {
    /// Which system.
    pub system_id: [u8; 16],
    /// The whole `pssh` box.
    pub pssh: Option<Vec<u8>>,
    /// The `ContentProtection` element; `None` for a system that the MPD does not name.
    pub mpd: Option<MpdProtection>,
}

/// A `ContentProtection` element, beside its `schemeIdUri`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MpdProtection {
    /// The attribute `value`.
    pub value: Option<&'static str>,
    /// `cenc:pssh`: base64 of the box.
    pub pssh: Option<String>,
    /// `mspr:pro`: base64 of the PlayReady Object.
    pub playready_object: Option<String>,
    /// Further child elements, well-formed XML that declares its own namespaces.
    pub xml: Option<String>,
}

/// What a media playlist says about one key of a system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HlsKey {
    /// An `EXT-X-KEY` tag to be written.
    Tag {
        /// KEYFORMAT.
        key_format: &'static str,
        /// KEYFORMATVERSIONS.
        versions: &'static str,
        /// URI.
        uri: String,
        /// KEYID, where the system wants it.
        key_id: Option<KeyId>,
    },
    /// Whole lines, as they were given.
    Lines(Vec<String>),
}

impl ProtectionSystem {
    /// What the system says of these keys of one rendition, in the order of their crypto periods; `None` when
    /// it has nothing to say about any of them.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when the system cannot deliver these keys under this scheme.
    pub fn init(&self, keys: &[ContentKey], scheme: Scheme) -> Result<Option<SystemInit>, Error> {
        let kids: Vec<KeyId> = keys.iter().map(|key| key.kid).collect();
        Ok(match self {
            Self::Common => {
                let pssh = pssh::common_box(&kids);
                // dash.js fails where an element of ClearKey has init data, and players that find none ask for the
                // default KID alone: where keys change, the common system has an element of its own.
                let mpd = (kids.len() > 1).then(|| MpdProtection::with_pssh(&pssh));
                Some(SystemInit {
                    system_id: pssh::COMMON_SYSTEM,
                    pssh: Some(pssh),
                    mpd,
                })
            }
            Self::Widevine(options) => {
                let data = widevine::header(options, &kids, Some(scheme));
                let pssh = pssh::data_box(&widevine::SYSTEM, &data);
                let mpd = MpdProtection {
                    value: Some("Widevine"),
                    ..MpdProtection::with_pssh(&pssh)
                };
                Some(SystemInit::new(widevine::SYSTEM, pssh, mpd))
            }
            Self::PlayReady(options) => {
                let object = playready::object(options, keys, scheme)?;
                let pssh = pssh::data_box(&playready::SYSTEM, &object);
                let mpd = MpdProtection {
                    value: Some("MSPR 2.0"),
                    playready_object: Some(STANDARD.encode(&object)),
                    ..MpdProtection::with_pssh(&pssh)
                };
                Some(SystemInit::new(playready::SYSTEM, pssh, mpd))
            }
            Self::FairPlay(options) => {
                options.check(scheme)?;
                Some(SystemInit {
                    system_id: fairplay::SYSTEM,
                    pssh: None,
                    mpd: None,
                })
            }
            Self::Given(given) => given.init(&kids)?,
        })
    }

    /// What a media playlist says of one key; `None` when the system has no word for HLS, or HLS no method for
    /// the scheme.
    ///
    /// # Errors
    /// As [`ProtectionSystem::init`].
    pub fn hls_key(&self, key: &ContentKey, scheme: Scheme) -> Result<Option<HlsKey>, Error> {
        if scheme.hls_method().is_none() {
            return Ok(None);
        }
        Ok(match self {
            // The lines for ClearKey depend on licence addresses: the playlist's writer has them.
            Self::Common => None,
            Self::Widevine(options) => {
                let data = widevine::header(options, &[key.kid], Some(scheme));
                Some(widevine::hls_key(key.kid, &data))
            }
            Self::PlayReady(options) => {
                let object = playready::object(options, std::slice::from_ref(key), scheme)?;
                Some(playready::hls_key(&object))
            }
            Self::FairPlay(options) => Some(options.hls_key(key.kid, scheme)?),
            Self::Given(given) => given.hls_key(key.kid, scheme)?,
        })
    }
}

/// What all systems say about a rendition's keys, decided by the plan.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// For the init segment and the MPD; systems that say the same twice are heard once.
    pub inits: Vec<SystemInit>,
    /// Lines of playlists, key by key; those of ClearKey are not among them.
    hls: Vec<(KeyId, Vec<String>)>,
    /// Lines of the multivariant playlist.
    pub hls_master: Vec<String>,
    /// Whether manifests name ClearKey.
    pub clear_key: bool,
}

impl Signals {
    /// What `systems` say about the keys of one rendition, in the order of their crypto periods.
    ///
    /// # Errors
    /// As [`ProtectionSystem::init`].
    pub fn of(
        systems: &[ProtectionSystem],
        keys: &[ContentKey],
        scheme: Scheme,
    ) -> Result<Self, Error> {
        let is_default = systems.is_empty();
        let systems = match is_default {
            true => &[ProtectionSystem::Common],
            false => systems,
        };
        let mut signals = Self {
            clear_key: systems.contains(&ProtectionSystem::Common),
            ..Self::default()
        };
        for system in systems {
            let init = system.init(keys, scheme)?;
            signals
                .inits
                .extend(init.filter(|init| !signals.inits.contains(init)));
        }
        let kids: Vec<KeyId> = keys.iter().map(|key| key.kid).collect();
        for system in systems {
            if let ProtectionSystem::Given(given) = system {
                signals.hls_master.extend(given.master_lines(&kids));
            }
        }
        for key in keys {
            let mut lines = Vec::new();
            let method = scheme.hls_method().unwrap_or_default();
            for system in systems {
                let said = system.hls_key(key, scheme)?;
                lines.extend(said.iter().flat_map(|said| said.lines(method)));
            }
            // Shaka Player wants a line of a key system that it knows beside that of ClearKey.
            if is_default && (scheme == Scheme::Cbcs || keys.len() > 1) {
                let header = widevine::header(&WidevineOptions::default(), &[key.kid], None);
                lines.extend(widevine::hls_key(key.kid, &header).lines(method));
            }
            signals.hls.push((key.kid, lines));
        }
        Ok(signals)
    }

    /// Lines of a media playlist about a key.
    pub fn hls_lines(&self, kid: KeyId) -> &[String] {
        let found = self.hls.iter().find(|(known, _)| *known == kid);
        found.map_or(&[], |(_, lines)| lines)
    }
}

impl SystemInit {
    fn new(system_id: [u8; 16], pssh: Vec<u8>, mpd: MpdProtection) -> Self {
        Self {
            system_id,
            pssh: Some(pssh),
            mpd: Some(mpd),
        }
    }
}

impl MpdProtection {
    fn with_pssh(pssh: &[u8]) -> Self {
        Self {
            pssh: Some(STANDARD.encode(pssh)),
            ..Self::default()
        }
    }
}

impl HlsKey {
    /// The lines of the playlist, without line ends.
    pub fn lines(&self, method: &str) -> Vec<String> {
        match self {
            Self::Lines(lines) => lines.clone(),
            Self::Tag {
                key_format,
                versions,
                uri,
                key_id,
            } => {
                let key_id = key_id.map_or(String::new(), |kid| format!(",KEYID=0x{}", kid.hex()));
                vec![format!(
                    "#EXT-X-KEY:METHOD={method},URI=\"{uri}\"{key_id},KEYFORMAT=\"{key_format}\",KEYFORMATVERSIONS=\"{versions}\""
                )]
            }
        }
    }
}

/// `urn:uuid:` of a system, as the MPD names it.
pub(crate) fn urn(system_id: &[u8; 16]) -> String {
    format!("urn:uuid:{}", KeyId(*system_id).uuid())
}

/// A text that may stand between the quotation marks of a playlist's attribute.
fn fits_a_playlist(text: &str) -> bool {
    !text.contains(|c: char| c == '"' || c.is_whitespace() || c.is_control())
}

#[cfg(test)]
mod tests;
