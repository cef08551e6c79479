//! Encodes a chunk: all rungs of it in one run, so that its pictures are decoded once.
//!
//! In: the file that pictures are read from, an [`Encoding`], the number of a chunk. Out: an MP4 a rung, the fragments of
//! which continue those of the chunk before it.

use crate::encoding::{Encoding, PictureInput};
use crate::grid::Chunk;
use crate::ladder::{Rate, Rung};
use crate::probe::input;
use crate::profile::VideoCodec;
use crate::run::{Control, Limits, Task};
use crate::tools::{Program, Tools};
use crate::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Decoding begins so many seconds before a chunk, for what filters want to have seen.
const LEAD_SECONDS: f64 = 1.0;

/// What the engine says of the pictures of an MP4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pictures {
    /// Ticks a second.
    pub timescale: u32,
    /// When its key pictures are shown, in order.
    pub keys: Vec<i64>,
    /// Whether players may switch at all of them.
    pub closed: bool,
    /// How many pictures there are.
    pub count: u64,
    /// When the last one is over.
    pub end: i64,
}

/// Asks the engine about the pictures of an MP4; `None` when it cannot package them. This room does not read media.
pub type Look<'a> = &'a (dyn Fn(&Path) -> Option<Pictures> + Sync);

/// Encodes a chunk into an empty folder; returns a file a rung, in their order. A rung whose key pictures are not where those
/// of the others are is encoded once more, alone.
///
/// # Errors
/// Those of [`Tools::run`]; [`Error::Tool`] when a rung is still not aligned.
pub fn encode_chunk(
    tools: &Tools,
    path: &Path,
    encoding: &Encoding,
    number: usize,
    folder: &Path,
    look: Look<'_>,
    control: &dyn Control,
) -> Result<Vec<PathBuf>> {
    let nothing = || Error::Tool("the encoding has no such chunk".into());
    let pictures = encoding.pictures.as_ref().ok_or_else(nothing)?;
    let chunk = encoding.chunks.get(number).ok_or_else(nothing)?;
    let work = Work {
        tools,
        path: path.canonicalize().map_err(Error::io("find the file"))?,
        encoding,
        pictures,
        chunk,
        number,
        folder: folder
            .canonicalize()
            .map_err(Error::io("find the folder"))?,
        control,
    };
    let all: Vec<usize> = (0..encoding.ladder.rungs.len()).collect();
    work.run(&all)?;
    for attempt in 0..2 {
        let Some(rung) = work.misaligned(look) else {
            return Ok(all.iter().map(|rung| work.file(*rung)).collect());
        };
        if attempt == 0 {
            work.run(&[rung])?;
        }
    }
    Err(Error::Tool(format!(
        "the encoder does not put key pictures where they are wanted, in chunk {number} of the video: choose another codec"
    )))
}

struct Work<'a> {
    tools: &'a Tools,
    path: PathBuf,
    encoding: &'a Encoding,
    pictures: &'a PictureInput,
    chunk: &'a Chunk,
    number: usize,
    folder: PathBuf,
    control: &'a dyn Control,
}

