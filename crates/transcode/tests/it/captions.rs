//! Closed captions within pictures.

use crate::support::{generate, tools};
use std::fs;
use std::path::Path;
use transcode::{Complaints, Unwatched, convert_until, probe};

/// Pairs of bytes of CEA-608, one a picture, for field 1: a line that pops on at the 13th picture and goes after the 60th.
fn captions() -> Vec<[u8; 2]> {
    let twice = |pair: [u8; 2]| [pair, pair];
    let mut pairs: Vec<[u8; 2]> = Vec::new();
    // Resume caption loading, row 15.
    pairs.extend(twice([0x14, 0x20]));
    pairs.extend(twice([0x14, 0x70]));
    pairs.extend(b"GOOD DAY".chunks(2).map(|pair| [pair[0], pair[1]]));
    // End of caption: it is shown.
    pairs.extend(twice([0x14, 0x2f]));
    pairs.resize(60, [0, 0]);
    // Erase displayed memory.
    pairs.extend(twice([0x14, 0x2c]));
    pairs
}

/// A NAL unit of supplemental information with a pair (ATSC A/53 part 4, 6.2.3).
fn information(pair: [u8; 2]) -> Vec<u8> {
    let odd = |byte: u8| byte | u8::from(byte.count_ones().is_multiple_of(2)) << 7;
    let [first, second] = pair.map(odd);
    let data = [
        0xb5, 0, 0x31, b'G', b'A', b'9', b'4', 3, 0x41, 0xff, 0xfc, first, second, 0xff,
    ];
    let mut unit = vec![0, 0, 0, 1, 6, 4, data.len() as u8];
    unit.extend(data);
    unit.push(0x80);
    unit
}

/// Writes H.264 with captions: `raw` begins each picture with an access unit delimiter.
fn put_in(raw: &[u8], pairs: &[[u8; 2]]) -> Vec<u8> {
    let mut pairs = pairs.iter();
    let mut made = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        let rest = &raw[at..];
        let kind = match rest {
            [0, 0, 1, header, ..] => header & 0x1f,
            _ => 0,
        };
        if matches!(kind, 1 | 5) {
            made.pop_if(|zero| *zero == 0);
            made.extend(information(*pairs.next().unwrap_or(&[0, 0])));
            made.push(0);
        }
        made.push(raw[at]);
        at += 1;
    }
    made
}

fn converted(path: &Path, out: &Path) -> Vec<(String, bool, String)> {
    fs::create_dir(out).expect("a folder");
    let facts = probe(&tools(), path, &Unwatched).expect("facts");
    let nothing = |_: &Path| Complaints::default();
    let before = Complaints::default();
    let done = convert_until(&tools(), path, &facts, before, out, &Unwatched, &nothing);
    let (_, converted) = done.expect("converted");
    assert!(converted.warnings.is_empty(), "{:?}", converted.warnings);
    let left = fs::read_dir(out).expect("files").count();
    assert_eq!(left, 1 + converted.subtitles.len(), "nothing else is left");
    let texts = converted.subtitles.iter().map(|text| {
        let words = fs::read_to_string(&text.path).expect("WebVTT");
        (text.language.clone(), text.hearing_impaired, words)
    });
    texts.collect()
}

#[test]
fn captions_become_text_for_the_hard_of_hearing() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let words = "-f lavfi -i testsrc2=size=320x180:rate=30:duration=3 -c:v libx264 -preset ultrafast -bf 0 -pix_fmt yuv420p \
                 -x264-params aud=1:slices=1 -f h264";
    generate(words, &at("raw.264"));
    let raw = fs::read(at("raw.264")).expect("read");
    fs::write(at("with.264"), put_in(&raw, &captions())).expect("written");
    for name in ["it's [a] name, isn't it; %d.ts", "b.mkv"] {
        let words = format!("-r 30 -f h264 -i {} -c copy", at("with.264").display());
        generate(&words, &at(name));
        let texts = converted(&at(name), &at(&format!("{name}-out")));
        let [(language, is_for_deaf, text)] = texts.as_slice() else {
            panic!("{name}: {texts:?}");
        };
        assert!(language == "und" && *is_for_deaf, "{name}");
        assert!(text.contains("GOOD DAY") && text.contains("-->"), "{text}");
    }
    // A place that is empty is no text, and most videos have none.
    fs::write(at("empty.264"), put_in(&raw, &[])).expect("written");
    for name in ["empty", "raw"] {
        let raw = at(&format!("{name}.264"));
        let words = format!("-r 30 -f h264 -i {} -c copy", raw.display());
        generate(&words, &at(&format!("{name}.ts")));
        let texts = converted(&at(&format!("{name}.ts")), &at(name));
        assert!(texts.is_empty(), "{name}: {texts:?}");
    }
}
