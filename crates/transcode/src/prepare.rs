//! The first look at a video of which a ladder is ordered: what is copied out of it, how hard it is to code, and with that
//! all that is decided before encoding begins.

mod sounds;
mod texts;
mod times;

use crate::complexity::measure;
use crate::convert::{Subtitles, beside};
use crate::encode::{Look, Pictures};
use crate::encoding::{Encoding, Origin, PictureInput};
use crate::grid;
use crate::judge::{Complaints, Treatment, judge};
use crate::ladder::{self, LadderPlan, Picture};
use crate::order::Order;
use crate::probe::{Facts, Track, TrackKind, Video, input};
use crate::profile::VideoCodec;
use crate::repeats;
use crate::run::{Control, Limits, Task};
use crate::sniff::Container;
use crate::tools::{Program, Tools};
use crate::{Error, Result};
use sounds::channels;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use times::{Times, countable};

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
    /// Threads of an encoder when there are so many chunks. The one that has all cores gets more threads than these, as x264
    /// itself would take: some wait for each other.
    fn threads(self, chunks: usize) -> u32 {
        let at_once = self.workers.min(chunks).max(1);
        let threads = match at_once {
            1 => self.cores + self.cores / 2,
            _ => self.cores / at_once,
        };
        u32::try_from(threads).unwrap_or(1).max(1)
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
        pictures.even_rate = self.even_rate(video);
        // The times of a source that is a rung are the times of all.
        if source || self.facts.container == Container::Mp4 || pictures.even_rate.is_some() {
            pictures.rate = None;
        }
        let keys = grid.unwrap_or_else(|| self.regular_grid(video, &times));
        pictures.gop_pictures = match pictures.even_rate {
            Some(rate) => Some(self.gop_of(rate)),
            None => countable(&keys, &times),
        };

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
        // New times are counted from the first picture on.
        let is_whole = !can_seek(pictures.container) || pictures.even_rate.is_some();
        if is_whole && chunks.len() > 1 {
            chunks = vec![grid::whole(&chunks)];
        }
        if ladder.rungs.is_empty() {
            chunks.clear();
        }
        pictures.threads = self.share.threads(chunks.len());
        let mut notes = notes(&ladder, why_not);
        if let (Some(_), Some(why)) = (pictures.even_rate, &self.complaints.times) {
            notes.push(format!(
                "track {} {why}: its pictures were put at even distances",
                track.index
            ));
        }
        Ok(self.encoding(ladder, Some(pictures), chunks, notes))
    }

    /// The rate at which pictures are put whose times stand still.
    fn even_rate(&self, video: &Video) -> Option<f64> {
        let is_broken = self.complaints.times.is_some();
        (is_broken && video.frame_rate > 0.0).then_some(video.frame_rate)
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
            even_rate: None,
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
}

/// Whether any time of a file is found at once, at the key picture before it.
fn can_seek(container: Container) -> bool {
    matches!(container, Container::Mp4 | Container::Matroska)
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
