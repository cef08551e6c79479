//! Uncompressed headers against another reader (cros-codecs), superframes, and `vpcC`.

use super::*;
use crate::codec::random_bits::RandomBits;
use cros_codecs::codec::vp9::parser::Parser;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Profile 0, level 2.1, 8 bits, 4:2:0, BT.709.
const RECORD: [u8; 12] = [1, 0, 0, 0, 0, 21, 0x82, 1, 1, 1, 0, 0];

fn config() -> Vp9Config {
    Vp9Config::parse(&RECORD, (640, 360)).unwrap()
}

fn one(range: Range<usize>) -> Vec<Range<usize>> {
    [range].into()
}

/// A frame with a random header: the marker, the profile and the synchronisation code are right.
fn random_frame(random: &mut RandomBits, profile: u32, is_key: bool) -> Vec<u8> {
    random.start();
    random.put(2, 2);
    random.put(profile & 1, 1);
    random.put(profile >> 1, 1);
    if profile == 3 {
        random.put(0, 1);
    }
    // No existing frame; kind; shown; error resilient.
    random.put(0, 1);
    random.put(u32::from(!is_key), 1);
    let is_shown = random.chance(2);
    random.put(u32::from(is_shown), 1);
    let resilient = random.chance(2);
    random.put(u32::from(resilient), 1);
    let mut has_sync_code = is_key;
    if !is_key {
        let is_intra = !is_shown && random.chance(2);
        if !is_shown {
            random.put(u32::from(is_intra), 1);
        }
        random.bits(if resilient { 0 } else { 2 });
        has_sync_code = is_intra;
    }
    if has_sync_code {
        random.put(0x49_83_42, 24);
    }
    random.finish(120)
}

#[test]
fn uncompressed_headers_end_where_another_reader_says() {
    let mut random = RandomBits::new(5);
    let mut compared = [0; 4];
    for round in 0..3000 {
        let profile = round % 4;
        let mut parser = Parser::default();
        let mut ours = config();
        for index in 0..6 {
            let frame = random_frame(&mut random, profile, index == 0);
            // The other reader insists on valid code points, and panics when a segment's frames are skipped; what it
            // does not read ends the round.
            let parse = AssertUnwindSafe(|| parser.parse_chunk(&frame));
            let Ok(Ok(theirs)) = catch_unwind(parse) else {
                break;
            };
            let [theirs] = theirs.as_slice() else {
                break;
            };
            let expect = usize::from(theirs.header.uncompressed_header_size_in_bytes);
            match ours.compressed(&frame) {
                Ok(ranges) => assert_eq!(ranges, one(expect..frame.len()), "{frame:02x?}"),
                // The other reader takes frames that have no compressed header, and RGB where it cannot be.
                Err(CodecError(what)) if what.contains("without a compressed") => break,
                Err(CodecError(what)) if what.contains("RGB") && profile % 2 == 0 => break,
                Err(error) => panic!("{error}: {frame:02x?}"),
            }
            compared[profile as usize] += 1;
        }
    }
    assert!(compared.iter().all(|count| *count > 300), "{compared:?}");
}

#[test]
fn frames_of_a_superframe_are_counted_by_its_index() {
    let mut sample = vec![7; 300 + 1 + 40];
    // Three frames, sizes of two bytes.
    let marker = 0b1100_1010;
    sample.extend([marker, 44, 1, 1, 0, 40, 0, marker]);
    assert_eq!(frames(&sample), Ok(vec![0..300, 300..301, 301..341]));
    let last = sample.len() - 2;
    sample[last] = 1;
    assert!(frames(&sample).is_err());
    // Without the marker at its start it is no index.
    let start = sample.len() - 8;
    sample[start] = 0;
    assert_eq!(frames(&sample), Ok(one(0..sample.len())));
    assert_eq!(frames(&[0xc1]), Ok(one(0..1)));
    assert_eq!(frames(&[]), Ok(one(0..0)));
}

#[test]
fn frames_that_show_another_are_clear() {
    // Marker, profile 0, `show_existing_frame`, index 3; profile 3 has a bit more.
    assert_eq!(config().compressed(&[0b1000_1011]), Ok(one(1..1)));
    assert_eq!(config().compressed(&[0b1011_0101, 0x80]), Ok(one(2..2)));
    assert!(config().compressed(&[0b0100_1011]).is_err());
    // One frame of a superframe's index that goes beyond the sample: chance, when it is encrypted.
    let looks_like_index = [0b1000_1011, 0b1100_0000, 0xff, 0b1100_0000];
    assert!(config().compressed(&looks_like_index).is_err());
    assert_eq!(
        config().compressed_of_sealed(&looks_like_index),
        Ok(one(1..4))
    );
    assert!(config().compressed(&[]).is_err());
}

fn check(record: &[u8], size: (u16, u16), expect: Result<&str, &str>) {
    let found = Vp9Config::parse(record, size).map(|config| config.rfc6381("vp09"));
    assert_eq!(found, expect.map(String::from).map_err(CodecError::new));
}

#[test]
fn records_are_read() {
    check(&RECORD, (640, 360), Ok("vp09.00.21.08"));
    let with = |at: usize, value: u8| {
        let mut record = RECORD;
        record[at] = value;
        record
    };
    check(&with(9, 9), (640, 360), Ok("vp09.00.21.08.01.01.01.09.00"));
    check(
        &with(6, 0x83),
        (640, 360),
        Ok("vp09.00.21.08.01.01.01.01.01"),
    );
    // A level that does not exist is told by the size.
    check(&with(5, 0), (1920, 1080), Ok("vp09.00.40.08"));
    check(&with(5, 0), (u16::MAX, u16::MAX), Ok("vp09.00.62.08"));
    check(
        &with(4, 2),
        (640, 360),
        Err("profile 2 with 8 bits does not exist"),
    );
    check(&with(0, 0), (640, 360), Err("version 0 is not known"));
    check(&RECORD[..11], (640, 360), Err("the record is cut short"));
    let config = Vp9Config::parse(&with(5, 0), (640, 360)).unwrap();
    assert_eq!(config.canonical_record(&with(5, 0)), RECORD);
}
