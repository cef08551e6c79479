//! What manifests say: facts of a plan and of the objects that were written, in the units of manifests.

mod files;

use crate::cenc::protect::Protection;
use crate::cenc::systems::Signals;
use crate::codec::dolby_vision::SupplementalCodec;
use crate::movie::{SampleEntry, TextEntry, VideoEntry};
use crate::plan::{ObjectFacts, ObjectId, Plan, PlannedTrack, Rendition, Segment};
use crate::{Error, KeyId, Role, Scheme, TrackKind};
pub(crate) use files::{Files, KeyPicture};

/// A package as manifests describe it: all renditions on one timeline.
pub(crate) struct Presentation<'a> {
    /// Seconds from the first picture or sound to the end of the last.
    pub duration: f64,
    /// The longest segment of any picture or sound, in seconds.
    pub longest_segment: f64,
    /// Pictures first. Players may switch between the renditions of a set.
    pub sets: Vec<SetFacts<'a>>,
    /// Where a licence is asked for.
    pub license_url: Option<&'a str>,
    /// Prefix of the URL of a raw key.
    pub hls_key_url: Option<&'a str>,
}

/// Renditions that players may switch between: what they have in common is that of the first.
pub(crate) struct SetFacts<'a> {
    /// One at least.
    pub renditions: Vec<RenditionFacts<'a>>,
}

/// One media segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SegmentFacts {
    /// Presented start, in ticks.
    pub start: u64,
    /// Presented length, in ticks.
    pub length: u64,
    /// Where it begins in its file.
    pub offset: u64,
    /// Bytes of the object.
    pub size: u64,
    /// Bytes up to the end of the first fragment.
    pub key_picture: u64,
    /// The key that it is encrypted with; `None` when it is clear.
    pub kid: Option<KeyId>,
    /// When its first sample, of a picture the key picture, is shown, in ticks.
    pub key_shown: u64,
}

/// One rendition.
pub(crate) struct RenditionFacts<'a> {
    /// Its folder, and its id in the MPD.
    pub name: &'a str,
    /// Picture, sound or text.
    pub kind: TrackKind,
    /// RFC 6381.
    pub codec: &'a str,
    /// What players may use instead of `codec`, if they can.
    pub supplemental: Option<SupplementalCodec>,
    /// ISO 639-2, or a tag, of the source.
    pub language: &'a str,
    /// What it is for, when that was told.
    pub role: Option<Role>,
    /// Ticks a second.
    pub timescale: u32,
    /// Time on the media's timeline at which the presentation starts, in ticks.
    pub presentation_time_offset: u64,
    /// Where its media are.
    pub files: Files,
    /// Its segments, in order.
    pub segments: Vec<SegmentFacts>,
    /// Whether there is an init segment for its key pictures alone.
    pub key_init: bool,
    /// Whether the MPD lists its key pictures.
    pub trick_mode: bool,
    /// The highest SAP type of its segments: with 3, pictures that are shown before the key frame of a segment may need
    /// the segment before.
    pub sap_type: u8,
    /// Bits a second that suffice when playing starts after the longest segment's time.
    pub bandwidth: u64,
    /// Bits a second over the whole length.
    pub average_bandwidth: u64,
    /// What is particular to its kind.
    pub format: Format,
    /// How it is encrypted, in its first crypto period.
    pub protection: Option<ProtectionFacts>,
    /// Whether it has more than one crypto period.
    pub rotates: bool,
    /// What protection systems say about its keys.
    pub signals: &'a Signals,
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
    /// TTML in samples.
    Text,
    /// Cues in files.
    Cues {
        /// Bits a second of the file that holds all of them.
        whole_bandwidth: u64,
    },
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
    /// That of a sample entry.
    pub fn of(entry: &VideoEntry) -> Self {
        // Dolby's own colours have no code point in the parameter sets.
        if entry.dolby_vision.is_some_and(|one| one.is_of_its_own()) {
            return Self::Pq;
        }
        match entry.colour.map(|colour| colour.transfer) {
            Some(16) => Self::Pq,
            Some(18) => Self::Hlg,
            _ => Self::Standard,
        }
    }
}

