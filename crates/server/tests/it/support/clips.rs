//! Clips, made once by ffmpeg and kept below `target/tmp`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const PICTURE: [&str; 4] = ["-f", "lavfi", "-i", "testsrc2=size=160x120:rate=25"];
const SOUND: [&str; 4] = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=44100"];
const H264: [&str; 8] = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-g",
    "25",
    "-pix_fmt",
    "yuv420p",
];
const AAC: [&str; 4] = ["-c:a", "aac", "-b:a", "64k"];

/// Eight seconds of picture and sound.
pub fn plain() -> PathBuf {
    make("plain.mp4", &[&PICTURE, &SOUND, &H264, &AAC, &["-t", "8"]])
}

/// Two minutes of picture and sound: some work to package.
pub fn long() -> PathBuf {
    make("long.mp4", &[&PICTURE, &SOUND, &H264, &AAC, &["-t", "120"]])
}

/// Ten minutes of picture and sound: in short segments, some thousand files to write.
pub fn very_long() -> PathBuf {
    let end = ["-t", "600"];
    make("very-long.mp4", &[&PICTURE, &SOUND, &H264, &AAC, &end])
}

/// Four seconds of picture and sound whose index comes before the media.
pub fn index_first() -> PathBuf {
    let end = ["-movflags", "+faststart", "-t", "4"];
    make("index-first.mp4", &[&PICTURE, &SOUND, &H264, &AAC, &end])
}

/// Three seconds of sound alone.
pub fn sound_only() -> PathBuf {
    make("sound.mp4", &[&SOUND, &AAC, &["-t", "3"]])
}

/// Three seconds that say where and with what they were recorded, in a container.
pub fn with_a_place(container: &str) -> PathBuf {
    let said = [
        "-metadata",
        "location=+52.5200+013.4050/",
        "-metadata",
        "model=CanaryPhone",
        "-metadata",
        "comment=Canary comment",
        "-movflags",
        "use_metadata_tags",
    ];
    // Matroska knows no such flags.
    let said = &said[..if container == "mkv" { 6 } else { 8 }];
    let name = format!("place.{container}");
    make(&name, &[&PICTURE, &SOUND, &H264, &AAC, said, &["-t", "3"]])
}

/// Two seconds of picture alone, of a length that tells clips apart: `number` more frames.
pub fn numbered(number: u32) -> PathBuf {
    let frames = (50 + number).to_string();
    let name = format!("numbered-{number}.mp4");
    make(&name, &[&PICTURE, &H264, &["-frames:v", &frames]])
}

/// Three seconds of picture and sound in Matroska, with subtitles in German.
pub fn matroska() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let text = folder.join(format!("german-{}.srt", std::process::id()));
    std::fs::write(&text, "1\n00:00:00,500 --> 00:00:02,000\nGuten Tag\n").expect("written");
    let text = text.to_str().expect("a path of characters");
    let codecs = [
        "-i",
        text,
        "-c:s",
        "srt",
        "-metadata:s:s:0",
        "language=ger",
        "-t",
        "3",
    ];
    make(
        "plain.mkv",
        &[&PICTURE, &SOUND, &codecs[..2], &H264, &AAC, &codecs[2..]],
    )
}

/// Three seconds of picture and sound in codecs that MP4 does not hold.
pub fn webm() -> PathBuf {
    let codecs = [
        "-c:v",
        "libvpx",
        "-deadline",
        "realtime",
        "-c:a",
        "libvorbis",
        "-t",
        "3",
    ];
    make("plain.webm", &[&PICTURE, &SOUND, &codecs])
}

/// Some seconds of large pictures of such a codec: some work to encode.
pub fn large_webm() -> PathBuf {
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25"];
    let codecs = [
        "-c:v",
        "libvpx",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-t",
        "12",
    ];
    make("large.webm", &[&picture, &codecs])
}

/// Twelve seconds of larger pictures with a key picture each second, and sound: a ladder has some rungs and chunks.
pub fn wide() -> PathBuf {
    let picture = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25"];
    make("wide.mp4", &[&picture, &SOUND, &H264, &AAC, &["-t", "12"]])
}

/// Matroska of H.264 that says a level which is too low for it.
pub fn low_level() -> PathBuf {
    let level = [
        "-s",
        "640x360",
        "-bsf:v",
        "h264_metadata=level=1",
        "-t",
        "2",
    ];
    make("low-level-360.mkv", &[&PICTURE, &H264, &level])
}

/// A picture, which is no video.
pub fn png() -> PathBuf {
    make("picture.png", &[&PICTURE, &["-frames:v", "1"]])
}

/// A video whose codec cannot be packaged as it is, in a container that can.
pub fn mpeg4() -> PathBuf {
    make("mpeg4.mp4", &[&PICTURE, &["-c:v", "mpeg4", "-t", "1"]])
}

/// MD5 of every decoded frame of a file's first track of a kind (`v` or `a`).
pub fn frames(file: &Path, kind: &str) -> String {
    let file = file.to_str().expect("a plain path");
    let track = format!("0:{kind}:0");
    run(&["-copyts", "-i", file, "-map", &track, "-f", "framemd5", "-"])
}

fn make(name: &str, arguments: &[&[&str]]) -> PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(name);
    if path.exists() {
        return path;
    }
    // Several tests, and several runs of them, may make the same clip at once.
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let temporary = folder.join(format!("{}-{number}-{name}", std::process::id()));
    let mut all = arguments.concat();
    all.push(temporary.to_str().expect("a plain path"));
    run(&all);
    std::fs::rename(&temporary, &path).expect("the clip gets its name");
    path
}

fn run(arguments: &[&str]) -> String {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"])
        .args(arguments)
        .output()
        .expect("ffmpeg runs; it comes with Debian's package ffmpeg (apt-get install ffmpeg)");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ffmpeg {arguments:?}: {complaint}");
    String::from_utf8(output.stdout).expect("text")
}
