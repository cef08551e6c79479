//! A rendition in one file: its init segment, an index, and its segments one behind the other.

use super::{ObjectFacts, ObjectId, Plan, PlannedTrack};
use crate::index::{self, Entry, MAX_KEY_DELAY, MAX_SEGMENT_BYTES, MAX_SEGMENTS};
use crate::{Error, FileLayout};

impl Plan {
    /// Whether an object lies in one file with others of its rendition.
    pub fn shares_file(&self, object: ObjectId) -> bool {
        object.segment != ObjectId::KEY_PICTURES && self.is_single_file(object.rendition)
    }

    /// Whether the init segment and the media segments of a rendition lie in one file.
    pub fn is_single_file(&self, rendition: u32) -> bool {
        let track = self.tracks.get(rendition as usize);
        // Players ask for cues in files of their own.
        let has_boxes = track.is_some_and(|track| track.cues().is_none());
        self.layout == FileLayout::SingleFile && has_boxes
    }

    /// Bytes of the index that lies between the init segment of a rendition and its first media segment; 0 when each
    /// segment has a file of its own.
    ///
    /// Of a rendition in one file, the objects have the same path (but the init segment of key pictures, which has a
    /// file of its own). The init segment begins at 0, the index behind it,
    /// the first media segment behind that, and each of the others behind the one before.
    pub fn index_size(&self, rendition: u32) -> u64 {
        match self.tracks.get(rendition as usize) {
            Some(track) if self.is_single_file(rendition) => index::size(track.segments.len()),
            _ => 0,
        }
    }

    /// The index of a rendition: [`Plan::index_size`] bytes. `facts` gives what [`Plan::render`] said of each object.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] when a segment is larger than an index can say, [`Error::InvalidOptions`] when a size
    /// is missing.
    pub fn index(
        &self,
        rendition: u32,
        facts: &dyn Fn(ObjectId) -> ObjectFacts,
    ) -> Result<Vec<u8>, Error> {
        let Some(track) = self.tracks.get(rendition as usize) else {
            let what = format!("there is no rendition {rendition}");
            return Err(Error::InvalidOptions(what));
        };
        if !self.is_single_file(rendition) {
            return Ok(Vec::new());
        }
        let mut entries = track.index_entries()?;
        for (number, entry) in (1..).zip(&mut entries) {
            let size = self.known_facts(rendition, number, facts)?.size;
            if size > MAX_SEGMENT_BYTES {
                return Err(Error::LimitExceeded(format!(
                    "segment {number} of {} has {size} bytes, more than {MAX_SEGMENT_BYTES}: make shorter segments, or one file each",
                    self.path(ObjectId {
                        rendition,
                        segment: number
                    })
                )));
            }
            entry.size = u32::try_from(size).unwrap_or(u32::MAX);
        }
        let start = track
            .presented_segments()
            .first()
            .map_or(0, |first| first.0);
        Ok(index::write(track.facts.timescale, start, &entries))
    }

    /// Refuses what the layout cannot hold, before anything is rendered.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] names the limit.
    pub(super) fn check_layout(&self) -> Result<(), Error> {
        for (rendition, track) in (0..).zip(&self.tracks) {
            if self.is_single_file(rendition) {
                track.index_entries()?;
            }
        }
        Ok(())
    }

    /// What was said of an object.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when its size is missing.
    pub(crate) fn known_facts(
        &self,
        rendition: u32,
        segment: u32,
        facts: &dyn Fn(ObjectId) -> ObjectFacts,
    ) -> Result<ObjectFacts, Error> {
        let object = ObjectId { rendition, segment };
        match facts(object) {
            ObjectFacts { size: 0, .. } => Err(Error::InvalidOptions(format!(
                "the size of {} is not known",
                self.path(object)
            ))),
            facts => Ok(facts),
        }
    }
}

impl PlannedTrack {
    /// The entries of an index, without sizes.
    ///
    /// # Errors
    /// [`Error::LimitExceeded`] when the fields of an index cannot hold them.
    fn index_entries(&self) -> Result<Vec<Entry>, Error> {
        let too_much = |what: &str| {
            Error::LimitExceeded(format!(
                "the index of a single file cannot say {what}: choose another length of segments, or a file each"
            ))
        };
        if self.segments.len() > MAX_SEGMENTS {
            let what = format!("where more than {MAX_SEGMENTS} segments lie");
            return Err(too_much(&what));
        }
        let presented = self.presented_segments();
        let segments = self.segments.iter().zip(presented);
        segments
            .map(|(segment, (start, length))| {
                // A segment of type 2 can be decoded from its earliest picture on.
                let delay = match segment.sap_type() {
                    3 => (segment.first_shown.max(0) as u64).saturating_sub(start),
                    _ => 0,
                };
                if delay > MAX_KEY_DELAY {
                    return Err(too_much("that a key picture is shown so late"));
                }
                let duration = u32::try_from(length);
                Ok(Entry {
                    size: 0,
                    duration: duration.map_err(|_| too_much("how long a segment is"))?,
                    sap_type: segment.sap_type(),
                    sap_delta: delay as u32,
                })
            })
            .collect()
    }
}
