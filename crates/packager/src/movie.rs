//! The index of an input: its tracks, codecs and timing, and no media bytes.
//!
//! In: an MP4 or MOV through `read_at`, progressive or fragmented. Out: a [`Movie`] that holds the
//! tables of the file in the form in which they lie there.

mod entry;
mod flaws;
pub(crate) mod fragments;
mod grid;
mod labels;
pub(crate) mod layout;
mod salvage;
mod sync;
mod text;
mod timing;

use crate::sample::{FragmentedTable, MAX_SAMPLES, ProgressiveTable, SampleTable};
use crate::{Error, Source};
use bmff::boxes::{Hdlr, Mdhd, Mvhd, Stsz, Tkhd};
use bmff::{BoxView, FourCc};
pub(crate) use entry::{
    AudioEntry, Colour, Parsed, SampleEntry, TextEntry, VideoConfig, VideoEntry,
    parse as parse_entries,
};
pub use flaws::{Cure, Flaw};
pub use grid::PictureGrid;
pub use labels::{Role, language_code};
use layout::Layout;
use std::sync::Arc;
pub(crate) use timing::Timing;

/// How many tracks a file may have.
const MAX_TRACKS: usize = 256;

/// An input, probed.
#[derive(Debug)]
pub struct Movie {
    /// All tracks of the file, in file order.
    pub tracks: Vec<Track>,
    /// Major brand of `ftyp` (`isom`, `qt  `, …), empty without `ftyp`; `WEBVTT` or `SRT` for a file of
    /// subtitles.
    pub brand: String,
    /// Whether the samples are in movie fragments.
    pub fragmented: bool,
    /// Presented length in seconds: the end of the longest packageable track.
    pub duration_seconds: f64,
    /// Size of the file in bytes.
    pub size: u64,
    /// What people should know about the input: what its index says wrongly.
    pub warnings: Vec<Warning>,
}

/// One `trak`.
#[derive(Debug)]
pub struct Track {
    /// The container's track id.
    pub id: u32,
    /// What the track is.
    pub kind: TrackKind,
    /// What it is coded in.
    pub codec: Codec,
    /// Whether it can be packaged, and why not.
    pub packageable: Packageable,
    /// ISO 639-2 code of `mdhd`, `und` when there is none; or what [`Movie::set_language`] made it.
    pub language: String,
    /// What it is for, when that was told.
    pub role: Option<Role>,
    /// Ticks a second of the media's timeline.
    pub timescale: u32,
    /// Number of samples; of cues, when they are in a list.
    pub sample_count: u64,
    /// Presented start in seconds on the movie's timeline (after the edit list); negative when samples
    /// lie before it (encoder priming).
    pub start_seconds: f64,
    /// Presented length in seconds.
    pub duration_seconds: f64,
    /// Bits a second, over the whole track.
    pub average_bitrate: u64,
    /// Picture size in pixels, before rotation and pixel aspect; video only.
    pub size: Option<(u32, u32)>,
    /// Samples a second; audio only.
    pub sample_rate: Option<u32>,
    /// Number of channels; audio only.
    pub channels: Option<u16>,
    /// Rotation matrix and presented size of `tkhd`.
    pub(crate) header: Tkhd,
    /// From media time to the movie's timeline.
    pub(crate) timing: Timing,
    /// What decoders need to know; `None` when the track cannot be packaged.
    pub(crate) entry: Option<SampleEntry>,
    /// Where the samples are.
    pub(crate) samples: Arc<SampleTable>,
}

impl Movie {
    /// Whether its pictures, or without any its sound, are all of codecs that nothing here knows: another program may turn
    /// them into what can be packaged.
    pub fn has_only_unknown_codecs(&self) -> bool {
        let all_of = |kind: TrackKind| {
            let mut tracks = self.tracks.iter().filter(|track| track.kind == kind);
            let mut tracks = tracks.by_ref().peekable();
            tracks
                .peek()
                .is_some()
                .then(|| tracks.all(Track::has_unknown_codec))
        };
        let unknown = all_of(TrackKind::Video).or_else(|| all_of(TrackKind::Audio));
        unknown.unwrap_or(false)
    }

    /// Whether its pictures would be without a sound that it has, because nothing here knows the codec, or no browser plays
    /// it beside pictures.
    pub fn would_be_silent(&self) -> bool {
        let can_be = |track: &&Track| track.packageable == Packageable::Yes;
        let pictures = |track: &&Track| track.kind == TrackKind::Video;
        let mut sounds = self
            .tracks
            .iter()
            .filter(|track| track.kind == TrackKind::Audio)
            .peekable();
        let lost = |track: &Track| track.is_mp3() || track.has_unknown_codec();
        self.tracks
            .iter()
            .filter(pictures)
            .any(|track| can_be(&track))
            && sounds.peek().is_some()
            && sounds.all(lost)
    }
}

