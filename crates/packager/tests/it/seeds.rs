//! Small files of every kind: what mutants are made of, and what the fuzzers of `fuzz/` start with.
//!
//! `FUZZ_SEEDS=FOLDER cargo test -p packager --test it seeds` writes them there, a folder a fuzzer.

use crate::movie_builder::{
    Audio, Base, Fragments, Layout, TestCue, TestEdit, TestMovie, Video, audio, cues, timed_text,
    ttml, video,
};
use crate::package::{Package, content_key, options};
use crate::reader::{ReadRendition, descend, top_level};
use crate::tools::{FFMPEG_5, FFMPEG_8, Scratch, source, succeed, tool};
use packager::{MemorySource, Scheme};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

/// A file.
#[derive(Debug, Clone)]
pub struct Seed {
    pub name: String,
    pub bytes: Vec<u8>,
}

impl Seed {
    fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            bytes,
        }
    }
}

fn small(layout: Layout) -> TestMovie {
    let picture = Video {
        frames: 16,
        gops: vec![8],
        durations: vec![512, 511],
        slices: 2,
        sets_in_band: true,
        bytes: (10, 60),
        ..Video::default()
    };
    let sound = Audio {
        frames: 20,
        ..Audio::default()
    };
    let mut movie = TestMovie::new(vec![video(1, &picture), audio(2, &sound)]);
    movie.tracks[1].edits.insert(0, TestEdit::gap(20));
    movie.with_layout(layout)
}

fn fragments(base: Base, decode_times: bool) -> Layout {
    Layout::Fragmented(Fragments {
        milliseconds: 250,
        runs: 2,
        decode_times,
        base,
        track_defaults: !decode_times,
        index: true,
        shorten: 0,
        follow_on: !decode_times,
    })
}

fn subtitled() -> TestMovie {
    let mut movie = small(Layout::MoovFirst);
    let cue = |id, start, end, payload| TestCue {
        id,
        start,
        end,
        settings: "line:0",
        payload,
    };
    let texts = [
        cue("1", 0, 200, "One"),
        cue("", 100, 400, "<b>Two</b>\nlines"),
    ];
    movie.tracks.push(cues(3, *b"eng", "WEBVTT", &texts, 500));
    movie.tracks.push(ttml(4, *b"fra", &[200, 300]));
    let timed: [(u32, &[u8], &[u8]); 2] = [(200, b"Three", b""), (300, b"", b"")];
    movie.tracks.push(timed_text(5, &timed));
    movie
}

/// Some pictures or sounds of an encoder, in a file of few bytes.
fn encoded(scratch: &Scratch, name: &str, arguments: &[&str]) -> Seed {
    let path = scratch.path(&format!("{name}.mp4"));
    let mut all = vec!["-nostdin", "-loglevel", "error", "-y", "-f", "lavfi", "-i"];
    all.extend(arguments);
    all.extend(["-threads", "1", path.to_str().expect("a path of text")]);
    succeed(&tool(FFMPEG_5), &all, None);
    Seed::new(name, source(&path).0)
}

const PICTURE: &str = "testsrc2=s=64x64:r=10:d=0.6";
const TONE: &str = "aevalsrc=0.2*sin(880*PI*t):s=48000:d=0.2";

