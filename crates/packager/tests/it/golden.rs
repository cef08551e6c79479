//! Golden packages: a text dump of boxes, manifests and hashes in `tests/golden/<behaviour>/`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p packager golden` writes them again; look at the difference before
//! committing it.

use crate::movie_builder::{
    Audio, Base, Fragments, Layout, TestCue, TestEdit, TestMovie, Video, audio, cues, other, ttml,
    video,
};
use crate::package::{Package, numbered_key, options};
use crate::{conformance, faithful};
use packager::{BoxNode, EncryptScope, FileLayout, LabelledKey, MemorySource, Options, Scheme};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Packages a movie, compares with the golden files and runs all checks.
fn check(behaviour: &str, movie: &TestMovie, options: &Options) {
    let package = Package::make(&movie.source(), options).expect("packages");
    compare(behaviour, &dump(&package));
    conformance::check(&package);
    faithful::check(&package, movie);
}

/// Every golden movie with its options, for other readers.
pub fn cases() -> Vec<(&'static str, TestMovie, Options)> {
    let picture_only = Options {
        encrypt: EncryptScope::Video,
        ..options(Some(Scheme::Cbcs))
    };
    let cbcs = options(Some(Scheme::Cbcs));
    let cenc = options(Some(Scheme::Cenc));
    vec![
        ("cbcs", TestMovie::ordinary(), cbcs.clone()),
        ("cenc", TestMovie::ordinary(), cenc.clone()),
        ("clear", TestMovie::ordinary(), options(None)),
        ("picture-only", TestMovie::ordinary(), picture_only),
        ("fragmented", fragmented(), cbcs.clone()),
        ("edit-lists", edit_lists(), cenc.clone()),
        ("two-audio", two_audio(), cbcs.clone()),
        ("negative-offsets", negative_offsets(), cenc.clone()),
        ("audio-only", audio_only(), cbcs.clone()),
        ("slices", slices(), cenc),
        ("wide", wide(), cbcs.clone()),
        ("open-gops", open_gops(), cbcs.clone()),
        ("cens", TestMovie::ordinary(), options(Some(Scheme::Cens))),
        ("cbc1", TestMovie::ordinary(), options(Some(Scheme::Cbc1))),
        (
            "clear-lead",
            TestMovie::ordinary(),
            clear_lead(cbcs.clone()),
        ),
        ("key-rotation", two_audio(), key_rotation(cbcs.clone())),
        ("subtitles", subtitles(), cbcs.clone()),
        ("single-file", two_audio(), single_file(cbcs)),
        ("single-file-clear", open_gops(), single_file(options(None))),
    ]
}

/// The first two of five segments stay clear.
fn clear_lead(options: Options) -> Options {
    Options {
        clear_lead: Duration::from_millis(2500),
        segment_duration: Duration::from_secs(2),
        ..options
    }
}

/// The key changes every four seconds; one sound has a key of its own.
fn key_rotation(options: Options) -> Options {
    let key = |label: Option<&str>, number| LabelledKey {
        label: label.map(|label| label.parse().unwrap()),
        key: numbered_key(number),
    };
    let keys = [None, Some("audio-fra")].into_iter();
    let keys = keys.flat_map(|label| (0..3).map(move |number| (label, number)));
    Options {
        crypto_period: Some(Duration::from_secs(4)),
        segment_duration: Duration::from_secs(2),
        content_keys: keys
            .map(|(label, number)| key(label, number + if label.is_some() { 3 } else { 0 }))
            .collect(),
        ..options
    }
}

fn fragmented() -> TestMovie {
    let fragments = Fragments {
        runs: 2,
        decode_times: false,
        base: Base::Implicit,
        track_defaults: true,
        index: true,
        ..Fragments::default()
    };
    TestMovie::ordinary().with_layout(Layout::Fragmented(fragments))
}

fn single_file(options: Options) -> Options {
    Options {
        layout: FileLayout::SingleFile,
        ..options
    }
}

/// The picture starts 0.5 s late; the sound is cut at both ends.
fn edit_lists() -> TestMovie {
    let mut movie = TestMovie::ordinary();
    movie.tracks[0].edits = vec![TestEdit::gap(500), TestEdit::piece(10_000, 512)];
    movie.tracks[1].edits = vec![TestEdit::piece(6000, 48_000)];
    movie
}

