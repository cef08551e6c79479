//! Makes of any file one that `packager` reads: an MP4, and files of WebVTT beside it.

use crate::judge::{Conversion, Treatment, judge};
use crate::probe::{Facts, Track, TrackKind, input};
use crate::run::{Control, Limits, Task};
use crate::tools::{Program, Tools};
use crate::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Name of the file with picture and sound, in the folder that is written to.
const MEDIA: &str = "media.mp4";
/// Key pictures of what is encoded anew are so far apart, in seconds.
const KEY_SECONDS: u32 = 2;

/// What came of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// Picture and sound.
    pub media: PathBuf,
    /// A file for each track of text.
    pub subtitles: Vec<Subtitles>,
}

/// A track of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtitles {
    /// WebVTT.
    pub path: PathBuf,
    /// ISO 639-2.
    pub language: String,
    /// To be shown to those who need no subtitles.
    pub forced: bool,
    /// For the deaf and hard of hearing.
    pub hearing_impaired: bool,
}

/// Converts a file with as little encoding as there can be: tracks are copied where MP4 holds them, and encoded when what comes
/// of copies is not `of_use`, or ffmpeg makes nothing of them. Says what was done.
///
/// # Errors
/// Those of [`judge`] and [`convert`].
pub fn convert_until(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    folder: &Path,
    control: &dyn Control,
    of_use: &dyn Fn(&Path) -> bool,
) -> Result<(Conversion, Converted)> {
    let conversion = judge(facts, false)?;
    match convert(tools, path, facts, &conversion, folder, control) {
        Ok(converted) if of_use(&converted.media) => return Ok((conversion, converted)),
        Ok(_) | Err(Error::InvalidInput(_) | Error::Unsupported(_) | Error::Tool(_)) => {}
        Err(error) => return Err(error),
    }
    let conversion = judge(facts, true)?;
    let converted = convert(tools, path, facts, &conversion, folder, control)?;
    Ok((conversion, converted))
}

/// Converts a file as was decided, into a folder that is there and empty.
///
/// # Errors
/// Those of [`Tools::run`]. What was written so far is left in the folder, which is the caller's.
pub fn convert(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    conversion: &Conversion,
    folder: &Path,
    control: &dyn Control,
) -> Result<Converted> {
    // The program works in the folder, so that no relative path means there what it means here.
    let path = path.canonicalize().map_err(Error::io("find the file"))?;
    let folder = &folder
        .canonicalize()
        .map_err(Error::io("find the folder"))?;
    if path.starts_with(folder) {
        let what =
            "a file is not converted in the folder that it lies in: ffmpeg could write over it";
        return Err(Error::Tool(what.into()));
    }
    let (arguments, converted) = arguments(&path, facts, conversion, folder);
    let reads = [path];
    let task = Task {
        program: Program::Ffmpeg,
        arguments,
        reads: &reads,
        writes: Some(folder),
        limits: Limits::MAKE,
    };
    tools.run(&task, control)?;
    for file in
        std::iter::once(&converted.media).chain(converted.subtitles.iter().map(|text| &text.path))
    {
        if !file.is_file() {
            return Err(Error::Tool(
                "ffmpeg ended without a result, and without a word".into(),
            ));
        }
    }
    Ok(converted)
}

