//! The first look at a video of which a ladder is ordered: what is copied out of it, how hard it is to code, and with that
//! all that is decided before encoding begins.

use crate::captions;
use crate::complexity::measure;
use crate::convert::{Subtitles, beside, webvtt};
use crate::encode::{Look, Pictures};
use crate::encoding::{Encoding, Origin, PictureInput, SoundOutput};
use crate::grid;
use crate::judge::{Complaints, Treatment, judge};
use crate::ladder::{self, LadderPlan, Picture};
use crate::order::Order;
use crate::probe::{Facts, Text, Track, TrackKind, Video, input};
use crate::profile::{Profile, VideoCodec};
use crate::repeats;
use crate::run::{Control, Limits, Task};
use crate::sniff::Container;
use crate::tools::{Program, Tools};
use crate::{Error, Result};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Most sounds of a file that are encoded.
const MAX_SOUNDS: usize = 8;
/// The clock of rungs where nothing better is known.
const USUAL_CLOCK: u32 = 90_000;
/// How many times as many seconds as a profile wants may lie between key pictures of a source that is a rung.
const LONGEST_GOPS: f64 = 3.0;
/// Most pictures a second where the rate varies.
const DENSEST: f64 = 240.0;

/// What is there when encoding begins.
#[derive(Debug)]
pub struct Prepared {
    /// All that is decided.
    pub encoding: Encoding,
    /// The pictures of the source in MP4, when the delivered file is another container: what is read from, and the rung
    /// that is the source.
    pub copy: Option<PathBuf>,
    /// A file for each track of text of another container.
    pub subtitles: Vec<Subtitles>,
}

/// How much may work on an encoding at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Cores in all.
    pub cores: usize,
    /// Chunks at once.
    pub workers: usize,
}

impl Share {
    /// Threads of an encoder when there are so many chunks.
    fn threads(self, chunks: usize) -> u32 {
        let at_once = self.workers.min(chunks).max(1);
        u32::try_from(self.cores / at_once).unwrap_or(1).max(1)
    }
}

/// Looks at a delivered file and decides. `complaints` are about it as it is: then it is no rung. What is copied lies in `folder`, which is empty.
///
/// # Errors
/// [`Error::InvalidInput`] when neither picture nor sound is in it; those of [`Tools::run`].
#[allow(clippy::too_many_arguments, reason = "each is a part of its own")]
pub fn prepare(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    order: &Order,
    complaints: &Complaints,
    share: Share,
    folder: &Path,
    look: Look<'_>,
    control: &dyn Control,
) -> Result<Prepared> {
    let folder = folder
        .canonicalize()
        .map_err(Error::io("find the folder"))?;
    let path = path.canonicalize().map_err(Error::io("find the file"))?;
    let plain = repeats::without(&path, facts.container, beside(&folder))?;
    let work = Work {
        tools,
        path: plain.as_ref().map_or(path, |plain| plain.path().to_owned()),
        facts,
        order,
        complaints,
        share,
        folder,
        look,
        control,
    };
    let mut subtitles = work.subtitles()?;
    let captions = work.captions()?;
    subtitles.extend(captions.0);
    let mut words = captions.1;
    let sounds = work.facts.tracks.iter().filter_map(channels).max();
    let Some((track, video)) = work.main_picture() else {
        let plan = work.order.sounds(sounds.unwrap_or(0));
        if plan.is_empty() {
            return Err(Error::InvalidInput(
                "the file has neither picture nor sound that can be used".into(),
            ));
        }
        let ladder = LadderPlan {
            gop_seconds: work.gop_seconds(),
            source: false,
            rungs: Vec::new(),
            sounds: plan,
        };
        let encoding = work.encoding(ladder, None, Vec::new(), words);
        return Ok(Prepared {
            encoding,
            copy: None,
            subtitles,
        });
    };
    let copy = work.copy(track)?;
    let mut encoding = work.decide(track, video, copy.as_deref(), sounds.unwrap_or(0))?;
    encoding.notes.append(&mut words);
    Ok(Prepared {
        encoding,
        copy,
        subtitles,
    })
}

