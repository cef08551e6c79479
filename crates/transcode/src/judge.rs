//! What is to be done with each track of a file, so that it can be packaged, and why. Pure.

#[cfg(test)]
mod tests;

use crate::probe::{Audio, Facts, Text, Track, TrackKind, Video};
use crate::{Container, Error, Result};

/// What is done with a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// Its samples are taken as they are.
    Copy,
    /// The same, and the level that its H.264 tells of itself is written anew.
    CopyWithLevel,
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
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Number of the track in the file.
    pub index: u32,
    /// What is done.
    pub treatment: Treatment,
    /// Whether pictures that are encoded get new times, at even distances.
    pub even_times: bool,
    /// How loud sound that is encoded is to be, in LUFS.
    pub loudness: Option<f64>,
    /// For people; `None` where nothing is worth a word.
    pub reason: Option<String>,
}

/// What is done with a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Conversion {
    /// All tracks, in the order of the file.
    pub verdicts: Vec<Verdict>,
    /// What people should know of the file besides; found while it was converted.
    pub warnings: Vec<String>,
}

/// What cannot stay of a file whose codecs could: found by whoever is to use the result. Each is for people and goes on after
/// "track 1".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Complaints {
    /// Why pictures must be encoded anew.
    pub pictures: Option<String>,
    /// Why sound must be encoded anew.
    pub sound: Option<String>,
    /// Why pictures must be encoded anew with times at even distances.
    pub times: Option<String>,
    /// Why the level that H.264 tells of itself must be written anew.
    pub level: Option<String>,
    /// How loud sound is to be (EBU R 128), in LUFS: a wish, for which it is encoded anew.
    pub loudness: Option<f64>,
}

impl Complaints {
    /// About all of it.
    pub fn everything() -> Self {
        let why = || Some("could not be taken as it is".to_owned());
        Self {
            pictures: why(),
            sound: why(),
            times: None,
            level: None,
            loudness: None,
        }
    }

    /// Whether there is nothing to complain about.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Both; where both say something, the first.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            pictures: self.pictures.or(other.pictures),
            sound: self.sound.or(other.sound),
            times: self.times.or(other.times),
            level: self.level.or(other.level),
            loudness: self.loudness.or(other.loudness),
        }
    }
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
        let what = match (self.encodes(), container == Container::Mp4.name()) {
            (true, true) => "encoded anew where it says so",
            (true, false) => "converted to MP4, and encoded anew where it says so",
            (false, true) => "its tracks were put into a new one as they are",
            (false, false) => "its tracks were put into MP4 as they are",
        };
        let whole = format!("the file is {container}: {what}");
        let reasons = self
            .verdicts
            .iter()
            .filter_map(|verdict| verdict.reason.clone());
        let warnings = self.warnings.iter().cloned();
        std::iter::once(whole)
            .chain(reasons)
            .chain(warnings)
            .collect()
    }
}

/// Decides about every track of a file, by its codecs and what was complained about.
///
/// # Errors
/// [`Error::InvalidInput`] when neither picture nor sound is in it.
pub fn judge(facts: &Facts, complaints: &Complaints) -> Result<Conversion> {
    let has_picture = facts
        .tracks
        .iter()
        .any(|track| matches!(track.kind, TrackKind::Video(_)));
    let verdicts: Vec<Verdict> = facts
        .tracks
        .iter()
        .map(|track| {
            let (treatment, reason) = match &track.kind {
                TrackKind::Video(video) => picture(track, video, complaints),
                TrackKind::Audio(audio) => sound(track, audio, has_picture, complaints),
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
                even_times: complaints.times.is_some(),
                loudness: complaints
                    .loudness
                    .filter(|_| treatment == Treatment::ToAac),
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
    Ok(Conversion {
        verdicts,
        warnings: Vec::new(),
    })
}

type Decision = (Treatment, Option<String>);

/// Forms of pixels that browsers show, of each codec that MP4 holds and they decode.
const SHOWN: [(&str, &[&str]); 4] = [
    ("h264", &["yuv420p", "yuvj420p"]),
    ("hevc", &["yuv420p", "yuvj420p", "yuv420p10le"]),
    ("av1", &["yuv420p", "yuvj420p", "yuv420p10le"]),
    ("vp9", &["yuv420p", "yuvj420p", "yuv420p10le"]),
];

fn picture(track: &Track, video: &Video, complaints: &Complaints) -> Decision {
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
        Some(_) if track.codec == "h264" && is_beyond_high(&video.profile) => format!(
            "is H.264 of the profile {}, which browsers do not play",
            video.profile
        ),
        Some(_) => match (
            complaints.times.as_ref().or(complaints.pictures.as_ref()),
            &complaints.level,
        ) {
            (Some(why), _) => why.clone(),
            (None, Some(why)) if track.codec == "h264" => {
                let reason = format!("{} {why}: the level was written anew", name(track));
                return (Treatment::CopyWithLevel, Some(reason));
            }
            (None, _) => return (Treatment::Copy, None),
        },
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

/// Whether a profile of H.264, by ffmpeg's name, is above High: made for other pixels than those that browsers show, it may
/// hold those as well, coded in a way that their decoders do not know.
fn is_beyond_high(profile: &str) -> bool {
    ["High 10", "High 4:2:2", "High 4:4:4", "CAVLC 4:4:4"]
        .iter()
        .any(|name| profile.starts_with(name))
}

/// Codecs of sound that MP4 holds and browsers, or the devices that have it, decode.
const HEARD: [&str; 7] = ["aac", "opus", "flac", "ac3", "eac3", "alac", "mp3"];

fn sound(track: &Track, audio: &Audio, has_picture: bool, complaints: &Complaints) -> Decision {
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
    } else if let Some(why) = &complaints.sound {
        why.clone()
    } else if let Some(lufs) = complaints.loudness {
        format!("is to be as loud as {lufs} LUFS")
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