fn arguments(
    path: &Path,
    facts: &Facts,
    conversion: &Conversion,
    folder: &Path,
) -> (Vec<OsString>, Converted) {
    let mut words = vec![OsString::from("-fflags"), "+genpts".into()];
    words.extend(input(facts.container, path));
    let mut say = |text: &str| words.extend(text.split(' ').map(OsString::from));
    let treated = || {
        let tracks = facts.tracks.iter().zip(&conversion.verdicts);
        tracks.map(|(track, verdict)| (track, verdict.treatment))
    };
    let is_media = |treatment| !matches!(treatment, Treatment::LeaveOut | Treatment::ToWebVtt);
    let media = treated().filter(|(_, treatment)| is_media(*treatment));
    for (number, (track, treatment)) in media.enumerate() {
        say(&format!("-map 0:{}", track.index));
        say(&codec(number, track, treatment));
        say(&format!("-metadata:s:{number} language={}", track.language));
    }
    // Where a camera was, and what it was, is nobody's business.
    say(
        "-map_metadata -1 -map_chapters -1 -fps_mode vfr -max_muxing_queue_size 9999 -strict experimental -f mp4",
    );
    let mut converted = Converted {
        media: folder.join(MEDIA),
        subtitles: Vec::new(),
    };
    words.push(converted.media.clone().into());
    for (track, _) in treated().filter(|(_, treatment)| *treatment == Treatment::ToWebVtt) {
        let (output, subtitles) = webvtt(track, folder);
        words.extend(output);
        converted.subtitles.push(subtitles);
    }
    (words, converted)
}

/// The words that make a file of WebVTT of a track, and the file.
pub(crate) fn webvtt(track: &Track, folder: &Path) -> (Vec<OsString>, Subtitles) {
    let path = folder.join(format!("text-{}.vtt", track.index));
    let options = format!(
        "-map 0:{} -c:s webvtt -map_metadata -1 -map_chapters -1 -f webvtt",
        track.index
    );
    let mut words: Vec<OsString> = options.split(' ').map(OsString::from).collect();
    words.push(path.clone().into());
    let subtitles = Subtitles {
        path,
        language: track.language.clone(),
        forced: track.forced,
        hearing_impaired: track.hearing_impaired,
    };
    (words, subtitles)
}

/// The options that say how an output track is made.
fn codec(number: usize, track: &Track, treatment: Treatment) -> String {
    match treatment {
        // Apple's players know HEVC by this name alone.
        Treatment::Copy if track.codec == "hevc" => format!("-c:{number} copy -tag:{number} hvc1"),
        Treatment::Copy | Treatment::LeaveOut | Treatment::ToWebVtt => format!("-c:{number} copy"),
        Treatment::ToH264 => format!(
            "-c:{number} libx264 -preset:{number} medium -crf:{number} 19 -pix_fmt:{number} yuv420p \
             -sc_threshold:{number} 0 {} {}",
            key_pictures(number),
            filters(number, track, "format=yuv420p")
        ),
        Treatment::ToHevc => format!(
            "-c:{number} libx265 -preset:{number} medium -crf:{number} 20 -tag:{number} hvc1 \
             -x265-params:{number} open-gop=0:scenecut=0:log-level=error {} {}",
            key_pictures(number),
            filters(number, track, "format=yuv420p10le")
        ),
        Treatment::ToAac => sound(number, track),
    }
}

fn key_pictures(number: usize) -> String {
    format!("-force_key_frames:{number} expr:gte(t,n_forced*{KEY_SECONDS})")
}

/// Half pictures are made whole, odd sizes even.
fn filters(number: usize, track: &Track, format: &str) -> String {
    let interlaced = matches!(&track.kind, TrackKind::Video(video) if video.interlaced);
    let fields = if interlaced {
        "bwdif=mode=send_frame,"
    } else {
        ""
    };
    format!("-filter:{number} {fields}scale=trunc(iw/2)*2:trunc(ih/2)*2,{format}")
}

fn sound(number: usize, track: &Track) -> String {
    let (channels, rate) = match &track.kind {
        TrackKind::Audio(audio) => (audio.channels, audio.sample_rate),
        _ => (2, 48_000),
    };
    let kilobits = match channels {
        1 => 96,
        2 => 160,
        3..=8 => 64 * channels,
        _ => 160,
    };
    // What has more channels than AAC has names for is mixed down.
    let mix = if channels > 8 {
        format!(" -ac:{number} 2")
    } else {
        String::new()
    };
    let usual = [
        8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000,
    ];
    let rate = if usual.contains(&rate) { rate } else { 48_000 };
    format!("-c:{number} aac -b:{number} {kilobits}k -ar:{number} {rate}{mix}")
}
