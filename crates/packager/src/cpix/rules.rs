//! Which renditions the usage rules of a CPIX document give a key to.

use super::{Cpix, Rule};
use crate::movie::{Colour, Movie, SampleEntry, Track};
use crate::plan::{Rendition, plan};
use crate::{EncryptScope, Error, KeyId, Label, LabelledKey, Options, TrackKind};
use std::collections::BTreeMap;

/// What rules look at.
struct Subject<'a> {
    name: &'a str,
    is_video: bool,
    /// `sd`, `hd`, … of a picture, `audio` of a sound.
    label: Label,
    pixels: u64,
    frame_rate: f64,
    channels: u64,
    bitrate: u64,
    hdr: bool,
    wide_gamut: bool,
}

pub(super) fn labelled_keys(
    cpix: &Cpix,
    movies: &[Movie],
    options: &Options,
) -> Result<Vec<LabelledKey>, Error> {
    let key_of = |kid: KeyId| {
        let found = cpix.keys.iter().find(|key| key.key.kid == kid);
        found.map(|found| found.key.clone())
    };
    if cpix.rules.is_empty() {
        return match cpix.keys.as_slice() {
            [one] => Ok(vec![LabelledKey::for_all(one.key.clone())]),
            keys => Err(Error::InvalidOptions(format!(
                "the CPIX document has {} keys and no ContentKeyUsageRule: nobody knows what each is for",
                keys.len()
            ))),
        };
    }
    // The names of renditions are those of a plan without encryption.
    let clear = Options {
        scheme: None,
        content_keys: Vec::new(),
        systems: Vec::new(),
        ..options.clone()
    };
    let plan = plan(movies, &clear)?;
    let mut labelled = Vec::new();
    for rendition in plan.renditions() {
        let is_clear = match rendition.kind {
            TrackKind::Video => false,
            TrackKind::Audio => options.encrypt == EncryptScope::Video,
            _ => true,
        };
        if is_clear {
            continue;
        }
        let Some(subject) = Subject::of(rendition, movies) else {
            continue;
        };
        for kid in keys_of(cpix, &subject)? {
            labelled.extend(key_of(kid).map(|key| LabelledKey {
                label: Some(Label::Rendition(rendition.name.clone())),
                key,
            }));
        }
    }
    Ok(labelled)
}

/// The keys of a rendition, in the order of the crypto periods.
fn keys_of(cpix: &Cpix, subject: &Subject<'_>) -> Result<Vec<KeyId>, Error> {
    let mut always: Option<KeyId> = None;
    let mut by_period: BTreeMap<usize, KeyId> = BTreeMap::new();
    let ambiguous = |rule: &Rule| {
        Error::InvalidOptions(format!(
            "CPIX: {} gives '{}' a key, and so does another for the same time",
            rule.place, subject.name
        ))
    };
    for rule in &cpix.rules {
        let kid = rule.kid;
        if !rule.matches(subject)? {
            continue;
        }
        if rule.periods.is_empty() {
            if always.is_some_and(|other| other != kid) {
                return Err(ambiguous(rule));
            }
            always = Some(kid);
        }
        for period in &rule.periods {
            if by_period
                .insert(*period, kid)
                .is_some_and(|other| other != kid)
            {
                return Err(ambiguous(rule));
            }
        }
    }
    match (always, by_period.len()) {
        (Some(kid), 0) => Ok(vec![kid]),
        (None, count) if count > 0 && count == cpix.periods.len() => {
            Ok(by_period.into_values().collect())
        }
        (None, 0) => Err(Error::InvalidOptions(format!(
            "no ContentKeyUsageRule of the CPIX document gives '{}' ({}) a key",
            subject.name, subject.label
        ))),
        (Some(_), _) => Err(Error::InvalidOptions(format!(
            "CPIX: rules with and without periods both give '{}' a key",
            subject.name
        ))),
        (None, count) => Err(Error::InvalidOptions(format!(
            "CPIX: '{}' has keys for {count} of the {} periods",
            subject.name,
            cpix.periods.len()
        ))),
    }
}

