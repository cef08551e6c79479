//! Subtitles of all kinds, from files and tracks to packages.

use crate::avc_writer::Random;
use crate::conformance;
use crate::conformance::text::{FileCue, read};
use crate::movie_builder::{
    Fragments, Layout, TestCue, TestEdit, TestMovie, cues, timed_text, ttml,
};
use crate::package::{Package, options};
use crate::tools::{FFMPEG_8, SHAKA_PACKAGER, Scratch, source, succeed, tool};
use crate::verify::{Files, describe, failing};
use packager::{
    Depth, Error, FileLayout, MemorySource, Options, Packageable, Role, Scheme, Source, TrackKind,
    probe,
};
use std::fmt::Write as _;
use std::panic::catch_unwind;
use std::time::{Duration, Instant};

const VTT: &str = "WEBVTT\n\nSTYLE\n::cue { color: yellow }\n\nid1\n00:00:01.000 --> 00:00:03.000 line:10% align:start\nHello <b>world</b>\nsecond line\n\n00:00:02.000 --> 00:00:04.000 align:center\nOverlap\n\n00:00:08.000 --> 00:00:09.500 align:center\nLater\n\n";

/// A package of a picture, a sound and these other inputs.
fn beside_a_movie(others: &[&dyn Source], options: &Options) -> Package {
    let movie = TestMovie::ordinary().source();
    let mut sources: Vec<&dyn Source> = vec![&movie];
    sources.extend(others);
    let package = Package::of_all(&sources, options).expect("packages");
    conformance::check(&package);
    package
}

/// The whole file of a rendition of cues.
fn whole(package: &Package, name: &str) -> String {
    let files = package.files();
    let bytes = &files[&format!("{name}/subtitles.vtt")];
    String::from_utf8(bytes.clone()).expect("UTF-8")
}

fn of_file(text: &str) -> Vec<FileCue> {
    read(text).1
}

#[test]
fn subtitles_of_a_file_are_packaged_beside_a_movie() {
    for scheme in [None, Some(Scheme::Cbcs), Some(Scheme::Cenc)] {
        let file = MemorySource(VTT.into());
        let package = beside_a_movie(&[&file], &options(scheme));
        assert_eq!(whole(&package, "text"), VTT);
        let rendition = &package.plan.renditions()[2];
        assert_eq!((rendition.input, rendition.encrypted), (1, false));
    }
}

#[test]
fn subtitles_alone_are_refused_and_empty_ones_left_out() {
    let file = MemorySource(VTT.into());
    let error = Package::make(&file, &options(None)).err();
    let Some(Error::Unsupported(what)) = error else {
        panic!("{error:?}");
    };
    assert!(what.contains("subtitles alone"), "{what}");
    let empty = MemorySource("WEBVTT\n".into());
    let package = beside_a_movie(&[&empty], &options(None));
    assert_eq!(package.plan.renditions().len(), 2);
    let warnings = package.plan.warnings();
    assert!(
        warnings[0]
            .0
            .contains("input 2, track 1 (text, wvtt) is left out: it has no cues"),
        "{warnings:?}"
    );
}

#[test]
fn subtitles_in_webvtt_tracks_of_shaka_packager_are_the_files() {
    let scratch = Scratch::new();
    let file = scratch.file("in.vtt", VTT.as_bytes());
    let output = scratch.path("out.mp4");
    let arguments = format!(
        "in={},stream=text,language=fr,output={},format=mp4",
        file.display(),
        output.display()
    );
    succeed(&tool(SHAKA_PACKAGER), &[&arguments, "--quiet"], None);
    let package = beside_a_movie(&[&source(&output)], &options(None));
    // It does not keep the style, and writes out a setting that is the default.
    assert_eq!(of_file(&whole(&package, "text")), of_file(VTT));
    assert!(package.manifests["stream.mpd"].contains("lang=\"fr\""));
}

