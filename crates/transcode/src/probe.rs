//! What is in a file, as ffprobe tells it.

#[cfg(test)]
mod tests;

use crate::error::Limit;
use crate::run::{Control, Limits, Task};
use crate::sniff::{self, Container, HEAD, sniff};
use crate::tools::{Program, Tools};
use crate::{Error, Result, repeats};
use serde::Deserialize;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Most tracks of a file.
const MAX_TRACKS: usize = 64;
/// Most pixels of a picture: as many as H.264 and HEVC have at their highest levels, and more.
const MAX_PIXELS: u64 = 16_384 * 16_384;
/// Longest video, in seconds.
const MAX_SECONDS: f64 = 48.0 * 3600.0;

/// What is known of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// By its first bytes.
    pub container: Container,
    /// Seconds; 0 when the file does not say.
    pub seconds: f64,
    /// In the order of the file.
    pub tracks: Vec<Track>,
    /// In the order of time.
    pub chapters: Vec<Chapter>,
}

/// A track of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Number in the file, from 0.
    pub index: u32,
    /// ffmpeg's name of the codec.
    pub codec: String,
    /// ISO 639-2; `und` when not told.
    pub language: String,
    /// What a person called it.
    pub title: String,
    /// To be shown to those who need no subtitles: what is spoken in another language, signs.
    pub forced: bool,
    /// For the deaf and hard of hearing.
    pub hearing_impaired: bool,
    /// Bits a second; 0 when not told.
    pub bit_rate: u64,
    /// Seconds at which it begins, by the clock of the file.
    pub start: f64,
    /// What it is.
    pub kind: TrackKind,
}

/// What a track is.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "a file has few tracks")]
pub enum TrackKind {
    /// Moving pictures.
    Video(Video),
    /// Sound.
    Audio(Audio),
    /// Subtitles.
    Text(Text),
    /// A picture that stands for the file.
    Cover,
    /// Anything else, by ffmpeg's name.
    Other(String),
}

/// Moving pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Video {
    /// Pixels, as they are stored.
    pub width: u32,
    /// Pixels, as they are stored.
    pub height: u32,
    /// Width of a pixel over its height; 1 when not told.
    pub pixel_aspect: f64,
    /// ffmpeg's name of the form of a pixel.
    pub pixel_format: String,
    /// Bits of a component of a pixel; 8 when not told.
    pub bit_depth: u32,
    /// Name of the profile; empty when not told.
    pub profile: String,
    /// As the codec counts: `level_idc` of H.264, thirtieths in HEVC, `seq_level_idx` of AV1. 0 when not told.
    pub level: u32,
    /// Pictures a second, on average; 0 when not told.
    pub frame_rate: f64,
    /// The same as a fraction, where pictures follow each other at one rate; `None` where it varies, or is not known.
    pub rate: Option<(u32, u32)>,
    /// Whether a picture is two half pictures.
    pub interlaced: bool,
    /// Degrees, clockwise, by which it is to be turned.
    pub rotation: i32,
    /// Transfer function, by ffmpeg's name; empty when not told.
    pub transfer: String,
    /// Primary colours, by ffmpeg's name; empty when not told.
    pub primaries: String,
    /// How colours became components, by ffmpeg's name; empty when not told.
    pub matrix: String,
    /// `tv` (limited) or `pc` (full); empty when not told.
    pub range: String,
    /// How bright it was made for, where that is told (HDR10).
    pub light: Option<Light>,
}

/// How bright pictures were made for (SMPTE ST 2086, CTA-861.3), in the words of x265's `master-display` and `max-cll`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Light {
    /// `G(x,y)B(x,y)R(x,y)WP(x,y)L(max,min)`: chromaticities in 1/50000, luminances in 1/10000 cd/m².
    pub display: Option<String>,
    /// `max,average`: cd/m².
    pub content: Option<String>,
}

