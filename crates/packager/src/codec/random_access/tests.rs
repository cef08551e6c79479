use super::*;
use crate::codec::av1::Av1Config;
use crate::codec::avc::AvcConfig;
use crate::codec::hevc::HevcConfig;
use crate::codec::vp9::Vp9Config;

/// `avcC` of x264, 320×180.
const AVC: &str =
    "0164000dffe1001a6764000dacd941419f9f0110000003001000000303c0f142996001000468ef8fcbfdf8f800";
/// `hvcC` of x265, 320×180.
const HEVC: &str = "0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300\
     0003003c959409a10001002b42010101600000030090000003000003003ca00a080c1f3e595952930bc05a0200\
     00030002000003003c10a2000100064401c073c189";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn avc() -> VideoConfig {
    VideoConfig::Avc(AvcConfig::parse(&bytes(AVC)).unwrap())
}

fn hevc() -> VideoConfig {
    VideoConfig::Hevc(HevcConfig::parse(&bytes(HEVC)).unwrap())
}

fn av1() -> VideoConfig {
    VideoConfig::Av1(Box::new(Av1Config::parse(&[0x81, 0, 0x0c, 0]).unwrap()))
}

fn vp9() -> VideoConfig {
    let record = [1, 0, 0, 0, 0, 21, 0x82, 1, 1, 1, 0, 0];
    VideoConfig::Vp9(Box::new(Vp9Config::parse(&record, (640, 360)).unwrap()))
}

/// What a sample of AV1 or VP9 is.
fn check_sample(config: &VideoConfig, sample: &[u8], expect: RandomAccess) {
    let access = config.random_access(sample.len(), &mut |offset, len| {
        Ok(sample[offset..offset + len].to_vec())
    });
    assert_eq!(access.unwrap(), expect, "{sample:02x?}");
}

/// What a sample is whose NAL units are given by their length and their first bytes, and how much of it was read.
fn look(config: &VideoConfig, units: &[(usize, &str)]) -> (Result<RandomAccess, Error>, usize) {
    let mut sample = Vec::new();
    for (length, start) in units {
        sample.extend((*length as u32).to_be_bytes());
        let mut unit = bytes(start);
        unit.resize(*length, 0x55);
        sample.extend(unit);
    }
    let mut count = 0;
    let access = config.random_access(sample.len(), &mut |offset, len| {
        count += len;
        Ok(sample[offset..offset + len].to_vec())
    });
    (access, count)
}

fn check(config: &VideoConfig, units: &[(usize, &str)], expect: RandomAccess) {
    let (access, count) = look(config, units);
    assert_eq!(access.unwrap(), expect, "{units:?}");
    assert!(count <= 1024, "{count} bytes were read of {units:?}");
}

#[test]
fn pictures_of_x264_are_told_apart() {
    let version = (683, "0605ffffa7dc45e9bde6d948b7962cd820d923ee");
    check(
        &avc(),
        &[version, (3000, "6588840cbffef7")],
        RandomAccess::Closed,
    );
    check(&avc(), &[(1298, "419a23188affb7")], RandomAccess::None);
    // Open groups: a recovery point that takes effect at once.
    let at_once = (5, "060601c480");
    let intra = "4188af85ffd4576d6278";
    check(&avc(), &[at_once, (4127, intra)], RandomAccess::Open);
    check(
        &avc(),
        &[version, at_once, (4127, intra)],
        RandomAccess::Open,
    );
    check(
        &avc(),
        &[(2, "0910"), at_once, (4127, intra)],
        RandomAccess::Open,
    );
    // An intra picture that says nothing, and a predicted one that claims to be right at once.
    check(&avc(), &[(4127, intra)], RandomAccess::None);
    check(
        &avc(),
        &[at_once, (1298, "419a23188affb7")],
        RandomAccess::None,
    );
    // Refreshed column by column.
    let later = (6, "06060209c480");
    check(
        &avc(),
        &[later, (1883, "419be3111ffe2c2ea10f")],
        RandomAccess::Gradual,
    );
}

#[test]
fn a_recovery_point_behind_other_messages_is_found() {
    let mut message = String::from("0604ff05");
    message.push_str(&"77".repeat(0xff + 5));
    message.push_str("0601c480");
    let unit = (message.len() / 2, message.as_str());
    check(
        &avc(),
        &[unit, (900, "4188af85ffd4576d6278")],
        RandomAccess::Open,
    );
    // Emulation prevention counts for nothing.
    let unit = (11, "060403000003010601c480");
    check(
        &avc(),
        &[unit, (900, "4188af85ffd4576d6278")],
        RandomAccess::Open,
    );
}

