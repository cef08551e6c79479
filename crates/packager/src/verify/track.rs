//! Walks over the media of one rendition, segment by segment, and keeps what manifests are compared with.

use super::book::Book;
use super::faithful::{Comparison, Origin, Start};
use super::init::Init;
use super::keystream::KeyStream;
use super::location::{Files, Location};
use super::pictures::{self, Picture};
use super::segments::Sealed;
use super::segments::{Fragment, Reader};
use super::window::Window;
use super::{Depth, VerifyOptions};
use crate::decrypt::Tracks;
use crate::movie::{SampleEntry, VideoConfig};
use crate::sample::Sample;
use crate::{Error, KeyId, Source, TrackKind};
use std::collections::BTreeSet;

/// The largest sample whose bytes are compared.
const MAX_COMPARED: u32 = 64 << 20;
/// One byte in so many is read when samples are compared.
const SAMPLED: i64 = 50;

/// A rendition's media, walked over.
pub(super) struct Track {
    /// The init segment.
    pub init: Init,
    /// RFC 6381 string of its sample entry, when the codec is known.
    pub codec: Option<String>,
    /// What a decoder is told.
    pub entry: Option<SampleEntry>,
    /// The segments, as far as they could be read.
    pub segments: Vec<SegmentFacts>,
    /// The longest sample, in ticks.
    pub frame: u32,
    /// The largest sample, in bytes.
    pub largest: u32,
    /// Key ids of its samples.
    pub kids: BTreeSet<[u8; 16]>,
    /// Number of samples.
    pub samples: u64,
    /// Bytes of all segments.
    pub bytes: u64,
    /// Whether its segments hold key pictures only.
    pub trick: bool,
}

/// What is known of a segment.
#[derive(Debug, Clone)]
pub(super) struct SegmentFacts {
    /// Where it is.
    pub at: Location,
    /// Its bytes.
    pub bytes: u64,
    /// When its first sample is shown, in ticks after the edit list.
    pub start: i64,
    /// Behind the sample that is shown last.
    pub end: i64,
    /// When the sample that is decoded last is shown.
    pub last_decoded: i64,
    /// Σ of durations, in ticks.
    pub ticks: u64,
    /// Number of samples.
    pub samples: u64,
    /// Whether its first sample is a sync sample.
    pub sync: bool,
    /// Whether samples are shown before its first one.
    pub leading: bool,
    /// What its first picture is, when that was looked at.
    pub picture: Option<Picture>,
    /// Key ids of its encrypted samples.
    pub kids: BTreeSet<[u8; 16]>,
}

impl Track {
    /// Ticks in seconds.
    pub fn seconds(&self, ticks: i64) -> f64 {
        ticks as f64 / f64::from(self.init.timescale)
    }

    /// The longest sample, in seconds.
    pub fn frame_seconds(&self) -> f64 {
        self.seconds(i64::from(self.frame))
    }

    /// When it starts, as players show it: what lies before 0 is cut off.
    pub fn presented_start(&self) -> i64 {
        self.segments
            .first()
            .map_or(0, |segment| segment.start.max(0))
    }

    /// Behind its last sample, in ticks.
    pub fn end(&self) -> i64 {
        self.segments
            .iter()
            .map(|segment| segment.end)
            .max()
            .unwrap_or(0)
    }

    /// Whether it is picture.
    pub fn is_video(&self) -> bool {
        self.init.is_video()
    }

    /// The media's name for people.
    pub fn name(&self) -> String {
        self.init.at.to_string()
    }
}

/// What walks share.
pub(super) struct Shared<'a, 'b> {
    /// The options of the caller.
    pub options: &'b VerifyOptions<'a>,
    /// All tracks of all sources.
    pub origins: &'b [Origin<'a>],
    /// IVs of all tracks.
    pub keystream: &'b mut KeyStream,
    /// Starts against the source, for check 6.
    pub starts: &'b mut Vec<Start>,
    /// How many samples may still be read.
    pub left: &'b mut u64,
    /// Indices of the origins that were found in the package.
    pub used: &'b mut BTreeSet<usize>,
}