/// How a rendition is encrypted, without its secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProtectionFacts {
    /// How.
    pub scheme: Scheme,
    /// The key's name.
    pub kid: KeyId,
}

impl<'a> Presentation<'a> {
    /// Gathers the facts; `written` gives those of each object.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when a size is missing.
    pub fn of(plan: &'a Plan, written: &dyn Fn(ObjectId) -> ObjectFacts) -> Result<Self, Error> {
        let seconds =
            |track: &PlannedTrack, ticks: i64| ticks as f64 / f64::from(track.facts.timescale);
        let start = plan.start_seconds();
        let end = plan
            .tracks
            .iter()
            .filter(|track| track.facts.kind != TrackKind::Text)
            .map(|track| seconds(track, track.end))
            .fold(0.0, f64::max);
        let mut sets: Vec<SetFacts<'a>> = Vec::new();
        let mut numbers: Vec<u32> = Vec::new();
        for (index, (rendition, track)) in (0..).zip(plan.renditions().iter().zip(&plan.tracks)) {
            let objects = (0..=rendition.segments)
                .map(|segment| plan.known_facts(index, segment, written))
                .collect::<Result<Vec<ObjectFacts>, _>>()?;
            let files = match objects.first() {
                Some(init) if plan.is_single_file(index) => Files::Single {
                    init: init.size,
                    index: plan.index_size(index),
                },
                _ if track.cues().is_some() => Files::Cues,
                _ => Files::Segments,
            };
            let mut facts = RenditionFacts::of(rendition, track, start, files, &objects);
            facts.key_init = plan.has_key_init(index);
            let known = numbers.iter().position(|number| *number == rendition.set);
            match known.and_then(|position| sets.get_mut(position)) {
                Some(set) => set.renditions.push(facts),
                None => {
                    numbers.push(rendition.set);
                    sets.push(SetFacts {
                        renditions: vec![facts],
                    });
                }
            }
        }
        let mut presentation = Self {
            duration: (end - start).max(0.0),
            longest_segment: 0.0,
            sets,
            license_url: plan.license_url.as_deref(),
            hls_key_url: plan.hls_key_url.as_deref(),
        };
        presentation.longest_segment = presentation
            .renditions()
            .filter(|facts| facts.kind != TrackKind::Text)
            .map(RenditionFacts::longest_segment)
            .fold(0.0, f64::max);
        presentation.let_text_suffice();
        Ok(presentation)
    }

    /// Playing starts after the longest segment of picture or sound; text whose segments are longer suffices at that, too.
    fn let_text_suffice(&mut self) {
        let longest = self.longest_segment;
        for facts in self.sets.iter_mut().flat_map(|set| &mut set.renditions) {
            let share = facts.longest_segment() / longest;
            if facts.kind == TrackKind::Text && share > 1.0 && share.is_finite() {
                facts.bandwidth = (facts.bandwidth as f64 * share).ceil() as u64;
            }
        }
    }

    /// The renditions of all sets.
    pub fn renditions(&self) -> impl Iterator<Item = &RenditionFacts<'a>> {
        self.sets.iter().flat_map(|set| &set.renditions)
    }

    /// The sets of one kind.
    pub fn of_kind(&self, kind: TrackKind) -> impl Iterator<Item = &SetFacts<'a>> {
        self.sets
            .iter()
            .filter(move |set| set.first().is_some_and(|facts| facts.kind == kind))
    }
}

impl<'a> SetFacts<'a> {
    /// The rendition that stands for all.
    pub fn first(&self) -> Option<&RenditionFacts<'a>> {
        self.renditions.first()
    }
}

impl PlannedTrack {
    /// The highest SAP type of its segments.
    fn sap_type(&self) -> u8 {
        let types = self.segments.iter().map(Segment::sap_type);
        types.max().unwrap_or(1)
    }

    /// When the first picture or sound is shown, in ticks of the movie's timeline. The edit list cuts off
    /// what lies before 0.
    pub(crate) fn presented_start(&self) -> i64 {
        self.segments
            .first()
            .map_or(0, |segment| segment.start)
            .max(0)
    }

