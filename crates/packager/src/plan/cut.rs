//! Cuts a track into segments.
//!
//! In: the samples of a track and the length that segments aim at (or the boundaries of the picture).
//! Out: one [`Segment`] each, with the place of its first sample. Media bytes are not read.

use crate::movie::Timing;
use crate::sample::{Sample, SampleCursor, SampleTable};

/// Samples that make one media segment.
#[derive(Debug, Clone)]
pub(crate) struct Segment {
    /// Before its first sample.
    pub cursor: SampleCursor,
    /// Number of samples.
    pub samples: u32,
    /// Bytes of all samples.
    pub bytes: u64,
    /// Decode time of its first sample in the source, in ticks.
    pub decode_time: u64,
    /// Durations of its samples added up, in ticks.
    pub ticks: u64,
    /// When the earliest of its samples is shown, on the movie's timeline, in ticks.
    pub start: i64,
    /// When its first sample is shown; later than `start` when pictures that are decoded behind the key
    /// frame are shown before it.
    pub first_shown: i64,
    /// When its last picture or sound is over, on the movie's timeline, in ticks.
    pub end: i64,
    /// Index of its protection among those of its track; `None` when it stays clear.
    pub protection: Option<usize>,
    /// Whether the bitstream says that nothing in it needs the segment before.
    closed: bool,
}

/// Which samples of a track are packaged.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// Before the first one.
    pub cursor: SampleCursor,
    /// Index behind the last one.
    pub end: u64,
    /// The lowest composition offset of the track, in ticks; 0 when none is negative.
    pub lowest_composition_offset: i32,
    /// The longest sample of the track, in ticks.
    pub longest_sample: u32,
}

/// Sound that is decoded before the start of the presentation, at most this many milliseconds: codecs
/// need up to 2048 + 962 samples to settle.
const AUDIO_PREROLL_MS: u64 = 200;

impl Selection {
    /// Leaves out what an edit list trims: pictures before the last key frame that is needed, sound long
    /// before the start, samples behind the end. `None` when nothing is left, or nothing of that is shown.
    pub fn of(
        table: &SampleTable,
        timing: &Timing,
        timescale: u32,
        is_video: bool,
    ) -> Option<Self> {
        let preroll = i64::from(timescale) * AUDIO_PREROLL_MS as i64 / 1000;
        let mut samples = table.iter();
        let mut first = None;
        let mut end = 0;
        let mut shown_until = i64::MIN;
        let mut lowest_composition_offset = 0;
        let mut longest_sample = 0;
        loop {
            let before = samples.cursor.clone();
            let Some(sample) = samples.next() else {
                break;
            };
            lowest_composition_offset = sample.composition_offset.min(lowest_composition_offset);
            longest_sample = longest_sample.max(sample.duration);
            let shown = timing.presentation(&sample);
            let starts_here = match is_video {
                true => sample.sync && (first.is_none() || shown <= 0),
                false => first.is_none() && shown + i64::from(sample.duration) > -preroll,
            };
            if starts_here {
                first = Some(before);
                shown_until = i64::MIN;
            }
            if timing.end.is_none_or(|end| shown < end) {
                end = samples.cursor.index;
                shown_until = shown_until.max(shown.saturating_add(i64::from(sample.duration)));
            }
        }
        let cursor = first?;
        (cursor.index < end && shown_until > 0).then_some(Self {
            cursor,
            end,
            lowest_composition_offset,
            longest_sample,
        })
    }

    fn iter<'a>(
        &self,
        table: &'a SampleTable,
    ) -> impl Iterator<Item = (SampleCursor, Sample)> + use<'a> {
        let mut samples = table.iter_from(self.cursor.clone());
        let end = self.end;
        std::iter::from_fn(move || {
            let before = samples.cursor.clone();
            if before.index >= end {
                return None;
            }
            samples.next().map(|sample| (before, sample))
        })
    }
}

impl Segment {
    /// A segment of a list of cues, which has no samples.
    pub fn without_samples(start: i64, end: i64) -> Self {
        Self {
            cursor: SampleCursor::default(),
            samples: 0,
            bytes: 0,
            decode_time: start.max(0) as u64,
            ticks: end.saturating_sub(start.max(0)).max(0) as u64,
            start,
            first_shown: start,
            end,
            protection: None,
            closed: true,
        }
    }