fn encoders(scratch: &Scratch) -> Vec<Seed> {
    let x265 = "log-level=none:keyint=4:min-keyint=4:bframes=2:open-gop=1:pools=1";
    let cases: [(&str, &[&str]); 8] = [
        (
            "hevc",
            &[
                PICTURE,
                "-c:v",
                "libx265",
                "-crf",
                "40",
                "-x265-params",
                x265,
            ],
        ),
        (
            "av1",
            &[
                PICTURE,
                "-c:v",
                "libaom-av1",
                "-cpu-used",
                "8",
                "-crf",
                "60",
                "-g",
                "3",
            ],
        ),
        (
            "vp9",
            &[
                PICTURE,
                "-c:v",
                "libvpx-vp9",
                "-crf",
                "60",
                "-b:v",
                "0",
                "-g",
                "3",
            ],
        ),
        (
            "x264",
            &[
                PICTURE,
                "-c:v",
                "libx264",
                "-crf",
                "40",
                "-g",
                "4",
                "-x264-params",
                "open-gop=1",
            ],
        ),
        ("opus", &[TONE, "-c:a", "libopus", "-b:a", "8k"]),
        ("flac", &[TONE, "-c:a", "flac", "-strict", "-2"]),
        ("ac3", &[TONE, "-c:a", "ac3", "-b:a", "32k", "-ac", "1"]),
        ("alac", &[TONE, "-c:a", "alac"]),
    ];
    cases
        .iter()
        .map(|(name, arguments)| encoded(scratch, name, arguments))
        .collect()
}

/// Clear movies that are packaged.
pub fn movies() -> &'static [Seed] {
    static MADE: OnceLock<Vec<Seed>> = OnceLock::new();
    MADE.get_or_init(|| {
        let layouts = [
            ("first", Layout::MoovFirst),
            ("last", Layout::MoovLast),
            ("wide", Layout::Wide),
            ("moof", fragments(Base::Moof, true)),
            ("implicit", fragments(Base::Implicit, false)),
            ("explicit", fragments(Base::Explicit, true)),
        ];
        let mut all: Vec<Seed> = layouts
            .iter()
            .map(|(name, layout)| Seed::new(*name, small(*layout).bytes()))
            .collect();
        all.push(Seed::new("subtitled", subtitled().bytes()));
        all.extend(encoders(&Scratch::new()));
        all
    })
}

/// A movie that ffmpeg encrypted without making fragments.
fn sealed_whole(scratch: &Scratch, movie: &Seed) -> Seed {
    let from = scratch.file("clear.mp4", &movie.bytes);
    let to = scratch.path("sealed.mp4");
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|b| format!("{b:02x}")).collect() };
    let (key, kid) = (hex(&content_key().value), content_key().kid.hex());
    let arguments = [
        ["-nostdin", "-loglevel", "error", "-y"].as_slice(),
        &["-i", path(&from), "-map", "0", "-c", "copy"],
        &["-encryption_scheme", "cenc-aes-ctr"],
        &["-encryption_key", &key, "-encryption_kid", &kid, path(&to)],
    ];
    succeed(&tool(FFMPEG_8), &arguments.concat(), None);
    Seed::new("whole", source(&to).0)
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// Encrypted files that are decrypted with the key of the tests.
pub fn sealed() -> &'static [Seed] {
    static MADE: OnceLock<Vec<Seed>> = OnceLock::new();
    MADE.get_or_init(|| {
        let mut all = Vec::new();
        let movie = small(Layout::MoovFirst);
        for scheme in [Scheme::Cbcs, Scheme::Cenc, Scheme::Cens, Scheme::Cbc1] {
            let package = Package::make(&movie.source(), &options(Some(scheme))).unwrap();
            for index in package.indices() {
                let name = format!("{}-{index}", scheme.fourcc());
                all.push(Seed::new(name, package.joined(index)));
            }
        }
        let x264 = movies().iter().find(|seed| seed.name == "x264");
        all.push(sealed_whole(&Scratch::new(), x264.expect("it was made")));
        all
    })
}

/// Files of subtitles.
pub fn texts() -> Vec<Seed> {
    let webvtt = "WEBVTT\nLanguage: en\n\nNOTE a note\n\nSTYLE\n::cue { color: red }\n\nREGION\nid:a\n\n\
        1\n00:01.000 --> 00:02.500 line:0 align:start\n<v Ann>One &amp; two\n\n00:00:03.000 --> 01:00:04.000\n<i>Three</i>\n";
    let srt = "1\r\n00:00:01,000 --> 00:00:02,500\r\nOne <b>two</b>\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\n{\\an8}Three\r\n\r\n";
    vec![
        Seed::new("webvtt", webvtt.into()),
        Seed::new("srt", srt.into()),
    ]
}

