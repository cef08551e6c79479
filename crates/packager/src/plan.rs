//! The plan of a package: every boundary, name, key and IV, decided before a media byte is read.

mod align;
mod choice;
pub(crate) mod cut;
mod key_pictures;
mod keys;
mod outline;
mod periods;
mod render;
mod single_file;
mod text;
mod timeline;

use crate::cenc::protect::Protection;
use crate::cenc::systems::Signals;
use crate::init::TrackFacts;
use crate::movie::{Movie, Timing, Track, TrackKind, Warning};
use crate::sample::SampleTable;
use crate::{Error, FileLayout, KeyId, Options, Role};
use align::Pictures;
use choice::Chosen;
pub(crate) use cut::Segment;
use cut::Selection;
use key_pictures::KeyDurations;
use keys::KeyRing;
pub use outline::{Outline, RenditionOutline};
pub use render::{ObjectFacts, SegmentBuffer, WriteBytes};
use std::sync::Arc;
use timeline::Timeline;

/// A package, decided. Any object of it can be rendered alone, in any order, on any thread.
#[derive(Debug)]
pub struct Plan {
    renditions: Vec<Rendition>,
    pub(crate) tracks: Vec<PlannedTrack>,
    pub(crate) license_url: Option<String>,
    pub(crate) hls_key_url: Option<String>,
    layout: FileLayout,
    warnings: Vec<Warning>,
}

/// One output track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    /// Name of its folder (`video`, `audio`, `audio-fra`): unique in the package.
    pub name: String,
    /// Picture, sound or text.
    pub kind: TrackKind,
    /// Index of its movie among those that were planned.
    pub input: usize,
    /// The track of the input that it holds.
    pub track_id: u32,
    /// Number of its switching set: players may switch between the renditions of one.
    pub set: u32,
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
    /// Index of its source.
    pub input: usize,
    /// For the init segment.
    pub facts: TrackFacts,
    /// Where the samples are.
    pub samples: Arc<SampleTable>,
    /// How its samples are encrypted: one a crypto period, in order; none when it is clear. The first is in the sample
    /// entry.
    pub protections: Vec<Protection>,
    /// What protection systems say about its keys.
    pub signals: Signals,
    /// From the source's clock to the output's.
    pub timeline: Timeline,
    /// Its segments, in order.
    pub segments: Vec<Segment>,
    /// Number of samples.
    pub sample_count: u64,
    /// Number of samples before those of the first segment that are left out.
    pub first_sample: u64,
    /// Behind the end of the presentation, in ticks of the movie's timeline.
    pub end: i64,
    /// What init segments tell of the durations of its key pictures.
    key_pictures: Option<KeyDurations>,
    /// Whether the MPD lists its key pictures, for playing fast.
    pub trick_mode: bool,
}

/// One media object of a package: `segment` 0 is the init segment, 1 and up are `1.m4s`, …. Of a list of cues,
/// which needs no init segment, 0 is all of it in one file. Key pictures have an init segment of their own,
/// [`ObjectId::KEY_PICTURES`].
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

/// Decides a package from probed inputs.
///
/// # Errors
/// [`Error::Unsupported`] when no track can be packaged; [`Error::InvalidOptions`] when options
/// contradict each other; [`Error::InvalidInput`] when the sample tables do, or when pictures of different inputs
/// cannot be cut at the same times.
pub fn plan(movies: &[Movie], options: &Options) -> Result<Plan, Error> {
    let target_ms = check(options)?;
    if movies.is_empty() {
        return Err(Error::InvalidOptions("there is no input".into()));
    }
    let (chosen, warnings) = choice::choose(movies)?;
    for chosen in &chosen {
        check_length(chosen.track, target_ms)?;
    }
    let mut planner = Planner {
        target_ms,
        boundaries: None,
        keys: KeyRing::new(options),
        sets: Vec::new(),
        plan: Plan {
            renditions: Vec::new(),
            tracks: Vec::new(),
            license_url: options.license_url.clone(),
            hls_key_url: options.hls_key_url.clone(),
            layout: options.layout,
            warnings: choice::of_inputs(movies).chain(warnings).collect(),
        },
    };
    let (pictures, others): (Vec<_>, Vec<_>) = chosen
        .into_iter()
        .partition(|chosen| chosen.track.kind == TrackKind::Video);
    planner.add_pictures(&pictures, options.allow_misaligned)?;
    let (texts, sounds): (Vec<_>, Vec<_>) = others
        .into_iter()
        .partition(|chosen| chosen.track.kind == TrackKind::Text);
    for sound in &sounds {
        planner.add_sound(sound, &sound.track.timing)?;
    }
    // Text ends with picture and sound, so that these come first.
    for text in &texts {
        planner.add_text(text)?;
    }
    if planner.plan.tracks.is_empty() {
        let what = "the edit lists leave nothing of any track";
        return Err(Error::Unsupported(what.into()));
    }
    planner.stretch_text();
    planner.keys.check_names()?;
    planner.tell_of_clear_renditions();
    planner.plan.check_layout()?;
    planner.plan.choose_trick_modes();
    if let Some(scheme) = options
        .scheme
        .filter(|scheme| scheme.hls_method().is_none())
    {
        let what = format!(
            "no HLS playlists are written: HLS has no METHOD for '{}'",
            scheme.fourcc()
        );
        planner.plan.warnings.push(Warning(what));
        planner.plan.leave_out_segments_of_cues();
    }
    Ok(planner.plan)
}

