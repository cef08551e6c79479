//! The plan of a package: every boundary, name, key and IV, decided before a media byte is read.

mod cut;
mod render;
mod timeline;

use crate::cenc::cipher::Cipher;
use crate::cenc::protect::Protection;
use crate::init::TrackFacts;
use crate::movie::{Movie, Packageable, Track, TrackKind, Warning};
use crate::sample::SampleTable;
use crate::{EncryptScope, Error, Options, Scheme};
pub(crate) use cut::Segment;
use cut::Selection;
pub use render::SegmentBuffer;
use std::collections::BTreeMap;
use std::sync::Arc;
use timeline::Timeline;

/// A package, decided. Any object of it can be rendered alone, in any order, on any thread.
#[derive(Debug)]
pub struct Plan {
    renditions: Vec<Rendition>,
    pub(crate) tracks: Vec<PlannedTrack>,
    pub(crate) license_url: Option<String>,
    pub(crate) hls_key_url: Option<String>,
    warnings: Vec<Warning>,
}

/// One output track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// Name of its folder (`video`, `audio`, `audio-fra`): unique in the package.
    pub name: String,
    /// The track of the input that it holds.
    pub track_id: u32,
    /// RFC 6381 codec string.
    pub codec: String,
    /// Number of media segments (the init segment is not counted).
    pub segments: u32,
    /// Whether its samples are encrypted.
    pub encrypted: bool,
}

/// What the plan knows of a rendition beyond its [`Rendition`].
#[derive(Debug)]
pub(crate) struct PlannedTrack {
    /// For the init segment.
    pub facts: TrackFacts,
    /// Where the samples are.
    samples: Arc<SampleTable>,
    /// How its samples are encrypted.
    pub protection: Option<Protection>,
    /// From the source's clock to the output's.
    pub timeline: Timeline,
    /// Its segments, in order.
    pub segments: Vec<Segment>,
    /// Number of samples.
    pub sample_count: u64,
    /// Number of samples before those of the first segment that are left out.
    first_sample: u64,
    /// Behind the end of the presentation, in ticks of the movie's timeline.
    pub end: i64,
}

/// One media object of a package: `segment` 0 is the init segment, 1 and up are `1.m4s`, ….
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId {
    /// Index into [`Plan::renditions`].
    pub rendition: u32,
    /// 0 is the init segment.
    pub segment: u32,
}

/// A manifest or playlist, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Path in the package: `stream.mpd`, `master.m3u8`, `video/playlist.m3u8`.
    pub path: String,
    /// The text of the file.
    pub text: String,
}

/// How much of the input one segment may hold, in bytes.
const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// Decides a package from probed inputs. One movie, for now.
///
/// # Errors
/// [`Error::Unsupported`] when no track can be packaged; [`Error::InvalidOptions`] when options
/// contradict each other; [`Error::InvalidInput`] when the sample tables do.
pub fn plan(movies: &[Movie], options: &Options) -> Result<Plan, Error> {
    let [movie] = movies else {
        let what = "exactly one input makes a package in this version";
        return Err(Error::InvalidOptions(what.into()));
    };
    let target_ms = options.segment_duration.as_millis();
    if !(100..=600_000).contains(&target_ms) {
        let what = "segments must aim at 0.1 to 600 seconds";
        return Err(Error::InvalidOptions(what.into()));
    }
    if options.scheme.is_some() != options.content_key.is_some() {
        let what = "a scheme needs a content key, and a content key a scheme";
        return Err(Error::InvalidOptions(what.into()));
    }
    for url in [&options.license_url, &options.hls_key_url] {
        let breaks_a_playlist = |c: char| c == '"' || c.is_whitespace() || c.is_control();
        if url.iter().any(|url| url.contains(breaks_a_playlist)) {
            let what = "a URL holds a quotation mark, a space or a control character";
            return Err(Error::InvalidOptions(what.into()));
        }
    }
    let (chosen, warnings) = choose_tracks(movie)?;
    let mut planner = Planner {
        options,
        target_ms: target_ms as i64,
        boundaries: None,
        first_iv: first_iv(options),
        plan: Plan {
            renditions: Vec::new(),
            tracks: Vec::new(),
            license_url: options.license_url.clone(),
            hls_key_url: options.hls_key_url.clone(),
            warnings: movie.warnings.iter().cloned().chain(warnings).collect(),
        },
    };
    for (track, name) in chosen.iter().zip(names(&chosen)) {
        planner.add(track, name)?;
    }
    if planner.plan.tracks.is_empty() {
        let what = "the edit lists leave nothing of any track";
        return Err(Error::Unsupported(what.into()));
    }
    Ok(planner.plan)
}

impl Plan {
    /// The output tracks, picture first.
    pub fn renditions(&self) -> &[Rendition] {
        &self.renditions
    }

