//! Renders one object of a plan: samples from the source, encrypted in place, behind their boxes.

use super::{ObjectId, Plan, PlannedTrack, Segment};
use crate::cenc::protect::Layout;
use crate::fragment::{self, Fragment};
use crate::init::{self, Init};
use crate::sample::Sample;
use crate::{Error, Source, TrackKind};
use bmff::TopLevel;
use bmff::boxes::SampleAuxiliary;
use std::io;
use std::iter::Peekable;

/// Memory for rendering. Keep one a thread and give it to every render: it is used again.
#[derive(Debug, Default)]
pub struct SegmentBuffer {
    /// Boxes before the samples.
    head: Vec<u8>,
    /// The samples of a fragment. As long as the largest so far: making a vector longer fills it with zeros each
    /// time.
    payload: Vec<u8>,
    samples: Vec<Sample>,
    /// When the samples of a segment are shown.
    times: Vec<i64>,
}

/// What manifests need to know of an object that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ObjectFacts {
    /// Bytes of the object.
    pub size: u64,
    /// Bytes from its start to the end of its first fragment, which in a video segment holds the key picture
    /// alone; 0 in an init segment.
    pub key_picture: u64,
}

/// Takes the bytes of an object in order, in pieces of a size that is good to write.
pub type WriteBytes<'a> = dyn FnMut(&[u8]) -> io::Result<()> + 'a;

/// The pieces of an object end at multiples of this, in bytes. Linux makes the pieces of its page cache as large
/// as the write; on a machine whose free memory its host has taken back, large ones were measured to cost ten times
/// the time of these.
const PIECE: u64 = 256 << 10;

/// Memory above this is given back when a smaller fragment follows, in bytes.
const KEPT_CAPACITY: usize = 16 << 20;

/// How many bytes of samples one fragment holds, unless its only sample has more: memory stays bounded however far
/// key pictures lie apart.
const MAX_FRAGMENT_BYTES: u64 = 8 << 20;

/// What files of cues begin with; no box of that size is written.
const WEBVTT: &[u8; 6] = b"WEBVTT";

/// How large one sample may be, in bytes.
const MAX_SAMPLE_BYTES: u32 = 256 << 20;

impl SegmentBuffer {
    /// Room for samples.
    fn payload_mut(&mut self, len: usize) -> &mut [u8] {
        if self.payload.len() > KEPT_CAPACITY.max(len) {
            self.payload = Vec::new();
        }
        if self.payload.len() < len {
            self.payload.resize(len, 0);
        }
        self.payload.get_mut(..len).unwrap_or_default()
    }
}

impl ObjectFacts {
    /// Reads the facts of an object that was written before, from the headers of its boxes.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the boxes do not fill the object, [`Error::Io`] when it cannot be read.
    pub fn read(object: &dyn Source) -> Result<Self, Error> {
        let mut facts = Self {
            size: object.len(),
            key_picture: 0,
        };
        let mut start = [0; WEBVTT.len()];
        if object.len() >= start.len() as u64 {
            object.read_at(0, &mut start)?;
        }
        if start == *WEBVTT {
            return Ok(facts);
        }
        for header in TopLevel::new(object) {
            let header = header?;
            if header.end() > facts.size {
                let what = format!(
                    "'{}' at {:#x} ends behind the end of the object",
                    header.kind, header.offset
                );
                return Err(Error::InvalidInput(what));
            }
            if header.kind == b"mdat" {
                facts.key_picture = header.end();
                break;
            }
        }
        Ok(facts)
    }
}