/// How many content keys [`plan`] asks of each label for these inputs: one for each crypto period.
///
/// # Errors
/// Those of [`plan`], but for missing keys.
pub fn crypto_periods(movies: &[Movie], options: &Options) -> Result<usize, Error> {
    let clear = Options {
        scheme: None,
        content_keys: Vec::new(),
        ..options.clone()
    };
    let clear = plan(movies, &clear)?;
    let mut most = 0;
    for (rendition, track) in clear.renditions.iter().zip(&clear.tracks) {
        let facts = &track.facts;
        if options.encrypts(facts.kind) {
            let (timescale, kind) = (facts.timescale, facts.kind);
            let periods = periods::of_segments(&track.segments, timescale, kind, options);
            most = most.max(periods::keys_needed(&rendition.name, &periods)?);
        }
    }
    Ok(most)
}

/// How many segments a rendition may have: four days of segments of two seconds.
const MAX_SEGMENTS: f64 = 200_000.0;

/// Refuses what would make too many segments.
fn check_length(track: &Track, target_ms: i64) -> Result<(), Error> {
    let segments = track.duration_seconds * 1000.0 / target_ms as f64;
    match segments > MAX_SEGMENTS {
        true => Err(Error::LimitExceeded(format!(
            "track {}: {:.0} s in segments of {:.1} s are more than {MAX_SEGMENTS} segments",
            track.id,
            track.duration_seconds,
            target_ms as f64 / 1000.0
        ))),
        false => Ok(()),
    }
}

/// Refuses options that contradict each other; gives the length that segments aim at, in milliseconds.
fn check(options: &Options) -> Result<i64, Error> {
    let target_ms = options.segment_duration.as_millis();
    if !(100..=600_000).contains(&target_ms) {
        let what = "segments must aim at 0.1 to 600 seconds";
        return Err(Error::InvalidOptions(what.into()));
    }
    if options.scheme.is_some() == options.content_keys.is_empty() {
        let what = "a scheme needs a content key, and a content key a scheme";
        return Err(Error::InvalidOptions(what.into()));
    }
    keys::check(options)?;
    for url in [&options.license_url, &options.hls_key_url] {
        let breaks_a_playlist = |c: char| c == '"' || c.is_whitespace() || c.is_control();
        if url.iter().any(|url| url.contains(breaks_a_playlist)) {
            let what = "a URL holds a quotation mark, a space or a control character";
            return Err(Error::InvalidOptions(what.into()));
        }
    }
    Ok(target_ms as i64)
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
                if segment == 0 && self.has_key_init(rendition) {
                    let segment = ObjectId::KEY_PICTURES;
                    objects.push(ObjectId { rendition, segment });
                }
            }
        }
        objects
    }

    /// Path of an object in the package: `video/init.mp4`, `video/1.m4s`; or the file that holds it with others of its
    /// rendition: `video.mp4`. The init segment of key pictures: `video/iframes.mp4`, `video-iframes.mp4`. Of a list of cues: `text/subtitles.vtt`, `text/1.vtt`.
    pub fn path(&self, object: ObjectId) -> String {
        let name = self
            .renditions
            .get(object.rendition as usize)
            .map_or("", |rendition| &rendition.name);
        match (self.is_single_file(object.rendition), object.segment) {
            (true, ObjectId::KEY_PICTURES) => return format!("{name}-iframes.mp4"),
            (true, _) => return format!("{name}.mp4"),
            (false, ObjectId::KEY_PICTURES) => return format!("{name}/iframes.mp4"),
            (false, _) => {}
        }
        let track = self.tracks.get(object.rendition as usize);
        let is_list = track.is_some_and(|track| track.cues().is_some());
        match (object.segment, is_list) {
            (0, false) => format!("{name}/init.mp4"),
            (number, false) => format!("{name}/{number}.m4s"),
            (0, true) => format!("{name}/subtitles.vtt"),
            (number, true) => format!("{name}/{number}.vtt"),
        }
    }

    /// Bytes of media that an object takes from its source: for progress.
    pub fn weight(&self, object: ObjectId) -> u64 {
        self.segment(object).map_or(0, |segment| segment.bytes)
    }

    /// The manifests: MPD first, then the multivariant playlist, then one playlist a rendition.
    ///
    /// `facts` gives what [`Plan::render`] said of each object; bit rates come from it.
    ///
    /// # Errors
    /// [`Error::InvalidOptions`] when a size is missing (0).
    pub fn manifests(
        &self,
        facts: &dyn Fn(ObjectId) -> ObjectFacts,
    ) -> Result<Vec<Manifest>, Error> {
        crate::manifest::write(&crate::presentation::Presentation::of(self, facts)?)
    }

    fn segment(&self, object: ObjectId) -> Option<&Segment> {
        let track = self.tracks.get(object.rendition as usize)?;
        track
            .segments
            .get((object.segment as usize).checked_sub(1)?)
    }
}

