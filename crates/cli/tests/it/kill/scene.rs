//! Data folders in the states from which kills begin, and how a run went that nobody disturbed.

use super::process::Process;
use crate::media;
use crate::support::{KEY, KID, Scratch, snapshot};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Files by their path with their bytes.
pub type Files = BTreeMap<PathBuf, Option<Vec<u8>>>;

/// The states, made once.
pub struct Scenes {
    /// A catalogue with one asset.
    pub asset: PathBuf,
    /// The same with an order for a package, which no worker has seen.
    pub queued: PathBuf,
    /// The same when the package is ready: made in one go.
    pub ready: PathBuf,
    /// The files of that package.
    pub package: Files,
    /// A catalogue with one asset that is no MP4, and an order for a package of it.
    pub converted: PathBuf,
}

/// The states; they stay as long as the tests run.
pub fn scenes() -> &'static Scenes {
    static SCENES: OnceLock<Scenes> = OnceLock::new();
    SCENES.get_or_init(|| {
        // In one place, because nobody is there at the end to tidy up.
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kill-scenes");
        if home.exists() {
            fs::remove_dir_all(&home).unwrap();
        }
        let at = |name: &str| home.join(name);
        let (asset, queued, ready) = (at("asset"), at("queued"), at("ready"));
        let server = Process::serve(&asset, "", 0).unwrap();
        let (status, answer) = server.upload(&media::clip()).unwrap();
        assert_eq!(status, 201, "{answer}");
        server.stop();
        copy(&asset, &queued);
        let server = Process::serve(&queued, "", 0).unwrap();
        order(&server);
        server.stop();
        copy(&queued, &ready);
        let server = Process::serve(&ready, "", 1).unwrap();
        server.until("/api/v1/packages", |found| {
            found["data"][0]["status"] == "Ready"
        });
        server.stop();
        let converted = at("converted");
        let server = Process::serve(&converted, "", 0).unwrap();
        let (status, answer) = server.upload(&media::matroska()).unwrap();
        assert_eq!(status, 201, "{answer}");
        order(&server);
        server.stop();
        let package = snapshot(&ready.join("packages"));
        let media = package.keys().filter(|path| path.extension().is_some());
        assert!(media.count() > 10, "too little to be killed in");
        Scenes {
            asset,
            queued,
            ready,
            package,
            converted,
        }
    })
}

/// Orders a package of the only asset; returns it.
pub fn order(server: &Process) -> Value {
    let asset = only(server, "assets").expect("an asset");
    let path = format!("/api/v1/assets/{}/packages", asset["id"].as_str().unwrap());
    let (status, package) = server.post(&path, &request()).expect("an answer");
    assert_eq!(status, 202, "{package}");
    package
}

/// The body of an order: many small objects, with a key that is known.
pub fn request() -> Value {
    json!({"kid": KID, "key": KEY, "segment_duration": 0.5})
}

/// The only asset, package or job there is; there may be none, never more than one.
#[track_caller]
pub fn only(server: &Process, collection: &str) -> Option<Value> {
    let path = format!("/api/v1/{collection}");
    let (status, found) = server.get(&path).expect("an answer");
    assert_eq!(status, 200, "{found}");
    let data = found["data"].as_array().unwrap();
    assert!(data.len() <= 1, "there twice: {found}");
    data.first().cloned()
}

/// A data folder of one test in a state.
pub fn folder(state: &Path) -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    let data = scratch.path().join("data");
    copy(state, &data);
    (scratch, data)
}

/// Copies a folder in which no process is at work.
pub fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).unwrap();
        }
    }
}
