//! Clear leads, crypto periods and labels of keys, seen by the engine and by other people's readers.

use crate::avc_writer::Sps;
use crate::ffmpeg::{Input, Reading, Unit, assert_same};
use crate::movie_builder::{Audio, TestMovie, Video, audio, video};
use crate::package::{Package, content_key, decrypt_with, numbered_key, options};
use crate::reader::ReadRendition;
use crate::shaka::opened_by_shaka;
use crate::tools::{
    FFMPEG_5, FFMPEG_8, SHAKA_PACKAGER, Scratch, media, media_source, succeed, tool,
};
use crate::{conformance, faithful};
use packager::{ContentKey, KeyId, LabelledKey, Options, Scheme};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

const SCHEMES: [Scheme; 4] = [Scheme::Cbcs, Scheme::Cenc, Scheme::Cens, Scheme::Cbc1];

fn labelled(label: Option<&str>, number: u8) -> LabelledKey {
    LabelledKey {
        label: label.map(|label| label.parse().expect("a label")),
        key: numbered_key(number),
    }
}

/// Segments of 2 s, with a clear lead, and with keys that change if there is a period.
fn with_times(scheme: Scheme, lead_ms: u64, period_ms: Option<u64>, keys: u8) -> Options {
    Options {
        segment_duration: Duration::from_secs(2),
        clear_lead: Duration::from_millis(lead_ms),
        crypto_period: period_ms.map(Duration::from_millis),
        content_keys: (0..keys).map(|number| labelled(None, number)).collect(),
        ..options(Some(scheme))
    }
}

fn refusal(movie: &TestMovie, options: &Options) -> String {
    let refused = Package::make(&movie.source(), options).map(|_| ());
    refused.expect_err("it is refused").to_string()
}

/// KIDs of the segments of a rendition, by the numbers of the tests' keys.
fn numbers(package: &Package, index: u32) -> Vec<Option<u8>> {
    let read = ReadRendition::read(&package.rendition(index));
    let kids = read.segments.iter();
    kids.map(|segment| Some(segment.tenc(&read.init)?.kid[0] & 0x3f))
        .collect()
}

#[test]
fn encrypted_segments_take_the_keys_of_their_crypto_periods() {
    let movie = TestMovie::ordinary();
    for scheme in SCHEMES {
        for (lead, period, keys, expect) in [
            (1, None, 1, [None, Some(0), Some(0), Some(0), Some(0)]),
            (4000, None, 1, [None, None, Some(0), Some(0), Some(0)]),
            (4001, None, 1, [None, None, None, Some(0), Some(0)]),
            (
                0,
                Some(2000),
                5,
                [Some(0), Some(1), Some(2), Some(3), Some(4)],
            ),
            (
                0,
                Some(5000),
                2,
                [Some(0), Some(0), Some(0), Some(1), Some(1)],
            ),
            (3000, Some(3000), 2, [None, None, Some(0), Some(1), Some(1)]),
        ] {
            let options = with_times(scheme, lead, period, keys);
            let package = Package::make(&movie.source(), &options).expect("packages");
            let what = format!("{scheme:?} {lead} {period:?}");
            assert_eq!(numbers(&package, 0), expect, "{what}");
            assert_eq!(numbers(&package, 1), expect, "{what}: the sound");
            let movies = [packager::probe(&movie.source()).unwrap()];
            let due = packager::crypto_periods(&movies, &options).unwrap();
            assert_eq!(due, usize::from(keys), "{what}");
        }
    }
}

#[test]
fn encrypted_packages_with_leads_and_periods_are_whole() {
    let movie = TestMovie::ordinary();
    for scheme in SCHEMES {
        let options = with_times(scheme, 2500, Some(3000), 2);
        let package = Package::make(&movie.source(), &options).expect("packages");
        conformance::check(&package);
        faithful::check(&package, &movie);
    }
}

#[test]
fn plan_refuses_fewer_keys_than_crypto_periods() {
    let movie = TestMovie::ordinary();
    let text = refusal(&movie, &with_times(Scheme::Cbcs, 0, Some(4000), 2));
    assert!(text.contains("'video' has 3 crypto periods"), "{text}");
    assert!(text.contains("there are 2"), "{text}");
    let text = refusal(&movie, &with_times(Scheme::Cbcs, 0, Some(1000), 9));
    assert!(text.contains("shorter than a segment"), "{text}");
    let text = refusal(&movie, &with_times(Scheme::Cbcs, 0, None, 2));
    assert!(text.contains("take turns"), "{text}");
    let mut options = with_times(Scheme::Cbcs, 0, Some(5000), 2);
    options.content_keys[1].key.kid = options.content_keys[0].key.kid;
    let text = refusal(&movie, &options);
    assert!(text.contains("two keys of KID c0c0"), "{text}");
}