/// The walk over one rendition.
struct Walk<'a, 'b> {
    book: &'b mut Book,
    number: usize,
    init: &'b Init,
    options: &'b VerifyOptions<'a>,
    config: Option<VideoConfig>,
    comparison: Option<Comparison<'a>>,
    sequence: Option<u32>,
    /// Decode time behind the last fragment.
    due: Option<u64>,
    /// Presentation times of this segment and the one before.
    shown: [BTreeSet<i64>; 2],
    /// Bytes that may still be read for comparisons, in units of 1/[`SAMPLED`].
    allowance: i64,
    index: u64,
    /// The first sample of the segment at hand.
    head: Option<Sample>,
    frame: u32,
    largest: u32,
    kids: BTreeSet<[u8; 16]>,
    trick: bool,
}

/// Walks over a rendition; `number` tells it from others. `None` when its init segment cannot be read.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn walk<'a>(
    book: &mut Book,
    files: &mut Files<'_>,
    (number, init, places, trick): (usize, Init, &[Location], bool),
    shared: &mut Shared<'a, '_>,
) -> Result<Track, Error> {
    let decoder = init.decoder().ok();
    let tracks = Tracks::parse(init.moov.as_slice().into(), init.moov_offset, 0)?;
    let entry = decoder.as_ref().and_then(|parsed| parsed.entry.clone());
    let config = match &entry {
        Some(SampleEntry::Video(entry)) => Some(entry.config.clone()),
        _ => None,
    };
    let mut walk = Walk {
        book,
        number,
        init: &init,
        options: shared.options,
        config,
        comparison: None,
        sequence: None,
        due: None,
        shown: Default::default(),
        allowance: 0,
        index: 0,
        head: None,
        frame: 0,
        largest: 0,
        kids: BTreeSet::new(),
        trick,
    };
    let mut reader = Reader {
        init: &init,
        tracks: &tracks,
        left: *shared.left,
    };
    let mut segments = Vec::new();
    for (position, at) in places.iter().enumerate() {
        let last = position + 1 == places.len();
        segments.extend(walk.segment(files, &mut reader, at, (position, last), shared)?);
    }
    *shared.left = reader.left;
    if reader.left == 0 {
        let what = "the media hold more samples than can be looked at";
        walk.book.not_checked(13, what);
    }
    let late = walk
        .comparison
        .take()
        .map(|comparison| (comparison.tick, comparison.finish(walk.book)));
    if let Some((tick, Some(late))) = late {
        shared.starts.push(Start {
            track: number,
            is_video: init.is_video(),
            late,
            tick,
            place: init.at.to_string(),
        });
    }
    Ok(Track {
        codec: decoder.map(|parsed| parsed.codec.rfc6381),
        entry,
        frame: walk.frame,
        largest: walk.largest,
        samples: walk.index,
        bytes: segments
            .iter()
            .map(|segment: &SegmentFacts| segment.bytes)
            .sum(),
        kids: std::mem::take(&mut walk.kids),
        segments,
        trick,
        init,
    })
}

