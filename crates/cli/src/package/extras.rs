//! `--extras`: files that pages show of a video, made by ffmpeg and put beside the manifests.

use super::PackageArgs;
use super::prepare::Watched;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Temporary, parent};
use crate::progress::Progress;
use crate::{text, tools};
use clap::ValueEnum;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use transcode::{Extra, TrackKind};

/// A word of `--extras`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExtraArg {
    /// poster.jpg: a picture that is not black
    Poster,
    /// storyboard.jpg and storyboard.vtt: small pictures for the time bar
    Storyboard,
    /// preview.mp4: some seconds, small, without sound
    Preview,
    /// chapters.vtt
    Chapters,
}

impl From<ExtraArg> for Extra {
    fn from(word: ExtraArg) -> Self {
        match word {
            ExtraArg::Poster => Self::Poster,
            ExtraArg::Storyboard => Self::Storyboard,
            ExtraArg::Preview => Self::Preview,
            ExtraArg::Chapters => Self::Chapters,
        }
    }
}

/// What was made.
#[derive(Default)]
pub struct Made {
    /// Names of the files.
    pub files: Vec<&'static str>,
    /// Bytes of all.
    pub size: u64,
}

/// Makes what was asked for of the first input that has a picture, into the folder of the package.
///
/// # Errors
/// [`Failure::Usage`] when inputs are encrypted, [`Failure::Input`] when no picture can be decoded, those of ffmpeg.
pub fn make(
    args: &PackageArgs,
    package: &Path,
    interrupt: &Interrupt,
    quiet: bool,
) -> Result<Made, Failure> {
    let mut made = Made::default();
    if args.extras.is_empty() {
        return Ok(made);
    }
    if args.source.has_keys() {
        let what = "--extras: ffmpeg has no keys of encrypted inputs, and cannot look into them";
        return Err(Failure::Usage(what.into()));
    }
    // A folder of its own, so that ffmpeg has nothing of the package in its hands.
    let scratch = Temporary::dir(parent(&args.output))?;
    let extras = of_inputs(args, scratch.path(), interrupt, quiet)?;
    for note in &extras.notes {
        text::note(note);
    }
    for name in extras.made.iter().flat_map(|extra| extra.files()) {
        let from = scratch.path().join(name);
        let size = from.metadata();
        made.size += size
            .map_err(|error| Failure::io("read", &from, &error))?
            .len();
        std::fs::rename(&from, package.join(name))
            .map_err(|error| Failure::io("move", &from, &error))?;
        made.files.push(name);
    }
    Ok(made)
}

fn of_inputs(
    args: &PackageArgs,
    scratch: &Path,
    interrupt: &Interrupt,
    quiet: bool,
) -> Result<transcode::Extras, Failure> {
    let tools = args.tools.tools()?;
    let done_ms = AtomicU64::new(0);
    let watched = Watched {
        interrupt,
        done_ms: &done_ms,
    };
    let mut wanted: Vec<Extra> = args.extras.iter().copied().map(Extra::from).collect();
    wanted.sort_unstable();
    wanted.dedup();
    let mut without = None;
    for path in &args.inputs {
        let failure = |error: transcode::Error| match (&error, interrupt.check()) {
            (transcode::Error::Cancelled, Err(interrupted)) => interrupted,
            _ => tools::failure(&path.display(), &error),
        };
        let facts = match transcode::probe(&tools, path, &watched) {
            // Subtitles are inputs, too.
            Err(transcode::Error::InvalidInput(_)) => continue,
            probed => probed.map_err(failure)?,
        };
        let is_picture = |kind: &TrackKind| matches!(kind, TrackKind::Video(_));
        if !facts.tracks.iter().any(|track| is_picture(&track.kind)) {
            without = without.or(Some((path, facts)));
            continue;
        }
        let total = (facts.seconds * 1000.0) as u64;
        let progress = Progress::of_time("making extras".into(), total, quiet);
        return progress
            .watch(&done_ms, || {
                transcode::extras(&tools, path, &facts, &wanted, scratch, &watched)
            })
            .map_err(failure);
    }
    let Some((path, facts)) = without else {
        return Ok(transcode::Extras::default());
    };
    transcode::extras(&tools, path, &facts, &wanted, scratch, &watched)
        .map_err(|error| tools::failure(&path.display(), &error))
}