#[test]
fn plan_limits_crypto_periods() {
    let frames = Audio {
        frames: 6000,
        bytes: (1, 1),
        ..Audio::default()
    };
    let movie = TestMovie::new(vec![audio(1, &frames)]);
    let options = Options {
        segment_duration: Duration::from_millis(100),
        crypto_period: Some(Duration::from_millis(100)),
        ..with_times(Scheme::Cbcs, 0, None, 1)
    };
    let text = refusal(&movie, &options);
    assert!(text.contains("crypto periods, more than 1000"), "{text}");
}

#[test]
fn plan_tells_of_a_clear_lead_that_covers_all() {
    let movie = TestMovie::ordinary();
    let options = with_times(Scheme::Cenc, 60_000, None, 1);
    let package = Package::make(&movie.source(), &options).expect("packages");
    conformance::check(&package);
    let warnings = package.plan.warnings().iter();
    let told: Vec<_> = warnings
        .filter(|w| w.0.contains("nothing is encrypted"))
        .collect();
    assert_eq!(told.len(), 2, "{told:?}");
}

/// The frames or packets of a stream, by ffmpeg.
fn units(ffmpeg: &str, input: Input<'_>, stream: &str, key: bool) -> Vec<Unit> {
    Reading {
        ffmpeg,
        input,
        stream,
        decode: true,
        key,
    }
    .units()
}

#[test]
fn decrypt_by_others_opens_a_clear_lead() {
    let scratch = Scratch::new();
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
        let options = Options {
            segment_duration: Duration::from_secs(2),
            clear_lead: Duration::from_secs(3),
            ..options(Some(scheme))
        };
        let package = Package::make(&media_source("clip.mp4"), &options).expect("packages");
        conformance::check(&package);
        for (index, kind) in [(0, "video"), (1, "audio")] {
            let stream = format!("0:{}", &kind[..1]);
            let source = |ffmpeg| units(ffmpeg, Input::File(&media("clip.mp4")), &stream, false);
            let what = |who: &str| format!("{who} {scheme:?} {kind}");
            let sealed = scratch.file("sealed.mp4", &package.joined(index));
            let expect = source(FFMPEG_8);
            let found = units(FFMPEG_8, Input::File(&sealed), &stream, true);
            assert_same(&found, &expect, &what(FFMPEG_8));
            let open = opened_by_shaka(&scratch, &sealed, kind);
            let found = units(FFMPEG_8, Input::File(&open), &stream, false);
            assert_same(&found, &expect, &what(SHAKA_PACKAGER));
            let open = scratch.file("ours.mp4", &package.decrypted(index));
            let found = units(FFMPEG_8, Input::File(&open), &stream, false);
            assert_same(&found, &expect, &what("reelpack"));
            // Debian's ffmpeg restarts its decoder of sound where the entry changes, and a few frames differ.
            if kind == "video" {
                let found = units(FFMPEG_5, Input::Pipe(&package.joined(index)), &stream, true);
                assert_same(&found, &source(FFMPEG_5), &what(FFMPEG_5));
            }
        }
    }
}

/// Shaka Packager's own packaging of a stream, with a clear lead and keys that change: files one behind the other.
fn rotated_by_shaka(scratch: &Scratch, input: &Path, kind: &str, scheme: Scheme) -> Vec<u8> {
    let path = |name: &str| scratch.path(name).display().to_string();
    let stream = format!(
        "in={},stream={kind},init_segment={},segment_template={}",
        input.display(),
        path("init.mp4"),
        path("part-$Number$.m4s")
    );
    let key = content_key();
    let value: String = key.value.iter().map(|byte| format!("{byte:02x}")).collect();
    let keys = format!("label=:key_id={}:key={value}", key.kid.hex());
    let arguments = [
        stream.as_str(),
        "--quiet",
        "--segment_duration",
        "2",
        "--enable_raw_key_encryption",
        "--protection_scheme",
        scheme.fourcc(),
        "--clear_lead",
        "3",
        "--crypto_period_duration",
        "4",
        "--protection_systems",
        "CommonSystem",
        "--keys",
        &keys,
    ];
    succeed(&tool(SHAKA_PACKAGER), &arguments, None);
    let mut bytes = std::fs::read(path("init.mp4")).expect("its init segment");
    for number in 1.. {
        match std::fs::read(path(&format!("part-{number}.m4s"))) {
            Ok(segment) => bytes.extend(segment),
            Err(_) => return bytes,
        }
    }
    bytes
}

