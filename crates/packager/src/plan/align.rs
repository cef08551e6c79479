//! Cuts pictures at the same times, so that players can switch between them.
//!
//! In: the pictures of all inputs. Out: groups of pictures with the same boundaries, and the segments of each
//! (ISO/IEC 23009-1, segmentAlignment).

use super::choice::Chosen;
use super::cut::{self, Segment, Selection};
use crate::Error;
use crate::movie::{Track, Warning};

/// How many times an error or a warning names.
const TIMES_TOLD: usize = 5;

/// Pictures, in groups that are cut at the same times.
pub(super) struct Pictures<'a> {
    target_ms: i64,
    allow_misaligned: bool,
    pictures: Vec<Picture<'a>>,
    groups: Vec<Group>,
    /// What a person should know.
    pub warnings: Vec<Warning>,
}

/// A picture and where it may be cut.
struct Picture<'a> {
    track: &'a Track,
    input: usize,
    selection: Selection,
    /// When its key pictures are shown, in ticks.
    keys: Vec<i64>,
    /// The longest segment that it has when it is cut alone, in milliseconds.
    longest_ms: i64,
    group: usize,
}

/// Pictures that are cut at the same times.
struct Group {
    /// Index of its first picture.
    leader: usize,
    /// Key pictures that all of its members have, in ticks of the leader.
    keys: Vec<i64>,
    /// The longest segment of any member when it is cut alone, in milliseconds.
    longest_ms: i64,
}

/// A picture, cut.
pub(super) struct CutPicture {
    /// The samples that are packaged.
    pub selection: Selection,
    /// They are all of the selection.
    pub segments: Vec<Segment>,
    /// Pictures of one group have the same boundaries.
    pub group: usize,
}

