//! What pages show of a video besides itself.

use crate::support::{ask, generate, tools};
use std::fs;
use std::path::Path;
use std::process::Command;
use transcode::{Extra, Extras, Unwatched, extras, probe};

fn made(path: &Path, out: &Path, wanted: &[Extra]) -> Extras {
    fs::create_dir(out).expect("a folder");
    let facts = probe(&tools(), path, &Unwatched).expect("facts");
    extras(&tools(), path, &facts, wanted, out, &Unwatched).expect("extras")
}

/// Mean brightness of a picture, 0 to 255.
fn brightness(picture: &Path) -> f64 {
    let pixels = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(picture)
        .args(["-f", "rawvideo", "-pix_fmt", "gray", "-"])
        .output()
        .expect("ffmpeg runs")
        .stdout;
    pixels.iter().map(|pixel| f64::from(*pixel)).sum::<f64>() / pixels.len() as f64
}

#[test]
fn a_video_with_black_in_it_gets_all_of_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let meta = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=Dark & late\n[CHAPTER]\nTIMEBASE=1/1000\n\
                START=2000\nEND=6000\ntitle=Light\n";
    fs::write(at("meta.txt"), meta).expect("written");
    // Black but for the fifth second.
    let words = format!(
        "-f lavfi -i testsrc2=size=320x180:rate=25:duration=6 -i {} -map 0 -map_chapters 1 \
         -vf drawbox=t=fill:color=black:enable='not(between(t\\,4\\,5))' -c:v libx264 -preset ultrafast -g 12 -pix_fmt yuv420p",
        at("meta.txt").display()
    );
    generate(&words.replace('\'', ""), &at("a.mp4"));
    let out = at("out");
    let extras = made(&at("a.mp4"), &out, &Extra::ALL);
    assert_eq!(
        (extras.made.as_slice(), extras.notes.len()),
        (&Extra::ALL[..], 0)
    );
    let mut files: Vec<String> = fs::read_dir(&out)
        .expect("files")
        .map(|entry| {
            entry
                .expect("a file")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    files.sort();
    let expect = [
        "chapters.vtt",
        "poster.jpg",
        "preview.mp4",
        "storyboard.jpg",
        "storyboard.vtt",
    ];
    assert_eq!(files, expect);
    let poster = out.join("poster.jpg");
    assert_eq!(ask("-show_entries stream=width,height", &poster), "320,180");
    assert!(brightness(&poster) > 60.0, "{}", brightness(&poster));
    let board = out.join("storyboard.jpg");
    assert_eq!(ask("-show_entries stream=width,height", &board), "2560,720");
    let index = fs::read_to_string(out.join("storyboard.vtt")).expect("an index");
    assert_eq!(index.matches("#xywh=").count(), 50);
    assert!(
        index.contains("--> 00:00:06.000\nstoryboard.jpg#xywh=2304,576,256,144"),
        "{index}"
    );
    let chapters = fs::read_to_string(out.join("chapters.vtt")).expect("chapters");
    assert!(
        chapters.contains("00:00:02.000 --> 00:00:06.000\nLight"),
        "{chapters}"
    );
    assert!(chapters.contains("Dark &amp; late"), "{chapters}");
    let preview = ask(
        "-show_entries stream=codec_type,width:format=duration",
        &out.join("preview.mp4"),
    );
    let (kind, seconds) = preview.split_once('\n').expect("one stream");
    assert_eq!(kind, "video,320");
    let seconds: f64 = seconds.parse().expect("seconds");
    assert!((3.5..4.5).contains(&seconds), "{seconds}");
}

#[test]
fn a_turned_picture_is_shown_upright_and_sound_alone_has_none() {
    let dir = tempfile::tempdir().expect("a folder");
    let at = |name: &str| dir.path().join(name);
    let words = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p";
    generate(words, &at("flat.mp4"));
    let turn = format!(
        "-i {} -c copy -metadata:s:v:0 rotate=90",
        at("flat.mp4").display()
    );
    generate(&turn, &at("turned.mp4"));
    let extras = made(
        &at("turned.mp4"),
        &at("out"),
        &[Extra::Poster, Extra::Chapters],
    );
    assert_eq!(extras.made, [Extra::Poster]);
    assert_eq!(extras.notes, ["no chapters: the file has none"]);
    let size = ask(
        "-show_entries stream=width,height",
        &at("out").join("poster.jpg"),
    );
    assert_eq!(size, "180,320");
    generate("-f lavfi -i sine=duration=1 -c:a flac", &at("a.flac"));
    let extras = made(
        &at("a.flac"),
        &at("silent"),
        &[Extra::Poster, Extra::Storyboard],
    );
    assert!(extras.made.is_empty());
    assert_eq!(extras.notes[0], "no poster: the file has no picture");
}

#[test]
fn pictures_of_any_container_and_codec_make_a_poster() {
    let dir = tempfile::tempdir().expect("a folder");
    let picture = "-f lavfi -i testsrc2=size=320x180:rate=25:duration=2";
    for (name, codec) in [
        ("a.webm", "-c:v libvpx -deadline realtime"),
        ("b.ts", "-c:v mpeg2video -g 12"),
        ("c.mkv", "-c:v ffv1 -pix_fmt yuv444p10le"),
        ("d.avi", "-c:v mpeg4"),
    ] {
        let path = dir.path().join(name);
        generate(&format!("{picture} {codec}"), &path);
        let out = dir.path().join(format!("{name}-out"));
        let extras = made(&path, &out, &[Extra::Poster, Extra::Storyboard]);
        assert_eq!(extras.made.len(), 2, "{name}");
        assert!(brightness(&out.join("poster.jpg")) > 60.0, "{name}");
        let board = ask(
            "-show_entries stream=width,height",
            &out.join("storyboard.jpg"),
        );
        assert_eq!(board, "2560,288", "{name}: 20 tiles");
    }
}
