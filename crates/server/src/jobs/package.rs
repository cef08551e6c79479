//! The job that makes a package: probe, plan, render, describe, check, publish.

use super::Failure;
use super::control::{Control, StoppableSource};
use super::render::{self, Target, Written};
use super::{extras, parts, verify};
use crate::app::Shared;
use crate::db::assets::Asset;
use crate::db::claims::{Claim, Settled};
use crate::db::packages::{Package, StoredRendition};
use crate::storage::{DASH, PackageStore, Recorded, Sealed, SourceFile};
use crate::{links, sweep};
use packager::{KeyId, LabelledKey, Movie, Options, Plan, Source as _};
use std::sync::Arc;
use std::time::Duration;

/// How old temporary files of another machine must be to count as abandoned.
const OTHERS_AGE_MS: i64 = 24 * 3600 * 1000;

/// Does a claimed job: makes what the package needs before it, or the package, and publishes it. Says which, for the log.
pub(super) async fn make(
    shared: &Arc<Shared>,
    claim: &Claim,
    control: &Arc<Control>,
) -> Result<(Settled, &'static str), Failure> {
    let (package, asset) = load(shared, claim).await?;
    if claim.part > 0 {
        let made = parts::make(shared, claim, package, asset, control).await?;
        return Ok((made, "a part is made"));
    }
    if let Some(split) = parts::split(shared, claim, &package, &asset).await? {
        return Ok((split, "the job waits for its parts"));
    }
    let needed_parts = package.preparation.is_some();
    let (code, ordered_at_ms) = (package.code.clone(), package.created_at_ms);
    let settled = publish(shared, claim, package, asset, control).await?;
    if settled == Settled::Yes {
        shared.metrics.published(ordered_at_ms);
    }
    if needed_parts && settled == Settled::Yes {
        let storage = shared.clone();
        blocking(move || {
            sweep::settle(&code, storage.storage.parts(&code).remove());
            Ok(())
        })
        .await?;
    }
    Ok((settled, "the package is published"))
}

async fn publish(
    shared: &Arc<Shared>,
    claim: &Claim,
    package: Package,
    asset: Asset,
    control: &Arc<Control>,
) -> Result<Settled, Failure> {
    let options = options(shared, &package, claim)?;
    let target = shared.storage.package(&package.code);

    let beside = extras::made(shared, &package).await?;
    let (plan, sources) = planned(shared, &package, asset, options, control).await?;

    crash_point!("job.planned");
    let trust = shared.storage.trust();
    let trusted = trust.is_some() && trust == claim.boot_id;
    let (renditions, mut warnings) = facts(&plan);
    warnings.extend(beside.notes.iter().cloned());
    let noted = shared
        .db
        .set_fragmented(claim, &renditions, &warnings, trust.as_deref());
    if noted.await? == Settled::Refused {
        return Ok(Settled::Refused);
    }

    crash_point!("job.fixed");
    let (plan, sources) = (Arc::new(plan), Arc::new(sources));
    let (for_render, from, control) = (plan.clone(), sources.clone(), control.clone());
    let to = Target {
        package: target.clone(),
        trusted,
    };
    let written = blocking(move || {
        let from: Vec<&dyn packager::Source> = from.iter().map(|from| from as _).collect();
        render::objects(&for_render, &from, &to, &control)
    })
    .await?;
    crash_point!("media.written");
    let newest = plan
        .objects()
        .last()
        .map_or(String::new(), |object| target.origin(&plan.path(*object)));
    if shared.db.set_encrypted(claim, &newest).await? == Settled::Refused {
        return Ok(Settled::Refused);
    }

    crash_point!("media.noted");
    if extras::put(shared, claim, beside, &target).await? == Settled::Refused {
        return Ok(Settled::Refused);
    }
    let to = target.clone();
    let (mpd, sealed) = blocking(move || finish(&plan, &written, &sources, &to)).await?;
    let url = format!("/videos/{}/{DASH}/{mpd}", package.code);
    let newest = target.origin(&mpd);
    let noted = shared.db.set_sealed(claim, &sealed.hashes_sha256);
    if noted.await? == Settled::Refused {
        return Ok(Settled::Refused);
    }
    crash_point!("publish.ready");
    let published = shared.db.publish(claim, &url, &newest, sealed.bytes);
    let settled = published.await?;
    crash_point!("publish.committed");
    Ok(settled)
}

/// The plan of a package, and what it is made of.
async fn planned(
    shared: &Arc<Shared>,
    package: &Package,
    asset: Asset,
    options: Options,
    control: &Arc<Control>,
) -> Result<(Plan, Vec<StoppableSource>), Failure> {
    let opened = match parts::makes_inputs(package, &asset)? {
        false => sources(shared, asset, control).await?,
        true => parts::open(shared, package, asset, control).await?,
    };
    blocking(move || {
        let (sources, movies): (Vec<_>, Vec<_>) = opened.into_iter().unzip();
        Ok((packager::plan(&movies, &options)?, sources))
    })
    .await
}

/// The delivered file, opened and probed.
async fn sources(
    shared: &Arc<Shared>,
    asset: Asset,
    control: &Arc<Control>,
) -> Result<Vec<(StoppableSource, Movie)>, Failure> {
    let (storage, control) = (shared.clone(), control.clone());
    blocking(move || {
        let source = StoppableSource {
            source: Box::new(open(&storage, &asset)?),
            control,
        };
        let movie = packager::probe(&source)?;
        Ok(vec![(source, movie)])
    })
    .await
}

