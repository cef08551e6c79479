//! Against the source: checks 6, 13, 18 and 28.

use super::book::Book;
use crate::movie::{Movie, SampleEntry, Track as SourceTrack};
use crate::sample::{Sample, SampleTable};
use crate::{Error, Source, TrackKind};
use std::collections::VecDeque;
use std::sync::Arc;

/// How far into a source its first packaged sample may lie.
const MAX_LEAD: u64 = 100_000;
/// How many sizes of samples tell where a package begins in its source.
const SIGNATURE: usize = 60;

/// A track of a source, and where its bytes are.
#[derive(Clone)]
pub(super) struct Origin<'a> {
    /// Where its samples are.
    pub source: &'a dyn Source,
    /// Their table.
    pub samples: Arc<SampleTable>,
    /// Ticks a second.
    pub timescale: u32,
    /// Added to a composition time, gives the time on the movie's timeline.
    pub shift: i64,
    /// Where the edit list ends the presentation, in ticks.
    pub end: Option<i64>,
    /// Picture, sound or other.
    pub kind: TrackKind,
    /// The four characters of its clear sample entry.
    pub fourcc: String,
    /// What its decoder needs to know, as an init segment holds it.
    pub config: Vec<u8>,
    /// ISO 639-2.
    pub language: String,
    /// How people find it.
    pub name: String,
    /// The init segment of the rendition made of it, and its first sample, where a plan says so.
    pub known: Option<(String, u64)>,
}

impl<'a> Origin<'a> {
    /// The tracks of a source.
    pub fn of(source: &'a dyn Source, movie: &Movie, number: usize) -> Vec<Self> {
        let of_track = |track: &SourceTrack| Self {
            source,
            samples: Arc::clone(&track.samples),
            timescale: track.timescale,
            shift: track.timing.shift,
            end: track.timing.end,
            kind: track.kind,
            fourcc: track.codec.fourcc.clone(),
            config: track
                .entry
                .as_ref()
                .and_then(SampleEntry::decoder_config)
                .map_or_else(Vec::new, <[u8]>::to_vec),
            language: track.language.clone(),
            known: None,
            name: format!("source {number}, track {}", track.id),
        };
        movie.tracks.iter().map(of_track).collect()
    }

    /// Whether a rendition with this `moov` can be made of its samples: their decoder needs to know the same.
    pub fn fits(&self, kind: TrackKind, moov: &[u8]) -> bool {
        let same = self.config.is_empty() || memchr::memmem::find(moov, &self.config).is_some();
        self.kind == kind && same
    }

    /// When a sample is shown, in ticks on the movie's timeline.
    fn shown(&self, sample: &Sample) -> i64 {
        (sample.dts as i64)
            .saturating_add(i64::from(sample.composition_offset))
            .saturating_add(self.shift)
    }

    /// Index of the sample from which on sizes are those of `head` (sizes, and seconds at which they are shown), and
    /// whether it is shown when the first of `head` is.
    pub fn find(&self, head: &[(u32, f64)]) -> Option<(u64, bool)> {
        let wanted = head.get(..head.len().min(SIGNATURE))?;
        let (_, due) = *wanted.first()?;
        let tick = 1.0 / f64::from(self.timescale.max(1));
        let mut window = VecDeque::with_capacity(wanted.len());
        let most = MAX_LEAD.saturating_add(wanted.len() as u64);
        let mut first = None;
        for (index, sample) in (1_u64..=most).zip(self.samples.iter()) {
            if window.len() == wanted.len() {
                window.pop_front();
            }
            let shown = self.shown(&sample) as f64 * tick;
            window.push_back((sample.size, shown));
            let sizes = window.iter().map(|(size, _)| size);
            if !sizes.eq(wanted.iter().map(|(size, _)| size)) {
                continue;
            }
            let lead = index - wanted.len() as u64;
            if window
                .front()
                .is_some_and(|(_, shown)| (shown - due).abs() < tick * 1.5)
            {
                return Some((lead, true));
            }
            first.get_or_insert(lead);
        }
        first.map(|lead| (lead, false))
    }
}

/// A comparison of one rendition with its source, sample by sample.
pub(super) struct Comparison<'a> {
    /// The source.
    pub origin: Origin<'a>,
    iterator: Box<dyn Iterator<Item = Sample> + 'a>,
    place: String,
    timescale: u32,
    /// First decode and presentation times: of the package, of the source.
    first: Option<((u64, i64), (u64, i64))>,
    compared: u64,
    failed: bool,
    /// Seconds by which the package starts late.
    pub late: Option<f64>,
    /// What one tick is, in seconds: of the coarser clock.
    pub tick: f64,
}

impl<'a> Comparison<'a> {
    /// Begins at the sample `lead` of the source.
    pub fn new(
        book: &mut Book,
        origin: Origin<'a>,
        lead: u64,
        place: &str,
        timescale: u32,
    ) -> Self {
        let skipped = origin
            .samples
            .iter()
            .take(usize::try_from(lead).unwrap_or(usize::MAX));
        let mut lost = 0;
        let mut decodable = origin.kind != TrackKind::Video;
        for sample in skipped {
            decodable |= sample.sync;
            let over = origin
                .shown(&sample)
                .saturating_add(i64::from(sample.duration))
                <= 0;
            lost += u64::from(decodable && !over);
        }
        // Pictures before the edit list's start may be needed by those behind it, but need not be kept.
        if origin.kind != TrackKind::Video {
            book.ensure(13, lost == 0, &place, || {
                format!("{lost} samples at the start of {} are missing", origin.name)
            });
        }
        let samples = Arc::clone(&origin.samples);
        let tick = 1.0 / f64::from(timescale.min(origin.timescale).max(1));
        Self {
            iterator: Box::new(
                Owned::new(samples).skip(usize::try_from(lead).unwrap_or(usize::MAX)),
            ),
            origin,
            place: place.to_string(),
            timescale,
            first: None,
            compared: 0,
            failed: false,
            late: None,
            tick,
        }
    }

