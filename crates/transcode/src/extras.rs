//! What pages show of a video besides itself: a poster, a storyboard, a preview, chapters.
//!
//! In: a file and its [`Facts`]. Out: small files in the clear, under fixed names. What a file has nothing for is left out with
//! a word.

mod chapters;
mod poster;
mod storyboard;

use crate::convert::beside;
use crate::probe::{Facts, Track, TrackKind, Video, input};
use crate::run::{Control, Limits, Task};
use crate::tools::{Program, Tools};
use crate::{Error, Result, repeats};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Something to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Extra {
    /// `poster.jpg`: a picture that is neither black nor empty.
    Poster,
    /// `storyboard.jpg` and `storyboard.vtt`: small pictures at even distances, and where each is.
    Storyboard,
    /// `preview.mp4`: some seconds, small, without sound.
    Preview,
    /// `chapters.vtt`: where chapters begin, and their names.
    Chapters,
}

impl Extra {
    /// All, in order.
    pub const ALL: [Self; 4] = [
        Self::Poster,
        Self::Storyboard,
        Self::Preview,
        Self::Chapters,
    ];

    /// The word for programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Poster => "poster",
            Self::Storyboard => "storyboard",
            Self::Preview => "preview",
            Self::Chapters => "chapters",
        }
    }

    /// The one with this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|extra| extra.word() == word)
    }

    /// Names of the files that it is.
    pub fn files(self) -> &'static [&'static str] {
        match self {
            Self::Poster => &[poster::FILE],
            Self::Storyboard => &[storyboard::INDEX, storyboard::PICTURE],
            Self::Preview => &[PREVIEW],
            Self::Chapters => &[chapters::FILE],
        }
    }
}

/// What came of a wish for extras.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extras {
    /// What was made, in the order of the wish.
    pub made: Vec<Extra>,
    /// What was not, and why.
    pub notes: Vec<String>,
}

const PREVIEW: &str = "preview.mp4";
/// Length of a preview in seconds, and where it begins, as a share of the video.
const PREVIEW_SECONDS: (f64, f64) = (4.0, 0.2);
/// Long side and rate of a preview.
const PREVIEW_SIZE: (u32, u32) = (320, 15);

/// Makes extras of a file, into a folder that is there.
///
/// # Errors
/// Those of [`Tools::run`]. What was written so far is left in the folder, which is the caller's.
pub fn extras(
    tools: &Tools,
    path: &Path,
    facts: &Facts,
    wanted: &[Extra],
    folder: &Path,
    control: &dyn Control,
) -> Result<Extras> {
    let path = path.canonicalize().map_err(Error::io("find the file"))?;
    let folder = folder
        .canonicalize()
        .map_err(Error::io("find the folder"))?;
    let copy = repeats::without(&path, facts.container, beside(&folder))?;
    let path = copy.as_ref().map_or(path, |copy| copy.path().to_owned());
    let mut extras = Extras::default();
    let pictures = facts.tracks.iter().find_map(|track| match &track.kind {
        TrackKind::Video(video) if video.width > 0 && video.height > 0 => Some((track, video)),
        _ => None,
    });
    for extra in wanted {
        let name = extra.word();
        let Some((track, video)) = pictures.filter(|_| *extra != Extra::Chapters) else {
            if *extra != Extra::Chapters {
                let note = format!("no {name}: the file has no picture");
                extras.notes.push(note);
            } else if chapters::write(facts, &folder)? {
                extras.made.push(*extra);
            } else {
                extras.notes.push("no chapters: the file has none".into());
            }
            continue;
        };
        let look = Look {
            tools,
            path: &path,
            facts,
            track,
            video,
            folder: &folder,
            control,
        };
        match extra {
            Extra::Poster => poster::make(&look)?,
            Extra::Storyboard => storyboard::make(&look)?,
            _ => preview(&look)?,
        }
        extras.made.push(*extra);
    }
    Ok(extras)
}

/// A file whose pictures are looked at.
struct Look<'a> {
    tools: &'a Tools,
    path: &'a Path,
    facts: &'a Facts,
    track: &'a Track,
    video: &'a Video,
    folder: &'a Path,
    control: &'a dyn Control,
}

impl Look<'_> {
    /// The arguments that name the input, from a time in seconds on.
    fn input(&self, key_pictures_alone: bool, from: f64) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        if key_pictures_alone {
            words.extend(["-skip_frame", "nokey"].map(OsString::from));
        }
        if from > 0.0 {
            words.push("-noaccurate_seek".into());
            words.push("-ss".into());
            words.push(format!("{from:.3}").into());
        }
        words.extend(input(self.facts.container, self.path));
        words
    }

    /// Runs ffmpeg in the folder.
    fn run(&self, arguments: Vec<OsString>) -> Result<()> {
        let reads = [self.path.to_owned()];
        let task = Task {
            program: Program::Ffmpeg,
            arguments,
            reads: &reads,
            writes: Some(self.folder),
            limits: Limits::MAKE,
        };
        self.tools.run(&task, self.control).map(|_| ())
    }

    /// A file of the folder, which must be there and not be empty.
    fn made(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        match path.metadata() {
            Ok(metadata) if metadata.len() > 0 => Ok(path),
            _ => Err(Error::InvalidInput(format!(
                "no {name} could be made: no picture of the file can be decoded there"
            ))),
        }
    }

    /// Filters that give pictures a size, square pixels, and the light of SDR.
    fn shown(&self, (width, height): (u32, u32), format: &str) -> String {
        let fields = match self.video.interlaced {
            true => "bwdif=mode=send_frame,",
            false => "",
        };
        let light = match self.video.is_hdr() {
            true => {
                "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,\
                 zscale=t=bt709:m=bt709:r=tv,format=yuv420p,"
            }
            false => "",
        };
        format!("{fields}scale={width}:{height},setsar=1,{light}format={format}")
    }

    /// The size in which the picture is shown, turned upright and with square pixels, its long side at most `most`; even.
    fn size(&self, most: u32) -> (u32, u32) {
        let video = self.video;
        let wide = f64::from(video.width) * video.pixel_aspect;
        let high = f64::from(video.height);
        let (wide, high) = match video.rotation.rem_euclid(180) == 90 {
            true => (high, wide),
            false => (wide, high),
        };
        let scale = (f64::from(most) / wide.max(high)).min(1.0);
        let even = |side: f64| (((side * scale) / 2.0).round() as u32 * 2).max(2);
        (even(wide), even(high))
    }
}

fn words(text: &str) -> impl Iterator<Item = OsString> + '_ {
    text.split(' ').map(OsString::from)
}

fn preview(look: &Look<'_>) -> Result<()> {
    let (length, share) = PREVIEW_SECONDS;
    let (long, rate) = PREVIEW_SIZE;
    let from = (look.facts.seconds * share).min((look.facts.seconds - length).max(0.0));
    let mut arguments = look.input(false, from);
    let filters = look.shown(look.size(long), "yuv420p");
    let options = format!(
        "-map 0:{} -t {length} -an -sn -dn -map_metadata -1 -map_chapters -1 -vf setpts=PTS-STARTPTS,{filters},fps={rate} -c:v libx264 \
         -preset medium -crf 28 -movflags +faststart -f mp4",
        look.track.index
    );
    arguments.extend(words(&options));
    arguments.push(look.folder.join(PREVIEW).into());
    look.run(arguments)?;
    look.made(PREVIEW).map(|_| ())
}
