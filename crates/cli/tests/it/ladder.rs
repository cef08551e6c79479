//! `package --ladder`: renditions of several sizes of any video, cut at the same times.

use crate::media;
use crate::support::Scratch;
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const PICTURE: [&str; 4] = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25"];
const SOUND: [&str; 4] = ["-f", "lavfi", "-i", "sine=440:sample_rate=48000"];
const X264: [&str; 4] = ["-c:v", "libx264", "-preset", "ultrafast"];

/// Packages an input that ffmpeg makes by these words, with a ladder, and verifies the package; the report.
#[track_caller]
fn ladder(scratch: &Scratch, name: &str, words: &[&[&str]], order: &str) -> Value {
    let input = scratch.path().join(name);
    let mut all = words.concat();
    all.push(input.to_str().unwrap());
    media::ffmpeg(&all);
    let line = format!("package {name} -o {name}.out --ladder {order} --json");
    let run = scratch.words(&line).ok();
    let report = run.json();
    let verify = format!("verify {name}.out --key-file {name}.out.key");
    scratch.words(&verify).ok();
    report
}

/// Renditions of a codec: how many segments each has.
fn segments(report: &Value, codec: &str) -> Vec<i64> {
    let renditions = report["renditions"].as_array().unwrap();
    let is = |one: &&Value| one["codec"].as_str().unwrap().starts_with(codec);
    let of_codec = renditions.iter().filter(is);
    of_codec
        .map(|one| one["segments"].as_i64().unwrap())
        .collect()
}

fn notes(report: &Value) -> String {
    report["conversions"][0]["notes"].to_string()
}

#[test]
fn the_source_is_a_rung_where_its_key_pictures_allow() {
    let scratch = Scratch::new();
    let near = [&PICTURE[..], &SOUND, &["-t", "9"], &X264, &["-g", "50"]];
    let report = ladder(&scratch, "near.mp4", &near, "auto");
    assert!(
        notes(&report).contains("the source is a rung as it is"),
        "{report}"
    );
    assert_eq!(segments(&report, "avc1"), [2, 2, 2, 2], "{report}");
    let far = [&PICTURE[..], &["-t", "9"], &X264, &["-g", "999"]];
    let report = ladder(&scratch, "far.mp4", &far, "auto");
    assert!(
        notes(&report).contains("further apart than 6.0 s"),
        "{report}"
    );
    assert_eq!(segments(&report, "avc1"), [2, 2, 2, 2], "{report}");
}

#[test]
fn every_frame_of_the_source_is_in_every_rung_once_and_in_its_place() {
    let scratch = Scratch::new();
    // The brightness of a frame is its number.
    let counted = "color=gray:s=320x180:r=30000/1001,geq=lum='mod(N,200)+20':cb=128:cr=128";
    let input = ["-f", "lavfi", "-i", counted];
    let words = [
        &input[..],
        &["-t", "24"],
        &X264,
        &["-g", "999", "-crf", "4", "-bf", "2"],
    ];
    let profile = "gop_seconds = 1.5\n[[video]]\nshort_side = 180\ncrf = 4\n[[video]]\nshort_side = 90\ncrf = 4\n";
    scratch.write("p.toml", profile);
    let report = ladder(&scratch, "counted.mp4", &words, "p.toml");
    assert_eq!(report["ladder"].as_array().unwrap().len(), 2, "{report}");
    let of_source = brightness(&scratch.path().join("counted.mp4"));
    assert_eq!(of_source.len(), 719);
    for rung in ["180p", "90p"] {
        let folder = scratch.path().join(format!("counted.mp4.out/video-{rung}"));
        let found = brightness(&clear(&scratch, "counted.mp4", &folder));
        assert_eq!(found.len(), of_source.len(), "{rung}");
        for (number, (found, expect)) in found.iter().zip(&of_source).enumerate() {
            assert!(
                (found - expect).abs() < 0.7,
                "{rung}, frame {number}: {found}, not {expect}"
            );
        }
    }
}

