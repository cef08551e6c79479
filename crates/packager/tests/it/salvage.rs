//! Files that are cut short: what is whole of them is packaged when that is asked for.

use crate::conformance;
use crate::movie_builder::{Audio, Fragments, Layout, TestMovie, Video, audio, video};
use crate::package::{Package, content_key, options};
use crate::reader::ReadRendition;
use crate::tools::media_source;
use packager::{MemorySource, ProbeOptions, Scheme, Source, decrypted, probe, probe_with};

const SALVAGE: ProbeOptions = ProbeOptions { salvage: true };

fn package(source: &dyn Source) -> Result<Package, packager::Error> {
    let movie = probe_with(source, &SALVAGE)?;
    Package::of(&[movie], &[source], &options(Some(Scheme::Cbcs)))
}

/// A movie of 10 s with groups of pictures of 1 s.
fn movie(layout: Layout) -> TestMovie {
    let picture = Video {
        gops: vec![30],
        ..Video::default()
    };
    TestMovie::new(vec![video(1, &picture), audio(2, &Audio::default())]).with_layout(layout)
}

/// How many pictures and sounds a package has; they are the first ones of the movie.
fn counts(package: &Package, movie: &TestMovie) -> (usize, usize) {
    conformance::check(package);
    let mut counts = [0, 0];
    for index in package.indices() {
        let rendition = &package.plan.renditions()[index as usize];
        let track = rendition.track_id as usize - 1;
        let read = ReadRendition::read_joined(&package.decrypted(index));
        for (found, expect) in read.samples().zip(&movie.tracks[track].samples) {
            assert!(found.data == expect.data, "a sample of {}", rendition.name);
            counts[track] += 1;
        }
    }
    (counts[0], counts[1])
}

/// Pictures and sounds that lie whole in the first `length` bytes, counted from the first one.
fn whole(movie: &TestMovie, bytes: &[u8], length: usize) -> (usize, usize) {
    let counts = [0, 1].map(|track| {
        let mut count = 0;
        let mut from = 0;
        for sample in &movie.tracks[track].samples {
            let mut windows = bytes[from..].windows(sample.data.len());
            let at = windows.position(|part| part == sample.data.as_slice());
            // Samples of a track follow one another in the file.
            from += at.expect("the sample is in the file") + sample.data.len();
            if from > length {
                break;
            }
            count += 1;
        }
        count
    });
    (counts[0], counts[1])
}

/// A place in the media: `at`, or behind the `moof` that it is in.
fn into_media(bytes: &[u8], at: usize) -> usize {
    let before = bytes[..at]
        .windows(4)
        .rposition(|four| four == b"moof" || four == b"mdat");
    match before {
        Some(kind) if &bytes[kind..kind + 4] == b"moof" => {
            let size = bytes[kind - 4..kind]
                .first_chunk()
                .map(|size| u32::from_be_bytes(*size));
            kind + size.unwrap() as usize + 100
        }
        _ => at,
    }
}

fn check(layout: Layout) {
    let movie = movie(layout);
    let bytes = movie.bytes();
    // The first cut is behind some seconds, the others come closer to the end.
    for part in 0..10 {
        let length = into_media(&bytes, bytes.len() * (60 + part * 4) / 100 + part);
        let cut = MemorySource(bytes[..length].to_vec());
        let refused = probe(&cut).unwrap_err().to_string();
        assert!(refused.contains("cut short"), "{refused}");
        let package = package(&cut).expect("salvages");
        let (pictures, sounds) = counts(&package, &movie);
        let (whole_pictures, whole_sounds) = whole(&movie, &bytes, length);
        // Sound of a second takes 46.875 frames, and one frame of priming is before.
        let groups = (whole_pictures / 30).min((whole_sounds - 1) * 1024 / 48_000);
        let what = format!("{layout:?}, cut at {length} of {}", bytes.len());
        assert!(groups > 0, "{what}");
        assert_eq!(pictures, groups * 30, "{what}");
        assert_eq!(sounds, (groups * 48_000).div_ceil(1024) + 1, "{what}");
        let warnings = package.plan.warnings();
        assert_eq!(warnings.len(), 1, "{warnings:?}");
        let expect = format!("ends with the last whole segment, at {groups}.000 s");
        assert!(warnings[0].0.contains(&expect), "{}", warnings[0].0);
    }
    let whole = package(&MemorySource(bytes)).expect("packages");
    assert!(whole.plan.warnings().is_empty(), "nothing is cut");
    assert_eq!(counts(&whole, &movie), (300, 470));
}

