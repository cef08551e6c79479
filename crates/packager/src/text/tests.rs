//! Files of subtitles in, files and segments out.

use super::*;
use crate::MemorySource;

fn read(bytes: &[u8]) -> Subtitles {
    let source = MemorySource(bytes.to_vec());
    let format = recognise(&source).unwrap().expect("subtitles");
    super::read(&source, format).expect("cues")
}

/// Reads a file and compares what is written of it, behind the head.
fn check(input: impl AsRef<[u8]>, expect: &str) {
    let subtitles = read(input.as_ref());
    let whole = subtitles.write_whole(0, u64::MAX);
    assert_eq!(whole.strip_prefix("WEBVTT\n\n"), Some(expect));
    // What was written is read as the same.
    let again = read(whole.as_bytes());
    let (first, second): (Vec<_>, Vec<_>) = (subtitles.cues().collect(), again.cues().collect());
    assert_eq!(first, second);
    assert_eq!(subtitles.blocks, again.blocks);
    assert_eq!(again.notes, [""; 0]);
}

/// The notes of a file hold these parts.
fn check_notes(input: impl AsRef<[u8]>, parts: &[&str]) {
    let notes = read(input.as_ref()).notes;
    assert_eq!(notes.len(), parts.len(), "{notes:?}");
    for (note, part) in notes.iter().zip(parts) {
        assert!(note.contains(part), "{note}: {part}");
    }
}

#[test]
fn text_webvtt_keeps_settings_identifiers_and_markup() {
    let file = "WEBVTT - a title\nKind: captions\nLanguage: en\n\nNOTE of the maker\nmore\n\nSTYLE\n::cue(b) {\n  color: red;\n}\n\nREGION\nid:fred\nwidth:40%\n\nfirst\n00:01.500 --> 00:04.000 region:fred align:start position:10%,line-left\n<v Mary>Hello <b.loud>you</b> &amp; <00:02.000>all\n- second line\n\n100:00:00.000 --> 100:00:01.000\nlate\n";
    check(
        file,
        "STYLE\n::cue(b) {\n  color: red;\n}\n\nREGION\nid:fred\nwidth:40%\n\nfirst\n00:00:01.500 --> 00:00:04.000 region:fred align:start position:10%,line-left\n<v Mary>Hello <b.loud>you</b> &amp; <00:02.000>all\n- second line\n\n100:00:00.000 --> 100:00:01.000\nlate\n\n",
    );
    assert_eq!(read(file.as_bytes()).language.as_deref(), Some("en"));
    check_notes(file, &[]);
}

#[test]
fn text_webvtt_is_read_as_browsers_read_it() {
    let cue = "00:00:01.000 --> 00:00:02.000\nA\n\n";
    check("WEBVTT\n00:01.000 --> 00:02.000\nA", cue);
    check("\u{feff}WEBVTT\r\n\r\n00:01.000-->00:02.000\r\nA\r\n", cue);
    check("WEBVTT\t\r\r00:01.000 --> 00:02.000\rA", cue);
    // A line of times ends the cue before it.
    check(
        "WEBVTT\n\n00:01.000 --> 00:02.000\nA\n00:03.000 --> 00:04.000\nB",
        &format!("{cue}00:00:03.000 --> 00:00:04.000\nB\n\n"),
    );
    // Cues without text, without an end, and in no order.
    check(
        "WEBVTT\n\n00:05.000 --> 00:06.000\n\n\n00:01.000 --> 00:02.000\nA",
        &format!("{cue}00:00:05.000 --> 00:00:06.000\n\n"),
    );
    check("WEBVTT", "");
    check(
        "WEBVTT\n\n00:01.000 --> 00:02.000\nA\0B",
        &cue.replace('A', "A\u{fffd}B"),
    );
}

