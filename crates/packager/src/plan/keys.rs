//! Which content key and which IVs a rendition gets.

use crate::cenc::cipher::Cipher;
use crate::cenc::protect::Protection;
use crate::cenc::systems::Signals;
use crate::movie::{Track, TrackKind};
use crate::{EncryptScope, Error, Label, LabelledKey, Options};

/// The keys of a packaging, and the IVs that are not used yet.
pub(super) struct KeyRing<'a> {
    options: &'a Options,
    /// Whether each of the options' keys is used.
    used: Vec<bool>,
    /// Number of renditions so far.
    renditions: u128,
    /// Not yet used by any rendition in counter mode.
    first_iv: u64,
}

impl<'a> KeyRing<'a> {
    /// The keys of the options.
    pub fn new(options: &'a Options) -> Self {
        // Random, so that packaging again uses other key stream.
        let block = Cipher::new(&options.iv_seed).encrypt_block([0xff; 16]);
        Self {
            options,
            used: vec![false; options.content_keys.len()],
            renditions: 0,
            first_iv: u64::from_be_bytes(block.first_chunk().copied().unwrap_or_default()),
        }
    }

    /// How a rendition is encrypted; `None` when it stays clear, as text does: players decrypt none.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when no key is for it.
    pub fn protect(
        &mut self,
        name: &str,
        track: &Track,
        sample_count: u64,
    ) -> Result<Option<Protection>, Error> {
        if track.kind == TrackKind::Text {
            return Ok(None);
        }
        let number = self.renditions;
        self.renditions += 1;
        let is_video = track.kind == TrackKind::Video;
        let Some(scheme) = self.options.scheme else {
            return Ok(None);
        };
        if self.options.encrypt == EncryptScope::Video && !is_video {
            return Ok(None);
        }
        let content_key = self.key_of(name, track)?.key.clone();
        let iv = match scheme.is_counter_mode() {
            false => Cipher::new(&self.options.iv_seed).encrypt_block(number.to_be_bytes()),
            true => {
                let first = self.first_iv;
                self.first_iv = first.wrapping_add(sample_count);
                (u128::from(first) << 64).to_be_bytes()
            }
        };
        Ok(Some(Protection {
            scheme,
            content_key,
            iv,
            is_video,
        }))
    }

    /// What protection systems say about the keys of a rendition.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when a system cannot deliver them.
    pub fn signals(&self, protection: Option<&Protection>) -> Result<Signals, Error> {
        match protection {
            None => Ok(Signals::default()),
            Some(protection) => Signals::of(
                &self.options.systems,
                std::slice::from_ref(&protection.content_key),
                protection.scheme,
            ),
        }
    }

    fn key_of(&mut self, name: &str, track: &Track) -> Result<&'a LabelledKey, Error> {
        let by_kind = match (track.kind, track.size) {
            (TrackKind::Video, Some((width, height))) => {
                Label::of_pixels(u64::from(width) * u64::from(height))
            }
            _ => Label::Audio,
        };
        let by_name = Label::Rendition(name.to_string());
        let wanted = [Some(&by_name), Some(&by_kind), None];
        let keys = &self.options.content_keys;
        let found = wanted
            .iter()
            .find_map(|label| keys.iter().position(|key| key.label.as_ref() == *label));
        let key = found.and_then(|index| {
            if let Some(used) = self.used.get_mut(index) {
                *used = true;
            }
            keys.get(index)
        });
        key.ok_or_else(|| {
            Error::InvalidOptions(format!(
                "there is no content key for '{name}' (label '{by_kind}')"
            ))
        })
    }

    /// Refuses a key for a rendition that is not there: a name that is misspelt would encrypt with another key.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] names the rendition.
    pub fn check_names(&self) -> Result<(), Error> {
        for (key, used) in self.options.content_keys.iter().zip(&self.used) {
            if let (Some(Label::Rendition(name)), false) = (&key.label, used) {
                let what = format!("there is a content key for '{name}', and no such rendition");
                return Err(Error::InvalidOptions(what));
            }
        }
        Ok(())
    }
}