#[test]
fn salvage_takes_whole_groups_of_a_file_with_its_index_in_front() {
    check(Layout::MoovFirst);
}

#[test]
fn salvage_takes_whole_groups_of_fragments() {
    check(Layout::Fragmented(Fragments::default()));
    check(Layout::Fragmented(Fragments {
        milliseconds: 1000,
        runs: 2,
        ..Fragments::default()
    }));
}

#[test]
fn salvage_takes_every_fragment_that_is_whole() {
    let movie = movie(Layout::Fragmented(Fragments {
        milliseconds: 1000,
        ..Fragments::default()
    }));
    let bytes = movie.bytes();
    let moofs: Vec<usize> = bytes
        .windows(4)
        .enumerate()
        .filter(|(_, four)| four == b"moof")
        .map(|(at, _)| at - 4)
        .collect();
    for into in [1, 4, 8, 9, 30] {
        let cut = MemorySource(bytes[..moofs[5] + into].to_vec());
        let package = package(&cut).expect("salvages");
        assert_eq!(
            counts(&package, &movie).0,
            150,
            "{into} bytes into a 'moof'"
        );
        assert_eq!(package.plan.warnings().len(), 1);
    }
}

#[test]
fn salvage_takes_pictures_of_a_group_that_is_not_whole_when_there_is_no_other() {
    let movie = movie(Layout::MoovFirst);
    let bytes = movie.bytes();
    let media = bytes.windows(4).position(|four| four == b"mdat").unwrap() + 4;
    let cut = MemorySource(bytes[..media + 3000].to_vec());
    let (pictures, sounds) = counts(&package(&cut).expect("salvages"), &movie);
    assert!(
        (1..30).contains(&pictures) && sounds > 0,
        "{pictures}, {sounds}"
    );
    let cut = MemorySource(bytes[..media + 10].to_vec());
    let refused = package(&cut).map(|_| ()).unwrap_err().to_string();
    assert!(refused.contains("nothing can be salvaged"), "{refused}");
}

#[test]
fn salvage_needs_an_index() {
    for layout in [Layout::MoovLast, Layout::Wide] {
        let bytes = movie(layout).bytes();
        let cut = MemorySource(bytes[..bytes.len() / 2].to_vec());
        let refused = package(&cut).map(|_| ()).unwrap_err().to_string();
        assert!(
            refused.contains("nothing can be salvaged without it"),
            "{refused}"
        );
    }
}

#[test]
fn salvage_takes_encrypted_files() {
    let whole = movie(Layout::MoovFirst);
    let sealed = Package::make(&whole.source(), &options(Some(Scheme::Cenc))).unwrap();
    let bytes = sealed.joined(0);
    let cut = MemorySource(bytes[..bytes.len() * 3 / 4].to_vec());
    let keys = [content_key()];
    let clear = decrypted(&cut, &keys).expect("opens");
    let (pictures, _) = counts(&package(&clear).expect("salvages"), &whole);
    assert!(pictures >= 120 && pictures % 30 == 0, "{pictures} pictures");
}

#[test]
fn salvage_takes_a_real_file() {
    let mut cut = media_source("clip-faststart.mp4");
    cut.0.truncate(cut.0.len() / 2);
    let package = package(&cut).expect("salvages");
    conformance::check(&package);
    assert!(!package.plan.warnings().is_empty());
    let read = ReadRendition::read_joined(&package.decrypted(0));
    let pictures = read.samples().count();
    assert!(
        pictures >= 60 && pictures.is_multiple_of(60),
        "{pictures} pictures"
    );
}