/// What decides whether players may switch between two renditions.
struct SetFacts {
    kind: TrackKind,
    codec: String,
    /// Of pictures: the group that is cut at the same times. Of sound: the input, and the track if it has several.
    group: (usize, u32),
    language: String,
    role: Option<Role>,
    /// Width and height of the picture as shown, in lowest terms; 0 for sound.
    aspect: (u64, u64),
    /// Of the crypto periods.
    kids: Vec<KeyId>,
}

struct Planner<'a> {
    target_ms: i64,
    /// Starts of the first track's segments but the first, and its end; and their timescale.
    boundaries: Option<(Vec<i64>, u32)>,
    keys: KeyRing<'a>,
    /// Of the switching sets so far.
    sets: Vec<SetFacts>,
    plan: Plan,
}

impl Planner<'_> {
    fn add_pictures(&mut self, chosen: &[Chosen<'_>], allow_misaligned: bool) -> Result<(), Error> {
        let mut pictures = Pictures::new(self.target_ms, allow_misaligned);
        for chosen in chosen {
            pictures.add(chosen)?;
        }
        for (chosen, picture) in chosen.iter().zip(pictures.cut()) {
            let played = (&picture.selection, &chosen.track.timing);
            self.add(chosen, played, picture.segments, picture.group)?;
        }
        self.plan.warnings.append(&mut pictures.warnings);
        Ok(())
    }

    /// Adds a sound, or text in samples; `timing` says what is played of it.
    fn add_sound(&mut self, chosen: &Chosen<'_>, timing: &Timing) -> Result<(), Error> {
        let track = chosen.track;
        let table = &track.samples;
        let Some(selection) = Selection::of(table, timing, track.timescale, false) else {
            self.plan.warnings.push(Warning(format!(
                "track {} ({}) is left out: nothing of it is played",
                track.id, chosen.name
            )));
            return Ok(());
        };
        let target = ticks(self.target_ms, track.timescale);
        let boundaries = rescale(self.boundaries.as_ref(), track.timescale);
        let segments = cut::at_boundaries(table, &selection, timing, target, &boundaries);
        self.add(chosen, (&selection, timing), segments, 0)
    }

    fn add(
        &mut self,
        chosen: &Chosen<'_>,
        (selection, timing): (&Selection, &Timing),
        mut segments: Vec<Segment>,
        group: usize,
    ) -> Result<(), Error> {
        let track = chosen.track;
        let Some(facts) = TrackFacts::of(track) else {
            return Ok(());
        };
        check_order(&segments, selection.longest_sample, track)?;
        if let Some(open) = segments.iter().find(|segment| segment.sap_type() == 3) {
            self.plan.warnings.push(Warning(format!(
                "{}: its groups of pictures are open (the first at {:.3} s): some pictures need the segment before, so that players cannot switch or start there without a fault",
                chosen.name,
                open.first_shown as f64 / f64::from(track.timescale)
            )));
        }
        let last_end = segments.last().map_or(0, |segment| segment.end);
        let end = timing.end.map_or(last_end, |end| end.min(last_end));
        if self.boundaries.is_none() {
            let starts = segments.iter().skip(1).map(|segment| segment.start);
            self.boundaries = Some((starts.chain([end]).collect(), track.timescale));
        }
        let sample_count: u64 = segments
            .iter()
            .map(|segment| u64::from(segment.samples))
            .sum();
        let protections = self.keys.protect(&chosen.name, track, &mut segments)?;
        let signals = self.keys.signals(&protections)?;
        let set = self.set_of(chosen, group, &protections);
        self.plan.renditions.push(Rendition {
            name: chosen.name.clone(),
            kind: track.kind,
            input: chosen.input,
            track_id: track.id,
            set,
            codec: track.codec.rfc6381.clone(),
            segments: segments.len() as u32,
            encrypted: !protections.is_empty(),
        });
        self.plan.tracks.push(PlannedTrack {
            input: chosen.input,
            timeline: Timeline::starting_with(
                &segments,
                track.timing.shift,
                selection.lowest_composition_offset,
            ),
            end,
            first_sample: selection.cursor.index,
            samples: Arc::clone(&track.samples),
            facts,
            protections,
            signals,
            sample_count,
            key_pictures: KeyDurations::of(track, &segments, end),
            segments,
            trick_mode: false,
        });
        Ok(())
    }

    /// Nobody wants a package that is said to be encrypted and is not.
    fn tell_of_clear_renditions(&mut self) {
        let plan = &mut self.plan;
        for (rendition, track) in plan.renditions.iter().zip(&plan.tracks) {
            let all_clear = track.segments.iter().all(|s| s.protection.is_none());
            if rendition.encrypted && all_clear {
                let name = &rendition.name;
                let what = format!("the clear lead covers all of '{name}': nothing is encrypted");
                plan.warnings.push(Warning(what));
            }
        }
    }

    /// The number of the set that a rendition belongs to; a new one if there is none yet.
    fn set_of(&mut self, chosen: &Chosen<'_>, group: usize, protections: &[Protection]) -> u32 {
        let track = chosen.track;
        let facts = SetFacts {
            kind: track.kind,
            codec: match track.kind {
                TrackKind::Video => track.codec.fourcc.clone(),
                _ => track.codec.rfc6381.clone(),
            },
            group: match track.kind {
                TrackKind::Video => (group, 0),
                // Sounds of one file are different sounds; those of different files are qualities of one.
                TrackKind::Audio if chosen.alone => (0, u32::from(track.channels.unwrap_or(0))),
                _ => (chosen.input + 1, track.id),
            },
            language: track.language.clone(),
            role: track.role,
            aspect: track.presented_aspect(),
            kids: protections.iter().map(Protection::kid).collect(),
        };
        let known = self.sets.iter().position(|set| set.holds(&facts));
        known.unwrap_or_else(|| {
            self.sets.push(facts);
            self.sets.len() - 1
        }) as u32
    }
}

