//! What a probe says about a file, and how it refuses one.

use crate::movie_builder::{
    Audio, Fragments, Layout, NORMAL_RATE, Protected, TestEdit, TestMovie, Video, audio, other,
    video,
};
use crate::package::{Package, options};
use crate::reader::top_level;
use packager::{Error, MemorySource, Packageable, TrackKind, probe};

/// Why the packaging of a movie is refused.
fn refusal(movie: &TestMovie) -> Error {
    let result = Package::make(&movie.source(), &options(None));
    result.map(|_| ()).expect_err("a refusal")
}

#[test]
fn probe_describes_tracks() {
    let english = Audio {
        language: *b"eng",
        rate: 44_100,
        channels: 1,
        frames: 431,
        ..Audio::default()
    };
    let mut movie = TestMovie::ordinary();
    movie.tracks.push(audio(3, &english));
    movie.tracks.push(other(7, *b"text", b"tx3g"));
    for layout in [
        Layout::MoovFirst,
        Layout::MoovLast,
        Layout::Wide,
        Layout::Fragmented(Fragments::default()),
    ] {
        let movie = movie.clone().with_layout(layout);
        let found = probe(&movie.source()).unwrap();
        let fragmented = matches!(layout, Layout::Fragmented(_));
        assert_eq!(
            (found.brand.as_str(), found.fragmented),
            ("isom", fragmented)
        );
        assert_eq!(found.size, movie.bytes().len() as u64);
        assert!(
            (found.duration_seconds - 10.007).abs() < 0.02,
            "{}",
            found.duration_seconds
        );
        let [picture, sound, second, text] = found.tracks.as_slice() else {
            panic!("{} tracks", found.tracks.len());
        };
        assert_eq!((picture.id, picture.kind), (1, TrackKind::Video));
        assert_eq!(picture.codec.rfc6381, "avc1.64001f");
        assert_eq!(picture.size, Some((320, 192)));
        assert_eq!(picture.sample_count, 300);
        assert!(picture.start_seconds.abs() < 1e-9);
        assert_eq!((sound.sample_rate, sound.channels), (Some(48_000), Some(2)));
        assert_eq!(sound.codec.rfc6381, "mp4a.40.2");
        assert!((sound.start_seconds + 1024.0 / 48_000.0).abs() < 1e-9);
        assert_eq!(
            (second.language.as_str(), second.channels),
            ("eng", Some(1))
        );
        assert_eq!(text.kind, TrackKind::Text);
        assert!(matches!(&text.packageable, Packageable::No(reason) if !reason.is_empty()));
    }
}

#[test]
fn probe_names_tracks_that_are_encrypted_already() {
    let sealed = Video {
        protected: Some(Protected(*b"cbcs")),
        frames: 30,
        ..Video::default()
    };
    let picture = TestMovie::new(vec![video(1, &sealed), audio(2, &Audio::default())]);
    let Error::Unsupported(text) = refusal(&picture) else {
        panic!("another error");
    };
    assert!(
        text.contains("encrypted already") && text.contains("cbcs"),
        "{text}"
    );
    let found = probe(&picture.source()).unwrap();
    assert_eq!(found.tracks[0].codec.fourcc, "avc1");
    let sealed = Audio {
        protected: Some(Protected(*b"cenc")),
        ..Audio::default()
    };
    let sound = TestMovie::new(vec![video(1, &Video::default()), audio(2, &sealed)]);
    let package = Package::make(&sound.source(), &options(None)).unwrap();
    assert_eq!(package.plan.renditions().len(), 1);
    let warning = &package.plan.warnings()[0].0;
    assert!(
        warning.contains("track 2") && warning.contains("cenc"),
        "{warning}"
    );
}

#[test]
fn time_of_edits_that_cannot_be_kept_is_refused() {
    let refused = |edits: Vec<TestEdit>, part: &str| {
        let mut movie = TestMovie::new(vec![video(1, &Video::default())]);
        movie.tracks[0].edits = edits;
        let text = refusal(&movie).to_string();
        assert!(text.contains(part), "{text}");
    };
    refused(
        vec![TestEdit::piece(1000, 0), TestEdit::piece(1000, 60_000)],
        "2 pieces",
    );
    let slow = TestEdit {
        rate: NORMAL_RATE / 2,
        ..TestEdit::piece(1000, 0)
    };
    refused(vec![slow], "speed");
    refused(
        vec![
            TestEdit::piece(1000, 0),
            TestEdit::gap(5),
            TestEdit::piece(1, 5),
        ],
        "pieces",
    );
}

/// A file that is cut anywhere is refused, and the error says where it ends.
#[test]
fn probe_refuses_a_file_that_is_cut() {
    for layout in [
        Layout::MoovFirst,
        Layout::MoovLast,
        Layout::Wide,
        Layout::Fragmented(Fragments::default()),
    ] {
        let bytes = TestMovie::ordinary().with_layout(layout).bytes();
        let ends: Vec<usize> = top_level(&bytes)
            .iter()
            .map(|view| (view.offset + view.size()) as usize)
            .collect();
        for step in 1..40 {
            let cut = bytes.len() * step / 40;
            // Between two fragments a shorter file is a sound file.
            if ends.contains(&cut) {
                continue;
            }
            let error = probe(&MemorySource(bytes[..cut].to_vec())).map(|_| ());
            let Err(Error::InvalidInput(text)) = error else {
                panic!("{layout:?} cut at {cut}: {error:?}");
            };
            let end = format!("{cut:#x}");
            let says = text.contains(&end) || text.contains("bytes where a box header");
            assert!(says, "{layout:?} cut at {end}: {text}");
        }
    }
}