impl Plan {
    /// Makes one object and hands its bytes to `write`.
    ///
    /// `sources` are those of the movies that were planned, in the same order.
    ///
    /// # Errors
    /// [`Error::Io`] when a source cannot be read, [`Error::InvalidInput`] when its samples are broken,
    /// [`Error::Output`] when `write` fails.
    pub fn render(
        &self,
        object: ObjectId,
        sources: &[&dyn Source],
        buffer: &mut SegmentBuffer,
        write: &mut WriteBytes<'_>,
    ) -> Result<ObjectFacts, Error> {
        let not_in_plan = || {
            let what = format!("{object:?} is not in the plan, or its source is missing");
            Error::InvalidOptions(what)
        };
        let track = self.tracks.get(object.rendition as usize);
        let track = track.ok_or_else(not_in_plan)?;
        let mut output = Output { write, position: 0 };
        if let Some(cues) = track.cues() {
            if object.segment as usize > track.segments.len() {
                return Err(not_in_plan());
            }
            let start_ms = (self.start_seconds() * 1000.0).round() as u64;
            let text = track.render_cues(
                cues,
                object.segment,
                (start_ms, self.end_ms().unsigned_abs()),
            );
            output.put(text.as_bytes())?;
            return Ok(output.facts(0));
        }
        if matches!(object.segment, 0 | ObjectId::KEY_PICTURES) {
            let durations = track.key_pictures;
            let sample_duration = match object.segment {
                0 => durations.map_or(0, |durations| durations.own),
                _ => durations.ok_or_else(not_in_plan)?.alone,
            };
            let init = Init {
                track: &track.facts,
                media_time: track.timeline.media_time,
                protections: &track.protections,
                clear_lead: track.has_clear_lead(),
                systems: &track.signals.inits,
                sample_duration,
            };
            buffer.head.clear();
            buffer.head = init::write(&init, std::mem::take(&mut buffer.head));
            output.put(&buffer.head)?;
            return Ok(output.facts(0));
        }
        let segment = self.segment(object).ok_or_else(not_in_plan)?;
        let source = sources.get(track.input).ok_or_else(not_in_plan)?;
        // In one file the index says where segments begin, and points at fragments.
        let with_type = !self.is_single_file(object.rendition);
        let key_picture = track
            .render_segment(segment, *source, with_type, buffer, &mut output)
            .map_err(|error| match error {
                Error::InvalidInput(what) => {
                    Error::InvalidInput(format!("{}: {what}", self.path(object)))
                }
                other => other,
            })?;
        Ok(output.facts(key_picture))
    }
}

/// Where the bytes of an object go.
struct Output<'a, 'b> {
    write: &'a mut WriteBytes<'b>,
    position: u64,
}

impl Output<'_, '_> {
    fn put(&mut self, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let room = usize::try_from(PIECE - self.position % PIECE).unwrap_or(usize::MAX);
            let (piece, rest) = bytes.split_at(room.min(bytes.len()));
            (self.write)(piece).map_err(Error::Output)?;
            self.position += piece.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    fn facts(&self, key_picture: u64) -> ObjectFacts {
        ObjectFacts {
            size: self.position,
            key_picture,
        }
    }
}

impl PlannedTrack {
    /// Gives the end of the first fragment; `with_type`: the segment begins with a `styp`.
    fn render_segment(
        &self,
        segment: &Segment,
        source: &dyn Source,
        with_type: bool,
        buffer: &mut SegmentBuffer,
        output: &mut Output<'_, '_>,
    ) -> Result<u64, Error> {
        let mut samples = self
            .samples
            .iter_from(segment.cursor.clone())
            .take(segment.samples as usize)
            .peekable();
        let mut layout = Layout::of(&self.facts.entry);
        buffer.head.clear();
        buffer.times.clear();
        if with_type {
            buffer.head = fragment::write_segment_type(std::mem::take(&mut buffer.head));
        }
        let mut index = segment.cursor.index - self.first_sample;
        let mut first_end = 0;
        while self.take_fragment(&mut samples, first_end == 0, &mut buffer.samples) {
            let shown = buffer.samples.iter();
            buffer.times.extend(
                shown.map(|sample| sample.dts as i64 + i64::from(sample.composition_offset)),
            );
            let protection = segment.protection;
            self.render_fragment(index, protection, source, buffer, &mut layout, output)?;
            index += buffer.samples.len() as u64;
            buffer.head.clear();
            if first_end == 0 {
                first_end = output.position;
            }
        }
        self.check_times(&mut buffer.times)?;
        Ok(first_end)
    }

    /// Takes the samples of the next fragment, as they are in the output; `false` when there are no more. `is_first`: it
    /// begins its segment.
    pub(super) fn take_fragment(
        &self,
        samples: &mut Peekable<impl Iterator<Item = Sample>>,
        is_first: bool,
        fragment: &mut Vec<Sample>,
    ) -> bool {
        fragment.clear();
        let Some(first) = samples.next() else {
            return false;
        };
        // The key picture is alone, so that it can be played without the others.
        let alone = is_first && first.sync && self.facts.kind == TrackKind::Video;
        let mut bytes = u64::from(first.size);
        fragment.push(self.timeline.shifted(first));
        while let Some(next) =
            samples.next_if(|next| !alone && bytes + u64::from(next.size) <= MAX_FRAGMENT_BYTES)
        {
            bytes += u64::from(next.size);
            fragment.push(self.timeline.shifted(next));
        }
        true
    }

