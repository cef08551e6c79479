//! What is to be done with each track of a file, so that it can be packaged, and why. Pure.

use crate::probe::{Audio, Facts, Text, Track, TrackKind, Video};
use crate::{Error, Result};

/// What is done with a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Its samples are taken as they are.
    Copy,
    /// Its pictures are encoded anew as H.264, 8 bits.
    ToH264,
    /// Its pictures are encoded anew as HEVC, 10 bits, with the light that they have.
    ToHevc,
    /// Its sound is encoded anew as AAC.
    ToAac,
    /// Its text becomes a file of WebVTT.
    ToWebVtt,
    /// It is not taken.
    LeaveOut,
}

/// What is done with one track, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Number of the track in the file.
    pub index: u32,
    /// What is done.
    pub treatment: Treatment,
    /// For people; `None` where nothing is worth a word.
    pub reason: Option<String>,
}

/// What is done with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conversion {
    /// All tracks, in the order of the file.
    pub verdicts: Vec<Verdict>,
}

impl Conversion {
    /// Whether something is encoded anew.
    pub fn encodes(&self) -> bool {
        use Treatment::{ToAac, ToH264, ToHevc};
        let mut verdicts = self.verdicts.iter();
        verdicts.any(|verdict| matches!(verdict.treatment, ToH264 | ToHevc | ToAac))
    }

    /// In words: what was done with the file as a whole, and with its tracks.
    pub fn words(&self, container: &str) -> Vec<String> {
        let whole = match self.encodes() {
            true => format!(
                "the file is {container}: converted to MP4, and encoded anew where it says so"
            ),
            false => format!("the file is {container}: its tracks were put into MP4 as they are"),
        };
        let reasons = self
            .verdicts
            .iter()
            .filter_map(|verdict| verdict.reason.clone());
        std::iter::once(whole).chain(reasons).collect()
    }
}

/// Decides about every track of a file. With `anew`, because copies turned out to be no use, pictures and sound are encoded
/// whatever they are.
///
/// # Errors
/// [`Error::InvalidInput`] when neither picture nor sound is in it.
pub fn judge(facts: &Facts, anew: bool) -> Result<Conversion> {
    let has_picture = facts
        .tracks
        .iter()
        .any(|track| matches!(track.kind, TrackKind::Video(_)));
    let verdicts: Vec<Verdict> = facts
        .tracks
        .iter()
        .map(|track| {
            let (treatment, reason) = match &track.kind {
                TrackKind::Video(video) => picture(track, video, anew),
                TrackKind::Audio(audio) => sound(track, audio, has_picture, anew),
                TrackKind::Text(Text::Characters) => (Treatment::ToWebVtt, None),
                TrackKind::Text(Text::Pictures) => {
                    left_out(track, "holds pictures of text, which players do not show")
                }
                TrackKind::Cover => left_out(track, "is a picture that stands for the file"),
                TrackKind::Other(kind) => {
                    left_out(track, &format!("is {kind}, not picture, sound or text"))
                }
            };
            Verdict {
                index: track.index,
                treatment,
                reason,
            }
        })
        .collect();
    let of_use =
        |verdict: &Verdict| !matches!(verdict.treatment, Treatment::LeaveOut | Treatment::ToWebVtt);
    if !verdicts.iter().any(of_use) {
        return Err(Error::InvalidInput(
            "the file has neither picture nor sound that can be used".into(),
        ));
    }
    Ok(Conversion { verdicts })
}

type Decision = (Treatment, Option<String>);

/// Forms of pixels that browsers show, of each codec that MP4 holds and they decode.
const SHOWN: [(&str, &[&str]); 4] = [
    ("h264", &["yuv420p", "yuvj420p"]),
    ("hevc", &["yuv420p", "yuvj420p", "yuv420p10le"]),
    ("av1", &["yuv420p", "yuvj420p", "yuv420p10le"]),
    ("vp9", &["yuv420p", "yuvj420p", "yuv420p10le"]),
];

fn picture(track: &Track, video: &Video, anew: bool) -> Decision {
    if video.width == 0 || video.height == 0 {
        return left_out(track, "is a picture without a size");
    }
    let shown = SHOWN.iter().find(|(codec, _)| *codec == track.codec);
    let why = match shown {
        None => format!(
            "is {}, which MP4 cannot hold or browsers do not decode",
            track.codec
        ),
        Some((_, formats)) if !formats.contains(&video.pixel_format.as_str()) => {
            format!(
                "has pixels of the form {}, which browsers do not show",
                video.pixel_format
            )
        }
        Some(_) if anew => "could not be taken as it is".to_owned(),
        Some(_) => return (Treatment::Copy, None),
    };
    let (treatment, codec) = match video.is_hdr() {
        true => (Treatment::ToHevc, "HEVC"),
        false => (Treatment::ToH264, "H.264"),
    };
    let fields = if video.interlaced {
        ", its half pictures made whole"
    } else {
        ""
    };
    (
        treatment,
        Some(format!(
            "{} {why}: encoded anew as {codec}{fields}",
            name(track)
        )),
    )
}

