//! Makes of any file one that `packager` reads: an MP4, and files of WebVTT beside it.

#[cfg(test)]
mod tests;

use crate::encode::even_times;
use crate::judge::{Complaints, Conversion, Treatment, Verdict, judge};
use crate::probe::{Facts, Track, TrackKind, Video, input};
use crate::run::{Control, Limits, Progress, Task};
use crate::tools::{Program, Tools};
use crate::{Error, Result, captions, loudness, repeats};
use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// What people should know of the file: that it is cut short.
    pub warnings: Vec<String>,
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

/// Converts a file with as little encoding as there can be: tracks are copied where MP4 holds them and nobody complained about
/// them `before`. Whoever is to use the result is asked for complaints about it, and the file is converted once more as long as
/// they are new, or ffmpeg makes nothing of copies. Says what was done.
///
/// # Errors
/// Those of [`judge`] and [`convert`].
pub fn convert_until(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    before: Complaints,
    folder: &Path,
    control: &dyn Control,
    complaints_about: &dyn Fn(&Path) -> Complaints,
) -> Result<(Conversion, Converted)> {
    let mut complaints = before;
    loop {
        let mut conversion = judge(facts, &complaints)?;
        let found = match convert(tools, path, facts, &conversion, folder, control) {
            Ok(mut converted) => {
                let more = complaints.clone().or(complaints_about(&converted.media));
                if more == complaints {
                    add_captions(tools, path, facts, folder, control, &mut converted)?;
                    conversion.warnings = converted.warnings.clone();
                    return Ok((conversion, converted));
                }
                more
            }
            Err(error @ (Error::InvalidInput(_) | Error::Unsupported(_) | Error::Tool(_))) => {
                let more = complaints.clone().or(Complaints::everything());
                if more == complaints {
                    return Err(error);
                }
                more
            }
            Err(error) => return Err(error),
        };
        complaints = found;
    }
}

/// Closed captions within the picture become a file as other text does. Without them the video is worth as much.
fn add_captions(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    folder: &Path,
    control: &dyn Control,
    converted: &mut Converted,
) -> Result<()> {
    let path = path.canonicalize().map_err(Error::io("find the file"))?;
    let folder = folder
        .canonicalize()
        .map_err(Error::io("find the folder"))?;
    let copy = repeats::without(&path, facts.container, beside(&folder))?;
    let path = copy.as_ref().map_or(path, |copy| copy.path().to_owned());
    match captions::write(tools, &path, facts, &folder, control) {
        Ok(captions) => converted.subtitles.extend(captions),
        Err(error @ (Error::InvalidInput(_) | Error::Unsupported(_) | Error::Tool(_))) => {
            let note = format!("closed captions within the picture are left out: {error}");
            converted.warnings.push(note);
        }
        Err(error) => return Err(error),
    }
    Ok(())
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
    let copy = repeats::without(&path, facts.container, beside(folder))?;
    let path = copy.as_ref().map_or(path, |copy| copy.path().to_owned());
    let loud = loudness_filters(tools, &path, facts, conversion, control)?;
    let (arguments, converted) = arguments(&path, facts, conversion, &loud, folder);
    let reads = [path];
    let task = Task {
        program: Program::Ffmpeg,
        arguments,
        reads: &reads,
        writes: Some(folder),
        limits: Limits::MAKE,
    };
    let timed = Timed {
        control,
        until_us: AtomicU64::new(0),
    };
    let heard = tools.run_heard(&task, &timed)?;
    let until = timed.until_us.into_inner() as f64 / 1e6;
    let mut converted = converted;
    converted
        .warnings
        .extend(cut_short(&heard.said, facts.seconds, until));
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

/// The folder in which a folder lies: a program that writes in the one has nothing to do with the other.
pub(crate) fn beside(folder: &Path) -> &Path {
    folder.parent().unwrap_or(folder)
}

/// The filters of tracks that are to have a loudness, by their numbers; silent ones have none.
fn loudness_filters(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    conversion: &Conversion,
    control: &dyn Control,
) -> Result<HashMap<u32, String>> {
    let mut filters = HashMap::new();
    for (track, verdict) in facts.tracks.iter().zip(&conversion.verdicts) {
        if let Some(target) = verdict.loudness
            && let Some(filter) = loudness::filter(tools, path, facts, track, target, control)?
        {
            filters.insert(track.index, filter);
        }
    }
    Ok(filters)
}

/// Remembers to what time a run came.
struct Timed<'a> {
    control: &'a dyn Control,
    until_us: AtomicU64,
}

impl Control for Timed<'_> {
    fn cancelled(&self) -> bool {
        self.control.cancelled()
    }

    fn progress(&self, progress: Progress) {
        self.until_us.store(progress.time_us, Ordering::Relaxed);
        self.control.progress(progress);
    }
}

/// What ffmpeg says when the bytes end before they should.
const ENDS_EARLY: [&str; 3] = ["ended prematurely", "truncated", "partial file"];
/// So much of the time that a file tells may be missing: the end of another track, rounding. In seconds, and as a share.
const MISSING: (f64, f64) = (1.0, 0.05);

