//! What manifests say: facts of a plan and of the objects that were written, in the units of manifests.

use crate::cenc::protect::Protection;
use crate::movie::{Colour, SampleEntry};
use crate::plan::{ObjectId, Plan, PlannedTrack, Segment};
use crate::{Error, KeyId, Scheme, TrackKind};

/// A package as manifests describe it: all renditions on one timeline.
pub(crate) struct Presentation<'a> {
    /// Seconds from the first picture or sound to the end of the last.
    pub duration: f64,
    /// The longest segment of any rendition, in seconds.
    pub longest_segment: f64,
    /// Picture first.
    pub renditions: Vec<RenditionFacts<'a>>,
    /// Where a licence is asked for.
    pub license_url: Option<&'a str>,
    /// Prefix of the URL of a raw key.
    pub hls_key_url: Option<&'a str>,
}

/// One rendition.
pub(crate) struct RenditionFacts<'a> {
    /// Its folder, and its id in the MPD.
    pub name: &'a str,
    /// Picture or sound.
    pub kind: TrackKind,
    /// RFC 6381.
    pub codec: &'a str,
    /// ISO 639-2 of the source.
    pub language: &'a str,
    /// Ticks a second.
    pub timescale: u32,
    /// Time on the media's timeline at which the presentation starts, in ticks.
    pub presentation_time_offset: u64,
    /// Presented start and length of each segment, in ticks.
    pub segments: Vec<(u64, u64)>,
    /// Whether pictures of a segment may need the segment before: those shown before its key frame (SAP
    /// type 3).
    pub open_groups: bool,
    /// Bits a second that suffice when playing starts after the longest segment's time.
    pub bandwidth: u64,
    /// Bits a second over the whole length.
    pub average_bandwidth: u64,
    /// What is particular to its kind.
    pub format: Format,
    /// How it is encrypted.
    pub protection: Option<ProtectionFacts>,
}

/// What is particular to a kind of rendition.
pub(crate) enum Format {
    /// Picture.
    Video {
        /// Pixels.
        width: u32,
        /// Pixels.
        height: u32,
        /// Width and height of a pixel, in lowest terms.
        pixel_aspect: (u32, u32),
        /// Frames a second as a fraction in lowest terms.
        frame_rate: (u64, u64),
        /// How bright white may be.
        range: DynamicRange,
    },
    /// Sound.
    Audio {
        /// Samples a second.
        sample_rate: u32,
        /// Number of channels.
        channels: u16,
    },
    /// Subtitles.
    Text,
}

/// How bright white may be; told by the transfer characteristics (ISO/IEC 23091-2, 8.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DynamicRange {
    /// SDR.
    Standard,
    /// HDR with a perceptual quantiser (SMPTE ST 2084).
    Pq,
    /// HDR with hybrid log-gamma (ARIB STD-B67).
    Hlg,
}

impl DynamicRange {
    fn of(colour: Colour) -> Self {
        match colour.transfer {
            16 => Self::Pq,
            18 => Self::Hlg,
            _ => Self::Standard,
        }
    }
}

/// How a rendition is encrypted, without its secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProtectionFacts {
    /// `cenc` or `cbcs`.
    pub scheme: Scheme,
    /// The key's name.
    pub kid: KeyId,
}

impl<'a> Presentation<'a> {
    /// Gathers the facts; `sizes` gives each object's length in bytes.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when a size is missing.
    pub fn of(plan: &'a Plan, sizes: &dyn Fn(ObjectId) -> u64) -> Result<Self, Error> {
        let seconds =
            |track: &PlannedTrack, ticks: i64| ticks as f64 / f64::from(track.facts.timescale);
        let start = plan
            .tracks
            .iter()
            .map(|track| seconds(track, track.presented_start()))
            .fold(f64::INFINITY, f64::min)
            .max(0.0);
        let end = plan
            .tracks
            .iter()
            .map(|track| seconds(track, track.end))
            .fold(0.0, f64::max);
        let mut renditions = Vec::new();
        for (index, (rendition, track)) in (0..).zip(plan.renditions().iter().zip(&plan.tracks)) {
            let bytes = (0..=rendition.segments)
                .map(|segment| {
                    let object = ObjectId {
                        rendition: index,
                        segment,
                    };
                    match sizes(object) {
                        0 => Err(Error::InvalidOptions(format!(
                            "the size of {} is not known",
                            plan.path(object)
                        ))),
                        size => Ok(size),
                    }
                })
                .collect::<Result<Vec<u64>, _>>()?;
            let media_bytes = bytes.get(1..).unwrap_or_default();
            renditions.push(RenditionFacts::of(
                &rendition.name,
                &rendition.codec,
                track,
                start,
                media_bytes,
            ));
        }
        let longest_segment = renditions
            .iter()
            .map(RenditionFacts::longest_segment)
            .fold(0.0, f64::max);
        Ok(Self {
            duration: (end - start).max(0.0),
            longest_segment,
            renditions,
            license_url: plan.license_url.as_deref(),
            hls_key_url: plan.hls_key_url.as_deref(),
        })
    }