impl<'a> Walk<'a, '_> {
    fn segment(
        &mut self,
        files: &mut Files<'_>,
        reader: &mut Reader<'_>,
        at: &Location,
        (position, last): (usize, bool),
        shared: &mut Shared<'a, '_>,
    ) -> Result<Option<SegmentFacts>, Error> {
        let Some(source) = files.open(&at.path)? else {
            self.book.must(37, at, "is not there");
            return Ok(None);
        };
        let source = Window::new(source);
        let len = source.len();
        self.book.ensure(37, len > 0, at, || "is empty".into());
        let fragments = reader.segment(self.book, &source, at, self.due.unwrap_or(0))?;
        let samples: Vec<Sample> = fragments
            .iter()
            .flat_map(|fragment| fragment.samples.iter().copied())
            .collect();
        self.book
            .ensure(17, !samples.is_empty(), at, || "holds no sample".into());
        let Some(first) = samples.first() else {
            return Ok(None);
        };
        if position == 0 {
            self.choose_origin(shared, &samples);
        }
        self.times(at, &fragments);
        let picture = match (&mut self.config, self.options.depth) {
            (None, _) | (_, Depth::Quick) => None,
            (Some(config), _) => pictures::first_picture(&source, first, config)?,
        };
        self.flags(&source, at, &samples)?;
        let mut facts = self.facts(at, len, &samples, picture);
        self.start(&facts);
        for fragment in &fragments {
            for sample in &fragment.protected {
                // Trick modes show bytes of another rendition once more.
                if !self.trick {
                    shared
                        .keystream
                        .add(self.book, sample, self.number, &at.to_string());
                }
                facts.kids.insert(sample.parameters.kid);
            }
        }
        self.kids.extend(facts.kids.iter().copied());
        self.bytes(&source, &facts, &fragments, last)?;
        Ok(Some(facts))
    }

    /// Finds the track of a source that the rendition was made of.
    fn choose_origin(&mut self, shared: &mut Shared<'a, '_>, samples: &[Sample]) {
        if shared.origins.is_empty() || self.trick {
            return;
        }
        let place = self.init.at.to_string();
        let shift = self.init.shift();
        let head: Vec<(u32, f64)> = samples
            .iter()
            .map(|sample| {
                let ticks = presented(sample, shift) as f64;
                (sample.size, ticks / f64::from(self.init.timescale))
            })
            .collect();
        let original = self
            .init
            .scheme()
            .map(|scheme| scheme.original_format.to_string());
        let own = self.init.entry().map(|entry| entry.kind.to_string());
        let fourcc = original.or(own).unwrap_or_default();
        // Of several that fit (sounds of one constant size), the one that is most alike, each once.
        let ranked = shared
            .origins
            .iter()
            .enumerate()
            .filter_map(|(index, origin)| {
                if let Some((path, lead)) = &origin.known {
                    return (*path == self.init.at.path)
                        .then_some((true, true, true, true, index, *lead));
                }
                if origin.kind != self.init.kind {
                    return None;
                }
                let (lead, timely) = origin.find(&head)?;
                let fresh = !shared.used.contains(&index);
                let language = origin.language == self.init.language;
                Some((
                    timely,
                    origin.fourcc == fourcc,
                    language,
                    fresh,
                    index,
                    lead,
                ))
            });
        let best =
            ranked.max_by_key(|rank| (rank.0, rank.1, rank.2, rank.3, std::cmp::Reverse(rank.4)));
        let origin =
            best.and_then(|(.., index, lead)| Some((index, shared.origins.get(index)?, lead)));
        let Some((index, origin, lead)) = origin else {
            self.without_origin(shared.origins, &place);
            return;
        };
        shared.used.insert(index);
        let comparison =
            Comparison::new(self.book, origin.clone(), lead, &place, self.init.timescale);
        self.comparison = Some(comparison);
    }

    /// Check 28 of a rendition whose samples no source has.
    fn without_origin(&mut self, origins: &[Origin<'_>], place: &String) {
        let kind = self.init.kind;
        // Text that was made of a file of subtitles has no samples anywhere.
        if matches!(kind, TrackKind::Text | TrackKind::Other(_)) {
            return;
        }
        let is_of_kind = origins.iter().any(|origin| origin.kind == kind);
        let fits = |origin: &Origin<'_>| origin.fits(kind, &self.init.moov);
        if is_of_kind && !origins.iter().any(fits) {
            let what = format!(
                "{place} has another decoder configuration than the sources: encoded anew, or of another source"
            );
            for number in [6, 28] {
                self.book.incomplete(number, what.as_str());
            }
        } else {
            let what = "no track of the sources has samples of these sizes";
            self.book.must(28, place, what);
        }
    }

    /// Checks 13, 14 and 18.
    fn times(&mut self, at: &Location, fragments: &[Fragment]) {
        let shift = self.init.shift();
        let previous = std::mem::take(&mut self.shown[1]);
        self.shown[0] = previous;
        for fragment in fragments {
            if let Some(before) = self.sequence
                && !self.trick
            {
                let number = fragment.sequence_number;
                self.book.ensure(14, number > before, at, || {
                    format!("sequence number {number} behind {before}")
                });
            }
            self.book.performed(14);
            self.sequence = Some(fragment.sequence_number);
            if let (Some(due), Some(time), false) = (self.due, fragment.decode_time, self.trick) {
                self.book.ensure(13, time == due, at, || {
                    format!("'tfdt' is {time}, {due} is due")
                });
            }
            let mut due = fragment.decode_time.or(self.due).unwrap_or(0);
            for sample in &fragment.samples {
                self.frame = self.frame.max(sample.duration);
                self.largest = self.largest.max(sample.size);
                due = due.saturating_add(u64::from(sample.duration));
                let shown = presented(sample, shift);
                let fresh = !self.shown[0].contains(&shown) && self.shown[1].insert(shown);
                self.book.ensure(18, fresh, at, || {
                    format!("two samples are shown at {shown}")
                });
            }
            self.due = Some(due);
        }
    }

    fn facts(
        &self,
        at: &Location,
        len: u64,
        samples: &[Sample],
        picture: Option<Picture>,
    ) -> SegmentFacts {
        let shift = self.init.shift();
        let shown = |sample: &Sample| presented(sample, shift);
        let start = samples.iter().map(shown).min().unwrap_or(0);
        let ends = samples
            .iter()
            .map(|sample| shown(sample).saturating_add(i64::from(sample.duration)));
        let first = samples.first();
        let (begin, end) = at.within(len).unwrap_or((0, len));
        SegmentFacts {
            at: at.clone(),
            bytes: end - begin,
            start,
            end: ends.max().unwrap_or(0),
            last_decoded: samples.last().map_or(0, shown),
            ticks: samples
                .iter()
                .map(|sample| u64::from(sample.duration))
                .sum(),
            samples: samples.len() as u64,
            sync: first.is_some_and(|sample| sample.sync),
            leading: first.is_some_and(|sample| shown(sample) > start),
            picture,
            kids: BTreeSet::new(),
        }
    }

    /// Check 15, as far as the segment alone tells.
    fn start(&mut self, facts: &SegmentFacts) {
        let place = &facts.at;
        if !self.init.is_video() {
            return;
        }
        self.book.ensure(15, facts.sync, place, || {
            "its first sample is no sync sample".into()
        });
        match facts.picture {
            Some(Picture::Dependent) => {
                self.book.must(
                    15,
                    place,
                    "its first picture needs others, whatever the flags say",
                );
            }
            Some(_) => self.book.performed(15),
            None => {}
        }
    }

    /// Check 15: what is called a sync sample behind the first one needs no other picture, either.
    fn flags(
        &mut self,
        source: &dyn Source,
        at: &Location,
        samples: &[Sample],
    ) -> Result<(), Error> {
        let (Some(config), true) = (&self.config, self.options.depth != Depth::Quick) else {
            return Ok(());
        };
        for (index, sample) in samples.iter().enumerate().skip(1) {
            if !sample.sync {
                continue;
            }
            let picture = pictures::first_picture(source, sample, config)?;
            if picture == Some(Picture::Dependent) {
                let what = format!("its sample {index} is called a sync sample and needs others");
                self.book.must(15, at, what);
                // One tells enough of a fragment whose flags are wrong.
                return Ok(());
            }
        }
        Ok(())
    }

    /// Bytes of samples: checks 15, 27, 28 and 29, on all or some samples.
    fn bytes(
        &mut self,
        source: &dyn Source,
        facts: &SegmentFacts,
        fragments: &[Fragment],
        last_segment: bool,
    ) -> Result<(), Error> {
        let shift = self.init.shift();
        self.allowance = self
            .allowance
            .saturating_add(i64::try_from(facts.bytes).unwrap_or(i64::MAX / 2));
        let count = facts.samples;
        let mut all = fragments.iter().flat_map(|fragment| &fragment.samples);
        self.head = all.next().copied();
        // Spread over the segment, the same ones each time.
        let middle = self.index.wrapping_mul(0x9e37_79b9_7f4a_7c15) % count.max(1);
        let mut position = 0;
        for fragment in fragments {
            let mut protected = fragment.protected.iter().peekable();
            for sample in &fragment.samples {
                let sealed = protected
                    .next_if(|sealed| sealed.offset == sample.offset && sealed.size == sample.size);
                let original = match &mut self.comparison {
                    Some(comparison) => {
                        comparison.next(self.book, sample, presented(sample, shift))
                    }
                    None => None,
                };
                let last = last_segment && position + 1 == count;
                let candidate = position == 0 || position == middle || last;
                if self.wants(sample, candidate) {
                    let place = format!("{}, sample {}", facts.at, self.index);
                    self.compare(source, &place, sample, sealed, original)?;
                }
                self.index += 1;
                position += 1;
            }
        }
        Ok(())
    }

    /// Whether the bytes of a sample are looked at.
    fn wants(&mut self, sample: &Sample, candidate: bool) -> bool {
        let cost = i64::from(sample.size).saturating_mul(SAMPLED);
        let chosen = match self.options.depth {
            Depth::Quick => false,
            Depth::Full => true,
            // The first one always, the others as long as they are few bytes.
            Depth::Sample => self.index == 0 || (candidate && cost <= self.allowance),
        };
        if chosen {
            self.allowance = self.allowance.saturating_sub(cost);
        }
        chosen
    }

    fn compare(
        &mut self,
        source: &dyn Source,
        place: &str,
        sample: &Sample,
        sealed: Option<&Sealed>,
        original: Option<Sample>,
    ) -> Result<(), Error> {
        let end = sample.offset.saturating_add(u64::from(sample.size));
        if sample.size > MAX_COMPARED || end > source.len() {
            self.book.ensure(12, end <= source.len(), &place, || {
                "lies behind the end of the file".into()
            });
            return Ok(());
        }
        if sealed.is_none() && original.is_none() {
            return Ok(());
        }
        let mut bytes = vec![0; sample.size as usize];
        source.read_at(sample.offset, &mut bytes)?;
        if let (Some(sealed), Some(config)) = (sealed, &mut self.config) {
            let complete = self.options.depth == Depth::Full || self.head == Some(*sample);
            let head = self.head;
            let learn = |config: &mut VideoConfig| learn(source, head, config);
            pictures::sealed(self.book, place, &bytes, sealed, config, (complete, &learn));
        }
        let original = match (&self.comparison, original) {
            (Some(comparison), Some(sample)) => Some(comparison.read(&sample)?),
            _ => None,
        };
        let Some(sealed) = sealed else {
            if let Some(original) = original {
                self.book.ensure(28, bytes == original, &place, || {
                    "its bytes are not those of the source".into()
                });
            }
            return Ok(());
        };
        if let Some(original) = &original {
            // A sample may be too short to hold an encrypted block.
            let is_short = protected_blocks(sealed) == 0;
            self.book
                .ensure(29, is_short || bytes != *original, &place, || {
                    "it is called encrypted and is clear".into()
                });
        }
        let kid = sealed.parameters.kid;
        let Some(key) = self.options.keys.iter().find(|key| key.kid.0 == kid) else {
            let what = format!("no key for key id {} was given", KeyId(kid).uuid());
            self.book.incomplete(28, what);
            return Ok(());
        };
        if let Some(original) = original {
            if let Err(error) = sealed.decrypt(source, key, &mut bytes) {
                self.book.must(28, &place, error.to_string());
            } else {
                self.book.ensure(28, bytes == original, &place, || {
                    "decrypted, its bytes are not those of the source".into()
                });
            }
        }
        Ok(())
    }
}

