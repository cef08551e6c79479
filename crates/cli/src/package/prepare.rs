//! Inputs as they can be packaged: MP4 and MOV as they are, anything else converted into a folder that goes when the work
//! is done.

use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::output::{Temporary, parent};
use crate::progress::Progress;
use crate::tools::{self, ToolArgs};
use crate::{input, text};
use packager::TrackKind;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use transcode::{Complaints, Control, Tools};

/// The inputs of a packaging.
pub struct Prepared {
    /// What each is called in messages; its name tells language and role.
    pub shown: Vec<PathBuf>,
    /// What is read.
    pub files: Vec<File>,
    /// Which input of the command line each was, from 1.
    pub numbers: Vec<usize>,
    /// What was done to them.
    pub conversions: Vec<Converted>,
    /// Where converted files are.
    _scratch: Vec<Temporary>,
}

/// What was done to one input.
pub struct Converted {
    /// Which one, from 1.
    pub number: usize,
    /// Whether pictures or sound were encoded anew.
    pub encoded: bool,
    /// What was done and why.
    pub notes: Vec<String>,
}

/// Opens inputs, and converts those that cannot be packaged as they are.
///
/// # Errors
/// [`Failure::Input`] when one is no media that can be used, why and what to do; [`Failure::Interrupted`].
pub fn prepare(
    paths: &[PathBuf],
    output: &Path,
    args: &ToolArgs,
    loudness: Option<f64>,
    interrupt: &Interrupt,
    quiet: bool,
) -> Result<Prepared, Failure> {
    let mut prepared = Prepared {
        shown: Vec::new(),
        files: Vec::new(),
        numbers: Vec::new(),
        conversions: Vec::new(),
        _scratch: Vec::new(),
    };
    for (number, path) in (1..).zip(paths) {
        let file = input::open(path)?;
        let cannot_read = |error| Failure::Io(format!("{}: {error}", path.display()));
        let mut complaints = server::complaints(&file).map_err(cannot_read)?;
        if loudness.is_some() && has_sound(&file) {
            complaints.get_or_insert_default().loudness = loudness;
        }
        let Some(complaints) = complaints else {
            prepared.add(number, path.clone(), file);
            continue;
        };
        let scratch = Temporary::dir(parent(output))?;
        let work = Work {
            path,
            tools: args.tools()?,
            scratch: scratch.path(),
            interrupt,
            quiet,
        };
        match work.convert(complaints) {
            Ok(done) => {
                work.take(number, &done, &mut prepared)?;
                prepared._scratch.push(scratch);
            }
            Err(error) if loudness.is_none() && server::can_do_without(&error, &file) => {
                let path = path.display();
                text::warn(&format!(
                    "{path}: packaged as it is, which browsers may not play: {error}"
                ));
                prepared.add(number, work.path.to_owned(), file);
            }
            Err(error) => return Err(work.failure(&error)),
        }
    }
    Ok(prepared)
}

impl Prepared {
    fn add(&mut self, number: usize, shown: PathBuf, file: File) {
        self.shown.push(shown);
        self.files.push(file);
        self.numbers.push(number);
    }
}

/// Whether a file has sound, as far as the engine knows.
fn has_sound(file: &File) -> bool {
    packager::probe(file).map_or(true, |movie| {
        let mut tracks = movie.tracks.iter();
        tracks.any(|track| track.kind == TrackKind::Audio)
    })
}

/// A conversion that went well.
struct Done {
    made: transcode::Converted,
    encoded: bool,
    notes: Vec<String>,
}

/// The conversion of one input.
struct Work<'a> {
    path: &'a Path,
    tools: Tools,
    scratch: &'a Path,
    interrupt: &'a Interrupt,
    quiet: bool,
}

impl Work<'_> {
    fn convert(&self, complaints: Complaints) -> transcode::Result<Done> {
        let done_ms = AtomicU64::new(0);
        let watched = Watched {
            interrupt: self.interrupt,
            done_ms: &done_ms,
        };
        let facts = transcode::probe(&self.tools, self.path, &watched)?;
        // Counted in milliseconds of the video.
        let total = (facts.seconds * 1000.0) as u64;
        let title = format!("converting {}", self.path.display());
        let progress = Progress::of_time(title, total, self.quiet);
        let made = progress.watch(&done_ms, || {
            transcode::convert_until(
                &self.tools,
                self.path,
                &facts,
                complaints,
                self.scratch,
                &watched,
                &server::complaints_about_copy,
            )
        });
        let (conversion, made) = made?;
        Ok(Done {
            notes: conversion.words(facts.container.name()),
            encoded: conversion.encodes(),
            made,
        })
    }

    /// Takes what was made in the place of the input.
    fn take(&self, number: usize, done: &Done, prepared: &mut Prepared) -> Result<(), Failure> {
        let Done {
            made,
            notes,
            encoded,
        } = done;
        for note in notes {
            text::note(&format!("{}: {note}", self.path.display()));
        }
        prepared.add(number, self.path.to_owned(), input::open(&made.media)?);
        for subtitles in &made.subtitles {
            let shown = self.name_of(subtitles);
            prepared.add(number, shown, input::open(&subtitles.path)?);
        }
        prepared.conversions.push(Converted {
            number,
            encoded: *encoded,
            notes: notes.clone(),
        });
        Ok(())
    }

    /// A name for extracted subtitles, which tells what the container told.
    fn name_of(&self, subtitles: &transcode::Subtitles) -> PathBuf {
        let mut name = self.path.file_stem().unwrap_or_default().to_owned();
        if subtitles.language != "und" {
            name.push(format!(".{}", subtitles.language));
        }
        for (is, word) in [
            (subtitles.forced, ".forced"),
            (subtitles.hearing_impaired, ".sdh"),
        ] {
            if is {
                name.push(word);
                break;
            }
        }
        name.push(".vtt");
        self.path.with_file_name(name)
    }

    fn failure(&self, error: &transcode::Error) -> Failure {
        match (error, self.interrupt.check()) {
            (transcode::Error::Cancelled, Err(interrupted)) => interrupted,
            _ => tools::failure(&self.path.display(), error),
        }
    }
}

/// Ends the work of ffmpeg when a signal came, and counts how far it is.
pub struct Watched<'a> {
    /// What tells of signals.
    pub interrupt: &'a Interrupt,
    /// Milliseconds of the video.
    pub done_ms: &'a AtomicU64,
}

impl Control for Watched<'_> {
    fn cancelled(&self) -> bool {
        self.interrupt.check().is_err()
    }

    fn progress(&self, progress: transcode::Progress) {
        self.done_ms
            .store(progress.time_us / 1000, Ordering::Relaxed);
    }
}