    /// The renditions of one kind.
    pub fn of_kind(&self, kind: TrackKind) -> impl Iterator<Item = &RenditionFacts<'a>> {
        self.renditions
            .iter()
            .filter(move |facts| facts.kind == kind)
    }
}

impl PlannedTrack {
    /// When the first picture or sound is shown, in ticks of the movie's timeline. The edit list cuts off
    /// what lies before 0.
    fn presented_start(&self) -> i64 {
        self.segments
            .first()
            .map_or(0, |segment| segment.start)
            .max(0)
    }

    /// Presented start and length of each segment, in ticks.
    fn presented_segments(&self) -> Vec<(u64, u64)> {
        let starts = self.segments.iter().map(|segment| segment.start.max(0));
        let ends = starts.clone().skip(1).chain([self.end]);
        starts
            .zip(ends)
            .map(|(start, end)| (start as u64, (end - start).max(1) as u64))
            .collect()
    }

    /// Frames a second, from the whole length when frames differ in length.
    fn frame_rate(&self) -> (u64, u64) {
        let ticks: u64 = self.segments.iter().map(|segment| segment.ticks).sum();
        let timescale = u64::from(self.facts.timescale);
        if ticks == 0 {
            return (1, 1);
        }
        let numerator = self.sample_count.saturating_mul(timescale);
        // The last frame's length is often odd, and clocks of 1/1000 s round: to the nearest common rate.
        let rate = numerator as f64 / ticks as f64;
        for nominal in [24_u64, 25, 30, 48, 50, 60, 100, 120] {
            for (exact_numerator, denominator) in [(nominal, 1), (nominal * 1000, 1001)] {
                let exact = exact_numerator as f64 / denominator as f64;
                if (rate / exact - 1.0).abs() < 2e-4 {
                    return (exact_numerator, denominator);
                }
            }
        }
        reduce((rate * 1000.0).round() as u64, 1000)
    }
}

impl<'a> RenditionFacts<'a> {
    fn of(
        name: &'a str,
        codec: &'a str,
        track: &'a PlannedTrack,
        start: f64,
        bytes: &[u64],
    ) -> Self {
        let facts = &track.facts;
        let segments = track.presented_segments();
        let seconds = |ticks: u64| ticks as f64 / f64::from(facts.timescale);
        let bandwidth = segments
            .iter()
            .zip(bytes)
            .map(|((_, length), bytes)| *bytes as f64 * 8.0 / seconds(*length))
            .fold(0.0, f64::max);
        let total_ticks: u64 = segments.iter().map(|(_, length)| length).sum();
        let total_bytes: u64 = bytes.iter().sum();
        let format = match &facts.entry {
            SampleEntry::Video(entry) => {
                let (h, v) = entry.pixel_aspect;
                let (h, v) = reduce(u64::from(h), u64::from(v));
                Format::Video {
                    width: u32::from(entry.width),
                    height: u32::from(entry.height),
                    pixel_aspect: (h as u32, v as u32),
                    frame_rate: track.frame_rate(),
                    range: entry
                        .colour
                        .map_or(DynamicRange::Standard, DynamicRange::of),
                }
            }
            SampleEntry::Audio(entry) => Format::Audio {
                sample_rate: entry.sample_rate,
                channels: entry.channels,
            },
            SampleEntry::Text(_) => Format::Text,
        };
        Self {
            name,
            kind: facts.kind,
            codec,
            language: &facts.language,
            timescale: facts.timescale,
            presentation_time_offset: (start * f64::from(facts.timescale)).round() as u64,
            bandwidth: bandwidth.ceil() as u64,
            average_bandwidth: (total_bytes as f64 * 8.0 / seconds(total_ticks)).ceil() as u64,
            segments,
            open_groups: track.segments.iter().any(Segment::has_leading_pictures),
            format,
            protection: track.protection.as_ref().map(ProtectionFacts::of),
        }
    }

    /// Seconds of the longest segment.
    pub fn longest_segment(&self) -> f64 {
        let longest = self.segments.iter().map(|(_, length)| *length).max();
        self.seconds(longest.unwrap_or(0))
    }

    /// Ticks in seconds.
    pub fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 / f64::from(self.timescale)
    }
}

impl ProtectionFacts {
    fn of(protection: &Protection) -> Self {
        Self {
            scheme: protection.scheme,
            kid: protection.kid(),
        }
    }
}

/// A fraction in lowest terms.
pub(crate) fn reduce(numerator: u64, denominator: u64) -> (u64, u64) {
    let (mut a, mut b) = (numerator, denominator);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    match a {
        0 => (numerator, denominator),
        divisor => (numerator / divisor, denominator / divisor),
    }
}