impl<'a> Pictures<'a> {
    /// No pictures yet; segments aim at so many milliseconds.
    pub fn new(target_ms: i64, allow_misaligned: bool) -> Self {
        Self {
            target_ms,
            allow_misaligned,
            pictures: Vec::new(),
            groups: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds a picture to the group that it is aligned with, or makes a new one.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without a key picture; [`Error::InvalidInput`] when it is aligned with none and its
    /// input is another one: the error says where they part.
    pub fn add(&mut self, chosen: &Chosen<'a>) -> Result<(), Error> {
        let mut picture = Picture::of(chosen, self.target_ms)?;
        let joined = self
            .groups
            .iter_mut()
            .enumerate()
            .find_map(|(number, group)| {
                let leader = self.pictures.get(group.leader)?;
                group
                    .join(leader, &picture, self.target_ms)
                    .then_some(number)
            });
        picture.group = match joined {
            Some(number) => number,
            None => {
                self.explain(&picture)?;
                self.groups.push(Group {
                    leader: self.pictures.len(),
                    keys: picture.keys.clone(),
                    longest_ms: picture.longest_ms,
                });
                self.groups.len() - 1
            }
        };
        self.pictures.push(picture);
        Ok(())
    }

    /// Cuts all of them, in the order in which they were added.
    pub fn cut(&self) -> Vec<CutPicture> {
        let pictures = self.pictures.iter().filter_map(|picture| {
            let group = self.groups.get(picture.group)?;
            let leader = self.pictures.get(group.leader)?;
            let boundaries: Vec<i64> = leader
                .cut_at(self.target_ms, &group.keys)
                .iter()
                .filter_map(|segment| picture.key_near(segment.first_shown, leader))
                .collect();
            // The group's boundaries are cuts, however long the pieces are.
            Some(CutPicture {
                selection: picture.selection.clone(),
                segments: cut::at_times(
                    &picture.track.samples,
                    &picture.selection,
                    &picture.track.timing,
                    &boundaries,
                ),
                group: picture.group,
            })
        });
        pictures.collect()
    }

    /// Says where a picture parts from the first one: an error, or a warning where that is to be expected.
    fn explain(&mut self, picture: &Picture<'_>) -> Result<(), Error> {
        let Some(leader) = self.pictures.first() else {
            return Ok(());
        };
        let cuts = leader.cut_at(self.target_ms, &leader.keys);
        let starts: Vec<i64> = cuts.iter().map(|segment| segment.first_shown).collect();
        let missing = starts
            .iter()
            .filter(|time| picture.key_near(**time, leader).is_none());
        let times: Vec<String> = missing
            .clone()
            .take(TIMES_TOLD)
            .map(|time| format!("{:.3} s", *time as f64 / f64::from(leader.track.timescale)))
            .collect();
        let what = match times.is_empty() {
            true => "they do not last equally long".to_string(),
            false => format!(
                "{} of {} cuts of the first have no key picture in the other, at {}",
                missing.count(),
                starts.len(),
                times.join(", ")
            ),
        };
        let who = format!(
            "the pictures of input {} (track {}) and input {} (track {}) cannot be cut at the same times: {what}",
            leader.input + 1,
            leader.track.id,
            picture.input + 1,
            picture.track.id
        );
        if picture.input != leader.input && !self.allow_misaligned {
            return Err(Error::InvalidInput(format!(
                "{who}; encode them with key pictures at the same times, or allow it with --allow-misaligned"
            )));
        }
        self.warnings.push(Warning(format!(
            "{who}: they become sets of their own, between which players do not switch smoothly"
        )));
        Ok(())
    }
}

impl Group {
    /// Takes a picture in if enough key pictures are common to all.
    fn join(&mut self, leader: &Picture<'_>, picture: &Picture<'_>, target_ms: i64) -> bool {
        let near = |time: &&i64| picture.key_near(**time, leader).is_some();
        let keys: Vec<i64> = self.keys.iter().filter(near).copied().collect();
        let starts_alike = leader
            .keys
            .first()
            .is_some_and(|first| keys.first() == Some(first))
            && picture.key_near_first(leader);
        let longest_ms = self.longest_ms.max(picture.longest_ms);
        let most = longest_ms.max(2 * target_ms);
        let segments = leader.cut_at(target_ms, &keys);
        let ends_alike = (leader.end_ms() - picture.end_ms()).abs() <= target_ms / 2;
        if !starts_alike || !ends_alike || leader.longest_of(&segments) > most {
            return false;
        }
        self.keys = keys;
        self.longest_ms = longest_ms;
        true
    }
}

impl<'a> Picture<'a> {
    fn of(chosen: &Chosen<'a>, target_ms: i64) -> Result<Self, Error> {
        let track = chosen.track;
        let selection = Selection::of(&track.samples, &track.timing, track.timescale, true);
        let Some(selection) = selection else {
            let what = format!(
                "the picture (track {}) has no key frame to start at, or is not shown at all",
                track.id
            );
            return Err(Error::Unsupported(what));
        };
        let mut picture = Self {
            track,
            input: chosen.input,
            keys: cut::key_times(&track.samples, &selection, &track.timing),
            selection,
            longest_ms: 0,
            group: 0,
        };
        let alone = picture.cut_at(target_ms, &picture.keys);
        picture.longest_ms = picture.longest_of(&alone);
        Ok(picture)
    }

    /// Its segments when it is cut at some of its key pictures, shown at these times.
    fn cut_at(&self, target_ms: i64, keys: &[i64]) -> Vec<Segment> {
        let target = super::ticks(target_ms, self.track.timescale);
        let (table, timing) = (&self.track.samples, &self.track.timing);
        cut::at_key_frames(table, &self.selection, timing, target, keys)
    }

    /// When its key picture is shown that another picture shows at `time`, to a tick of the coarser clock.
    fn key_near(&self, time: i64, of: &Picture<'_>) -> Option<i64> {
        let (own, other) = (
            i128::from(self.track.timescale),
            i128::from(of.track.timescale),
        );
        let wanted = i128::from(time) * own;
        let tolerance = own.max(other);
        let behind = |key: &i64| i128::from(*key) * other + tolerance < wanted;
        let key = *self.keys.get(self.keys.partition_point(behind))?;
        (i128::from(key) * other <= wanted + tolerance).then_some(key)
    }

    /// Whether it begins where the other one does.
    fn key_near_first(&self, other: &Picture<'_>) -> bool {
        let near = other
            .keys
            .first()
            .and_then(|first| self.key_near(*first, other));
        near.is_some() && near == self.keys.first().copied()
    }

    fn ms(&self, ticks: i64) -> i64 {
        let ms = i128::from(ticks) * 1000 / i128::from(self.track.timescale);
        i64::try_from(ms).unwrap_or(i64::MAX)
    }

    fn end_ms(&self) -> i64 {
        let end = self.track.start_seconds + self.track.duration_seconds;
        (end * 1000.0) as i64
    }

    fn longest_of(&self, segments: &[Segment]) -> i64 {
        let lengths = segments.iter().map(|segment| segment.end - segment.start);
        self.ms(lengths.max().unwrap_or(0))
    }
}
