//! The ladder of an input: what is decided, encoded by as many threads as there are cores, and added to the inputs of the
//! packaging.

use super::piece::Piece;
use super::prepare::{Bytes, Converted, Media, Prepared, Tracks};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::progress::Rungs;
use crate::tools;
use crate::{input, text};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use transcode::{Complaints, Control, Encoding, Facts, Order, Origin, Progress, Share, Tools};

/// The encoding of one input.
pub struct Encode<'a> {
    /// The delivered file.
    pub path: &'a Path,
    /// ffmpeg.
    pub tools: Tools,
    /// What is wanted.
    pub order: &'a Order,
    /// What is wrong with the source as it is.
    pub complaints: &'a Complaints,
    /// A folder for all that is made.
    pub scratch: &'a Path,
    /// Ends it.
    pub interrupt: &'a Interrupt,
    /// Whether progress is not shown.
    pub quiet: bool,
}

/// What all threads work on.
struct Pool<'a> {
    encode: &'a Encode<'a>,
    facts: &'a Facts,
    encoding: &'a Encoding,
    origin: &'a Path,
    /// The next piece of work that no thread has taken: the sounds, then each chunk.
    next: AtomicUsize,
    /// Pictures that are done: of all chunks together.
    done: AtomicU64,
    failure: OnceLock<transcode::Error>,
    sounds: OnceLock<Vec<PathBuf>>,
    chunks: Vec<OnceLock<Vec<PathBuf>>>,
}