    /// What people should know: tracks left out, cuts that could not be kept.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// Every media object, in the order of time: init segments first.
    pub fn objects(&self) -> Vec<ObjectId> {
        let last = self
            .renditions
            .iter()
            .map(|rendition| rendition.segments)
            .max();
        let mut objects = Vec::new();
        for segment in 0..=last.unwrap_or(0) {
            for (rendition, facts) in (0..).zip(&self.renditions) {
                if segment <= facts.segments {
                    objects.push(ObjectId { rendition, segment });
                }
            }
        }
        objects
    }

    /// Path of an object in the package: `video/init.mp4`, `video/1.m4s`.
    pub fn path(&self, object: ObjectId) -> String {
        let name = self
            .renditions
            .get(object.rendition as usize)
            .map_or("", |rendition| &rendition.name);
        match object.segment {
            0 => format!("{name}/init.mp4"),
            number => format!("{name}/{number}.m4s"),
        }
    }

    /// Bytes of media that an object takes from its source: for progress.
    pub fn weight(&self, object: ObjectId) -> u64 {
        self.segment(object).map_or(0, |segment| segment.bytes)
    }

    /// The manifests: MPD first, then the multivariant playlist, then one playlist a rendition.
    ///
    /// `sizes` gives each object's length in bytes as written; bit rates come from it.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when a size is missing (0).
    pub fn manifests(&self, sizes: &dyn Fn(ObjectId) -> u64) -> Result<Vec<Manifest>, Error> {
        crate::manifest::write(&crate::presentation::Presentation::of(self, sizes)?)
    }

    fn segment(&self, object: ObjectId) -> Option<&Segment> {
        let track = self.tracks.get(object.rendition as usize)?;
        track
            .segments
            .get((object.segment as usize).checked_sub(1)?)
    }
}

/// The picture and every sound that can be packaged; what is left out is named.
fn choose_tracks(movie: &Movie) -> Result<(Vec<&Track>, Vec<Warning>), Error> {
    let packageable = |kind: TrackKind| {
        let tracks = movie.tracks.iter();
        tracks.filter(move |track| track.kind == kind && track.packageable == Packageable::Yes)
    };
    let picture = packageable(TrackKind::Video)
        .find(|track| track.header.enabled)
        .or_else(|| packageable(TrackKind::Video).next());
    let chosen: Vec<&Track> = picture
        .into_iter()
        .chain(packageable(TrackKind::Audio).filter(|track| picture.is_none() || !is_mp3(track)))
        .collect();
    let mut warnings = Vec::new();
    for track in &movie.tracks {
        if chosen.iter().any(|other| std::ptr::eq(*other, track)) {
            continue;
        }
        let reason = match &track.packageable {
            Packageable::No(reason) => reason.as_str(),
            Packageable::Yes if is_mp3(track) => {
                "no browser plays MP3 in MP4, and would not play the picture beside it either: convert the sound to AAC"
            }
            Packageable::Yes => "this version packages one picture track",
        };
        warnings.push(Warning(format!(
            "track {} ({}, {}) is left out: {reason}",
            track.id,
            track.kind.name(),
            track.codec.rfc6381
        )));
    }
    if chosen.is_empty() {
        let reasons: Vec<&str> = warnings.iter().map(|warning| warning.0.as_str()).collect();
        return Err(Error::Unsupported(match reasons.is_empty() {
            true => "the file has no track".into(),
            false => format!(
                "nothing in the file can be packaged: {}",
                reasons.join("; ")
            ),
        }));
    }
    let has_other_picture = movie
        .tracks
        .iter()
        .any(|track| track.kind == TrackKind::Video && track.entry.is_none());
    if picture.is_none() && has_other_picture {
        let reasons: Vec<&str> = warnings.iter().map(|warning| warning.0.as_str()).collect();
        let what = format!("the picture cannot be packaged: {}", reasons.join("; "));
        return Err(Error::Unsupported(what));
    }
    Ok((chosen, warnings))
}

/// Whether a track is MP3, which is packaged alone only: players refuse a presentation whose sound they do not
/// know (tried in Chromium 156, clear and encrypted).
fn is_mp3(track: &Track) -> bool {
    matches!(track.codec.rfc6381.as_str(), "mp4a.69" | "mp4a.6B")
}

/// Folder names: `video`, `audio`, or `audio-<language>` when there are several.
fn names(tracks: &[&Track]) -> Vec<String> {
    let sounds = tracks
        .iter()
        .filter(|track| track.kind == TrackKind::Audio)
        .count();
    let mut used: BTreeMap<String, u32> = BTreeMap::new();
    let mut name = |track: &&Track| {
        let name = match track.kind {
            TrackKind::Video => "video".to_string(),
            _ if sounds == 1 => "audio".to_string(),
            _ => format!("audio-{}", track.language),
        };
        let count = used.entry(name.clone()).or_default();
        *count += 1;
        match *count {
            1 => name,
            nth => format!("{name}-{nth}"),
        }
    };
    tracks.iter().map(&mut name).collect()
}