    /// Presented start and length of each segment, in ticks.
    pub fn presented_segments(&self) -> Vec<(u64, u64)> {
        let starts = self.segments.iter().map(|segment| segment.start.max(0));
        let ends = starts.clone().skip(1).chain([self.end]);
        starts
            .zip(ends)
            .map(|(start, end)| (start as u64, (end - start).max(1) as u64))
            .collect()
    }

    /// The key of each segment.
    fn kids(&self) -> impl Iterator<Item = Option<KeyId>> {
        self.segments.iter().map(|segment| {
            let protection = self.protections.get(segment.protection?)?;
            Some(protection.kid())
        })
    }

    fn segment_facts(&self, files: Files, media: &[ObjectFacts]) -> Vec<SegmentFacts> {
        let mut position = match files {
            Files::Single { init, index } => init + index,
            Files::Segments | Files::Cues => 0,
        };
        let planned = self.segments.iter().zip(self.presented_segments());
        planned
            .zip(media)
            .zip(self.kids())
            .map(|(((segment, (start, length)), object), kid)| {
                let offset = position;
                if matches!(files, Files::Single { .. }) {
                    position += object.size;
                }
                SegmentFacts {
                    start,
                    length,
                    offset,
                    size: object.size,
                    key_picture: object.key_picture,
                    kid,
                    key_shown: segment.first_shown.max(0) as u64,
                }
            })
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

/// The rate of bytes that are played in so many seconds.
fn bits_a_second(bytes: u64, seconds: f64) -> u64 {
    (bytes as f64 * 8.0 / seconds).ceil() as u64
}

impl<'a> RenditionFacts<'a> {
    fn of(
        rendition: &'a Rendition,
        track: &'a PlannedTrack,
        start: f64,
        files: Files,
        objects: &[ObjectFacts],
    ) -> Self {
        let facts = &track.facts;
        let media = objects.get(1..).unwrap_or_default();
        let segments = track.segment_facts(files, media);
        let seconds = |ticks: u64| ticks as f64 / f64::from(facts.timescale);
        let bandwidth = segments
            .iter()
            .map(|segment| bits_a_second(segment.size, seconds(segment.length)))
            .max();
        let total_ticks: u64 = match segments.is_empty() {
            // A list of cues where there are no playlists: one file.
            true => track.end.saturating_sub(track.presented_start()).max(1) as u64,
            false => segments.iter().map(|segment| segment.length).sum(),
        };
        let total_bytes: u64 = segments.iter().map(|segment| segment.size).sum();
        let format = match &facts.entry {
            SampleEntry::Video(entry) => {
                let (h, v) = entry.pixel_aspect;
                let (h, v) = reduce(u64::from(h), u64::from(v));
                Format::Video {
                    width: u32::from(entry.width),
                    height: u32::from(entry.height),
                    pixel_aspect: (h as u32, v as u32),
                    frame_rate: track.frame_rate(),
                    range: DynamicRange::of(entry),
                }
            }
            SampleEntry::Audio(entry) => Format::Audio {
                sample_rate: entry.sample_rate,
                channels: entry.channels,
            },
            SampleEntry::Text(TextEntry::Cues(_)) => Format::Cues {
                whole_bandwidth: {
                    let size = objects.first().map_or(0, |whole| whole.size);
                    bits_a_second(size, seconds(total_ticks))
                },
            },
            SampleEntry::Text(_) => Format::Text,
        };
        Self {
            name: &rendition.name,
            kind: facts.kind,
            codec: &rendition.codec,
            supplemental: match &facts.entry {
                SampleEntry::Video(entry) => entry.supplemental_codec(),
                _ => None,
            },
            language: &facts.language,
            role: facts.role,
            timescale: facts.timescale,
            presentation_time_offset: (start * f64::from(facts.timescale)).round() as u64,
            bandwidth: bandwidth.unwrap_or(0),
            average_bandwidth: bits_a_second(total_bytes, seconds(total_ticks)),
            files,
            segments,
            key_init: false,
            trick_mode: track.trick_mode,
            sap_type: track.sap_type(),
            format,
            protection: track.protections.first().map(ProtectionFacts::of),
            rotates: track.protections.len() > 1,
            signals: &track.signals,
        }
    }

    /// Seconds of the longest segment.
    pub fn longest_segment(&self) -> f64 {
        let longest = self.segments.iter().map(|segment| segment.length).max();
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