struct Work<'a> {
    tools: &'a Tools,
    path: PathBuf,
    facts: &'a Facts,
    order: &'a Order,
    complaints: &'a Complaints,
    share: Share,
    folder: PathBuf,
    look: Look<'a>,
    control: &'a dyn Control,
}

/// What is known of when pictures are.
struct Times {
    clock: u32,
    start: i64,
    end: i64,
    /// Ticks of a picture, when all last as long.
    step: Option<i64>,
}

impl<'a> Work<'a> {
    fn main_picture(&self) -> Option<(&'a Track, &'a Video)> {
        self.facts
            .tracks
            .iter()
            .find_map(|track| match &track.kind {
                TrackKind::Video(video) if video.width > 0 && video.height > 0 => {
                    Some((track, video))
                }
                _ => None,
            })
    }

    fn gop_seconds(&self) -> f64 {
        match self.order {
            Order::Profile(profile) => profile.gop_seconds,
            Order::None | Order::Auto => 2.0,
        }
    }

    /// Text of other containers than MP4, which the engine does not read, as WebVTT.
    fn subtitles(&self) -> Result<Vec<Subtitles>> {
        let is_text = |track: &&Track| track.kind == TrackKind::Text(Text::Characters);
        let tracks: Vec<_> = self.facts.tracks.iter().filter(is_text).collect();
        if tracks.is_empty() || self.facts.container == Container::Mp4 {
            return Ok(Vec::new());
        }
        let mut arguments = input(self.facts.container, &self.path);
        let mut subtitles = Vec::new();
        for track in tracks {
            let (words, text) = webvtt(track, &self.folder);
            arguments.extend(words);
            subtitles.push(text);
        }
        self.run(arguments)?;
        Ok(subtitles)
    }

    /// Closed captions within the picture, as WebVTT; or why they are left out.
    fn captions(&self) -> Result<(Option<Subtitles>, Vec<String>)> {
        let found = captions::write(
            self.tools,
            &self.path,
            self.facts,
            &self.folder,
            self.control,
        );
        match found {
            Ok(found) => Ok((found, Vec::new())),
            Err(error @ (Error::InvalidInput(_) | Error::Unsupported(_) | Error::Tool(_))) => {
                let note = format!("closed captions within the picture are left out: {error}");
                Ok((None, vec![note]))
            }
            Err(error) => Err(error),
        }
    }

    fn run(&self, arguments: Vec<OsString>) -> Result<()> {
        let task = Task {
            program: Program::Ffmpeg,
            arguments,
            reads: std::slice::from_ref(&self.path),
            writes: Some(&self.folder),
            limits: Limits::MAKE,
        };
        self.tools.run(&task, self.control).map(|_| ())
    }