/// The files of small packages.
pub fn packages() -> &'static [BTreeMap<String, Vec<u8>>] {
    static MADE: OnceLock<Vec<BTreeMap<String, Vec<u8>>>> = OnceLock::new();
    MADE.get_or_init(|| {
        let movies = [small(Layout::MoovFirst), subtitled()];
        let made = movies.iter().flat_map(|movie| {
            [None, Some(Scheme::Cbcs), Some(Scheme::Cenc)].map(|scheme| {
                let package = Package::make(&movie.source(), &options(scheme));
                package.expect("packages").files()
            })
        });
        made.collect()
    })
}

/// The body of the `stsd` of a package's first rendition.
fn sample_entries(package: &Package) -> Vec<u8> {
    let files = package.rendition(0);
    let boxes = top_level(files[0]);
    let moov = boxes.iter().find(|view| view.kind == b"moov").unwrap();
    let stsd = descend(moov, &[b"trak", b"mdia", b"minf", b"stbl", b"stsd"]);
    stsd.body.to_vec()
}

/// What the fuzzer of samples reads: a `stsd` and samples, each behind its length.
fn with_samples(package: &Package) -> Vec<u8> {
    let read = ReadRendition::read_joined(&package.joined(0));
    let mut bytes = Vec::new();
    let entries = sample_entries(package);
    let samples = read.samples().map(|sample| &sample.data);
    for part in [&entries].into_iter().chain(samples.take(4)) {
        bytes.extend((part.len() as u16).to_be_bytes());
        bytes.extend(part);
    }
    bytes
}

/// All seeds, by the name of the fuzzer.
fn all() -> BTreeMap<&'static str, Vec<Seed>> {
    let mut all: BTreeMap<&str, Vec<Seed>> = BTreeMap::new();
    for seed in movies().iter().chain(sealed()) {
        all.entry("boxes").or_default().push(seed.clone());
    }
    all.insert("movie", movies().to_vec());
    all.insert("decrypt", sealed().to_vec());
    all.insert("subtitles", texts());
    for movie in movies() {
        let source = MemorySource(movie.bytes.clone());
        let package = Package::make(&source, &options(None));
        let package = package.unwrap_or_else(|error| panic!("{}: {error}", movie.name));
        let entries = Seed::new(&movie.name, sample_entries(&package));
        all.entry("codec").or_default().push(entries);
        let samples = Seed::new(&movie.name, with_samples(&package));
        all.entry("samples").or_default().push(samples);
    }
    for (number, files) in packages().iter().enumerate() {
        for name in ["stream.mpd", "master.m3u8", "video/playlist.m3u8"] {
            let name_of_seed = format!("{number}-{}", name.replace('/', "-"));
            let seed = Seed::new(name_of_seed, files[name].clone());
            all.entry("manifests").or_default().push(seed);
        }
    }
    all
}

#[test]
fn seeds_are_packaged_and_opened() {
    for movie in movies() {
        assert!(
            movie.bytes.len() < 16_000,
            "{}: {}",
            movie.name,
            movie.bytes.len()
        );
    }
    for seed in sealed() {
        let sealed = MemorySource(seed.bytes.clone());
        let keys = [content_key()];
        let clear = packager::decrypted(&sealed, &keys).expect("opens");
        let package = Package::make(&clear, &options(None));
        package.unwrap_or_else(|error| panic!("{}: {error}", seed.name));
    }
    let all = all();
    if let Some(folder) = std::env::var_os("FUZZ_SEEDS") {
        for (fuzzer, seeds) in all {
            let folder = Path::new(&folder).join(fuzzer);
            std::fs::create_dir_all(&folder).expect("makes a folder");
            for seed in seeds {
                std::fs::write(folder.join(&seed.name), &seed.bytes).expect("writes a seed");
            }
        }
    }
}
