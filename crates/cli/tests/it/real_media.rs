//! Real files of the MP4 family, when `../shared/media` is beside the project: packaged as their index says.

use crate::support::{Run, Scratch, shared};
use std::fs;
use std::path::Path;

/// The key of the encrypted files.
const INPUT_KEY: &str = "31323334353637383930313233343536:32333435363738393021323334353637";

/// Packages a file and compares every sample with it.
fn package(scratch: &Scratch, file: &Path, layout: &str, encrypted: bool) -> Run {
    let file = file.to_str().unwrap();
    let mut words = vec!["-q", "package", file, "-o", "out", "--verify", "full"];
    words.extend(["--layout", layout]);
    if encrypted {
        words.extend(["--input-key", INPUT_KEY]);
    }
    scratch.run(words)
}

#[test]
fn real_files_of_mp4_are_packaged_and_verified_in_full_as_their_index_says() {
    let Some(folder) = shared("media") else {
        return;
    };
    let index = fs::read_to_string(folder.join("index.tsv")).unwrap();
    let mut taken = 0;
    for line in index.lines().skip(1) {
        let row: Vec<&str> = line.split('\t').collect();
        let file = folder.join(row[0]);
        // What becomes MP4 first is the business of conversions.
        if row[4] != "isobmff" || row[5].contains("prores") || !file.is_file() {
            continue;
        }
        let encrypted = row[7].contains("scheme:");
        let either = row[10] == "EITHER";
        for layout in ["segments", "single-file"] {
            let scratch = Scratch::new();
            let run = package(&scratch, &file, layout, encrypted);
            let right = run.code() == Some(0) || (either && run.code() == Some(65));
            assert!(right, "{} {layout}: {}", row[0], run.stderr());
        }
        taken += 1;
    }
    assert!(taken >= 20, "{taken} files of {}", folder.display());
}

#[test]
fn verify_opens_an_encrypted_source_with_its_key() {
    let Some(folder) = shared("media") else {
        return;
    };
    let file = folder.join("shaka-packager-encryption-cbcs-bear-640x360-video.mp4");
    let scratch = Scratch::new();
    package(&scratch, &file, "segments", true).ok();
    let verify = |more: &[&str]| {
        let words = ["verify", "out", "--key-file", "out.key", "--source"];
        let words = words.into_iter().chain([file.to_str().unwrap()]);
        scratch.run(words.chain(more.iter().copied()))
    };
    verify(&["--key", INPUT_KEY]).ok();
    verify(&[]).fails(2, "no key for KID 31323334353637383930313233343536");
}
