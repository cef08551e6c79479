//! What a package consists of.

use crate::media;
use crate::support::{KID, Scratch, key, snapshot};
use serde_json::json;
use std::path::Path;

#[test]
fn the_json_report_describes_the_files() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let run = scratch
        .run(["package", clip.to_str().unwrap(), "-o", "out", "--json"])
        .ok();
    let report = run.json();
    assert_eq!(report["output"], "out");
    assert_eq!(report["dash"], "out/stream.mpd");
    assert_eq!(report["hls"], "out/master.m3u8");
    assert_eq!(report["layout"], "segments");
    assert_eq!(report["scheme"], "cbcs");
    assert_eq!(report["encrypt"], "all");
    assert_eq!(report["key_file"], "out.key");
    assert_eq!(report["warnings"], json!([]));
    let seconds = report["duration_seconds"].as_f64().unwrap();
    assert!((3.9..4.1).contains(&seconds), "{seconds}");
    let files = snapshot(&scratch.path().join("out"));
    let bytes: usize = files.values().flatten().map(Vec::len).sum();
    assert_eq!(report["size"], bytes);

    let renditions = report["renditions"].as_array().unwrap();
    assert_eq!(renditions.len(), 2);
    for rendition in renditions {
        assert_eq!(rendition["encrypted"], true);
        assert!(rendition["codec"].is_string() && rendition["track_id"].is_u64());
        let name = rendition["name"].as_str().unwrap();
        let segments = rendition["segments"].as_u64().unwrap();
        let mut expect = vec![format!("{name}/init.mp4"), format!("{name}/playlist.m3u8")];
        expect.extend((1..=segments).map(|number| format!("{name}/{number}.m4s")));
        if name == "video" {
            expect.extend(["video/iframes.m3u8".into(), "video/iframes.mp4".into()]);
        }
        for path in &expect {
            assert!(files.contains_key(Path::new(path)), "{path}");
        }
        let there = files.keys().filter(|path| path.starts_with(name)).count();
        assert_eq!(
            there,
            expect.len() + 1,
            "the folder itself, and nothing else"
        );
    }
}

#[test]
fn single_files_are_whole_whatever_the_order_of_the_threads() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let key = scratch.write("key", key());
    let package = |output: &str, layout: &str| {
        let mut args = vec!["package", clip.to_str().unwrap(), "-o", output];
        args.extend(["--key-file", key.to_str().unwrap(), "--scheme", "cbcs"]);
        args.extend(["--segment-duration", "0.5", "--layout", layout, "--json"]);
        scratch.run(args).ok().json()
    };
    let report = package("one", "single-file");
    assert_eq!(report["layout"], "single-file");
    let files = snapshot(&scratch.path().join("one"));
    let bytes: usize = files.values().flatten().map(Vec::len).sum();
    assert_eq!(report["size"], bytes);
    let names: Vec<_> = files.keys().map(|path| path.to_str().unwrap()).collect();
    let due = [
        "audio.m3u8",
        "audio.mp4",
        "master.m3u8",
        "stream.mpd",
        "video-iframes.m3u8",
        "video-iframes.mp4",
        "video.m3u8",
        "video.mp4",
    ];
    assert_eq!(names, due);
    // Clear samples are those of the package in segments; `decrypt` takes the one file.
    package("several", "segments");
    for name in ["video", "audio"] {
        let one = format!("one/{name}.mp4");
        let key = key.to_str().unwrap();
        let open = format!("{name}-one.mp4");
        scratch
            .run(["decrypt", &one, "--key-file", key, "-o", &open])
            .ok();
        let count = report["renditions"].as_array().unwrap().iter();
        let count = count.filter(|rendition| rendition["name"] == name);
        let count: u64 = count.map(|one| one["segments"].as_u64().unwrap()).sum();
        let mut args = vec!["decrypt".to_string(), format!("several/{name}/init.mp4")];
        args.extend((1..=count).map(|number| format!("several/{name}/{number}.m4s")));
        let joined = format!("{name}-several.mp4");
        args.extend(["--key-file".into(), key.into(), "-o".into(), joined.clone()]);
        scratch.run(&args).ok();
        let samples = |file: &str| {
            let bytes = std::fs::read(scratch.path().join(file)).unwrap();
            let boxes = bytes.windows(4).filter(|four| *four == b"mdat").count();
            let report = scratch.run(["inspect", file, "--json"]).ok().json();
            (boxes, report["tracks"].clone())
        };
        assert_eq!(samples(&open), samples(&joined), "{name}");
    }
}

#[test]
fn subtitles_are_packaged_with_what_their_names_say() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let text = media::subtitles(scratch.path(), "words.de.forced.srt");
    let inputs = [clip.to_str().unwrap(), text.to_str().unwrap()];
    let run = scratch
        .run(["package", inputs[0], inputs[1], "-o", "out", "--json"])
        .ok();
    assert_eq!(run.json()["warnings"], json!([]));
    let read = |path: &str| {
        let path = scratch.path().join("out").join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    assert!(read("text/subtitles.vtt").contains("Words &amp; <i>signs</i>"));
    assert!(read("text/1.vtt").contains("X-TIMESTAMP-MAP"));
    assert!(read("master.m3u8").contains("NAME=\"German (forced)\",LANGUAGE=\"de\""));
    assert!(read("stream.mpd").contains("forced-subtitle"));

    let alone = scratch.run(["package", inputs[1], "-o", "alone"]);
    alone.fails(65, "subtitles alone");
}

