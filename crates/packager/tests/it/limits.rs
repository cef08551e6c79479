//! Files that are made to cost much, and files whose boxes contradict one another: each is refused by name, at once.

use crate::movie_builder::{Audio, Layout, TestMovie, Video, audio, video};
use crate::package::{Package, options};
use crate::tools::cpu_time;
use bmff::{BoxView, Writer};
use packager::{MemorySource, probe};
use std::time::Duration;

fn small() -> TestMovie {
    let picture = Video {
        frames: 30,
        ..Video::default()
    };
    let sound = Audio {
        frames: 47,
        ..Audio::default()
    };
    TestMovie::new(vec![video(1, &picture), audio(2, &sound)])
}

/// Why a file is refused; this and all else about it takes less than 5 s.
#[track_caller]
fn refusal(bytes: Vec<u8>) -> String {
    let source = MemorySource(bytes);
    let started = cpu_time();
    let refused = Package::make(&source, &options(None)).map(|_| ());
    packager::tree(&source).expect("a tree of bytes in memory");
    let keys = [crate::package::content_key()];
    // Whatever it is, it is no trouble for the reader of encrypted files either.
    let opened = packager::decrypted(&source, &keys).map(|_| ());
    let taken = cpu_time() - started;
    assert!(taken < Duration::from_secs(5), "{taken:?}; {opened:?}");
    refused.expect_err("no refusal").to_string()
}

/// The file with `extra` behind the box at the end of a path, and all sizes around it right; chunk offsets count from
/// the file's start, so that the media are found when the index lies behind them.
fn insert(movie: &[u8], path: &[&[u8; 4]], extra: &[u8]) -> Vec<u8> {
    let mut bytes = movie.to_vec();
    let mut around = Vec::new();
    let (mut from, mut to) = (0, bytes.len());
    let mut behind = 0;
    for kind in path {
        let mut at = from;
        loop {
            assert!(
                at + 8 <= to,
                "{} is not there",
                String::from_utf8_lossy(*kind)
            );
            let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
            if bytes[at + 4..at + 8] == **kind {
                around.push(at);
                (from, to, behind) = (at + 8, at + size, at + size);
                break;
            }
            at += size;
        }
    }
    around.pop();
    for at in around {
        let size = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) + extra.len() as u32;
        bytes[at..at + 4].copy_from_slice(&size.to_be_bytes());
    }
    bytes.splice(behind..behind, extra.iter().copied());
    bytes
}

/// The first box at the end of a path.
fn copy_of(movie: &[u8], path: &[&[u8; 4]]) -> Vec<u8> {
    let (mut from, mut to) = (0, movie.len());
    for kind in path {
        let view = movie[from..to]
            .windows(4)
            .position(|four| four == *kind)
            .unwrap()
            + from
            - 4;
        let size = u32::from_be_bytes(movie[view..view + 4].try_into().unwrap()) as usize;
        (from, to) = (view, view + size);
    }
    movie[from..to].to_vec()
}

const STBL: [&[u8; 4]; 5] = [b"moov", b"trak", b"mdia", b"minf", b"stbl"];

#[test]
fn hostile_boxes_that_are_there_twice_are_refused() {
    let movie = small().with_layout(Layout::MoovLast).bytes();
    let mut paths: Vec<Vec<&[u8; 4]>> = vec![
        vec![b"moov", b"mvhd"],
        vec![b"moov", b"trak", b"tkhd"],
        vec![b"moov", b"trak", b"edts"],
        vec![b"moov", b"trak", b"mdia"],
        vec![b"moov", b"trak", b"mdia", b"mdhd"],
        vec![b"moov", b"trak", b"mdia", b"hdlr"],
        vec![b"moov", b"trak", b"mdia", b"minf"],
        STBL.to_vec(),
    ];
    for table in [
        b"stsd", b"stts", b"ctts", b"stss", b"stsc", b"stsz", b"stco",
    ] {
        paths.push([&STBL[..], &[table]].concat());
    }
    for path in paths {
        let twice = insert(&movie, &path, &copy_of(&movie, &path));
        let kind = String::from_utf8_lossy(*path.last().unwrap()).into_owned();
        let text = refusal(twice);
        assert!(text.contains(&format!("a second '{kind}'")), "{text}");
        assert!(
            text.contains(" at 0x") && text.starts_with("moov/"),
            "{text}"
        );
    }
    let mut wide = Writer::default();
    wide.full(b"co64", 0, 0, |w| w.u32(0));
    let path = [&STBL[..], &[b"stco"]].concat();
    let text = refusal(insert(&movie, &path, &wide.into_bytes()));
    assert!(text.contains("a 'co64' beside a 'stco'"), "{text}");
    let text = refusal([&movie[..], &copy_of(&movie, &[b"moov"])].concat());
    assert!(text.contains("a second 'moov'"), "{text}");
}

