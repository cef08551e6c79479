//! What is missing or altered is found, on a running server.

use crate::support::s3::S3;
use crate::support::{TestApp, clips, files, text};
use serde_json::{Value, json};
use server::{Fault, FaultKind, Place, ScrubReport};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Scrubs what a running server has.
pub async fn scrub(place: &Place) -> ScrubReport {
    let place = place.clone();
    let scrubbing = tokio::task::spawn_blocking(move || server::scrub(&place));
    scrubbing.await.expect("it ran").expect("a report")
}

/// Where an app on a folder keeps what it has.
pub fn place(dir: &Path) -> Place {
    Place {
        data_dir: dir.to_owned(),
        database: None,
        storage: server::StorageConfig::default(),
    }
}

fn keys(faults: &[Fault], root: &Path) -> BTreeSet<PathBuf> {
    faults.iter().map(|fault| root.join(&fault.key)).collect()
}

/// Changes a bit in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).expect("written");
}

fn truncate(path: &Path) {
    let file = std::fs::File::options().write(true).open(path);
    let file = file.expect("a file");
    let size = file.metadata().expect("its size").len();
    file.set_len(size - 1).expect("shorter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scrub_names_all_of_140_broken_objects_and_no_other() {
    let app = TestApp::start().await;
    let options = json!({"segment_duration": 0.5});
    app.ready(&clips::long(), &options).await;
    let whole = scrub(&place(app.dir())).await;
    assert_eq!(
        (whole.faults.len(), whole.unrecorded.len()),
        (0, 0),
        "{whole:?}"
    );
    let mut all = files(&app.dir().join("packages"));
    all.extend(files(&app.dir().join("sources")));
    assert_eq!(whole.objects, all.len() as u64);
    // What becomes of the list itself is below.
    all.retain(|path| !path.ends_with("hashes.json"));
    let step = all.len() / 140;
    let chosen: Vec<PathBuf> = all
        .iter()
        .rev()
        .step_by(step.max(1))
        .take(140)
        .cloned()
        .collect();
    assert_eq!(chosen.len(), 140, "of {}", all.len());
    for (number, path) in chosen.iter().enumerate() {
        match number % 7 {
            0 => std::fs::remove_file(path).expect("removed"),
            1 => truncate(path),
            _ => flip(path),
        }
    }
    let report = scrub(&place(app.dir())).await;
    let missing = report
        .faults
        .iter()
        .filter(|fault| fault.kind == FaultKind::Missing);
    assert_eq!((missing.count(), report.faults.len()), (20, 140));
    let expected: BTreeSet<PathBuf> = chosen.into_iter().collect();
    assert_eq!(keys(&report.faults, app.dir()), expected);
    app.get_json("/api/v1/assets").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_hashes_is_itself_looked_at() {
    let app = TestApp::start().await;
    app.ready(&clips::numbered(0), &json!({})).await;
    let mut lists = files(&app.dir().join("packages")).into_iter();
    let list = lists.find(|path| path.ends_with("hashes.json"));
    let list = list.expect("a list");
    let text = std::fs::read_to_string(&list).expect("read");
    std::fs::write(&list, text.replacen("\"size\": ", "\"size\":  ", 1)).expect("written");
    let report = scrub(&place(app.dir())).await;
    assert_eq!(
        keys(&report.faults, app.dir()),
        BTreeSet::from([list.clone()])
    );
    std::fs::write(&list, "{").expect("written");
    assert_eq!(
        scrub(&place(app.dir())).await.faults[0].kind,
        FaultKind::Altered
    );
    std::fs::remove_file(&list).expect("removed");
    assert_eq!(
        scrub(&place(app.dir())).await.faults[0].kind,
        FaultKind::Missing
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_scrubbed_too() {
    let s3 = S3::start().await;
    let dir = tempfile::tempdir().expect("a folder");
    let storage = s3.config(dir.path());
    let place = Place {
        storage: storage.clone(),
        ..place(dir.path())
    };
    let app = TestApp::start_in(dir, |config| config.storage = storage).await;
    let package = app.ready(&clips::plain(), &json!({})).await;
    let whole: ScrubReport = scrub(&place).await;
    assert_eq!(whole.faults, []);
    let objects = s3.objects("packages").into_iter();
    let segments: Vec<PathBuf> = objects
        .filter(|path| path.to_string_lossy().ends_with(".m4s"))
        .collect();
    flip(&segments[0]);
    std::fs::remove_file(&segments[1]).expect("removed");
    let report = scrub(&place).await;
    let found: Vec<FaultKind> = report.faults.iter().map(|fault| fault.kind).collect();
    assert_eq!(found.len(), 2, "{report:?}");
    assert!(found.contains(&FaultKind::Altered) && found.contains(&FaultKind::Missing));
    let of: Value = json!(report.faults[0].of);
    assert_eq!(text(&of), text(&package["id"]));
}
