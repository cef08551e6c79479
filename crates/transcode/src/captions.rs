//! Closed captions (CEA-608, and 708 as far as it carries them) that lie within pictures, as WebVTT.
//!
//! ffmpeg gives them out of a source filter alone (`movie=…[out+subcc]`), which opens files by itself: it is told the same
//! demuxer and protocol as any input, and a name without anything in it that a graph of filters would take for its own.

use crate::convert::Subtitles;
use crate::probe::{Facts, Track, TrackKind, input};
use crate::run::{Control, Limits, Task};
use crate::tools::{Program, Tools};
use crate::{Error, Result};
use std::ffi::OsString;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// Codecs whose pictures carry captions (ATSC A/53 part 4, ANSI/SCTE 128).
const CARRIERS: [&str; 3] = ["h264", "hevc", "mpeg2video"];
/// So many pictures are looked at: captions have a place in every picture, or in none.
const LOOKED_AT: u32 = 60;
/// How ffprobe calls them.
const SIGN: &str = "ATSC A53 Part 4 Closed Captions";
/// A link to the input, in the folder that the program works in.
const LINK: &str = "captions-input";
/// The file that is made.
const FILE: &str = "captions.vtt";

/// Writes the captions of a file's first picture into a folder; `None` where it has none.
pub(crate) fn write(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    folder: &Path,
    control: &dyn Control,
) -> Result<Option<Subtitles>> {
    let is_picture = |track: &&Track| matches!(track.kind, TrackKind::Video(_));
    let Some(track) = facts.tracks.iter().find(is_picture) else {
        return Ok(None);
    };
    if !CARRIERS.contains(&track.codec.as_str()) || !carries(tools, path, facts, track, control)? {
        return Ok(None);
    }
    let made = folder.join(FILE);
    let link = folder.join(LINK);
    symlink(path, &link).map_err(Error::io("name the file for its captions"))?;
    let task = Task {
        program: Program::Ffmpeg,
        arguments: arguments(facts, &made),
        reads: &[path.to_owned()],
        writes: Some(folder),
        limits: Limits::MAKE,
    };
    let run = tools.run(&task, control);
    std::fs::remove_file(&link).map_err(Error::io("remove the name of the file"))?;
    run?;
    let text = std::fs::read_to_string(&made).map_err(Error::io("read the captions"))?;
    if !text.contains("-->") {
        // A place for captions is often empty.
        std::fs::remove_file(&made).map_err(Error::io("remove the captions"))?;
        return Ok(None);
    }
    Ok(Some(subtitles(made)))
}

fn subtitles(path: PathBuf) -> Subtitles {
    Subtitles {
        path,
        language: "und".to_owned(),
        forced: false,
        hearing_impaired: true,
    }
}

fn arguments(facts: &Facts, made: &Path) -> Vec<OsString> {
    let graph = format!(
        "movie=filename={LINK}:f={}:format_opts=protocol_whitelist=file[out+subcc]",
        facts.container.demuxer()
    );
    let words = ["-protocol_whitelist", "file", "-f", "lavfi", "-i", &graph];
    let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    let options = "-map 0:s -c:s webvtt -map_metadata -1 -f webvtt";
    arguments.extend(options.split(' ').map(OsString::from));
    arguments.push(made.into());
    arguments
}

fn carries(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    track: &Track,
    control: &dyn Control,
) -> Result<bool> {
    let mut arguments = input(facts.container, path);
    let options = format!(
        "-select_streams {} -read_intervals %+#{LOOKED_AT} -show_frames -of json",
        track.index
    );
    arguments.extend(options.split(' ').map(OsString::from));
    let task = Task {
        program: Program::Ffprobe,
        arguments,
        reads: &[path.to_owned()],
        writes: None,
        limits: Limits::LOOK,
    };
    let answer = tools.run(&task, control)?;
    Ok(String::from_utf8_lossy(&answer).contains(SIGN))
}
