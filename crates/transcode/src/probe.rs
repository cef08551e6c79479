//! What is in a file, as ffprobe tells it.

use crate::error::Limit;
use crate::run::{Control, Limits, Task};
use crate::sniff::{self, Container, HEAD, sniff};
use crate::tools::{Program, Tools};
use crate::{Error, Result};
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
    /// What it is.
    pub kind: TrackKind,
}

/// What a track is.
#[derive(Debug, Clone, PartialEq)]
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
    /// ffmpeg's name of the form of a pixel.
    pub pixel_format: String,
    /// Pictures a second, on average; 0 when not told.
    pub frame_rate: f64,
    /// Whether a picture is two half pictures.
    pub interlaced: bool,
    /// Degrees, clockwise, by which it is to be turned.
    pub rotation: i32,
    /// Transfer function, by ffmpeg's name; empty when not told.
    pub transfer: String,
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
        "video" => TrackKind::Video(Video {
            width: found.width,
            height: found.height,
            pixel_format: found.pix_fmt.clone(),
            frame_rate: fraction(&found.avg_frame_rate),
            interlaced: ["tt", "bb", "tb", "bt"].contains(&found.field_order.as_str()),
            rotation: rotation(&found),
            transfer: found.color_transfer.clone(),
        }),
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
        title,
        kind,
    }
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

fn fraction(text: &str) -> f64 {
    let (over, under) = text.split_once('/').unwrap_or((text, "1"));
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
    avg_frame_rate: String,
    field_order: String,
    color_transfer: String,
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_facts() {
        let answer = br#"{"streams":[
            {"index":0,"codec_name":"vp8","codec_type":"video","width":720,"height":480,"pix_fmt":"yuv420p",
             "avg_frame_rate":"30000/1001","field_order":"tt","side_data_list":[{"rotation":-90}],
             "tags":{"language":"DEU"},"disposition":{"attached_pic":0}},
            {"index":1,"codec_name":"subrip","codec_type":"subtitle","tags":{"title":"English SDH"},
             "disposition":{"forced":1}}],
            "chapters":[{"start_time":"0.0","end_time":"1.5","tags":{"title":"One"}}],
            "format":{"duration":"8.27"}}"#;
        let facts = facts(Container::Matroska, answer).expect("facts");
        let TrackKind::Video(video) = &facts.tracks[0].kind else {
            panic!("{facts:?}");
        };
        assert_eq!((video.rotation, video.interlaced), (90, true));
        assert!((video.frame_rate - 29.97).abs() < 0.01);
        assert_eq!(facts.tracks[0].language, "deu");
        assert!(facts.tracks[1].forced && facts.tracks[1].hearing_impaired);
        assert_eq!((facts.seconds, facts.chapters.len()), (8.27, 1));
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let large = br#"{"streams":[{"codec_type":"video","width":65535,"height":65535}]}"#;
        let long = br#"{"format":{"duration":"9e9"}}"#;
        let many = format!("{{\"streams\":[{}]}}", vec!["{}"; 64].join(","));
        for (answer, limit) in [
            (&large[..], Limit::Pixels),
            (long, Limit::Duration),
            (many.as_bytes(), Limit::Tracks),
        ] {
            let error = facts(Container::Mp4, answer).expect_err("refused");
            assert!(
                matches!(error, Error::LimitExceeded(found) if found == limit),
                "{error}"
            );
        }
        assert!(facts(Container::Mp4, b"not JSON").is_err());
    }
}
