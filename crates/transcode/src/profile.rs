//! A profile: what a person wants of a ladder, as a TOML file says it (`docs/ladder.md`).
//!
//! In: text. Out: a [`Profile`] whose numbers are in their limits, or the line and what to do.

use crate::{Error, Result};
use serde::Deserialize;

/// Most rungs of pictures, and of sound.
const MAX_RUNGS: usize = 12;
/// Short sides of pictures, in pixels.
const SHORT_SIDES: std::ops::RangeInclusive<u32> = 64..=4320;
/// Bits a second.
const BIT_RATES: std::ops::RangeInclusive<u64> = 8_000..=400_000_000;
/// Seconds between key pictures.
const GOP_SECONDS: std::ops::RangeInclusive<f64> = 0.5..=10.0;

/// What is wanted.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Seconds between key pictures; from 0.5 to 10.
    #[serde(default = "gop_seconds")]
    pub gop_seconds: f64,
    /// Whether the source is a rung as it is, where its key pictures allow.
    #[serde(default = "yes")]
    pub source: bool,
    /// Rungs of pictures.
    pub video: Vec<VideoWish>,
    /// Rungs of sound; AAC stereo when there is none.
    #[serde(default = "stereo")]
    pub audio: Vec<AudioWish>,
}

/// A rung of pictures.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoWish {
    /// Pixels of the shorter side, as it is shown: 720 for 1280 × 720 and for 720 × 1280.
    pub short_side: u32,
    /// What it is coded in.
    #[serde(default)]
    pub codec: VideoCodec,
    /// Constant quality: the smaller, the better. Instead of `bitrate`.
    pub crf: Option<u8>,
    /// Bits a second that constant quality does not exceed for long.
    pub max_bitrate: Option<u64>,
    /// Bits a second on average. Instead of `crf`.
    pub bitrate: Option<u64>,
    /// How much effort, in the encoder's own words.
    pub preset: Option<String>,
}

/// A rung of sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AudioWish {
    /// What it is coded in.
    #[serde(default)]
    pub codec: AudioCodec,
    /// 2 or 6.
    #[serde(default = "two")]
    pub channels: u32,
    /// Bits a second.
    pub bitrate: u64,
}

/// What pictures are coded in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum VideoCodec {
    /// H.264, by x264.
    #[default]
    H264,
    /// HEVC, by x265.
    Hevc,
    /// AV1, by SVT-AV1.
    Av1,
    /// VP9, by libvpx.
    Vp9,
}

/// What sound is coded in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AudioCodec {
    /// AAC.
    #[default]
    Aac,
    /// Opus.
    Opus,
}

impl VideoCodec {
    /// The name in a profile.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::Hevc => "hevc",
            Self::Av1 => "av1",
            Self::Vp9 => "vp9",
        }
    }

    /// The quality that `auto` and profiles without one take.
    pub fn usual_crf(self) -> u8 {
        match self {
            Self::H264 => 23,
            Self::Hevc => 26,
            Self::Av1 => 35,
            Self::Vp9 => 33,
        }
    }

    /// The effort that `auto` and profiles without one take.
    pub fn usual_preset(self) -> &'static str {
        match self {
            Self::H264 => "veryfast",
            Self::Hevc => "fast",
            Self::Av1 => "8",
            Self::Vp9 => "4",
        }
    }

    fn worst_crf(self) -> u8 {
        match self {
            Self::H264 | Self::Hevc => 51,
            Self::Av1 | Self::Vp9 => 63,
        }
    }

    fn presets(self) -> &'static [&'static str] {
        match self {
            Self::H264 | Self::Hevc => &[
                "ultrafast",
                "superfast",
                "veryfast",
                "faster",
                "fast",
                "medium",
                "slow",
                "slower",
                "veryslow",
            ],
            Self::Av1 => &["2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12"],
            Self::Vp9 => &["0", "1", "2", "3", "4", "5", "6", "7", "8"],
        }
    }
}

impl Profile {
    /// Reads the text of a profile.
    ///
    /// # Errors
    /// [`Error::InvalidProfile`]: where, what and what to do.
    pub fn parse(text: &str) -> Result<Self> {
        let profile: Self =
            toml::from_str(text).map_err(|error| Error::InvalidProfile(error.to_string()))?;
        profile.check().map_err(Error::InvalidProfile)?;
        Ok(profile)
    }

