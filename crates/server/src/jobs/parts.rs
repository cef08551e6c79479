//! Parts of a packaging: what is made of a delivered file before it is packaged, each as a job of its own, and how the
//! packaging opens what they made.

use super::control::{Control, StoppableSource};
use super::package::blocking;
use super::{Failure, convert, extras, ladder};
use crate::app::Shared;
use crate::db::assets::Asset;
use crate::db::claims::{Claim, Settled};
use crate::db::packages::Package;
use crate::db::parts::NewPart;
use crate::id;
use crate::storage::Recorded;
use packager::{Movie, Role};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use transcode::{Error, Subtitles};

/// What a part is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "make", rename_all = "snake_case")]
pub(super) enum Task {
    /// The whole file as MP4, and its text as WebVTT.
    Conversion,
    /// What pages show of it.
    Extras,
    /// What is decided of a ladder, and what is copied out of the file.
    Look,
    /// All sounds of a ladder.
    Sounds,
    /// All rungs of a piece of the video.
    Chunk {
        /// Which one, from 0.
        number: usize,
    },
}

/// A file that a part made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Made {
    /// Its name among the parts of the package.
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) recorded: Recorded,
    /// Of text: what the container told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<TextTrack>,
}

/// What is known of a track of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TextTrack {
    language: String,
    forced: bool,
    hearing_impaired: bool,
}

/// How far it is decided what parts there are; kept with the package.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Preparation {
    /// Whether a ladder is made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) ladder: bool,
    /// Names of the rungs that are encoded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) rungs: Vec<String>,
    /// Pictures of each of them, about.
    #[serde(default)]
    pub(crate) pictures: u64,
    /// What is done and why, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) notes: Vec<String>,
    /// What the look at the file made, once the ladder is divided into chunks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) looked: Option<Vec<Made>>,
}

impl Preparation {
    /// That of a package, if something was decided.
    pub(super) fn of(package: &Package) -> Result<Option<Self>, Failure> {
        let text = package.preparation.as_deref();
        text.map(parse).transpose()
    }