/// What a track is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackKind {
    /// Picture.
    Video,
    /// Sound.
    Audio,
    /// Subtitles that are text.
    Text,
    /// Anything else, by the four characters of its handler.
    Other([u8; 4]),
}

/// What a track is coded in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Codec {
    /// Four characters of the sample entry (`avc1`, `mp4a`); of the clear one when it is encrypted.
    pub fourcc: String,
    /// RFC 6381 string where known (`avc1.64001f`), else the four characters.
    pub rfc6381: String,
}

/// Whether a track can be packaged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packageable {
    /// Yes.
    Yes,
    /// No, and why, for people.
    No(String),
}

/// Something that a person should know about a packaging that went well all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning(pub String);

/// How an input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ProbeOptions {
    /// Whether what is whole of a file that is cut short is taken; a warning says where it ends.
    pub salvage: bool,
}

/// Reads the index of an MP4 or MOV file, or a file of subtitles (WebVTT, SRT).
///
/// # Errors
/// [`Error::InvalidInput`] names the box, its offset and what is wrong; [`Error::Unsupported`] names
/// the container.
pub fn probe(source: &dyn Source) -> Result<Movie, Error> {
    probe_with(source, &ProbeOptions::default())
}

/// [`probe`], in the way that `options` say.
///
/// # Errors
/// Those of [`probe`]; also [`Error::InvalidInput`] when nothing of the file can be salvaged.
pub fn probe_with(source: &dyn Source, options: &ProbeOptions) -> Result<Movie, Error> {
    if let Some(format) = crate::text::recognise(source)? {
        return text::movie(source, format);
    }
    let layout = Layout::read(source, options)?;
    let moov_bytes = layout::read_moov(source, &layout.moov)?;
    let moov = BoxView::new(&moov_bytes, layout.moov.offset)?;
    layout::check_moov(&moov)?;
    let movie_timescale = Mvhd::parse(&moov.need(b"mvhd")?)?.timescale;
    if movie_timescale == 0 {
        return Err(moov.error("'mvhd' has a timescale of 0").into());
    }
    let fragmented = layout.has_fragments || moov.child(b"mvex")?.is_some();
    let mut builders = Vec::new();
    for child in moov.children() {
        let child = child?;
        if child.kind != b"trak" {
            continue;
        }
        if builders.len() >= MAX_TRACKS {
            return Err(Error::LimitExceeded(format!(
                "the file has more than {MAX_TRACKS} tracks"
            )));
        }
        builders.push(TrackBuilder::parse(
            &child,
            &moov_bytes,
            &layout,
            movie_timescale,
            fragmented,
        )?);
    }
    if layout.has_fragments {
        fragments::collect(source, &moov, &mut builders)?;
    }
    check_count(&builders)?;
    let mut warnings = Vec::new();
    if options.salvage {
        salvage::cut(&mut builders, source.len(), layout.is_cut, &mut warnings)?;
    }
    let mut tracks = Vec::new();
    let chapters = text::chapter_tracks(&moov)?;
    let mut bytes = 0_u64;
    for builder in builders {
        let extent = builder.measure(source.len())?;
        bytes = bytes.saturating_add(extent.bytes);
        check_bytes(bytes, source.len())?;
        let mut track = builder.finish(&extent, source, &mut warnings)?;
        track.read_text(&chapters, source, &mut warnings)?;
        tracks.push(track);
    }
    let ends = tracks
        .iter()
        .filter(|track: &&Track| track.packageable == Packageable::Yes)
        .filter(|track| track.kind != TrackKind::Text)
        .map(|track| track.start_seconds.max(0.0) + track.duration_seconds);
    Ok(Movie {
        duration_seconds: ends.fold(0.0, f64::max),
        brand: layout.brand,
        fragmented,
        size: source.len(),
        tracks,
        warnings,
    })
}

/// Many samples take little place in a file, and much time.
fn check_count(tracks: &[TrackBuilder]) -> Result<(), Error> {
    let counts = tracks.iter().map(|track| track.samples.count());
    let count = counts.fold(0, u64::saturating_add);
    match count > MAX_SAMPLES {
        true => Err(Error::LimitExceeded(format!(
            "the tracks have {count} samples together, more than {MAX_SAMPLES}"
        ))),
        false => Ok(()),
    }
}

/// Samples that take more bytes together than the file has lie over one another.
fn check_bytes(bytes: u64, size: u64) -> Result<(), Error> {
    match bytes > size {
        true => Err(Error::InvalidInput(format!(
            "moov: the samples of all tracks take {bytes} bytes, the file has {size}: they overlap"
        ))),
        false => Ok(()),
    }
}

