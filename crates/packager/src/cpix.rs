//! CPIX: content keys, who delivers them and what they are for, in XML (DASH-IF CPIX 2.3, ETSI TS 103 799).
//!
//! In: a document of a key server, as text. Out: [`LabelledKey`]s and [`ProtectionSystem`]s for
//! [`Options`](crate::Options). And back: a document of a packaging.

mod element;
mod read;
mod rules;
mod write;

use crate::movie::{Movie, Warning};
use crate::{
    ContentKey, Error, GivenSystem, KeyId, LabelledKey, Options, ProtectionSystem, Scheme,
};
pub use write::write_cpix;

/// A CPIX document.
#[derive(Debug, Clone, Default)]
pub struct Cpix {
    /// The key server's name of the content.
    pub content_id: Option<String>,
    /// The keys, in the order of the document.
    pub keys: Vec<CpixKey>,
    /// What protection systems say of keys.
    systems: Vec<GivenSystem>,
    /// Ids of the crypto periods, in their order.
    periods: Vec<String>,
    rules: Vec<Rule>,
    /// What is in the document and has no effect here.
    pub warnings: Vec<Warning>,
}

/// A content key of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CpixKey {
    /// The key.
    pub key: ContentKey,
    /// The scheme that the key server wants; `None` leaves it open.
    pub scheme: Option<Scheme>,
}

/// A `ContentKeyUsageRule`: which renditions take a key.
#[derive(Debug, Clone)]
struct Rule {
    kid: KeyId,
    /// Where it stands, for errors.
    place: String,
    track_type: Option<String>,
    /// Indices into the document's periods.
    periods: Vec<usize>,
    labels: Vec<String>,
    videos: Vec<VideoFilter>,
    audios: Vec<AudioFilter>,
    bitrates: Vec<Range>,
}

/// Numbers from the first to the second, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range(u64, u64);

/// A `VideoFilter`; what it does not say matches.
#[derive(Debug, Clone, Copy)]
struct VideoFilter {
    pixels: Range,
    /// Frames a second: above the first, up to the second.
    frame_rate: Range,
    hdr: Option<bool>,
    wide_gamut: Option<bool>,
}

/// An `AudioFilter`.
#[derive(Debug, Clone, Copy)]
struct AudioFilter {
    channels: Range,
}

impl Cpix {
    /// Reads a document. Key values must be plain: encrypted ones are for the packager whose certificate the key
    /// server knows.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] says line, column and element; [`Error::Unsupported`] what this version cannot use.
    /// No error holds a key.
    pub fn parse(text: &str) -> Result<Self, Error> {
        read::document(text)
    }

    /// The scheme that all keys of the document ask for; `None` when none does.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when they ask for several.
    pub fn scheme(&self) -> Result<Option<Scheme>, Error> {
        let mut schemes = self.keys.iter().filter_map(|key| key.scheme);
        let first = schemes.next();
        match schemes.find(|other| Some(*other) != first) {
            Some(other) => Err(Error::Unsupported(format!(
                "the CPIX document asks for {} and {}: one package has one scheme",
                first.map_or("", Scheme::fourcc),
                other.fourcc()
            ))),
            None => Ok(first),
        }
    }

    /// The protection systems of the document, with what it says of them. A system that it only names is left to
    /// the packager.
    pub fn systems(&self) -> Vec<ProtectionSystem> {
        let mut systems: Vec<ProtectionSystem> = Vec::new();
        for given in &self.systems {
            let system = given.clone().into_system();
            if !systems.contains(&system) {
                systems.push(system);
            }
        }
        systems
    }

    /// Number of crypto periods; 0 when the document knows none.
    pub fn period_count(&self) -> usize {
        self.periods.len()
    }

    /// The keys with the renditions that the usage rules give them to.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when the rules leave a rendition without a key, or give it two at a time; errors of
    /// [`plan`](crate::plan).
    pub fn labelled_keys(
        &self,
        movies: &[Movie],
        options: &Options,
    ) -> Result<Vec<LabelledKey>, Error> {
        rules::labelled_keys(self, movies, options)
    }
}

#[cfg(test)]
mod tests;
