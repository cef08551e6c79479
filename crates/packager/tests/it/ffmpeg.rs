//! ffmpeg as an independent reader: packets and frames with their times and hashes.

use crate::conformance;
use crate::package::{Package, content_key, options};
use crate::tools::{FFMPEG_5, FFMPEG_8, Scratch, media, media_source, run, source, tool};
use packager::{EncryptScope, Options, Scheme};
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::{Mutex, OnceLock};

/// One packet or frame: when it is shown, in seconds, and the hash of its bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Unit {
    pub shown: f64,
    pub hash: String,
}

/// Where ffmpeg reads.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    File(&'a Path),
    /// Through a pipe, as if it came from a network.
    Pipe(&'a [u8]),
}

/// What of the input, and how.
pub struct Reading<'a> {
    /// Name of the program.
    pub ffmpeg: &'a str,
    pub input: Input<'a>,
    /// Stream specifier: `0:v`, `0:i:2`.
    pub stream: &'a str,
    /// Frames, or packets as they lie in the file.
    pub decode: bool,
    pub key: bool,
}

impl Reading<'_> {
    /// What ffmpeg prints, and whether it succeeded.
    fn output(&self) -> std::process::Output {
        let key: String = content_key()
            .value
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        let mut arguments = vec!["-hide_banner", "-loglevel", "error", "-copyts"];
        if self.key {
            arguments.extend(["-decryption_key", &key]);
        }
        let path;
        let bytes = match self.input {
            Input::File(file) => {
                path = file.to_str().expect("a path of text").to_string();
                None
            }
            Input::Pipe(bytes) => {
                path = "-".to_string();
                Some(bytes)
            }
        };
        arguments.extend(["-i", &path, "-map", self.stream]);
        match self.decode {
            true => arguments.extend(["-fps_mode", "passthrough"]),
            false => arguments.extend(["-c", "copy"]),
        }
        arguments.extend(["-f", "framemd5", "-"]);
        run(&tool(self.ffmpeg), &arguments, bytes)
    }

    /// All packets or frames; ffmpeg must be content with the input.
    pub fn units(&self) -> Vec<Unit> {
        let output = self.output();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {complaint}", self.ffmpeg);
        parse(&String::from_utf8_lossy(&output.stdout))
    }

    /// What ffmpeg makes of an input that it may well refuse.
    fn anything(&self) -> Vec<Unit> {
        parse(&String::from_utf8_lossy(&self.output().stdout))
    }
}

/// The lines of `framemd5`.
fn parse(text: &str) -> Vec<Unit> {
    let base = text.lines().find_map(|line| line.strip_prefix("#tb 0: "));
    let seconds = base.map_or(1.0, |base| {
        let (numerator, denominator) = base.split_once('/').expect("a time base");
        let number = |text: &str| text.trim().parse::<f64>().expect("a number");
        number(numerator) / number(denominator)
    });
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            Unit {
                shown: fields[2].parse::<f64>().expect("a time") * seconds,
                hash: fields[5].to_string(),
            }
        })
        .collect()
}

/// Decoded frames of `clip.mp4`, made once for each program and stream.
fn frames_of_clip(ffmpeg: &'static str, stream: &'static str) -> Vec<Unit> {
    type Frames = HashMap<(&'static str, &'static str), Vec<Unit>>;
    static FRAMES: OnceLock<Mutex<Frames>> = OnceLock::new();
    let frames = FRAMES.get_or_init(Mutex::default);
    let mut frames = frames.lock().expect("no test panics in here");
    frames
        .entry((ffmpeg, stream))
        .or_insert_with(|| of_source(ffmpeg, &media("clip.mp4"), stream, true))
        .clone()
}

/// `clip.mp4`, packaged once for each scheme.
fn package_of_clip(scheme: Scheme) -> &'static Package {
    static CBCS: OnceLock<Package> = OnceLock::new();
    static CENC: OnceLock<Package> = OnceLock::new();
    let place = match scheme {
        Scheme::Cbcs => &CBCS,
        Scheme::Cenc => &CENC,
        other => panic!("ffmpeg does not decrypt {other:?}"),
    };
    place.get_or_init(|| {
        let source = media_source("clip.mp4");
        Package::make(&source, &options(Some(scheme))).expect("packages")
    })
}

/// Frames or packets of a file.
fn of_source(ffmpeg: &str, path: &Path, stream: &str, decode: bool) -> Vec<Unit> {
    Reading {
        ffmpeg,
        input: Input::File(path),
        stream,
        decode,
        key: false,
    }
    .units()
}