#[test]
fn hostile_boxes_in_any_order_are_taken() {
    let movie = small().with_layout(Layout::MoovLast);
    let bytes = movie.bytes();
    let at = bytes.windows(4).position(|four| four == b"moov").unwrap() - 4;
    let moov = BoxView::new(&bytes[at..], at as u64).unwrap();
    let mut w = Writer::default();
    w.put(&bytes[..at]);
    write_reversed(&mut w, &moov);
    let turned = MemorySource(w.into_bytes());
    let expect = Package::make(&movie.source(), &options(None)).unwrap();
    let found = Package::make(&turned, &options(None)).expect("packages");
    // The order of tracks is the order of renditions of one kind, and there is one of each.
    assert!(found.files() == expect.files());
}

/// A container with its children in reverse order, and theirs, too.
fn write_reversed(w: &mut Writer, view: &BoxView<'_>) {
    let is_container = matches!(
        &view.kind.0,
        b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl"
    );
    w.boxed(&view.kind.0, |w| {
        if !is_container {
            return w.put(view.body);
        }
        let children: Vec<_> = view.children().map(Result::unwrap).collect();
        for child in children.iter().rev() {
            write_reversed(w, child);
        }
    });
}

#[test]
fn hostile_samples_that_overlap_are_refused() {
    let bytes = small().bytes();
    let mut bytes = bytes;
    let at = bytes.windows(4).position(|four| four == b"stco").unwrap() + 8;
    let count = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let first: [u8; 4] = bytes[at + 4..at + 8].try_into().unwrap();
    for chunk in 0..count {
        let place = at + 4 + chunk * 4;
        bytes[place..place + 4].copy_from_slice(&first);
    }
    // A few samples over one another are the author's business; more than the file has are not.
    let sizes = bytes.windows(4).position(|four| four == b"stsz").unwrap() + 16;
    for sample in 0..30 {
        let place = sizes + sample * 4;
        bytes[place..place + 4].copy_from_slice(&900_u32.to_be_bytes());
    }
    let text = refusal(bytes);
    assert!(
        text.contains("moov: the samples") && text.contains("overlap"),
        "{text}"
    );
}

/// A `moov` of tracks whose tables are as `write` writes them.
fn index(tracks: u32, write: impl Fn(&mut Writer)) -> Vec<u8> {
    let sound = audio(1, &Audio::default());
    let mut w = Writer::default();
    w.boxed(b"moov", |w| {
        w.full(b"mvhd", 0, 0, |w| {
            w.zeros(8);
            w.u32(1000);
            w.zeros(84);
        });
        for id in 1..=tracks {
            w.boxed(b"trak", |w| {
                w.full(b"tkhd", 0, 3, |w| {
                    w.zeros(8);
                    w.u32(id);
                    w.zeros(68);
                });
                w.boxed(b"mdia", |w| {
                    w.full(b"mdhd", 0, 0, |w| {
                        w.zeros(8);
                        w.u32(48_000);
                        w.zeros(8);
                    });
                    w.full(b"hdlr", 0, 0, |w| {
                        w.u32(0);
                        w.put(b"soun");
                        w.zeros(13);
                    });
                    w.boxed(b"minf", |w| {
                        w.boxed(b"stbl", |w| {
                            w.full(b"stsd", 0, 0, |w| {
                                w.u32(1);
                                w.put(&sound.entry);
                            });
                            write(w);
                        });
                    });
                });
            });
        }
    });
    w.into_bytes()
}

