//! Lengths of slice headers, against headers written bit by bit and against another reader.

#[path = "../../../tests/it/avc_writer.rs"]
#[allow(dead_code)]
mod avc_writer;

use super::AvcConfig;
use avc_writer::{BitWriter, Pps, Random, SliceHeader, SliceKind, Sps, nal_unit};
use cros_codecs::codec::h264::parser::{Nalu, Parser};
use std::io::Cursor;

fn record(sps: &[Vec<u8>], pps: &[Vec<u8>]) -> Vec<u8> {
    let mut record = vec![1, sps[0][1], sps[0][2], sps[0][3], 0xff];
    record.push(0xe0 | sps.len() as u8);
    for nal in sps {
        record.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        record.extend_from_slice(nal);
    }
    record.push(pps.len() as u8);
    for nal in pps {
        record.extend_from_slice(&(nal.len() as u16).to_be_bytes());
        record.extend_from_slice(nal);
    }
    record
}

fn config(sps: &Sps, pps: &Pps) -> AvcConfig {
    AvcConfig::parse(&record(&[sps.nal()], &[pps.nal()])).unwrap()
}

/// What cros-codecs says: bytes up to the end of the slice header, NAL header and emulation prevention
/// included.
fn other_reader(sps: &Sps, pps: &Pps, nal: &[u8]) -> Result<usize, String> {
    let mut parser = Parser::default();
    let annex_b = |nal: &[u8]| [&[0, 0, 1][..], nal].concat();
    let (sps, pps, slice) = (annex_b(&sps.nal()), annex_b(&pps.nal()), annex_b(nal));
    parser.parse_sps(&Nalu::next(&mut Cursor::new(sps.as_slice()))?)?;
    parser.parse_pps(&Nalu::next(&mut Cursor::new(pps.as_slice()))?)?;
    let nalu = Nalu::next(&mut Cursor::new(slice.as_slice()))?;
    let header = parser.parse_slice_header(nalu)?.header;
    Ok(header.header_bit_size.div_ceil(8) + header.n_emulation_prevention_bytes)
}

/// The header's length is what was written and what another reader finds, whatever data follow.
fn check(sps: &Sps, pps: &Pps, header: &SliceHeader) {
    let config = config(sps, pps);
    for (seed, length) in [(1, 400), (2, 40), (3, 3)] {
        let data = Random(seed).bytes(length);
        let (nal, expect) = header.slice(sps, pps, &data);
        let found = config.slice_header_len(&nal);
        assert_eq!(found, Ok(expect), "{header:?} {pps:?} {sps:?}");
        // Data that begin with zeros may need emulation prevention right behind the header.
        let (nal, expect) = header.slice(sps, pps, &[0, 0, 0, 1, 0, 0, 2, 9, 9, 9]);
        assert_eq!(config.slice_header_len(&nal), Ok(expect), "{header:?}");
    }
    let (nal, expect) = header.slice(sps, pps, &Random(4).bytes(200));
    // The other reader knows no SP and SI slices and no slice groups in detail.
    if !matches!(header.kind, SliceKind::Sp | SliceKind::Si)
        && pps.slice_group_change_rate.is_none()
    {
        let other = other_reader(sps, pps, &nal);
        assert_eq!(other, Ok(expect), "{header:?} {pps:?} {sps:?}");
    }
}

fn predicted() -> SliceHeader {
    SliceHeader {
        kind: SliceKind::P,
        frame_num: 7,
        poc: 12,
        ..SliceHeader::default()
    }
}

fn bidirectional() -> SliceHeader {
    SliceHeader {
        kind: SliceKind::B,
        reference: 0,
        ..predicted()
    }
}

#[test]
fn headers_of_cabac_and_cavlc_pictures_are_measured() {
    for cabac in [true, false] {
        let pps = Pps {
            cabac,
            ..Pps::default()
        };
        for header in [SliceHeader::idr(3), predicted(), bidirectional()] {
            check(&Sps::default(), &pps, &header);
            let several = SliceHeader {
                whole_picture: false,
                first_macroblock: 119,
                ..header
            };
            check(&Sps::default(), &pps, &several);
        }
    }
}

#[test]
fn reordering_and_marking_are_passed_over() {
    let header = SliceHeader {
        modifications: [vec![(0, 3), (1, 200), (2, 1)], Vec::new()],
        marking: vec![
            (1, vec![4]),
            (2, vec![1]),
            (3, vec![0, 2]),
            (4, vec![3]),
            (5, vec![]),
            (6, vec![2]),
        ],
        reference_counts: Some([5, 2]),
        ..predicted()
    };
    check(&Sps::default(), &Pps::default(), &header);
    let header = SliceHeader {
        modifications: [vec![(0, 0)], vec![(1, 1), (0, 9)]],
        reference_counts: Some([2, 4]),
        ..bidirectional()
    };
    check(&Sps::default(), &Pps::default(), &header);
}