/// The keys that Shaka Packager makes of one for tests: its bytes and those of its KID, turned round.
fn turned(key: &ContentKey, by: usize) -> ContentKey {
    let turn = |bytes: &[u8; 16]| {
        let mut bytes = *bytes;
        bytes.rotate_left(by);
        bytes
    };
    ContentKey {
        kid: KeyId(turn(&key.kid.0)),
        value: turn(&key.value),
    }
}

#[test]
fn decrypt_opens_clear_leads_and_changing_keys_of_shaka_packager() {
    let scratch = Scratch::new();
    let keys: Vec<ContentKey> = (0..16).map(|by| turned(&content_key(), by)).collect();
    for scheme in SCHEMES {
        for kind in ["video", "audio"] {
            let sealed = rotated_by_shaka(&scratch, &media("clip.mp4"), kind, scheme);
            let what = format!("{scheme:?} {kind}");
            assert!(sealed.windows(4).any(|four| four == b"seig"), "{what}");
            let error = decrypt_with(&[&sealed], &keys[..1]).expect_err("a key is missing");
            let missing = keys[1..]
                .iter()
                .any(|key| error.to_string().contains(&key.kid.hex()));
            assert!(missing, "{what}: {error}");
            let open = scratch.file("open.mp4", &decrypt_with(&[&sealed], &keys).unwrap());
            let stream = format!("0:{}", &kind[..1]);
            let expect = units(FFMPEG_8, Input::File(&media("clip.mp4")), &stream, false);
            let found = units(FFMPEG_8, Input::File(&open), &stream, false);
            assert_same(&found, &expect, &what);
        }
    }
}

/// A picture of so many pixels.
fn picture(id: u32, size: (u32, u32), seed: u64) -> crate::movie_builder::TestTrack {
    let spec = Video {
        seed,
        bytes: (20, 60),
        sps: Sps {
            width_in_macroblocks: size.0 / 16,
            height_in_map_units: size.1 / 16,
            ..Sps::default()
        },
        ..Video::default()
    };
    let mut track = video(id, &spec);
    track.size = size;
    // The entry's own size, behind its header and 24 bytes.
    track.entry[32..34].copy_from_slice(&(size.0 as u16).to_be_bytes());
    track.entry[34..36].copy_from_slice(&(size.1 as u16).to_be_bytes());
    track
}

/// A small and a large picture, and a sound.
fn ladder() -> TestMovie {
    TestMovie::new(vec![
        picture(1, (1280, 768), 5),
        picture(2, (640, 384), 6),
        audio(3, &Audio::default()),
    ])
}

fn with_labels(scheme: Scheme, labels: &[Option<&str>]) -> Options {
    let labels = labels.iter().zip(0..);
    Options {
        content_keys: labels
            .map(|(label, number)| labelled(*label, number))
            .collect(),
        ..options(Some(scheme))
    }
}

#[test]
fn plan_picks_keys_by_label_and_sets_apart_what_differs() {
    let movie = ladder();
    for (labels, expect) in [
        (&[Some("hd"), Some("sd"), Some("audio")][..], [0, 1, 2]),
        (&[Some("video-384p"), None][..], [1, 0, 1]),
        // Nothing takes the key of `sd`, which is no fault: labels may be for many assets.
        (&[Some("sd"), Some("video-384p"), None][..], [2, 1, 2]),
        (&[None][..], [0, 0, 0]),
    ] {
        let options = with_labels(Scheme::Cbcs, labels);
        let package = Package::make(&movie.source(), &options);
        let package = package.unwrap_or_else(|error| panic!("{labels:?}: {error}"));
        conformance::check(&package);
        let found: Vec<_> = package
            .indices()
            .map(|index| numbers(&package, index)[0])
            .collect();
        assert_eq!(found, expect.map(Some), "{labels:?}");
        let sets: Vec<u32> = package
            .plan
            .renditions()
            .iter()
            .map(|one| one.set)
            .collect();
        assert_eq!(
            sets[0] == sets[1],
            expect[0] == expect[1],
            "{labels:?}: {sets:?}"
        );
        // Check 33: with the key of one, the others stay shut.
        for index in package.indices() {
            let files = package.rendition(index);
            for number in 0..labels.len() as u8 {
                let opened = decrypt_with(&files, &[numbered_key(number)]);
                if number == expect[index as usize] {
                    assert!(opened.is_ok(), "{labels:?} {index}");
                    continue;
                }
                let text = opened.expect_err("it stays shut").to_string();
                let kid = numbered_key(expect[index as usize]).kid.hex();
                assert!(text.contains(&kid), "{labels:?} {index}: {text}");
            }
        }
    }
}