#[test]
fn subtitles_in_timed_text_of_ffmpeg_are_converted() {
    let scratch = Scratch::new();
    let srt = "1\n00:00:01,000 --> 00:00:02,500\nA < B & <i>C</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nD\nE\n";
    let file = scratch.file("in.srt", srt.as_bytes());
    let output = scratch.path("out.mp4");
    let paths = [file.display().to_string(), output.display().to_string()];
    let arguments = [
        "-v",
        "error",
        "-i",
        &paths[0],
        "-c:s",
        "mov_text",
        "-metadata:s:s:0",
        "language=eng",
        &paths[1],
    ];
    succeed(&tool(FFMPEG_8), &arguments, None);
    let package = beside_a_movie(&[&source(&output)], &options(None));
    let expect = "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\nA &lt; B &amp; C\n\n00:00:03.000 --> 00:00:04.000\nD\nE\n\n";
    assert_eq!(whole(&package, "text"), expect);
    let warnings = package.plan.warnings();
    assert!(
        warnings[0].0.contains("styles are not kept: 1 of the cues"),
        "{warnings:?}"
    );
}

#[test]
fn subtitles_in_ttml_of_ffmpeg_are_passed_through() {
    let scratch = Scratch::new();
    let file = scratch.file("in.vtt", VTT.as_bytes());
    let output = scratch.path("out.mp4");
    let paths = [file.display().to_string(), output.display().to_string()];
    let arguments = ["-v", "error", "-i", &paths[0], "-c:s", "ttml", &paths[1]];
    succeed(&tool(FFMPEG_8), &arguments, None);
    let package = beside_a_movie(&[&source(&output)], &options(Some(Scheme::Cbcs)));
    let joined = scratch.file("text.mp4", &package.joined(2));
    let read = |path: &std::path::Path| {
        let path = path.display().to_string();
        let arguments = [
            "-v", "error", "-i", &path, "-map", "0:s", "-c", "copy", "-f", "data", "-",
        ];
        succeed(&tool(FFMPEG_8), &arguments, None)
    };
    let (before, after) = (read(&output), read(&joined));
    assert!(before.starts_with(b"<?xml"), "ffmpeg read nothing");
    assert_eq!(before, after);
}

/// Cues with random times, in no order.
fn random_file(random: &mut Random) -> String {
    let mut text = String::from("WEBVTT\n\n");
    for number in 0..random.below(40) {
        let start = random.below(10_500);
        let end = start + 1 + random.below(6000);
        if random.below(3) == 0 {
            writeln!(text, "cue {number}").unwrap();
        }
        let time = |ms: u64| format!("00:{:02}.{:03}", ms / 1000, ms % 1000);
        writeln!(text, "{} --> {}\ntext {number}\n", time(start), time(end)).unwrap();
    }
    text + "00:05.000 --> 00:05.001\nshort\n\n00:00.000 --> 00:59.000\nlong\n"
}

#[test]
fn subtitles_in_segments_are_those_of_the_file() {
    let mut random = Random(7);
    for seconds in [1, 2, 4] {
        let text = random_file(&mut random);
        let options = Options {
            segment_duration: Duration::from_secs(seconds),
            ..options(None)
        };
        // Reassembling them is check 46.
        let package = beside_a_movie(&[&MemorySource(text.clone().into())], &options);
        let found = of_file(&whole(&package, "text"));
        // Those that begin when the movie is over are left out.
        let in_time = text
            .lines()
            .filter(|line| line.contains(" --> ") && *line < "00:10");
        let in_time = in_time.count();
        assert_eq!(found.len(), in_time);
        assert!(found.is_sorted_by_key(|cue| cue.start), "{found:?}");
        for cue in found {
            assert!(text.contains(&cue.payload), "{cue:?}");
        }
    }
}

const CUES: [TestCue; 3] = [
    TestCue {
        id: "a",
        start: 1000,
        end: 3000,
        settings: "line:0",
        payload: "A",
    },
    TestCue {
        id: "",
        start: 2000,
        end: 5000,
        settings: "",
        payload: "B<00:00:03.500>b",
    },
    TestCue {
        id: "",
        start: 2000,
        end: 2500,
        settings: "",
        payload: "C",
    },
];