impl Work<'_> {
    fn run(&self, rungs: &[usize]) -> Result<()> {
        let task = Task {
            program: Program::Ffmpeg,
            arguments: self.arguments(rungs),
            reads: std::slice::from_ref(&self.path),
            writes: Some(&self.folder),
            limits: Limits::MAKE,
        };
        self.tools.run(&task, self.control)?;
        Ok(())
    }

    fn file(&self, rung: usize) -> PathBuf {
        self.folder
            .join(self.encoding.chunk_name(self.number, rung))
    }

    /// A rung with other pictures, or other key pictures, than most.
    fn misaligned(&self, look: Look<'_>) -> Option<usize> {
        let rungs = self.encoding.ladder.rungs.len();
        let seen: Vec<Option<Pictures>> = (0..rungs).map(|rung| look(&self.file(rung))).collect();
        let grid = |pictures: &Pictures| (pictures.keys.clone(), pictures.count);
        let votes = |one: &Option<Pictures>| {
            let alike = |other: &&Option<Pictures>| {
                one.as_ref().map(grid).is_some()
                    && one.as_ref().map(grid) == other.as_ref().map(grid)
            };
            seen.iter().filter(alike).count()
        };
        let most = seen.iter().map(votes).max().unwrap_or(0);
        if most == 0 {
            return (rungs > 0).then_some(0);
        }
        // Two rungs that differ: the one with more keys than were wanted, or fewer.
        let wanted = self.chunk.keys.len();
        let right = |one: &Option<Pictures>| {
            let keys = one.as_ref().map(|pictures| pictures.keys.len());
            (votes(one), keys == Some(wanted))
        };
        let best = seen.iter().map(right).max()?;
        let leader = seen.iter().find(|one| right(one) == best)?;
        seen.iter()
            .position(|one| one.as_ref().map(grid) != leader.as_ref().map(grid))
    }

    fn arguments(&self, rungs: &[usize]) -> Vec<OsString> {
        let threads = self.pictures.threads;
        let mut words = split(&format!(
            "-filter_complex_threads {threads} -threads {threads}"
        ));
        if let Some(start) = self.chunk.start {
            let from = start as f64 / f64::from(self.pictures.clock) - LEAD_SECONDS;
            let from = from.max(0.0);
            words.extend(split(&format!(
                "-seek_timestamp 1 -ss {from:.6} -noaccurate_seek"
            )));
        }
        words.push("-copyts".into());
        if self.pictures.from_zero {
            words.push("-start_at_zero".into());
        }
        words.extend(input(self.pictures.container, &self.path));
        words.push("-filter_complex".into());
        words.push(self.graph(rungs).into());
        for rung in rungs {
            words.extend(self.output(*rung));
        }
        words
    }

    fn graph(&self, rungs: &[usize]) -> String {
        let rungs: Vec<(usize, &Rung)> = rungs
            .iter()
            .filter_map(|number| Some((*number, self.encoding.ladder.rungs.get(*number)?)))
            .collect();
        let trim = match (self.chunk.start, self.chunk.end) {
            (None, None) => String::new(),
            (None, Some(end)) => format!("trim=end_pts={end},"),
            (Some(start), None) => format!("trim=start_pts={start},"),
            (Some(start), Some(end)) => format!("trim=start_pts={start}:end_pts={end},"),
        };
        let head = format!(
            "[0:{}]{}settb=1/{},{trim}",
            self.pictures.track,
            before_scaling(self.pictures),
            self.pictures.clock
        );
        let (mapped, plain): (Vec<_>, Vec<_>) = rungs.iter().partition(|(_, rung)| rung.tone_maps);
        let mut graph = String::new();
        // Light is mapped once, at the largest size that needs it.
        let largest = mapped
            .iter()
            .max_by_key(|(_, rung)| rung.width * rung.height);
        let plain_outputs = plain.len() + usize::from(largest.is_some());
        graph.push_str(&format!("{head}split={plain_outputs}"));
        for (number, _) in &plain {
            graph.push_str(&format!("[p{number}]"));
        }
        if let Some((_, rung)) = largest {
            graph.push_str("[hdr];[hdr]");
            graph.push_str(&tone_map(rung));
            graph.push_str(&format!(",split={}", mapped.len()));
            for (number, _) in &mapped {
                graph.push_str(&format!("[p{number}]"));
            }
        }
        for (number, rung) in rungs {
            let format = if rung.keeps_hdr {
                "yuv420p10le"
            } else {
                "yuv420p"
            };
            let range = if self.pictures.full_range {
                ":in_range=full:out_range=limited"
            } else {
                ""
            };
            graph.push_str(&format!(
                ";[p{number}]scale={}:{}:flags=bicubic{range},setsar=1,format={format}[r{number}]",
                rung.width, rung.height
            ));
        }
        graph
    }

    /// The options of an output file, and its name.
    fn output(&self, number: usize) -> Vec<OsString> {
        let Some(rung) = self.encoding.ladder.rungs.get(number) else {
            return Vec::new();
        };
        let clock = self.pictures.clock;
        let mut words = split(&format!("-map [r{number}]"));
        words.extend(split(&encoder(rung, self.pictures)));
        let keys: Vec<String> = self
            .chunk
            .keys
            .iter()
            .map(|key| format!("{:.6}", (*key as f64 / f64::from(clock)).max(0.0)))
            .collect();
        words.extend(split(&format!(
            "-fps_mode passthrough -enc_time_base 1/{clock} -force_key_frames {} -video_track_timescale {clock} \
             -fflags +bitexact -map_metadata -1 -map_chapters -1",
            keys.join(",")
        )));
        if self.encoding.chunks.len() > 1 {
            words.extend(split(
                "-avoid_negative_ts disabled -movflags \
                 +negative_cts_offsets+frag_discont+empty_moov+default_base_moof+skip_trailer",
            ));
            words.extend(self.decode_times());
        }
        words.extend(split("-f mp4"));
        words.push(self.encoding.chunk_name(self.number, number).into());
        words
    }

    /// Decode times that end before those of the next chunk begin, whatever the distances of pictures are: the last ones
    /// are put a tick from each other when they would not.
    fn decode_times(&self) -> Vec<OsString> {
        let Some(end) = self.chunk.end else {
            return Vec::new();
        };
        let first = self.chunk.keys.first().copied().unwrap_or(end);
        let seconds = (end - first).max(0) as f64 / f64::from(self.pictures.clock);
        // Too many are no harm as long as they are fewer ticks than a picture lasts.
        let most = (seconds * self.pictures.densest * 1.02).ceil() as i64 + 4;
        vec![
            "-bsf:v".into(),
            format!("setts=pts=PTS:dts='min(DTS,{end}-(STARTPTS-STARTDTS)-({most}-N))'").into(),
        ]
    }
}

