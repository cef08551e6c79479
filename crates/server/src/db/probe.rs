//! The whole probe of a delivered file, as the catalogue stores it (JSON).

use packager::{Movie, Packageable, Track, TrackKind};
use serde::{Deserialize, Serialize};

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probe {
    /// All tracks, in the order of the file.
    pub(crate) tracks: Vec<ProbedTrack>,
}

/// One track of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ProbedTrack {
    /// The container's track id.
    pub(crate) id: u32,
    /// `video`, `audio`, or the four characters of the handler.
    pub(crate) kind: String,
    /// RFC 6381 string, or the four characters of the sample entry.
    pub(crate) codec: String,
    /// ISO 639-2 code.
    pub(crate) language: String,
    /// Why the track cannot be packaged; `None` when it can.
    pub(crate) reason: Option<String>,
    /// Pixels; video only.
    pub(crate) width: Option<u32>,
    /// Pixels; video only.
    pub(crate) height: Option<u32>,
    /// Hertz; audio only.
    pub(crate) sample_rate: Option<u32>,
    /// Audio only.
    pub(crate) channels: Option<u16>,
    /// Bits a second.
    pub(crate) bitrate: u64,
    /// Number of samples.
    pub(crate) sample_count: u64,
    /// Ticks a second of its timeline.
    pub(crate) timescale: u32,
    /// Presented start, seconds.
    pub(crate) start_seconds: f64,
    /// Presented length, seconds.
    pub(crate) duration_seconds: f64,
}

/// Kind of the tracks that hold the picture.
pub(crate) const VIDEO: &str = "video";
/// Kind of a track of subtitles.
pub(crate) const TEXT: &str = "text";

impl Probe {
    /// Takes the facts out of an index.
    pub(crate) fn of(movie: &Movie) -> Self {
        Self {
            tracks: movie.tracks.iter().map(ProbedTrack::of).collect(),
        }
    }

    /// RFC 6381 strings of all tracks, comma separated.
    pub(crate) fn codecs(&self) -> String {
        let codecs: Vec<&str> = self
            .tracks
            .iter()
            .map(|track| track.codec.as_str())
            .collect();
        codecs.join(",")
    }

    /// The container's id of the first video track that can be packaged.
    pub(crate) fn video_track(&self) -> Option<u32> {
        let mut videos = self.tracks.iter().filter(|track| track.kind == VIDEO);
        videos
            .find(|track| track.reason.is_none())
            .map(|track| track.id)
    }
}

impl ProbedTrack {
    fn of(track: &Track) -> Self {
        Self {
            id: track.id,
            kind: match track.kind {
                TrackKind::Video => VIDEO.to_owned(),
                TrackKind::Audio => "audio".to_owned(),
                TrackKind::Text => TEXT.to_owned(),
                TrackKind::Other(handler) => handler.escape_ascii().to_string(),
            },
            codec: track.codec.rfc6381.clone(),
            language: track.language.clone(),
            reason: match &track.packageable {
                Packageable::Yes => None,
                Packageable::No(reason) => Some(reason.clone()),
            },
            width: track.size.map(|(width, _)| width),
            height: track.size.map(|(_, height)| height),
            sample_rate: track.sample_rate,
            channels: track.channels,
            bitrate: track.average_bitrate,
            sample_count: track.sample_count,
            timescale: track.timescale,
            start_seconds: track.start_seconds,
            duration_seconds: track.duration_seconds,
        }
    }
}
