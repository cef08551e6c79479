//! The index of an input: its tracks, codecs and timing, and no media bytes.

use crate::{Error, Source};

/// An input, probed.
#[derive(Debug)]
pub struct Movie {
    /// All tracks of the file, in file order.
    pub tracks: Vec<Track>,
    /// Major brand of `ftyp` (`isom`, `qt  `, …); empty without `ftyp`.
    pub brand: String,
    /// Whether the samples are in movie fragments.
    pub fragmented: bool,
    /// Presented length in seconds: the end of the longest packageable track.
    pub duration_seconds: f64,
    /// Size of the file in bytes.
    pub size: u64,
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
    /// ISO 639-2 code of `mdhd`, `und` when there is none.
    pub language: String,
    /// Ticks a second of the media's timeline.
    pub timescale: u32,
    /// Number of samples.
    pub sample_count: u64,
    /// Presented start in seconds on the movie's timeline (after the edit list).
    pub start_seconds: f64,
    /// Presented length in seconds.
    pub duration_seconds: f64,
    /// Bits a second, over the whole track.
    pub average_bitrate: u64,
    /// Presented picture size in pixels, before rotation; video only.
    pub size: Option<(u32, u32)>,
    /// Samples a second; audio only.
    pub sample_rate: Option<u32>,
    /// Number of channels; audio only.
    pub channels: Option<u16>,
}

/// What a track is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackKind {
    /// Picture.
    Video,
    /// Sound.
    Audio,
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

/// Reads the index of an MP4 or MOV file.
///
/// # Errors
/// [`Error::InvalidInput`] names the box, its offset and what is wrong; [`Error::Unsupported`] names
/// the container.
pub fn probe(_source: &dyn Source) -> Result<Movie, Error> {
    Err(Error::Unsupported("not built yet".into()))
}
