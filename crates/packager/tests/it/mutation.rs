//! Thousands of broken files, always the same ones: nothing panics, and nothing takes long.

use crate::avc_writer::Random;
use crate::movie_builder::TestMovie;
use crate::package::{Package, content_key, options};
use crate::seeds::{Seed, movies, packages, sealed, texts};
use crate::tools::cpu_time;
use crate::verify::Files;
use packager::{
    Depth, FileLayout, MemorySource, Options, ProbeOptions, Scheme, Source, VerifyOptions,
    decrypted, probe_with,
};
use std::panic::catch_unwind;
use std::time::Duration;

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

/// Boxes whose fields are of interest.
const TYPES: [&[u8; 4]; 28] = [
    b"stsz", b"stts", b"ctts", b"stsc", b"stco", b"co64", b"stss", b"elst", b"trun", b"tfhd",
    b"tfdt", b"mdhd", b"avcC", b"esds", b"hvcC", b"av1C", b"vpcC", b"dOps", b"dfLa", b"dac3",
    b"alac", b"senc", b"saiz", b"saio", b"tenc", b"stsd", b"vttC", b"stpp",
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
            4 | 5 => mutate_field(bytes, random),
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

/// Breaks a field of a box: 4 bytes behind a type that is there, or one byte of the first sixty.
fn mutate_field(bytes: &mut [u8], random: &mut Random) {
    let places: Vec<usize> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, four)| TYPES.iter().any(|kind| *kind == four))
        .map(|(place, _)| place)
        .collect();
    let Some(place) = places.get(random.below(places.len().max(1) as u64) as usize) else {
        return;
    };
    if random.below(2) == 0 {
        let at = place + 4 + random.below(60) as usize;
        if let Some(byte) = bytes.get_mut(at) {
            *byte = random.next() as u8;
        }
        return;
    }
    let at = (place + 4 * random.below(6) as usize).saturating_sub(4);
    let word = WORDS[random.below(12) as usize].to_be_bytes();
    let end = (at + 4).min(bytes.len());
    if let Some(field) = bytes.get_mut(at..end) {
        field.copy_from_slice(&word[..end - at]);
    }
}

/// Runs `work` on mutants; a panic or a slow one names its number. Gives how many were good.
fn survive(
    count: u64,
    bases: &[Seed],
    work: impl Fn(Vec<u8>) -> bool + std::panic::RefUnwindSafe,
) -> u64 {
    let mut accepted = 0;
    for number in 0..count {
        let mut random = Random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let base = &bases[(number % bases.len() as u64) as usize];
        let mut bytes = base.bytes.clone();
        random.next();
        mutate(&mut bytes, &mut random);
        let started = cpu_time();
        match catch_unwind(|| work(bytes)) {
            Ok(good) => accepted += u64::from(good),
            Err(_) => panic!("mutant {number} of {} panicked: see above", base.name),
        }
        let time = cpu_time() - started;
        assert!(
            time < Duration::from_secs(5),
            "mutant {number} of {} took {time:?}",
            base.name
        );
    }
    accepted
}

/// Probes, plans and renders; what is cut short is salvaged. What comes of it passes the checks before publishing.
fn package_checked(source: &dyn Source, options: &Options) -> Result<Package, packager::Error> {
    let movie = probe_with(source, &ProbeOptions { salvage: true })?;
    let package = Package::of(&[movie], &[source], options)?;
    let files = Files(package.files());
    let report = package.plan.verify(&files, &[source], Depth::Sample)?;
    let failures: Vec<_> = report.failures().collect();
    assert!(failures.is_empty(), "{failures:#?}");
    Ok(package)
}

/// Probes, plans and renders; what is cut short is salvaged.
fn package(source: &dyn Source, scheme: Option<Scheme>) -> Result<Package, packager::Error> {
    let movie = probe_with(source, &ProbeOptions { salvage: true })?;
    Package::of(&[movie], &[source], &options(scheme))
}

const SCHEMES: [Option<Scheme>; 5] = [
    None,
    Some(Scheme::Cbcs),
    Some(Scheme::Cenc),
    Some(Scheme::Cens),
    Some(Scheme::Cbc1),
];

#[test]
fn mutants_of_movies_are_refused_or_become_packages_without_a_fault() {
    let mutants = match std::env::var_os("REELPACK_TORTURE") {
        Some(_) => 40_000,
        None => 6_000,
    };
    let accepted = survive(mutants, movies(), |bytes| {
        let mut options = options(SCHEMES[bytes.len() % SCHEMES.len()]);
        options.layout = match bytes.len() / SCHEMES.len() % 2 {
            0 => FileLayout::Segments,
            _ => FileLayout::SingleFile,
        };
        let source = MemorySource(bytes);
        // The tree is for people: it shows whatever is there.
        packager::tree(&source).expect("a tree of bytes in memory");
        package_checked(&source, &options).is_ok()
    });
    // Mutants of media bytes stay sound; if none did, the test would test the first box only.
    assert!(accepted > mutants / 10, "{accepted} were packaged");
}

#[test]
fn decrypt_survives_three_thousand_mutants() {
    let accepted = survive(3000, sealed(), |bytes| {
        let source = MemorySource(bytes);
        let keys = [content_key()];
        let written = packager::decrypt(&[&source], &keys, &mut std::io::sink());
        packager::tree(&source).expect("a tree of bytes in memory");
        let seen = decrypted(&source, &keys).map(|clear| package(&clear, None).is_ok());
        written.is_ok() && seen.is_ok()
    });
    assert!(accepted > 300, "{accepted} were decrypted");
}

#[test]
fn subtitles_survive_a_thousand_mutants() {
    // Subtitles need something to go with.
    let picture = TestMovie::ordinary().source();
    let accepted = survive(1000, &texts(), |bytes| {
        let text = MemorySource(bytes);
        Package::of_all(&[&picture, &text], &options(None)).is_ok()
    });
    assert!(accepted > 100, "{accepted} were packaged");
}

#[test]
fn verify_survives_a_thousand_mutants() {
    let packages = packages();
    let whole = Seed {
        name: "a package".into(),
        bytes: Vec::new(),
    };
    let numbers = std::sync::atomic::AtomicU64::new(0);
    let passed = survive(1000, &[whole], |_| {
        let number = numbers.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut random = Random(number.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1);
        random.next();
        let mut files = Files(packages[(number % packages.len() as u64) as usize].clone());
        let chosen = random.below(files.0.len() as u64) as usize;
        if let Some(bytes) = files.0.values_mut().nth(chosen) {
            mutate(bytes, &mut random);
        }
        let keys = [content_key()];
        let options = VerifyOptions {
            keys: &keys,
            depth: Depth::Full,
            ..VerifyOptions::default()
        };
        let report = packager::verify(&files, &["stream.mpd", "master.m3u8"], &options);
        report.is_ok_and(|report| report.failures().next().is_none())
    });
    assert!(passed < 1000, "nothing was found wrong");
}