#[test]
fn probe_refuses_what_is_no_movie() {
    for (bytes, part) in [
        (&b""[..], "empty"),
        (
            b"This is a text file that somebody named .mp4.",
            "does not begin with a box",
        ),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "PNG"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01", "JPEG"),
        (b"GIF89a\x01\0\x01\0\0\0\0\0", "GIF"),
        (b"\x1a\x45\xdf\xa3\x01\0\0\0\0\0\0\x1f", "Matroska"),
        (b"OggS\0\x02\0\0\0\0\0\0\0\0", "Ogg"),
        (b"RIFF\x24\0\0\0AVI LIST", "AVI"),
        (b"FLV\x01\x05\0\0\0\x09\0\0\0\0", "FLV"),
        (b"ID3\x04\0\0\0\0\0\0\0\0\0", "MP3"),
        (b"\0\0\0\x08free", "no 'moov'"),
        (b"\0\0\0\x10ftypisom\0\0\0\0", "no 'moov'"),
        (b"\0\0\0", "does not begin with a box"),
    ] {
        let error = probe(&MemorySource(bytes.to_vec())).map(|_| ());
        let text = error.expect_err("a refusal").to_string();
        assert!(text.contains(part), "{text}");
    }
    let packets: Vec<u8> = (0..4)
        .flat_map(|_| [&[0x47][..], &[0; 187]].concat())
        .collect();
    let text = probe(&MemorySource(packets))
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(text.contains("MPEG transport stream"), "{text}");
}

#[test]
fn plan_refuses_options_that_do_not_fit() {
    let movie = TestMovie::ordinary();
    let source = movie.source();
    let refused = |options: &packager::Options| {
        let result = packager::plan(&[probe(&source).unwrap()], options);
        matches!(result, Err(Error::InvalidOptions(_)))
    };
    let good = options(Some(packager::Scheme::Cbcs));
    assert!(!refused(&good));
    assert!(refused(&packager::Options {
        content_keys: Vec::new(),
        ..good.clone()
    }));
    assert!(refused(&packager::Options {
        scheme: None,
        ..good.clone()
    }));
    for milliseconds in [0, 99, 600_001] {
        assert!(refused(&packager::Options {
            segment_duration: std::time::Duration::from_millis(milliseconds),
            ..good.clone()
        }));
    }
    for url in ["https://example.org/\"", "https://example.org/ a", "a\nb"] {
        assert!(refused(&packager::Options {
            license_url: Some(url.into()),
            ..good.clone()
        }));
        assert!(refused(&packager::Options {
            hls_key_url: Some(url.into()),
            ..good.clone()
        }));
    }
    assert!(matches!(
        packager::plan(&[], &good),
        Err(Error::InvalidOptions(_))
    ));
}

#[test]
fn plan_takes_all_pictures_and_warns_of_what_is_left_out() {
    let movie = TestMovie::new(vec![
        video(1, &Video::default()),
        video(2, &Video::default()),
        other(3, *b"meta", b"mebx"),
    ]);
    let package = Package::make(&movie.source(), &options(None)).unwrap();
    let renditions = package.plan.renditions().iter();
    let found: Vec<_> = renditions
        .map(|rendition| (rendition.track_id, rendition.set, rendition.name.as_str()))
        .collect();
    assert_eq!(found, [(1, 0, "video-192p"), (2, 0, "video-192p-2")]);
    let warnings: Vec<_> = package
        .plan
        .warnings()
        .iter()
        .map(|w| w.0.as_str())
        .collect();
    assert_eq!(warnings.len(), 1);
    assert!(
        warnings[0].starts_with("track 3 (meta, mebx) is left out"),
        "{warnings:?}"
    );
}

#[test]
fn sample_sizes_that_reach_beyond_the_file_are_refused() {
    let movie = TestMovie::new(vec![audio(1, &Audio::default())]);
    let mut bytes = movie.bytes();
    let at = bytes.windows(4).position(|four| four == b"stco").unwrap() + 12;
    bytes[at..at + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    let text = probe(&MemorySource(bytes))
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        text.contains("moov/trak: sample 0 lies at 0xffffffff"),
        "{text}"
    );
}

#[test]
fn plan_render_names_the_object_whose_samples_are_broken() {
    let movie = TestMovie::new(vec![video(1, &Video::default())]);
    let mut bytes = movie.bytes();
    let mdat = bytes.windows(4).position(|four| four == b"mdat").unwrap() + 4;
    let second = mdat + movie.tracks[0].samples[0].data.len();
    bytes[second..second + 4].copy_from_slice(&u32::MAX.to_be_bytes());
    let source = MemorySource(bytes);
    let result = Package::make(&source, &options(Some(packager::Scheme::Cbcs)));
    let text = result.map(|_| ()).unwrap_err().to_string();
    assert!(
        text.starts_with("video/1.m4s: sample 1: a NAL unit goes beyond"),
        "{text}"
    );
}