#[test]
fn weight_tables_are_passed_over() {
    let pps = Pps {
        weighted: true,
        weighted_bi: 1,
        reference_counts: [4, 3],
        ..Pps::default()
    };
    for explicit_weights in [false, true] {
        for header in [predicted(), bidirectional()] {
            let header = SliceHeader {
                explicit_weights,
                ..header
            };
            check(&Sps::default(), &pps, &header);
            let more = SliceHeader {
                reference_counts: Some([8, 8]),
                ..header
            };
            check(&Sps::default(), &pps, &more);
        }
    }
    // Implicit weights bring no table.
    let implicit = Pps {
        weighted_bi: 2,
        ..pps
    };
    check(&Sps::default(), &implicit, &bidirectional());
    let monochrome = Sps {
        chroma_format: 0,
        ..Sps::default()
    };
    let explicit = SliceHeader {
        explicit_weights: true,
        ..predicted()
    };
    check(&monochrome, &pps_weighted(), &explicit);
}

fn pps_weighted() -> Pps {
    Pps {
        weighted: true,
        weighted_bi: 1,
        ..Pps::default()
    }
}

#[test]
fn fields_and_both_orders_of_pictures_are_measured() {
    for poc_type in 0..3 {
        for bottom_field_order in [false, true] {
            for delta_always_zero in [false, true] {
                let sps = Sps {
                    poc_type,
                    delta_always_zero,
                    frame_only: false,
                    frame_num_bits: 9,
                    poc_bits: 16,
                    ..Sps::default()
                };
                let pps = Pps {
                    bottom_field_order,
                    ..Pps::default()
                };
                for field in [None, Some(false), Some(true)] {
                    for header in [SliceHeader::idr(65_535), predicted(), bidirectional()] {
                        check(&sps, &pps, &SliceHeader { field, ..header });
                    }
                }
            }
        }
    }
}

#[test]
fn rare_fields_are_measured() {
    let separate = Sps {
        profile: 244,
        chroma_format: 3,
        separate_planes: true,
        ..Sps::default()
    };
    check(&separate, &pps_weighted(), &predicted());
    let redundant = Pps {
        redundant: true,
        deblocking_control: false,
        ..Pps::default()
    };
    check(&Sps::default(), &redundant, &predicted());
    for deblocking in 0..3 {
        let header = SliceHeader {
            deblocking,
            ..bidirectional()
        };
        check(&Sps::default(), &Pps::default(), &header);
    }
    for kind in [SliceKind::Sp, SliceKind::Si] {
        let header = SliceHeader {
            kind,
            ..predicted()
        };
        check(&Sps::default(), &pps_weighted(), &header);
    }
    for rate in [1, 7, 120, 239, 240, 241] {
        let groups = Pps {
            slice_group_change_rate: Some(rate),
            ..Pps::default()
        };
        check(&Sps::default(), &groups, &predicted());
    }
}

#[test]
fn emulation_prevention_within_a_header_counts() {
    // Twelve zero bits of the frame number and the order of the picture make three zero bytes.
    let sps = Sps {
        frame_num_bits: 16,
        poc_bits: 16,
        ..Sps::default()
    };
    let header = SliceHeader {
        frame_num: 0,
        poc: 0,
        ..predicted()
    };
    let pps = Pps::default();
    let (nal, length) = header.slice(&sps, &pps, &[0xff; 20]);
    let plain = 1 + header.write(&sps, &pps).count().div_ceil(8);
    assert_eq!(length, plain + 1, "{nal:02x?}");
    check(&sps, &pps, &header);
    // Any value of the fields, so that zeros fall on every place.
    for value in 0..256 {
        let header = SliceHeader {
            frame_num: value << 4,
            poc: value,
            first_macroblock: value % 5,
            ..predicted()
        };
        check(&sps, &pps, &header);
    }
}

