//! Looks at a package before it is published: the checks of the engine, over the files as they lie in the storage.

use super::Failure;
use crate::storage::PackageStore;
use packager::{Depth, Outcome, PackageFiles, Plan, Source};

/// Fails when the package is not what the plan says: manifests against boxes, and a sample of each rendition
/// decrypted and compared with the delivered file.
pub(super) fn check(
    plan: &Plan,
    sources: &[&dyn Source],
    folder: &PackageStore,
) -> Result<(), Failure> {
    let report = plan.verify(&Files(folder), sources, Depth::Sample)?;
    let failures: Vec<String> = report
        .failures()
        .map(|check| {
            let finding = match &check.outcome {
                Outcome::Failed(findings) => findings.first(),
                _ => None,
            };
            let finding = finding.map_or(String::new(), |finding| {
                format!(": {}: {}", finding.where_, finding.what)
            });
            format!("check {} ({}){finding}", check.number, check.title)
        })
        .collect();
    match failures.is_empty() {
        true => Ok(()),
        false => Err(Failure::Permanent(format!(
            "the package does not hold what it should and is not published; please report it: {}",
            failures.join("; ")
        ))),
    }
}

/// The files of a package by the paths in its manifests.
struct Files<'a>(&'a PackageStore);

impl PackageFiles for Files<'_> {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Source + '_>>, packager::Error> {
        // A path that no package can have is that of no file.
        let file = match self.0.open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        Ok(file.map(|file| Box::new(file) as Box<dyn Source>))
    }

    fn list(&self) -> Option<Vec<String>> {
        None
    }
}