#[test]
fn text_webvtt_bad_cues_are_counted() {
    let bad = "WEBVTT\n\n00:01,000 --> 00:02,000\ncomma\n\n-00:01.000 --> 00:02.000\nnegative\n\n00:61.000 --> 00:62.000\nseconds\n\n99999999999999999999:00:00.000 --> 00:62.000\nhours\n\nlost words\n\n1000:00:00.000 --> 1000:00:01.000\nthe end of time\n\n00:05.000 --> 00:05.000\nstill\n\nid\n00:06.000 --> 00:07.000\nA\n\nid\n00:08.000 --> 00:09.000\nB\n\n";
    check_notes(
        bad,
        &[
            "could not be read and is left out: 6",
            "lasts no time and is left out: 1",
            "identifier of another, which is left out: 1",
        ],
    );
    assert_eq!(read(bad.as_bytes()).count(), 2);
    check_notes(
        "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:00:00.000\n\n",
        &["X-TIMESTAMP-MAP"],
    );
    check_notes(b"WEBVTT\n\n00:01.000 --> 00:02.000\nA\xff", &["no UTF-8"]);
}

#[test]
fn text_srt_becomes_webvtt() {
    check(
        "1\r\n00:00:01,000 --> 00:00:02,500 X1:10 X2:20\r\n<I>Hello</I> <font color=\"red\">red</font> & <3 a < b\r\n{\\an8}top {\\fs10}{as is} a --> b\r\n\r\n2\r\n00:00:02,000 --> 00:00:03,000\r\nAT&amp;T\r\n",
        "00:00:01.000 --> 00:00:02.500 line:0\n<i>Hello</i> red &amp; &lt;3 a &lt; b\ntop {as is} a --&gt; b\n\n00:00:02.000 --> 00:00:03.000\nAT&amp;T\n\n",
    );
}

#[test]
fn text_srt_is_read_as_players_read_it() {
    let two = "00:00:01.000 --> 00:00:02.000\nA\n\n00:00:03.000 --> 00:00:04.000\nB\n\n";
    // No empty line, no counter, an empty line too much, a point, spaces, another order.
    check(
        "1\n00:00:01,000 --> 00:00:02,000\nA\n2\n00:00:03,000 --> 00:00:04,000\nB",
        two,
    );
    check(
        "00:00:01,000 --> 00:00:02,000\nA\n\n00:00:03,000 --> 00:00:04,000\nB",
        two,
    );
    check(
        "\n\n1\n00:00:01.000-->00:00:02.000 \n\nA\n\n\n2\n 00:00:03,000  -->  00:00:04,000\nB\n\n",
        two,
    );
    check(
        "2\n0:0:3,0 --> 0:0:4,0\nB\n\n1\n00:01,000 --> 00:02,000\nA",
        two,
    );
    // A number that is text.
    check(
        "1\n00:00:01,000 --> 00:00:02,000\n1984\n\n2\n00:00:03,000 --> 00:00:04,000\n\nB\n\nC",
        "00:00:01.000 --> 00:00:02.000\n1984\n\n00:00:03.000 --> 00:00:04.000\nB\nC\n\n",
    );
    check_notes(
        "1\n00:00:01,000 --> 00:00:02,000\nA\n\n2\n00:00:xx,000 --> 00:00:04,000\nB\n\n3\n-00:00:01,000 --> 00:00:04,000\nC",
        &["could not be read and is left out: 2"],
    );
}

#[test]
fn text_is_decoded() {
    let srt = "1\n00:00:01,000 --> 00:00:02,000\nDéjà vu — œuvre\n";
    let vtt = "00:00:01.000 --> 00:00:02.000\nDéjà vu — œuvre\n\n";
    check(srt, vtt);
    check(format!("\u{feff}{srt}"), vtt);
    let units: Vec<u16> = format!("\u{feff}{srt}").encode_utf16().collect();
    let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
    let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    check(big, vtt);
    check(little, vtt);
    let (old, _, _) = encoding_rs::WINDOWS_1252.encode(srt);
    check_notes(&old, &["Windows-1252"]);
    assert_eq!(
        read(&old).write_whole(0, u64::MAX),
        format!("WEBVTT\n\n{vtt}")
    );
}

#[test]
fn text_of_other_formats_is_named() {
    for (start, name) in [
        ("[Script Info]\nTitle: x", "ASS"),
        (
            "<?xml version=\"1.0\"?>\n<tt xmlns=\"http://www.w3.org/ns/ttml\">",
            "TTML",
        ),
        ("<SAMI>", "SAMI"),
    ] {
        let error = recognise(&MemorySource(start.into())).unwrap_err();
        assert!(
            matches!(&error, Error::Unsupported(what) if what.contains(name)),
            "{error}"
        );
    }
    for other in [
        "",
        "WEBVTTX",
        "hello",
        "12\nhello\n",
        "\0\0\0\x18ftypisom",
        "webvtt",
    ] {
        assert_eq!(
            recognise(&MemorySource(other.into())).unwrap(),
            None,
            "{other}"
        );
    }
}