/// What is done to pictures before they are scaled; ends with a comma, or is empty.
pub(crate) fn before_scaling(pictures: &PictureInput) -> String {
    let fields = match pictures.deinterlace {
        true => "bwdif=mode=send_frame,",
        false => "",
    };
    let even = pictures.even_rate.map(even_times).unwrap_or_default();
    let rate = pictures
        .rate
        .map(|(over, under)| format!("fps={over}/{under},"));
    format!("{even}{fields}{}", rate.unwrap_or_default())
}

/// Puts pictures at even distances, from the time of the first one on; ends with a comma.
pub(crate) fn even_times(rate: f64) -> String {
    format!("setpts=STARTPTS+N/{rate}/TB,")
}

/// HDR to SDR, at the size of a rung.
fn tone_map(rung: &Rung) -> String {
    format!(
        "scale={}:{}:flags=bicubic,zscale=transfer=linear:npl=100,format=gbrpf32le,zscale=primaries=bt709,\
         tonemap=tonemap=hable:desat=0,zscale=transfer=bt709:matrix=bt709:range=limited,format=yuv420p",
        rung.width, rung.height
    )
}

/// The words that choose an encoder and tell it what is wanted.
fn encoder(rung: &Rung, pictures: &PictureInput) -> String {
    let threads = pictures.threads;
    let preset = &rung.preset;
    let rate = rate(rung);
    match rung.codec {
        VideoCodec::H264 => format!(
            "-c:v libx264 -preset {preset} {rate} -profile:v high -g 99999 -sc_threshold 0 -forced-idr 1 \
             -x264-params open-gop=0 -threads {threads}"
        ),
        VideoCodec::Hevc => format!(
            "-c:v libx265 -preset {preset} {rate} -tag:v hvc1 -forced-idr 1 -x265-params \
             open-gop=0:scenecut=0:keyint=99999:min-keyint=1:frame-threads=1:pools={threads}:log-level=error"
        ),
        // It makes key pictures by counting alone. Where pictures cannot be counted, each chunk has one.
        VideoCodec::Av1 => format!(
            "-c:v libsvtav1 -preset {preset} {rate} -g {} -svtav1-params scd=0:lp={threads}",
            pictures.gop_pictures.unwrap_or(99_999)
        ),
        VideoCodec::Vp9 => format!(
            "-c:v libvpx-vp9 -deadline good -cpu-used {preset} -row-mt 1 {rate} -g 99999 -threads {threads}"
        ),
    }
}

fn rate(rung: &Rung) -> String {
    match (rung.rate, rung.codec) {
        // Constrained quality, in the words of libvpx.
        (Rate::Quality { crf, peak }, VideoCodec::Vp9) => {
            format!("-crf {crf} -b:v {}", peak.unwrap_or(0))
        }
        (
            Rate::Quality {
                crf,
                peak: Some(peak),
            },
            _,
        ) => {
            format!(
                "-crf {crf} -maxrate {peak} -bufsize {}",
                peak.saturating_mul(2)
            )
        }
        (Rate::Quality { crf, peak: None }, _) => format!("-crf {crf}"),
        (Rate::Average(rate), VideoCodec::Av1) => format!("-b:v {rate}"),
        (Rate::Average(rate), _) => format!(
            "-b:v {rate} -maxrate {} -bufsize {}",
            rate.saturating_add(rate / 2),
            rate.saturating_mul(2)
        ),
    }
}

fn split(text: &str) -> Vec<OsString> {
    text.split_whitespace().map(OsString::from).collect()
}