fn two_audio() -> TestMovie {
    let english = Audio {
        language: *b"eng",
        ..Audio::default()
    };
    let french = Audio {
        language: *b"fra",
        rate: 44_100,
        channels: 1,
        frames: 431,
        seed: 7,
        ..Audio::default()
    };
    TestMovie::new(vec![
        video(1, &Video::default()),
        audio(2, &english),
        audio(3, &french),
        other(4, *b"sbtl", b"tx3g"),
    ])
}

fn negative_offsets() -> TestMovie {
    let picture = Video {
        negative_offsets: true,
        timescale: 90_000,
        durations: vec![3003],
        gops: vec![45, 70],
        ..Video::default()
    };
    TestMovie::new(vec![video(1, &picture), audio(2, &Audio::default())])
}

fn audio_only() -> TestMovie {
    TestMovie::new(vec![audio(1, &Audio::default())])
}

/// Several slices, NAL units of other kinds, lengths of two bytes, small slices.
fn slices() -> TestMovie {
    let picture = Video {
        slices: 4,
        sei: true,
        delimiters: true,
        sets_in_band: true,
        nal_length_size: 2,
        bytes: (0, 60),
        ..Video::default()
    };
    TestMovie::new(vec![video(1, &picture), audio(2, &Audio::default())])
}

/// Segments start with pictures that are shown behind others which need the group before.
fn open_gops() -> TestMovie {
    let picture = Video {
        open_gops: true,
        ..Video::default()
    };
    TestMovie::new(vec![video(1, &picture), audio(2, &Audio::default())])
}

/// Two lists of cues, one of them with styles and with a cue over three segments, and documents of TTML.
fn subtitles() -> TestMovie {
    let cue = |id, start, end, settings, payload| TestCue {
        id,
        start,
        end,
        settings,
        payload,
    };
    let english = [
        cue(
            "first",
            1000,
            3500,
            "line:0 align:start",
            "Hello <b>there</b>",
        ),
        cue("", 3000, 8500, "", "A long one\n- of two lines"),
        cue("", 8000, 9000, "", "Last &amp; least"),
    ];
    let french = [cue("", 2000, 4000, "", "Salut")];
    let mut tracks = TestMovie::ordinary().tracks;
    let head = "WEBVTT\n\nSTYLE\n::cue { color: lime }\n";
    tracks.push(cues(3, *b"eng", head, &english, 10_000));
    tracks.push(cues(4, *b"fra", "WEBVTT", &french, 10_000));
    tracks.push(ttml(5, *b"deu", &[4000, 4000, 2000]));
    TestMovie::new(tracks)
}

fn wide() -> TestMovie {
    let mut movie = TestMovie::ordinary().with_layout(Layout::Wide);
    movie.brand = *b"qt  ";
    movie.tracks[0].rotated = true;
    movie.tracks.push(other(3, *b"tmcd", b"tmcd"));
    movie.tracks.push(other(4, *b"meta", b"mebx"));
    movie
}

macro_rules! golden {
    ($($name:ident = $behaviour:literal),+ $(,)?) => {
        $(#[test]
        fn $name() {
            let case = cases().into_iter().find(|case| case.0 == $behaviour);
            let (behaviour, movie, options) = case.expect("a case");
            check(behaviour, &movie, &options);
        })+

        /// Every case has its test.
        #[test]
        fn golden_cases_are_all_tested() {
            let tested = [$($behaviour),+];
            let cases: Vec<_> = cases().iter().map(|case| case.0).collect();
            assert_eq!(cases, tested);
        }
    };
}

golden! {
    golden_cbcs = "cbcs",
    golden_cenc = "cenc",
    golden_clear = "clear",
    golden_picture_only = "picture-only",
    golden_fragmented_input = "fragmented",
    golden_edit_lists = "edit-lists",
    golden_two_audio_tracks = "two-audio",
    golden_negative_offsets = "negative-offsets",
    golden_audio_only = "audio-only",
    golden_slices = "slices",
    golden_wide = "wide",
    golden_open_gops = "open-gops",
    golden_cens = "cens",
    golden_cbc1 = "cbc1",
    golden_clear_lead = "clear-lead",
    golden_key_rotation = "key-rotation",
    golden_subtitles = "subtitles",
    golden_single_file = "single-file",
    golden_single_file_clear = "single-file-clear",
}