#[test]
fn pictures_of_hevc_are_told_by_their_kind() {
    let at = |kind: u8| format!("{:02x}01af0858bd5ce5", kind << 1);
    for (kind, expect) in [
        (0, RandomAccess::None),
        (1, RandomAccess::None),
        (8, RandomAccess::None),
        (9, RandomAccess::None),
        (16, RandomAccess::Open),
        (17, RandomAccess::Closed),
        (18, RandomAccess::Closed),
        (19, RandomAccess::Closed),
        (20, RandomAccess::Closed),
        (21, RandomAccess::Open),
    ] {
        check(&hevc(), &[(7, "46010150405180"), (3000, &at(kind))], expect);
    }
    // A recovery point some pictures ahead (payload 6, count 3), and a slice of another layer.
    check(
        &hevc(),
        &[(6, "4e010602c080"), (500, &at(1))],
        RandomAccess::None,
    );
    check(
        &hevc(),
        &[(6, "4e0106013080"), (500, &at(1))],
        RandomAccess::Gradual,
    );
    check(
        &hevc(),
        &[(500, "280900"), (500, &at(1))],
        RandomAccess::None,
    );
}

#[test]
fn the_first_frame_of_av1_decides() {
    // A sequence header whose still pictures are not reduced, and one whose are.
    let sequence = [0x0a, 3, 0, 0, 0];
    let reduced = [0x0a, 3, 0b0001_1000, 0, 0];
    let check = |sequence: &[u8], first: u8, expect: RandomAccess| {
        for kind in [3_u8, 6] {
            let mut sample = vec![0x12, 0];
            sample.extend_from_slice(sequence);
            sample.extend([kind << 3 | 2, 4, first, 0, 0, 0]);
            // Whatever comes behind.
            sample.extend([0x32, 2, 0b0001_0000, 0]);
            check_sample(&av1(), &sample, expect);
        }
    };
    // `show_existing_frame`, kind (key, inter, intra only, switch), shown.
    check(&sequence, 0b0001_0000, RandomAccess::Closed);
    check(&sequence, 0b0000_1000, RandomAccess::Gradual);
    check(&sequence, 0b0011_0000, RandomAccess::None);
    check(&sequence, 0b0101_0000, RandomAccess::None);
    check(&sequence, 0b0111_0000, RandomAccess::None);
    check(&sequence, 0b1001_0000, RandomAccess::None);
    check(&reduced, 0b1001_0000, RandomAccess::Closed);
    check_sample(&av1(), &[0x12, 0], RandomAccess::None);
    check_sample(&av1(), &[], RandomAccess::None);
    let broken = av1().random_access(4, &mut |offset, len| {
        Ok([0x32, 9, 0x10, 0][offset..offset + len].to_vec())
    });
    assert!(matches!(broken, Err(Error::InvalidInput(_))), "{broken:?}");
}

#[test]
fn the_first_frame_of_vp9_decides() {
    // Marker, profile, `show_existing_frame`, kind, shown, error resilient.
    check_sample(&vp9(), &[0b1000_0010, 0x49], RandomAccess::Closed);
    check_sample(&vp9(), &[0b1000_0000, 0x49], RandomAccess::Closed);
    check_sample(&vp9(), &[0b1000_0110, 0x49], RandomAccess::None);
    check_sample(&vp9(), &[0b1000_1010], RandomAccess::None);
    // Profile 3 has a bit more.
    check_sample(&vp9(), &[0b1011_0001, 0], RandomAccess::Closed);
    check_sample(&vp9(), &[0b1011_0011, 0], RandomAccess::None);
    let broken = vp9().random_access(1, &mut |_, _| Ok(vec![0]));
    assert!(matches!(broken, Err(Error::InvalidInput(_))), "{broken:?}");
}

#[test]
fn samples_without_a_slice_and_broken_ones() {
    check(&avc(), &[], RandomAccess::None);
    check(&avc(), &[(0, ""), (2, "0910")], RandomAccess::None);
    let broken = [0, 0, 0, 9, 1, 2];
    for size in [1, 3, 6] {
        let access = avc().random_access(size, &mut |offset, len| {
            Ok(broken[offset..offset + len].to_vec())
        });
        assert!(matches!(access, Err(Error::InvalidInput(_))), "{access:?}");
    }
    let (access, _) = look(&avc(), &vec![(2, "0910"); MAX_UNITS]);
    assert!(matches!(access, Err(Error::LimitExceeded(_))), "{access:?}");
    let short = avc().random_access(100, &mut |_, _| Ok(Vec::new()));
    assert!(matches!(short, Err(Error::InvalidInput(_))), "{short:?}");
}
