//! Thousands of broken files, always the same ones: nothing panics, and nothing takes long.

use crate::avc_writer::Random;
use crate::movie_builder::{
    Audio, Base, Fragments, Layout, TestEdit, TestMovie, Video, audio, video,
};
use crate::package::{Package, content_key, options};
use packager::{MemorySource, Scheme, Source};
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

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

fn bases() -> Vec<Vec<u8>> {
    let fragments = |base, decode_times| {
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
    };
    let layouts = [
        Layout::MoovFirst,
        Layout::MoovLast,
        Layout::Wide,
        fragments(Base::Moof, true),
        fragments(Base::Implicit, false),
        fragments(Base::Explicit, true),
    ];
    layouts.map(|layout| small(layout).bytes()).to_vec()
}

/// Numbers that readers get wrong.
const WORDS: [u32; 12] = [
    0,
    1,
    2,
    7,
    8,
    15,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
    0xffff_ffff,
    0x0001_0000,
    0x1000_0000,
];

/// Breaks a file in one to three places.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        if bytes.len() < 16 {
            return;
        }
        let at = random.below(bytes.len() as u64 - 8) as usize;
        match random.below(8) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 | 3 => {
                let word = WORDS[random.below(12) as usize];
                bytes[at..at + 4].copy_from_slice(&word.to_be_bytes());
            }
            // A field of a box: 4 bytes behind a type that is there.
            4 | 5 => {
                let types: [&[u8; 4]; 14] = [
                    b"stsz", b"stts", b"ctts", b"stsc", b"stco", b"co64", b"stss", b"elst",
                    b"trun", b"tfhd", b"tfdt", b"mdhd", b"avcC", b"esds",
                ];
                let kind = types[random.below(14) as usize];
                let places: Vec<usize> = bytes
                    .windows(4)
                    .enumerate()
                    .filter(|(_, four)| four == kind)
                    .map(|(place, _)| place)
                    .collect();
                if let Some(place) = places.get(random.below(places.len() as u64) as usize) {
                    let at = (place + 4 * random.below(6) as usize).saturating_sub(4);
                    let word = WORDS[random.below(12) as usize].to_be_bytes();
                    let end = (at + 4).min(bytes.len());
                    bytes[at..end].copy_from_slice(&word[..end - at]);
                }
            }
            6 => bytes.truncate(at),
            _ => {
                let length = random.below(40) as usize;
                let end = (at + length).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
}

/// Runs `work` on mutants; a panic or a slow one names its number.
fn survive(
    count: u64,
    bases: &[Vec<u8>],
    work: impl Fn(Vec<u8>) -> bool + std::panic::RefUnwindSafe,
) -> u64 {
    let mut accepted = 0;
    for number in 0..count {
        let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut bytes = bases[(number % bases.len() as u64) as usize].clone();
        random.next();
        mutate(&mut bytes, &mut random);
        let started = Instant::now();
        match catch_unwind(|| work(bytes)) {
            Ok(good) => accepted += u64::from(good),
            Err(_) => panic!("mutant {number} panicked: see above"),
        }
        let time = started.elapsed();
        assert!(
            time < Duration::from_secs(5),
            "mutant {number} took {time:?}"
        );
    }
    accepted
}

#[test]
fn probe_plan_and_render_survive_two_thousand_mutants() {
    let schemes = [None, Some(Scheme::Cbcs), Some(Scheme::Cenc)];
    let accepted = survive(2400, &bases(), |bytes| {
        let scheme = schemes[bytes.len() % 3];
        let source = MemorySource(bytes);
        // The tree is for people: it shows whatever is there.
        packager::tree(&source).expect("a tree of bytes in memory");
        Package::make(&source, &options(scheme)).is_ok()
    });
    // Mutants of media bytes stay sound; if none did, the test would test the first box only.
    assert!(accepted > 200, "{accepted} were packaged");
}

#[test]
fn decrypt_survives_two_thousand_mutants() {
    let mut bases = Vec::new();
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
        let movie = small(Layout::MoovFirst);
        let package = Package::make(&movie.source(), &options(Some(scheme))).unwrap();
        bases.push(package.joined(0));
        bases.push(package.joined(1));
    }
    let accepted = survive(2400, &bases, |bytes| {
        let source = MemorySource(bytes);
        let sources: [&dyn Source; 1] = [&source];
        packager::decrypt(&sources, &[content_key()], &mut std::io::sink()).is_ok()
    });
    assert!(accepted > 200, "{accepted} were decrypted");
}
