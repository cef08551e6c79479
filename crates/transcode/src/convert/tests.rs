//! Words of command lines, and what is said of files that are cut short.

use super::*;
use crate::probe::Light;

fn hdr() -> Track {
    let video = Video {
        width: 1920,
        height: 1080,
        pixel_aspect: 1.0,
        pixel_format: "yuv422p10le".into(),
        bit_depth: 10,
        profile: String::new(),
        level: 0,
        frame_rate: 25.0,
        rate: Some((25, 1)),
        interlaced: false,
        rotation: 0,
        transfer: "smpte2084".into(),
        primaries: "bt2020".into(),
        matrix: "bt2020nc".into(),
        range: "tv".into(),
        light: Some(Light {
            display: Some("G(1,2)B(3,4)R(5,6)WP(7,8)L(10000000,1)".into()),
            content: Some("1000,400".into()),
        }),
    };
    Track {
        index: 0,
        codec: "prores".into(),
        language: "und".into(),
        title: String::new(),
        forced: false,
        hearing_impaired: false,
        bit_rate: 0,
        start: 0.0,
        kind: TrackKind::Video(video),
    }
}

#[test]
fn the_light_of_hdr_is_kept_and_broken_times_are_spread() {
    let mut verdict = Verdict {
        index: 0,
        treatment: Treatment::ToHevc,
        even_times: false,
        loudness: None,
        reason: None,
    };
    let words = codec(0, &hdr(), &verdict);
    let light = ":hdr10=1:master-display=G(1,2)B(3,4)R(5,6)WP(7,8)L(10000000,1):max-cll=1000,400 ";
    assert!(words.contains(light), "{words}");
    assert!(!words.contains("setpts"), "{words}");
    verdict.even_times = true;
    let words = codec(0, &hdr(), &verdict);
    assert!(words.contains("setpts=STARTPTS+N/25/TB,"), "{words}");
}

#[test]
fn a_file_that_ends_early_is_told_from_one_that_is_whole() {
    for (said, told, until, expect) in [
        ("", 60.0, 59.5, None),
        ("", 60.0, 30.0, Some("lasts 60.0 s, and ends after 30.0 s")),
        ("", 0.0, 30.0, None),
        (
            "File ended prematurely at pos. 7",
            0.0,
            30.0,
            Some("is cut short"),
        ),
        // The last picture of a slow video.
        ("", 3.0, 2.2, None),
    ] {
        let found = cut_short(said, told, until);
        let fits = match (&found, expect) {
            (None, None) => true,
            (Some(text), Some(part)) => text.contains(part),
            _ => false,
        };
        assert!(fits, "{said} {told} {until}: {found:?}");
    }
}