#[test]
fn subtitles_in_tracks_keep_to_the_edit_list() {
    let written = |edits: Vec<TestEdit>, layout: Layout| {
        let mut track = cues(1, *b"eng", "WEBVTT", &CUES, 6000);
        track.edits = edits;
        let movie = TestMovie::new(vec![track]).with_layout(layout);
        let package = beside_a_movie(&[&movie.source()], &options(None));
        whole(&package, "text").replace("WEBVTT\n\n", "")
    };
    let plain = "a\n00:00:01.000 --> 00:00:03.000 line:0\nA\n\n00:00:02.000 --> 00:00:05.000\nB<00:00:03.500>b\n\n00:00:02.000 --> 00:00:02.500\nC\n\n";
    for layout in [
        Layout::MoovFirst,
        Layout::Wide,
        Layout::Fragmented(Fragments::default()),
    ] {
        assert_eq!(written(Vec::new(), layout), plain);
    }
    let late = "a\n00:00:05.000 --> 00:00:07.000 line:0\nA\n\n00:00:06.000 --> 00:00:09.000\nB<00:00:07.500>b\n\n00:00:06.000 --> 00:00:06.500\nC\n\n";
    assert_eq!(
        written(
            vec![TestEdit::gap(4_000), TestEdit::piece(6000, 0)],
            Layout::MoovFirst
        ),
        late
    );
    let trimmed = written(vec![TestEdit::piece(2000, 2200)], Layout::MoovFirst);
    // A tick of the movie's clock more.
    let expect = "a\n00:00:00.000 --> 00:00:00.800 line:0\nA\n\n00:00:00.000 --> 00:00:02.001\nB<00:00:01.300>b\n\n00:00:00.000 --> 00:00:00.300\nC\n\n";
    assert_eq!(trimmed, expect);
}

#[test]
fn subtitles_of_timed_text_are_decoded() {
    let utf16: Vec<u8> = "\u{feff}Zwölf"
        .encode_utf16()
        .flat_map(u16::to_be_bytes)
        .collect();
    let texts: [(u32, &[u8], &[u8]); 4] = [
        (1000, b"", b""),
        (
            1000,
            "Äh <x> --> & so".as_bytes(),
            b"\0\0\0\x0cstyl\0\0\0\0",
        ),
        (500, b"  ", b""),
        (1000, &utf16, b""),
    ];
    let movie = TestMovie::new(vec![timed_text(1, &texts)]);
    let package = beside_a_movie(&[&movie.source()], &options(None));
    let expect = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nÄh &lt;x> --&gt; &amp; so\n\n00:00:02.500 --> 00:00:03.500\nZwölf\n\n";
    assert_eq!(whole(&package, "text"), expect);
}

#[test]
fn subtitles_that_are_broken_are_left_out_and_the_movie_is_not() {
    let broken = |change: &dyn Fn(&mut Vec<u8>), part: &str| {
        let mut track = cues(3, *b"eng", "WEBVTT", &CUES, 6000);
        change(&mut track.samples[2].data);
        let mut tracks = TestMovie::ordinary().tracks;
        tracks.push(track);
        let package = Package::make(&TestMovie::new(tracks).source(), &options(None)).unwrap();
        assert_eq!(package.plan.renditions().len(), 2);
        let warning = &package.plan.warnings()[0].0;
        assert!(
            warning.contains("track 3 (text, wvtt) is left out") && warning.contains(part),
            "{warning}"
        );
    };
    broken(&|data| data[3] = 200, "sample 2 at 0x");
    broken(&|data| data[3] = 7, "are no box");
    broken(&|data| data.push(1), "its last 1 bytes are no box");
    broken(&|data| *data = data.repeat(101), "more than 100 cues");
}

#[test]
fn subtitles_in_documents_that_an_edit_list_moves_are_refused() {
    let mut track = ttml(1, *b"eng", &[2000, 2000]);
    track.edits = vec![TestEdit::piece(4000, 500)];
    let source = TestMovie::new(vec![track]).source();
    let reason = &probe(&source).unwrap().tracks[0].packageable;
    assert!(
        matches!(&reason, Packageable::No(why) if why.contains("edit list")),
        "{reason:?}"
    );
}