impl Video {
    /// Whether its light goes beyond that of SDR (PQ, HLG).
    pub fn is_hdr(&self) -> bool {
        ["smpte2084", "arib-std-b67"].contains(&self.transfer.as_str())
    }
}

/// Sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// How many.
    pub channels: u32,
    /// Hertz.
    pub sample_rate: u32,
}

/// Subtitles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// Of characters.
    Characters,
    /// Of pictures, which no package can hold.
    Pictures,
}

/// A chapter.
#[derive(Debug, Clone, PartialEq)]
pub struct Chapter {
    /// Seconds.
    pub start: f64,
    /// Seconds.
    pub end: f64,
    /// Its name.
    pub title: String,
}

/// Looks into a file.
///
/// # Errors
/// [`Error::InvalidInput`] when it is no media, without that any program has seen it; [`Error::LimitExceeded`] when it is, or
/// claims to be, larger than anything that is taken here.
pub fn probe(tools: &Tools, path: &Path, control: &dyn Control) -> Result<Facts> {
    let mut head = Vec::with_capacity(HEAD);
    let file = File::open(path).map_err(Error::io("read the file"))?;
    file.take(HEAD as u64)
        .read_to_end(&mut head)
        .map_err(Error::io("read the file"))?;
    let container = sniff(&head)?;
    if container == Container::TransportStream {
        refuse_scrambled(path)?;
    }
    let copy = repeats::without(path, container, &std::env::temp_dir())?;
    let path = copy.as_ref().map_or(path, |copy| copy.path());
    let path = path.canonicalize().map_err(Error::io("find the file"))?;
    let mut arguments = input(container, &path);
    let ask = [
        "-show_format",
        "-show_streams",
        "-show_chapters",
        "-of",
        "json",
    ];
    arguments.extend(ask.map(OsString::from));
    let reads = [path];
    let task = Task {
        program: Program::Ffprobe,
        arguments,
        reads: &reads,
        writes: None,
        limits: Limits::LOOK,
    };
    let answer = tools.run(&task, control)?;
    facts(container, &answer)
}

/// How much of a transport stream is looked at for packets that only a subscriber's card opens.
const SCRAMBLED_WITHIN: u64 = 1 << 20;

/// ffmpeg takes the bytes of scrambled packets for those of the picture: they are refused before.
fn refuse_scrambled(path: &Path) -> Result<()> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(Error::io("read the file"))?;
    let mut file = file.take(SCRAMBLED_WITHIN);
    file.read_to_end(&mut start)
        .map_err(Error::io("read the file"))?;
    if sniff::scrambled(&start) {
        return Err(Error::Unsupported(
            "the file is scrambled (conditional access of television): only who holds its card can open it; deliver it in the clear"
                .into(),
        ));
    }
    Ok(())
}

/// The arguments that name an input, and what may read it.
pub(crate) fn input(container: Container, path: &Path) -> Vec<OsString> {
    let words = [
        "-f",
        container.demuxer(),
        "-protocol_whitelist",
        "file",
        "-analyzeduration",
        "30000000",
        "-probesize",
        "50000000",
        "-max_streams",
        "64",
        "-i",
    ];
    let mut arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
    // Without it, a name such as `concat:…` would be a protocol.
    let mut url = OsString::from("file:");
    url.push(path);
    arguments.push(url);
    arguments
}

fn facts(container: Container, answer: &[u8]) -> Result<Facts> {
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| {
        Error::InvalidInput("ffprobe says nothing of the file that can be understood".into())
    })?;
    if answer.streams.len() >= MAX_TRACKS {
        return Err(Error::LimitExceeded(Limit::Tracks));
    }
    let seconds = number(&answer.format.duration);
    if seconds > MAX_SECONDS {
        return Err(Error::LimitExceeded(Limit::Duration));
    }
    let tracks: Vec<Track> = answer.streams.into_iter().map(track).collect();
    for track in &tracks {
        if let TrackKind::Video(video) = &track.kind
            && u64::from(video.width) * u64::from(video.height) > MAX_PIXELS
        {
            return Err(Error::LimitExceeded(Limit::Pixels));
        }
    }
    let chapters = answer.chapters.into_iter().map(|chapter| Chapter {
        start: number(&chapter.start_time),
        end: number(&chapter.end_time),
        title: chapter.tags.get("title").cloned().unwrap_or_default(),
    });
    Ok(Facts {
        container,
        seconds,
        tracks,
        chapters: chapters.collect(),
    })
}