    /// Reads what the catalogue keeps; nothing where a newer Reelpack wrote it.
    pub(crate) fn read(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

/// Lets a packaging wait for parts when some are to be made; `None` when it can begin.
pub(super) async fn split(
    shared: &Arc<Shared>,
    claim: &Claim,
    package: &Package,
    asset: &Asset,
) -> Result<Option<Settled>, Failure> {
    let (preparation, tasks) = match Preparation::of(package)? {
        None => first_tasks(package, asset),
        Some(Preparation {
            ladder: true,
            looked: None,
            ..
        }) => ladder::divide(shared, package).await?,
        Some(_) => return Ok(None),
    };
    if tasks.is_empty() {
        return Ok(None);
    }
    let mut parts = Vec::with_capacity(tasks.len());
    for (task, weight) in tasks {
        parts.push(NewPart {
            id: id::tagged("job")?,
            task: json(&task)?,
            weight,
        });
    }
    crash_point!("parts.decided");
    let settled = shared.db.split(claim, &json(&preparation)?, &parts).await?;
    crash_point!("parts.queued");
    shared.wake_workers();
    Ok(Some(settled))
}

/// What is made of a file that nobody has looked at for this package.
fn first_tasks(package: &Package, asset: &Asset) -> (Preparation, Vec<(Task, i64)>) {
    let ladder = wants_ladder(package, asset);
    let wanted = [
        (Task::Look, ladder),
        (Task::Conversion, !ladder && converts(package, asset)),
        (Task::Extras, !package.wanted_extras().is_empty()),
    ];
    let tasks = wanted.into_iter().filter(|(_, is_wanted)| *is_wanted);
    let preparation = Preparation {
        ladder,
        ..Preparation::default()
    };
    (preparation, tasks.map(|(task, _)| (task, 1)).collect())
}

fn wants_ladder(package: &Package, asset: &Asset) -> bool {
    package.ladder.is_some() && asset.probe.0.video_track().is_some()
}

fn converts(package: &Package, asset: &Asset) -> bool {
    package.loudness_lufs.is_some() || asset.probe.0.conversion.is_some()
}

/// Whether the package is made of what parts make, and not of the delivered file alone.
pub(super) fn makes_inputs(package: &Package, asset: &Asset) -> Result<bool, Failure> {
    let ladder = Preparation::of(package)?.is_some_and(|preparation| preparation.ladder);
    Ok(ladder || converts(package, asset))
}

/// Makes a claimed part.
pub(super) async fn make(
    shared: &Arc<Shared>,
    claim: &Claim,
    package: Package,
    asset: Asset,
    control: &Arc<Control>,
) -> Result<Settled, Failure> {
    let task = claim.task.as_deref().unwrap_or_default();
    let task: Task = serde_json::from_str(task)
        .map_err(|_| Failure::Permanent("a newer Reelpack ordered this part".to_owned()))?;
    let work = Work {
        shared: shared.clone(),
        fence: claim.fence,
        package,
        asset,
        control: control.clone(),
    };
    let asset = work.asset.input_content_id;
    // What this package wants besides says nothing of the file.
    let is_usual = work.package.loudness_lufs.is_none();
    let (made, converted) = blocking(move || {
        Ok(match task {
            Task::Conversion => {
                let (made, converted) = convert::convert(&work)?;
                (json(&made)?, Some(converted))
            }
            Task::Extras => (json(&extras::make(&work)?)?, None),
            Task::Look => (json(&ladder::look_at(&work)?)?, None),
            Task::Sounds => (json(&ladder::sounds(&work)?)?, None),
            Task::Chunk { number } => (json(&ladder::chunk(&work, number)?)?, None),
        })
    })
    .await?;
    crash_point!("part.kept");
    if let Some(converted) = converted.filter(|_| is_usual) {
        shared.db.set_conversion(claim, asset, &converted).await?;
    }
    let settled = shared.db.finish_part(claim, &made).await?;
    crash_point!("part.done");
    // With the last part, the packaging goes on.
    shared.wake_workers();
    Ok(settled)
}

/// A part that is made by a thread.
pub(super) struct Work {
    pub(super) shared: Arc<Shared>,
    /// Of the claim: an attempt that comes late gives other names.
    pub(super) fence: i64,
    pub(super) package: Package,
    pub(super) asset: Asset,
    pub(super) control: Arc<Control>,
}

impl Work {
    /// The delivered file, on this machine.
    pub(super) fn delivered(&self) -> Result<crate::storage::LocalFile, Failure> {
        let recorded = Recorded {
            size: u64::try_from(self.asset.size).unwrap_or_default(),
            sha256: self.asset.sha256.clone(),
        };
        let owner = self.shared.incarnation.id();
        let origin = &self.asset.input_content_origin;
        Ok(self.shared.storage.local(origin, &recorded, owner)?)
    }

    /// A new empty folder for what a program writes.
    pub(super) fn scratch(&self) -> Result<tempfile::TempDir, Failure> {
        let owner = self.shared.incarnation.id();
        Ok(self.shared.storage.scratch(owner)?)
    }

    /// Puts a file where every worker finds it.
    pub(super) fn keep(&self, name: &str, file: &std::path::Path) -> Result<Made, Failure> {
        let parts = self.shared.storage.parts(&self.package.code);
        Ok(Made {
            name: name.to_owned(),
            recorded: parts.put(name, file)?,
            text: None,
        })
    }

    /// The same of text, with what is known of it.
    pub(super) fn keep_text(&self, name: &str, text: &Subtitles) -> Result<Made, Failure> {
        Ok(Made {
            text: Some(TextTrack {
                language: text.language.clone(),
                forced: text.forced,
                hearing_impaired: text.hearing_impaired,
            }),
            ..self.keep(name, &text.path)?
        })
    }
}

/// What the parts of a package made, opened and probed.
pub(super) async fn open(
    shared: &Arc<Shared>,
    package: &Package,
    asset: Asset,
    control: &Arc<Control>,
) -> Result<Vec<(StoppableSource, Movie)>, Failure> {
    let mut made = Vec::new();
    for part in shared.db.parts(package.packaged_content_id).await? {
        let task: Task = parse(&part.task)?;
        // They lie beside the package, and are no input of it.
        if task != Task::Extras {
            let files: Vec<Made> = parse(part.made.as_deref().unwrap_or("[]"))?;
            made.push((task, files));
        }
    }
    let preparation = Preparation::of(package)?.unwrap_or_default();
    let opener = Opener {
        shared: shared.clone(),
        code: package.code.clone(),
        control: control.clone(),
    };
    blocking(move || match preparation.ladder {
        true => ladder::open(&opener, &asset, &made),
        false => {
            let files = made.iter().flat_map(|(_, files)| files);
            files.map(|made| opener.open(made)).collect()
        }
    })
    .await
}

/// Opens what parts made.
pub(super) struct Opener {
    pub(super) shared: Arc<Shared>,
    pub(super) code: String,
    pub(super) control: Arc<Control>,
}

impl Opener {
    /// A file that is an input of its own.
    pub(super) fn open(&self, made: &Made) -> Result<(StoppableSource, Movie), Failure> {
        let key = self.shared.storage.parts(&self.code).key(&made.name);
        let source = self.shared.storage.source(&key, &made.recorded);
        let source = self.stoppable(Box::new(source.map_err(gone)?));
        let mut movie = packager::probe(&source)?;
        if let Some(text) = &made.text {
            if text.language != "und" {
                movie.set_language(&text.language)?;
            }
            match (text.forced, text.hearing_impaired) {
                (true, _) => movie.set_role(Role::ForcedSubtitle),
                (_, true) => movie.set_role(Role::Caption),
                _ => {}
            }
        }
        Ok((source, movie))
    }

    /// Files that continue each other, as one input.
    pub(super) fn open_joined(&self, made: &[&Made]) -> Result<(StoppableSource, Movie), Failure> {
        let parts = self.shared.storage.parts(&self.code);
        let owner = self.shared.incarnation.id();
        let pieces = made.iter().map(|made| {
            let key = parts.key(&made.name);
            let piece = self.shared.storage.piece(&key, &made.recorded, owner);
            piece.map_err(gone)
        });
        let joined = packager::Joined::new(pieces.collect::<Result<_, _>>()?)?;
        let source = self.stoppable(Box::new(joined));
        let movie = packager::probe(&source)?;
        Ok((source, movie))
    }

    /// A source that ends when the job is to stop.
    pub(super) fn stoppable(&self, source: Box<dyn packager::Source>) -> StoppableSource {
        StoppableSource {
            source,
            control: self.control.clone(),
        }
    }
}

fn gone(error: std::io::Error) -> Failure {
    match error.kind() {
        std::io::ErrorKind::NotFound => Failure::Permanent(
            "what was made of the delivered file is gone; retry the job, and it is made again"
                .to_owned(),
        ),
        _ => Failure::from(error),
    }
}

pub(super) fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| Failure::Permanent(error.to_string()))
}

pub(super) fn json(value: &impl Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::Permanent(error.to_string()))
}

impl transcode::Control for Control {
    fn cancelled(&self) -> bool {
        self.stopped().is_some()
    }

    fn progress(&self, progress: transcode::Progress) {
        self.set_done(progress.time_us / 1000);
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Io { ref source, .. } => {
                let text = error.to_string();
                Self::of_storage(source, text)
            }
            // Another worker, or this machine after somebody has installed it, may do it.
            Error::ToolMissing(_) | Error::Tool(_) => Self::Passing(error.to_string()),
            other => Self::Permanent(other.to_string()),
        }
    }
}