/// Mean brightness of every frame.
fn brightness(file: &Path) -> Vec<f64> {
    let graph = format!(
        "movie={},signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-",
        file.display()
    );
    let text = media::ffmpeg(&["-f", "lavfi", "-i", &graph, "-f", "null", "-"]);
    let text = String::from_utf8(text).unwrap();
    let values = text
        .lines()
        .filter_map(|line| line.strip_prefix("lavfi.signalstats.YAVG="));
    values.map(|value| value.parse().unwrap()).collect()
}

#[test]
fn any_container_and_codec_becomes_a_ladder() {
    let scratch = Scratch::new();
    let short = ["-t", "5"];
    for (name, words) in [
        (
            "a.webm",
            &[
                "-c:v",
                "libvpx",
                "-b:v",
                "2M",
                "-deadline",
                "realtime",
                "-c:a",
                "libvorbis",
            ][..],
        ),
        ("b.ts", &["-c:v", "mpeg2video", "-c:a", "mp2"]),
        (
            "c.ts",
            &[
                "-c:v",
                "libx264",
                "-preset",
                "ultrafast",
                "-bf",
                "2",
                "-c:a",
                "aac",
            ],
        ),
        ("d.avi", &["-c:v", "mpeg4", "-c:a", "mp3"]),
        ("e.mov", &["-c:v", "prores_ks", "-c:a", "pcm_s16le"]),
    ] {
        let report = ladder(&scratch, name, &[&PICTURE, &SOUND, &short, words], "auto");
        let pictures = segments(&report, "avc1");
        assert!(pictures.len() >= 2, "{name}: {report}");
        assert!(
            pictures.windows(2).all(|pair| pair[0] == pair[1]),
            "{name}: {report}"
        );
        assert_eq!(segments(&report, "mp4a").len(), 1, "{name}: {report}");
    }
}

#[test]
fn odd_pictures_become_a_ladder() {
    let scratch = Scratch::new();
    let fields = "tinterlace=interleave_top,fieldorder=tff,setsar=16/11,format=yuv420p";
    let interlaced = [
        "-vf",
        fields,
        "-c:v",
        "libx264",
        "-flags",
        "+ildct+ilme",
        "-t",
        "4",
    ];
    let report = ladder(&scratch, "interlaced.mp4", &[&PICTURE, &interlaced], "auto");
    assert!(notes(&report).contains("half pictures"), "{report}");
    let uneven = [
        "-vf",
        "setpts='N/30/TB+0.012*sin(N)/TB'",
        "-fps_mode",
        "vfr",
        "-video_track_timescale",
        "90000",
    ];
    let report = ladder(
        &scratch,
        "uneven.mp4",
        &[&PICTURE, &uneven, &X264, &["-t", "12", "-bf", "2"]],
        "auto",
    );
    assert!(segments(&report, "avc1").len() >= 2, "{report}");
    let slow = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=1"];
    ladder(&scratch, "slow.mp4", &[&slow, &X264, &["-t", "20"]], "auto");
    let plain = [&PICTURE[..], &X264, &["-t", "3"]];
    ladder(&scratch, "three.mp4", &plain, "auto");
    let turned = [
        "-i",
        scratch.path().join("three.mp4").to_str().unwrap(),
        "-c",
        "copy",
        "-metadata:s:v",
        "rotate=90",
    ]
    .map(str::to_owned);
    let turned: Vec<&str> = turned.iter().map(String::as_str).collect();
    let report = ladder(&scratch, "turned.mov", &[&turned], "auto");
    assert_eq!(report["ladder"][0]["height"], 640, "{report}");
}