    /// Moves the start of one without samples.
    pub fn begin_at(&mut self, start: i64) {
        *self = Self::without_samples(start, self.end);
    }

    fn of(cursor: SampleCursor, sample: &Sample, start: i64) -> Self {
        let mut segment = Self {
            cursor,
            samples: 0,
            bytes: 0,
            decode_time: sample.dts,
            ticks: 0,
            start,
            first_shown: start,
            end: start,
            protection: None,
            closed: sample.closed,
        };
        segment.add(sample, start);
        segment
    }

    fn add(&mut self, sample: &Sample, shown: i64) {
        self.samples += 1;
        self.bytes += u64::from(sample.size);
        self.ticks += u64::from(sample.duration);
        self.start = self.start.min(shown);
        self.end = self.end.max(shown + i64::from(sample.duration));
    }

    /// Appends the segment behind this one.
    fn join(&mut self, next: &Self) {
        self.samples += next.samples;
        self.bytes += next.bytes;
        self.ticks += next.ticks;
        self.end = self.end.max(next.end);
    }

    /// How it starts (ISO/IEC 14496-12, annex I): 1 when its key frame is shown first, 2 when pictures that follow are
    /// shown before it, 3 when these may need the group before (an open group of pictures).
    pub fn sap_type(&self) -> u8 {
        match (self.start < self.first_shown, self.closed) {
            (false, _) => 1,
            (true, true) => 2,
            (true, false) => 3,
        }
    }

    /// Ticks between the starts of two segments.
    fn until(&self, next: &Self) -> i64 {
        next.start - self.start
    }
}

/// When the key frames of a picture are shown, in ticks of the movie's timeline, in order.
pub(crate) fn key_times(table: &SampleTable, selection: &Selection, timing: &Timing) -> Vec<i64> {
    let samples = selection.iter(table);
    let keys = samples.filter(|(_, sample)| sample.sync);
    let mut times: Vec<i64> = keys
        .map(|(_, sample)| timing.presentation(&sample))
        .collect();
    // Pictures in no sensible order are refused later.
    times.sort_unstable();
    times
}

/// Cuts a picture at the key frames that are shown at these times.
pub(crate) fn at_times(
    table: &SampleTable,
    selection: &Selection,
    timing: &Timing,
    times: &[i64],
) -> Vec<Segment> {
    let mut done: Vec<Segment> = Vec::new();
    for (cursor, sample) in selection.iter(table) {
        let shown = timing.presentation(&sample);
        match done.last_mut() {
            Some(segment)
                if !sample.sync
                    || shown <= segment.first_shown
                    || times.binary_search(&shown).is_err() =>
            {
                segment.add(&sample, shown);
            }
            _ => done.push(Segment::of(cursor, &sample, shown)),
        }
    }
    done
}

/// Cuts at the key frames that lie nearest to multiples of `target` ticks; `keys` are the times, in order, of those
/// that may be cut at.
pub(crate) fn at_key_frames(
    table: &SampleTable,
    selection: &Selection,
    timing: &Timing,
    target: i64,
    keys: &[i64],
) -> Vec<Segment> {
    let mut cutter = KeyFrameCutter {
        target,
        keys,
        done: Vec::new(),
        head: None,
        tail: None,
    };
    for (cursor, sample) in selection.iter(table) {
        let shown = timing.presentation(&sample);
        cutter.sample(cursor, &sample, shown);
    }
    cutter.finish()
}

/// Holds the segment being made in two parts: up to the last key frame where it could end, and from
/// there on.
struct KeyFrameCutter<'a> {
    target: i64,
    keys: &'a [i64],
    done: Vec<Segment>,
    head: Option<Segment>,
    tail: Option<Segment>,
}

