//! What holds for every package, whatever the input.

use crate::avc_writer::{Pps, Random, Sps};
use crate::movie_builder::{
    Audio, Base, Fragments, Layout, TestEdit, TestMovie, Video, audio, video,
};
use crate::package::{Package, options, render};
use crate::reader::ReadRendition;
use crate::{conformance, faithful};
use packager::{EncryptScope, FileLayout, ObjectId, Options, Scheme, SegmentBuffer, Source};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const SCHEMES: [Option<Scheme>; 3] = [None, Some(Scheme::Cbcs), Some(Scheme::Cenc)];

/// Packages a movie and runs everything that is known about packages.
fn check(movie: &TestMovie, options: &Options) -> Package {
    let package = Package::make(&movie.source(), options).expect("packages");
    conformance::check(&package);
    faithful::check(&package, movie);
    package
}

#[test]
fn plan_objects_render_alone_in_any_order_on_any_thread() {
    let movie = TestMovie::ordinary();
    let source = movie.source();
    for scheme in SCHEMES {
        let package = Package::make(&source, &options(scheme)).unwrap();
        // Backwards, a fresh buffer each.
        let mut objects = package.plan.objects();
        objects.reverse();
        for object in &objects {
            let mut buffer = SegmentBuffer::default();
            let (file, _) = render(&package.plan, *object, &[&source], &mut buffer).unwrap();
            assert_eq!(file, package.objects[object], "{object:?}");
        }
        // Shuffled over four threads, from one plan, buffers used again.
        let mut random = Random(99);
        objects.sort_by_key(|_| random.next());
        let rendered: BTreeMap<ObjectId, Vec<u8>> = std::thread::scope(|scope| {
            let threads: Vec<_> = objects
                .chunks(objects.len().div_ceil(4))
                .map(|part| {
                    let (plan, source) = (&package.plan, &source);
                    scope.spawn(move || {
                        let mut buffer = SegmentBuffer::default();
                        let mut files = Vec::new();
                        for object in part {
                            let rendered = render(plan, *object, &[source], &mut buffer);
                            files.push((*object, rendered.unwrap().0));
                        }
                        files
                    })
                })
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(rendered, package.objects);
        // A second probe and plan, too.
        let again = Package::make(&source, &options(scheme)).unwrap();
        assert_eq!(again.files(), package.files());
    }
}

#[test]
fn plan_weights_are_the_bytes_of_media() {
    let movie = TestMovie::ordinary();
    let package = Package::make(&movie.source(), &options(None)).unwrap();
    for (object, bytes) in &package.objects {
        let weight = package.plan.weight(*object) as usize;
        assert!(weight < bytes.len());
        let is_init = matches!(object.segment, 0 | ObjectId::KEY_PICTURES);
        assert_eq!(weight == 0, is_init);
    }
}

#[test]
fn decrypt_undoes_encrypt_and_equals_the_clear_package() {
    let movie = TestMovie::ordinary();
    let clear = Package::make(&movie.source(), &options(None)).unwrap();
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
        let sealed = Package::make(&movie.source(), &options(Some(scheme))).unwrap();
        for index in clear.indices() {
            let open = ReadRendition::read_joined(&sealed.decrypted(index));
            let plain = ReadRendition::read_joined(&clear.joined(index));
            assert_eq!(open.init.entry, plain.init.entry);
            assert!(open.init.pssh.is_empty());
            assert!(open.samples().eq(plain.samples()), "{scheme:?} {index}");
        }
    }
}

/// All IVs of a `cenc` package.
fn ivs(package: &Package) -> Vec<Vec<u8>> {
    let renditions = package.indices().map(|index| {
        let read = ReadRendition::read(&package.rendition(index));
        let samples = read.samples();
        samples
            .map(|sample| sample.auxiliary.iv.clone())
            .collect::<Vec<_>>()
    });
    renditions.flatten().collect()
}

#[test]
fn cenc_ivs_are_used_once_over_all_renditions_and_packagings() {
    let movie = TestMovie::new(vec![
        video(1, &Video::default()),
        audio(2, &Audio::default()),
        audio(3, &Audio::default()),
    ]);
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for seed in [
        *b"a seed of a test",
        *b"b seed of a test",
        [0; 16],
        [255; 16],
    ] {
        let options = Options {
            iv_seed: seed,
            ..options(Some(Scheme::Cenc))
        };
        let ivs = ivs(&Package::make(&movie.source(), &options).unwrap());
        assert_eq!(ivs.len(), 300 + 470 + 470);
        count += ivs.len();
        seen.extend(ivs);
    }
    // Each sample has at most 2^32 blocks, counted from 0 in the other half of the counter block.
    assert_eq!(seen.len(), count, "an IV is used twice");
}

#[test]
fn cenc_ivs_wrap_around_without_meeting() {
    // Twenty seeds: the first IV lies anywhere, and the order of renditions never makes ranges meet.
    let movie = TestMovie::ordinary();
    for seed in 0..20 {
        let options = Options {
            iv_seed: [seed; 16],
            ..options(Some(Scheme::Cenc))
        };
        let ivs = ivs(&Package::make(&movie.source(), &options).unwrap());
        let distinct: BTreeSet<_> = ivs.iter().collect();
        assert_eq!(distinct.len(), ivs.len());
    }
}

#[test]
fn cenc_keeps_iv_and_key_stream_apart_from_cbcs_ivs() {
    let movie = TestMovie::ordinary();
    let mut seen = BTreeSet::new();
    for seed in [[1; 16], [2; 16]] {
        let options = Options {
            iv_seed: seed,
            ..options(Some(Scheme::Cbcs))
        };
        let package = Package::make(&movie.source(), &options).unwrap();
        for index in package.indices() {
            let read = ReadRendition::read(&package.rendition(index));
            let iv = read.init.tenc().unwrap().constant_iv.clone().unwrap();
            assert!(seen.insert(iv.clone()), "a constant IV is used twice");
            assert_ne!(iv, seed, "the seed itself is no IV");
        }
    }
    assert_eq!(seen.len(), 4);
}

#[test]
fn fragment_forms_of_the_input_make_no_difference() {
    let movie = TestMovie::ordinary();
    let expect = check(&movie, &options(Some(Scheme::Cbcs)));
    for layout in [Layout::MoovLast, Layout::Wide] {
        let other = check(&movie.clone().with_layout(layout), &expect.options);
        assert_eq!(other.files(), expect.files(), "{layout:?}");
    }
    for base in [Base::Explicit, Base::Moof, Base::Implicit] {
        for (runs, follow_on) in [(1, false), (3, false), (3, true)] {
            for (decode_times, track_defaults) in [(true, false), (false, true)] {
                let fragments = Fragments {
                    milliseconds: 700,
                    runs,
                    decode_times,
                    base,
                    track_defaults,
                    index: decode_times,
                    shorten: 0,
                    follow_on,
                };
                let layout = Layout::Fragmented(fragments);
                let movie = movie.clone().with_layout(layout);
                let other = Package::make(&movie.source(), &expect.options).unwrap();
                faithful::check(&other, &movie);
                assert_eq!(other.files(), expect.files(), "{fragments:?}");
            }
        }
    }
}

#[test]
fn fragment_decode_times_count_when_durations_do_not_reach_them() {
    let movie = TestMovie::ordinary();
    let expect = check(&movie, &options(Some(Scheme::Cenc)));
    for shorten in [1, -1, 200] {
        let layout = Layout::Fragmented(Fragments {
            shorten,
            ..Fragments::default()
        });
        let other = check(&movie.clone().with_layout(layout), &expect.options);
        assert_eq!(other.files(), expect.files(), "{shorten}");
    }
}

#[test]
fn fragment_times_that_go_back_are_refused() {
    let layout = Layout::Fragmented(Fragments::default());
    let movie = TestMovie::ordinary().with_layout(layout);
    let mut bytes = movie.bytes();
    let last = bytes.windows(4).rposition(|four| four == b"tfdt").unwrap();
    bytes[last + 8..last + 16].fill(0);
    let result = Package::make(&packager::MemorySource(bytes), &options(None));
    let text = result.map(|_| ()).unwrap_err().to_string();
    assert!(text.contains("moof/traf[1]/trun at 0x"), "{text}");
    assert!(text.contains("does not follow"), "{text}");
}

#[test]
fn samples_of_every_kind_of_picture_survive() {
    for (nal_length_size, bytes) in [(1, (0, 60)), (2, (0, 900)), (4, (0, 3)), (4, (900, 5000))] {
        for (slices, cabac) in [(1, true), (3, false), (30, true)] {
            let picture = Video {
                frames: 24,
                gops: vec![12],
                nal_length_size,
                bytes,
                slices,
                sei: slices > 1,
                delimiters: !cabac,
                sets_in_band: nal_length_size > 1 && cabac,
                pps: Pps {
                    cabac,
                    ..Pps::default()
                },
                ..Video::default()
            };
            let movie = TestMovie::new(vec![video(1, &picture)]);
            for scheme in [Scheme::Cbcs, Scheme::Cenc] {
                check(&movie, &options(Some(scheme)));
            }
        }
    }
}

#[test]
fn samples_with_more_slices_than_subsamples_stay_whole() {
    let picture = Video {
        frames: 4,
        gops: vec![2],
        slices: 60,
        ..Video::default()
    };
    let movie = TestMovie::new(vec![video(1, &picture)]);
    for scheme in [Scheme::Cbcs, Scheme::Cenc] {
        let package = Package::make(&movie.source(), &options(Some(scheme))).unwrap();
        faithful::check(&package, &movie);
        let read = ReadRendition::read(&package.rendition(0));
        for sample in read.samples() {
            let parts = &sample.auxiliary.subsamples;
            // `saiz` counts bytes in 8 bits; most of the sample is protected all the same.
            assert!(parts.len() * 6 + 2 + sample.auxiliary.iv.len() <= 255);
            let protected: usize = parts.iter().map(|part| part.protected as usize).sum();
            assert!(protected * 2 > sample.data.len());
        }
    }
}

#[test]
fn fragment_times_hold_for_odd_clocks_and_lengths() {
    let variable = vec![512, 700, 300, 512, 1024];
    for (timescale, durations) in [
        (90_000, vec![3003]),
        (30_000, vec![1001]),
        (24_000, vec![1001]),
        (600, vec![20]),
        (1000, vec![33, 33, 34]),
        (15_360, variable),
        (10_000_000, vec![333_667]),
    ] {
        for b_frames in [false, true] {
            let picture = Video {
                timescale,
                durations: durations.clone(),
                b_frames,
                gops: vec![48, 30, 77, 13],
                frames: 400,
                bytes: (20, 60),
                ..Video::default()
            };
            let movie = TestMovie::new(vec![video(1, &picture), audio(2, &Audio::default())]);
            check(&movie, &options(Some(Scheme::Cenc)));
        }
    }
}

/// A movie that depends on a number only.
fn any_movie(number: u64) -> (TestMovie, Options) {
    let mut random = Random(number * 2 + 0x1234_5678_9abc_def1);
    let mut pick = |limit: u64| random.below(limit) as usize;
    let gops = (0..=pick(4)).map(|_| 1 + pick(90)).collect();
    let (timescale, duration) = [(90_000, 3000), (30_000, 1001), (12_800, 512)][pick(3)];
    let picture = Video {
        frames: 20 + pick(300),
        gops,
        b_frames: pick(2) == 0,
        open_gops: pick(3) == 0,
        negative_offsets: pick(3) == 0,
        timescale,
        durations: vec![duration],
        slices: 1 + pick(3),
        sei: pick(2) == 0,
        delimiters: pick(2) == 0,
        bytes: (pick(20) as u64, 20 + pick(200) as u64),
        sps: Sps {
            frame_num_bits: 4 + pick(9) as u32,
            poc_bits: 4 + pick(9) as u32,
            ..Sps::default()
        },
        seed: number + 1,
        ..Video::default()
    };
    let mut tracks = vec![video(1, &picture)];
    for id in 0..pick(3) as u32 {
        let rate = [48_000, 44_100, 22_050][pick(3)];
        let sound = Audio {
            frames: 20 + pick(400),
            rate,
            priming: [0, 1024, 2112][pick(3)],
            seed: number + 9 + u64::from(id),
            ..Audio::default()
        };
        let mut track = audio(2 + id, &sound);
        if pick(3) == 0 {
            track
                .edits
                .insert(0, TestEdit::gap(100 + pick(3000) as u64));
        }
        tracks.push(track);
    }
    let mut movie = TestMovie::new(tracks);
    movie.layout = match pick(5) {
        0 => Layout::MoovFirst,
        1 => Layout::MoovLast,
        2 => Layout::Wide,
        _ => Layout::Fragmented(Fragments {
            milliseconds: 300 + pick(3000) as u64,
            runs: 1 + pick(3),
            base: [Base::Explicit, Base::Moof, Base::Implicit][pick(3)],
            decode_times: pick(2) == 0,
            track_defaults: pick(2) == 0,
            index: pick(2) == 0,
            shorten: 0,
            follow_on: pick(2) == 0,
        }),
    };
    let options = Options {
        encrypt: [EncryptScope::All, EncryptScope::Video][pick(2)],
        segment_duration: Duration::from_millis(500 + pick(6000) as u64),
        layout: [FileLayout::Segments, FileLayout::SingleFile][(number % 2) as usize],
        ..options(SCHEMES[pick(3)])
    };
    (movie, options)
}

#[test]
fn samples_and_times_hold_for_a_hundred_movies() {
    for number in 0..100 {
        let (movie, options) = any_movie(number);
        let source = movie.source();
        assert!(!source.is_empty());
        let result = std::panic::catch_unwind(|| {
            check(&movie, &options);
        });
        if result.is_err() {
            panic!("movie {number}: see above");
        }
    }
}