    /// Copies pictures into MP4, where the engine reads them and any time is found at once; `None` where they need no copy,
    /// or MP4 does not hold them.
    fn copy(&self, track: &Track) -> Result<Option<PathBuf>> {
        let is_taken = self.is_taken(track)?;
        // Matroska has an index as well.
        let needless = match self.facts.container {
            Container::Mp4 => true,
            Container::Matroska => !is_taken,
            _ => false,
        };
        if needless {
            return Ok(None);
        }
        let tag = if track.codec == "hevc" {
            "-tag:v hvc1 "
        } else {
            ""
        };
        let (name, form) = match is_taken {
            true => ("pictures.mp4", "mp4"),
            false => ("pictures.mov", "mov"),
        };
        let mut arguments = vec![OsString::from("-fflags"), "+genpts".into()];
        arguments.extend(input(self.facts.container, &self.path));
        let words = format!(
            "-map 0:{} -c copy {tag}-map_metadata -1 -map_chapters -1 -f {form} {name}",
            track.index
        );
        arguments.extend(words.split(' ').map(OsString::from));
        let file = self.folder.join(name);
        match self.run(arguments) {
            Ok(()) => {}
            // Then they are read from the delivered file, from its beginning to its end.
            Err(Error::InvalidInput(_) | Error::Unsupported(_) | Error::Tool(_)) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
        Ok((!is_taken || (self.look)(&file).is_some()).then_some(file))
    }

    fn is_taken(&self, track: &Track) -> Result<bool> {
        let conversion = judge(self.facts, self.complaints)?;
        let mut verdicts = conversion.verdicts.iter();
        let own = verdicts.find(|verdict| verdict.index == track.index);
        Ok(own.is_some_and(|verdict| verdict.treatment == Treatment::Copy))
    }

    fn decide(
        &self,
        track: &Track,
        video: &Video,
        copy: Option<&Path>,
        sounds: u32,
    ) -> Result<Encoding> {
        let read = copy.unwrap_or(&self.path);
        let seen = (self.look)(read).filter(|_| self.is_taken(track).unwrap_or(false));
        let times = self.times(track, video, seen.as_ref());
        let (grid, why_not) = self.source_grid(video, seen.as_ref(), &times);
        let source = grid.is_some();
        let mut pictures = self.picture_input(track, video, copy, &times);
        // The times of a source that is a rung are the times of all.
        if source || self.facts.container == Container::Mp4 {
            pictures.rate = None;
        }
        let keys = grid.unwrap_or_else(|| self.regular_grid(video, &times));
        pictures.gop_pictures = countable(&keys, &times);

        let picture = self.picture(track, video, seen.as_ref());
        let mut ladder = self.ladder(read, &pictures, &picture, sounds)?;
        ladder.source = source;
        if source {
            ladder.drop_what_the_source_is(&picture, codec(&track.codec));
        }
        let by_counting = ladder
            .rungs
            .iter()
            .any(|rung| rung.codec == VideoCodec::Av1);
        let each = by_counting && pictures.gop_pictures.is_none();
        let rate = video.frame_rate.clamp(0.1, DENSEST);
        let mut chunks = grid::chunks(&keys, times.end, times.clock, rate, each);
        if !can_seek(pictures.container) && chunks.len() > 1 {
            chunks = vec![grid::whole(&chunks)];
        }
        if ladder.rungs.is_empty() {
            chunks.clear();
        }
        pictures.threads = self.share.threads(chunks.len());
        let notes = notes(&ladder, why_not);
        Ok(self.encoding(ladder, Some(pictures), chunks, notes))
    }

    fn times(&self, track: &Track, video: &Video, seen: Option<&Pictures>) -> Times {
        let rate = video.rate.filter(|(over, _)| *over <= 1_000_000);
        if let Some(seen) = seen {
            let clock = grid::clock(seen.timescale);
            let factor = i64::from(clock / seen.timescale.max(1));
            let start = seen.keys.first().copied().unwrap_or(0) * factor;
            let end = seen.end * factor;
            let step = rate.and_then(|rate| exact_step(clock, rate));
            // The file says that the rate is constant; all of its pictures must have room in it.
            let fits = |step: &i64| ((end - start) - step * seen.count as i64).abs() <= *step;
            return Times {
                clock,
                start,
                end,
                step: step.filter(fits),
            };
        }
        let clock = rate.map_or(USUAL_CLOCK, |(over, _)| grid::clock(over));
        let ticks = |seconds: f64| (seconds * f64::from(clock)).round() as i64;
        let begins = self.facts.tracks.iter().map(|track| track.start);
        let zero = match self.facts.container {
            Container::Mp4 => 0.0,
            _ => begins.fold(f64::INFINITY, f64::min),
        };
        let start = ticks((track.start - zero).max(0.0));
        Times {
            clock,
            start,
            end: ticks(self.facts.seconds).max(start + 1),
            step: rate.and_then(|rate| exact_step(clock, rate)),
        }
    }

    /// The key pictures of the source when it can be a rung as it is; else why not, when that is worth a word.
    fn source_grid(
        &self,
        video: &Video,
        seen: Option<&Pictures>,
        times: &Times,
    ) -> (Option<Vec<i64>>, Option<String>) {
        let wanted = match self.order {
            Order::Profile(profile) => profile.source,
            Order::None | Order::Auto => true,
        };
        let Some(seen) = seen.filter(|_| wanted) else {
            return (None, None);
        };
        let no = |why: &str| (None, Some(format!("the source itself is no rung: {why}")));
        if video.interlaced {
            return no("its half pictures are made whole");
        }
        if video.rotation != 0 || (video.pixel_aspect - 1.0).abs() > 0.001 {
            return no("it is turned, or its pixels are not square, which the other rungs are not");
        }
        if !seen.closed {
            return no("pictures behind its key pictures need what is before them");
        }
        let factor = i64::from(times.clock / seen.timescale.max(1));
        let keys: Vec<i64> = seen.keys.iter().map(|key| key * factor).collect();
        let second = f64::from(times.clock);
        let gop = self.gop_seconds() * second;
        let longest = gop * LONGEST_GOPS;
        match grid::of_source(&keys, times.end, gop as i64, longest as i64) {
            Some(grid) => (Some(grid), None),
            None => no(&format!(
                "its key pictures are further apart than {:.1} s",
                longest / second
            )),
        }
    }

    fn regular_grid(&self, video: &Video, times: &Times) -> Vec<i64> {
        let gop = self.gop_seconds();
        let step = match (times.step, video.rate) {
            (Some(step), Some((over, under))) => {
                let pictures = (gop * f64::from(over) / f64::from(under)).round().max(1.0);
                step * pictures as i64
            }
            _ => (gop * f64::from(times.clock)) as i64,
        };
        grid::regular(times.start, times.end, step)
    }

    fn picture_input(
        &self,
        track: &Track,
        video: &Video,
        copy: Option<&Path>,
        times: &Times,
    ) -> PictureInput {
        let is_copy = copy.is_some();
        let container = if is_copy {
            Container::Mp4
        } else {
            self.facts.container
        };
        let exact = video.rate.filter(|_| times.step.is_some());
        PictureInput {
            origin: if is_copy {
                Origin::Copy
            } else {
                Origin::Delivered
            },
            container,
            track: if is_copy { 0 } else { track.index },
            from_zero: container != Container::Mp4,
            clock: times.clock,
            rate: exact,
            gop_pictures: None,
            densest: exact.map_or(DENSEST, |(over, under)| f64::from(over) / f64::from(under)),
            deinterlace: video.interlaced,
            full_range: video.range == "pc",
            threads: self.share.threads(1),
        }
    }

    fn picture(&self, track: &Track, video: &Video, seen: Option<&Pictures>) -> Picture {
        let bytes = std::fs::metadata(&self.path).map_or(0, |found| found.len());
        let average = match self.facts.seconds > 0.0 {
            true => (bytes as f64 * 8.0 / self.facts.seconds) as u64,
            false => 0,
        };
        let counted = seen.map(|seen| {
            let seconds = seen.end as f64 / f64::from(seen.timescale.max(1));
            seen.count as f64 / seconds.max(0.001)
        });
        let told = Some(video.frame_rate).filter(|rate| *rate > 0.0);
        Picture {
            width: video.width,
            height: video.height,
            pixel_aspect: video.pixel_aspect,
            rotation: video.rotation,
            frame_rate: told.or(counted).unwrap_or(25.0),
            hdr: video.is_hdr(),
            bit_rate: if track.bit_rate > 0 {
                track.bit_rate
            } else {
                average
            },
        }
    }

    fn ladder(
        &self,
        read: &Path,
        pictures: &PictureInput,
        picture: &Picture,
        sounds: u32,
    ) -> Result<LadderPlan> {
        let seconds = Some(self.facts.seconds)
            .filter(|seconds| *seconds > 0.0 && can_seek(pictures.container));
        let size = ladder::shown(picture);
        let complexity = measure(
            self.tools,
            read,
            pictures,
            size,
            seconds,
            &self.folder,
            self.control,
        )?;
        Ok(match self.order {
            Order::Profile(profile) => ladder::of_profile(profile, picture, sounds, &complexity),
            Order::None | Order::Auto => ladder::auto(picture, sounds, &complexity),
        })
    }

    fn encoding(
        &self,
        ladder: LadderPlan,
        pictures: Option<PictureInput>,
        chunks: Vec<grid::Chunk>,
        mut notes: Vec<String>,
    ) -> Encoding {
        let sounds = self.sounds(&ladder, &mut notes);
        Encoding {
            ladder,
            pictures,
            chunks,
            sounds,
            notes,
        }
    }

    /// Every sound of the source in every form that is wanted and that it has.
    fn sounds(&self, ladder: &LadderPlan, notes: &mut Vec<String>) -> Vec<SoundOutput> {
        let tracks = self.facts.tracks.iter();
        let tracks: Vec<_> = tracks
            .filter_map(|track| Some((track, channels(track)?)))
            .collect();
        if let Some((first, _)) = tracks.get(MAX_SOUNDS) {
            notes.push(format!(
                "the file has more than {MAX_SOUNDS} sounds: those from track {} on are left out",
                first.index
            ));
        }
        let mut outputs: Vec<SoundOutput> = Vec::new();
        for (track, has) in tracks.into_iter().take(MAX_SOUNDS) {
            let fits = |wish: &&ladder::Sound| wish.channels <= 2 || wish.channels <= has;
            let mut wishes: Vec<_> = ladder.sounds.iter().filter(fits).collect();
            if wishes.is_empty() {
                wishes.extend(ladder.sounds.last());
            }
            for wish in wishes {
                let made = wish.channels.min(if has >= 6 { has } else { has.min(2) });
                let loudness = self.complaints.loudness;
                let as_it_is = *self.order == Order::Auto
                    && loudness.is_none()
                    && track.codec == "aac"
                    && has == made
                    && (1..=wish.bitrate + wish.bitrate / 4).contains(&track.bit_rate);
                outputs.push(SoundOutput {
                    track: track.index,
                    language: track.language.clone(),
                    codec: (!as_it_is).then_some(wish.codec),
                    channels: made,
                    bitrate: wish.bitrate,
                    loudness,
                });
            }
        }
        outputs
    }
}

impl Order {
    fn sounds(&self, channels: u32) -> Vec<ladder::Sound> {
        match self {
            Self::Profile(Profile { audio, .. }) => ladder::sounds_of_profile(audio, channels),
            Self::None | Self::Auto => ladder::usual_sounds(channels),
        }
    }
}

fn channels(track: &Track) -> Option<u32> {
    match &track.kind {
        TrackKind::Audio(audio) if audio.channels > 0 => Some(audio.channels),
        _ => None,
    }
}

/// Whether any time of a file is found at once, at the key picture before it.
fn can_seek(container: Container) -> bool {
    matches!(container, Container::Mp4 | Container::Matroska)
}

/// Ticks of a picture when they are a whole number.
fn exact_step(clock: u32, (over, under): (u32, u32)) -> Option<i64> {
    let ticks = u64::from(clock) * u64::from(under);
    let over = u64::from(over.max(1));
    (ticks.is_multiple_of(over)).then(|| (ticks / over) as i64)
}

/// Pictures between key pictures when that is one number.
fn countable(keys: &[i64], times: &Times) -> Option<u32> {
    let step = times.step?;
    let first = keys
        .get(1)
        .map_or(times.end - times.start, |second| second - keys[0]);
    let same = keys.windows(2).all(|pair| pair[1] - pair[0] == first);
    (same && first > 0 && first % step == 0).then(|| u32::try_from(first / step).ok())?
}

fn codec(name: &str) -> Option<VideoCodec> {
    [
        VideoCodec::H264,
        VideoCodec::Hevc,
        VideoCodec::Av1,
        VideoCodec::Vp9,
    ]
    .into_iter()
    .find(|codec| codec.name() == name)
}

fn notes(ladder: &LadderPlan, why_not: Option<String>) -> Vec<String> {
    let names: Vec<&str> = ladder.rungs.iter().map(|rung| rung.name.as_str()).collect();
    let mut rungs = match (ladder.source, names.is_empty()) {
        (true, true) => "the source is the only rung, as it is".to_owned(),
        (true, false) => format!(
            "the source is a rung as it is; encoded: {}",
            names.join(", ")
        ),
        (false, _) => format!("encoded: {}", names.join(", ")),
    };
    if ladder.rungs.iter().any(|rung| rung.tone_maps) {
        rungs.push_str("; light of HDR is mapped to SDR where the codec is not one for HDR");
    }
    std::iter::once(rungs).chain(why_not).collect()
}