/// The same units at the same times, as far as they are shown at 0 or later.
#[track_caller]
pub fn assert_same(found: &[Unit], expect: &[Unit], what: &str) {
    let shown = |units: &[Unit]| -> Vec<Unit> {
        let mut units: Vec<Unit> = units
            .iter()
            .filter(|unit| unit.shown > -1e-6)
            .cloned()
            .collect();
        units.sort_by(|a, b| a.shown.total_cmp(&b.shown));
        units
    };
    let (found, expect) = (shown(found), shown(expect));
    assert!(!expect.is_empty(), "{what}: the source gives nothing");
    for (index, (found, expect)) in found.iter().zip(&expect).enumerate() {
        assert_eq!(found.hash, expect.hash, "{what}: unit {index}");
        let off = (found.shown - expect.shown).abs();
        // Less than a millisecond: time bases differ.
        assert!(
            off < 1e-3,
            "{what}: unit {index} at {} s, not {} s",
            found.shown,
            expect.shown
        );
    }
    assert_eq!(found.len(), expect.len(), "{what}: number of units");
}

const SCHEMES: [Scheme; 2] = [Scheme::Cbcs, Scheme::Cenc];

#[test]
fn decrypt_by_our_decryptor_gives_the_frames_of_the_source() {
    let scratch = Scratch::new();
    for scheme in SCHEMES {
        let package = package_of_clip(scheme);
        conformance::check(package);
        for (index, stream) in [(0, "0:v"), (1, "0:a")] {
            let open = scratch.file("open.mp4", &package.decrypted(index));
            for ffmpeg in [FFMPEG_5, FFMPEG_8] {
                let expect = frames_of_clip(ffmpeg, stream);
                let found = of_source(ffmpeg, &open, stream, true);
                assert_same(&found, &expect, &format!("{ffmpeg} {scheme:?} {stream}"));
            }
        }
    }
}

#[test]
fn samples_that_the_moov_places_before_fragments_are_there() {
    let scratch = Scratch::new();
    let clip = media("clip.mp4");
    // Without `empty_moov` ffmpeg leaves the samples before the first fragment to the tables of the 'moov'.
    let mixed = scratch.path("mixed.mp4");
    let words = ["-v", "error", "-i", clip.to_str().expect("a path of text")];
    let more = ["-map", "0", "-c", "copy", "-movflags", "frag_keyframe"];
    let arguments = [&words[..], &more[..], &[mixed.to_str().expect("a path")]].concat();
    let made = run(&tool(FFMPEG_8), &arguments, None);
    assert!(made.status.success(), "{made:?}");
    let movie = packager::probe(&source(&mixed)).expect("probes");
    let whole = packager::probe(&source(&clip)).expect("probes");
    assert!(movie.fragmented && !whole.fragmented);
    let counts = |movie: &packager::Movie| -> Vec<u64> {
        movie
            .tracks
            .iter()
            .map(|track| track.sample_count)
            .collect()
    };
    assert_eq!(counts(&movie), counts(&whole));
    let package = Package::make(&source(&mixed), &options(None)).expect("packages");
    conformance::check(&package);
    for (index, stream) in [(0, "0:v"), (1, "0:a")] {
        let written = scratch.file("written.mp4", &package.joined(index));
        let found = of_source(FFMPEG_8, &written, stream, true);
        let expect = of_source(FFMPEG_8, &mixed, stream, true);
        assert_same(&found, &expect, stream);
    }
}

#[test]
fn decrypt_by_ffmpeg_8_gives_the_frames_of_the_source() {
    let scratch = Scratch::new();
    for scheme in SCHEMES {
        let package = package_of_clip(scheme);
        for (index, stream) in [(0, "0:v"), (1, "0:a")] {
            let sealed = scratch.file("sealed.mp4", &package.joined(index));
            let found = Reading {
                ffmpeg: FFMPEG_8,
                input: Input::File(&sealed),
                stream,
                decode: true,
                key: true,
            };
            let expect = frames_of_clip(FFMPEG_8, stream);
            assert_same(&found.units(), &expect, &format!("{scheme:?} {stream}"));
        }
    }
}

#[test]
fn decrypt_by_ffmpeg_5_through_a_pipe_gives_the_frames_of_the_source() {
    for scheme in SCHEMES {
        let package = package_of_clip(scheme);
        for (index, stream) in [(0, "0:v"), (1, "0:a")] {
            let found = Reading {
                ffmpeg: FFMPEG_5,
                input: Input::Pipe(&package.joined(index)),
                stream,
                decode: true,
                key: true,
            };
            let expect = frames_of_clip(FFMPEG_5, stream);
            assert_same(&found.units(), &expect, &format!("{scheme:?} {stream}"));
        }
    }
}

