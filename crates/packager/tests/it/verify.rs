//! `verify`: our packages pass, and each check has a package that fails it.

mod built;
mod edit;
mod mutants;
mod mutations;
mod others;

use crate::golden;
use crate::movie_builder::{Audio, TestMovie, Video, audio, video};
use crate::package::{Package, content_key, options};
use packager::{
    Depth, Error, MemorySource, Outcome, PackageFiles, Source, VerifyOptions, VerifyReport, verify,
};
use std::collections::BTreeMap;

/// A package in memory.
pub struct Files(pub BTreeMap<String, Vec<u8>>);

impl PackageFiles for Files {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Source + '_>>, Error> {
        let bytes = self.0.get(path).cloned();
        Ok(bytes.map(|bytes| Box::new(MemorySource(bytes)) as Box<dyn Source>))
    }

    fn list(&self) -> Option<Vec<String>> {
        Some(self.0.keys().cloned().collect())
    }
}

impl Files {
    /// The manifests at the top.
    fn manifests(&self) -> Vec<&str> {
        let names = ["stream.mpd", "master.m3u8"];
        names
            .into_iter()
            .filter(|name| self.0.contains_key(*name))
            .collect()
    }

    /// All checks, with the key of the tests.
    pub fn verify(&self, sources: &[&dyn Source], depth: Depth) -> VerifyReport {
        verify_all(self, sources, depth).expect("a report")
    }
}

/// All checks on the manifests at the top, with the key of the tests.
pub fn verify_all(
    files: &Files,
    sources: &[&dyn Source],
    depth: Depth,
) -> Result<VerifyReport, Error> {
    let options = VerifyOptions {
        keys: &[content_key()],
        sources,
        depth,
        segment_duration: None,
    };
    verify(files, &files.manifests(), &options)
}

/// A report for people.
pub fn describe(report: &VerifyReport) -> String {
    let mut text = String::new();
    for check in &report.checks {
        match &check.outcome {
            Outcome::Passed => text += &format!("{} passed\n", check.number),
            Outcome::NotChecked(reason) => {
                text += &format!("{} not checked: {reason}\n", check.number)
            }
            Outcome::Failed(findings) => {
                for finding in findings {
                    text += &format!(
                        "{} {:?} {}: {}\n",
                        check.number, finding.level, finding.where_, finding.what
                    );
                }
            }
        }
    }
    text
}

/// Numbers of the checks with a broken requirement.
pub fn failing(report: &VerifyReport) -> Vec<u32> {
    report.failures().map(|check| check.number).collect()
}

#[test]
fn verify_passes_every_golden_package_at_every_depth() {
    for (behaviour, movie, options) in golden::cases() {
        let source = movie.source();
        let package = Package::make(&source, &options).expect("packages");
        let files = Files(package.files());
        for depth in [Depth::Quick, Depth::Sample, Depth::Full] {
            let report = files.verify(&[&source], depth);
            assert_eq!(
                failing(&report),
                [],
                "{behaviour} {depth:?}\n{}",
                describe(&report)
            );
            let report = package
                .plan
                .verify(&files, &[&source], depth)
                .expect("a report");
            assert_eq!(
                failing(&report),
                [],
                "{behaviour} {depth:?}, plan\n{}",
                describe(&report)
            );
        }
    }
}

#[test]
fn what_was_encoded_anew_is_not_held_against_the_samples_of_its_source() {
    let sound = |rate: u32, seed: u64| {
        let track = Audio {
            rate,
            seed,
            ..Audio::default()
        };
        TestMovie::new(vec![audio(1, &track)]).source()
    };
    let package = Package::make(&sound(48_000, 1), &options(None)).expect("packages");
    let of_28 = |source: &MemorySource| {
        let report = Files(package.files()).verify(&[source], Depth::Full);
        let mut checks = report.checks.into_iter();
        checks.find(|check| check.number == 28).expect("28").outcome
    };
    assert_eq!(of_28(&sound(48_000, 1)), Outcome::Passed);
    let other = of_28(&sound(48_000, 2));
    assert!(matches!(other, Outcome::Failed(_)), "{other:?}");
    // A file with the same sound and another picture tells of the sound alone.
    let picture = |nal_length_size| Video {
        nal_length_size,
        ..Video::default()
    };
    let both = |nal_length_size| {
        let sound = audio(2, &Audio::default());
        TestMovie::new(vec![video(1, &picture(nal_length_size)), sound]).source()
    };
    let half = Package::make(&both(4), &options(None)).expect("packages");
    let report = Files(half.files()).verify(&[&both(2)], Depth::Full);
    for check in report
        .checks
        .iter()
        .filter(|check| [6, 28].contains(&check.number))
    {
        assert!(
            matches!(&check.outcome, Outcome::NotChecked(_)),
            "{check:?}"
        );
    }
    let anew = of_28(&sound(44_100, 2));
    assert!(
        matches!(&anew, Outcome::NotChecked(why) if why.contains("encoded anew")),
        "{anew:?}"
    );
}
