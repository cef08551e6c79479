//! Every box reader on sound boxes, on boxes cut short and on counts that lie.

use bmff::boxes::{
    Edit, Ftyp, Hdlr, Mdhd, Mvhd, Pssh, Reference, Saio, Saiz, SampleAuxiliary, Sbgp, Senc, Sgpd,
    Sidx, Stsz, Subsample, Table, Tenc, Tfdt, Tfhd, Tkhd, Trex, Trun, parse_edits,
    parse_protection,
};
use bmff::{BoxView, Error, FourCc, Writer};
use std::fmt::Debug;

/// Where the box lies in its file.
const OFFSET: u64 = 0x1f00;

fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut w = Writer::default();
    w.boxed(kind, |w| w.put(body));
    w.into_bytes()
}

/// Writes the body of a full box.
fn body(version: u8, flags: u32, write: impl FnOnce(&mut Writer)) -> Vec<u8> {
    let mut w = Writer::default();
    w.u32(u32::from(version) << 24 | flags);
    write(&mut w);
    w.into_bytes()
}

/// An error says where: the path down to the box and an offset inside it.
fn assert_located(kind: &[u8; 4], error: &Error, length: usize) {
    let Error::Malformed { path, offset, .. } = error else {
        panic!("{error} is no malformed box");
    };
    let name = FourCc(*kind).to_string();
    assert!(path.starts_with(&name), "{path} does not name {name}");
    let end = OFFSET + 8 + length as u64;
    assert!((OFFSET..=end).contains(offset), "{offset:#x} is outside");
    let text = error.to_string();
    assert!(text.contains(&format!("{offset:#x}")), "{text}");
}

