//! What browsers do not play of a video that can be packaged: forms of pixels, levels, key pictures too far apart, times that
//! stand still, edit lists that begin between key pictures. Pure: the engine packages it all the same, and callers mend it
//! before or say so.

use super::{Movie, SampleEntry, Track, VideoConfig};

/// Longest time between two pictures at which decoding can start, in seconds: a segment cannot be shorter.
const LONGEST_GROUP: f64 = 20.0;
/// A picture that lasts less than this has no time of its own, in seconds.
const NO_TIME: f64 = 0.0005;
/// One picture in so many may have no time of its own.
const ONE_OF: u64 = 50;

/// Something that keeps browsers from playing a track as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The container's track id.
    pub track: u32,
    /// What helps.
    pub cure: Cure,
    /// For people; goes on after "track 1".
    pub text: String,
}

/// What helps against a [`Flaw`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    /// The level in the sequence parameter sets of H.264, which is wrong, must be written anew.
    Level,
    /// Its pictures must be encoded anew.
    Encode,
    /// The same, with new times at even distances.
    EncodeAtEvenTimes,
}

impl Movie {
    /// What browsers do not play of the pictures that can be packaged, by the codec's configuration and the index.
    pub fn flaws(&self) -> Vec<Flaw> {
        self.tracks.iter().flat_map(Track::flaws).collect()
    }
}

impl Track {
    fn flaws(&self) -> Vec<Flaw> {
        let Some(SampleEntry::Video(entry)) = &self.entry else {
            return Vec::new();
        };
        let level = match &entry.config {
            VideoConfig::Avc(config) => config
                .frame_load()
                .and_then(|(blocks, references)| level(config.level(), blocks, references)),
            _ => None,
        };
        let form = pixels(&entry.config).or_else(|| profile(&entry.config));
        let found = [form, level, self.groups(), self.times(), self.lead()];
        let flaw = |(cure, text)| Flaw {
            track: self.id,
            cure,
            text,
        };
        found.into_iter().flatten().map(flaw).collect()
    }

    fn groups(&self) -> Option<(Cure, String)> {
        let ticks = (LONGEST_GROUP * f64::from(self.timescale)) as u64;
        let (mut since, mut longest) = (0, 0);
        for sample in self.samples.iter() {
            let end = sample.dts.saturating_add(u64::from(sample.duration));
            if sample.sync {
                since = sample.dts;
            }
            longest = longest.max(end.saturating_sub(since));
        }
        (longest > ticks).then(|| {
            let seconds = longest / u64::from(self.timescale.max(1));
            let text = format!("has no key picture for {seconds} s, where no segment can begin");
            (Cure::Encode, text)
        })
    }

    /// Browsers drop pictures that are shown before 0, and then all others up to the next one at which decoding can start
    /// (Media Source Extensions, coded frame processing).
    fn lead(&self) -> Option<(Cure, String)> {
        let keys = self.samples.iter().filter(|sample| sample.sync);
        let shown = keys.map(|key| self.timing.presentation(&key));
        let start = shown.filter(|shown| *shown <= 0).max()?;
        let milliseconds = start.saturating_mul(-1000) / i64::from(self.timescale.max(1));
        (milliseconds > 0).then(|| {
            let seconds = milliseconds as f64 / 1000.0;
            let text = format!(
                "is cut by its edit list {seconds:.3} s behind a key picture, where browsers cannot begin"
            );
            (Cure::Encode, text)
        })
    }

    fn times(&self) -> Option<(Cure, String)> {
        let least = NO_TIME * f64::from(self.timescale);
        let without = self.samples.iter();
        let without = without.filter(|sample| f64::from(sample.duration) < least);
        let without = without.count() as u64;
        (without > 1 && without * ONE_OF > self.sample_count).then(|| {
            let text = format!(
                "has broken times: {without} of its {} pictures last no time",
                self.sample_count
            );
            (Cure::EncodeAtEvenTimes, text)
        })
    }
}

/// Browsers show 4:2:0 alone; in H.264 with 8 bits, in the others with up to 10.
fn pixels(config: &VideoConfig) -> Option<(Cure, String)> {
    let pixels = config.pixels()?;
    let (codec, most) = match config {
        VideoConfig::Avc(_) => ("H.264", 8),
        VideoConfig::Hevc(_) => ("HEVC", 10),
        VideoConfig::Av1(_) => ("AV1", 10),
        VideoConfig::Vp9(_) => ("VP9", 10),
    };
    let shown = pixels.is_420() && pixels.bit_depth <= most;
    (!shown).then(|| {
        let text = format!(
            "is {codec} with pixels of {} and {} bits, which browsers do not show",
            pixels.name(),
            pixels.bit_depth
        );
        (Cure::Encode, text)
    })
}

