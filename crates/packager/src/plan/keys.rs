//! Which content key and which IVs a rendition gets.

use super::cut::Segment;
use super::periods;
use crate::cenc::cipher::Cipher;
use crate::cenc::protect::Protection;
use crate::cenc::systems::Signals;
use crate::movie::{Track, TrackKind};
use crate::{ContentKey, Error, Label, Options};

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

/// Refuses keys and times that contradict each other.
///
/// # Errors
/// [`Error::InvalidOptions`] says which.
pub(super) fn check(options: &Options) -> Result<(), Error> {
    let keys = &options.content_keys;
    for (index, key) in keys.iter().enumerate() {
        let before = || keys.iter().take(index);
        if before().any(|other| other.key.kid == key.key.kid && other.key != key.key) {
            let what = format!("there are two keys of KID {}", key.key.kid.hex());
            return Err(Error::InvalidOptions(what));
        }
        if options.crypto_period.is_none() && before().any(|other| other.label == key.label) {
            let label = key.label.as_ref();
            let label = label.map_or("no label".into(), |label| format!("the label '{label}'"));
            return Err(Error::InvalidOptions(format!(
                "several content keys have {label}: keys take turns only when there is a crypto period"
            )));
        }
    }
    let period = options.crypto_period;
    if period.is_some_and(|period| period < options.segment_duration) {
        let what = "a crypto period must not be shorter than a segment";
        return Err(Error::InvalidOptions(what.into()));
    }
    Ok(())
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

    /// How a rendition is encrypted: a protection for each crypto period that it has segments of, in order; none when
    /// it stays clear, as text does: players decrypt none. Tells each segment which of them is its own.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when there is no key for it, or fewer than crypto periods.
    pub fn protect(
        &mut self,
        name: &str,
        track: &Track,
        segments: &mut [Segment],
    ) -> Result<Vec<Protection>, Error> {
        if track.kind == TrackKind::Text {
            return Ok(Vec::new());
        }
        let number = self.renditions;
        self.renditions += 1;
        let Some(scheme) = self
            .options
            .scheme
            .filter(|_| self.options.encrypts(track.kind))
        else {
            return Ok(Vec::new());
        };
        let periods = periods::of_segments(segments, track.timescale, track.kind, self.options);
        let needed = periods::keys_needed(name, &periods)?;
        let keys = self.keys_of(name, track, needed)?;
        let first_iv = self.first_iv;
        let samples = segments.iter().map(|segment| u64::from(segment.samples));
        self.first_iv = first_iv.wrapping_add(samples.sum());
        let mut used: Vec<usize> = periods.iter().flatten().copied().collect();
        used.dedup();
        if used.is_empty() {
            // All of it is the clear lead: the sample entry names a key all the same.
            used.push(0);
        }
        for (segment, period) in segments.iter_mut().zip(&periods) {
            segment.protection = period.and_then(|period| used.binary_search(&period).ok());
        }
        let protection = |period: &usize| {
            let seed = Cipher::new(&self.options.iv_seed);
            Some(Protection {
                scheme,
                content_key: ContentKey::clone(keys.get(*period)?),
                iv: match scheme.is_counter_mode() {
                    // Counted by the samples of the whole rendition.
                    true => (u128::from(first_iv) << 64).to_be_bytes(),
                    false => seed.encrypt_block(((*period as u128) << 64 | number).to_be_bytes()),
                },
                is_video: track.kind == TrackKind::Video,
            })
        };
        Ok(used.iter().filter_map(protection).collect())
    }

    /// What protection systems say about the keys of a rendition.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when a system cannot deliver them.
    pub fn signals(&self, protections: &[Protection]) -> Result<Signals, Error> {
        let Some(first) = protections.first() else {
            return Ok(Signals::default());
        };
        let keys: Vec<ContentKey> = protections
            .iter()
            .map(|one| one.content_key.clone())
            .collect();
        Signals::of(&self.options.systems, &keys, first.scheme)
    }

    /// The keys of a rendition, in the order of crypto periods.
    fn keys_of(
        &mut self,
        name: &str,
        track: &Track,
        needed: usize,
    ) -> Result<Vec<&'a ContentKey>, Error> {
        let by_kind = match (track.kind, track.size) {
            (TrackKind::Video, Some((width, height))) => {
                Label::of_pixels(u64::from(width) * u64::from(height))
            }
            _ => Label::Audio,
        };
        let by_name = Label::Rendition(name.to_string());
        let keys = &self.options.content_keys;
        for label in [Some(&by_name), Some(&by_kind), None] {
            let own = || keys.iter().filter(|key| key.label.as_ref() == label);
            let count = own().count();
            if count == 0 {
                continue;
            }
            for (key, used) in keys.iter().zip(&mut self.used) {
                *used |= key.label.as_ref() == label;
            }
            if count < needed {
                let label = label.map_or(String::new(), |label| format!(" (label '{label}')"));
                return Err(Error::InvalidOptions(format!(
                    "'{name}'{label} has {needed} crypto periods and needs a content key for each; there are {count}"
                )));
            }
            return Ok(own().map(|key| &key.key).collect());
        }
        Err(Error::InvalidOptions(format!(
            "there is no content key for '{name}' (label '{by_kind}')"
        )))
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