fn track(found: Stream) -> Track {
    let tag = |name: &str| found.tags.get(name).cloned().unwrap_or_default();
    let is = |name: &str| found.disposition.get(name) == Some(&1);
    let language = tag("language").to_ascii_lowercase();
    let is_code = (2..=3).contains(&language.len())
        && language.bytes().all(|byte| byte.is_ascii_alphabetic());
    let title = tag("title");
    let kind = match found.codec_type.as_str() {
        "video" if is("attached_pic") || is("still_image") => TrackKind::Cover,
        "video" => TrackKind::Video(video(&found)),
        "audio" => TrackKind::Audio(Audio {
            channels: found.channels,
            sample_rate: found.sample_rate.parse().unwrap_or(0),
        }),
        "subtitle" => TrackKind::Text(match found.codec_name.as_str() {
            "hdmv_pgs_subtitle" | "dvd_subtitle" | "dvb_subtitle" | "xsub" => Text::Pictures,
            _ => Text::Characters,
        }),
        other => TrackKind::Other(if other.is_empty() {
            "unknown".into()
        } else {
            other.to_owned()
        }),
    };
    let sdh = title.to_ascii_lowercase();
    Track {
        index: found.index,
        codec: found.codec_name.clone(),
        language: if is_code { language } else { "und".into() },
        forced: is("forced"),
        hearing_impaired: is("hearing_impaired") || sdh.contains("sdh"),
        bit_rate: found.bit_rate.parse().unwrap_or(0),
        start: number(&found.start_time),
        title,
        kind,
    }
}

fn video(found: &Stream) -> Video {
    // ffprobe says `unknown` of some of what it is not told, and nothing of the rest.
    let told = |text: &str| match text {
        "unknown" | "reserved" => String::new(),
        _ => text.to_owned(),
    };
    Video {
        width: found.width,
        height: found.height,
        pixel_aspect: Some(fraction(&found.sample_aspect_ratio))
            .filter(|aspect| *aspect > 0.0)
            .unwrap_or(1.0),
        pixel_format: found.pix_fmt.clone(),
        bit_depth: bit_depth(found),
        profile: told(&found.profile),
        level: u32::try_from(found.level).unwrap_or(0),
        frame_rate: average_rate(found),
        rate: constant_rate(found),
        interlaced: ["tt", "bb", "tb", "bt"].contains(&found.field_order.as_str()),
        rotation: rotation(found),
        transfer: told(&found.color_transfer),
        primaries: told(&found.color_primaries),
        matrix: told(&found.color_space),
        range: told(&found.color_range),
        light: light(&found.side_data_list),
    }
}

/// Decoders tell it, or the name of the pixel format ends with it: `yuv420p10le`, `p010le`, `gray12be`.
fn bit_depth(found: &Stream) -> u32 {
    if let Ok(depth @ 1..) = found.bits_per_raw_sample.parse() {
        return depth;
    }
    let name = found.pix_fmt.trim_end_matches("le").trim_end_matches("be");
    let digits = name.len()
        - name
            .trim_end_matches(|digit: char| digit.is_ascii_digit())
            .len();
    match name[name.len() - digits..].parse() {
        // `rgb24` and `nv12` count the bits of a pixel, not of a component.
        Ok(depth @ 9..=16) if name.contains('p') || name.starts_with("gray") => depth,
        _ => 8,
    }
}