/// A profile of H.264 for other pixels may hold usual ones: lossless pictures in 4:2:0 are High 4:4:4 Predictive.
fn profile(config: &VideoConfig) -> Option<(Cure, String)> {
    let VideoConfig::Avc(config) = config else {
        return None;
    };
    let profile = config.beyond_high()?;
    let text = format!("is H.264 of the profile {profile}, which browsers do not play");
    Some((Cure::Encode, text))
}

/// Levels of H.264 (Table A-1): ten times the level (9 is 1b), macroblocks of a frame, macroblocks of all frames that are kept.
const LEVELS: [(u8, u32, u32); 20] = [
    (9, 99, 396),
    (10, 99, 396),
    (11, 396, 900),
    (12, 396, 2376),
    (13, 396, 2376),
    (20, 396, 2376),
    (21, 792, 4752),
    (22, 1620, 8100),
    (30, 1620, 8100),
    (31, 3600, 18_000),
    (32, 5120, 20_480),
    (40, 8192, 32_768),
    (41, 8192, 32_768),
    (42, 8704, 34_816),
    (50, 22_080, 110_400),
    (51, 36_864, 184_320),
    (52, 36_864, 184_320),
    (60, 139_264, 696_320),
    (61, 139_264, 696_320),
    (62, 139_264, 696_320),
];
/// The highest level that decoders of browsers and devices commonly have.
const COMMON: u8 = 52;
/// Most frames that may be kept, whatever the level (A.3.1).
const MOST_REFERENCES: u32 = 16;

fn level(told: u8, blocks: u32, references: u32) -> Option<(Cure, String)> {
    let fits = |(_, frame, all): &&(u8, u32, u32)| {
        blocks <= *frame && u64::from(blocks) * u64::from(references.max(1)) <= u64::from(*all)
    };
    let too_many = || {
        let text = format!(
            "predicts pictures from {references} others, more than decoders keep at this size"
        );
        Some((Cure::Encode, text))
    };
    let of_size = LEVELS.iter().find(|(_, frame, _)| blocks <= *frame)?.0;
    let Some((needed, ..)) = LEVELS
        .iter()
        .find(fits)
        .filter(|_| references <= MOST_REFERENCES)
    else {
        return too_many();
    };
    if *needed > COMMON && of_size <= COMMON {
        return too_many();
    }
    let known = LEVELS.iter().any(|(level, ..)| *level == told);
    let absurd = told > COMMON && *needed <= COMMON;
    (!known || told < *needed || absurd).then(|| {
        let text = format!(
            "says level {}, and is of level {}",
            name(told),
            name(*needed)
        );
        (Cure::Level, text)
    })
}

fn name(level: u8) -> String {
    match level {
        9 => "1b".to_owned(),
        _ => format!("{}.{}", level / 10, level % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_held_against_size_and_references() {
        for (told, (width, height), references, expect) in [
            (31, (1280, 720), 5, None),
            (
                30,
                (1280, 720),
                3,
                Some((Cure::Level, "says level 3.0, and is of level 3.1")),
            ),
            (40, (1920, 1088), 4, None),
            (40, (1920, 1088), 16, Some((Cure::Level, "is of level 5.1"))),
            (
                0,
                (320, 192),
                1,
                Some((Cure::Level, "says level 0.0, and is of level 1.1")),
            ),
            (62, (320, 192), 1, Some((Cure::Level, "says level 6.2"))),
            (9, (176, 144), 4, None),
            (52, (3840, 2160), 5, None),
            (
                52,
                (3840, 2160),
                16,
                Some((Cure::Encode, "predicts pictures from 16 others")),
            ),
            (
                31,
                (320, 192),
                17,
                Some((Cure::Encode, "predicts pictures from 17 others")),
            ),
            (60, (7680, 4320), 4, None),
        ] {
            let blocks = width / 16 * (height / 16);
            let found = level(told, blocks, references);
            let fits = match (&found, expect) {
                (None, None) => true,
                (Some((cure, text)), Some((wanted, part))) => {
                    *cure == wanted && text.contains(part)
                }
                _ => false,
            };
            assert!(fits, "{told} {width}×{height} {references}: {found:?}");
        }
    }
}
