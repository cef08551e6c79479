//! Headers, the walk over a file, nesting, the tree, and reading at the edges.

use bmff::{
    BoxHeader, BoxView, Error, FourCc, MAX_BOX_IN_MEMORY, MemorySource, Source, TopLevel, Writer,
    read_box, read_header, tree,
};

fn header(bytes: &[u8], end: u64) -> Result<BoxHeader, Error> {
    let mut padded = bytes.to_vec();
    padded.resize(padded.len().max(end as usize), 0);
    read_header(&MemorySource(padded), 0, end)
}

/// Size and length of the header, or a part of the error's text.
fn check(bytes: &[u8], end: u64, expect: Result<(u64, u64), &str>) {
    match (header(bytes, end), expect) {
        (Ok(header), Ok(expect)) => {
            assert_eq!((header.size, header.header_len), expect);
            assert_eq!(header.kind, *b"mdat");
        }
        (Err(error), Err(part)) => {
            let text = error.to_string();
            assert!(text.contains(part) && text.contains("0x0"), "{text}");
        }
        (found, expect) => panic!("{found:?} is not {expect:?}"),
    }
}

fn long(size: u64) -> Vec<u8> {
    [&[0, 0, 0, 1][..], b"mdat", &size.to_be_bytes()].concat()
}

#[test]
fn header_sizes_of_0_1_and_64_bits() {
    check(b"\0\0\0\x08mdat", 8, Ok((8, 8)));
    check(b"\0\0\0\x10mdat", 100, Ok((16, 8)));
    // 0: to the end.
    check(b"\0\0\0\0mdat", 100, Ok((100, 8)));
    check(b"\0\0\0\0mdat", 8, Ok((8, 8)));
    check(&long(50), 100, Ok((50, 16)));
    check(&long(16), 100, Ok((16, 16)));
    // Beyond the end is for the caller to judge.
    check(&long(u64::MAX), 100, Ok((u64::MAX, 16)));
    check(b"\xff\xff\xff\xffmdat", 100, Ok((0xffff_ffff, 8)));
    check(&long(15), 100, Err("15 bytes is smaller"));
    check(&long(0), 100, Err("0 bytes is smaller"));
    check(b"\0\0\0\x07mdat", 100, Err("7 bytes is smaller"));
    check(b"\0\0\0\x02mdat", 100, Err("2 bytes is smaller"));
    // A 64-bit size needs 16 bytes.
    check(&long(50)[..8], 8, Err("1 bytes is smaller"));
    check(b"\0\0\0\x08mda", 7, Err("7 bytes where"));
    check(b"", 0, Err("0 bytes where"));
}

#[test]
fn header_ends_never_overflow() {
    let header = BoxHeader {
        kind: FourCc(*b"mdat"),
        offset: u64::MAX - 4,
        size: u64::MAX,
        header_len: 16,
    };
    assert_eq!(header.end(), u64::MAX);
    assert_eq!(header.body_offset(), u64::MAX);
}

#[test]
fn walk_over_top_level_boxes_ends() {
    let mut w = Writer::default();
    w.boxed(b"ftyp", |w| w.put(b"isom\0\0\0\0"));
    w.boxed(b"free", |_| {});
    w.put(&long(20));
    w.put(b"data");
    w.put(b"\0\0\0\0skip rest");
    let source = MemorySource(w.into_bytes());
    let found: Vec<_> = TopLevel::new(&source)
        .map(|header| {
            header
                .map(|h| (h.kind.to_string(), h.offset, h.size))
                .unwrap()
        })
        .collect();
    let expect = [
        ("ftyp", 0, 16),
        ("free", 16, 8),
        ("mdat", 24, 20),
        ("skip", 44, 13),
    ];
    assert!(
        found
            .iter()
            .map(|(k, o, s)| (k.as_str(), *o, *s))
            .eq(expect),
        "{found:?}"
    );
    // A size that reaches beyond the end stops the walk; so does an error.
    for bytes in [long(u64::MAX), b"\0\0\0\x03free".to_vec()] {
        let source = MemorySource(bytes);
        assert_eq!(TopLevel::new(&source).count(), 1);
    }
}

#[test]
fn boxes_are_read_only_when_they_fit() {
    let source = MemorySource(vec![0; 64]);
    let header = |offset, size| BoxHeader {
        kind: FourCc(*b"moov"),
        offset,
        size,
        header_len: 8,
    };
    assert_eq!(read_box(&source, &header(10, 20)).unwrap().len(), 20);
    let error = read_box(&source, &header(60, 20)).unwrap_err().to_string();
    assert!(
        error.contains("moov at 0x3c") && error.contains("16 bytes are missing"),
        "{error}"
    );
    let error = read_box(&source, &header(u64::MAX, u64::MAX)).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }));

    /// Says that it is large; reads would fail.
    struct Large;
    impl Source for Large {
        fn len(&self) -> u64 {
            u64::MAX
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> std::io::Result<()> {
            Err(std::io::ErrorKind::Unsupported.into())
        }
    }
    let error = read_box(&Large, &header(0, MAX_BOX_IN_MEMORY + 1)).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }), "{error}");
    let error = read_box(&Large, &header(0, 100)).unwrap_err();
    assert!(matches!(error, Error::Io(_)), "{error}");
}

#[test]
fn sources_refuse_reads_behind_their_end() {
    let source = MemorySource(vec![1, 2, 3]);
    let mut two = [0; 2];
    assert!(source.read_at(1, &mut two).is_ok());
    assert_eq!(two, [2, 3]);
    for offset in [2, 3, 4, u64::MAX] {
        let error = source.read_at(offset, &mut two).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof);
    }
    assert!(source.read_at(3, &mut []).is_ok());
    assert!(!source.is_empty() && MemorySource::default().is_empty());
    let path = std::env::temp_dir().join(format!("bmff-source-{}", std::process::id()));
    std::fs::write(&path, [1, 2, 3]).unwrap();
    let file = std::fs::File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(Source::len(&file), 3);
    assert!(Source::read_at(&file, 2, &mut two).is_err());
}

