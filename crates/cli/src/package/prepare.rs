//! Inputs as they can be packaged: MP4 and MOV as they are, anything else converted into a folder that goes when the work
//! is done; with a ladder, the rungs of the one that has pictures.

use super::encode::Encode;
use super::piece::Piece;
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
use transcode::{Complaints, Control, LadderPlan, Order, Subtitles, Tools};

/// The inputs of a packaging.
#[derive(Default)]
pub struct Prepared {
    /// What each is called in messages; its name tells language and role.
    pub shown: Vec<PathBuf>,
    /// What is read.
    pub media: Vec<Media>,
    /// Which input of the command line each was, from 1.
    pub numbers: Vec<usize>,
    /// What was done to them.
    pub conversions: Vec<Converted>,
    /// What was encoded, when a ladder was.
    pub ladder: Option<LadderPlan>,
    /// Where converted files are.
    scratch: Vec<Temporary>,
}

/// What is read of an input.
pub struct Media {
    /// Where its bytes are.
    pub bytes: Bytes,
    /// Which of its tracks are wanted.
    pub tracks: Tracks,
}

/// Where bytes are.
pub enum Bytes {
    /// In a file.
    File(File),
    /// In pieces of one rendition.
    Pieces(Vec<Piece>),
}

/// Which tracks of a file are wanted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tracks {
    /// All.
    All,
    /// Text, and the picture when it is a rung; the rest is encoded anew.
    NotEncoded {
        /// Whether the picture is a rung as it is.
        picture: bool,
    },
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

/// What is to be done with an input before it is packaged.
pub enum Need {
    /// It is packaged as it is.
    Nothing(File),
    /// It is converted, for these reasons.
    Conversion(File, Complaints),
    /// A ladder is made of it, in spite of these complaints.
    Ladder(Complaints),
}

/// How inputs are made ready.
pub struct Preparation<'a> {
    /// ffmpeg.
    pub tools: &'a ToolArgs,
    /// What is ordered of renditions.
    pub ladder: &'a Order,
    /// How loud sound is to be, in LUFS; as it is without it.
    pub loudness: Option<f64>,
    /// Where the package will be; temporary files are beside it.
    pub output: &'a Path,
    /// Ends it.
    pub interrupt: &'a Interrupt,
    /// Whether progress is not shown.
    pub quiet: bool,
}

impl Preparation<'_> {
    /// Opens inputs, converts those that cannot be packaged as they are, and encodes the ladder of the one with pictures.
    ///
    /// # Errors
    /// [`Failure::Input`] when one is no media that can be used, why and what to do; [`Failure::Usage`] when a ladder is
    /// ordered of several videos, or of none; [`Failure::Interrupted`].
    pub fn prepare(&self, paths: &[PathBuf]) -> Result<Prepared, Failure> {
        let mut prepared = Prepared::default();
        for (number, path) in (1..).zip(paths) {
            match self.need(path)? {
                Need::Ladder(complaints) => {
                    self.encode(number, path, &complaints, &mut prepared)?;
                }
                Need::Conversion(file, complaints) => {
                    self.convert(number, path, file, complaints, &mut prepared)?;
                }
                Need::Nothing(file) => prepared.add(number, path.clone(), Media::all(file)),
            }
        }
        self.check_ladder(prepared.ladder.is_some())?;
        Ok(prepared)
    }

    /// What is to be done with an input before it is packaged.
    ///
    /// # Errors
    /// [`Failure::Io`] when it cannot be read.
    pub fn need(&self, path: &Path) -> Result<Need, Failure> {
        let file = input::open(path)?;
        let cannot_read = |error| Failure::Io(format!("{}: {error}", path.display()));
        let mut complaints = server::complaints(&file).map_err(cannot_read)?;
        if self.loudness.is_some() && has_sound(&file) {
            complaints.get_or_insert_default().loudness = self.loudness;
        }
        if self.ladder.is_some() && has_pictures(&file) {
            return Ok(Need::Ladder(complaints.unwrap_or_default()));
        }
        Ok(match complaints {
            Some(complaints) => Need::Conversion(file, complaints),
            None => Need::Nothing(file),
        })
    }

    /// Refuses a ladder that was ordered and of which no input had pictures.
    ///
    /// # Errors
    /// [`Failure::Usage`].
    pub fn check_ladder(&self, is_made: bool) -> Result<(), Failure> {
        match self.ladder.is_some() && !is_made {
            true => Err(Failure::Usage(
                "--ladder: no input has pictures that ffmpeg could encode; leave it out".into(),
            )),
            false => Ok(()),
        }
    }

    /// Why no ladder is made of a further input with pictures.
    pub fn second_video(&self, path: &Path) -> Failure {
        Failure::Usage(format!(
            "--ladder makes renditions of one video, and {} is another one: leave --ladder out to package renditions that are \
             there already",
            path.display()
        ))
    }

    fn encode(
        &self,
        number: usize,
        path: &Path,
        complaints: &Complaints,
        prepared: &mut Prepared,
    ) -> Result<(), Failure> {
        if prepared.ladder.is_some() {
            return Err(self.second_video(path));
        }
        let scratch = self.scratch(prepared)?;
        let work = Encode {
            path,
            tools: self.tools.tools()?,
            order: self.ladder,
            complaints,
            scratch: &scratch,
            interrupt: self.interrupt,
            quiet: self.quiet,
        };
        work.run(number, prepared)
    }

    fn convert(
        &self,
        number: usize,
        path: &Path,
        file: File,
        complaints: Complaints,
        prepared: &mut Prepared,
    ) -> Result<(), Failure> {
        let scratch = self.scratch(prepared)?;
        let work = Work {
            path,
            tools: self.tools.tools()?,
            scratch: &scratch,
            interrupt: self.interrupt,
            quiet: self.quiet,
        };
        match work.convert(complaints) {
            Ok(done) => work.take(number, &done, prepared),
            Err(error) if self.loudness.is_none() && server::can_do_without(&error, &file) => {
                let shown = path.display();
                text::warn(&format!(
                    "{shown}: packaged as it is, which browsers may not play: {error}"
                ));
                prepared.add(number, path.to_owned(), Media::all(file));
                Ok(())
            }
            Err(error) => Err(work.failure(&error)),
        }
    }

    /// A folder that goes when the work is done.
    fn scratch(&self, prepared: &mut Prepared) -> Result<PathBuf, Failure> {
        let scratch = Temporary::dir(parent(self.output))?;
        let path = scratch.path().to_owned();
        prepared.scratch.push(scratch);
        Ok(path)
    }
}

