//! Media for tests, made with ffmpeg once and kept.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Picture and sound, 4 s: H.264 with B-frames and a key frame each second, AAC.
pub fn clip() -> PathBuf {
    make("clip.mp4", &["-map", "0:v", "-map", "1:a"])
}

/// The picture of [`clip`], smaller.
pub fn small() -> PathBuf {
    make("small.mp4", &["-map", "0:v", "-s", "160x90"])
}

/// The picture of [`clip`] with key frames at other times.
pub fn other_groups() -> PathBuf {
    let every_17 = ["-force_key_frames", "expr:gte(t,n_forced*0.68)"];
    make(
        "other-groups.mp4",
        &[&["-map", "0:v"][..], &every_17].concat(),
    )
}

/// [`clip`] in Matroska.
pub fn matroska() -> PathBuf {
    make("clip.mkv", &["-map", "0:v", "-map", "1:a"])
}

/// Sound alone.
pub fn sound() -> PathBuf {
    make("sound.mp4", &["-map", "1:a"])
}

/// Picture, and a track of time codes, which is not packaged.
pub fn timed() -> PathBuf {
    make("timed.mov", &["-map", "0:v", "-timecode", "00:00:00:00"])
}

/// Subtitles: in a folder of its own, so that the name is what a test wants.
pub fn subtitles(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(
        &path,
        "1\n00:00:01,000 --> 00:00:03,000\nWords & <i>signs</i>\n",
    )
    .unwrap();
    path
}

/// Runs ffmpeg and returns its stdout.
#[track_caller]
pub fn ffmpeg(args: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y"])
        .args(args)
        .output()
        .unwrap_or_else(|error| {
            panic!("ffmpeg cannot be started ({error}): install the Debian package `ffmpeg`")
        });
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {args:?}: {stderr}");
    output.stdout
}

/// The decoded frames of the first video track: time in milliseconds and hash of the pixels.
#[track_caller]
pub fn frames(file: &Path) -> Vec<(u64, String)> {
    let file = file.to_str().unwrap();
    let text = ffmpeg(&[
        "-i",
        file,
        "-map",
        "0:v:0",
        "-vsync",
        "passthrough",
        "-enc_time_base",
        "-1",
        "-f",
        "framemd5",
        "-",
    ]);
    let text = String::from_utf8(text).unwrap();
    let tick = text
        .lines()
        .find_map(|line| line.strip_prefix("#tb 0: 1/"))
        .expect("a time base")
        .parse::<u64>()
        .unwrap();
    let frame = |line: &str| {
        let columns: Vec<&str> = line.split(',').map(str::trim).collect();
        let pts = columns[2].parse::<u64>().unwrap();
        (pts * 1000 / tick, columns[5].to_owned())
    };
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(frame)
        .collect()
}

/// Hash of the decoded sound of the first audio track from time 0 on. The frames that fill the decoder come
/// before: ffmpeg leaves them out of a progressive file, and gives them negative times in a fragmented one.
#[track_caller]
pub fn sound_hash(file: &Path) -> String {
    let file = file.to_str().unwrap();
    let args = [
        "-copyts",
        "-i",
        file,
        "-map",
        "0:a:0",
        "-af",
        "atrim=start=0",
        "-c:a",
        "pcm_s16le",
        "-f",
        "md5",
        "-",
    ];
    String::from_utf8(ffmpeg(&args)).unwrap()
}

fn make(name: &str, maps: &[&str]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if path.exists() {
        return path;
    }
    // Tests run at once, also in several processes: each makes its own, and one rename wins.
    let thread = format!("{:?}", std::thread::current().id());
    let thread: String = thread.chars().filter(char::is_ascii_digit).collect();
    let own = path.with_file_name(format!("{}-{thread}-{name}", std::process::id()));
    let mut args = vec![
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=25:duration=4",
        "-f",
        "lavfi",
        "-i",
        "sine=frequency=440:sample_rate=48000:duration=4",
    ];
    args.extend_from_slice(maps);
    args.extend_from_slice(&[
        "-c:v", "libx264", "-preset", "veryfast", "-g", "25", "-bf", "2", "-pix_fmt", "yuv420p",
        "-c:a", "aac", "-b:a", "96k",
    ]);
    args.push(own.to_str().unwrap());
    ffmpeg(&args);
    fs::rename(&own, &path).unwrap();
    path
}
