//! Renders one object of a plan: samples from the source, encrypted in place, behind their boxes.

use super::{ObjectId, Plan, PlannedTrack, Segment};
use crate::cenc::protect::Layout;
use crate::fragment::{self, Fragment};
use crate::init::{self, Init};
use crate::movie::SampleEntry;
use crate::sample::Sample;
use crate::{Error, Source};

/// The bytes of one rendered object. Keep one a thread and give it to every render: its memory is
/// used again.
#[derive(Debug, Default)]
pub struct SegmentBuffer {
    /// Boxes before the samples (all of an init segment).
    head: Vec<u8>,
    /// The samples: payload of `mdat`. As long as the largest object so far: making a vector longer fills it with zeros each time.
    payload: Vec<u8>,
    payload_len: usize,
}

/// The file of an object is best written in pieces that end at multiples of this, in bytes. Linux makes the
/// pieces of its page cache as large as the write; on a machine whose free memory its host has taken back, large
/// ones were measured to cost ten times the time of these.
const PIECE: usize = 256 << 10;

/// Memory above this is given back when a smaller object follows, in bytes.
const KEPT_CAPACITY: usize = 16 << 20;

impl SegmentBuffer {
    /// Bytes of the whole object.
    pub fn size(&self) -> u64 {
        (self.head.len() + self.payload_len) as u64
    }

    /// The whole object in order, in pieces of a size that is good to write.
    pub fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        let payload = self.payload.get(..self.payload_len).unwrap_or_default();
        let to_boundary = PIECE - self.head.len() % PIECE;
        let (first, rest) = payload.split_at(to_boundary.min(payload.len()));
        let pieces = self
            .head
            .chunks(PIECE)
            .chain([first])
            .chain(rest.chunks(PIECE));
        pieces.filter(|piece| !piece.is_empty())
    }

    /// Room for samples.
    fn payload_mut(&mut self, len: usize) -> &mut [u8] {
        if self.payload.len() > KEPT_CAPACITY.max(len) {
            self.payload = Vec::new();
        }
        if self.payload.len() < len {
            self.payload.resize(len, 0);
        }
        self.payload_len = len;
        self.payload.get_mut(..len).unwrap_or_default()
    }
}

impl Plan {
    /// Makes one object in `buffer`.
    ///
    /// # Errors
    /// [`Error::Io`] when a source cannot be read, [`Error::InvalidInput`] when its samples are broken.
    pub fn render(
        &self,
        object: ObjectId,
        sources: &[&dyn Source],
        buffer: &mut SegmentBuffer,
    ) -> Result<(), Error> {
        buffer.head.clear();
        let (Some(track), [source]) = (self.tracks.get(object.rendition as usize), sources) else {
            let what = format!("{object:?} is not in the plan, or its source is missing");
            return Err(Error::InvalidOptions(what));
        };
        if object.segment == 0 {
            buffer.payload_len = 0;
            let init = Init {
                track: &track.facts,
                media_time: track.timeline.media_time,
                protection: track.protection.as_ref(),
            };
            buffer.head = init::write(&init, std::mem::take(&mut buffer.head));
            return Ok(());
        }
        let Some(segment) = self.segment(object) else {
            return Err(Error::InvalidOptions(format!(
                "{object:?} is not in the plan"
            )));
        };
        track
            .render_segment(segment, object.segment, *source, buffer)
            .map_err(|error| match error {
                Error::InvalidInput(what) => {
                    Error::InvalidInput(format!("{}: {what}", self.path(object)))
                }
                other => other,
            })
    }
}

impl PlannedTrack {
    fn render_segment(
        &self,
        segment: &Segment,
        number: u32,
        source: &dyn Source,
        buffer: &mut SegmentBuffer,
    ) -> Result<(), Error> {
        let samples: Vec<Sample> = self
            .samples
            .iter_from(segment.cursor.clone())
            .take(segment.samples as usize)
            .map(|sample| Sample {
                composition_offset: sample
                    .composition_offset
                    .saturating_add(self.timeline.composition_shift),
                ..sample
            })
            .collect();
        let bytes = usize::try_from(segment.bytes)
            .map_err(|_| Error::LimitExceeded(format!("a segment of {} bytes", segment.bytes)))?;
        let payload = buffer.payload_mut(bytes);
        read_samples(&samples, source, payload)?;
        let layout = match &self.facts.entry {
            SampleEntry::Video(entry) => Layout::NalUnits(&entry.config),
            SampleEntry::Audio(_) | SampleEntry::Text(_) => Layout::Full,
        };
        let auxiliaries = match &self.protection {
            None => Vec::new(),
            Some(protection) => {
                let sizes: Vec<u32> = samples.iter().map(|sample| sample.size).collect();
                let first = segment.cursor.index - self.first_sample;
                protection.encrypt(payload, &sizes, &layout, first)?
            }
        };
        let fragment = Fragment {
            sequence_number: number,
            base_media_decode_time: self.timeline.decode_time(segment.decode_time),
            samples: &samples,
            auxiliaries: &auxiliaries,
            payload_len: segment.bytes,
        };
        buffer.head = fragment::write_head(&fragment, std::mem::take(&mut buffer.head));
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