#[test]
fn parameter_sets_are_chosen_by_their_ids() {
    let small = Sps::default();
    let large = Sps {
        id: 3,
        frame_num_bits: 12,
        poc_bits: 14,
        ..Sps::default()
    };
    let of_small = Pps::default();
    let of_large = Pps {
        id: 9,
        sps_id: 3,
        cabac: false,
        weighted: true,
        ..Pps::default()
    };
    let record = record(
        &[small.nal(), large.nal()],
        &[of_small.nal(), of_large.nal()],
    );
    let mut config = AvcConfig::parse(&record).unwrap();
    for (sps, pps) in [(&small, &of_small), (&large, &of_large)] {
        let (nal, expect) = predicted().slice(sps, pps, &[0x55; 30]);
        assert_eq!(config.slice_header_len(&nal), Ok(expect));
    }
    // One that is sent again among the samples replaces the old one.
    let again = Pps {
        deblocking_control: false,
        weighted: true,
        ..Pps::default()
    };
    config.learn(&again.nal()).unwrap();
    let (nal, expect) = predicted().slice(&small, &again, &[0x55; 30]);
    assert_eq!(config.slice_header_len(&nal), Ok(expect));
    let missing = Pps {
        id: 5,
        ..Pps::default()
    };
    let (nal, _) = predicted().slice(&small, &missing, &[0x55; 30]);
    let error = config.slice_header_len(&nal).unwrap_err().to_string();
    assert!(error.contains("picture parameter set 5"), "{error}");
}

#[test]
fn a_header_that_is_cut_short_is_an_error() {
    let (sps, pps) = (Sps::default(), pps_weighted());
    let config = config(&sps, &pps);
    let header = SliceHeader {
        explicit_weights: true,
        marking: vec![(1, vec![2])],
        ..predicted()
    };
    let (nal, length) = header.slice(&sps, &pps, &[]);
    for cut in 0..length {
        assert!(
            config.slice_header_len(&nal[..cut]).is_err(),
            "cut at {cut}"
        );
    }
    assert_eq!(config.slice_header_len(&nal), Ok(length));
    // Data partitioning has slice headers of another form.
    assert!(config.slice_header_len(&[0x42, 0x88, 0x80]).is_err());
}

#[test]
fn garbage_never_panics_and_never_gives_more_than_the_unit() {
    let mut random = Random(0x5eed);
    let mut config = config(&Sps::default(), &pps_weighted());
    for round in 0..20_000 {
        let length = random.below(60) as usize;
        let mut nal = random.bytes(length);
        if let Some(first) = nal.first_mut() {
            *first = match round % 4 {
                0 => 0x67,
                1 => 0x68,
                2 => 0x65,
                _ => 0x41,
            };
        }
        if let Ok(length) = config.slice_header_len(&nal) {
            assert!(length <= nal.len());
        }
        // A broken set may replace a good one; whatever it says must stay harmless.
        let _ = config.learn(&nal);
        let _ = AvcConfig::parse(&nal);
    }
    for cut in 0..60 {
        let whole = record(&[Sps::default().nal()], &[Pps::default().nal()]);
        let _ = AvcConfig::parse(&whole[..cut.min(whole.len())]);
    }
}

#[test]
fn records_say_size_codec_and_pixel_aspect() {
    let sps = Sps {
        pixel_aspect: Some((4, 3)),
        frame_only: false,
        height_in_map_units: 9,
        ..Sps::default()
    };
    let config = config(&sps, &Pps::default());
    let info = config.picture_info().unwrap();
    assert_eq!((info.width, info.height), (320, 288));
    assert_eq!(info.sample_aspect_ratio, Some((4, 3)));
    assert_eq!(config.rfc6381("avc1"), "avc1.64001f");
    assert_eq!(config.nal_length_size(), 4);
}

#[test]
fn a_record_that_lies_is_refused() {
    let good = record(&[Sps::default().nal()], &[Pps::default().nal()]);
    let refused = |change: &dyn Fn(&mut Vec<u8>), part: &str| {
        let mut bytes = good.clone();
        change(&mut bytes);
        let error = AvcConfig::parse(&bytes).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    refused(&|bytes| bytes[0] = 2, "version 2");
    refused(&|bytes| bytes[4] = 0xfe, "3 bytes");
    refused(&|bytes| bytes[5] = 0xe2, "longer than the record");
    refused(&|bytes| bytes[7] = 0xff, "longer than the record");
    refused(&|bytes| bytes.truncate(5), "cut short");
    // A picture of no pixels: the crop takes all away.
    let mut w = BitWriter::default();
    w.bits(66, 8).bits(0, 8).bits(30, 8);
    w.ue(0).ue(0).ue(2).ue(1).bit(false).ue(0).ue(0).bit(true);
    w.bit(true).bit(true).ue(4).ue(4).ue(0).ue(0).bit(false);
    let sps = nal_unit(0x67, &w.trailing());
    assert!(AvcConfig::parse(&record(&[sps], &[Pps::default().nal()])).is_err());
}