#[test]
fn codecs_of_a_profile_share_one_grid_and_hdr_is_kept_or_mapped() {
    let scratch = Scratch::new();
    let profile = "[[video]]\nshort_side = 180\n[[video]]\nshort_side = 180\ncodec = \"hevc\"\npreset = \"ultrafast\"\n\
                   [[video]]\nshort_side = 180\ncodec = \"vp9\"\npreset = \"8\"\n[[video]]\nshort_side = 180\ncodec = \"av1\"\npreset = \"12\"\n\
                   [[audio]]\ncodec = \"opus\"\nbitrate = 64_000\n[[audio]]\nbitrate = 64_000\n";
    scratch.write("p.toml", profile);
    let x265 = [
        "-c:v",
        "libx265",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p10le",
        "-tag:v",
        "hvc1",
        "-x265-params",
        "log-level=error:keyint=999:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc",
        "-t",
        "10",
    ];
    let small = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=24"];
    let report = ladder(&scratch, "hdr.mp4", &[&small, &SOUND, &x265], "p.toml");
    for codec in ["avc1", "hvc1", "vp09", "av01"] {
        assert_eq!(segments(&report, codec), [3], "{codec}: {report}");
    }
    let mpd = std::fs::read_to_string(scratch.path().join("hdr.mp4.out/stream.mpd")).unwrap();
    // 16 is the transfer function of PQ (ISO/IEC 23091-2).
    assert_eq!(
        mpd.matches("TransferCharacteristics\" value=\"16\"")
            .count(),
        2,
        "{mpd}"
    );
    assert_eq!(
        (
            segments(&report, "opus").len(),
            segments(&report, "mp4a").len()
        ),
        (1, 1),
        "{report}"
    );
}

#[test]
fn times_that_stand_still_are_spread_in_every_rung() {
    let scratch = Scratch::new();
    let even = scratch.path().join("even.mp4");
    let made = [&PICTURE[..], &X264, &["-bf", "2", "-t", "9"]].concat();
    media::ffmpeg(&[&made[..], &[even.to_str().unwrap()]].concat());
    // Five pictures at a time.
    let still = "setts=ts=floor(N/5)*5*512+mod(N\\,5)";
    let words = ["-i", even.to_str().unwrap(), "-c", "copy", "-bsf:v", still];
    let report = ladder(&scratch, "still.mp4", &[&words], "auto");
    assert!(notes(&report).contains("put at even distances"), "{report}");
    assert!(segments(&report, "avc1").len() >= 2, "{report}");
    let rung = report["renditions"][0]["name"].as_str().unwrap();
    let folder = scratch.path().join("still.mp4.out").join(rung);
    let times = times(&clear(&scratch, "still.mp4", &folder));
    assert_eq!(times.len(), 225, "{report}");
    for pair in times.windows(2) {
        let lasts = pair[1] - pair[0];
        assert!((lasts - 0.04).abs() < 0.001, "{pair:?} of {times:?}");
    }
}

#[test]
fn av1_of_variable_rate_has_the_key_pictures_of_the_others() {
    let scratch = Scratch::new();
    let profile = "source = false\n[[video]]\nshort_side = 180\n[[video]]\nshort_side = 180\ncodec = \"av1\"\npreset = \"12\"\n";
    scratch.write("p.toml", profile);
    // Now slow, now fast, with a pause in which a group of pictures has few.
    let uneven = "setpts='(N/25+0.2*sin(N/7)+if(gt(N,100),1.5,0))/TB'";
    let words = ["-vf", uneven, "-fps_mode", "vfr", "-t", "11"];
    let timescale = ["-video_track_timescale", "90000"];
    let small = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25"];
    let input: [&[&str]; 4] = [&small, &words, &X264, &timescale];
    let report = ladder(&scratch, "uneven.mp4", &input, "p.toml");
    let (h264, av1) = (segments(&report, "avc1"), segments(&report, "av01"));
    assert!(h264.len() == 1 && h264[0] >= 3, "{report}");
    assert_eq!(h264, av1, "{report}");
    let of_source = times(&scratch.path().join("uneven.mp4"));
    assert!(of_source.len() > 150, "{}", of_source.len());
    for rendition in report["renditions"].as_array().unwrap() {
        let name = rendition["name"].as_str().unwrap();
        let folder = scratch.path().join("uneven.mp4.out").join(name);
        let found = times(&clear(&scratch, "uneven.mp4", &folder));
        assert_eq!(found.len(), of_source.len(), "{name}");
        for (found, expect) in found.iter().zip(&of_source) {
            let expect = expect - of_source[0];
            assert!(
                (found - expect).abs() < 0.002,
                "{name}: {found}, not {expect}"
            );
        }
    }
}