#[test]
fn subtitles_have_languages_and_roles() {
    let picture = TestMovie::ordinary().source();
    let file = MemorySource(VTT.into());
    let labels = [
        ("en", None),
        ("eng", Some(Role::Caption)),
        ("pt-br", Some(Role::ForcedSubtitle)),
        ("pt", Some(Role::Commentary)),
    ];
    let mut movies = vec![probe(&picture).unwrap()];
    for (language, role) in labels {
        let mut movie = probe(&file).unwrap();
        assert_eq!(
            (movie.tracks[0].kind, movie.tracks[0].sample_count),
            (TrackKind::Text, 3)
        );
        movie.set_language(language).unwrap();
        role.into_iter().for_each(|role| movie.set_role(role));
        movies.push(movie);
    }
    let plan = packager::plan(&movies, &options(None)).unwrap();
    let names: Vec<_> = plan
        .renditions()
        .iter()
        .map(|one| one.name.as_str())
        .collect();
    assert_eq!(
        names[2..],
        ["text-eng", "text-eng-2", "text-pt-BR", "text-por"]
    );
    let facts = packager::ObjectFacts {
        size: 1000,
        key_picture: 0,
    };
    let manifests = plan.manifests(&|_| facts).unwrap();
    for line in [
        r#"NAME="English",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,URI="text-eng/playlist.m3u8""#,
        r#"NAME="English (SDH)",LANGUAGE="en",DEFAULT=NO,AUTOSELECT=YES,CHARACTERISTICS="public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound","#,
        r#"NAME="Portuguese (BR) (forced)",LANGUAGE="pt-BR",DEFAULT=NO,AUTOSELECT=YES,FORCED=YES,"#,
        r#"NAME="Portuguese (commentary)",LANGUAGE="pt","#,
    ] {
        assert!(
            manifests[1].text.contains(line),
            "{line} is not in {}",
            manifests[1].text
        );
    }
    for element in [
        r#"<Accessibility schemeIdUri="urn:tva:metadata:cs:AudioPurposeCS:2007" value="2"/>"#,
        r#"value="forced-subtitle""#,
        r#"lang="pt-BR""#,
        r#"value="commentary""#,
    ] {
        assert!(
            manifests[0].text.contains(element),
            "{element} is not in {}",
            manifests[0].text
        );
    }
    assert!(movies[1].set_language("klingonese").is_err());
}

#[test]
fn subtitles_of_a_presentation_that_starts_late_count_from_its_start() {
    let mut movie = TestMovie::ordinary();
    for track in &mut movie.tracks {
        track.edits.insert(0, TestEdit::gap(1500));
    }
    let sources: [&dyn Source; 2] = [&movie.source(), &MemorySource(VTT.into())];
    let package = Package::of_all(&sources, &options(None)).unwrap();
    let found = of_file(&whole(&package, "text"));
    let sounds_from = 1.5 - 1024.0 / 48_000.0;
    let expect = ((1.0_f64 - sounds_from).max(0.0) * 1000.0).round() as u64;
    assert_eq!((found[0].start, found[0].end), (expect, 1521), "{found:?}");
    // Segments count on the movie's timeline, as the media do.
    let first = String::from_utf8(package.files()["text/1.vtt"].clone()).unwrap();
    assert_eq!(of_file(&first)[0].start, 1000);
}

/// Times of cues, in milliseconds, in a file of a package.
fn cue_starts(package: &Package, path: &str) -> Vec<u64> {
    let text = String::from_utf8(package.files()[path].clone()).expect("UTF-8");
    of_file(&text).iter().map(|cue| cue.start).collect()
}

#[test]
fn subtitles_behind_the_picture_go_with_the_sound_and_those_behind_both_are_left_out() {
    let cues = |times: &[(u64, u64)]| {
        let blocks = times.iter().map(|(start, end)| {
            let clock = |s: &u64| format!("{:02}:{:02}:{:02}.000", s / 3600, s / 60 % 60, s % 60);
            format!("{} --> {}\nat {start}\n\n", clock(start), clock(end))
        });
        MemorySource(format!("WEBVTT\n\n{}", blocks.collect::<String>()).into())
    };
    for seconds in [None, Some(9)] {
        let mut movie = TestMovie::ordinary();
        // An edit list ends the picture amid a picture that lasts long.
        if let Some(seconds) = seconds {
            movie.tracks[0].edits[0].duration = 2_100;
            movie.tracks[0].samples[60].duration *= 50;
            let sounds = movie.tracks[1].samples.clone();
            for _ in 0..3 {
                movie.tracks[1].samples.extend_from_slice(&sounds);
            }
            movie.tracks[1]
                .edits
                .iter_mut()
                .for_each(|edit| edit.duration = seconds * 1000);
        }
        let movie = movie.source();
        let file = cues(&[(1, 2), (7, 8), (3600, 3601)]);
        for layout in [FileLayout::Segments, FileLayout::SingleFile] {
            let options = Options {
                layout,
                ..options(Some(Scheme::Cbcs))
            };
            let package = Package::of_all(&[&movie, &file], &options).expect("packages");
            package.verify(&[&movie, &file]);
            let warnings = package.plan.warnings();
            assert!(
                warnings
                    .iter()
                    .any(|warning| warning.0.contains("appear behind the end")),
                "{warnings:?}"
            );
            assert_eq!(cue_starts(&package, "text/subtitles.vtt"), [1000, 7000]);
            let segments = 1..=package.plan.renditions()[2].segments;
            let of_segments = segments.flat_map(|n| cue_starts(&package, &format!("text/{n}.vtt")));
            assert!(of_segments.eq([1000, 7000]));
        }
    }
}

