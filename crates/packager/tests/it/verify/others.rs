//! Packages of other packagers: they are read to the end, and their known faults are found.

use super::{describe, failing};
use crate::package::content_key;
use crate::tools::{FFMPEG_8, SHAKA_PACKAGER, Scratch, media, media_source, succeed, tool};
use packager::{Depth, Error, Outcome, PackageFiles, Source, VerifyOptions, VerifyReport, verify};
use std::fs::File;
use std::path::PathBuf;

/// A folder on disk.
struct Folder(PathBuf);

impl PackageFiles for Folder {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Source + '_>>, Error> {
        let path = self.0.join(path);
        match path.is_file() {
            true => Ok(Some(Box::new(File::open(path)?))),
            false => Ok(None),
        }
    }

    fn list(&self) -> Option<Vec<String>> {
        None
    }
}

fn check(folder: PathBuf, manifests: &[&str]) -> VerifyReport {
    let source = media_source("clip.mp4");
    let options = VerifyOptions {
        keys: &[content_key()],
        sources: &[&source],
        depth: Depth::Full,
        segment_duration: None,
    };
    let report = verify(&Folder(folder), manifests, &options).expect("a report");
    println!("{}", describe(&report));
    report
}

/// The findings of a check; none when it passed.
fn findings(report: &VerifyReport, number: u32) -> Vec<String> {
    let check = report
        .checks
        .iter()
        .find(|check| check.number == number)
        .expect("48 checks");
    match &check.outcome {
        Outcome::Failed(findings) => findings
            .iter()
            .map(|finding| finding.what.clone())
            .collect(),
        Outcome::Passed => Vec::new(),
        Outcome::NotChecked(reason) => panic!("{number} was not checked: {reason}"),
    }
}

/// Runs Shaka Packager in a folder; `layout` gives the part of a stream's description that says where it goes.
fn shaka(scratch: &Scratch, scheme: &str, layout: fn(&str, &str) -> String) -> PathBuf {
    let folder = scratch.path(scheme);
    let input = media("clip.mp4");
    let key = content_key();
    let value: String = key.value.iter().map(|byte| format!("{byte:02x}")).collect();
    let keys = format!("label=:key_id={}:key={value}", key.kid.hex());
    let root = folder.display().to_string();
    let streams = ["video", "audio"].map(|kind| {
        format!(
            "in={},stream={kind},{},playlist_name={kind}.m3u8",
            input.display(),
            layout(&root, kind)
        )
    });
    let mpd = format!("{root}/stream.mpd");
    let master = format!("{root}/master.m3u8");
    let arguments = [
        &streams[0],
        &streams[1],
        "--quiet",
        "--segment_duration",
        "2",
        "--enable_raw_key_encryption",
        "--keys",
        &keys,
        "--clear_lead",
        "0",
        "--protection_scheme",
        scheme,
        "--mpd_output",
        &mpd,
        "--hls_master_playlist_output",
        &master,
        "--generate_static_live_mpd",
    ];
    succeed(&tool(SHAKA_PACKAGER), &arguments, None);
    folder
}

#[test]
fn verify_reads_segments_of_shaka_packager() {
    let scratch = Scratch::new();
    let layout = |root: &str, kind: &str| {
        format!("init_segment={root}/{kind}/init.mp4,segment_template={root}/{kind}/$Number$.m4s")
    };
    for scheme in ["cbcs", "cenc"] {
        let report = check(
            shaka(&scratch, scheme, layout),
            &["stream.mpd", "master.m3u8"],
        );
        // Each sample is decrypted and compared: what it encrypts is right.
        for number in [6, 13, 18, 28, 29, 30, 36] {
            assert_eq!(
                findings(&report, number),
                Vec::<String>::new(),
                "{scheme} {number}"
            );
        }
    }
}

#[test]
fn verify_reads_single_files_of_shaka_packager() {
    let scratch = Scratch::new();
    let layout = |root: &str, kind: &str| format!("output={root}/{kind}.mp4");
    let report = check(
        shaka(&scratch, "cbcs", layout),
        &["stream.mpd", "master.m3u8"],
    );
    for number in [13, 19, 28] {
        assert_eq!(findings(&report, number), Vec::<String>::new(), "{number}");
    }
}

#[test]
fn verify_finds_the_known_faults_of_ffmpeg() {
    let scratch = Scratch::new();
    let folder = scratch.path("dash");
    std::fs::create_dir_all(&folder).expect("makes a folder");
    let input = media("clip.mp4").display().to_string();
    let output = folder.join("stream.mpd").display().to_string();
    let arguments = [
        "-v",
        "error",
        "-i",
        &input,
        "-map",
        "0:v",
        "-map",
        "0:a",
        "-c",
        "copy",
        "-f",
        "dash",
        "-seg_duration",
        "2",
        "-hls_playlist",
        "1",
        &output,
    ];
    succeed(&tool(FFMPEG_8), &arguments, None);
    let report = check(folder, &["stream.mpd", "master.m3u8"]);
    assert!(!failing(&report).is_empty());
    assert!(
        findings(&report, 7)[0].contains("ES_ID"),
        "{}",
        describe(&report)
    );
    assert_eq!(findings(&report, 28), Vec::<String>::new());
}