/// A word on a file that ends before it should. ffmpeg takes what is there, and ends well.
fn cut_short(said: &str, told: f64, until: f64) -> Option<String> {
    let is_less = until + MISSING.0.max(told * MISSING.1) < told;
    let says_so = ENDS_EARLY.iter().any(|words| said.contains(words));
    match (is_less, says_so) {
        (true, _) => Some(format!(
            "the file says that it lasts {told:.1} s, and ends after {until:.1} s: it is cut short or damaged, and was taken as \
             far as it goes"
        )),
        (false, true) => Some("the file is cut short, and was taken as far as it goes".to_owned()),
        (false, false) => None,
    }
}

fn arguments(
    path: &Path,
    facts: &Facts,
    conversion: &Conversion,
    loud: &HashMap<u32, String>,
    folder: &Path,
) -> (Vec<OsString>, Converted) {
    let mut words = vec![OsString::from("-fflags"), "+genpts".into()];
    words.extend(input(facts.container, path));
    let mut say = |text: &str| words.extend(text.split(' ').map(OsString::from));
    let treated = || {
        let tracks = facts.tracks.iter().zip(&conversion.verdicts);
        tracks.map(|(track, verdict)| (track, verdict, verdict.treatment))
    };
    let is_media = |treatment| !matches!(treatment, Treatment::LeaveOut | Treatment::ToWebVtt);
    let media = treated().filter(|(_, _, treatment)| is_media(*treatment));
    for (number, (track, verdict, _)) in media.enumerate() {
        say(&format!("-map 0:{}", track.index));
        say(&codec(number, track, verdict));
        if let Some(filter) = loud.get(&track.index) {
            // The filter works at 192 kHz.
            say(&format!("-filter:{number} {filter} -ar:{number} 48000"));
        }
        say(&format!("-metadata:s:{number} language={}", track.language));
    }
    // Where a camera was, and what it was, is nobody's business.
    say(
        "-map_metadata -1 -map_chapters -1 -fps_mode vfr -max_muxing_queue_size 9999 -strict experimental -f mp4",
    );
    let mut converted = Converted {
        media: folder.join(MEDIA),
        subtitles: Vec::new(),
        warnings: Vec::new(),
    };
    words.push(converted.media.clone().into());
    for (track, ..) in treated().filter(|(_, _, treatment)| *treatment == Treatment::ToWebVtt) {
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
fn codec(number: usize, track: &Track, verdict: &Verdict) -> String {
    let filters = |format: &str| filters(number, track, verdict.even_times, format);
    match verdict.treatment {
        // Apple's players know HEVC by this name alone.
        Treatment::Copy if track.codec == "hevc" => format!("-c:{number} copy -tag:{number} hvc1"),
        Treatment::CopyWithLevel => {
            format!("-c:{number} copy -bsf:{number} h264_metadata=level=auto")
        }
        Treatment::Copy | Treatment::LeaveOut | Treatment::ToWebVtt => format!("-c:{number} copy"),
        Treatment::ToH264 => format!(
            "-c:{number} libx264 -preset:{number} medium -crf:{number} 19 -pix_fmt:{number} yuv420p \
             -sc_threshold:{number} 0 {} {}",
            key_pictures(number),
            filters("format=yuv420p")
        ),
        Treatment::ToHevc => format!(
            "-c:{number} libx265 -preset:{number} medium -crf:{number} 20 -tag:{number} hvc1 \
             -x265-params:{number} open-gop=0:scenecut=0:log-level=error{} {} {}",
            light(track),
            key_pictures(number),
            filters("format=yuv420p10le")
        ),
        Treatment::ToAac => sound(number, track),
    }
}

/// How bright the pictures were made for, so that a display can do as well.
fn light(track: &Track) -> String {
    let TrackKind::Video(Video {
        light: Some(light), ..
    }) = &track.kind
    else {
        return String::new();
    };
    let said = |name: &str, value: &Option<String>| {
        let value = value.as_deref().map(|value| format!(":{name}={value}"));
        value.unwrap_or_default()
    };
    format!(
        ":hdr10=1{}{}",
        said("master-display", &light.display),
        said("max-cll", &light.content)
    )
}

fn key_pictures(number: usize) -> String {
    format!("-force_key_frames:{number} expr:gte(t,n_forced*{KEY_SECONDS})")
}

/// Half pictures are made whole, odd sizes even, and broken times, where the rate is known, even.
fn filters(number: usize, track: &Track, is_even: bool, format: &str) -> String {
    let (interlaced, rate) = match &track.kind {
        TrackKind::Video(video) => (video.interlaced, video.frame_rate),
        _ => (false, 0.0),
    };
    let times = match is_even && rate > 0.0 {
        true => even_times(rate),
        false => String::new(),
    };
    let fields = if interlaced {
        "bwdif=mode=send_frame,"
    } else {
        ""
    };
    format!("-filter:{number} {times}{fields}scale=trunc(iw/2)*2:trunc(ih/2)*2,{format}")
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
