//! The part that makes of a delivered file what the engine reads, and how the packaging opens it.

use super::control::{Control, StoppableSource};
use super::package::blocking;
use super::{Failure, extras};
use crate::app::Shared;
use crate::db;
use crate::db::assets::Asset;
use crate::db::claims::{Claim, Settled};
use crate::db::packages::Package;
use crate::db::parts::NewPart;
use crate::foreign;
use crate::id;
use crate::storage::Recorded;
use packager::{Movie, Role};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use transcode::{Converted, Error};

/// What a part is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "make", rename_all = "snake_case")]
pub(super) enum Task {
    /// The whole file as MP4, and its text as WebVTT.
    Conversion,
    /// What pages show of it.
    Extras,
}

/// What came of a conversion.
struct Conversion {
    files: Vec<Made>,
    done: db::probe::Conversion,
}

/// A file that a part made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Made {
    /// Its name among the parts of the package.
    pub(super) name: String,
    #[serde(flatten)]
    pub(super) recorded: Recorded,
    /// Of text: what the container told of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<TextTrack>,
}

impl Made {
    /// A file that is no text.
    pub(super) fn file(name: &str, recorded: Recorded) -> Self {
        Self {
            name: name.to_owned(),
            recorded,
            text: None,
        }
    }
}

/// What is known of a track of text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct TextTrack {
    language: String,
    forced: bool,
    hearing_impaired: bool,
}

/// Whether the package is made of what a conversion makes, and not of the delivered file.
pub(super) fn converts(package: &Package, asset: &Asset) -> bool {
    package.loudness_lufs.is_some() || asset.probe.0.conversion.is_some()
}

/// Lets a packaging wait for what must be made before it: a conversion, extras. `None` when it can begin.
pub(super) async fn split(
    shared: &Arc<Shared>,
    claim: &Claim,
    package: &Package,
    asset: &Asset,
) -> Result<Option<Settled>, Failure> {
    if package.preparation.is_some() {
        return Ok(None);
    }
    let wants_extras = !package.wanted_extras().is_empty();
    let converts = converts(package, asset);
    let tasks = [(Task::Conversion, converts), (Task::Extras, wants_extras)];
    let mut parts = Vec::new();
    for (task, _) in tasks.iter().filter(|(_, is_needed)| *is_needed) {
        parts.push(NewPart {
            id: id::tagged("job")?,
            task: json(task)?,
            weight: 1,
        });
    }
    if parts.is_empty() {
        return Ok(None);
    }
    crash_point!("parts.decided");
    let settled = shared.db.split(claim, "{}", &parts).await?;
    crash_point!("parts.queued");
    shared.wake_workers();
    Ok(Some(settled))
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
    let (worker, watched) = (shared.clone(), control.clone());
    let (number, loudness) = (asset.input_content_id, package.loudness_lufs);
    let made = match task {
        Task::Conversion => {
            let made = blocking(move || convert(&worker, &package, &asset, &watched)).await?;
            // What was said of the file before is what was to be done; more may have turned out. What this package wants
            // besides says nothing of the file.
            if loudness.is_none() {
                let said = shared.db.set_conversion(claim, number, &made.done);
                said.await?;
            }
            json(&made.files)?
        }
        Task::Extras => {
            let made = blocking(move || extras::make(&worker, &package, &asset, &watched));
            json(&made.await?)?
        }
    };
    crash_point!("part.kept");
    let settled = shared.db.finish_part(claim, &made).await?;
    crash_point!("part.done");
    // With the last part, the packaging goes on.
    shared.wake_workers();
    Ok(settled)
}

fn convert(
    shared: &Shared,
    package: &Package,
    asset: &Asset,
    control: &Control,
) -> Result<Conversion, Failure> {
    let owner = shared.incarnation.id();
    let recorded = Recorded {
        size: u64::try_from(asset.size).unwrap_or_default(),
        sha256: asset.sha256.clone(),
    };
    let source = shared
        .storage
        .local(&asset.input_content_origin, &recorded, owner)?;
    let scratch = shared.storage.scratch(owner)?;
    let facts = transcode::probe(&shared.tools, source.path(), control)?;
    control.set_total((facts.seconds * 1000.0) as u64);
    let file = std::fs::File::open(source.path())?;
    let mut complaints = foreign::complaints(&file)?.unwrap_or_default();
    complaints.loudness = package.loudness_lufs;
    let (conversion, converted) = transcode::convert_until(
        &shared.tools,
        source.path(),
        &facts,
        complaints,
        scratch.path(),
        control,
        &foreign::complaints_about_copy,
    )?;
    crash_point!("part.made");
    Ok(Conversion {
        files: keep(shared, &package.code, &converted)?,
        done: db::probe::Conversion::of(&facts, &conversion),
    })
}

/// Puts what was made where every worker finds it.
fn keep(shared: &Shared, code: &str, converted: &Converted) -> Result<Vec<Made>, Failure> {
    let parts = shared.storage.parts(code);
    let mut made = vec![Made {
        name: "media.mp4".to_owned(),
        recorded: parts.put("media.mp4", &converted.media)?,
        text: None,
    }];
    for (number, text) in converted.subtitles.iter().enumerate() {
        let name = format!("text-{number}.vtt");
        made.push(Made {
            recorded: parts.put(&name, &text.path)?,
            name,
            text: Some(TextTrack {
                language: text.language.clone(),
                forced: text.forced,
                hearing_impaired: text.hearing_impaired,
            }),
        });
    }
    Ok(made)
}

/// What the parts of a package made, opened and probed.
pub(super) async fn open(
    shared: &Arc<Shared>,
    package: &Package,
    control: &Arc<Control>,
) -> Result<Vec<(StoppableSource, Movie)>, Failure> {
    let parts = shared.db.parts(package.packaged_content_id).await?;
    let mut made: Vec<Made> = Vec::new();
    for part in parts {
        let task = serde_json::from_str(&part.task);
        if !matches!(task, Ok(Task::Conversion)) {
            continue;
        }
        let files = serde_json::from_str(part.made.as_deref().unwrap_or("[]"));
        let files: Vec<Made> = files.map_err(|error| Failure::Permanent(error.to_string()))?;
        made.extend(files);
    }
    let (storage, code, control) = (shared.clone(), package.code.clone(), control.clone());
    blocking(move || {
        let opened = made
            .iter()
            .map(|made| open_one(&storage, &code, made, &control));
        opened.collect()
    })
    .await
}

fn open_one(
    shared: &Shared,
    code: &str,
    made: &Made,
    control: &Arc<Control>,
) -> Result<(StoppableSource, Movie), Failure> {
    let key = shared.storage.parts(code).key(&made.name);
    let source = shared
        .storage
        .source(&key, &made.recorded)
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => Failure::Permanent(
                "what was made of the delivered file is gone; retry the job, and it is made again"
                    .to_owned(),
            ),
            _ => Failure::from(error),
        })?;
    let source = StoppableSource {
        source,
        control: control.clone(),
    };
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

fn json(value: &impl Serialize) -> Result<String, Failure> {
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