    fn check(&self) -> std::result::Result<(), String> {
        if !GOP_SECONDS.contains(&self.gop_seconds) {
            return Err("gop_seconds: a number from 0.5 to 10 is wanted".into());
        }
        for (what, count) in [("video", self.video.len()), ("audio", self.audio.len())] {
            if !(1..=MAX_RUNGS).contains(&count) {
                return Err(format!(
                    "[[{what}]] stands {count} times; write it 1 to {MAX_RUNGS} times"
                ));
            }
        }
        for (number, wish) in (1..).zip(&self.video) {
            wish.check()
                .map_err(|why| format!("[[video]] number {number}: {why}"))?;
        }
        for (number, wish) in (1..).zip(&self.audio) {
            wish.check()
                .map_err(|why| format!("[[audio]] number {number}: {why}"))?;
        }
        Ok(())
    }
}

impl VideoWish {
    fn check(&self) -> std::result::Result<(), String> {
        if !SHORT_SIDES.contains(&self.short_side) || !self.short_side.is_multiple_of(2) {
            return Err("short_side: an even number from 64 to 4320 is wanted".into());
        }
        match (self.crf, self.max_bitrate, self.bitrate) {
            (Some(_), _, Some(_)) => {
                return Err("crf and bitrate exclude each other; leave one out".into());
            }
            (None, Some(_), Some(_)) => {
                return Err("max_bitrate belongs to crf; with bitrate leave it out".into());
            }
            _ => {}
        }
        let worst = self.codec.worst_crf();
        if self.crf.is_some_and(|crf| crf > worst) {
            return Err(format!("crf: of {} it is 0 to {worst}", self.codec.name()));
        }
        for (name, rate) in [("max_bitrate", self.max_bitrate), ("bitrate", self.bitrate)] {
            rate.map_or(Ok(()), |rate| check_rate(name, rate))?;
        }
        let known = self.codec.presets();
        match &self.preset {
            Some(preset) if !known.contains(&preset.as_str()) => Err(format!(
                "preset: of {} it is one of {}",
                self.codec.name(),
                known.join(", ")
            )),
            _ => Ok(()),
        }
    }
}

impl AudioWish {
    fn check(self) -> std::result::Result<(), String> {
        if ![2, 6].contains(&self.channels) {
            return Err("channels: 2 (stereo) or 6 (5.1) is wanted".into());
        }
        check_rate("bitrate", self.bitrate)
    }
}

fn check_rate(name: &str, rate: u64) -> std::result::Result<(), String> {
    match BIT_RATES.contains(&rate) {
        true => Ok(()),
        false => Err(format!(
            "{name}: bits a second are wanted, from 8_000 to 400_000_000 (3 Mbit/s are 3_000_000)"
        )),
    }
}

fn gop_seconds() -> f64 {
    2.0
}

fn yes() -> bool {
    true
}

fn two() -> u32 {
    2
}

fn stereo() -> Vec<AudioWish> {
    vec![AudioWish {
        codec: AudioCodec::Aac,
        channels: 2,
        bitrate: 128_000,
    }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_documentation_is_a_profile() {
        let page = include_str!("../../../docs/ladder.md");
        let example = page
            .split("```toml\n")
            .nth(1)
            .and_then(|rest| rest.split("```").next());
        let profile = Profile::parse(example.expect("an example")).expect("a profile");
        assert_eq!((profile.video.len(), profile.audio.len()), (4, 2));
    }

    #[test]
    fn little_is_enough() {
        let profile = Profile::parse("[[video]]\nshort_side = 720").expect("a profile");
        assert_eq!((profile.gop_seconds, profile.source), (2.0, true));
        assert_eq!(profile.video[0].codec, VideoCodec::H264);
        assert_eq!(profile.audio, stereo());
    }

    #[test]
    fn faults_are_told_with_a_remedy() {
        for (text, expect) in [
            ("[[video]]\nshort_side = 720\nspeed = 1", "line 3"),
            ("[[video]]\nshort_side = 720\ncodec = \"divx\"", "line 3"),
            ("gop_seconds = 30\n[[video]]\nshort_side = 720", "0.5 to 10"),
            ("video = []", "1 to 12 times"),
            ("[[video]]\nshort_side = 721", "even number"),
            (
                "[[video]]\nshort_side = 720\ncrf = 20\nbitrate = 9000",
                "leave one out",
            ),
            (
                "[[video]]\nshort_side = 720\nbitrate = 90000\nmax_bitrate = 90000",
                "belongs to crf",
            ),
            ("[[video]]\nshort_side = 720\ncrf = 60", "0 to 51"),
            ("[[video]]\nshort_side = 720\nbitrate = 3", "3 Mbit/s"),
            (
                "[[video]]\nshort_side = 720\npreset = \"-y\"",
                "number 1: preset",
            ),
            (
                "[[video]]\nshort_side = 720\n[[audio]]\nchannels = 3\nbitrate = 9000",
                "5.1",
            ),
        ] {
            let error = Profile::parse(text).expect_err(text).to_string();
            assert!(error.contains(expect), "{text}: {error}");
        }
    }
}