impl PlannedTrack {
    /// Whether some of its segments stay clear though others are encrypted.
    fn has_clear_lead(&self) -> bool {
        let clear = |segment: &Segment| segment.protection.is_none();
        !self.protections.is_empty() && self.segments.iter().any(clear)
    }
}

impl SetFacts {
    /// Whether a rendition with these facts belongs to the set.
    fn holds(&self, other: &Self) -> bool {
        let kind = |set: &Self| (set.kind, set.group, set.role);
        let facts = |set: &Self| (kind(set), set.codec.clone(), set.language.clone());
        // Sizes of a ladder are rounded to even numbers: shapes differ by a line or two.
        let (own, others) = (
            self.aspect.0 * other.aspect.1,
            other.aspect.0 * self.aspect.1,
        );
        let shaped_alike = own.abs_diff(others) * 50 <= own;
        // One may end a crypto period earlier.
        let keyed_alike = self.kids.is_empty() == other.kids.is_empty()
            && self.kids.iter().zip(&other.kids).all(|(a, b)| a == b);
        facts(self) == facts(other) && keyed_alike && shaped_alike
    }
}

/// Milliseconds in ticks.
fn ticks(ms: i64, timescale: u32) -> i64 {
    ms * i64::from(timescale) / 1000
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

/// Refuses samples that are shown in no order in which segments follow each other: what is shown of one ends where the
/// next begins, give or take the longest sample.
fn check_order(segments: &[Segment], longest: u32, track: &Track) -> Result<(), Error> {
    let fits = |first: &Segment, second: &Segment| {
        let gap = second.start.saturating_sub(first.end);
        first.start < second.start && gap.unsigned_abs() <= u64::from(longest) + 1
    };
    let wrong = segments.windows(2).find_map(|pair| match pair {
        [first, second] if !fits(first, second) => Some(second),
        _ => None,
    });
    let Some(wrong) = wrong else {
        return Ok(());
    };
    Err(Error::InvalidInput(format!(
        "track {}: its samples are shown in no sensible order: those from {:.3} s on do not follow the ones before",
        track.id,
        wrong.start as f64 / f64::from(track.timescale)
    )))
}

#[cfg(test)]
mod tests;
