//! What a correct package is: the checks of `conformance.md` that need no other tool, by their numbers.
//!
//! [`check`] runs over every golden package and over the packages of real files. A number in a failure's
//! text is the number of the check.

mod addresses;
mod encryption;
mod init;
mod key_pictures;
mod keys;
mod manifests;
mod segments;
pub mod text;

use crate::package::Package;
use crate::reader::ReadRendition;
use packager::{ContentKey, KeyId, TrackKind};

/// Fails with the number of the check when `right` is false.
#[track_caller]
fn ensure(number: u32, right: bool, what: impl std::fmt::Display) {
    assert!(right, "check {number}: {what}");
}

/// Everything about one rendition of pictures or sound that checks look at.
pub struct Checked<'a> {
    /// Its number in the plan.
    pub index: u32,
    /// Folder name.
    pub name: &'a str,
    /// RFC 6381 string of the plan.
    pub codec: &'a str,
    /// The init segment, then the media segments.
    pub files: Vec<&'a [u8]>,
    /// The same, read back.
    pub read: ReadRendition,
    /// The samples, decrypted.
    pub clear: ReadRendition,
    /// The key of each segment, as the options have it; `None` for a clear one.
    pub keys: Vec<Option<ContentKey>>,
    /// The first key that is for it.
    pub first_key: Option<ContentKey>,
}

impl Checked<'_> {
    /// Its KIDs, in the order of their use.
    fn kids(&self) -> Vec<KeyId> {
        let keys = self.keys.iter().flatten();
        let mut kids: Vec<KeyId> = keys.map(|key| key.kid).collect();
        kids.dedup();
        if kids.is_empty() {
            // All of it is clear lead: the sample entry names a key all the same.
            kids.extend(self.first_key.as_ref().map(|key| key.kid));
        }
        kids
    }

    fn seconds(&self, ticks: i64) -> f64 {
        ticks as f64 / f64::from(self.read.init.timescale)
    }

    /// The longest sample, in seconds.
    fn frame(&self) -> f64 {
        let longest = self.read.samples().map(|sample| sample.duration).max();
        self.seconds(i64::from(longest.unwrap_or(0)))
    }
}

/// Runs all checks.
pub fn check(package: &Package) {
    let renditions: Vec<Checked<'_>> = package
        .indices()
        .zip(package.plan.renditions())
        .filter(|(_, rendition)| rendition.kind != TrackKind::Text)
        .map(|(index, rendition)| {
            let files = package.rendition(index);
            let read = ReadRendition::read(&files);
            Checked {
                index,
                name: &rendition.name,
                codec: &rendition.codec,
                keys: keys::of_segments(package, &rendition.name, &read),
                first_key: keys::first(package, &rendition.name, &read),
                read,
                clear: ReadRendition::read_joined(&package.decrypted(index)),
                files,
            }
        })
        .collect();
    for rendition in &renditions {
        init::check(rendition);
        segments::check(package, rendition);
        encryption::check(package, rendition);
    }
    segments::check_boundaries(&renditions);
    manifests::check_dash(package, &renditions);
    manifests::check_hls(package, &renditions);
    text::check(package);
}