/// What a reader makes of a box, and how it takes every cut and every lying word.
///
/// `least` is how many bytes of the body it needs.
fn check<T: Debug + PartialEq>(
    kind: &[u8; 4],
    body: &[u8],
    least: usize,
    read: impl Fn(&BoxView<'_>) -> Result<T, Error>,
    expect: &T,
) {
    let whole = boxed(kind, body);
    let view = BoxView::new(&whole, OFFSET).unwrap();
    assert_eq!(&read(&view).unwrap(), expect);
    assert_eq!(view.size(), whole.len() as u64);
    for cut in 0..body.len() {
        let short = boxed(kind, &body[..cut]);
        let view = BoxView::new(&short, OFFSET).unwrap();
        match read(&view) {
            Err(error) => assert_located(kind, &error, cut),
            Ok(value) => assert!(cut >= least, "{value:?} from {cut} bytes"),
        }
    }
    for at in 0..body.len() {
        for value in [0, 1, 0x7f, 0x80, 0xff] {
            let mut lying = body.to_vec();
            let end = (at + 4).min(lying.len());
            lying[at..end].fill(value);
            let lying = boxed(kind, &lying);
            let view = BoxView::new(&lying, OFFSET).unwrap();
            if let Err(error) = read(&view) {
                assert_located(kind, &error, body.len());
            }
        }
    }
}

/// A reader refuses a count that its box cannot hold.
fn check_count<T: Debug>(
    kind: &[u8; 4],
    body: &[u8],
    at: usize,
    read: impl Fn(&BoxView<'_>) -> Result<T, Error>,
) {
    for count in [u32::MAX, 1 << 31, 1 << 28, 1000] {
        let mut lying = body.to_vec();
        lying[at..at + 4].copy_from_slice(&count.to_be_bytes());
        let lying = boxed(kind, &lying);
        let error = read(&BoxView::new(&lying, OFFSET).unwrap()).unwrap_err();
        assert_located(kind, &error, body.len());
        assert!(error.to_string().contains(&count.to_string()), "{error}");
    }
}

#[test]
fn ftyp_and_hdlr() {
    let bytes = b"isom\0\0\x02\0isomavc1";
    let expect = Ftyp {
        major_brand: FourCc(*b"isom"),
        compatible_brands: vec![FourCc(*b"isom"), FourCc(*b"avc1")],
    };
    check(b"ftyp", bytes, 8, Ftyp::parse, &expect);
    let bytes = body(0, 0, |w| w.put(b"\0\0\0\0vide\0\0\0\0\0\0\0\0\0\0\0\0\0"));
    let expect = Hdlr {
        handler: FourCc(*b"vide"),
    };
    check(b"hdlr", &bytes, 12, Hdlr::parse, &expect);
}

#[test]
fn movie_and_media_headers_in_both_versions() {
    for (version, wide) in [(0, false), (1, true)] {
        let number = |w: &mut Writer, value: u64| match wide {
            true => w.u64(value),
            false => w.u32(value as u32),
        };
        let bytes = body(version, 0, |w| {
            number(w, 1);
            number(w, 2);
            w.u32(600);
            number(w, 90_000);
        });
        let expect = Mvhd {
            timescale: 600,
            duration: 90_000,
        };
        check(b"mvhd", &bytes, bytes.len(), Mvhd::parse, &expect);
        let bytes = body(version, 0, |w| {
            number(w, 1);
            number(w, 2);
            w.u32(48_000);
            number(w, 7);
            w.u16((b'd' as u16 - 0x60) << 10 | (b'e' as u16 - 0x60) << 5 | (b'u' as u16 - 0x60));
        });
        let expect = Mdhd {
            timescale: 48_000,
            duration: 7,
            language: "deu".into(),
        };
        check(b"mdhd", &bytes, bytes.len(), Mdhd::parse, &expect);
        let bytes = body(version, 3, |w| {
            number(w, 1);
            number(w, 2);
            w.u32(7);
            w.zeros(4);
            number(w, 9);
            w.zeros(16);
            w.put(&[0x11; 36]);
            w.u32(320 << 16);
            w.u32(240 << 16);
        });
        let expect = Tkhd {
            enabled: true,
            track_id: 7,
            matrix: [0x11; 36],
            width: 320 << 16,
            height: 240 << 16,
        };
        check(b"tkhd", &bytes, bytes.len(), Tkhd::parse, &expect);
    }
}

#[test]
fn languages_of_macintosh_and_nonsense_are_unknown() {
    for packed in [0_u16, 5, 0x3ff, 0x7fff, 0x8000, 0x0400] {
        let bytes = body(0, 0, |w| {
            w.zeros(8);
            w.u32(1);
            w.u32(1);
            w.u16(packed);
        });
        let bytes = boxed(b"mdhd", &bytes);
        let mdhd = Mdhd::parse(&BoxView::new(&bytes, 0).unwrap()).unwrap();
        assert_eq!(mdhd.language, "und", "{packed:#x}");
    }
}

#[test]
fn edit_lists_in_both_versions() {
    let edits = vec![
        Edit {
            segment_duration: 500,
            media_time: -1,
            media_rate: 0x1_0000,
        },
        Edit {
            segment_duration: 3000,
            media_time: 1024,
            media_rate: 0x1_0000,
        },
    ];
    for version in [0, 1] {
        let bytes = body(version, 0, |w| {
            w.u32(2);
            for edit in &edits {
                match version {
                    1 => {
                        w.u64(edit.segment_duration);
                        w.u64(edit.media_time as u64);
                    }
                    _ => {
                        w.u32(edit.segment_duration as u32);
                        w.i32(edit.media_time as i32);
                    }
                }
                w.u32(edit.media_rate);
            }
        });
        check(b"elst", &bytes, bytes.len(), parse_edits, &edits);
        check_count(b"elst", &bytes, 4, parse_edits);
    }
    let endless = body(0, 0, |w| {
        w.u32(200_000);
        w.zeros(200_000 * 12);
    });
    let endless = boxed(b"elst", &endless);
    assert!(parse_edits(&BoxView::new(&endless, 0).unwrap()).is_err());
}

#[test]
fn sample_tables_check_their_counts() {
    for (kind, length) in [
        (b"stts", 8),
        (b"ctts", 8),
        (b"stsc", 12),
        (b"stss", 4),
        (b"stco", 4),
        (b"co64", 8),
    ] {
        let bytes = body(1, 0, |w| {
            w.u32(3);
            w.zeros(3 * length);
        });
        let read = |view: &BoxView<'_>| Table::parse(view, length);
        let expect = Table {
            start: 8,
            count: 3,
            version: 1,
        };
        check(kind, &bytes, bytes.len(), read, &expect);
        check_count(kind, &bytes, 4, read);
    }
}

#[test]
fn sample_sizes_of_every_width() {
    let bytes = body(0, 0, |w| {
        w.u32(0);
        w.u32(3);
        w.zeros(12);
    });
    let expect = Stsz {
        sample_size: 0,
        count: 3,
        entry_bits: 32,
        start: 12,
    };
    check(b"stsz", &bytes, bytes.len(), Stsz::parse, &expect);
    check_count(b"stsz", &bytes, 8, Stsz::parse);
    let constant = body(0, 0, |w| {
        w.u32(417);
        w.u32(1_000_000);
    });
    let expect = Stsz {
        sample_size: 417,
        count: 1_000_000,
        entry_bits: 32,
        start: 12,
    };
    check(b"stsz", &constant, 12, Stsz::parse, &expect);
    for (bits, room) in [(4, 2), (8, 3), (16, 6)] {
        let bytes = body(0, 0, |w| {
            w.u32(bits);
            w.u32(3);
            w.zeros(room);
        });
        let expect = Stsz {
            sample_size: 0,
            count: 3,
            entry_bits: bits as u8,
            start: 12,
        };
        check(b"stz2", &bytes, bytes.len(), Stsz::parse, &expect);
        check_count(b"stz2", &bytes, 8, Stsz::parse);
    }
    let odd = boxed(b"stz2", &body(0, 0, |w| w.put(&[0, 0, 0, 12, 0, 0, 0, 0])));
    let error = Stsz::parse(&BoxView::new(&odd, OFFSET).unwrap()).unwrap_err();
    assert!(error.to_string().contains("12 bits"), "{error}");
}

#[test]
fn fragment_headers_with_every_optional_field() {
    for flags in 0..0x40_u32 {
        let bytes = body(0, flags | 0x02_0000, |w| {
            w.u32(5);
            for (flag, value) in [(1, 1), (2, 2), (8, 3), (0x10, 4), (0x20, 5)] {
                match flags & flag {
                    0 => {}
                    1 => w.u64(value.into()),
                    _ => w.u32(value),
                }
            }
        });
        let optional = |flag: u32, value: u32| (flags & flag != 0).then_some(value);
        let expect = Tfhd {
            track_id: 5,
            base_data_offset: optional(1, 1).map(u64::from),
            default_base_is_moof: true,
            sample_description: optional(2, 2),
            duration: optional(8, 3),
            size: optional(0x10, 4),
            flags: optional(0x20, 5),
        };
        check(b"tfhd", &bytes, bytes.len(), Tfhd::parse, &expect);
    }
    let bytes = body(0, 0, |w| (1..=5).for_each(|value| w.u32(value)));
    let expect = Trex {
        track_id: 1,
        sample_description: 2,
        duration: 3,
        size: 4,
        flags: 5,
    };
    check(b"trex", &bytes, bytes.len(), Trex::parse, &expect);
    for version in [0, 1] {
        let bytes = body(version, 0, |w| match version {
            1 => w.u64(0x1_0000_0002),
            _ => w.u32(2),
        });
        let expect = Tfdt {
            base_media_decode_time: if version == 1 { 0x1_0000_0002 } else { 2 },
        };
        check(b"tfdt", &bytes, bytes.len(), Tfdt::parse, &expect);
    }
}

#[test]
fn runs_with_every_optional_field() {
    for bits in 0..0x40_u32 {
        let flags = (bits & 1) | (bits & 2) << 1 | (bits >> 2) << 8;
        let entry = Trun::entry_len(flags);
        let bytes = body(1, flags, |w| {
            w.u32(2);
            if flags & 1 != 0 {
                w.i32(-8);
            }
            if flags & 4 != 0 {
                w.u32(0x0200_0000);
            }
            w.put(&vec![0xab; 2 * entry]);
        });
        let whole = boxed(b"trun", &bytes);
        let view = BoxView::new(&whole, OFFSET).unwrap();
        let trun = Trun::parse(&view).unwrap();
        assert_eq!((trun.version, trun.flags, trun.count), (1, flags, 2));
        assert_eq!(trun.data_offset, (flags & 1 != 0).then_some(-8));
        let first = (flags & 4 != 0).then_some(0x0200_0000);
        assert_eq!(trun.first_sample_flags, first);
        assert_eq!(trun.entries, vec![0xab; 2 * entry]);
        let read = |view: &BoxView<'_>| Trun::parse(view).map(|trun| trun.count);
        check(b"trun", &bytes, bytes.len(), read, &2);
        if entry > 0 {
            check_count(b"trun", &bytes, 4, read);
        }
    }
}

fn tenc_fields(w: &mut Writer, iv_size: u8, constant: &[u8]) {
    w.put(&[0, 0x19, 1, iv_size]);
    w.put(&[0x5a; 16]);
    if !constant.is_empty() {
        w.u8(constant.len() as u8);
        w.put(constant);
    }
}

#[test]
fn encryption_defaults() {
    let with_pattern = Tenc {
        is_protected: true,
        crypt_blocks: 1,
        skip_blocks: 9,
        iv_size: 0,
        kid: [0x5a; 16],
        constant_iv: Some(vec![7; 16]),
    };
    let bytes = body(1, 0, |w| tenc_fields(w, 0, &[7; 16]));
    check(b"tenc", &bytes, bytes.len(), Tenc::parse, &with_pattern);
    // In version 0 the byte of the pattern is reserved.
    let plain = Tenc {
        crypt_blocks: 0,
        skip_blocks: 0,
        iv_size: 8,
        constant_iv: None,
        ..with_pattern.clone()
    };
    let bytes = body(0, 0, |w| tenc_fields(w, 8, &[]));
    check(b"tenc", &bytes, bytes.len(), Tenc::parse, &plain);
    for (iv_size, constant) in [(3, &[][..]), (0, &[1; 7][..]), (255, &[])] {
        let bytes = boxed(b"tenc", &body(1, 0, |w| tenc_fields(w, iv_size, constant)));
        let error = Tenc::parse(&BoxView::new(&bytes, OFFSET).unwrap()).unwrap_err();
        assert!(error.to_string().contains("bytes"), "{error}");
    }
    let groups = body(1, 0, |w| {
        w.put(b"seig");
        w.u32(37);
        w.u32(1);
        tenc_fields(w, 0, &[7; 16]);
    });
    let expect = Sgpd {
        grouping_type: FourCc(*b"seig"),
        default_index: 0,
        count: 1,
        encryption: vec![with_pattern.clone()],
    };
    check(b"sgpd", &groups, groups.len(), Sgpd::parse, &expect);
    check_count(b"sgpd", &groups, 12, Sgpd::parse);
    // Version 2 names the group of samples that no `sbgp` mentions; entries may tell their own length.
    let groups = body(2, 0, |w| {
        w.put(b"seig");
        [0, 1, 1, 39].iter().for_each(|value| w.u32(*value));
        tenc_fields(w, 0, &[7; 16]);
        w.u16(0);
    });
    let expect = Sgpd {
        default_index: 1,
        ..expect
    };
    check(b"sgpd", &groups, groups.len(), Sgpd::parse, &expect);
    let runs = body(0, 0, |w| {
        w.put(b"seig");
        w.u32(2);
        (1..=4).for_each(|value| w.u32(value));
    });
    let expect = Sbgp {
        grouping_type: FourCc(*b"seig"),
        runs: vec![(1, 2), (3, 4)],
    };
    check(b"sbgp", &runs, runs.len(), Sbgp::parse, &expect);
    check_count(b"sbgp", &runs, 8, Sbgp::parse);
}

#[test]
fn segment_index() {
    let reference = Reference {
        is_index: false,
        size: 0x7fff_fffe,
        duration: 180_000,
        starts_with_sap: true,
        sap_type: 3,
        sap_delta_time: 0x0fff_fff0,
    };
    let other = Reference {
        is_index: true,
        starts_with_sap: false,
        sap_type: 0,
        sap_delta_time: 0,
        ..reference
    };
    for version in [0, 1] {
        let bytes = body(version, 0, |w| {
            w.u32(1);
            w.u32(90_000);
            for value in [7_u32, 9] {
                match version {
                    0 => w.u32(value),
                    _ => w.u64(u64::from(value)),
                }
            }
            w.u16(0);
            w.u16(2);
            w.u32(0x7fff_fffe);
            w.u32(180_000);
            w.u32(0xbfff_fff0);
            w.u32(0xffff_fffe);
            w.u32(180_000);
            w.u32(0);
        });
        let expect = Sidx {
            reference_id: 1,
            timescale: 90_000,
            earliest_presentation_time: 7,
            first_offset: 9,
            references: vec![reference, other],
        };
        check(b"sidx", &bytes, bytes.len(), Sidx::parse, &expect);
    }
}

#[test]
fn auxiliary_information() {
    let one = SampleAuxiliary {
        iv: vec![9; 8],
        subsamples: vec![
            Subsample {
                clear: 5,
                protected: 160,
            },
            Subsample {
                clear: 0xffff,
                protected: 0,
            },
        ],
    };
    let bytes = body(0, 2, |w| {
        w.u32(2);
        for _ in 0..2 {
            w.put(&[9; 8]);
            w.u16(2);
            for part in &one.subsamples {
                w.u16(part.clear);
                w.u32(part.protected);
            }
        }
    });
    let expect = Senc {
        samples: vec![one.clone(), one],
    };
    let read = |view: &BoxView<'_>| Senc::parse(view, 8);
    check(b"senc", &bytes, bytes.len(), read, &expect);
    check_count(b"senc", &bytes, 4, read);
    // Nothing a sample: the count alone must not make entries.
    let bytes = boxed(b"senc", &body(0, 0, |w| w.u32(u32::MAX)));
    let empty = Senc::parse(&BoxView::new(&bytes, 0).unwrap(), 0).unwrap();
    assert_eq!(empty.samples, []);
    let bytes = body(0, 0, |w| w.put(&[0, 0, 0, 0, 3, 16, 24, 16]));
    let expect = Saiz {
        default_size: 0,
        count: 3,
        sizes: vec![16, 24, 16],
    };
    check(b"saiz", &bytes, bytes.len(), Saiz::parse, &expect);
    check_count(b"saiz", &bytes, 5, Saiz::parse);
    for version in [0, 1] {
        let bytes = body(version, 1, |w| {
            w.put(b"cenc\0\0\0\0");
            w.u32(2);
            w.zeros(if version == 1 { 16 } else { 8 });
        });
        let expect = Saio {
            offsets: vec![0, 0],
        };
        check(b"saio", &bytes, bytes.len(), Saio::parse, &expect);
        check_count(b"saio", &bytes, 12, Saio::parse);
    }
}

#[test]
fn init_data_of_protection_systems() {
    let bytes = body(1, 0, |w| {
        w.put(&[1; 16]);
        w.u32(2);
        w.put(&[2; 32]);
        w.u32(3);
        w.put(b"abc");
    });
    let expect = Pssh {
        system_id: [1; 16],
        kids: vec![[2; 16]; 2],
        data: b"abc".to_vec(),
    };
    check(b"pssh", &bytes, bytes.len(), Pssh::parse, &expect);
    check_count(b"pssh", &bytes, 20, Pssh::parse);
    check_count(b"pssh", &bytes, 56, Pssh::parse);
}

#[test]
fn protection_of_a_sample_entry() {
    let mut w = Writer::default();
    w.boxed(b"frma", |w| w.put(b"avc1"));
    w.full(b"schm", 0, 0, |w| w.put(b"cbcs\0\x01\0\0"));
    w.boxed(b"schi", |w| {
        w.full(b"tenc", 1, 0, |w| tenc_fields(w, 0, &[7; 16]));
    });
    let bytes = boxed(b"sinf", &w.into_bytes());
    let scheme = parse_protection(&BoxView::new(&bytes, 0).unwrap()).unwrap();
    assert_eq!(scheme.original_format, *b"avc1");
    assert_eq!(scheme.scheme_type, *b"cbcs");
    assert_eq!(scheme.tenc.unwrap().constant_iv, Some(vec![7; 16]));
    // An error inside names the whole way down.
    let mut broken = bytes.clone();
    let iv_size = bytes.len() - 1 - 16 - 1 - 16;
    broken[iv_size] = 3;
    let error = parse_protection(&BoxView::new(&broken, OFFSET).unwrap()).unwrap_err();
    assert!(
        error.to_string().starts_with("sinf/schi/tenc at 0x1f"),
        "{error}"
    );
    let without = boxed(b"sinf", &boxed(b"schm", &[0; 12]));
    let error = parse_protection(&BoxView::new(&without, OFFSET).unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "sinf at 0x1f00: no 'frma' box inside");
}