/// The rate at which every picture of a track has its place (`r_frame_rate`) is the rate that it has only when the average is
/// the same.
fn constant_rate(found: &Stream) -> Option<(u32, u32)> {
    let exact = |text: &str| {
        let (over, under) = text.split_once('/')?;
        let (over, under): (u32, u32) = (over.parse().ok()?, under.parse().ok()?);
        (over > 0 && under > 0).then_some((over, under))
    };
    let (average, places) = (exact(&found.avg_frame_rate)?, exact(&found.r_frame_rate)?);
    let same =
        u64::from(average.0) * u64::from(places.1) == u64::from(places.0) * u64::from(average.1);
    same.then_some(average)
}

/// Of a file that does not tell how long its pictures last, ffprobe takes the rate of the clock for the average.
fn average_rate(found: &Stream) -> f64 {
    let (average, places) = (
        fraction(&found.avg_frame_rate),
        fraction(&found.r_frame_rate),
    );
    match places > 0.0 && (average == 0.0 || average > 2.0 * places) {
        true => places,
        false => average,
    }
}

fn light(sides: &[SideData]) -> Option<Light> {
    let display = sides.iter().find_map(|side| {
        let unit = |text: &Option<String>, units: f64| {
            let value = fraction(text.as_deref()?) * units;
            (value >= 0.0 && value <= f64::from(u32::MAX)).then_some(value.round() as u32)
        };
        let point = |x, y| Some(format!("({},{})", unit(x, 50_000.0)?, unit(y, 50_000.0)?));
        let (most, least) = (&side.max_luminance, &side.min_luminance);
        Some(format!(
            "G{}B{}R{}WP{}L({},{})",
            point(&side.green_x, &side.green_y)?,
            point(&side.blue_x, &side.blue_y)?,
            point(&side.red_x, &side.red_y)?,
            point(&side.white_point_x, &side.white_point_y)?,
            unit(most, 10_000.0)?,
            unit(least, 10_000.0)?,
        ))
    });
    let content = sides
        .iter()
        .find_map(|side| Some(format!("{},{}", side.max_content?, side.max_average?)));
    (display.is_some() || content.is_some()).then_some(Light { display, content })
}

fn rotation(found: &Stream) -> i32 {
    // ffprobe tells it against the clock.
    let told = found.side_data_list.iter().find_map(|side| side.rotation);
    (-(told.unwrap_or(0.0).round() as i32)).rem_euclid(360)
}

fn number(text: &str) -> f64 {
    text.parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .unwrap_or(0.0)
}

/// A quotient; ffprobe writes it with `/` or `:`.
fn fraction(text: &str) -> f64 {
    let (over, under) = text.split_once(['/', ':']).unwrap_or((text, "1"));
    let (over, under) = (number(over), number(under));
    if under == 0.0 { 0.0 } else { over / under }
}

#[derive(Debug, Deserialize)]
struct Answer {
    #[serde(default)]
    streams: Vec<Stream>,
    #[serde(default)]
    chapters: Vec<FoundChapter>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Format {
    duration: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FoundChapter {
    start_time: String,
    end_time: String,
    tags: HashMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Stream {
    index: u32,
    codec_name: String,
    codec_type: String,
    width: u32,
    height: u32,
    pix_fmt: String,
    bits_per_raw_sample: String,
    sample_aspect_ratio: String,
    profile: String,
    level: i64,
    avg_frame_rate: String,
    r_frame_rate: String,
    field_order: String,
    color_transfer: String,
    color_primaries: String,
    color_space: String,
    color_range: String,
    start_time: String,
    channels: u32,
    sample_rate: String,
    bit_rate: String,
    tags: HashMap<String, String>,
    disposition: HashMap<String, i64>,
    side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SideData {
    rotation: Option<f64>,
    red_x: Option<String>,
    red_y: Option<String>,
    green_x: Option<String>,
    green_y: Option<String>,
    blue_x: Option<String>,
    blue_y: Option<String>,
    white_point_x: Option<String>,
    white_point_y: Option<String>,
    min_luminance: Option<String>,
    max_luminance: Option<String>,
    max_content: Option<u32>,
    max_average: Option<u32>,
}