impl KeyFrameCutter<'_> {
    fn sample(&mut self, cursor: SampleCursor, sample: &Sample, shown: i64) {
        let Some(head) = &mut self.head else {
            self.head = Some(Segment::of(cursor, sample, shown));
            return;
        };
        if sample.sync && shown > head.start && self.keys.binary_search(&shown).is_ok() {
            self.key_frame(Segment::of(cursor, sample, shown));
        } else {
            self.tail.as_mut().unwrap_or(head).add(sample, shown);
        }
    }

    fn key_frame(&mut self, next: Segment) {
        let Some(head) = &mut self.head else {
            return;
        };
        let length = head.until(&next);
        let Some(tail) = self.tail.take() else {
            if length * 2 < self.target {
                head.join(&next);
            } else if length < self.target {
                self.tail = Some(next);
            } else {
                self.done.extend(self.head.replace(next));
            }
            return;
        };
        let earlier = head.until(&tail);
        if length < self.target {
            head.join(&tail);
            self.tail = Some(next);
        } else if self.target - earlier <= length - self.target {
            self.done.extend(self.head.replace(tail));
            self.key_frame(next);
        } else {
            head.join(&tail);
            self.done.extend(self.head.replace(next));
        }
    }

    fn finish(mut self) -> Vec<Segment> {
        let Some(mut head) = self.head.take() else {
            return self.done;
        };
        if let Some(tail) = self.tail.take() {
            let whole = tail.end - head.start;
            let rest = tail.end - tail.start;
            if whole <= self.target || rest * 2 < self.target {
                head.join(&tail);
            } else {
                self.done.push(head);
                head = tail;
            }
        }
        push_last(&mut self.done, head, self.target);
        self.done
    }
}

/// Makes segments without samples, which end at `from`, last until `to`: each is `target` ticks long, the last half to
/// one and a half times as long.
pub(crate) fn extend(segments: &mut Vec<Segment>, mut from: i64, to: i64, target: i64) {
    while from < to {
        let left = to.saturating_sub(from);
        let until = match left < target.saturating_add(target / 2) {
            true => to,
            false => from.saturating_add(target),
        };
        push_last(segments, Segment::without_samples(from, until), target);
        from = until;
    }
}

/// Adds the last segment; one under half of `target` is joined to the one before it.
fn push_last(done: &mut Vec<Segment>, last: Segment, target: i64) {
    match done.last_mut() {
        Some(before) if (last.end - last.start) * 2 < target => before.join(&last),
        _ => done.push(last),
    }
}

/// Cuts sound where the picture is cut, to the nearest frame; behind the last boundary, or without any,
/// at multiples of `target` ticks.
///
/// `boundaries` are starts of the picture's segments in ticks of this track, the first one left out, and
/// the end of the picture.
pub(crate) fn at_boundaries(
    table: &SampleTable,
    selection: &Selection,
    timing: &Timing,
    target: i64,
    boundaries: &[i64],
) -> Vec<Segment> {
    let mut done: Vec<Segment> = Vec::new();
    let mut current: Option<Segment> = None;
    let mut boundaries = boundaries.iter().copied().peekable();
    let mut last_boundary = None;
    // How long the piece at hand is to be: as the picture's.
    let mut due = target;
    for (cursor, sample) in selection.iter(table) {
        // Sound and text need nothing of the segment before, in whatever order they are shown.
        let sample = Sample {
            closed: true,
            ..sample
        };
        let shown = timing.presentation(&sample);
        let half = i64::from(sample.duration / 2);
        let Some(segment) = &mut current else {
            current = Some(Segment::of(cursor, &sample, shown));
            continue;
        };
        let mut cut = false;
        while let Some(boundary) = boundaries.next_if(|boundary| shown + half >= *boundary) {
            last_boundary = Some(boundary);
            due = boundaries
                .peek()
                .map_or(target, |next| target.min(next - boundary));
            // A piece under half the target would only be there because the sound starts late.
            cut = (shown - segment.start.max(0) + half * 2) * 2 >= target;
        }
        if boundaries.peek().is_none() {
            let since = last_boundary.map_or(segment.start.max(0), |boundary| boundary);
            cut |= shown - since.max(segment.start) + half >= target;
        }
        if cut {
            done.extend(current.replace(Segment::of(cursor, &sample, shown)));
        } else {
            segment.add(&sample, shown);
        }
    }
    if let Some(last) = current {
        push_last(&mut done, last, due);
    }
    done
}
