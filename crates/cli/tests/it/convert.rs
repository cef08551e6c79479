//! Inputs that are not MP4: converted by ffmpeg, or refused with a cause.

use crate::media;
use crate::support::{Scratch, shared};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn matroska_is_packaged_and_says_what_was_done() {
    let scratch = Scratch::new();
    let clip = media::matroska();
    let args = [
        "package",
        clip.to_str().unwrap(),
        "-o",
        "out",
        "--json",
        "--key-file",
        "k",
    ];
    scratch.write("k", crate::support::key());
    let run = scratch.run(args).ok();
    let conversions = &run.json()["conversions"];
    assert_eq!(
        (&conversions[0]["input"], &conversions[0]["encoded"]),
        (&1.into(), &false.into())
    );
    assert!(
        run.stderr().contains("put into MP4 as they are"),
        "{}",
        run.stderr()
    );
    assert_eq!(run.json()["renditions"].as_array().unwrap().len(), 2);
    scratch.words("verify out --key-file k").ok();
    let left: Vec<_> = scratch
        .snapshot()
        .into_keys()
        .filter(|path| !path.starts_with("out"))
        .collect();
    assert_eq!(
        left,
        [PathBuf::from("k")],
        "no folder of the conversion stays"
    );
}

#[test]
fn an_mp4_is_packaged_without_any_ffmpeg() {
    let scratch = Scratch::new();
    let clip = media::clip();
    let args = [
        "package",
        clip.to_str().unwrap(),
        "-o",
        "out",
        "--json",
        "--ffmpeg",
        "/nowhere",
    ];
    assert_eq!(
        scratch.run(args).ok().json()["conversions"],
        serde_json::json!([])
    );
    let clip = media::matroska();
    let args = [
        "package",
        clip.to_str().unwrap(),
        "-o",
        "other",
        "--ffmpeg",
        "/nowhere",
        "--ffprobe",
        "/nowhere",
    ];
    scratch.run(args).fails(2, "install FFmpeg");
}

#[test]
fn an_interrupted_conversion_leaves_no_file_and_no_process() {
    let scratch = Scratch::new();
    let clip = scratch.path().join("large.webm");
    let words = "-v error -f lavfi -i testsrc2=size=1280x720:rate=25 -c:v libvpx -deadline realtime -cpu-used 8 -t 20";
    let made = Command::new("ffmpeg")
        .args(words.split(' '))
        .arg(&clip)
        .status()
        .unwrap();
    assert!(made.success());
    let before = scratch.snapshot();
    for signal in [Signal::INT, Signal::TERM] {
        let mut command = scratch.command();
        command
            .args(["package", "large.webm", "-o", "out"])
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        until("ffmpeg is at work", || !workers(scratch.path()).is_empty());
        kill_process(Pid::from_child(&child), signal).unwrap();
        let asked = Instant::now();
        let status = child.wait().unwrap();
        assert!(
            asked.elapsed() < Duration::from_secs(2),
            "{:?}",
            asked.elapsed()
        );
        assert_eq!(status.signal(), Some(signal.as_raw()));
        assert!(workers(scratch.path()).is_empty());
        assert_eq!(
            scratch.snapshot().keys().collect::<Vec<_>>(),
            before.keys().collect::<Vec<_>>()
        );
    }
}

/// Processes that work in a folder below this one.
fn workers(folder: &Path) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .map(|entry| entry.path());
    let works = |process: &PathBuf| {
        let place = fs::read_link(process.join("cwd"));
        place.is_ok_and(|place| place != folder && place.starts_with(folder))
    };
    processes.filter(works).collect()
}

fn until(what: &str, seen: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !seen() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Packages files, two at a time; says which and why where `judge` has something to say about the exit code and the
/// error.
fn each(files: &[(PathBuf, String)], judge: impl Fn(&str, Option<i32>) -> bool + Sync) {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((file, expect)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let scratch = Scratch::new();
                    let began = Instant::now();
                    let run = scratch.run(["-q", "package", file.to_str().unwrap(), "-o", "out"]);
                    let late = began.elapsed() > Duration::from_secs(20);
                    let left = scratch.snapshot();
                    let left = run.code() != Some(0) && !left.is_empty();
                    if late || left || !judge(expect, run.code()) {
                        let text = format!(
                            "{expect}: {:?} {:?} {}",
                            file.file_name(),
                            run.code(),
                            run.stderr()
                        );
                        wrong.lock().unwrap().push(text);
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn hostile_files_of_any_container_are_taken_or_refused_as_their_index_says() {
    let Some(folder) = shared("hostile") else {
        return;
    };
    let scratch = Scratch::new();
    let out = scratch.path().join("hostile");
    let script = folder.join("make_hostile.py");
    let made = Command::new("python3")
        .arg(script)
        .arg("--out")
        .arg(&out)
        .stdout(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    let index = fs::read_to_string(out.join("INDEX.tsv")).unwrap();
    let rows = index
        .lines()
        .skip(1)
        .map(|line| line.split('\t').collect::<Vec<_>>());
    let foreign = rows.filter(|row| ["ts", "webm", "not-video"].contains(&row[4]));
    let files: Vec<_> = foreign
        .map(|row| (out.join(row[0]), row[5].to_owned()))
        .collect();
    assert!(files.len() > 40, "{}", files.len());
    each(&files, |expect, code| match expect {
        "ACCEPT" => code == Some(0),
        "REJECT" => code == Some(65),
        _ => matches!(code, Some(0 | 65)),
    });
}

#[test]
fn real_files_of_other_containers_are_packaged() {
    let Some(folder) = shared("media") else {
        return;
    };
    let index = fs::read_to_string(folder.join("index.tsv")).unwrap();
    let names = index
        .lines()
        .skip(1)
        .filter_map(|line| line.split('\t').next());
    let foreign = names.filter(|name| {
        [".mkv", ".webm", ".ts", ".mts", "prores.mov"]
            .iter()
            .any(|end| name.ends_with(end))
    });
    let files: Vec<_> = foreign
        .map(|name| (folder.join(name), "ACCEPT".to_owned()))
        .collect();
    assert!(files.len() >= 7, "{}", files.len());
    each(&files, |_, code| code == Some(0));
}
