//! The parts of a ladder: a look at the file that decides all of it, the sounds, and each chunk of the video with all of its
//! rungs.

use super::control::{Control, StoppableSource};
use super::parts::{Made, Opener, Preparation, Task, Work, parse};
use super::{Failure, package};
use crate::app::Shared;
use crate::db::assets::Asset;
use crate::db::packages::Package;
use crate::foreign;
use packager::{Movie, TrackKind};
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use transcode::{Encoding, Order, Origin, Share};

/// The file that says all that is decided.
const ENCODING: &str = "encoding.json";
/// The pictures of a delivered file that is not MP4.
const COPY: &str = "pictures.mp4";
/// Most bytes of a decision: 48 hours of key pictures take about two million.
const MAX_ENCODING: u64 = 16 << 20;

/// Looks at the delivered file: keeps what is decided, and what is copied out of it.
pub(super) fn look_at(work: &Work) -> Result<Vec<Made>, Failure> {
    let source = work.delivered()?;
    let scratch = work.scratch()?;
    let shared = &work.shared;
    let control = Unmeasured(&work.control);
    let order = Order::parse(work.package.ladder.as_deref().unwrap_or_default())?;
    let facts = transcode::probe(&shared.tools, source.path(), &control)?;
    let mut complaints = foreign::complaints(&File::open(source.path())?)?.unwrap_or_default();
    complaints.loudness = work.package.loudness_lufs;
    let share = Share {
        cores: std::thread::available_parallelism().map_or(1, usize::from),
        workers: shared.workers.max(1),
    };
    let prepared = transcode::prepare(
        &shared.tools,
        source.path(),
        &facts,
        &order,
        &complaints,
        share,
        scratch.path(),
        &foreign::pictures,
        &control,
    )?;
    crash_point!("part.made");
    let decided = scratch.path().join(ENCODING);
    std::fs::write(&decided, super::parts::json(&prepared.encoding)?)?;
    let mut made = vec![work.keep(&named(ENCODING, work), &decided)?];
    if let Some(copy) = &prepared.copy {
        made.push(work.keep(&named(COPY, work), copy)?);
    }
    for (number, text) in prepared.subtitles.iter().enumerate() {
        let name = named(&format!("text-{number}.vtt"), work);
        made.push(work.keep_text(&name, text)?);
    }
    Ok(made)
}

/// A name for a file of this attempt: an encoder may make other bytes the next time.
fn named(name: &str, work: &Work) -> String {
    format!("{}-{name}", work.fence)
}

/// What the look at the file made, and which parts follow from it, each with its weight.
pub(super) async fn divide(
    shared: &Arc<Shared>,
    package: &Package,
) -> Result<(Preparation, Vec<(Task, i64)>), Failure> {
    let parts = shared.db.parts(package.packaged_content_id).await?;
    let looked = parts.iter().find(|part| part.task.contains("look"));
    let made: Vec<Made> = parse(looked.and_then(|part| part.made.as_deref()).unwrap_or("[]"))?;
    let (worker, code, files) = (shared.clone(), package.code.clone(), made.clone());
    let encoding = package::blocking(move || Looked::of(&worker, &code, &files)).await?;
    let encoding = encoding.encoding;
    let mut tasks = Vec::new();
    if !encoding.sounds.is_empty() {
        // Sound is encoded a hundred times as fast as it lasts.
        let weight = encoding.pictures() / 20;
        tasks.push((Task::Sounds, i64::try_from(weight).unwrap_or(1).max(1)));
    }
    for (number, chunk) in encoding.chunks.iter().enumerate() {
        let weight = i64::try_from(chunk.pictures).unwrap_or(1).max(1);
        tasks.push((Task::Chunk { number }, weight));
    }
    let rungs = encoding.ladder.rungs.iter();
    let preparation = Preparation {
        ladder: true,
        rungs: rungs.map(|rung| rung.name.clone()).collect(),
        pictures: encoding.pictures(),
        notes: encoding.notes.clone(),
        looked: Some(made),
    };
    Ok((preparation, tasks))
}

/// Encodes the sounds of the delivered file.
pub(super) fn sounds(work: &Work) -> Result<Vec<Made>, Failure> {
    let looked = Looked::of_work(work)?;
    let source = work.delivered()?;
    let scratch = work.scratch()?;
    let tools = &work.shared.tools;
    let facts = transcode::probe(tools, source.path(), &Unmeasured(&work.control))?;
    work.control.set_total((facts.seconds * 1000.0) as u64);
    let files = transcode::encode_sounds(
        tools,
        source.path(),
        &facts,
        &looked.encoding,
        scratch.path(),
        &*work.control,
    )?;
    crash_point!("part.made");
    keep(work, &files)
}