#[test]
fn segments_have_the_length_that_was_asked_for() {
    let scratch = Scratch::new();
    let clip = media::clip();
    for (seconds, segments) in [("1", 4), ("2", 2), ("4", 1), ("60", 1)] {
        let args = [
            "package",
            clip.to_str().unwrap(),
            "-o",
            "out",
            "--force",
            "--json",
        ];
        let run = scratch
            .run(args.into_iter().chain(["--segment-duration", seconds]))
            .ok();
        assert_eq!(
            run.json()["renditions"][0]["segments"],
            segments,
            "{seconds}"
        );
    }
}

#[test]
fn a_clear_package_is_the_same_each_time_and_has_no_key() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let clip = clip.to_str().unwrap();
    for output in ["one", "two"] {
        let run = scratch
            .run(["package", clip, "-o", output, "--scheme", "none", "--json"])
            .ok();
        let report = run.json();
        assert_eq!(report["scheme"], "none");
        for name in ["encrypt", "kid", "key_file"] {
            assert!(report[name].is_null(), "{name}");
        }
        assert!(!scratch.path().join(format!("{output}.key")).exists());
    }
    let one = snapshot(&scratch.path().join("one"));
    assert_eq!(one, snapshot(&scratch.path().join("two")));
    assert!(!scratch.text("one/stream.mpd").contains("ContentProtection"));
}

#[test]
fn two_packages_under_one_key_share_no_iv() {
    let scratch = Scratch::new();
    let clip = media::clip();
    for scheme in ["cbcs", "cenc"] {
        for output in ["one", "two"] {
            let output = format!("{scheme}-{output}");
            let args = [
                "package",
                clip.to_str().unwrap(),
                "--scheme",
                scheme,
                "-o",
                &output,
            ];
            scratch.run(args.into_iter().chain(["--key", &key()])).ok();
        }
        let package = |name: &str| snapshot(&scratch.path().join(format!("{scheme}-{name}")));
        let (one, two) = (package("one"), package("two"));
        assert_eq!(
            one.keys().collect::<Vec<_>>(),
            two.keys().collect::<Vec<_>>()
        );
        for (path, bytes) in one.iter().filter(|(path, _)| path.ends_with("1.m4s")) {
            assert_ne!(Some(bytes), two.get(path), "{scheme} {path:?}");
        }
        let init = Path::new("video/init.mp4");
        // The constant IV of cbcs is in the init segment; the IVs of cenc are in the segments alone.
        assert_eq!(one[init] == two[init], scheme == "cenc", "{scheme}");
    }
}

#[test]
fn a_licence_url_is_in_the_manifest_only_when_given() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let package = |output: &str, more: &[&str]| {
        let args = ["package", clip.to_str().unwrap(), "-o", output];
        scratch.run(args.iter().chain(more)).ok();
        scratch.text(&format!("{output}/stream.mpd"))
    };
    assert!(!package("without", &[]).to_lowercase().contains("laurl"));
    let url = "https://keys.example/license/clearkey?a=b&c=d";
    let mpd = package("with", &["--license-url", url]);
    assert!(
        mpd.contains("https://keys.example/license/clearkey?a=b&amp;c=d"),
        "{mpd}"
    );
}

#[test]
fn the_picture_alone_can_be_encrypted() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let args = [
        "package",
        clip.to_str().unwrap(),
        "-o",
        "out",
        "--encrypt",
        "video",
        "--json",
    ];
    let report = scratch.run(args).ok().json();
    let flag = |name: &str| {
        let renditions = report["renditions"].as_array().unwrap();
        renditions.iter().find(|r| r["name"] == name).unwrap()["encrypted"].clone()
    };
    assert_eq!(report["encrypt"], "video");
    assert_eq!((flag("video"), flag("audio")), (json!(true), json!(false)));
}

#[test]
fn raw_key_urls_are_in_the_playlists_of_cenc() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let prefix = "https://keys.example/raw/";
    let package = |scheme: &str| {
        let args = [
            "package",
            clip.to_str().unwrap(),
            "-o",
            scheme,
            "--scheme",
            scheme,
        ];
        let run = scratch
            .run(
                args.into_iter()
                    .chain(["--hls-key-url", prefix, "--key", &key()]),
            )
            .ok();
        let playlist = scratch.text(&format!("{scheme}/video/playlist.m3u8"));
        (
            playlist.contains(&format!("{prefix}{KID}")),
            run.stderr().contains("warning: --hls-key-url"),
        )
    };
    assert_eq!(package("cenc"), (true, false));
    assert_eq!(package("cbcs"), (false, true));
}

#[test]
fn sound_alone_is_packaged() {
    let scratch = Scratch::new();
    let sound = media::sound();
    let args = ["package", sound.to_str().unwrap(), "-o", "out", "--json"];
    let report = scratch.run(args).ok().json();
    assert_eq!(report["renditions"].as_array().unwrap().len(), 1);
    assert_eq!(report["renditions"][0]["codec"], "mp4a.40.2");
}