/// Whether a `stbl` has samples of its own: those of a file that goes on in fragments may all be there, and its tables
/// are nobody's then, or left out.
fn places_samples(stbl: &BoxView<'_>) -> Result<bool, Error> {
    let sizes = match stbl.child(b"stsz")? {
        Some(stsz) => Some(stsz),
        None => stbl.child(b"stz2")?,
    };
    Ok(match sizes {
        Some(sizes) => Stsz::parse(&sizes)?.count > 0,
        None => false,
    })
}

/// A track whose samples are not all known yet.
struct TrackBuilder {
    id: u32,
    kind: TrackKind,
    language: String,
    timescale: u32,
    header: Tkhd,
    timing: Result<Timing, String>,
    entry: entry::Parsed,
    samples: SampleTable,
    /// The highest number of a sample entry that samples name.
    highest_description: u32,
    /// Whether the file is cut short before its first sample.
    cut_off: bool,
    path: String,
}

impl TrackBuilder {
    fn parse(
        trak: &BoxView<'_>,
        moov: &Arc<[u8]>,
        layout: &Layout,
        movie_timescale: u32,
        fragmented: bool,
    ) -> Result<Self, Error> {
        let header = Tkhd::parse(&trak.need(b"tkhd")?)?;
        let mdia = trak.need(b"mdia")?;
        let mdhd = Mdhd::parse(&mdia.need(b"mdhd")?)?;
        if mdhd.timescale == 0 {
            return Err(mdia.error("'mdhd' has a timescale of 0").into());
        }
        let stbl = mdia.need(b"minf")?.need(b"stbl")?;
        let stsd = stbl.need(b"stsd")?;
        let kind = match Hdlr::parse(&mdia.need(b"hdlr")?)?.handler.0 {
            [b'v', b'i', b'd', b'e'] => TrackKind::Video,
            [b's', b'o', b'u', b'n'] => TrackKind::Audio,
            _ if text::is_text(&stsd) => TrackKind::Text,
            other => TrackKind::Other(other),
        };
        let entry = entry::parse(&stsd, kind)?;
        let timing = Timing::parse(trak, movie_timescale, mdhd.timescale, fragmented)?;
        let base = layout.moov.offset;
        let (samples, highest_description) = if layout.has_fragments && !places_samples(&stbl)? {
            (SampleTable::Fragmented(FragmentedTable::default()), 1)
        } else {
            let table = ProgressiveTable::parse(&stbl, moov, base)?;
            let highest = table.highest_description();
            let samples = match layout.has_fragments {
                true => SampleTable::Fragmented(FragmentedTable::behind(table)),
                false => SampleTable::Progressive(table),
            };
            (samples, highest)
        };
        Ok(Self {
            id: header.track_id,
            kind,
            language: mdhd.language,
            timescale: mdhd.timescale,
            header,
            timing,
            entry,
            samples,
            highest_description,
            cut_off: false,
            path: trak.path.clone(),
        })
    }

    fn measure(&self, file_size: u64) -> Result<Extent, Error> {
        let timing = self.timing.clone().unwrap_or_default();
        Extent::measure(self, &timing, file_size)
    }

    fn finish(
        self,
        extent: &Extent,
        source: &dyn Source,
        warnings: &mut Vec<Warning>,
    ) -> Result<Track, Error> {
        let timing = self.timing.clone().unwrap_or_default();
        let seconds = |ticks: i64| ticks as f64 / f64::from(self.timescale);
        let duration_seconds = seconds(extent.end.saturating_sub(extent.start.max(0)).max(0));
        let packageable = self.judge(extent);
        let entry = match packageable {
            Packageable::Yes => self.entry.entry,
            Packageable::No(_) => None,
        };
        let samples = match &entry {
            Some(SampleEntry::Video(entry)) => {
                let looked = sync::look(self.samples, &entry.config, self.timescale, source)?;
                let warn = |text| Warning(format!("track {} (video): {text}", self.id));
                warnings.extend(looked.corrections.into_iter().map(warn));
                looked.samples
            }
            _ => self.samples,
        };
        Ok(Track {
            id: self.id,
            kind: self.kind,
            codec: self.entry.codec,
            packageable,
            language: self.language,
            role: None,
            timescale: self.timescale,
            sample_count: samples.count(),
            start_seconds: seconds(extent.start),
            duration_seconds,
            average_bitrate: match duration_seconds > 0.0 {
                true => (extent.bytes as f64 * 8.0 / duration_seconds) as u64,
                false => 0,
            },
            size: self.entry.size,
            sample_rate: self.entry.sample_rate,
            channels: self.entry.channels,
            header: self.header,
            timing,
            entry,
            samples: Arc::new(samples),
        })
    }

