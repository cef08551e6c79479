//! Hundreds of broken packages, always the same ones: nothing panics, and nothing takes long.

use super::built::{on_demand, with_iframes, with_subtitles};
use super::{Files, verify_all};
use crate::avc_writer::Random;
use crate::movie_builder::{Audio, TestMovie, Video, audio, video};
use crate::package::{Package, options};
use packager::{Depth, MemorySource, Scheme, Source};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Packages of a few samples, and the source.
fn bases() -> (Vec<Files>, MemorySource) {
    let picture = Video {
        frames: 300,
        gops: vec![60],
        slices: 2,
        bytes: (10, 40),
        ..Video::default()
    };
    let sound = Audio {
        frames: 100,
        ..Audio::default()
    };
    let movie = TestMovie::new(vec![video(1, &picture), audio(2, &sound)]);
    let source = movie.source();
    let make = |scheme| Package::make(&source, &options(scheme)).expect("packages");
    let (cbcs, cenc, clear) = (
        make(Some(Scheme::Cbcs)),
        make(Some(Scheme::Cenc)),
        make(None),
    );
    let files = vec![
        with_iframes(&cbcs),
        Files(cenc.files()),
        with_subtitles(&clear),
        on_demand(&clear),
    ];
    (files, source)
}

/// Numbers that readers get wrong.
const WORDS: [u32; 8] = [
    0,
    1,
    7,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff0,
    0xffff_ffff,
    0x0100_0000,
];

/// Numbers and signs that readers of text get wrong.
const TEXTS: [&str; 10] = [
    "-1",
    "0",
    "18446744073709551615",
    "99999999999999999999",
    "\"",
    "<",
    "$Number%99999d$",
    "PT1e99S",
    "\u{0}",
    "../",
];

fn mutate(files: &mut Files, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let count = files.0.len() as u64;
        let (path, bytes) = files
            .0
            .iter_mut()
            .nth(random.below(count) as usize)
            .expect("a file");
        if bytes.len() < 16 {
            continue;
        }
        let at = random.below(bytes.len() as u64 - 8) as usize;
        let is_text = !path.ends_with(".mp4") && !path.ends_with(".m4s");
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 | 2 if is_text => {
                // In the place of a number: digits are where it hurts.
                let digit = bytes[at..]
                    .iter()
                    .position(u8::is_ascii_digit)
                    .map_or(at, |found| at + found);
                let text = TEXTS[random.below(TEXTS.len() as u64) as usize];
                bytes.splice(digit..digit + 1, text.bytes());
            }
            1..=3 => {
                // Sizes, counts and flags are in the boxes, at the front.
                let at = at.min(random.below(600) as usize);
                let word = WORDS[random.below(8) as usize].to_be_bytes();
                bytes[at..at + 4].copy_from_slice(&word);
            }
            4 => bytes.truncate(at),
            _ => {
                let end = (at + random.below(40) as usize).min(bytes.len());
                let part = bytes[at..end].to_vec();
                bytes.splice(at..at, part);
            }
        }
    }
}

#[test]
fn verify_survives_hundreds_of_broken_packages() {
    let (bases, source) = bases();
    let depths = [Depth::Full, Depth::Sample, Depth::Quick];
    let mut reports = 0;
    for number in 0..600_u64 {
        let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        let mut files = Files(bases[(number % bases.len() as u64) as usize].0.clone());
        mutate(&mut files, &mut random);
        let started = Instant::now();
        let sources: [&dyn Source; 1] = [&source];
        let depth = depths[(number % 3) as usize];
        let work = AssertUnwindSafe(|| verify_all(&files, &sources, depth).is_ok());
        match catch_unwind(work) {
            Ok(good) => reports += u64::from(good),
            Err(_) => panic!("mutant {number} panicked: see above"),
        }
        let time = started.elapsed();
        assert!(
            time < Duration::from_secs(5),
            "mutant {number} took {time:?}"
        );
    }
    // The others are no manifests any more.
    assert!(reports > 300, "{reports} had a report");
}