/// Tables of `count` samples of one byte.
fn tables(w: &mut Writer, count: u32) {
    w.full(b"stts", 0, 0, |w| {
        for word in [1, count, 1024] {
            w.u32(word);
        }
    });
    w.full(b"stsz", 0, 0, |w| {
        w.u32(1);
        w.u32(count);
    });
    w.full(b"stsc", 0, 0, |w| {
        for word in [1, 1, count, 1] {
            w.u32(word);
        }
    });
    w.full(b"stco", 0, 0, |w| {
        w.u32(1);
        w.u32(0);
    });
}

#[test]
fn hostile_numbers_of_samples_have_a_limit() {
    let text = refusal(index(200, |w| tables(w, 9_000_000)));
    assert!(
        text.contains("samples together, more than 10000000"),
        "{text}"
    );
    let text = refusal(index(1, |w| tables(w, 20_000_000)));
    assert!(text.contains("20000000 samples"), "{text}");
}

#[test]
fn hostile_lengths_have_a_limit_of_segments() {
    // Four pictures of 6,000 s each, of which segments of a tenth of a second are wanted.
    let picture = Video {
        frames: 4,
        gops: vec![1],
        b_frames: false,
        timescale: 10,
        durations: vec![60_000],
        ..Video::default()
    };
    let movie = TestMovie::new(vec![video(1, &picture)]);
    let movie = probe(&movie.source()).unwrap();
    let short = packager::Options {
        segment_duration: Duration::from_millis(100),
        ..options(None)
    };
    let error = packager::plan(&[movie], &short).unwrap_err();
    assert!(
        matches!(error, packager::Error::LimitExceeded(_)),
        "{error}"
    );
    assert!(
        error.to_string().contains("more than 200000 segments"),
        "{error}"
    );
}

#[test]
fn hostile_numbers_of_boxes_have_a_limit() {
    let empty = [0, 0, 0, 8, b'f', b'r', b'e', b'e'];
    // As many as a container may have, in every track.
    let text = refusal(index(256, |w| {
        w.put(&empty.repeat(9_900));
        tables(w, 1);
    }));
    assert!(text.contains("the index has too many boxes"), "{text}");
    let crowded = index(4, |w| {
        w.put(&empty.repeat(9_900));
        tables(w, 1);
    });
    let found = probe(&MemorySource(crowded)).expect("probes");
    assert_eq!(found.tracks.len(), 4);
    let text = refusal(index(1, |w| w.put(&empty.repeat(10_100))));
    assert!(text.contains("more than 10000 boxes"), "{text}");
    let text = refusal(index(300, |w| tables(w, 1)));
    assert!(text.contains("more than 256 tracks"), "{text}");
    let text = refusal(empty.repeat(3_100_000));
    assert!(text.contains("boxes follow one another"), "{text}");
}

#[test]
fn hostile_sizes_of_an_index_have_a_limit() {
    let mut w = Writer::default();
    w.boxed(b"moov", |w| w.zeros(41 << 20));
    let text = refusal(w.into_bytes());
    assert!(
        text.contains("more than the 41943040 that an index may have"),
        "{text}"
    );
    let mut w = Writer::default();
    w.put(&index(1, |w| {
        for table in [b"stts", b"stsc", b"stco"] {
            w.full(table, 0, 0, |w| w.u32(0));
        }
        w.full(b"stsz", 0, 0, |w| w.zeros(8));
    }));
    w.boxed(b"moof", |w| w.zeros(17 << 20));
    let text = refusal(w.into_bytes());
    assert!(
        text.starts_with("moof at 0x") && text.contains("16777216"),
        "{text}"
    );
}
