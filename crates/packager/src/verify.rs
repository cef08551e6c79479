//! Is a package what it should be? The checks of `docs/verify.md`, over packages of any packager.
//!
//! In: the files of a package, its manifests, and what else is known (keys, sources). Out: an outcome for each
//! of the 48 checks. A check whose means are missing is reported as not made, with the reason; nothing panics
//! on any input, and what is read of media is bounded by the [`Depth`].

mod book;
mod dash;
mod delivery;
mod faithful;
mod hls;
mod init;
mod keystream;
mod location;
mod mpd;
mod package;
mod pictures;
mod playlist;
mod schema;
mod segments;
mod sidx;
mod table;
mod text;
mod track;
mod window;
mod words;
mod xml;

use crate::{ContentKey, Error, ObjectId, Plan, Source};
pub use delivery::{Delivery, Served};
use faithful::Origin;
use std::sync::Arc;

/// The files of a package, by their paths in it.
pub trait PackageFiles {
    /// A file; `None` when there is none of that path. Paths with a scheme (`https://…`) are URLs of a manifest.
    ///
    /// # Errors
    /// When it is there and cannot be opened.
    fn open(&self, path: &str) -> Result<Option<Box<dyn Source + '_>>, Error>;

    /// Paths of all files, when that can be known.
    fn list(&self) -> Option<Vec<String>>;
}

/// How much of the media is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Depth {
    /// Manifests, init segments and the boxes of segments; no samples.
    Quick,
    /// Also the first picture of each segment, and some samples of each rendition: at most a fiftieth of its
    /// bytes, or one sample.
    #[default]
    Sample,
    /// Every sample.
    Full,
}

/// What is known beside the package.
#[derive(Clone, Copy, Default)]
pub struct VerifyOptions<'a> {
    /// Content keys.
    pub keys: &'a [ContentKey],
    /// What the package was made of: MP4 or MOV, or WebVTT.
    pub sources: &'a [&'a dyn Source],
    /// How much of the media is looked at.
    pub depth: Depth,
    /// Length that segments aim at, in seconds; `None` when it is not known.
    pub segment_duration: Option<f64>,
}

/// Whether a failed check makes a package wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A recommendation: what is found is a warning.
    Should,
    /// A requirement.
    Must,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is a failure or a warning.
    pub level: Level,
    /// File, and place in it.
    pub where_: String,
    /// What is there, and what should be.
    pub what: String,
}

/// What came of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was made and found nothing.
    Passed,
    /// It was made; at most some dozens of findings are kept.
    Failed(Vec<Finding>),
    /// It was not made, and why.
    NotChecked(String),
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// 1 to 48.
    pub number: u32,
    /// Of the check as a whole; single findings may be weaker.
    pub level: Level,
    /// What it is about.
    pub title: &'static str,
    /// What came of it.
    pub outcome: Outcome,
}

/// The outcome of all checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyReport {
    /// All 48, in order.
    pub checks: Vec<CheckResult>,
}

impl CheckResult {
    /// Whether a requirement is not met.
    pub fn fails(&self) -> bool {
        self.has(Level::Must)
    }

    /// Whether a recommendation alone is not met.
    pub fn warns(&self) -> bool {
        !self.fails() && self.has(Level::Should)
    }

    fn has(&self, level: Level) -> bool {
        match &self.outcome {
            Outcome::Failed(findings) => findings.iter().any(|finding| finding.level == level),
            _ => false,
        }
    }
}

impl VerifyReport {
    /// The checks with a requirement that is not met.
    pub fn failures(&self) -> impl Iterator<Item = &CheckResult> {
        self.checks.iter().filter(|check| check.fails())
    }
}

/// Makes all checks on a package; `manifests` are paths of MPDs and playlists.
///
/// # Errors
/// [`Error::InvalidInput`] when a manifest named by the caller is none; [`Error::Io`] when a file cannot be
/// read. What is wrong with a package is no error.
pub fn verify(
    files: &dyn PackageFiles,
    manifests: &[&str],
    options: &VerifyOptions<'_>,
) -> Result<VerifyReport, Error> {
    package::verify(files, manifests, options, None)
}

impl Plan {
    /// Makes all checks on a package that was rendered from this plan; `sources` are those that it was rendered
    /// from, in the same order.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when a manifest is missing or is none; [`Error::Io`] when a file cannot be read.
    pub fn verify(
        &self,
        files: &dyn PackageFiles,
        sources: &[&dyn Source],
        depth: Depth,
    ) -> Result<VerifyReport, Error> {
        let protections = self.tracks.iter().flat_map(|track| &track.protections);
        let keys: Vec<ContentKey> = protections
            .clone()
            .map(|protection| protection.content_key.clone())
            .collect();
        let has_playlists = protections
            .clone()
            .all(|protection| protection.scheme.is_known_to_hls());
        let manifests: &[&str] = match has_playlists {
            true => &["stream.mpd", "master.m3u8"],
            false => &["stream.mpd"],
        };
        let mut origins = Vec::new();
        for ((rendition, track), number) in self.renditions().iter().zip(&self.tracks).zip(0..) {
            let Some(source) = sources.get(track.input) else {
                let what = format!("the source of '{}' is missing", rendition.name);
                return Err(Error::InvalidOptions(what));
            };
            let init = ObjectId {
                rendition: number,
                segment: 0,
            };
            origins.push(Origin {
                source: *source,
                samples: Arc::clone(&track.samples),
                timescale: track.facts.timescale,
                shift: track.timeline.shift(),
                end: Some(track.end),
                kind: track.facts.kind,
                fourcc: String::new(),
                config: Vec::new(),
                language: track.facts.language.clone(),
                name: format!("input {}, track {}", track.input + 1, rendition.track_id),
                known: Some((self.path(init), track.first_sample)),
            });
        }
        let options = VerifyOptions {
            keys: &keys,
            sources,
            depth,
            segment_duration: None,
        };
        package::verify(files, manifests, &options, Some(origins))
    }
}