#[test]
fn the_recipe_for_renditions_of_ones_own_works() {
    let scratch = Scratch::new();
    let page = include_str!("../../../../docs/bitrates.md");
    let blocks = page.split("```sh\n").skip(1);
    let recipe = blocks.map(|rest| rest.split("```").next().unwrap());
    let recipe: String = recipe.filter(|text| text.contains("film.mov")).collect();
    assert!(recipe.contains("reelpack verify"), "{recipe}");
    let film = scratch.path().join("film.mov");
    let words = [&PICTURE[..], &SOUND, &X264, &["-t", "7"]].concat();
    media::ffmpeg(&[&words[..], &[film.to_str().unwrap()]].concat());
    let binary = Path::new(env!("CARGO_BIN_EXE_reelpack")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    let run = Command::new("sh")
        .args(["-e", "-c", &recipe])
        .env("PATH", format!("{}:{path}", binary.display()))
        .current_dir(scratch.path())
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let told = String::from_utf8(run.stdout).unwrap();
    assert!(told.contains(" 0 failed"), "{told}");
    let master = std::fs::read_to_string(scratch.path().join("film/master.m3u8")).unwrap();
    assert_eq!(master.matches("#EXT-X-STREAM-INF").count(), 2, "{master}");
}

/// A rendition of a package, decrypted, as one file.
fn clear(scratch: &Scratch, package: &str, folder: &Path) -> std::path::PathBuf {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|kind| kind == "m4s"));
    files.sort();
    let mut whole = std::fs::read(folder.join("init.mp4")).unwrap();
    for file in files {
        whole.extend(std::fs::read(file).unwrap());
    }
    std::fs::write(scratch.path().join("sealed.mp4"), whole).unwrap();
    let line = format!("decrypt sealed.mp4 -o clear.mp4 --force --key-file {package}.out.key");
    scratch.words(&line).ok();
    scratch.path().join("clear.mp4")
}

/// When the pictures of a file are shown, in seconds, in order.
fn times(file: &Path) -> Vec<f64> {
    let words = "-v error -select_streams v:0 -show_entries packet=pts_time -of csv=p=0";
    let run = Command::new("ffprobe")
        .args(words.split(' '))
        .arg(file)
        .output()
        .unwrap();
    assert!(run.status.success(), "{run:?}");
    let text = String::from_utf8(run.stdout).unwrap();
    let values = text.lines().map(|line| line.trim_end_matches(','));
    let mut times: Vec<f64> = values.map(|value| value.parse().unwrap()).collect();
    times.sort_by(f64::total_cmp);
    times
}

#[test]
fn wrong_orders_are_refused_before_anything_is_made() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let clip = clip.to_str().unwrap();
    scratch.write("bad.toml", "[[video]]\nshort_side = 721");
    for (order, inputs, expect) in [
        ("bad.toml", vec![clip], "even number"),
        ("missing.toml", vec![clip], "there is no such file"),
        ("auto", vec![clip, clip], "one video"),
        (
            "auto",
            vec![media::sound().to_str().unwrap()],
            "no input has pictures",
        ),
    ] {
        let mut args = vec!["package"];
        args.extend(inputs);
        args.extend(["-o", "out", "--ladder", order, "--scheme", "none"]);
        let run = scratch.run(args);
        assert!(
            run.code() != Some(0) && run.stderr().contains(expect),
            "{order}: {}",
            run.stderr()
        );
        assert!(!scratch.path().join("out").exists());
    }
}

#[test]
fn an_interrupted_ladder_leaves_nothing() {
    let scratch = Scratch::new();
    let large = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=1280x720:r=50",
        "-t",
        "20",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
    ];
    let input = scratch.path().join("large.mp4");
    let mut words = large.to_vec();
    words.push(input.to_str().unwrap());
    media::ffmpeg(&words);
    let before = scratch.snapshot();
    let mut child = Command::new(env!("CARGO_BIN_EXE_reelpack"))
        .args([
            "package",
            "large.mp4",
            "-o",
            "out",
            "--ladder",
            "auto",
            "--scheme",
            "none",
        ])
        .current_dir(scratch.path())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("encoded:") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success());
    assert_eq!(scratch.snapshot(), before, "nothing stays");
}