/// The IV of the first sample under `cenc`: random, so that packaging again uses other key stream.
fn first_iv(options: &Options) -> u64 {
    let block = Cipher::new(&options.iv_seed).encrypt_block([0xff; 16]);
    u64::from_be_bytes(block.first_chunk().copied().unwrap_or_default())
}

struct Planner<'a> {
    options: &'a Options,
    target_ms: i64,
    /// Starts of the first track's segments but the first, and its end; and their timescale.
    boundaries: Option<(Vec<i64>, u32)>,
    /// Not yet used by any rendition under `cenc`.
    first_iv: u64,
    plan: Plan,
}

impl Planner<'_> {
    fn add(&mut self, track: &Track, name: String) -> Result<(), Error> {
        let is_video = track.kind == TrackKind::Video;
        let Some(facts) = TrackFacts::of(track) else {
            return Ok(());
        };
        let table = &track.samples;
        let Some(selection) = Selection::of(table, &track.timing, track.timescale, is_video) else {
            if is_video {
                let what = format!(
                    "the picture (track {}) has no key frame to start at",
                    track.id
                );
                return Err(Error::Unsupported(what));
            }
            let what = format!(
                "track {} (audio) is left out: its edit list shows nothing",
                track.id
            );
            self.plan.warnings.push(Warning(what));
            return Ok(());
        };
        let target = self.target_ms * i64::from(track.timescale) / 1000;
        let segments = match &self.boundaries {
            None if is_video => cut::at_key_frames(table, &selection, &track.timing, target),
            boundaries => {
                let boundaries = rescale(boundaries.as_ref(), track.timescale);
                cut::at_boundaries(table, &selection, &track.timing, target, &boundaries)
            }
        };
        check_segments(&segments, track)?;
        let last_end = segments.last().map_or(0, |segment| segment.end);
        let end = track.timing.end.map_or(last_end, |end| end.min(last_end));
        if self.boundaries.is_none() {
            let starts = segments.iter().skip(1).map(|segment| segment.start);
            self.boundaries = Some((starts.chain([end]).collect(), track.timescale));
        }
        let sample_count: u64 = segments
            .iter()
            .map(|segment| u64::from(segment.samples))
            .sum();
        let protection = self.protection(is_video, sample_count);
        self.plan.renditions.push(Rendition {
            name,
            track_id: track.id,
            codec: track.codec.rfc6381.clone(),
            segments: segments.len() as u32,
            encrypted: protection.is_some(),
        });
        self.plan.tracks.push(PlannedTrack {
            timeline: Timeline::starting_with(
                &segments,
                track.timing.shift,
                selection.lowest_composition_offset,
            ),
            end,
            first_sample: selection.cursor.index,
            samples: Arc::clone(table),
            facts,
            protection,
            sample_count,
            segments,
        });
        Ok(())
    }

    fn protection(&mut self, is_video: bool, sample_count: u64) -> Option<Protection> {
        let scheme = self.options.scheme?;
        let content_key = self.options.content_key.clone()?;
        if self.options.encrypt == EncryptScope::Video && !is_video {
            return None;
        }
        let iv = match scheme {
            Scheme::Cbcs => {
                let number = self.plan.tracks.len() as u128;
                Cipher::new(&self.options.iv_seed).encrypt_block(number.to_be_bytes())
            }
            Scheme::Cenc => {
                let first = self.first_iv;
                self.first_iv = first.wrapping_add(sample_count);
                (u128::from(first) << 64).to_be_bytes()
            }
        };
        Some(Protection {
            scheme,
            content_key,
            iv,
            is_video,
        })
    }
}

/// The boundaries of the leading track in ticks of another.
fn rescale(boundaries: Option<&(Vec<i64>, u32)>, timescale: u32) -> Vec<i64> {
    let Some((boundaries, from)) = boundaries else {
        return Vec::new();
    };
    let to = |ticks: &i64| {
        let ticks = i128::from(*ticks) * i128::from(timescale) / i128::from(*from);
        i64::try_from(ticks).unwrap_or(i64::MAX)
    };
    boundaries.iter().map(to).collect()
}

fn check_segments(segments: &[Segment], track: &Track) -> Result<(), Error> {
    let largest = segments
        .iter()
        .map(|segment| segment.bytes)
        .max()
        .unwrap_or(0);
    if largest > MAX_SEGMENT_BYTES {
        return Err(Error::LimitExceeded(format!(
            "track {}: a segment would hold {largest} bytes, more than {MAX_SEGMENT_BYTES}: its key frames lie too far apart",
            track.id
        )));
    }
    let ordered = segments.windows(2).all(|pair| match pair {
        [first, second] => first.start < second.start,
        _ => true,
    });
    if !ordered {
        let what = format!(
            "track {}: its samples are shown in no sensible order",
            track.id
        );
        return Err(Error::InvalidInput(what));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