#[test]
fn subtitles_are_held_against_sources_of_either_format() {
    let text = MemorySource(VTT.into());
    let srt = |second: &str| {
        let text = format!(
            "1\n00:00:01,000 --> 00:00:02,500\nA < B & <i>C</i>\n\n2\n00:00:03,000 --> 00:00:04,000\n{second}\nE\n"
        );
        MemorySource(text.into())
    };
    let package = beside_a_movie(&[&text, &srt("D")], &options(None));
    let fails =
        |sources: &[&dyn Source]| failing(&Files(package.files()).verify(sources, Depth::Full));
    assert_eq!(fails(&[&text, &srt("D")]), []);
    assert_eq!(fails(&[&text, &srt("another")]), [46]);
    // Of the other one nothing is known then.
    assert_eq!(fails(&[&text]), []);
    assert_eq!(fails(&[&srt("another")]), [46]);
}

#[test]
fn subtitles_hold_before_the_checks_under_every_scheme_in_both_layouts() {
    let text = MemorySource(VTT.into());
    let document = TestMovie::new(vec![ttml(1, *b"deu", &[6000])]).source();
    let mut movie = TestMovie::ordinary();
    for track in &mut movie.tracks {
        track.edits.insert(0, TestEdit::gap(1500));
    }
    let schemes = [Scheme::Cbcs, Scheme::Cenc, Scheme::Cens, Scheme::Cbc1];
    let schemes = schemes.map(Some).into_iter().chain([None]);
    for (scheme, late) in schemes.flat_map(|scheme| [(scheme, false), (scheme, true)]) {
        for layout in [FileLayout::Segments, FileLayout::SingleFile] {
            let picture = match late {
                true => movie.source(),
                false => TestMovie::ordinary().source(),
            };
            let sources: [&dyn Source; 3] = [&picture, &text, &document];
            let options = Options {
                layout,
                segment_duration: Duration::from_secs(2),
                ..options(scheme)
            };
            let package = Package::of_all(&sources, &options).expect("packages");
            let files = Files(package.files());
            let report = package.plan.verify(&files, &sources, Depth::Full);
            let report = report.expect("a report");
            let what = format!("{scheme:?} {layout:?} {late}\n{}", describe(&report));
            assert_eq!(failing(&report), [], "{what}");
        }
    }
}

#[test]
fn subtitles_of_thousands_of_mutants_are_read_without_harm() {
    let srt = "1\n00:00:01,000 --> 00:00:02,500\n{\\an8}A < B & <i>C</i>\n\n2\n00:00:03,000 --> 00:00:04,000\nD\n";
    let tracks = vec![
        cues(1, *b"eng", "WEBVTT\n\nSTYLE\n::cue {}\n", &CUES, 6000),
        timed_text(
            2,
            &[(1000, b"A", b"\0\0\0\x0cstyl\0\0\0\0"), (1000, b"B", b"")],
        ),
        ttml(3, *b"fra", &[1000]),
    ];
    let movie = TestMovie::new(tracks).bytes();
    let mut random = Random(3);
    let mut read = 0;
    for round in 0..6000 {
        let mut bytes = match round % 3 {
            0 => VTT.as_bytes().to_vec(),
            1 => srt.as_bytes().to_vec(),
            _ => movie.clone(),
        };
        for _ in 0..=random.below(6) {
            let at = random.below(bytes.len() as u64) as usize;
            match random.below(4) {
                0 => bytes[at] = random.next() as u8,
                1 => bytes.insert(at, b"\0\n\r<>{&-:,.9 \xff"[random.below(14) as usize]),
                2 => drop(bytes.remove(at)),
                _ => bytes[at] ^= 1 << random.below(8),
            }
        }
        let started = Instant::now();
        let probed = catch_unwind(|| probe(&MemorySource(bytes.clone())).is_ok());
        read += usize::from(probed.unwrap_or_else(|_| panic!("round {round}: {bytes:?}")));
        assert!(started.elapsed() < Duration::from_secs(5), "round {round}");
    }
    assert!(read > 2500, "{read} were read");
}
