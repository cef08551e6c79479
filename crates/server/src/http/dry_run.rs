//! `dry_run` of an order: what it would come to, told without making anything.
//!
//! Where the delivered file is packaged as it is and lies on this machine, the engine plans it, and the numbers are those that
//! would be written. A ladder and a conversion are foretold of what the catalogue knows: looking at the video takes ffmpeg
//! and as long as the video wants, and a file in an object store would have to come whole; neither is for a request.

use super::error::{Problem, Result};
use crate::app::Shared;
use crate::db::assets::Asset;
use crate::db::probe::{ProbedTrack, VIDEO};
use crate::forecast::{Cut, Expected, Forecast};
use crate::links;
use crate::order::Order;
use crate::storage::Recorded;
use axum::Json;
use axum::response::{IntoResponse, Response};
use packager::{ContentKey, KeyId, LabelledKey, Options};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use transcode::{Complexity, LadderPlan, Picture, SoundOutput};

/// Seconds between key pictures of what is converted.
const USUAL_GOP: f64 = 2.0;
/// Pictures a second where nobody counted them.
const USUAL_RATE: f64 = 25.0;

/// How many files are planned at once; others wait. The index of a long film takes some seconds.
const AT_ONCE: usize = 2;

static PLANNING: Semaphore = Semaphore::const_new(AT_ONCE);

/// Answers with what an order of a package of this asset would come to.
pub(super) async fn answer(shared: &Arc<Shared>, asset: Asset, order: &Order) -> Result<Response> {
    let makes_inputs = order.ladder.is_some()
        || order.loudness_lufs.is_some()
        || asset.probe.0.conversion.is_some();
    let mut forecast = match makes_inputs || !shared.storage.is_on_this_machine() {
        true => expected(&asset, order)?,
        false => planned(shared, &asset, order).await?,
    };
    if !order.extras.is_empty() {
        forecast.note("extras lie beside the package and are not counted");
    }
    Ok(Json(forecast).into_response())
}

async fn planned(shared: &Arc<Shared>, asset: &Asset, order: &Order) -> Result<Forecast> {
    let options = options(order);
    let turn = PLANNING.acquire().await.map_err(Problem::internal)?;
    let (storage, origin) = (shared.clone(), asset.input_content_origin.clone());
    let recorded = Recorded {
        size: u64::try_from(asset.size).unwrap_or_default(),
        sha256: asset.sha256.clone(),
    };
    super::blocking(move || {
        // Whoever asked may be gone; the work is not.
        let _turn = turn;
        let source = storage.storage.source(&origin, &recorded)?;
        let plan = packager::probe(&source).and_then(|movie| packager::plan(&[movie], &options));
        let forecast = plan.and_then(|plan| Forecast::of_plan(&plan));
        forecast.map_err(|error| match error {
            packager::Error::Io(error) => error.into(),
            other => Problem::unusable_media(other.to_string()),
        })
    })
    .await
}

/// As a worker has them, but for the key: its value changes no size.
fn options(order: &Order) -> Options {
    let kid = order.kid.as_ref().map_or(KeyId([0; 16]), |(kid, _)| *kid);
    let key = order.scheme.map(|_| ContentKey {
        kid,
        value: [0; 16],
    });
    Options {
        scheme: order.scheme,
        encrypt: order.encrypt,
        content_keys: key.map(LabelledKey::for_all).into_iter().collect(),
        segment_duration: target(order),
        license_url: order.scheme.map(|_| links::LICENSE_PLACEHOLDER.to_owned()),
        hls_key_url: order.scheme.map(|_| links::HLS_KEY_PLACEHOLDER.to_owned()),
        ..Options::default()
    }
}

fn target(order: &Order) -> Duration {
    Duration::from_millis(u64::try_from(order.segment_duration_ms).unwrap_or_default())
}

/// What is expected by what the catalogue knows of the file.
fn expected(asset: &Asset, order: &Order) -> Result<Forecast> {
    let probe = &asset.probe.0;
    let conversion = probe.conversion.as_ref();
    let encodes = conversion.is_some_and(|conversion| conversion.encodes);
    let tracks = Expected::of_probed(&probe.tracks, encodes, order.loudness_lufs.is_some());
    let mut notes = conversion.map_or_else(Vec::new, |conversion| conversion.notes.clone());
    let video = probe.tracks.iter().find(|track| track.kind == VIDEO);
    let (tracks, gop_seconds) = match (&order.ladder, video) {
        (Some(ladder), Some(video)) => {
            notes.push(
                "the rungs are those of a usual video of this size: how hard this one is to code is measured when it is packaged"
                    .to_owned(),
            );
            let picture = picture(video);
            let (ladder, sounds) = ladder_of(ladder, &picture, &probe.tracks, order)?;
            let gop_seconds = ladder.gop_seconds;
            let tracks = Expected::of_ladder(&ladder, &sounds, picture.frame_rate, tracks);
            (tracks, gop_seconds)
        }
        _ => (tracks, USUAL_GOP),
    };
    let cut = Cut {
        segment_duration: target(order),
        gop_seconds,
        encrypt: order.scheme.map(|_| order.encrypt),
    };
    Ok(Forecast::of_expected(
        tracks,
        asset.duration_seconds,
        &cut,
        notes,
    ))
}

fn picture(video: &ProbedTrack) -> Picture {
    let counted = video.sample_count as f64 / video.duration_seconds;
    Picture {
        width: video.width.unwrap_or_default(),
        height: video.height.unwrap_or_default(),
        pixel_aspect: 1.0,
        rotation: 0,
        frame_rate: match video.sample_count > 0 && counted.is_finite() {
            true => counted,
            false => USUAL_RATE,
        },
        hdr: false,
        bit_rate: video.bitrate,
    }
}

/// The ladder of a usual video of this size, and every sound in every form that is wanted.
fn ladder_of(
    ladder: &str,
    picture: &Picture,
    tracks: &[ProbedTrack],
    order: &Order,
) -> Result<(LadderPlan, Vec<SoundOutput>)> {
    let sounds = tracks.iter().filter(|track| track.reason.is_none());
    let sounds = sounds.filter_map(|track| Some((track, u32::from(track.channels?))));
    let most = sounds.clone().map(|(_, channels)| channels).max();
    let wanted = transcode::Order::parse(ladder).map_err(Problem::internal)?;
    let complexity = Complexity::TYPICAL;
    let ladder = match &wanted {
        transcode::Order::Profile(profile) => {
            transcode::of_profile(profile, picture, most.unwrap_or(0), &complexity)
        }
        _ => transcode::auto(picture, most.unwrap_or(0), &complexity),
    };
    let outputs = sounds.flat_map(|(track, has)| {
        let fits = move |wish: &&transcode::Sound| wish.channels <= 2 || wish.channels <= has;
        let wishes = ladder.sounds.iter().filter(fits);
        wishes.map(move |wish| SoundOutput {
            track: track.id,
            language: track.language.clone(),
            codec: Some(wish.codec),
            channels: wish.channels.min(has),
            bitrate: wish.bitrate,
            loudness: order.loudness_lufs,
        })
    });
    let outputs = outputs.collect();
    Ok((ladder, outputs))
}
