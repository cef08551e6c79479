//! Sequence and frame headers against another reader (cros-codecs), OBUs, and `av1C`.

use super::*;
use crate::codec::random_bits::RandomBits;
use cros_codecs::codec::av1::parser::{ObuAction, ObuType, Parser};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An OBU of a type with its size.
fn obu(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind << 3 | 2];
    let size = payload.len();
    bytes.extend([(size & 0x7f) as u8 | 0x80, (size >> 7) as u8]);
    bytes.extend_from_slice(payload);
    bytes
}

/// `av1C` of libaom: 128×72, two tiles a frame.
const RECORD: &str = "81000c000a0a0000000337f8e6d7c802";

/// Its first samples: length, first bytes (what follows is tile data), and where the tiles lie according to
/// `trace_headers` of ffmpeg.
const SAMPLES: [(usize, &str, &[Range<usize>]); 14] = [
    (
        1078,
        "0a0a0000000337f8e6d7c80232a708140035490010441c4815d0009601db",
        &[29..436, 436..1078],
    ),
    (
        33,
        "321f3201e04000000369fe00a2a000b0000800000199",
        &[21..23, 23..33],
    ),
    (
        41,
        "32273202008200000369fe01a6a000b00b080000018d",
        &[21..23, 23..41],
    ),
    (
        31,
        "321d3203010440000369fe00000b00008000000183",
        &[20..22, 22..31],
    ),
    (
        57,
        "32373204020688000369fe02083260b2e0a8000009c4",
        &[21..31, 31..57],
    ),
    (
        40,
        "322632050408d0200361fe028a3e60b2eb08000009bd",
        &[21..31, 31..40],
    ),
    (
        56,
        "32363206080b18440369fe028a1c20b2eb8800000ca1",
        &[21..34, 34..56],
    ),
    (
        42,
        "32283207100d60688369fe028a0c00b00008000004b3",
        &[21..26, 26..42],
    ),
    (
        46,
        "322c3208e04fa88d0361fe01450000b2e00800000cd0",
        &[21..34, 34..46],
    ),
    (
        35,
        "32213209008fa9118369fe02cb0800b0000800000162",
        &[21..23, 23..35],
    ),
    (
        92,
        "325a320a8105f1160369e80c45182c165d7100001cc9",
        &[21..50, 50..92],
    ),
    // Two hidden frames and a shown one.
    (
        173,
        "325e290710123d8d41b4f9062aad1d0b2eba80000020bcb21a797e7018375810e08cc811958f2e02f60f966b8c3c9e75\
         0f929efc155980dbba117b60d6a313492785d6d69cefbf57129752a1f21bca3b9a2fea68ae1dc831bb57d99dc40b30f0\
         322f290601023dea01b4fb063efbd60b0001c000000bbec7eecddd534f8d755860d2d4aef0b071602a644aaa5161f7b9\
         cd321a320be4047b980369fe0061a0b0b0001c0000019cf09c66e69bc0",
        &[22..55, 55..96, 118..130, 130..145, 166..168, 168..173],
    ),
    // One of the hidden frames is shown.
    (3, "1a01c8", &[]),
    (
        27,
        "3219320d2809533c0369fe01659060b0001c0000019f",
        &[21..23, 23..27],
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn config() -> Av1Config {
    Av1Config::parse(&bytes(RECORD)).unwrap()
}

fn samples() -> Vec<Vec<u8>> {
    let padded = SAMPLES.iter().map(|(length, start, _)| {
        let mut sample = bytes(start);
        sample.resize(*length, 0x55);
        sample
    });
    padded.collect()
}

#[test]
fn tiles_lie_where_ffmpeg_says() {
    let mut config = config();
    for (sample, (_, _, tiles)) in samples().iter().zip(SAMPLES) {
        assert_eq!(config.tiles(sample).as_deref(), Ok(tiles));
    }
}

#[test]
fn headers_that_are_cut_short_are_errors() {
    let mut before = config();
    for (sample, (_, _, tiles)) in samples().iter().zip(SAMPLES) {
        let first_tile = tiles.first().map_or(sample.len(), |tile| tile.start);
        for cut in 1..first_tile {
            assert!(
                before.clone().tiles(&sample[..cut]).is_err() || cut == 12,
                "{cut}"
            );
        }
        before.tiles(sample).unwrap();
    }
}

#[test]
fn a_segment_must_start_with_a_key_frame() {
    let error = config().tiles(&samples()[12]).unwrap_err();
    assert!(
        error.0.contains("does not start with a key frame"),
        "{error}"
    );
    // A header that tells all is read all the same.
    assert!(config().tiles(&samples()[1]).is_ok());
}

/// The key frame in other wrappings: the tiles are moved by some bytes.
#[test]
fn frames_are_found_in_every_wrapping() {
    let sample = &samples()[0];
    let (sequence, payload) = (&sample[..12], &sample[15..]);
    let check = |parts: &[&[u8]], tiles: &[Range<usize>]| {
        assert_eq!(config().tiles(&parts.concat()).as_deref(), Ok(tiles));
    };
    // A temporal delimiter before; padding and metadata behind.
    let behind = [obu(15, &[7; 20]), obu(5, &[1, 2, 3, 0x80])].concat();
    check(&[&[0x12, 0], sample, &behind], &[31..438, 438..1080]);
    // A frame without a size field, and with the extension of layers.
    check(&[sequence, &[0x30], payload], &[27..434, 434..1076]);
    check(&[sequence, &[0x34, 0x08], payload], &[28..435, 435..1077]);
    // The header ends behind 11 bytes of the payload; then come the group's flags, a tile's size in two bytes.
    let (header, group) = payload.split_at(11);
    let one_group = obu(4, group);
    let header = obu(3, header);
    check(&[sequence, &header, &one_group], &[43 - 11..439, 439..1081]);
    // Two groups with a tile each, the second behind a copy of the header.
    let (first, second) = group[3..].split_at(407);
    let first = obu(4, &[&[0b1000_0000], first].concat());
    let second = obu(4, &[&[0b1110_0000], second].concat());
    let copy = obu(7, &header[3..]);
    check(
        &[sequence, &header, &first, &copy, &second],
        &[30..437, 437 + 14 + 4..437 + 14 + 4 + 642],
    );
    let broken = [sequence, &first].concat();
    assert!(config().tiles(&broken).is_err(), "a group without a header");
}

#[test]
fn broken_obus_are_errors() {
    for broken in [
        // The forbidden bit; a size beyond the end; a size of more than 8 bytes, of more than 32 bits; a tile list.
        &[0x92, 0][..],
        &[0x12, 1],
        &[0x12, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0],
        &[0x12, 0xff, 0xff, 0xff, 0xff, 0x7f],
        &[0x42, 0],
        &[0x12],
    ] {
        assert!(config().tiles(broken).is_err(), "{broken:02x?}");
    }
    assert_eq!(config().tiles(&[]), Ok(vec![]));
}

#[test]
fn no_bytes_cause_a_panic() {
    let mut random = RandomBits::new(3);
    let samples = samples();
    let mut read = 0;
    for _ in 0..3000 {
        let mut config = config();
        for sample in &samples {
            let mut sample = sample.clone();
            for _ in 0..random.next() % 3 {
                let at = random.next() as usize % sample.len().min(60);
                sample[at] ^= 1 << (random.next() % 8);
            }
            let length = sample.len();
            let Ok(tiles) = config.tiles(&sample) else {
                continue;
            };
            let fit = tiles.windows(2).all(|pair| pair[0].end <= pair[1].start);
            assert!(fit && tiles.last().is_none_or(|tile| tile.end <= length));
            read += 1;
        }
    }
    assert!(read > 3000, "only {read} mutants were read");
}

fn check(record: &str, colour: Option<(u16, u16, u16, bool)>, expect: Result<&str, &str>) {
    let found = Av1Config::parse(&bytes(record)).map(|config| config.rfc6381("av01", colour));
    assert_eq!(found, expect.map(String::from).map_err(CodecError::new));
}

#[test]
fn records_are_read() {
    check(RECORD, None, Ok("av01.0.00M.08"));
    let info = config().picture_info().unwrap();
    assert_eq!((info.width, info.height, info.colour), (128, 72, None));
    // Without a sequence header: the examples of the specification, and others.
    check(
        "81044e00",
        Some((9, 16, 9, false)),
        Ok("av01.0.04M.10.0.112.09.16.09.0"),
    );
    check("81010c00", None, Ok("av01.0.01M.08"));
    check("81010c00", Some((1, 1, 1, false)), Ok("av01.0.01M.08"));
    check(
        "81010c00",
        Some((1, 1, 1, true)),
        Ok("av01.0.01M.08.0.110.01.01.01.1"),
    );
    check("812d8000", None, Ok("av01.1.13H.08.0.000.01.01.01.0"));
    // What is said of where chroma lies counts for 4:2:0 alone.
    check("814ce900", None, Ok("av01.2.12H.12.0.100.01.01.01.0"));
    check("81001c00", None, Ok("av01.0.00M.08.1.110.01.01.01.0"));
    check(
        "01010c00",
        None,
        Err("marker and version are 0x01, not 0x81"),
    );
    check(
        "82010c00",
        None,
        Err("marker and version are 0x82, not 0x81"),
    );
    check("81610c00", None, Err("profile 3 is not known"));
    check("81012c00", None, Err("the bit depth does not exist"));
    check("81010c", None, Err("the record is cut short"));
    assert!(Av1Config::parse(&bytes("81010c000a0a00")).is_err());
}

/// Another reader, which panics on some of what it refuses.
struct Other(Parser);

impl Other {
    fn new() -> Self {
        Self(Parser::default())
    }

    /// Reads an OBU; gives the bytes of the header if it is a frame's, and keeps references.
    fn read(&mut self, bytes: &[u8]) -> Result<usize, String> {
        let parser = &mut self.0;
        let read = || {
            // Forget that a frame's tiles are awaited.
            for bytes in [&[0x12, 0], bytes] {
                let ObuAction::Process(obu) = parser.read_obu(bytes)? else {
                    return Err("dropped".to_string());
                };
                if obu.header.obu_type != ObuType::Frame {
                    parser.parse_obu(obu)?;
                    continue;
                }
                let header = parser.parse_frame_header_obu(&obu)?;
                parser.ref_frame_update(&header)?;
                return Ok(header.header_bytes);
            }
            Ok(0)
        };
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err("a panic".into()))
    }
}

/// A sequence header with random choices.
fn random_sequence(random: &mut RandomBits) -> Vec<u8> {
    random.start();
    let profile = random.next() % 3;
    random.put(profile, 3);
    random.put(0, 2);
    // No times: the other reader cannot read their 32 bits. libaom's are compared with Shaka Packager.
    random.put(0, 1);
    random.put(0, 1);
    random.put(0, 5);
    random.put(0, 12);
    random.put(5, 5);
    put_size_and_tools(random);
    put_colour(random, profile);
    random.put_chance(2);
    random.put(1, 1);
    random.whole()
}

fn put_size_and_tools(random: &mut RandomBits) {
    let bits = 6 + random.next() % 7;
    random.put(bits - 1, 4);
    random.put(bits - 1, 4);
    random.bits(bits + bits);
    if random.put_chance(4) {
        random.put(5, 4);
        random.put(3, 3);
    }
    random.bits(1 + 2 + 4);
    let has_order_hints = random.put_chance(2);
    random.bits(if has_order_hints { 2 } else { 0 });
    let mut may_force = true;
    if !random.put_chance(2) {
        may_force = random.put_chance(2);
    }
    if may_force && !random.put_chance(2) {
        random.bits(1);
    }
    if has_order_hints {
        let bits = 3 + random.next() % 5;
        random.put(bits, 3);
    }
    random.bits(3);
}

fn put_colour(random: &mut RandomBits, profile: u32) {
    let high = random.put_chance(2);
    let twelve = profile == 2 && high && random.put_chance(2);
    let monochrome = profile != 1 && random.put_chance(4);
    if random.put_chance(4) {
        // BT.709, sRGB and its matrix.
        for code in [1, 13, 6] {
            random.put(code, 8);
        }
    }
    random.bits(1);
    if monochrome {
        return;
    }
    let mut half = profile == 0;
    if twelve {
        half = random.put_chance(2) && random.put_chance(2);
    }
    if half {
        random.put(1, 2);
    }
    random.bits(1);
}

fn random_frame(random: &mut RandomBits, is_key: bool) -> Vec<u8> {
    random.start();
    if is_key {
        random.put(0b0001, 4);
    } else {
        random.put_chance(16);
    }
    random.finish(400)
}

#[test]
fn frame_headers_end_where_another_reader_says() {
    let mut random = RandomBits::new(11);
    let (mut keys, mut others) = (0, 0);
    for _ in 0..1000 {
        let payload = random_sequence(&mut random);
        let sequence = Sequence::parse(&payload).unwrap();
        let mut other = Other::new();
        other.read(&obu(1, &payload)).unwrap();
        let mut references = [None; REFERENCES];
        for index in 0..8 {
            let payload = random_frame(&mut random, index == 0);
            // What the other reader refuses ends the round: then it has other references.
            let Ok(expect) = other.read(&obu(6, &payload)) else {
                break;
            };
            let found = frame::read(&payload, &sequence, &mut references, (0, 0));
            let (_, found) = found.unwrap_or_else(|error| panic!("{error}: {payload:02x?}"));
            assert_eq!(found, expect, "frame {index}: {payload:02x?} {sequence:?}");
            *if index == 0 { &mut keys } else { &mut others } += 1;
        }
    }
    assert!(
        keys > 300 && others > 300,
        "{keys} key frames, {others} others"
    );
}
