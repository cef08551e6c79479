//! Apple FairPlay Streaming: no `pssh`, a `skd://` address in the playlist.

use super::{HlsKey, fits_a_playlist};
use crate::{Error, KeyId, Scheme};

/// 94ce86fb-07ff-4f43-adb8-93d2fa968ca2.
pub(crate) const SYSTEM: [u8; 16] = 0x94ce86fb_07ff_4f43_adb8_93d2fa968ca2_u128.to_be_bytes();

/// What the player hands to the application that asks for the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FairPlayOptions {
    /// A URI; `{kid}` becomes the KID's 32 hex digits, `{kid-uuid}` the KID with dashes.
    pub uri: String,
}

impl Default for FairPlayOptions {
    /// `skd://` and the KID in hex.
    fn default() -> Self {
        Self {
            uri: "skd://{kid}".into(),
        }
    }
}

impl FairPlayOptions {
    /// FairPlay knows one scheme, and the URI must fit a playlist.
    pub(super) fn check(&self, scheme: Scheme) -> Result<(), Error> {
        if scheme != Scheme::Cbcs {
            return Err(Error::InvalidOptions(format!(
                "FairPlay plays cbcs alone, not {}: package with cbcs, or leave FairPlay out",
                scheme.fourcc()
            )));
        }
        if self.uri.is_empty() || !fits_a_playlist(&self.uri) {
            let what = "the FairPlay URI is empty or holds a quotation mark, a space or a control character";
            return Err(Error::InvalidOptions(what.into()));
        }
        Ok(())
    }

    pub(super) fn hls_key(&self, kid: KeyId, scheme: Scheme) -> Result<HlsKey, Error> {
        self.check(scheme)?;
        let uri = self.uri.replace("{kid-uuid}", &kid.uuid());
        Ok(HlsKey::Tag {
            key_format: "com.apple.streamingkeydelivery",
            versions: "1",
            uri: uri.replace("{kid}", &kid.hex()),
            key_id: None,
        })
    }
}