/// Gives a decoder's configuration the parameter sets of a sample, if there are any; they are not encrypted.
fn learn(source: &dyn Source, sample: Option<Sample>, config: &mut VideoConfig) {
    let fits = |sample: &Sample| {
        let end = sample.offset.saturating_add(u64::from(sample.size));
        sample.size <= MAX_COMPARED && end <= source.len()
    };
    if let Some(sample) = sample.filter(fits) {
        let mut bytes = vec![0; sample.size as usize];
        // What cannot be read or understood teaches nothing: the caller sees that by itself.
        if source.read_at(sample.offset, &mut bytes).is_ok() {
            drop(config.slice_data(&bytes));
        }
    }
}

/// When a sample is shown, in ticks after the edit list.
fn presented(sample: &Sample, shift: i64) -> i64 {
    i64::try_from(sample.dts)
        .unwrap_or(i64::MAX / 2)
        .saturating_add(i64::from(sample.composition_offset))
        .saturating_add(shift)
}

/// How many whole blocks of a sample are in protected ranges.
fn protected_blocks(sample: &Sealed) -> u64 {
    if sample.auxiliary.subsamples.is_empty() {
        return u64::from(sample.size / 16);
    }
    let parts = sample.auxiliary.subsamples.iter();
    parts.map(|part| u64::from(part.protected / 16)).sum()
}
