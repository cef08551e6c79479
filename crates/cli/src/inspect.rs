//! `reelpack inspect`: what a file holds, for people or machines.

mod boxes;

use crate::failure::Failure;
use crate::{input, text};
use clap::Args;
use indicatif::HumanBytes;
use packager::{Movie, Packageable, Track, TrackKind};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const EXAMPLES: &str = "\
Examples:
  reelpack inspect holiday.mp4
  reelpack inspect holiday.mp4 --json | jq '.tracks[] | select(.packageable)'
  reelpack inspect broken.mp4 --boxes

Exit codes: 0 done, also when no track can be packaged (it says why) · 2 wrong usage · 65 FILE is no movie
that can be read (why and where; --boxes shows its boxes all the same) · 74 FILE cannot be read.";

/// Show the tracks of a file and whether they can be packaged, or its boxes.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct InspectArgs {
    /// The file.
    file: PathBuf,
    /// Show the box tree instead of the tracks; broken files too.
    #[arg(long)]
    boxes: bool,
    /// Write JSON.
    #[arg(long)]
    json: bool,
}

/// Inspects the file.
///
/// # Errors
/// See the exit codes of [`Failure`].
pub fn run(args: &InspectArgs) -> Result<(), Failure> {
    let source = input::open(&args.file)?;
    let failed = |error| Failure::engine(&args.file.display(), &error);
    if args.boxes {
        let tree = packager::tree(&source).map_err(failed)?;
        return boxes::print(&args.file, &tree, args.json);
    }
    let movie = packager::probe(&source).map_err(failed)?;
    if args.json {
        return text::print_json(&json(&args.file, &movie));
    }
    text::print(text::printable(&human(&args.file, &movie)).as_bytes())
}

/// `--json`; the tracks have the names of the HTTP API.
#[derive(Serialize)]
struct MovieJson<'a> {
    file: String,
    size: u64,
    container: &'static str,
    brand: &'a str,
    fragmented: bool,
    duration_seconds: f64,
    /// Whether any track can be packaged.
    packageable: bool,
    tracks: Vec<TrackJson<'a>>,
    warnings: Vec<&'a str>,
}

#[derive(Serialize)]
struct TrackJson<'a> {
    id: u32,
    kind: String,
    codec: &'a str,
    fourcc: &'a str,
    language: &'a str,
    packageable: bool,
    reason: Option<&'a str>,
    timescale: u32,
    sample_count: u64,
    start_seconds: f64,
    duration_seconds: f64,
    bitrate: u64,
    width: Option<u32>,
    height: Option<u32>,
    sample_rate: Option<u32>,
    channels: Option<u16>,
}

fn json<'a>(file: &Path, movie: &'a Movie) -> MovieJson<'a> {
    MovieJson {
        file: text::json_path(file),
        size: movie.size,
        container: container(movie),
        brand: &movie.brand,
        fragmented: movie.fragmented,
        duration_seconds: movie.duration_seconds,
        packageable: movie.tracks.iter().any(|track| reason(track).is_none()),
        tracks: movie.tracks.iter().map(track_json).collect(),
        warnings: movie.warnings.iter().map(|warning| &*warning.0).collect(),
    }
}

fn track_json(track: &Track) -> TrackJson<'_> {
    TrackJson {
        id: track.id,
        kind: kind(track.kind),
        codec: &track.codec.rfc6381,
        fourcc: &track.codec.fourcc,
        language: &track.language,
        packageable: reason(track).is_none(),
        reason: reason(track),
        timescale: track.timescale,
        sample_count: track.sample_count,
        start_seconds: track.start_seconds,
        duration_seconds: track.duration_seconds,
        bitrate: track.average_bitrate,
        width: track.size.map(|(width, _)| width),
        height: track.size.map(|(_, height)| height),
        sample_rate: track.sample_rate,
        channels: track.channels,
    }
}

/// One line for the file, two for each track.
fn human(file: &Path, movie: &Movie) -> String {
    let kind = container(movie);
    let layout = match (kind, movie.fragmented) {
        ("webvtt" | "srt", _) => "",
        (_, true) => ", fragmented",
        (_, false) => ", progressive",
    };
    let brand = match movie.brand.trim() {
        "" | "WEBVTT" | "SRT" => String::new(),
        brand => format!(" ({brand})"),
    };
    let mut lines = format!(
        "{}: {}{brand}{layout}, {}, {}\n",
        file.display(),
        kind.to_uppercase(),
        text::clock(movie.duration_seconds),
        HumanBytes(movie.size),
    );
    for track in &movie.tracks {
        // Writing to a String cannot fail.
        let _ = writeln!(lines, "{}", track_lines(track));
    }
    for warning in &movie.warnings {
        let _ = writeln!(lines, "  warning: {}", warning.0);
    }
    lines
}

fn track_lines(track: &Track) -> String {
    let mut facts = vec![kind(track.kind), track.codec.rfc6381.clone()];
    if let Some((width, height)) = track.size {
        facts.push(format!("{width}x{height}"));
    }
    if let Some(rate) = track.sample_rate {
        facts.push(format!("{rate} Hz"));
    }
    match track.channels {
        Some(1) => facts.push("1 channel".into()),
        Some(count) => facts.push(format!("{count} channels")),
        None => {}
    }
    facts.push(track.language.clone());
    facts.push(format!("{} kbit/s", track.average_bitrate / 1000));
    let samples = match track.codec.rfc6381.as_str() {
        "wvtt" => "cues",
        _ => "samples",
    };
    let timing = format!(
        "{} {samples}, {} to {}, {} ticks a second",
        track.sample_count,
        text::clock(track.start_seconds),
        text::clock(track.start_seconds + track.duration_seconds),
        track.timescale,
    );
    let verdict = match reason(track) {
        None => "packageable".into(),
        Some(reason) => format!("not packageable: {reason}"),
    };
    format!(
        "  track {}: {}\n    {timing}\n    {verdict}",
        track.id,
        facts.join(", ")
    )
}

/// `mov` for QuickTime files, which say so in `ftyp` or have none.
fn container(movie: &Movie) -> &'static str {
    match movie.brand.trim() {
        "WEBVTT" => "webvtt",
        "SRT" => "srt",
        "qt" | "" => "mov",
        _ => "mp4",
    }
}

fn kind(kind: TrackKind) -> String {
    match kind {
        TrackKind::Video => "video".into(),
        TrackKind::Audio => "audio".into(),
        TrackKind::Text => "text".into(),
        TrackKind::Other(handler) => String::from_utf8_lossy(&handler).trim().to_owned(),
    }
}

fn reason(track: &Track) -> Option<&str> {
    match &track.packageable {
        Packageable::Yes => None,
        Packageable::No(reason) => Some(reason),
    }
}
