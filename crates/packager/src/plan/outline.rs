//! What a package will come to, before a media byte is read: how large its objects, its renditions and all of it will be.

use super::{ObjectFacts, ObjectId, Plan, PlannedTrack, Segment, SegmentBuffer};
use crate::Error;
use crate::cenc::protect::{Layout, Protection};
use crate::fragment;
use crate::init::TrackFacts;
use crate::movie::SampleEntry;
use bmff::boxes::{SampleAuxiliary, Subsample};
use std::collections::HashMap;

/// What a package will come to.
///
/// In the clear every number is what will be written. Of encrypted pictures a slice a picture is assumed: where there are
/// more, each of them adds 6 bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// Of each of [`Plan::renditions`], in order.
    pub renditions: Vec<RenditionOutline>,
    /// Bytes of all manifests.
    pub manifests: u64,
    /// Bytes of all files.
    pub size: u64,
    /// Seconds of the longest rendition.
    pub duration_seconds: f64,
}

/// What a rendition will come to.
#[derive(Debug, Clone, PartialEq)]
pub struct RenditionOutline {
    /// Bytes of all its files.
    pub size: u64,
    /// Bits a second of its media segments, on average.
    pub bitrate: u64,
    /// Seconds that it plays.
    pub duration_seconds: f64,
    /// Seconds of its longest segment.
    pub longest_segment_seconds: f64,
    /// ISO 639-2, where it is known.
    pub language: Option<String>,
    /// Pixels of pictures.
    pub width: Option<u32>,
    /// Pixels of pictures.
    pub height: Option<u32>,
}

impl Plan {
    /// What the package will come to.
    ///
    /// # Errors
    /// Those of [`Plan::manifests`].
    pub fn outline(&self) -> Result<Outline, Error> {
        let mut foreseen = HashMap::new();
        for object in self.objects() {
            foreseen.insert(object, self.foresee(object)?);
        }
        let facts = |object: ObjectId| foreseen.get(&object).copied().unwrap_or_default();
        let manifests = self.manifests(&facts)?;
        let manifests = manifests.iter().map(|one| one.text.len() as u64).sum();
        let renditions: Vec<RenditionOutline> = (0..)
            .zip(&self.tracks)
            .map(|(number, track)| {
                let own = foreseen
                    .iter()
                    .filter(|(object, _)| object.rendition == number);
                let size: u64 = own.clone().map(|(_, facts)| facts.size).sum();
                let media = own.filter(|(object, _)| object.is_media());
                let media = media.map(|(_, facts)| facts.size).sum();
                track.outline(size + self.index_size(number), media)
            })
            .collect();
        let of_renditions: u64 = renditions.iter().map(|one| one.size).sum();
        let seconds = renditions.iter().map(|one| one.duration_seconds);
        Ok(Outline {
            size: of_renditions + manifests,
            manifests,
            duration_seconds: seconds.fold(0.0, f64::max),
            renditions,
        })
    }

    /// What [`Plan::render`] will say of an object.
    fn foresee(&self, object: ObjectId) -> Result<ObjectFacts, Error> {
        let track = self.tracks.get(object.rendition as usize);
        let (Some(track), Some(segment), true) = (track, self.segment(object), object.is_media())
        else {
            // Init segments are made of no media.
            return self.render(object, &[], &mut SegmentBuffer::default(), &mut |_| Ok(()));
        };
        if track.cues().is_some() {
            return self.render(object, &[], &mut SegmentBuffer::default(), &mut |_| Ok(()));
        }
        let with_type = !self.is_single_file(object.rendition);
        Ok(track.foresee(segment, with_type))
    }
}

impl ObjectId {
    /// Whether it is a media segment.
    fn is_media(self) -> bool {
        !matches!(self.segment, 0 | Self::KEY_PICTURES)
    }
}

impl PlannedTrack {
    fn outline(&self, size: u64, media: u64) -> RenditionOutline {
        let timescale = f64::from(self.facts.timescale.max(1));
        let lengths = self.presented_segments().into_iter();
        let lengths: Vec<f64> = lengths
            .map(|(_, length)| length as f64 / timescale)
            .collect();
        let seconds: f64 = lengths.iter().sum();
        let (width, height) = self.facts.pixels().unzip();
        let language = self.facts.language.clone();
        RenditionOutline {
            language: (language != "und").then_some(language),
            size,
            bitrate: match seconds > 0.0 {
                true => (media as f64 * 8.0 / seconds).round() as u64,
                false => 0,
            },
            duration_seconds: seconds,
            longest_segment_seconds: lengths.into_iter().fold(0.0, f64::max),
            width,
            height,
        }
    }

    /// The boxes are written as they will be, but for what encryption says of samples that nobody has read.
    fn foresee(&self, segment: &Segment, with_type: bool) -> ObjectFacts {
        let samples = self.samples.iter_from(segment.cursor.clone());
        let mut samples = samples.take(segment.samples as usize).peekable();
        let mut facts = ObjectFacts::default();
        if with_type {
            facts.size = fragment::write_segment_type(Vec::new()).len() as u64;
        }
        let protection = segment
            .protection
            .and_then(|period| self.protections.get(period));
        let mut index = segment.cursor.index - self.first_sample;
        let (mut taken, mut head) = (Vec::new(), Vec::new());
        while self.take_fragment(&mut samples, facts.key_picture == 0, &mut taken) {
            let auxiliaries = protection.map_or_else(Vec::new, |protection| {
                let one = self.usual_auxiliary(protection);
                match one == SampleAuxiliary::default() {
                    true => Vec::new(),
                    false => vec![one; taken.len()],
                }
            });
            let fragment = self.fragment(index, segment.protection, &taken, &auxiliaries);
            let payload = fragment.payload_len;
            head.clear();
            head = fragment::write_head(&fragment, head);
            facts.size += head.len() as u64 + payload;
            if facts.key_picture == 0 {
                facts.key_picture = facts.size;
            }
            index += taken.len() as u64;
        }
        facts
    }

    /// What most samples bring for their decryption.
    fn usual_auxiliary(&self, protection: &Protection) -> SampleAuxiliary {
        let whole = Subsample {
            clear: 0,
            protected: 0,
        };
        SampleAuxiliary {
            iv: vec![0; protection.iv_size()],
            subsamples: match Layout::of(&self.facts.entry) {
                Layout::Full => Vec::new(),
                Layout::SliceData(_) => vec![whole],
            },
        }
    }
}

impl TrackFacts {
    /// Width and height of pictures, as they are stored.
    fn pixels(&self) -> Option<(u32, u32)> {
        match &self.entry {
            SampleEntry::Video(entry) => Some((entry.width.into(), entry.height.into())),
            SampleEntry::Audio(_) | SampleEntry::Text(_) => None,
        }
    }
}