#[test]
fn text_segments_hold_what_is_shown_in_them() {
    let subtitles = read(b"WEBVTT\n\nSTYLE\n::cue {}\n\na\n00:01.000 --> 00:03.000\nA\n\nb\n00:02.000 --> 00:09.000\nB\n\nc\n00:04.000 --> 00:05.000\nC\n");
    let ids = |start, end| -> Vec<String> {
        let segment = subtitles.write_segment(start, end);
        let head = "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n\nSTYLE\n::cue {}\n\n";
        assert!(segment.starts_with(head), "{segment}");
        read(segment.as_bytes())
            .cues()
            .map(|cue| cue.id.to_string())
            .collect()
    };
    assert_eq!(ids(0, 1000), [""; 0]);
    assert_eq!(ids(0, 2000), ["a"]);
    assert_eq!(ids(2000, 4000), ["a", "b"]);
    assert_eq!(ids(3000, 4000), ["b"]);
    assert_eq!(ids(4000, 6000), ["b", "c"]);
    assert_eq!(ids(9000, u64::MAX), [""; 0]);
    let cue = "00:00:02.000 --> 00:00:09.000\nB\n";
    assert!(subtitles.write_segment(8000, 9000).contains(cue));
}

#[test]
fn text_segments_beyond_the_turn_of_the_clock_are_placed() {
    let subtitles = read(b"WEBVTT\n\n26:40:00.000 --> 26:40:01.000\nA\n");
    let segment = subtitles.write_segment(96_000_000, 96_004_000);
    // 2^33 ticks are 95443717.69 ms.
    assert!(
        segment.contains("X-TIMESTAMP-MAP=MPEGTS:28,LOCAL:26:30:43.718\n"),
        "{segment}"
    );
    assert_eq!((95_443_718 * 90) - (1_u64 << 33), 28);
}

#[test]
fn text_of_a_whole_file_is_moved() {
    let subtitles = read(
        b"WEBVTT\n\n00:01.000 --> 00:02.000\nA\n\n00:02.000 --> 00:04.000\nB<00:03.000>C<i>D\n",
    );
    let expect = "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nB<00:00:00.500>C<i>D\n\n";
    assert_eq!(subtitles.write_whole(2500, u64::MAX), expect);
}

#[test]
fn text_limits_are_named() {
    let refused = |bytes: Vec<u8>, part: &str| {
        let source = MemorySource(bytes);
        let format = recognise(&source).unwrap().expect("subtitles");
        let error = super::read(&source, format).unwrap_err();
        assert!(
            matches!(&error, Error::LimitExceeded(what) if what.contains(part)),
            "{error}"
        );
    };
    let cues = "00:00.000 --> 00:01.000\n\n".repeat(MAX_CUES + 1);
    refused(format!("WEBVTT\n\n{cues}").into(), "250000 cues");
    let mut long = b"WEBVTT\n\n".to_vec();
    long.resize(MAX_TEXT_BYTES + 1, b'a');
    refused(long, "16777216");
    // Text that grows.
    let mut grows = b"1\n00:00:01,000 --> 00:00:02,000\n".to_vec();
    grows.resize(MAX_TEXT_BYTES - 1, b'&');
    refused(grows, "16777216");
    let mut legacy = b"1\n00:00:01,000 --> 00:00:02,000\n".to_vec();
    legacy.resize(MAX_TEXT_BYTES / 2 + 1, 0xe9);
    refused(legacy, "convert them to UTF-8");
    let mut grows = b"WEBVTT\n\n00:00.000 --> 00:01.000\n".to_vec();
    grows.resize(MAX_TEXT_BYTES / 2, 0);
    refused(grows, "16777216");
    // One line, as long as may be, is read.
    let mut line = b"WEBVTT\n\n00:00.000 --> 00:01.000\n".to_vec();
    line.resize(MAX_TEXT_BYTES, b'a');
    assert_eq!(read(&line).count(), 1);
}
