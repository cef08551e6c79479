//! `package --dry-run`: what a package would come to, held against what it comes to, and that nothing stays.

use crate::media;
use crate::support::Scratch;
use serde_json::Value;

/// What a package of an input would come to, and what it came to; both as JSON. The dry run leaves nothing.
#[track_caller]
fn both(scratch: &Scratch, words: &str) -> (Value, Value) {
    let before = scratch.snapshot();
    let foretold = scratch.words(&format!("package {words} --dry-run --json"));
    let foretold = foretold.ok().json();
    assert_eq!(scratch.snapshot(), before, "{words}");
    let made = scratch.words(&format!("package {words} -o out --force --json"));
    (foretold, made.ok().json())
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("no number: {value}"))
}

#[track_caller]
fn near(foretold: &Value, made: &Value, percent: u64) {
    let (foretold, made) = (number(foretold), number(made));
    let off = foretold.abs_diff(made);
    assert!(off * 100 <= made * percent, "{foretold} and {made}");
}

#[test]
fn what_is_packaged_as_it_is_comes_to_what_was_said() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let clip = clip.display();
    let subtitles = media::subtitles(scratch.path(), "film.en.srt");
    let subtitles = subtitles.display();
    for (words, percent) in [
        (format!("{clip} --scheme none"), 0),
        (format!("{clip} {subtitles} --scheme none"), 0),
        (format!("{clip} --scheme none --layout single-file"), 0),
        (format!("{clip}"), 2),
        (format!("{clip} --scheme cenc --layout single-file"), 2),
        (format!("{clip} --scheme cenc --key-labels video,audio"), 2),
    ] {
        let (foretold, made) = both(&scratch, &words);
        assert_eq!(foretold["estimated"], false, "{words}");
        near(&foretold["size"], &made["size"], percent);
        for (foretold, made) in renditions(&foretold).iter().zip(renditions(&made)) {
            for field in ["name", "codec", "segments", "encrypted"] {
                assert_eq!(foretold[field], made[field], "{words}");
            }
        }
        assert_eq!(foretold["warnings"], made["warnings"], "{words}");
    }
}

fn renditions(report: &Value) -> &[Value] {
    report["renditions"].as_array().unwrap()
}

#[test]
fn a_ladder_is_the_one_that_is_made() {
    let scratch = Scratch::new();
    let input = scratch.path().join("film.mp4");
    let picture = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25"];
    let sound = ["-f", "lavfi", "-i", "sine=440:sample_rate=48000"];
    let codecs = ["-t", "9", "-c:v", "libx264", "-g", "50", "-c:a", "aac"];
    let mut words = [&picture[..], &sound, &codecs].concat();
    words.push(input.to_str().unwrap());
    media::ffmpeg(&words);
    let (foretold, made) = both(&scratch, "film.mp4 --ladder auto");
    assert_eq!(foretold["estimated"], true);
    let of = |treatment: &str, kind: &str| -> Vec<Value> {
        let all = renditions(&foretold).iter();
        let wanted = all.filter(|one| one["treatment"] == treatment && one["kind"] == kind);
        wanted.cloned().collect()
    };
    // The source is a rung itself: its key pictures allow it.
    assert_eq!(of("copied", "video").len(), 1, "{foretold}");
    let rungs = of("encoded", "video");
    let ladder = made["ladder"].as_array().unwrap();
    assert_eq!(rungs.len(), ladder.len(), "{foretold}");
    for (foretold, made) in rungs.iter().zip(ladder) {
        for field in ["name", "width", "height", "codec"] {
            assert_eq!(foretold[field], made[field]);
        }
    }
    assert_eq!(renditions(&foretold).len(), renditions(&made).len());
    let segments = renditions(&made)[0]["segments"].as_u64();
    for one in renditions(&foretold) {
        assert!(number(&one["size"]) > 0, "{one}");
        let off = number(&one["segments"]).abs_diff(segments.unwrap());
        assert!(off <= 1, "{one}");
    }
    // What constant quality takes is an estimate: of the right order.
    let (foretold, made) = (number(&foretold["size"]), number(&made["size"]));
    assert!(
        (made / 3..made * 3).contains(&foretold),
        "{foretold} and {made}"
    );
}

#[test]
fn a_conversion_says_what_is_done_with_each_track() {
    let scratch = Scratch::new();
    let input = scratch.path().join("film.mkv");
    let picture = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25"];
    let sound = ["-f", "lavfi", "-i", "sine=440:sample_rate=48000"];
    let codecs = ["-t", "4", "-c:v", "libx264", "-c:a", "pcm_s16le"];
    let mut words = [&picture[..], &sound, &codecs].concat();
    words.push(input.to_str().unwrap());
    media::ffmpeg(&words);
    let (foretold, made) = both(&scratch, "film.mkv");
    let told: Vec<(&Value, &Value)> = renditions(&foretold)
        .iter()
        .map(|one| (&one["kind"], &one["treatment"]))
        .collect();
    assert_eq!(
        told,
        [
            (&"video".into(), &"copied".into()),
            (&"audio".into(), &"encoded".into())
        ]
    );
    assert_eq!(foretold["estimated"], true);
    let notes = foretold["notes"].as_array().unwrap();
    let of_made = made["conversions"][0]["notes"].as_array().unwrap();
    for (foretold, made) in notes.iter().zip(of_made) {
        assert!(foretold.as_str().unwrap().ends_with(made.as_str().unwrap()));
    }
}

#[test]
fn people_read_a_line_a_rendition() {
    let scratch = Scratch::new();
    let words = format!("package {} --dry-run", media::clip().display());
    let run = scratch.words(&words).ok();
    let lines: Vec<&str> = run.stdout().lines().collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].starts_with("video: avc1."), "{lines:?}");
    assert!(lines[0].contains("as it is"), "{lines:?}");
    assert!(lines[2].starts_with("in all: "), "{lines:?}");
    // Without it, there must be a place for the package.
    let words = format!("package {}", media::clip().display());
    scratch.words(&words).fails(2, "--output");
    scratch
        .words("package no.mp4 --dry-run")
        .fails(74, "no.mp4");
}
