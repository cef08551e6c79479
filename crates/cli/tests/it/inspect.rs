//! What `inspect` says.

use crate::media;
use crate::support::Scratch;
use std::fs;

#[test]
fn machines_get_every_track() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let movie = scratch
        .run(["inspect", clip.to_str().unwrap(), "--json"])
        .ok()
        .json();
    assert_eq!(movie["container"], "mp4");
    assert_eq!(movie["brand"], "isom");
    assert_eq!(movie["fragmented"], false);
    assert_eq!(movie["packageable"], true);
    assert_eq!(movie["size"], clip.metadata().unwrap().len());
    let tracks = movie["tracks"].as_array().unwrap();
    assert_eq!(tracks.len(), 2);
    let (video, audio) = (&tracks[0], &tracks[1]);
    assert_eq!(
        (&video["kind"], &audio["kind"]),
        (&"video".into(), &"audio".into())
    );
    assert_eq!(
        (&video["width"], &video["height"]),
        (&320.into(), &180.into())
    );
    assert_eq!(video["sample_count"], 100);
    assert_eq!(video["start_seconds"], 0.0);
    // One frame comes before time 0, to fill the decoder.
    assert_eq!(audio["start_seconds"], -1024.0 / 48_000.0);
    assert!(video["codec"].as_str().unwrap().starts_with("avc1."));
    assert_eq!(audio["codec"], "mp4a.40.2");
    assert_eq!(
        (&audio["sample_rate"], &audio["channels"]),
        (&48_000.into(), &1.into())
    );
    for track in tracks {
        assert_eq!(track["packageable"], true);
        assert!(track["reason"].is_null());
        assert!(track["bitrate"].as_u64().unwrap() > 1000);
    }
}

#[test]
fn people_get_words() {
    let scratch = Scratch::new();
    let run = scratch
        .run(["inspect", media::clip().to_str().unwrap()])
        .ok();
    for expect in [
        "MP4 (isom), progressive, 0:04.",
        "track 1: video, avc1.",
        "320x180",
        "packageable",
    ] {
        assert!(run.stdout().contains(expect), "{}", run.stdout());
    }
    assert_eq!(run.stderr(), "");
}

#[test]
fn tracks_that_cannot_be_packaged_say_why() {
    let scratch = Scratch::new();
    let timed = media::timed();
    let timed = timed.to_str().unwrap();
    let movie = scratch.run(["inspect", timed, "--json"]).ok().json();
    assert_eq!(movie["packageable"], true);
    let codes = &movie["tracks"][1];
    assert_eq!(codes["packageable"], false);
    assert_eq!(codes["fourcc"], "tmcd");
    let reason = codes["reason"].as_str().unwrap();
    assert!(reason.len() > 10, "{reason}");

    let human = scratch.run(["inspect", timed]).ok();
    let line = format!("    not packageable: {reason}\n");
    assert!(human.stdout().contains(&line), "{}", human.stdout());

    let run = scratch
        .run(["package", timed, "-o", "out", "--json", "-q"])
        .ok();
    let warnings = run.json()["warnings"].clone();
    let warning = warnings[0].as_str().unwrap();
    assert_eq!(warnings.as_array().unwrap().len(), 1);
    assert_eq!(run.stderr(), format!("warning: {warning}\n"));
}

#[test]
fn subtitles_are_described() {
    let scratch = Scratch::new();
    let file = media::subtitles(scratch.path(), "words.srt");
    let file = file.to_str().unwrap();
    let run = scratch.run(["inspect", file]).ok();
    for expect in [
        "SRT, 0:03.",
        "track 1: text, wvtt, und",
        "1 cues, 0:01.",
        "    packageable\n",
    ] {
        assert!(run.stdout().contains(expect), "{}", run.stdout());
    }
    let movie = scratch.run(["inspect", file, "--json"]).ok().json();
    assert_eq!(movie["container"], "srt");
    let track = &movie["tracks"][0];
    assert_eq!(
        (&track["kind"], &track["sample_count"]),
        (&"text".into(), &1.into())
    );
}

#[test]
fn the_box_tree_has_every_box_in_its_place() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let run = scratch
        .run(["inspect", clip.to_str().unwrap(), "--boxes", "--json"])
        .ok();
    let tree = run.json();
    let tree = tree.as_array().unwrap();
    let mut end = 0;
    for node in tree {
        assert_eq!(node["offset"], end);
        end += node["size"].as_u64().unwrap();
    }
    assert_eq!(end, clip.metadata().unwrap().len());
    let moov = tree.iter().find(|node| node["type"] == "moov").unwrap();
    let traks = moov["children"].as_array().unwrap();
    assert_eq!(
        traks.iter().filter(|node| node["type"] == "trak").count(),
        2
    );

    let human = scratch
        .run(["inspect", clip.to_str().unwrap(), "--boxes"])
        .ok();
    assert!(
        human.stdout().starts_with("ftyp at 0x0, "),
        "{}",
        human.stdout()
    );
    assert!(
        human.stdout().contains("\n  trak at 0x"),
        "{}",
        human.stdout()
    );
}

#[test]
fn the_boxes_of_a_broken_file_are_shown() {
    let scratch = Scratch::new();
    let whole = fs::read(media::clip()).unwrap();
    scratch.write("cut.mp4", &whole[..whole.len() / 2]);
    scratch.words("inspect cut.mp4").fails(65, "cut.mp4: ");
    let run = scratch.words("inspect cut.mp4 --boxes").ok();
    assert!(run.stdout().contains("ftyp at 0x0"), "{}", run.stdout());
    assert!(run.stdout().contains("mdat at 0x"), "{}", run.stdout());
}

#[test]
fn a_package_can_be_inspected() {
    let scratch = Scratch::new();
    let clip = media::clip();
    scratch
        .run(["package", clip.to_str().unwrap(), "-o", "out"])
        .ok();
    let run = scratch.words("inspect out/video/init.mp4 --boxes").ok();
    for expect in ["encv", "sinf", "tenc", "pssh"] {
        assert!(run.stdout().contains(expect), "{expect}: {}", run.stdout());
    }
}