#[test]
fn without_a_key_no_frame_of_the_picture_is_seen() {
    let source = media_source("clip-short.mp4");
    let expect = of_source(FFMPEG_5, &media("clip-short.mp4"), "0:v", true);
    let sound = of_source(FFMPEG_8, &media("clip-short.mp4"), "0:a", true);
    let hashes: HashSet<&str> = expect.iter().map(|unit| unit.hash.as_str()).collect();
    let scratch = Scratch::new();
    for scheme in SCHEMES {
        for encrypt in [EncryptScope::All, EncryptScope::Video] {
            let options = Options {
                encrypt,
                ..options(Some(scheme))
            };
            let package = Package::make(&source, &options).unwrap();
            conformance::check(&package);
            let sealed = scratch.file("sealed.mp4", &package.joined(0));
            for ffmpeg in [FFMPEG_5, FFMPEG_8] {
                let seen = Reading {
                    ffmpeg,
                    input: Input::File(&sealed),
                    stream: "0:v",
                    decode: true,
                    key: false,
                };
                for unit in seen.anything() {
                    let shown = hashes.contains(unit.hash.as_str());
                    assert!(!shown, "{ffmpeg} {scheme:?}: a frame at {} s", unit.shown);
                }
            }
            let heard = scratch.file("sound.mp4", &package.joined(1));
            let heard = Reading {
                ffmpeg: FFMPEG_8,
                input: Input::File(&heard),
                stream: "0:a",
                decode: true,
                key: false,
            };
            if encrypt == EncryptScope::Video {
                assert_same(&heard.units(), &sound, "sound without a key");
            } else {
                let sound: HashSet<&str> = sound.iter().map(|unit| unit.hash.as_str()).collect();
                let known = heard.anything().into_iter();
                let known = known
                    .filter(|unit| sound.contains(unit.hash.as_str()))
                    .count();
                assert_eq!(known, 0, "{scheme:?}: sound is heard without a key");
            }
        }
    }
}

/// Every packet of the packaged tracks of a file comes out as it is in the file, at its time.
pub fn check_packets(path: &Path, options: &Options) {
    let name = path.file_name().unwrap().to_string_lossy().to_string();
    let source = source(path);
    let package = Package::make(&source, options).unwrap_or_else(|e| panic!("{name}: {e}"));
    conformance::check(&package);
    let scratch = Scratch::new();
    for (index, rendition) in package.indices().zip(package.plan.renditions()) {
        // Cues come out as text; other tests compare them.
        if rendition.codec == "wvtt" {
            continue;
        }
        let stream = format!("0:i:{}", rendition.track_id);
        let expect = of_source(FFMPEG_8, path, &stream, false);
        let open = scratch.file("open.mp4", &package.decrypted(index));
        let found = of_source(FFMPEG_8, &open, "0:0", false);
        let what = format!("{name}, {}", rendition.name);
        if MISREAD.contains(&name.as_str()) {
            assert_eq!(hashes(&found), hashes(&expect), "{what}");
        } else {
            assert_same(&found, &expect, &what);
        }
    }
}

/// Files whose composition offsets are negative in a `ctts` of version 0, as QuickTime writes them beside
/// `cslg`: ffmpeg moves the pictures that it takes to be shown before they are decoded, so only bytes are
/// compared.
const MISREAD: [&str; 1] = ["mov-dolbyVision-hdr.MOV"];

fn hashes(units: &[Unit]) -> Vec<&str> {
    let mut hashes: Vec<&str> = units.iter().map(|unit| unit.hash.as_str()).collect();
    hashes.sort_unstable();
    hashes
}

/// [`check_packets`] under both schemes; large files under `cbcs` only, since AES of every byte is slow in
/// the dev profile.
pub fn check_packets_of_both_schemes(path: &Path) {
    check_packets(path, &options(Some(Scheme::Cbcs)));
    let size = std::fs::metadata(path).expect("a file").len();
    if size < 1_000_000 {
        check_packets(path, &options(Some(Scheme::Cenc)));
    }
}

#[test]
fn samples_of_generated_files_keep_bytes_and_times() {
    for name in [
        "clip-short.mp4",
        "clip-faststart.mp4",
        "clip-fragmented.mp4",
        "clip.mov",
        "clip-64-bit.mp4",
        "clip-no-audio.mp4",
        "audio-only.m4a",
    ] {
        check_packets_of_both_schemes(&media(name));
    }
}

#[test]
fn samples_of_generated_files_with_odd_times_keep_them() {
    for name in [
        "clip-two-audio.mp4",
        "clip-mono-44100.mp4",
        "clip-open-gop.mp4",
        "clip-ntsc.mp4",
        "clip-audio-late.mp4",
        "clip-video-late.mp4",
        "clip-negative-cts.mp4",
        "clip-other-tracks.mp4",
    ] {
        check_packets_of_both_schemes(&media(name));
    }
}