    /// What the boxes of a fragment say, whose first sample has this number in the rendition.
    pub(super) fn fragment<'a>(
        &'a self,
        index: u64,
        protection: Option<usize>,
        samples: &'a [Sample],
        auxiliaries: &'a [SampleAuxiliary],
    ) -> Fragment<'a> {
        let period = protection.and_then(|period| self.protections.get(period));
        let decode_time = samples.first().map_or(0, |sample| sample.dts);
        Fragment {
            // Grows by the samples of each fragment: any segment can be rendered alone.
            sequence_number: (index as u32).wrapping_add(1),
            base_media_decode_time: self.timeline.decode_time(decode_time),
            samples,
            // The second entry is that of the clear lead.
            sample_entry: match protection {
                None if !self.protections.is_empty() => 2,
                _ => 1,
            },
            group: period.filter(|_| protection > Some(0)),
            auxiliaries,
            payload_len: samples.iter().map(|sample| u64::from(sample.size)).sum(),
            track_duration: self
                .key_pictures
                .filter(|_| samples.len() == 1)
                .map(|durations| durations.own),
        }
    }

    /// Refuses a segment of which two samples are shown at the same time: players drop one of them.
    fn check_times(&self, times: &mut [i64]) -> Result<(), Error> {
        times.sort_unstable();
        let twice = times.windows(2).find(|pair| pair.first() == pair.last());
        let Some(time) = twice.and_then(|pair| pair.first()) else {
            return Ok(());
        };
        let seconds = *time as f64 / f64::from(self.facts.timescale);
        Err(Error::InvalidInput(format!(
            "two samples are shown at the same time ({seconds:.3} s of the track's media); \
             encode the track anew, which gives each sample a time of its own"
        )))
    }

    /// Renders `buffer.samples`, of which the first has this number in the rendition.
    fn render_fragment(
        &self,
        index: u64,
        protection: Option<usize>,
        source: &dyn Source,
        buffer: &mut SegmentBuffer,
        layout: &mut Layout,
        output: &mut Output<'_, '_>,
    ) -> Result<(), Error> {
        let samples = std::mem::take(&mut buffer.samples);
        if let Some(sample) = samples.iter().find(|sample| sample.size > MAX_SAMPLE_BYTES) {
            return Err(Error::LimitExceeded(format!(
                "a sample at {:#x} has {} bytes, more than {MAX_SAMPLE_BYTES}",
                sample.offset, sample.size
            )));
        }
        let bytes: usize = samples.iter().map(|sample| sample.size as usize).sum();
        let payload = buffer.payload_mut(bytes);
        read_samples(&samples, source, payload)?;
        let period = protection.and_then(|period| self.protections.get(period));
        let auxiliaries = match period {
            None => Vec::new(),
            Some(protection) => {
                let sizes: Vec<u32> = samples.iter().map(|sample| sample.size).collect();
                protection.encrypt(payload, &sizes, layout, index)?
            }
        };
        let fragment = self.fragment(index, protection, &samples, &auxiliaries);
        buffer.head = fragment::write_head(&fragment, std::mem::take(&mut buffer.head));
        output.put(&buffer.head)?;
        output.put(buffer.payload.get(..bytes).unwrap_or_default())?;
        buffer.samples = samples;
        Ok(())
    }
}

/// Reads samples one behind the other into `payload`; neighbours in the source take one read.
fn read_samples(samples: &[Sample], source: &dyn Source, payload: &mut [u8]) -> Result<(), Error> {
    let mut rest = payload;
    let mut samples = samples.iter().peekable();
    while let Some(first) = samples.next() {
        let mut length = first.size as usize;
        let behind = |length: usize| first.offset.saturating_add(length as u64);
        while let Some(next) = samples.next_if(|next| next.offset == behind(length)) {
            length += next.size as usize;
        }
        let Some((run, after)) = rest.split_at_mut_checked(length) else {
            let what = "its samples do not fit the plan: the source has changed";
            return Err(Error::InvalidInput(what.into()));
        };
        source.read_at(first.offset, run)?;
        rest = after;
    }
    Ok(())
}