impl Rule {
    /// Filters of one kind are alternatives, and one of each kind must match.
    fn matches(&self, subject: &Subject<'_>) -> Result<bool, Error> {
        let any = |found: bool, is_empty: bool| found || is_empty;
        let label = |wanted: &String| {
            wanted.eq_ignore_ascii_case(subject.name)
                || wanted.eq_ignore_ascii_case(&subject.label.to_string())
        };
        let labels = any(self.labels.iter().any(label), self.labels.is_empty());
        let bitrates = self
            .bitrates
            .iter()
            .any(|range| range.holds(subject.bitrate));
        let bitrates = any(bitrates, self.bitrates.is_empty());
        // A filter of one kind of track is never about another.
        let kinds = match (self.videos.is_empty(), self.audios.is_empty()) {
            (true, true) => true,
            _ if subject.is_video => self.videos.iter().any(|filter| {
                filter.pixels.holds(subject.pixels)
                    && filter.frame_rate.holds_rate(subject.frame_rate)
                    && filter.hdr.is_none_or(|hdr| hdr == subject.hdr)
                    && filter
                        .wide_gamut
                        .is_none_or(|wide| wide == subject.wide_gamut)
            }),
            _ => {
                let mut audios = self.audios.iter();
                audios.any(|filter| filter.channels.holds(subject.channels))
            }
        };
        Ok(labels && bitrates && kinds && self.is_of_type(subject)?)
    }

    /// Types without a filter are those of the labels; with one, the filter says what they mean.
    fn is_of_type(&self, subject: &Subject<'_>) -> Result<bool, Error> {
        let Some(text) = &self.track_type else {
            return Ok(true);
        };
        let is_filtered = !(self.videos.is_empty() && self.audios.is_empty());
        let mut found = false;
        for word in text.split('+') {
            found |= match word.trim().to_ascii_uppercase().as_str() {
                "ALL" => true,
                "VIDEO" => subject.is_video,
                "AUDIO" => !subject.is_video,
                _ if is_filtered => true,
                "SD" => subject.label == Label::Sd,
                "HD" => subject.label == Label::Hd,
                "UHD" => matches!(subject.label, Label::Uhd1 | Label::Uhd2),
                "UHD1" => subject.label == Label::Uhd1,
                "UHD2" => subject.label == Label::Uhd2,
                "STEREO_AUDIO" => !subject.is_video && subject.channels <= 2,
                "MULTICHANNEL_AUDIO" => !subject.is_video && subject.channels > 2,
                word if word.eq_ignore_ascii_case(subject.name) => true,
                _ if !self.labels.is_empty() => true,
                _ => {
                    let what = format!(
                        "CPIX: {}: intendedTrackType '{text}' is known to the key server alone: a filter must say what it means",
                        self.place
                    );
                    return Err(Error::Unsupported(what));
                }
            };
        }
        Ok(found)
    }
}

impl super::Range {
    fn holds(self, number: u64) -> bool {
        (self.0..=self.1).contains(&number)
    }

    /// Rates above the least, up to the most; without a least every rate is above it.
    fn holds_rate(self, rate: f64) -> bool {
        // Counted from durations that are rounded.
        const TOLERANCE: f64 = 0.01;
        let above = self.0 == 0 || rate > self.0 as f64 + TOLERANCE;
        above && rate <= self.1 as f64 + TOLERANCE
    }
}

impl<'a> Subject<'a> {
    fn of(rendition: &'a Rendition, movies: &[Movie]) -> Option<Self> {
        let movie = movies.get(rendition.input)?;
        let mut tracks = movie.tracks.iter();
        let track = tracks.find(|track| track.id == rendition.track_id)?;
        let (width, height) = track.size.unwrap_or_default();
        let pixels = u64::from(width) * u64::from(height);
        let is_video = rendition.kind == TrackKind::Video;
        let colour = colour(track);
        Some(Self {
            name: &rendition.name,
            is_video,
            label: match is_video {
                true => Label::of_pixels(pixels),
                false => Label::Audio,
            },
            pixels,
            frame_rate: match track.duration_seconds > 0.0 {
                true => track.sample_count as f64 / track.duration_seconds,
                false => 0.0,
            },
            channels: u64::from(track.channels.unwrap_or_default()),
            bitrate: track.average_bitrate,
            hdr: colour.is_some_and(|colour| matches!(colour.transfer, 16 | 18)),
            wide_gamut: colour.is_some_and(|colour| colour.primaries == 9),
        })
    }
}

/// Code points of the picture (ISO/IEC 23091-2).
fn colour(track: &Track) -> Option<Colour> {
    match &track.entry {
        Some(SampleEntry::Video(entry)) => entry.colour,
        _ => None,
    }
}
