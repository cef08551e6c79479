//! Real files, when `../shared/media` is beside the project (`SHARED_MEDIA` names another folder).

use crate::conformance;
use crate::ffmpeg::{Input, Reading, assert_same, check_packets_of_both_schemes};
use crate::package::{Package, options};
use crate::tools::{FFMPEG_8, Scratch, shared, source};
use packager::{ContentKey, Error};
use std::path::{Path, PathBuf};

/// One line of the folder's index.
struct Entry {
    path: PathBuf,
    container: String,
    codecs: Vec<String>,
    is_encrypted: bool,
    is_wild: bool,
}

impl Entry {
    fn is_packaged(&self) -> bool {
        let any = |wanted: &[&str]| {
            self.codecs
                .iter()
                .any(|codec| wanted.contains(&codec.as_str()))
        };
        let picture = any(&["h264", "hevc", "av1", "vp9"]);
        let sound = any(&["aac", "opus", "flac", "ac3", "eac3"]);
        let other_picture = any(&["prores"]);
        let is_known = picture || (sound && !other_picture);
        self.container == "isobmff" && !self.is_encrypted && is_known
    }
}

/// The files that are described and there.
fn entries(folder: &Path) -> Vec<Entry> {
    let index = std::fs::read_to_string(folder.join("index.tsv")).expect("index.tsv");
    let lines = index.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        Entry {
            path: folder.join(fields[0]),
            container: fields[4].into(),
            codecs: fields[5]
                .split('+')
                .map(|codec| {
                    codec
                        .split(['[', '('])
                        .next()
                        .unwrap_or_default()
                        .to_string()
                })
                .collect(),
            is_encrypted: fields[7].contains("scheme:"),
            is_wild: fields[0].starts_with("hostile-"),
        }
    });
    lines.filter(|entry| entry.path.is_file()).collect()
}

#[test]
fn samples_of_real_files_keep_bytes_and_times() {
    let Some(folder) = shared("media", "packaging real files is") else {
        return;
    };
    let mut count = 0;
    for entry in entries(&folder) {
        if entry.is_packaged() && !entry.is_wild {
            check_packets_of_both_schemes(&entry.path);
            count += 1;
        }
    }
    assert!(count > 0, "{} holds no file to package", folder.display());
}

#[test]
fn probe_refuses_other_real_files_by_name() {
    let Some(folder) = shared("media", "refusing real files is") else {
        return;
    };
    for entry in entries(&folder) {
        if entry.is_packaged() || entry.is_wild {
            continue;
        }
        let name = entry.path.display();
        let result = Package::make(&source(&entry.path), &options(None));
        let Err(Error::Unsupported(text)) = result else {
            panic!("{name}: {:?} is no refusal", result.map(|_| ()));
        };
        let expect = match entry.container.as_str() {
            "mpegts" => "MPEG transport stream",
            "matroska" => "Matroska or WebM",
            _ if entry.is_encrypted => "encrypted already",
            _ => "not packaged by this version",
        };
        assert!(text.contains(expect), "{name}: {text}");
    }
}

#[test]
fn decrypt_opens_real_encrypted_files() {
    let Some(folder) = shared("media", "decrypting real files is") else {
        return;
    };
    let key = "31323334353637383930313233343536:32333435363738393021323334353637";
    let key = ContentKey::parse(key).expect("a key");
    let scratch = Scratch::new();
    let clear = folder.join("shaka-packager-inputs-bear-640x360.mp4");
    for name in ["encryption", "encryption-cbcs"] {
        let sealed = folder.join(format!("shaka-packager-{name}-bear-640x360-video.mp4"));
        if !sealed.is_file() || !clear.is_file() {
            eprintln!("{} is not there: left out", sealed.display());
            continue;
        }
        let mut open = Vec::new();
        packager::decrypt(&[&source(&sealed)], std::slice::from_ref(&key), &mut open).unwrap();
        // Two sample entries, of a clear lead and of what was encrypted, are alike now.
        let package = Package::make(&packager::MemorySource(open.clone()), &options(None));
        conformance::check(&package.expect("packages what was decrypted"));
        let open = scratch.file("open.mp4", &open);
        let packets = |path: &Path, stream: &str| {
            Reading {
                ffmpeg: FFMPEG_8,
                input: Input::File(path),
                stream,
                decode: false,
                key: false,
            }
            .units()
        };
        assert_same(&packets(&open, "0:v"), &packets(&clear, "0:v"), name);
    }
}

#[test]
fn probe_takes_wild_files_without_harm() {
    let Some(folder) = shared("media", "wild files are") else {
        return;
    };
    for entry in entries(&folder) {
        if entry.is_wild
            && let Ok(package) = Package::make(&source(&entry.path), &options(None))
        {
            conformance::check(&package);
        }
    }
}
