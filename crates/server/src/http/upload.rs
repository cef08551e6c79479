//! Receives a delivered file: streamed to disk, hashed on the way, probed, then named in the catalogue.

use super::error::{Problem, Result};
use crate::app::Shared;
use crate::db::assets::{Asset, NewAsset};
use crate::db::probe::{Probe, TEXT, VIDEO};
use crate::id;
use crate::storage::Upload;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use std::sync::Arc;

/// Largest upload: 256 GiB, a long film in camera quality. More is answered with 413.
pub(super) const MAX_UPLOAD_BYTES: u64 = 256 << 30;
/// The multipart field that holds the file.
const FIELD: &str = "file";
/// How much is collected before it goes to the disk.
const BATCH_BYTES: usize = 1 << 20;
/// Longest name that is kept, in characters.
const MAX_NAME: usize = 255;

/// What an API demands of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// Some track can be packaged.
    AnyTrack,
    /// A video track can be packaged.
    Video,
}

/// Receives the field `file` of a form and adds it to the catalogue.
///
/// Whatever goes wrong, nothing is left behind. When the client goes away after its last byte, the asset
/// is added all the same.
pub(super) async fn receive(
    shared: &Arc<Shared>,
    mut form: Multipart,
    demand: Demand,
) -> Result<Asset> {
    while let Some(field) = form.next_field().await.map_err(broken_form)? {
        if field.name() != Some(FIELD) {
            continue;
        }
        let Some(name) = field.file_name().map(display_name) else {
            let text = "must be a file, with a file name, not a text";
            return Err(Problem::field(FIELD, text));
        };
        let upload = store(shared, field).await?;
        let shared = shared.clone();
        // A task of its own, because the work of a request ends when its client goes away.
        let added = tokio::spawn(async move { add(&shared, upload, name, demand).await });
        return added.await.map_err(Problem::internal)?;
    }
    Err(Problem::field(
        FIELD,
        "is missing: send the video in a multipart/form-data field of this name",
    ))
}

/// Streams a field to the disk.
async fn store(shared: &Arc<Shared>, mut field: Field<'_>) -> Result<Upload> {
    let storage = shared.clone();
    let mut upload = super::blocking(move || Ok(storage.storage.receive()?)).await?;
    let mut batch = Vec::with_capacity(BATCH_BYTES);
    loop {
        let chunk = field.chunk().await.map_err(broken_form)?;
        batch.extend_from_slice(chunk.as_deref().unwrap_or_default());
        if upload.size() + batch.len() as u64 > MAX_UPLOAD_BYTES {
            let text = format!("a file may have {MAX_UPLOAD_BYTES} bytes at most");
            return Err(Problem::too_large(text));
        }
        if batch.len() >= BATCH_BYTES || chunk.is_none() {
            (upload, batch) = super::blocking(move || {
                upload.write(&batch)?;
                crash_point!("upload.receiving");
                batch.clear();
                Ok((upload, batch))
            })
            .await?;
        }
        if chunk.is_none() {
            return Ok(upload);
        }
    }
}

/// Probes what was received, keeps it, and names it in the catalogue.
async fn add(shared: &Arc<Shared>, upload: Upload, name: String, demand: Demand) -> Result<Asset> {
    let storage = shared.clone();
    let (new, kept) = super::blocking(move || {
        let movie = packager::probe(upload.file()).map_err(unusable)?;
        let probe = Probe::of(&movie);
        check(&probe, demand)?;
        crash_point!("upload.probed");
        let kept = upload.keep(&storage.storage)?;
        crash_point!("upload.kept");
        let new = NewAsset {
            id: id::tagged("ast")?,
            name,
            input_content_origin: kept.origin.clone(),
            sha256: kept.recorded.sha256.clone(),
            size: kept.recorded.size,
            container: container(&movie.brand).to_owned(),
            brand: movie.brand.trim_end().to_owned(),
            fragmented: movie.fragmented,
            duration_seconds: movie.duration_seconds,
            probe,
        };
        Ok((new, kept))
    })
    .await?;
    let asset = shared.db.add_asset(&new).await?;
    crash_point!("upload.named");
    kept.done();
    tracing::info!(asset = asset.id, size = asset.size, "an asset came in");
    Ok(asset)
}

fn check(probe: &Probe, demand: Demand) -> Result<()> {
    // Subtitles alone make no package.
    let wanted = |kind: &str| match demand {
        Demand::AnyTrack => kind != TEXT,
        Demand::Video => kind == VIDEO,
    };
    let candidates: Vec<_> = probe
        .tracks
        .iter()
        .filter(|track| wanted(&track.kind))
        .collect();
    if candidates.iter().any(|track| track.reason.is_none()) {
        return Ok(());
    }
    let reasons: Vec<String> = candidates
        .iter()
        .filter_map(|track| {
            let reason = track.reason.as_deref()?;
            Some(format!("track {} ({}): {reason}", track.id, track.codec))
        })
        .collect();
    let text = match (reasons.is_empty(), demand) {
        (true, Demand::Video) => "the file has no video track".to_owned(),
        (true, Demand::AnyTrack) => "the file has no video or audio track".to_owned(),
        (false, _) => format!("no track can be packaged: {}", reasons.join("; ")),
    };
    Err(Problem::unusable_media(text))
}

/// Says whose fault it is that a file cannot be read.
fn unusable(error: packager::Error) -> Problem {
    match error {
        packager::Error::Io(error) => error.into(),
        other => Problem::unusable_media(other.to_string()),
    }
}

fn container(brand: &str) -> &'static str {
    // Files of QuickTime have this brand, or are older than brands.
    if brand.is_empty() || brand.starts_with("qt") {
        "mov"
    } else {
        "mp4"
    }
}

/// The name that people see: no folder, no control characters, not too long. It never becomes a path.
fn display_name(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let name: String = name
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_NAME)
        .collect();
    let name = name.trim();
    if name.is_empty() {
        "unnamed".to_owned()
    } else {
        name.to_owned()
    }
}

fn broken_form(error: MultipartError) -> Problem {
    Problem::invalid(format!(
        "the form is broken or was cut off: {}",
        error.body_text()
    ))
}

#[cfg(test)]
mod tests {
    use super::display_name;

    #[test]
    fn names_are_for_people_only() {
        for (given, shown) in [
            ("holiday.mp4", "holiday.mp4"),
            ("../../etc/passwd", "passwd"),
            ("C:\\films\\a b.mov", "a b.mov"),
            ("a\r\nb\0.mp4", "ab.mp4"),
            ("/", "unnamed"),
            ("", "unnamed"),
        ] {
            assert_eq!(display_name(given), shown);
        }
        assert_eq!(display_name(&"ü".repeat(1000)).chars().count(), 255);
    }
}
