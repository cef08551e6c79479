use super::*;

/// `hvcC` of x265: 320×180, wavefronts, B pictures.
const RECORD: &str = "0101600000009000000000003cf000fcfdf8f800000f03a00001001840010c01ffff0160000003009000000300\
     0003003c959409a10001002b42010101600000030090000003000003003ca00a080c1f3e595952930bc05a0200\
     00030002000003003c10a2000100064401c073c189";

/// NAL units of its first pictures, cut some bytes behind the slice header, and where the header ends according to
/// `trace_headers` of ffmpeg: an IDR picture, a P and a B picture.
const SLICES: [(&str, usize); 3] = [
    ("2801ac2130ba0ae9565a5043f0a224bcf1", 13),
    ("0201d021498810985420b816494a4fdffd4d5b", 15),
    ("0201e0449560812184d71260756246e12a5feb", 15),
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

#[test]
fn a_record_is_read() {
    let config = HevcConfig::parse(&bytes(RECORD)).unwrap();
    assert_eq!(config.rfc6381("hvc1"), "hvc1.1.6.L60.90");
    assert_eq!(config.nal_length_size(), 4);
    let info = config.picture_info().unwrap();
    assert_eq!((info.width, info.height), (320, 180));
}

#[test]
fn slice_headers_end_where_the_data_begin() {
    let config = HevcConfig::parse(&bytes(RECORD)).unwrap();
    for (nal, length) in SLICES {
        let nal = bytes(nal);
        assert!(is_vcl(nal[0]));
        assert_eq!(config.slice_header_len(&nal), Ok(length));
        for cut in 0..length {
            assert!(config.slice_header_len(&nal[..cut]).is_err(), "{cut}");
        }
    }
}

#[test]
fn no_bytes_cause_a_panic() {
    let record = bytes(RECORD);
    let slices = SLICES.map(|(nal, _)| bytes(nal));
    let mut state = 0x9e37_79b9_u32;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as usize % below
    };
    let mut read = 0;
    for _ in 0..20_000 {
        let mut record = record.clone();
        for _ in 0..random(4) {
            let at = random(record.len());
            record[at] ^= 1 << random(8);
        }
        record.truncate(record.len() - random(3) * random(8));
        let Ok(config) = HevcConfig::parse(&record) else {
            continue;
        };
        for slice in &slices {
            let mut slice = slice.clone();
            let at = random(slice.len());
            slice[at] ^= 1 << random(8);
            read += usize::from(config.slice_header_len(&slice).is_ok());
        }
    }
    assert!(read > 1000, "only {read} mutants were read");
}
