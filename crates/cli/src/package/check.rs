//! A package is checked before anybody sees it.

use crate::failure::Failure;
use crate::verify::folder::Folder;
use packager::{Depth, Level, Outcome, Plan, Source};
use std::path::Path;

/// Makes all checks on what was written to `folder`.
///
/// # Errors
/// [`Failure::Internal`] names the first check that fails.
pub fn check(
    plan: &Plan,
    sources: &[&dyn Source],
    folder: &Path,
    depth: Depth,
) -> Result<(), Failure> {
    let report = plan.verify(&Folder::around(folder), sources, depth);
    let report = report.map_err(|error| match error {
        packager::Error::Io(error) => Failure::io("read", folder, &error),
        other => Failure::Internal(format!("the package cannot be checked: {other}")),
    })?;
    let Some(failed) = report.failures().next() else {
        return Ok(());
    };
    let finding = match &failed.outcome {
        Outcome::Failed(findings) => findings.iter().find(|finding| finding.level == Level::Must),
        _ => None,
    };
    let finding = finding.map(|finding| format!(": {}: {}", finding.where_, finding.what));
    Err(Failure::Internal(format!(
        "a fault of reelpack: the package fails check {} ({}){}; nothing was published",
        failed.number,
        failed.title,
        finding.unwrap_or_default()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use packager::{MemorySource, ObjectFacts, ObjectId, Options, SegmentBuffer};
    use std::collections::HashMap;
    use std::process::Command;

    /// Half a second of sound.
    fn sound(folder: &Path) -> MemorySource {
        let path = folder.join("sound.mp4");
        let made = Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-f",
                "lavfi",
                "-i",
                "sine=d=0.5",
                "-c:a",
                "aac",
            ])
            .arg(&path)
            .status();
        assert!(made.expect("ffmpeg is installed").success());
        MemorySource(std::fs::read(path).expect("reads"))
    }

    #[test]
    fn a_package_with_a_fault_is_an_internal_failure() {
        let folder = crate::output::Temporary::dir(&std::env::temp_dir()).expect("a folder");
        let source = sound(folder.path());
        let movie = packager::probe(&source).expect("a movie");
        let plan = packager::plan(&[movie], &Options::default()).expect("a plan");
        let sources: [&dyn Source; 1] = [&source];
        let mut facts: HashMap<ObjectId, ObjectFacts> = HashMap::new();
        for object in plan.objects() {
            let path = folder.path().join(plan.path(object));
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("makes it");
            let mut bytes = Vec::new();
            let mut write = |piece: &[u8]| {
                bytes.extend_from_slice(piece);
                Ok(())
            };
            let mut buffer = SegmentBuffer::default();
            let of_object = plan.render(object, &sources, &mut buffer, &mut write);
            facts.insert(object, of_object.expect("renders"));
            std::fs::write(path, bytes).expect("writes");
        }
        for manifest in plan.manifests(&|object| facts[&object]).expect("manifests") {
            let path = folder.path().join(manifest.path);
            std::fs::write(path, manifest.text).expect("writes");
        }
        check(&plan, &sources, folder.path(), Depth::Full).expect("a good package");

        let segment = folder.path().join("audio/1.m4s");
        let mut bytes = std::fs::read(&segment).expect("reads");
        *bytes.last_mut().expect("a byte") ^= 1;
        std::fs::write(&segment, bytes).expect("writes");
        let failure = check(&plan, &sources, folder.path(), Depth::Full).expect_err("a fault");
        assert_eq!(failure.code(), 70);
        let Failure::Internal(message) = failure else {
            panic!("{failure:?}");
        };
        assert!(message.contains("check 28"), "{message}");
    }
}
