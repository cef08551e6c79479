//! The whole probe of a delivered file, as the catalogue stores it (JSON).

use packager::{Movie, Packageable, Track, TrackKind};
use serde::{Deserialize, Serialize};
use transcode::{Facts, TrackKind as Kind, Treatment, Verdict};

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probe {
    /// All tracks, in the order of the file.
    pub(crate) tracks: Vec<ProbedTrack>,
    /// What must be done with the file before it is packaged, and why; nothing where the engine reads it as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) conversion: Option<Conversion>,
}

/// What is done with a file that the engine does not read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Conversion {
    /// Whether pictures or sound are encoded anew; else all is put into MP4 as it is.
    pub(crate) encodes: bool,
    /// For people.
    pub(crate) notes: Vec<String>,
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
            conversion: None,
        }
    }

    /// The same of a file that the engine does not read.
    pub(crate) fn of_foreign(facts: &Facts, conversion: &transcode::Conversion) -> Self {
        let tracks = facts.tracks.iter().zip(&conversion.verdicts);
        Self {
            tracks: tracks
                .map(|(track, verdict)| ProbedTrack::of_foreign(facts, track, verdict))
                .collect(),
            conversion: Some(Conversion::of(facts, conversion)),
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

impl Conversion {
    /// What is done with a file, in words.
    pub(crate) fn of(facts: &Facts, conversion: &transcode::Conversion) -> Self {
        Self {
            encodes: conversion.encodes(),
            notes: conversion.words(facts.container.name()),
        }
    }
}

impl ProbedTrack {
    fn of_foreign(facts: &Facts, track: &transcode::Track, verdict: &Verdict) -> Self {
        let (video, audio) = match &track.kind {
            Kind::Video(video) => (Some(video), None),
            Kind::Audio(audio) => (None, Some(audio)),
            _ => (None, None),
        };
        let left_out = verdict.treatment == Treatment::LeaveOut;
        Self {
            id: track.index,
            kind: match &track.kind {
                Kind::Video(_) => VIDEO.to_owned(),
                Kind::Audio(_) => "audio".to_owned(),
                Kind::Text(_) => TEXT.to_owned(),
                Kind::Cover => "cover".to_owned(),
                Kind::Other(kind) => kind.clone(),
            },
            codec: track.codec.clone(),
            language: track.language.clone(),
            reason: verdict.reason.clone().filter(|_| left_out),
            width: video.map(|video| video.width),
            height: video.map(|video| video.height),
            sample_rate: audio.map(|audio| audio.sample_rate),
            channels: audio.and_then(|audio| u16::try_from(audio.channels).ok()),
            bitrate: track.bit_rate,
            sample_count: 0,
            timescale: 1000,
            start_seconds: 0.0,
            duration_seconds: facts.seconds,
        }
    }

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
