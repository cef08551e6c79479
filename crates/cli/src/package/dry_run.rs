//! `reelpack package --dry-run`: what the package would come to. Inputs are looked at as for a package; nothing is encoded, and
//! nothing stays.

use super::PackageArgs;
use super::encode::{Encode, Unmeasured};
use super::prepare::{Media, Need, Preparation, Prepared};
use super::protection::KeySource;
use super::source;
use crate::failure::Failure;
use crate::output::{Temporary, parent};
use crate::{text, tools};
use packager::Options;
use server::{Cut, Expected, Forecast};
use std::fs::File;
use std::path::Path;
use transcode::{Complaints, Facts, TrackKind};

/// Seconds between key pictures of what is converted.
const USUAL_GOP: f64 = 2.0;
/// Pictures a second where the file does not say.
const USUAL_RATE: f64 = 25.0;

/// What is seen of the inputs.
#[derive(Default)]
struct Seen {
    /// Those that are packaged as they are.
    prepared: Prepared,
    /// Tracks of the others.
    expected: Vec<Expected>,
    notes: Vec<String>,
    /// Of the longest of the others.
    seconds: f64,
    /// Between key pictures, where a ladder is made.
    gop_seconds: Option<f64>,
}

/// Says what a package would come to.
///
/// # Errors
/// Those of packaging.
pub fn run(
    args: &PackageArgs,
    options: Options,
    keys: KeySource,
    preparation: &Preparation<'_>,
) -> Result<(), Failure> {
    let forecast = forecast(args, options, keys, preparation)?;
    for warning in forecast.warnings() {
        text::warn(warning);
    }
    match args.json {
        true => text::print_json(&forecast),
        false => text::print(text::printable(&forecast.text()).as_bytes()),
    }
}

fn forecast(
    args: &PackageArgs,
    mut options: Options,
    keys: KeySource,
    preparation: &Preparation<'_>,
) -> Result<Forecast, Failure> {
    let mut seen = Seen::default();
    for (number, path) in (1..).zip(&args.inputs) {
        match preparation.need(path)? {
            Need::Nothing(file) => seen.prepared.add(number, path.clone(), Media::all(file)),
            Need::Conversion(file, complaints) => {
                seen.conversion(preparation, number, path, file, &complaints)?;
            }
            Need::Ladder(complaints) => seen.ladder(preparation, path, &complaints)?,
        }
    }
    preparation.check_ladder(seen.gop_seconds.is_some())?;
    for note in &seen.notes {
        text::note(note);
    }
    let input_keys = args.source.keys()?;
    let sources = source::open(&seen.prepared, &input_keys)?;
    let movies = args.source.probe(&seen.prepared, &sources)?;
    if seen.expected.is_empty() {
        options.content_keys = args.protection.keys(keys, &movies, &options)?;
        let plan = packager::plan(&movies, &options);
        let forecast = plan.and_then(|plan| Forecast::of_plan(&plan));
        return forecast.map_err(|error| Failure::engine(&super::names(&args.inputs), &error));
    }
    let own = movies.iter().map(|movie| movie.duration_seconds);
    let seconds = own.fold(seen.seconds, f64::max);
    seen.expected
        .extend(movies.iter().flat_map(Expected::of_movie));
    let cut = Cut {
        segment_duration: options.segment_duration,
        gop_seconds: seen.gop_seconds.unwrap_or(USUAL_GOP),
        encrypt: options.scheme.map(|_| options.encrypt),
    };
    Ok(Forecast::of_expected(
        seen.expected,
        seconds,
        &cut,
        seen.notes,
    ))
}

impl Seen {
    /// Looks at a file that would be converted, and says what would be done with each track.
    fn conversion(
        &mut self,
        preparation: &Preparation<'_>,
        number: usize,
        path: &Path,
        file: File,
        complaints: &Complaints,
    ) -> Result<(), Failure> {
        let watched = Unmeasured(preparation.interrupt);
        let tools = preparation.tools.tools()?;
        let facts = transcode::probe(&tools, path, &watched);
        match facts.and_then(|facts| Ok((transcode::judge(&facts, complaints)?, facts))) {
            Ok((conversion, facts)) => {
                let words = conversion.words(facts.container.name());
                self.expected
                    .extend(Expected::of_conversion(&facts, &conversion));
                self.add(path, facts.seconds, words);
                Ok(())
            }
            Err(error)
                if complaints.loudness.is_none() && server::can_do_without(&error, &file) =>
            {
                self.prepared.add(number, path.to_owned(), Media::all(file));
                Ok(())
            }
            Err(error) => Err(failure(preparation, path, &error)),
        }
    }

    /// Looks at a video as closely as for its ladder: how hard it is to code is measured.
    fn ladder(
        &mut self,
        preparation: &Preparation<'_>,
        path: &Path,
        complaints: &Complaints,
    ) -> Result<(), Failure> {
        if self.gop_seconds.is_some() {
            return Err(preparation.second_video(path));
        }
        let scratch = Temporary::dir(parent(preparation.output))?;
        let work = Encode {
            path,
            tools: preparation.tools.tools()?,
            order: preparation.ladder,
            complaints,
            scratch: scratch.path(),
            interrupt: preparation.interrupt,
            quiet: preparation.quiet,
        };
        let (facts, made) = work.look()?;
        let as_it_is = transcode::judge(&facts, complaints);
        let as_it_is = as_it_is.map_err(|error| failure(preparation, path, &error))?;
        let source = Expected::of_conversion(&facts, &as_it_is);
        let encoding = made.encoding;
        let (ladder, sounds) = (&encoding.ladder, &encoding.sounds);
        let rungs = Expected::of_ladder(ladder, sounds, frame_rate(&facts), source);
        self.expected.extend(rungs);
        self.gop_seconds = Some(ladder.gop_seconds);
        self.add(path, facts.seconds, encoding.notes);
        Ok(())
    }

    fn add(&mut self, path: &Path, seconds: f64, notes: Vec<String>) {
        self.seconds = self.seconds.max(seconds);
        let notes = notes.into_iter();
        self.notes
            .extend(notes.map(|note| format!("{}: {note}", path.display())));
    }
}

fn frame_rate(facts: &Facts) -> f64 {
    let mut rates = facts.tracks.iter().filter_map(|track| match &track.kind {
        TrackKind::Video(video) => Some(video.frame_rate),
        _ => None,
    });
    rates.find(|rate| *rate > 0.0).unwrap_or(USUAL_RATE)
}

fn failure(preparation: &Preparation<'_>, path: &Path, error: &transcode::Error) -> Failure {
    match (error, preparation.interrupt.check()) {
        (transcode::Error::Cancelled, Err(interrupted)) => interrupted,
        _ => tools::failure(&path.display(), error),
    }
}
