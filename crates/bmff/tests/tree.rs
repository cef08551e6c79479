//! The fields of boxes of the encryption in the tree.

use bmff::{BoxNode, MemorySource, Writer, tree};

/// A `moov` whose track 1 is encrypted with IVs of this size.
fn moov(w: &mut Writer, iv_size: u8) {
    w.boxed(b"moov", |w| {
        w.boxed(b"trak", |w| {
            w.full(b"tkhd", 0, 3, |w| {
                w.zeros(8);
                w.u32(1);
                w.zeros(68);
            });
            w.boxed(b"mdia", |w| {
                w.boxed(b"minf", |w| {
                    w.boxed(b"stbl", |w| {
                        w.full(b"stsd", 0, 0, |w| {
                            w.u32(1);
                            w.boxed(b"enca", |w| {
                                w.zeros(28);
                                w.boxed(b"sinf", |w| {
                                    w.boxed(b"schi", |w| {
                                        w.full(b"tenc", 0, 0, |w| {
                                            w.put(&[0, 0, 1, iv_size]);
                                            w.put(&[0x5a; 16]);
                                        });
                                    });
                                });
                            });
                        });
                    });
                });
            });
        });
    });
}

fn moof(w: &mut Writer, senc: impl FnOnce(&mut Writer)) {
    w.boxed(b"moof", |w| {
        w.boxed(b"traf", |w| {
            w.full(b"tfhd", 0, 0x02_0000, |w| w.u32(1));
            senc(w);
        });
    });
}

/// The first box of a type, anywhere.
fn find<'a>(nodes: &'a [BoxNode], kind: &str) -> Option<&'a BoxNode> {
    nodes.iter().find_map(|node| match node.fourcc == kind {
        true => Some(node),
        false => find(&node.children, kind),
    })
}

/// Values of all fields of a name.
#[track_caller]
fn values<'a>(nodes: &'a [BoxNode], kind: &str, name: &str) -> Vec<&'a str> {
    let node = find(nodes, kind).expect("a box of this type");
    let fields = node.fields.iter().filter(|(found, _)| found == name);
    fields.map(|(_, value)| value.as_str()).collect()
}

/// Two samples with IVs of 8 bytes: 16 bytes that could also be one IV.
fn two_short_ivs(w: &mut Writer) {
    w.full(b"senc", 0, 0, |w| {
        w.u32(2);
        w.put(b"\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02");
    });
}

fn with_subsamples(w: &mut Writer, iv_size: usize) {
    w.u32(1);
    w.put(&[7; 16][..iv_size]);
    w.u16(2);
    for (clear, protected) in [(10, 160), (5, 0)] {
        w.u16(clear);
        w.u32(protected);
    }
}

#[test]
fn senc_is_listed_with_the_size_that_tenc_says() {
    let mut w = Writer::default();
    moov(&mut w, 8);
    moof(&mut w, two_short_ivs);
    let nodes = tree(&MemorySource(w.into_bytes())).unwrap();
    assert_eq!(values(&nodes, "senc", "iv_size"), ["8"]);
    assert_eq!(
        values(&nodes, "senc", "sample"),
        ["0: iv 0000000000000001", "1: iv 0000000000000002"]
    );
    assert_eq!(values(&nodes, "tenc", "kid"), ["5a".repeat(16)]);
}

#[test]
fn senc_without_its_moov_is_listed_with_the_size_that_fills_it() {
    for iv_size in [0, 8, 16] {
        let mut w = Writer::default();
        moof(&mut w, |w| {
            w.full(b"senc", 0, 2, |w| with_subsamples(w, iv_size));
        });
        // A moov that is wrong about it, and one that comes too late.
        moov(&mut w, 8);
        let nodes = tree(&MemorySource(w.into_bytes())).unwrap();
        assert_eq!(values(&nodes, "senc", "iv_size"), [iv_size.to_string()]);
        let iv = match iv_size {
            0 => String::new(),
            size => format!(" iv {}", "07".repeat(size)),
        };
        let sample = format!("0:{iv} 10+160 5+0");
        assert_eq!(values(&nodes, "senc", "sample"), [sample]);
    }
}

#[test]
fn a_senc_of_another_size_says_so() {
    let mut w = Writer::default();
    moof(&mut w, |w| {
        w.full(b"senc", 0, 2, |w| {
            w.u32(1);
            w.zeros(3);
        });
    });
    let nodes = tree(&MemorySource(w.into_bytes())).unwrap();
    let error = values(&nodes, "senc", "error");
    assert!(error[0].contains("do not fill the box"), "{error:?}");
}

#[test]
fn the_box_of_piff_is_read_like_senc() {
    let mut w = Writer::default();
    moof(&mut w, |w| {
        w.boxed(b"uuid", |w| {
            w.put(&0xa2394f52_5a9b_4f14_a244_6c427c648df4_u128.to_be_bytes());
            w.u32(2);
            with_subsamples(w, 8);
        });
    });
    let nodes = tree(&MemorySource(w.into_bytes())).unwrap();
    let sample = "0: iv 0707070707070707 10+160 5+0";
    assert_eq!(values(&nodes, "uuid", "sample"), [sample]);
}

#[test]
fn long_lists_end_with_how_much_is_left_out() {
    let mut w = Writer::default();
    moof(&mut w, |w| {
        w.full(b"senc", 0, 0, |w| {
            w.u32(100);
            w.zeros(800);
        });
        w.full(b"saiz", 0, 0, |w| {
            w.u8(0);
            w.u32(100);
            w.put(&[8; 100]);
        });
    });
    let nodes = tree(&MemorySource(w.into_bytes())).unwrap();
    let samples = values(&nodes, "senc", "sample");
    assert_eq!((samples.len(), samples[32]), (33, "… 68 more"));
    assert!(values(&nodes, "saiz", "sizes")[0].ends_with("8 … 68 more"));
}

#[test]
fn groups_are_described() {
    let mut w = Writer::default();
    moof(&mut w, |w| {
        w.full(b"sgpd", 1, 0, |w| {
            w.put(b"seig");
            w.u32(20);
            w.u32(1);
            w.put(&[0, 0x19, 1, 8]);
            w.put(&[0x33; 16]);
        });
        w.full(b"sbgp", 0, 0, |w| {
            w.put(b"seig");
            [2, 3, 0, 4, 0x1_0001]
                .iter()
                .for_each(|value| w.u32(*value));
        });
        w.full(b"saio", 0, 0, |w| {
            [1, 77].iter().for_each(|value| w.u32(*value))
        });
    });
    let nodes = tree(&MemorySource(w.into_bytes())).unwrap();
    let kid = "33".repeat(16);
    let group = format!("1: is_protected true, pattern 1:9, iv_size 8, kid {kid}");
    assert_eq!(values(&nodes, "sgpd", "group"), [group]);
    assert_eq!(values(&nodes, "sbgp", "runs"), ["3x 0 4x own 1"]);
    assert_eq!(values(&nodes, "saio", "offsets"), ["77"]);
}