    /// The source's sample for the next of the package; compares times and sizes. `shown` is in ticks of the
    /// package.
    pub fn next(&mut self, book: &mut Book, sample: &Sample, shown: i64) -> Option<Sample> {
        for number in [13, 18] {
            book.performed(number);
        }
        let Some(source) = self.iterator.next() else {
            if !self.failed {
                self.failed = true;
                book.must(
                    13,
                    &self.place,
                    format!(
                        "more samples than the {} of {}",
                        self.compared, self.origin.name
                    ),
                );
            }
            return None;
        };
        let source_shown = self.origin.shown(&source);
        let seconds = |ticks: i64, scale: u32| ticks as f64 / f64::from(scale.max(1));
        let ((dts, pts), (source_dts, source_pts)) = *self
            .first
            .get_or_insert(((sample.dts, shown), (source.dts, source_shown)));
        if self.compared == 0 {
            self.late =
                Some(seconds(shown, self.timescale) - seconds(source_shown, self.origin.timescale));
        }
        let index = self.compared;
        self.compared += 1;
        let place = format!("{}, sample {index}", self.place);
        let apart = |package: i64, source: i64| {
            (seconds(package, self.timescale) - seconds(source, self.origin.timescale)).abs()
                > self.tick * 1.001 + 1e-9
        };
        let since =
            |now: u64, first: u64| i64::try_from(now.saturating_sub(first)).unwrap_or(i64::MAX);
        let decoded = (since(sample.dts, dts), since(source.dts, source_dts));
        let shown = (
            shown.saturating_sub(pts),
            source_shown.saturating_sub(source_pts),
        );
        if !self.failed && apart(decoded.0, decoded.1) {
            self.failed = true;
            let what = format!(
                "decoded {} ticks behind the first, {} in {}",
                decoded.0, decoded.1, self.origin.name
            );
            book.must(13, &place, what);
        }
        if !self.failed && apart(shown.0, shown.1) {
            self.failed = true;
            let what = format!(
                "shown {} ticks from the first, {} in {}",
                shown.0, shown.1, self.origin.name
            );
            book.must(18, &place, what);
        }
        if sample.size != source.size {
            let what = format!(
                "{} bytes, {} in {}",
                sample.size, source.size, self.origin.name
            );
            book.must(28, &place, what);
            return None;
        }
        Some(source)
    }

    /// Reads the source's bytes of a sample, which are as many as the package's.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn read(&self, source: &Sample) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; source.size as usize];
        self.origin.source.read_at(source.offset, &mut bytes)?;
        Ok(bytes)
    }

    /// Nothing of the source may be left.
    pub fn finish(mut self, book: &mut Book) -> Option<f64> {
        let end = self.origin.end.unwrap_or(i64::MAX);
        let mut left = 0_u64;
        for sample in self.iterator.by_ref() {
            let shown = self.origin.shown(&sample);
            // A tick of the movie's clock may round one sample away.
            let within = shown.saturating_add(i64::from(sample.duration)) < end;
            left += u64::from(within);
        }
        book.ensure(13, left == 0 || self.failed, &self.place, || {
            format!(
                "{left} samples at the end of {} are missing",
                self.origin.name
            )
        });
        self.late
    }
}

/// Walks over a table that it keeps.
struct Owned {
    table: Arc<SampleTable>,
    cursor: crate::sample::SampleCursor,
}

impl Owned {
    fn new(table: Arc<SampleTable>) -> Self {
        Self {
            table,
            cursor: Default::default(),
        }
    }
}

impl Iterator for Owned {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        let mut samples = self.table.iter_from(std::mem::take(&mut self.cursor));
        let sample = samples.next();
        self.cursor = samples.cursor;
        sample
    }
}

/// When a rendition starts, against its source.
#[derive(Clone)]
pub(super) struct Start {
    /// Which of the package's tracks it is.
    pub track: usize,
    /// Whether it is a picture.
    pub is_video: bool,
    /// Seconds that it starts late.
    pub late: f64,
    /// What a tick is, in seconds: of the coarser clock.
    pub tick: f64,
    /// Its init segment.
    pub place: String,
}

/// Check 6: the picture starts as the source's.
pub(super) fn picture_starts(book: &mut Book, starts: &[Start]) {
    for start in starts.iter().filter(|start| start.is_video).take(1) {
        let right = start.late.abs() <= start.tick * 1.001 + 1e-9;
        book.ensure(6, right, &start.place, || {
            let late = start.late;
            format!("the picture starts {late:.6} s later than in the source")
        });
    }
}

/// Check 6: the distance of sound from the picture is the source's; without a picture, from `alone`.
pub(super) fn sound_starts(book: &mut Book, starts: &[Start], alone: f64) {
    let picture = starts.iter().find(|start| start.is_video);
    let base = picture.map_or(alone, |picture| picture.late);
    for sound in starts.iter().filter(|start| !start.is_video) {
        let off = sound.late - base;
        book.ensure(6, off.abs() < 0.001, &sound.place, || {
            format!("the sound starts {off:.6} s later against the picture than in the source")
        });
    }
}