/// Encodes a chunk.
pub(super) fn chunk(work: &Work, number: usize) -> Result<Vec<Made>, Failure> {
    let looked = Looked::of_work(work)?;
    let scratch = work.scratch()?;
    let pictures = looked.encoding.pictures.as_ref();
    let source = match (pictures.map(|pictures| pictures.origin), &looked.copy) {
        (Some(Origin::Copy), Some(copy)) => {
            let key = work
                .shared
                .storage
                .parts(&work.package.code)
                .key(&copy.name);
            let owner = work.shared.incarnation.id();
            work.shared.storage.local(&key, &copy.recorded, owner)?
        }
        _ => work.delivered()?,
    };
    let total = looked.encoding.chunks.get(number);
    let total = total.map_or(0, |chunk| chunk.pictures);
    work.control.set_total(total);
    let files = transcode::encode_chunk(
        &work.shared.tools,
        source.path(),
        &looked.encoding,
        number,
        scratch.path(),
        &foreign::pictures,
        &InPictures {
            control: &work.control,
            most: AtomicU64::new(0),
        },
    )?;
    crash_point!("part.made");
    keep(work, &files)
}

fn keep(work: &Work, files: &[std::path::PathBuf]) -> Result<Vec<Made>, Failure> {
    let keep = |file: &std::path::PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        work.keep(&named(&name, work), file)
    };
    files.iter().map(keep).collect()
}

/// All inputs of the packaging: the source when it is a rung, the rungs, the sounds, the texts.
pub(super) fn open(
    opener: &Opener,
    asset: &Asset,
    made: &[(Task, Vec<Made>)],
) -> Result<Vec<(StoppableSource, Movie)>, Failure> {
    let of = |wanted: Task| {
        let mut parts = made.iter().filter(move |(task, _)| *task == wanted);
        parts.next().map_or(&[][..], |(_, files)| files)
    };
    let looked = Looked::of(&opener.shared, &opener.code, of(Task::Look))?;
    let encoding = &looked.encoding;
    let mut inputs: Vec<_> = source(opener, asset, &looked)?.into_iter().collect();
    for rung in 0..encoding.ladder.rungs.len() {
        let chunks = 0..encoding.chunks.len();
        let files = chunks.filter_map(|number| of(Task::Chunk { number }).get(rung));
        let files: Vec<&Made> = files.collect();
        inputs.push(match files.as_slice() {
            [whole] => opener.open(whole)?,
            pieces => opener.open_joined(pieces)?,
        });
    }
    for file in of(Task::Sounds).iter().chain(&looked.texts) {
        inputs.push(opener.open(file)?);
    }
    Ok(inputs)
}

/// The source: its picture when it is a rung, and texts that the engine reads.
fn source(
    opener: &Opener,
    asset: &Asset,
    looked: &Looked,
) -> Result<Option<(StoppableSource, Movie)>, Failure> {
    let picture = looked.encoding.ladder.source;
    let (source, mut movie) = match &looked.copy {
        Some(copy) if picture => opener.open(copy)?,
        Some(_) => return Ok(None),
        None => {
            let source = package::open(&opener.shared, asset)?;
            let source = opener.stoppable(Box::new(source));
            match packager::probe(&source) {
                Ok(movie) => (source, movie),
                // Its texts are taken out already.
                Err(packager::Error::Unsupported(_) | packager::Error::InvalidInput(_))
                    if !picture =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    movie.keep_tracks(|track| match track.kind {
        TrackKind::Video => picture,
        kind => kind == TrackKind::Text,
    });
    Ok((!movie.tracks.is_empty()).then_some((source, movie)))
}

/// What the look at a file made.
struct Looked {
    encoding: Encoding,
    copy: Option<Made>,
    texts: Vec<Made>,
}

impl Looked {
    fn of_work(work: &Work) -> Result<Self, Failure> {
        let preparation = Preparation::of(&work.package)?.unwrap_or_default();
        let made = preparation.looked.unwrap_or_default();
        Self::of(&work.shared, &work.package.code, &made)
    }

    fn of(shared: &Shared, code: &str, made: &[Made]) -> Result<Self, Failure> {
        let mut found = made.iter().filter(|made| made.name.ends_with(ENCODING));
        let nothing = || Failure::Permanent("the look at the file decided nothing".to_owned());
        let decided = found.next().ok_or_else(nothing)?;
        if decided.recorded.size > MAX_ENCODING {
            return Err(Failure::Permanent("too much was decided".to_owned()));
        }
        let owner = shared.incarnation.id();
        let key = shared.storage.parts(code).key(&decided.name);
        let file = shared.storage.piece(&key, &decided.recorded, owner)?;
        let text = std::fs::read_to_string(file.path())?;
        let is_copy = |made: &&Made| made.name.ends_with(COPY);
        Ok(Self {
            encoding: parse(&text)?,
            copy: made.iter().find(is_copy).cloned(),
            texts: made
                .iter()
                .filter(|made| made.text.is_some())
                .cloned()
                .collect(),
        })
    }
}

/// Ends runs whose progress says nothing of the whole.
struct Unmeasured<'a>(&'a Control);

impl transcode::Control for Unmeasured<'_> {
    fn cancelled(&self) -> bool {
        self.0.stopped().is_some()
    }

    fn progress(&self, _: transcode::Progress) {}
}

/// Counts the pictures of a chunk. A rung that is encoded once more is not counted again.
struct InPictures<'a> {
    control: &'a Control,
    most: AtomicU64,
}

impl transcode::Control for InPictures<'_> {
    fn cancelled(&self) -> bool {
        self.control.stopped().is_some()
    }

    fn progress(&self, progress: transcode::Progress) {
        let before = self.most.fetch_max(progress.frames, Ordering::Relaxed);
        self.control.set_done(before.max(progress.frames));
    }
}