#[test]
fn children_that_lie_are_named_with_their_path() {
    let inner = |size: u32| {
        let mut w = Writer::default();
        w.boxed(b"moov", |w| {
            w.boxed(b"mvhd", |w| w.zeros(4));
            w.boxed(b"trak", |_| {});
            w.boxed(b"trak", |w| {
                w.u32(size);
                w.put(b"mdia");
                w.zeros(4);
            });
        });
        w.into_bytes()
    };
    let find = |bytes: &[u8]| -> Result<(), Error> {
        let moov = BoxView::new(bytes, 0x100).unwrap();
        let trak = moov.children().nth(2).unwrap()?;
        trak.need(b"mdia").map(|_| ())
    };
    assert!(find(&inner(12)).is_ok());
    for size in [13, 0x7fff_ffff, u32::MAX] {
        let error = find(&inner(size)).unwrap_err().to_string();
        assert!(error.starts_with("moov/trak[1]/mdia at 0x124"), "{error}");
    }
    // "To the end" has no meaning inside.
    let error = find(&inner(0)).unwrap_err().to_string();
    assert!(error.contains("a size of 0"), "{error}");
    let error = find(&inner(7)).unwrap_err().to_string();
    assert!(error.contains("7 bytes is smaller"), "{error}");
}

#[test]
fn children_have_a_limit() {
    let mut w = Writer::default();
    w.boxed(b"moov", |w| {
        (0..10_001).for_each(|_| w.boxed(b"free", |_| {}))
    });
    let bytes = w.into_bytes();
    let moov = BoxView::new(&bytes, 0).unwrap();
    let results: Vec<_> = moov.children().collect();
    assert_eq!(results.len(), 10_001);
    assert!(results[..10_000].iter().all(Result::is_ok));
    assert!(results[10_000].is_err());
}

#[test]
fn tree_shows_what_is_there_and_what_is_wrong() {
    let mut w = Writer::default();
    w.boxed(b"ftyp", |w| w.put(b"isom\0\0\0\0mp42"));
    w.boxed(b"moov", |w| {
        w.full(b"mvhd", 0, 0, |w| w.zeros(4));
        w.boxed(b"\xa9nam", |_| {});
    });
    w.u32(1000);
    w.put(b"mdat");
    let nodes = tree(&MemorySource(w.into_bytes())).unwrap();
    let names: Vec<_> = nodes.iter().map(|node| node.fourcc.as_str()).collect();
    assert_eq!(names, ["ftyp", "moov", "mdat"]);
    assert_eq!(
        nodes[0].fields[1],
        ("compatible_brands".into(), "mp42".into())
    );
    let broken = &nodes[1].children[0];
    assert_eq!(broken.fields[0].0, "error");
    assert!(
        broken.fields[0].1.contains("moov/mvhd"),
        "{:?}",
        broken.fields
    );
    assert_eq!(nodes[1].children[1].fourcc, "©nam");
    assert!(
        nodes[2].fields[0].1.contains("992 bytes"),
        "{:?}",
        nodes[2].fields
    );
}

#[test]
fn tree_of_deep_nests_and_noise_never_panics() {
    let mut bytes = Vec::new();
    for _ in 0..2000 {
        let mut w = Writer::default();
        w.boxed(b"trak", |w| w.put(&bytes));
        bytes = w.into_bytes();
    }
    let nodes = tree(&MemorySource(bytes)).unwrap();
    let mut depth = 0;
    let mut node = &nodes[0];
    while let Some(child) = node.children.first() {
        (node, depth) = (child, depth + 1);
    }
    assert_eq!(depth, 32);
    assert!(node.fields[0].1.contains("deeper"));
    let mut state = 1_u64;
    for _ in 0..2000 {
        let mut noise: Vec<u8> = (0..120)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 56) as u8
            })
            .collect();
        noise[..3].fill(0);
        noise[4..8].copy_from_slice(b"moov");
        assert!(tree(&MemorySource(noise)).is_ok());
    }
}

#[test]
fn written_boxes_are_read_back() {
    let mut w = Writer::new(vec![0xee; 3]);
    w.boxed(b"test", |w| {
        w.u8(1);
        w.u16(0x0203);
        w.u32(0x0405_0607);
        w.i32(-2);
        w.u64(u64::MAX - 1);
        w.full(b"full", 7, 0xff12_3456, |w| w.put(b"end"));
    });
    assert_eq!(w.len(), 3 + 8 + 19 + 15);
    w.patch_u32(0xffff, 1);
    let bytes = w.into_bytes();
    let view = BoxView::new(&bytes[3..], 3).unwrap();
    let mut cursor = view.cursor();
    assert_eq!(cursor.u8().unwrap(), 1);
    assert_eq!(cursor.u16().unwrap(), 0x0203);
    assert_eq!(cursor.u32().unwrap(), 0x0405_0607);
    assert_eq!(cursor.u32().unwrap() as i32, -2);
    assert_eq!(cursor.u64().unwrap(), u64::MAX - 1);
    assert_eq!(cursor.position(), 19);
    let full = view.children_after(19).next().unwrap().unwrap();
    assert_eq!(full.path, "test/full");
    assert_eq!(full.offset, 3 + 8 + 19);
    assert_eq!(full.body_range(3), 35..42);
    // Flags have 24 bits.
    assert_eq!(full.cursor().version_flags().unwrap(), (7, 0x12_3456));
}