    fn judge(&self, extent: &Extent) -> Packageable {
        if let Some(reason) = &self.entry.obstacle {
            return Packageable::No(reason.clone());
        }
        if let Err(reason) = &self.timing {
            return Packageable::No(reason.clone());
        }
        if self.cut_off {
            let what = "the file is cut short before its first sample";
            return Packageable::No(what.into());
        }
        if self.samples.count() == 0 {
            return Packageable::No("it has no samples".into());
        }
        if self.highest_description > self.entry.alike {
            return Packageable::No("its codec configuration changes in the middle".into());
        }
        if extent.end <= extent.start {
            return Packageable::No("it lasts no time".into());
        }
        let presented = extent.end.saturating_sub(extent.start.max(0));
        if presented.saturating_mul(1000) < i64::from(self.timescale) {
            return Packageable::No("less than a millisecond of it is presented".into());
        }
        if extent.still > self.samples.count() / 2 {
            return Packageable::No("most of its samples last no time".into());
        }
        // The output adds the lowest one to all, in 32 bits.
        if extent.offsets.1.checked_sub(extent.offsets.0).is_none() {
            return Packageable::No("its composition offsets lie too far apart".into());
        }
        Packageable::Yes
    }
}

/// What all samples of a track span.
struct Extent {
    /// First presentation time, in ticks on the movie's timeline.
    start: i64,
    /// Behind the last sample.
    end: i64,
    bytes: u64,
    /// Number of samples that last no time.
    still: u64,
    /// The lowest and the highest composition offset, and 0.
    offsets: (i32, i32),
}

impl Extent {
    fn measure(track: &TrackBuilder, timing: &Timing, file_size: u64) -> Result<Self, Error> {
        let mut extent = Self {
            start: i64::MAX,
            end: i64::MIN,
            bytes: 0,
            still: 0,
            offsets: (0, 0),
        };
        for (index, sample) in track.samples.iter().enumerate() {
            let end = sample.offset.saturating_add(u64::from(sample.size));
            if end > file_size {
                return Err(Error::InvalidInput(format!(
                    "{}: sample {index} lies at {:#x} to {end:#x}, the file ends at {file_size:#x}: it is cut short, or its index is wrong",
                    track.path, sample.offset,
                )));
            }
            if sample.dts > i64::MAX as u64 / 4 {
                let what = format!("{}: sample {index} lies beyond the end of time", track.path);
                return Err(Error::InvalidInput(what));
            }
            let shown = timing.presentation(&sample);
            extent.start = extent.start.min(shown);
            extent.end = extent.end.max(shown + i64::from(sample.duration));
            extent.bytes += u64::from(sample.size);
            extent.still += u64::from(sample.duration == 0);
            let (lowest, highest) = extent.offsets;
            let offset = sample.composition_offset;
            extent.offsets = (lowest.min(offset), highest.max(offset));
        }
        if let Some(end) = timing.end {
            extent.end = extent.end.min(end);
        }
        if extent.start == i64::MAX {
            (extent.start, extent.end) = (0, 0);
        }
        Ok(extent)
    }
}

/// Sample entries that are read here, protected ones among them.
const KNOWN_ENTRIES: [&str; 19] = [
    "avc1", "avc3", "dva1", "dvav", "hvc1", "hev1", "dvh1", "dvhe", "av01", "dav1", "vp09", "mp4a",
    "Opus", "fLaC", "ac-3", "ec-3", "alac", "encv", "enca",
];

impl Track {
    /// Whether its codec is one that nothing here knows, so that only encoding it anew would help.
    pub fn has_unknown_codec(&self) -> bool {
        !KNOWN_ENTRIES.contains(&self.codec.fourcc.as_str())
    }

    /// Whether it is MP3, which is packaged alone only: players refuse a presentation whose sound they do not
    /// know (tried in Chromium 156, clear and encrypted).
    pub(crate) fn is_mp3(&self) -> bool {
        matches!(self.codec.rfc6381.as_str(), "mp4a.69" | "mp4a.6B")
    }

    /// Width and height of the picture as it is shown, in lowest terms; 0 without a picture.
    pub(crate) fn presented_aspect(&self) -> (u64, u64) {
        let Some(SampleEntry::Video(entry)) = &self.entry else {
            return (0, 0);
        };
        let (h, v) = entry.pixel_aspect;
        let wide = u64::from(entry.width) * u64::from(h);
        crate::presentation::reduce(wide, u64::from(entry.height) * u64::from(v))
    }
}

impl TrackKind {
    /// The word for people: `video`, `audio`, or the handler's four characters.
    pub fn name(self) -> String {
        match self {
            Self::Video => "video".into(),
            Self::Audio => "audio".into(),
            Self::Text => "text".into(),
            Self::Other(handler) => FourCc(handler).to_string().trim().to_string(),
        }
    }
}