impl Encode<'_> {
    /// Encodes, and adds what came of it.
    ///
    /// # Errors
    /// [`Failure::Input`] when the file is no media that can be used; [`Failure::Interrupted`].
    pub fn run(&self, number: usize, prepared: &mut Prepared) -> Result<(), Failure> {
        let (facts, made) = self.look()?;
        for note in &made.encoding.notes {
            text::note(&format!("{}: {note}", self.path.display()));
        }
        let origin = match made.encoding.pictures.as_ref().map(|input| input.origin) {
            Some(Origin::Copy) => made.copy.as_deref().unwrap_or(self.path),
            _ => self.path,
        };
        let pool = Pool {
            encode: self,
            facts: &facts,
            encoding: &made.encoding,
            origin,
            next: AtomicUsize::new(0),
            done: AtomicU64::new(0),
            failure: OnceLock::new(),
            sounds: OnceLock::new(),
            chunks: made
                .encoding
                .chunks
                .iter()
                .map(|_| OnceLock::new())
                .collect(),
        };
        pool.run(cores())?;
        let (sounds, chunks) = pool.made();
        self.add(number, &made, sounds, chunks, prepared)
    }

    /// Looks at the video and decides its ladder; what is copied out of it lies in the folder.
    ///
    /// # Errors
    /// [`Failure::Input`] when the file is no media that can be used; [`Failure::Interrupted`].
    pub fn look(&self) -> Result<(Facts, transcode::Prepared), Failure> {
        let share = Share {
            cores: cores(),
            workers: cores(),
        };
        let watched = Unmeasured(self.interrupt);
        text::note(&format!(
            "{}: looked at for its ladder",
            self.path.display()
        ));
        let facts = transcode::probe(&self.tools, self.path, &watched);
        let facts = facts.map_err(|error| self.failure(&error))?;
        let made = transcode::prepare(
            &self.tools,
            self.path,
            &facts,
            self.order,
            self.complaints,
            share,
            self.scratch,
            &server::pictures,
            &watched,
        );
        let made = made.map_err(|error| self.failure(&error))?;
        Ok((facts, made))
    }

    fn add(
        &self,
        number: usize,
        made: &transcode::Prepared,
        sounds: Vec<PathBuf>,
        chunks: Vec<Vec<PathBuf>>,
        prepared: &mut Prepared,
    ) -> Result<(), Failure> {
        let encoding = &made.encoding;
        let shown = || self.path.to_owned();
        // The largest rungs come first; players begin with the first where nothing else is said.
        let is_mp4 = made.copy.is_none();
        if encoding.ladder.source || is_mp4 && has_text(self.path)? {
            let file = input::open(made.copy.as_deref().unwrap_or(self.path))?;
            let media = Media {
                bytes: Bytes::File(file),
                tracks: Tracks::NotEncoded {
                    picture: encoding.ladder.source,
                },
            };
            prepared.add(number, shown(), media);
        }
        for rung in 0..encoding.ladder.rungs.len() {
            let files = chunks.iter().filter_map(|files| files.get(rung));
            let pieces = files.map(|path| {
                Piece::new(path.clone()).map_err(|error| Failure::io("read", path, &error))
            });
            let media = match encoding.chunks.len() {
                1 => Media::all(input::open(&chunks[0][rung])?),
                _ => Media {
                    bytes: Bytes::Pieces(pieces.collect::<Result<_, _>>()?),
                    tracks: Tracks::All,
                },
            };
            prepared.add(number, shown(), media);
        }
        for sound in sounds {
            prepared.add(number, shown(), Media::all(input::open(&sound)?));
        }
        prepared.add_texts(number, self.path, &made.subtitles)?;
        prepared.ladder = Some(encoding.ladder.clone());
        prepared.conversions.push(Converted {
            number,
            encoded: true,
            notes: encoding.notes.clone(),
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

impl Pool<'_> {
    fn run(&self, threads: usize) -> Result<(), Failure> {
        let names = self.encoding.ladder.rungs.iter();
        let names = names.map(|rung| rung.name.clone()).collect();
        let rungs = Rungs::start(names, self.encoding.pictures(), self.encode.quiet);
        rungs.watch(&self.done, || {
            thread::scope(|scope| {
                for _ in 0..threads.min(self.chunks.len() + 1) {
                    scope.spawn(|| self.work());
                }
            });
        });
        match self.failure.get() {
            Some(error) => Err(self.encode.failure(error)),
            None => Ok(()),
        }
    }

    /// One thread: takes pieces of work until there are none, or until any thread has failed.
    fn work(&self) {
        while self.failure.get().is_none() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let result = match index.checked_sub(1) {
                None => self.make_sounds(),
                Some(chunk) if chunk < self.chunks.len() => self.make_chunk(chunk),
                Some(_) => break,
            };
            if let Err(error) = result {
                // The first one is told.
                let _ = self.failure.set(error);
            }
        }
    }

    fn make_sounds(&self) -> transcode::Result<()> {
        let files = match self.encoding.sounds.is_empty() {
            true => Vec::new(),
            false => transcode::encode_sounds(
                &self.encode.tools,
                self.encode.path,
                self.facts,
                self.encoding,
                self.encode.scratch,
                &Unmeasured(self.encode.interrupt),
            )?,
        };
        let _ = self.sounds.set(files);
        Ok(())
    }

    fn make_chunk(&self, number: usize) -> transcode::Result<()> {
        let folder = self.encode.scratch.join(format!("chunk-{number:05}"));
        let made = std::fs::create_dir(&folder);
        made.map_err(|source| transcode::Error::Io {
            doing: "make a folder",
            source,
        })?;
        let watched = InChunk {
            pool: self,
            counted: AtomicU64::new(0),
        };
        let files = transcode::encode_chunk(
            &self.encode.tools,
            self.origin,
            self.encoding,
            number,
            &folder,
            &server::pictures,
            &watched,
        )?;
        if let Some(slot) = self.chunks.get(number) {
            let _ = slot.set(files);
        }
        Ok(())
    }

    fn made(self) -> (Vec<PathBuf>, Vec<Vec<PathBuf>>) {
        let chunks = self.chunks.into_iter().filter_map(OnceLock::into_inner);
        (
            self.sounds.into_inner().unwrap_or_default(),
            chunks.collect(),
        )
    }
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Ends a run when a signal came.
pub struct Unmeasured<'a>(pub &'a Interrupt);

impl Control for Unmeasured<'_> {
    fn cancelled(&self) -> bool {
        self.0.check().is_err()
    }

    fn progress(&self, _: Progress) {}
}

/// Ends a chunk when a signal came or another one failed, and counts its pictures.
struct InChunk<'a> {
    pool: &'a Pool<'a>,
    counted: AtomicU64,
}

impl Control for InChunk<'_> {
    fn cancelled(&self) -> bool {
        self.pool.encode.interrupt.check().is_err() || self.pool.failure.get().is_some()
    }

    fn progress(&self, progress: Progress) {
        // A rung that is encoded once more is not counted again.
        let before = self.counted.fetch_max(progress.frames, Ordering::Relaxed);
        let more = progress.frames.saturating_sub(before);
        self.pool.done.fetch_add(more, Ordering::Relaxed);
    }
}

fn has_text(path: &Path) -> Result<bool, Failure> {
    let movie = packager::probe(&input::open(path)?);
    Ok(movie.is_ok_and(|movie| {
        let mut tracks = movie.tracks.iter();
        tracks.any(|track| track.kind == packager::TrackKind::Text)
    }))
}