/// Codecs of sound that MP4 holds and browsers, or the devices that have it, decode.
const HEARD: [&str; 7] = ["aac", "opus", "flac", "ac3", "eac3", "alac", "mp3"];

fn sound(track: &Track, audio: &Audio, has_picture: bool, anew: bool) -> Decision {
    if audio.channels == 0 {
        return left_out(track, "is sound of no channel");
    }
    let why = if !HEARD.contains(&track.codec.as_str()) {
        format!(
            "is {}, which MP4 cannot hold or browsers do not decode",
            track.codec
        )
    } else if track.codec == "mp3" && has_picture {
        "is MP3, which browsers do not decode beside a picture".to_owned()
    } else if anew {
        "could not be taken as it is".to_owned()
    } else {
        return (Treatment::Copy, None);
    };
    (
        Treatment::ToAac,
        Some(format!("{} {why}: encoded anew as AAC", name(track))),
    )
}

fn left_out(track: &Track, why: &str) -> Decision {
    (
        Treatment::LeaveOut,
        Some(format!("{} {why}: left out", name(track))),
    )
}

fn name(track: &Track) -> String {
    format!("track {}", track.index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Container;

    fn track(index: u32, codec: &str, kind: TrackKind) -> Track {
        Track {
            index,
            codec: codec.into(),
            language: "und".into(),
            title: String::new(),
            forced: false,
            hearing_impaired: false,
            bit_rate: 0,
            start: 0.0,
            kind,
        }
    }

    fn video(pixel_format: &str, transfer: &str) -> TrackKind {
        TrackKind::Video(Video {
            width: 640,
            height: 360,
            pixel_aspect: 1.0,
            pixel_format: pixel_format.into(),
            bit_depth: 8,
            profile: String::new(),
            level: 0,
            frame_rate: 25.0,
            rate: Some((25, 1)),
            interlaced: false,
            rotation: 0,
            transfer: transfer.into(),
            primaries: String::new(),
            matrix: String::new(),
            range: String::new(),
        })
    }

    fn audio() -> TrackKind {
        TrackKind::Audio(Audio {
            channels: 2,
            sample_rate: 48_000,
        })
    }

    fn treatments(tracks: Vec<Track>, anew: bool) -> Vec<Treatment> {
        let facts = Facts {
            container: Container::Matroska,
            seconds: 1.0,
            tracks,
            chapters: Vec::new(),
        };
        let judged = judge(&facts, anew).expect("a verdict");
        for verdict in &judged.verdicts {
            let silent = matches!(verdict.treatment, Treatment::Copy | Treatment::ToWebVtt);
            assert_eq!(verdict.reason.is_none(), silent, "{verdict:?}");
        }
        judged
            .verdicts
            .iter()
            .map(|verdict| verdict.treatment)
            .collect()
    }

    #[test]
    fn each_track_is_treated_as_it_needs() {
        use Treatment::{Copy, LeaveOut, ToAac, ToH264, ToHevc, ToWebVtt};
        let sdr = || video("yuv420p", "bt709");
        for (codec, kind, expect) in [
            ("h264", sdr(), Copy),
            ("h264", video("yuv422p", ""), ToH264),
            ("h264", video("yuv420p10le", "bt709"), ToH264),
            ("hevc", video("yuv420p10le", "smpte2084"), Copy),
            ("prores", video("yuv422p10le", "smpte2084"), ToHevc),
            ("vp8", sdr(), ToH264),
        ] {
            let tracks = vec![track(0, codec, kind)];
            assert_eq!(treatments(tracks, false), [expect], "{codec}");
        }
        let tracks = || {
            vec![
                track(0, "vp9", sdr()),
                track(1, "vorbis", audio()),
                track(2, "mp3", audio()),
                track(3, "subrip", TrackKind::Text(Text::Characters)),
                track(4, "hdmv_pgs_subtitle", TrackKind::Text(Text::Pictures)),
                track(5, "png", TrackKind::Cover),
            ]
        };
        assert_eq!(
            treatments(tracks(), false),
            [Copy, ToAac, ToAac, ToWebVtt, LeaveOut, LeaveOut]
        );
        assert_eq!(treatments(tracks(), true)[0], ToH264);
        assert_eq!(treatments(vec![track(0, "mp3", audio())], false), [Copy]);
    }
}