/// The golden files of a package, by path.
pub fn dump(package: &Package) -> BTreeMap<String, String> {
    let mut files: BTreeMap<String, String> = package.manifests.clone();
    let (mut boxes, mut objects) = (String::new(), String::new());
    for (path, bytes) in media_files(package) {
        let hash: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(objects, "{hash} {:>8} {path}", bytes.len()).unwrap();
        if path.ends_with(".vtt") {
            let text = String::from_utf8(bytes.clone()).expect("text");
            files.insert(path, text);
            continue;
        }
        writeln!(boxes, "{path}").unwrap();
        let tree = packager::tree(&MemorySource(bytes)).expect("a tree");
        for node in &tree {
            write_node(&mut boxes, node, 1);
        }
    }
    let mut report = String::new();
    for rendition in package.plan.renditions() {
        writeln!(report, "{rendition:?}").unwrap();
    }
    for warning in package.plan.warnings() {
        writeln!(report, "warning: {}", warning.0).unwrap();
    }
    files.insert("plan.txt".into(), report);
    files.insert("boxes.txt".into(), boxes);
    files.insert("objects.txt".into(), objects);
    files
}

/// The files of media, in the order of their objects.
fn media_files(package: &Package) -> Vec<(String, Vec<u8>)> {
    let mut files = package.files();
    let objects = package.objects.keys();
    let paths = objects.map(|object| package.plan.path(*object));
    paths.filter_map(|path| files.remove_entry(&path)).collect()
}

fn write_node(text: &mut String, node: &BoxNode, depth: usize) {
    let fields: String = node
        .fields
        .iter()
        .map(|(name, value)| format!(" {name}={value}"))
        .collect();
    assert!(!fields.contains(" error="), "{}{fields}", node.fourcc);
    let indent = "  ".repeat(depth);
    writeln!(
        text,
        "{indent}{} @{} +{}{fields}",
        node.fourcc, node.offset, node.size
    )
    .unwrap();
    for child in &node.children {
        write_node(text, child, depth + 1);
    }
}

/// Compares with the golden files, or writes them again.
pub fn compare(behaviour: &str, files: &BTreeMap<String, String>) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(behaviour);
    if std::env::var_os("UPDATE_GOLDEN").is_some_and(|value| value == "1") {
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("removes old files");
        }
        for (path, text) in files {
            let path = folder.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).expect("makes folders");
            std::fs::write(path, text).expect("writes");
        }
        return;
    }
    let hint = "UPDATE_GOLDEN=1 cargo test -p packager golden writes the golden files again";
    for (path, text) in files {
        let golden = std::fs::read_to_string(folder.join(path));
        let golden = golden.unwrap_or_else(|error| panic!("{behaviour}/{path}: {error}; {hint}"));
        if let Some(line) = first_difference(&golden, text) {
            panic!("{behaviour}/{path} differs at line {line}; {hint}");
        }
    }
    let mut found = Vec::new();
    list(&folder, &folder, &mut found);
    let stale: Vec<_> = found
        .iter()
        .filter(|path| !files.contains_key(*path))
        .collect();
    assert!(
        stale.is_empty(),
        "{behaviour}: {stale:?} belong to no package; {hint}"
    );
}

fn first_difference(golden: &str, text: &str) -> Option<String> {
    if golden == text {
        return None;
    }
    let mut lines = golden.lines().zip(text.lines()).enumerate();
    let found = lines.find(|(_, (old, new))| old != new);
    Some(match found {
        Some((at, (old, new))) => format!("{}:\n  golden: {old}\n  now:    {new}\n", at + 1),
        None => "the end (one is longer)".into(),
    })
}

fn list(root: &Path, folder: &PathBuf, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            list(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap();
            found.push(name.to_string_lossy().replace('\\', "/"));
        }
    }
}
