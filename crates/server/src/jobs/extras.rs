//! The part that makes what pages show of a video, and how it comes to lie beside the package.

use super::Failure;
use super::package::blocking;
use super::parts::{Made, Task, Work};
use crate::app::Shared;
use crate::db::claims::{Claim, Settled};
use crate::db::packages::Package;
use crate::storage::PackageStore;
use packager::Source as _;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use transcode::{Error, Extra};

/// Bytes that are copied at once.
const PIECE: usize = 1 << 20;

/// What a part made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beside {
    /// Its files, by the names that they have beside the package.
    files: Vec<Made>,
    /// Words of what is there.
    made: Vec<String>,
    /// What is not, and why.
    pub(super) notes: Vec<String>,
}

impl Beside {
    /// What is there.
    pub(super) fn made(&self) -> Vec<Extra> {
        let words = self.made.iter();
        words.filter_map(|word| Extra::of_word(word)).collect()
    }
}

/// Makes what was ordered of the delivered file. What cannot be made of it is left out with a word: the package is worth more.
pub(super) fn make(work: &Work) -> Result<Beside, Failure> {
    let source = work.delivered()?;
    let scratch = work.scratch()?;
    let (tools, control) = (&work.shared.tools, &*work.control);
    let facts = transcode::probe(tools, source.path(), control)?;
    control.set_total((facts.seconds * 1000.0) as u64);
    let mut beside = Beside::default();
    for extra in work.package.wanted_extras() {
        let made = transcode::extras(
            tools,
            source.path(),
            &facts,
            &[extra],
            scratch.path(),
            control,
        );
        let made = match made {
            Err(error @ (Error::InvalidInput(_) | Error::Unsupported(_))) => {
                let note = format!("no {}: {error}", extra.word());
                beside.notes.push(note);
                continue;
            }
            made => made?,
        };
        beside.notes.extend(made.notes);
        for name in made.made.iter().flat_map(|extra| extra.files()) {
            beside
                .files
                .push(work.keep(name, &scratch.path().join(name))?);
        }
        let words = made.made.iter().map(|extra| extra.word().to_owned());
        beside.made.extend(words);
    }
    crash_point!("part.made");
    Ok(beside)
}

/// What the part of a package made; nothing where it has none.
pub(super) async fn made(shared: &Shared, package: &Package) -> Result<Beside, Failure> {
    for part in shared.db.parts(package.packaged_content_id).await? {
        if matches!(serde_json::from_str(&part.task), Ok(Task::Extras)) {
            let made = serde_json::from_str(part.made.as_deref().unwrap_or("{}"));
            return made.map_err(|error| Failure::Permanent(error.to_string()));
        }
    }
    Ok(Beside::default())
}

/// Notes what was made, and copies it to the package.
pub(super) async fn put(
    shared: &Arc<Shared>,
    claim: &Claim,
    beside: Beside,
    package: &PackageStore,
) -> Result<Settled, Failure> {
    let made = beside.made();
    let settled = shared.db.set_extras_made(claim, &made).await?;
    let (worker, code, to) = (shared.clone(), claim.code.clone(), package.clone());
    if settled == Settled::Yes {
        blocking(move || copy(&worker, &code, &beside, &to)).await?;
    }
    Ok(settled)
}

fn copy(
    shared: &Shared,
    code: &str,
    beside: &Beside,
    package: &PackageStore,
) -> Result<(), Failure> {
    for made in &beside.files {
        let key = shared.storage.parts(code).key(&made.name);
        let source = shared.storage.source(&key, &made.recorded)?;
        package.put(&made.name, source.len(), |file| {
            let mut piece = vec![0; PIECE];
            let mut at = 0;
            while at < source.len() {
                let length = usize::try_from(source.len() - at)
                    .unwrap_or(PIECE)
                    .min(PIECE);
                source.read_at(at, &mut piece[..length])?;
                file.write_all(&piece[..length])?;
                at += length as u64;
            }
            Ok::<_, std::io::Error>(())
        })?;
    }
    Ok(())
}