/// Deletes the files of a package that will not be, after the catalogue has said so: a retry writes under another code.
pub(super) async fn remove_files(shared: &Arc<Shared>, code: &str) {
    let (folder, storage, of) = (
        shared.storage.package(code),
        shared.clone(),
        code.to_owned(),
    );
    let removed = blocking(move || {
        folder.abandon()?;
        Ok(storage.storage.parts(&of).remove()?)
    });
    if let Err(failure) = removed.await {
        tracing::warn!(code, ?failure, "files stay until a sweep finds them");
    }
}

/// Deletes temporary files of processes that are dead.
pub(super) async fn remove_temporary(shared: &Arc<Shared>) {
    let storage = shared.clone();
    let swept = blocking(move || Ok(storage.storage.sweep_temporary(OTHERS_AGE_MS)?));
    if let Err(failure) = swept.await {
        tracing::warn!(?failure, "temporary files stay until a sweep finds them");
    }
}

async fn load(shared: &Shared, claim: &Claim) -> Result<(Package, Asset), Failure> {
    let gone = || Failure::Permanent("the asset or the package was deleted".to_owned());
    let package = shared.db.any_package(claim.packaged_content_id).await?;
    let package = package.ok_or_else(gone)?;
    let asset = shared.db.any_asset(package.input_content_id).await?;
    Ok((package, asset.ok_or_else(gone)?))
}

fn options(shared: &Shared, package: &Package, claim: &Claim) -> Result<Options, Failure> {
    let content_key = match (&package.kid, &package.video_key) {
        (Some(kid), Some(wrapped)) => {
            let broken = || Failure::Permanent(format!("the stored KID {kid} is broken"));
            let kid: KeyId = packager::parse_key_id(kid).map_err(|_| broken())?;
            let key = shared.keys.content_key(package.place(), kid, wrapped);
            Some(key.map_err(|error| Failure::Permanent(error.to_string()))?)
        }
        _ => None,
    };
    let seed = <[u8; 16]>::try_from(claim.iv_seed.as_slice())
        .map_err(|_| Failure::Permanent("the stored IV seed is broken".to_owned()))?;
    let scheme = package.engine_scheme();
    Ok(Options {
        scheme,
        encrypt: package.engine_scope(),
        content_keys: content_key.map(LabelledKey::for_all).into_iter().collect(),
        iv_seed: seed,
        segment_duration: Duration::from_millis(
            u64::try_from(package.segment_duration_ms).unwrap_or_default(),
        ),
        license_url: scheme.map(|_| links::LICENSE_PLACEHOLDER.to_owned()),
        hls_key_url: scheme.map(|_| links::HLS_KEY_PLACEHOLDER.to_owned()),
        ..Options::default()
    })
}

pub(super) fn open(shared: &Shared, asset: &Asset) -> Result<SourceFile, Failure> {
    let origin = &asset.input_content_origin;
    let recorded = Recorded {
        size: u64::try_from(asset.size).unwrap_or_default(),
        sha256: asset.sha256.clone(),
    };
    let file = shared.storage.source(origin, &recorded).map_err(|error| {
        let text = format!("the delivered file {origin} cannot be opened: {error}");
        match error.kind() {
            std::io::ErrorKind::NotFound => Failure::Permanent(text),
            _ => Failure::of_storage(&error, text),
        }
    })?;
    if file.len() != recorded.size {
        return Err(Failure::Permanent(format!(
            "the delivered file {origin} has {} bytes where {} were stored",
            file.len(),
            recorded.size
        )));
    }
    Ok(file)
}

fn facts(plan: &Plan) -> (Vec<StoredRendition>, Vec<String>) {
    let stored = |rendition: &packager::Rendition| StoredRendition {
        name: rendition.name.clone(),
        track_id: rendition.track_id,
        codec: rendition.codec.clone(),
        segments: rendition.segments,
        encrypted: rendition.encrypted,
    };
    let warnings = plan.warnings().iter().map(|warning| warning.0.clone());
    (
        plan.renditions().iter().map(stored).collect(),
        warnings.collect(),
    )
}

/// Writes the manifests, makes everything durable in one pass, and looks whether all is there and right.
///
/// Returns the name of the MPD.
fn finish(
    plan: &Plan,
    objects: &Written,
    sources: &[StoppableSource],
    target: &PackageStore,
) -> Result<(String, Sealed), Failure> {
    let manifests = plan.manifests(&|object| objects.get(&object).copied().unwrap_or_default())?;
    for manifest in &manifests {
        let text = manifest.text.as_bytes();
        target.put(&manifest.path, text.len() as u64, |file| {
            file.write_all(text)
        })?;
        crash_point!("manifest.written");
    }
    let mpd = manifests
        .iter()
        .find(|manifest| manifest.path.ends_with(".mpd"))
        .ok_or_else(|| Failure::Permanent("the plan describes no MPD".to_owned()))?;
    if let Some(missing) = plan
        .objects()
        .iter()
        .find(|object| !objects.contains_key(object))
    {
        let path = plan.path(*missing);
        return Err(Failure::Passing(format!(
            "the package is not whole: {path} was not written"
        )));
    }
    crash_point!("manifests.written");
    let sealed = target.seal()?;
    crash_point!("package.sealed");
    let sources: Vec<&dyn packager::Source> = sources.iter().map(|source| source as _).collect();
    verify::check(plan, &sources, target)?;
    crash_point!("package.checked");
    Ok((mpd.path.clone(), sealed))
}

/// Runs work that waits for the disk or the processor; a panic in it fails the job, not the worker.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) if error.is_panic() => Err(render::panicked()),
        Err(error) => Err(Failure::Passing(error.to_string())),
    }
}