#[test]
fn plan_names_the_rendition_without_a_key() {
    let movie = ladder();
    let text = refusal(
        &movie,
        &with_labels(Scheme::Cenc, &[Some("hd"), Some("audio")]),
    );
    let right = text.contains("no content key for 'video-384p'") && text.contains("label 'sd'");
    assert!(right, "{text}");
    let text = refusal(
        &movie,
        &with_labels(Scheme::Cenc, &[None, Some("video-361p")]),
    );
    assert!(
        text.contains("'video-361p', and no such rendition"),
        "{text}"
    );
}

/// Every counter block that a package uses, by key: of each sample its IV and its number of blocks.
fn counters(package: &Package) -> Vec<([u8; 16], u128, u128)> {
    let mut ranges = Vec::new();
    for index in package.indices() {
        let read = ReadRendition::read(&package.rendition(index));
        for segment in &read.segments {
            let Some(tenc) = segment.tenc(&read.init) else {
                continue;
            };
            for sample in &segment.samples {
                let parts = &sample.auxiliary.subsamples;
                let bytes: usize = match parts.is_empty() {
                    true => sample.data.len(),
                    false => parts.iter().map(|part| part.protected as usize).sum(),
                };
                let mut block = [0; 16];
                block[..8].copy_from_slice(&sample.auxiliary.iv);
                let first = u128::from_be_bytes(block);
                ranges.push((tenc.kid, first, first + bytes.div_ceil(16) as u128));
            }
        }
    }
    ranges
}

/// Among packages of two assets, made again and again with the same keys, no counter block is used twice.
#[test]
fn encrypted_assets_of_one_key_share_no_key_stream() {
    let small = |seed| {
        let picture = Video {
            frames: 40,
            gops: vec![20],
            bytes: (20, 600),
            seed,
            ..Video::default()
        };
        let sound = Audio {
            frames: 60,
            seed,
            ..Audio::default()
        };
        let tracks = vec![video(1, &picture), audio(2, &sound), audio(3, &sound)];
        TestMovie::new(tracks).source()
    };
    let assets = [small(3), small(4)];
    let mut random = crate::avc_writer::Random(0x5eed);
    let mut ranges = Vec::new();
    for number in 0..60 {
        let scheme = [Scheme::Cenc, Scheme::Cens][number % 2];
        let iv_seed: Vec<u8> = random.bytes(16);
        let options = Options {
            iv_seed: iv_seed.try_into().expect("16 bytes"),
            segment_duration: Duration::from_millis(500),
            ..with_times(
                scheme,
                0,
                (number % 3 > 0).then_some(700),
                1 + (number as u8 % 3).min(1),
            )
        };
        let package = Package::make(&assets[number / 2 % 2], &options).expect("packages");
        ranges.extend(counters(&package));
    }
    assert_eq!(ranges.len(), 60 * (40 + 2 * 60));
    ranges.sort_unstable();
    for pair in ranges.windows(2) {
        let apart = pair[0].0 != pair[1].0 || pair[0].2 <= pair[1].1;
        assert!(apart, "{:?} and {:?} overlap", pair[0], pair[1]);
    }
}

/// Constant IVs of `cbcs` and first IVs of `cbc1` differ between renditions, periods and packagings.
#[test]
fn encrypted_renditions_and_periods_have_ivs_of_their_own() {
    let movie = TestMovie::ordinary();
    for scheme in [Scheme::Cbcs, Scheme::Cbc1] {
        let mut seen = BTreeSet::new();
        let mut count = 0;
        for seed in [[1; 16], [2; 16]] {
            let options = Options {
                iv_seed: seed,
                ..with_times(scheme, 0, Some(4000), 3)
            };
            let package = Package::make(&movie.source(), &options).expect("packages");
            for index in package.indices() {
                let read = ReadRendition::read(&package.rendition(index));
                let mut of_period = BTreeSet::new();
                for segment in &read.segments {
                    let tenc = segment.tenc(&read.init).expect("it is encrypted");
                    match &tenc.constant_iv {
                        Some(iv) => {
                            of_period.insert(iv.clone());
                        }
                        None => {
                            count += segment.samples.len();
                            let ivs = segment.samples.iter().map(|s| s.auxiliary.iv.clone());
                            seen.extend(ivs);
                        }
                    }
                }
                count += of_period.len();
                seen.extend(of_period);
            }
        }
        assert!(count >= 12, "{scheme:?}: {count}");
        assert_eq!(seen.len(), count, "{scheme:?}: an IV is used twice");
    }
}