impl Prepared {
    /// Adds an input.
    pub fn add(&mut self, number: usize, shown: PathBuf, media: Media) {
        self.shown.push(shown);
        self.media.push(media);
        self.numbers.push(number);
    }

    /// Adds files of text that were taken out of an input.
    ///
    /// # Errors
    /// [`Failure::Io`] when one cannot be opened.
    pub fn add_texts(
        &mut self,
        number: usize,
        of: &Path,
        texts: &[Subtitles],
    ) -> Result<(), Failure> {
        for text in texts {
            self.add(
                number,
                name_of(of, text),
                Media::all(input::open(&text.path)?),
            );
        }
        Ok(())
    }
}

impl Media {
    /// All tracks of a file.
    pub fn all(file: File) -> Self {
        Self {
            bytes: Bytes::File(file),
            tracks: Tracks::All,
        }
    }
}

/// Whether a file has pictures that may be encoded. Of what the engine does not read, this is seen later.
fn has_pictures(file: &File) -> bool {
    match packager::probe(file) {
        Ok(movie) => movie.tracks.iter().any(|track| {
            let can_be = track.packageable == packager::Packageable::Yes;
            track.kind == TrackKind::Video && (can_be || track.has_unknown_codec())
        }),
        // What cannot be read is told by who reads it next.
        Err(_) => transcode::is_foreign(file).unwrap_or(false),
    }
}

/// Whether a file has sound, as far as the engine knows.
fn has_sound(file: &File) -> bool {
    packager::probe(file).map_or(true, |movie| {
        let mut tracks = movie.tracks.iter();
        tracks.any(|track| track.kind == TrackKind::Audio)
    })
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
        let media = Media::all(input::open(&made.media)?);
        prepared.add(number, self.path.to_owned(), media);
        prepared.add_texts(number, self.path, &made.subtitles)?;
        prepared.conversions.push(Converted {
            number,
            encoded: *encoded,
            notes: notes.clone(),
        });
        Ok(())
    }

    fn failure(&self, error: &transcode::Error) -> Failure {
        match (error, self.interrupt.check()) {
            (transcode::Error::Cancelled, Err(interrupted)) => interrupted,
            _ => tools::failure(&self.path.display(), error),
        }
    }
}

/// A conversion that went well.
struct Done {
    made: transcode::Converted,
    encoded: bool,
    notes: Vec<String>,
}

/// A name for extracted subtitles, which tells what the container told.
fn name_of(of: &Path, subtitles: &Subtitles) -> PathBuf {
    let mut name = of.file_stem().unwrap_or_default().to_owned();
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
    of.with_file_name(name)
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
