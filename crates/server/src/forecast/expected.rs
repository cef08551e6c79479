//! What is expected of tracks that are yet to be encoded or converted.

use super::{Kind, Treatment};
use crate::db::probe::{ProbedTrack, TEXT, VIDEO};
use packager::{Movie, Packageable};
use transcode::{AudioCodec, Facts, LadderPlan, SoundOutput};

/// Bits a second of sound that is encoded where nothing says another number.
const USUAL_SOUND: u64 = 128_000;

/// A track that there would be.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) codec: String,
    pub(super) treatment: Treatment,
    pub(super) language: Option<String>,
    pub(super) width: Option<u32>,
    pub(super) height: Option<u32>,
    /// Bits a second.
    pub(super) bitrate: u64,
}

impl Expected {
    /// The tracks of a file that the engine packages as it is.
    pub fn of_movie(movie: &Movie) -> Vec<Self> {
        let tracks = movie.tracks.iter();
        let tracks = tracks.filter(|track| track.packageable == Packageable::Yes);
        let expected = |track: &packager::Track| {
            let kind = Kind::of(track.kind)?;
            Some(Self {
                name: name(kind, &track.language),
                kind,
                codec: track.codec.rfc6381.clone(),
                treatment: Treatment::Copied,
                language: told(&track.language),
                width: track.size.map(|(width, _)| width),
                height: track.size.map(|(_, height)| height),
                bitrate: track.average_bitrate,
            })
        };
        tracks.filter_map(expected).collect()
    }

    /// The tracks of a file that is converted, as it was judged.
    pub fn of_conversion(facts: &Facts, conversion: &transcode::Conversion) -> Vec<Self> {
        use transcode::Treatment as Verdict;
        let tracks = facts.tracks.iter().zip(&conversion.verdicts);
        let expected = |(track, verdict): (&transcode::Track, &transcode::Verdict)| {
            let (kind, width, height) = match &track.kind {
                transcode::TrackKind::Video(video) => {
                    (Kind::Video, Some(video.width), Some(video.height))
                }
                transcode::TrackKind::Audio(_) => (Kind::Audio, None, None),
                transcode::TrackKind::Text(_) => (Kind::Text, None, None),
                _ => return None,
            };
            let (codec, treatment) = match verdict.treatment {
                Verdict::LeaveOut => return None,
                Verdict::Copy | Verdict::CopyWithLevel => (track.codec.as_str(), Treatment::Copied),
                Verdict::ToH264 => ("h264", Treatment::Encoded),
                Verdict::ToHevc => ("hevc", Treatment::Encoded),
                Verdict::ToAac => ("aac", Treatment::Encoded),
                Verdict::ToWebVtt => ("wvtt", Treatment::Converted),
            };
            let bitrate = match (kind, treatment) {
                (Kind::Audio, Treatment::Encoded) => USUAL_SOUND,
                _ => track.bit_rate,
            };
            Some(Self {
                name: name(kind, &track.language),
                kind,
                codec: codec.to_owned(),
                treatment,
                language: told(&track.language),
                width,
                height,
                bitrate,
            })
        };
        tracks.filter_map(expected).collect()
    }

    /// The tracks of a file that is converted, as the catalogue knows them. `encodes`: some may be encoded anew; all sound is
    /// when its loudness is to be another one.
    pub(crate) fn of_probed(tracks: &[ProbedTrack], encodes: bool, loudness: bool) -> Vec<Self> {
        let tracks = tracks.iter().filter(|track| track.reason.is_none());
        let expected = |track: &ProbedTrack| {
            let kind = match track.kind.as_str() {
                VIDEO => Kind::Video,
                TEXT => Kind::Text,
                "audio" => Kind::Audio,
                _ => return None,
            };
            let treatment = match (kind, encodes) {
                (Kind::Audio, _) if loudness => Treatment::Encoded,
                (_, true) => Treatment::Converted,
                (_, false) => Treatment::Copied,
            };
            let (codec, bitrate) = match treatment {
                Treatment::Encoded => ("aac", USUAL_SOUND),
                _ => (track.codec.as_str(), track.bitrate),
            };
            Some(Self {
                name: name(kind, &track.language),
                kind,
                codec: codec.to_owned(),
                treatment,
                language: told(&track.language),
                width: track.width,
                height: track.height,
                bitrate,
            })
        };
        tracks.filter_map(expected).collect()
    }

    /// The rungs of a ladder and its sounds. `source` are the tracks of the delivered file: its pictures, when they are a
    /// rung themselves, its text, and the codecs of sounds that are taken as they are.
    pub fn of_ladder(
        ladder: &LadderPlan,
        sounds: &[SoundOutput],
        frame_rate: f64,
        source: Vec<Self>,
    ) -> Vec<Self> {
        let rungs = ladder.rungs.iter().map(|rung| Self {
            name: rung.name.clone(),
            kind: Kind::Video,
            codec: rung.codec.name().to_owned(),
            treatment: Treatment::Encoded,
            language: None,
            width: Some(rung.width),
            height: Some(rung.height),
            bitrate: rung.expected_bitrate(frame_rate),
        });
        let sounds = sounds.iter().map(|sound| Self {
            name: name(Kind::Audio, &sound.language),
            kind: Kind::Audio,
            codec: match sound.codec {
                Some(AudioCodec::Opus) => "opus".to_owned(),
                // What is taken as it is, is AAC already.
                Some(AudioCodec::Aac) | None => "aac".to_owned(),
            },
            treatment: match sound.codec {
                Some(_) => Treatment::Encoded,
                None => Treatment::Copied,
            },
            language: told(&sound.language),
            width: None,
            height: None,
            bitrate: sound.bitrate,
        });
        let stays = |track: &Self| match track.kind {
            Kind::Video => ladder.source,
            Kind::Audio => false,
            Kind::Text => true,
        };
        let source = source.into_iter().filter(stays);
        rungs.chain(sounds).chain(source).collect()
    }
}

fn told(language: &str) -> Option<String> {
    (!matches!(language, "und" | "")).then(|| language.to_owned())
}

fn name(kind: Kind, language: &str) -> String {
    let word = match kind {
        Kind::Video => "video",
        Kind::Audio => "audio",
        Kind::Text => "text",
    };
    match (kind, told(language)) {
        (Kind::Video, _) | (_, None) => word.to_owned(),
        (_, Some(language)) => format!("{word}-{language}"),
    }
}
