//! A kill at every crash point, one after the other.

use super::power::{self, Loss};
use super::process::Process;
use super::scene::{Files, folder, only, order, request, scenes};
use super::{CLAIMED_WITHIN, SERVES_WITHIN, table, torture, until};
use crate::media;
use crate::support::{KEY, KID, Scratch, snapshot};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What goes on when the process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scene {
    /// A file comes in.
    Upload,
    /// A file comes in by tus, in two pieces.
    Resumable,
    /// A package is ordered.
    Order,
    /// A package is made and published.
    Package,
    /// A file that is no MP4 is converted, then packaged.
    Convert,
    /// The same as a package, taken up by a server that is killed in its turn while it starts.
    Start,
    /// A running packaging is cancelled.
    Cancel,
    /// A running packaging is paused.
    Pause,
    /// A packaging fails for good.
    Fail,
    /// An attempt fails for a reason that may pass.
    PutBack,
    /// The server is asked to stop while it packages.
    Drain,
    DeletePackage,
    DeleteAsset,
    /// Content keys are wrapped under another key.
    Rotate,
    /// A webhook is told of something.
    Webhook,
}

/// Every crash point, what the process does before the kill, and the passes that it survives there.
const POINTS: [(&str, Scene, usize); 69] = [
    ("upload.receiving", Scene::Upload, 0),
    ("upload.probed", Scene::Upload, 0),
    ("upload.kept", Scene::Upload, 0),
    ("upload.named", Scene::Upload, 0),
    ("tus.made", Scene::Resumable, 0),
    ("tus.begun", Scene::Resumable, 0),
    ("tus.written", Scene::Resumable, 0),
    ("tus.written", Scene::Resumable, 1),
    ("tus.synced", Scene::Resumable, 0),
    ("tus.synced", Scene::Resumable, 1),
    ("tus.recorded", Scene::Resumable, 0),
    ("tus.recorded", Scene::Resumable, 1),
    ("tus.kept", Scene::Resumable, 0),
    ("tus.kept", Scene::Resumable, 1),
    ("tus.examined", Scene::Resumable, 0),
    ("tus.placed", Scene::Resumable, 0),
    ("tus.named", Scene::Resumable, 0),
    ("tus.ended", Scene::Resumable, 0),
    ("order.made", Scene::Order, 0),
    ("order.written", Scene::Order, 0),
    ("order.queued", Scene::Order, 0),
    ("start.opened", Scene::Start, 0),
    ("start.recovered", Scene::Start, 0),
    ("start.swept", Scene::Start, 0),
    ("job.claimed", Scene::Package, 0),
    ("job.planned", Scene::Package, 0),
    ("job.fixed", Scene::Package, 0),
    ("object.begun", Scene::Package, 0),
    ("object.begun", Scene::Package, 9),
    ("object.filled", Scene::Package, 3),
    ("object.written", Scene::Package, 0),
    ("object.written", Scene::Package, 7),
    ("media.written", Scene::Package, 0),
    ("media.noted", Scene::Package, 0),
    ("manifest.written", Scene::Package, 0),
    ("manifest.written", Scene::Package, 2),
    ("manifests.written", Scene::Package, 0),
    ("package.sealed", Scene::Package, 0),
    ("package.checked", Scene::Package, 0),
    ("publish.ready", Scene::Package, 0),
    ("publish.before-commit", Scene::Package, 0),
    ("publish.committed", Scene::Package, 0),
    ("parts.decided", Scene::Convert, 0),
    ("parts.queued", Scene::Convert, 0),
    ("part.made", Scene::Convert, 0),
    ("part.kept", Scene::Convert, 0),
    ("part.done", Scene::Convert, 0),
    ("job.put-back", Scene::PutBack, 0),
    ("cancel.seen", Scene::Cancel, 0),
    ("cancel.settled", Scene::Cancel, 0),
    ("cancel.files-gone", Scene::Cancel, 0),
    ("failure.settled", Scene::Fail, 0),
    ("failure.files-gone", Scene::Fail, 0),
    ("pause.stopped", Scene::Pause, 0),
    ("pause.settled", Scene::Pause, 0),
    ("drain.stopped", Scene::Drain, 0),
    ("drain.handed-back", Scene::Drain, 0),
    ("drain.workers-gone", Scene::Drain, 0),
    ("delete-package.committed", Scene::DeletePackage, 0),
    ("delete-package.files-gone", Scene::DeletePackage, 0),
    ("delete-asset.committed", Scene::DeleteAsset, 0),
    ("delete-asset.package-gone", Scene::DeleteAsset, 0),
    ("delete-asset.source-gone", Scene::DeleteAsset, 0),
    ("rotate.added", Scene::Rotate, 0),
    ("rotate.half", Scene::Rotate, 0),
    ("rotate.rewrapped", Scene::Rotate, 0),
    ("webhook.made", Scene::Webhook, 0),
    ("webhook.claimed", Scene::Webhook, 0),
    ("webhook.sent", Scene::Webhook, 0),
];

/// Keeps a packaging at work until somebody has a word with it.
const SLOWLY: &str = "object.written=sleep(200)";

/// What was seen after a kill.
#[derive(Debug, Default)]
pub struct Seen {
    /// From the start after the kill to the first answer.
    pub served: Option<Duration>,
    /// From there to the moment at which the interrupted job was at work, or done.
    pub claimed: Option<Duration>,
    /// What became of it.
    pub end: &'static str,
}

#[test]
fn nothing_is_lost_or_there_twice_whatever_the_point_of_the_kill() {
    scenes();
    let next = AtomicUsize::new(0);
    let rows = Mutex::new(Vec::new());
    // Processes start and end all the time; two at once keep the cores busy.
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(row) = POINTS.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let seen = kill_at(row);
                    rows.lock().unwrap().push((row, seen));
                }
            });
        }
    });
    let mut rows = rows.into_inner().unwrap();
    rows.sort_by_key(|(row, _)| POINTS.iter().position(|point| std::ptr::eq(point, *row)));
    let mut text = String::from(
        "## At every crash point\n\n| killed at | while | serves again after | job claimed again after | then |\n|---|---|---|---|---|\n",
    );
    for ((point, scene, survived), seen) in rows {
        let pass = match survived {
            0 => String::new(),
            survived => format!(", pass {}", survived + 1),
        };
        let (served, claimed) = (table::ms(seen.served), table::ms(seen.claimed));
        writeln!(
            text,
            "| `{point}`{pass} | {scene:?} | {served} | {claimed} | {} |",
            seen.end
        )
        .unwrap();
    }
    table::leave("1-matrix", &text);
}

/// The same points, with power cuts in the place of kills. Returns how many cuts there were.
pub fn under_power_cuts() -> usize {
    scenes();
    let cuts: Vec<_> = POINTS
        .iter()
        .flat_map(|row| [(row, Loss::Names), (row, Loss::Bytes)])
        .collect();
    // In `make test` every point once, with the one loss or the other.
    let step = if torture() { 1 } else { 3 };
    let cuts: Vec<_> = cuts.into_iter().step_by(step).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((row, loss)) = cuts.get(next.fetch_add(1, Ordering::Relaxed)) {
                    power::with(*loss, || kill_at(row));
                }
            });
        }
    });
    cuts.len()
}

#[test]
fn every_crash_point_is_in_the_matrix() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../server/src");
    let mut missing: Vec<String> = snapshot(&source)
        .into_iter()
        .filter(|(path, _)| path.extension().is_some_and(|kind| kind == "rs"))
        .flat_map(|(_, text)| {
            let text = String::from_utf8(text.unwrap()).unwrap();
            let calls = text.split("crash_point!(\"").skip(1);
            let names = calls.map(|rest| rest.split('"').next().unwrap_or_default().to_owned());
            names.collect::<Vec<_>>()
        })
        .filter(|name| !POINTS.iter().any(|(point, ..)| point == name))
        .collect();
    missing.sort();
    assert!(missing.is_empty(), "without a row in POINTS: {missing:?}");
}

fn kill_at((point, scene, survived): &(&str, Scene, usize)) -> Seen {
    let armed = match survived {
        0 => format!("{point}=return"),
        survived => format!("{point}={survived}*off->return"),
    };
    match scene {
        Scene::Upload => upload(point, &armed),
        Scene::Resumable => super::resumable::upload(point, &armed, *survived),
        Scene::Order => ordering(point, &armed),
        Scene::Package => package(point, &armed),
        Scene::Start => start(point, &armed),
        Scene::Convert => conversion(point, &armed),
        Scene::Cancel => cancel(point, &armed),
        Scene::Pause => pause(point, &armed),
        Scene::Fail => fail(point, &armed),
        Scene::PutBack => put_back(point, &armed),
        Scene::Drain => drain(point, &armed),
        Scene::DeletePackage => delete(point, &armed, "packages"),
        Scene::DeleteAsset => delete(point, &armed, "assets"),
        Scene::Rotate => rotate(point, &armed),
        Scene::Webhook => super::webhooks::deliver(point, &armed),
    }
}

fn upload(point: &str, armed: &str) -> Seen {
    let scratch = Scratch::new();
    let data = scratch.path().join("data");
    let server = Process::serve(&data, armed, 1).unwrap();
    let answer = server.upload(&media::clip());
    assert!(answer.is_err(), "{point}: {answer:?}");
    server.died(point);
    after_upload(&data, point == "upload.named", point)
}

/// After a kill in an upload: the asset is there, whole, or not at all; the client can do it again.
pub fn after_upload(data: &Path, must_be_there: bool, point: &str) -> Seen {
    let (server, served) = again(data, point);
    let there = only(&server, "assets").is_some();
    assert!(there || !must_be_there, "{point}: the asset is lost");
    if !there {
        let (status, answer) = server.upload(&media::clip()).expect("an answer");
        assert_eq!(status, 201, "{point}: {answer}");
    }
    let sources = files_in(&data.join("sources"));
    assert_eq!(sources.len(), 1, "{point}: {sources:?}");
    assert!(fs::read(&sources[0]).unwrap() == fs::read(media::clip()).unwrap());
    order(&server);
    server.until("/api/v1/packages", |found| {
        found["data"][0]["status"] == "Ready"
    });
    server.stop();
    Seen {
        served: Some(served),
        end: if there {
            "asset there"
        } else {
            "asset absent, sent again"
        },
        ..Seen::default()
    }
}

fn ordering(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().asset);
    let server = Process::serve(&data, armed, 0).unwrap();
    let asset = only(&server, "assets").expect("the asset");
    let path = format!("/api/v1/assets/{}/packages", asset["id"].as_str().unwrap());
    assert!(server.post(&path, &request()).is_err());
    server.died(point);
    let (server, served) = again(&data, point);
    let there = only(&server, "packages").is_some();
    assert!(
        there || point != "order.queued",
        "{point}: the order is lost"
    );
    if !there {
        order(&server);
    }
    server.until("/api/v1/packages", |found| {
        found["data"][0]["status"] == "Ready"
    });
    assert_eq!(only(&server, "jobs").expect("its job")["state"], "done");
    server.stop();
    Seen {
        served: Some(served),
        end: if there {
            "order there, package ready"
        } else {
            "order absent, sent again"
        },
        ..Seen::default()
    }
}

fn package(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().queued);
    // It may be killed before it has answered at all.
    if let Ok(server) = Process::serve(&data, armed, 1) {
        server.died(point);
    }
    after_packaging(&data, point)
}

/// A packaging whose process may end at any moment. Whether it did before the package was ready.
pub fn cut_in_packaging(what: &str) -> bool {
    let (_scratch, data) = folder(&scenes().queued);
    let mut cut = true;
    if let Ok(server) = Process::serve(&data, "", 1) {
        until(what, || match server.get("/api/v1/packages") {
            Err(_) => Some(()),
            Ok((_, found)) => {
                cut = found["data"][0]["status"] != "Ready";
                (!cut).then_some(())
            }
        });
        server.kill();
    }
    after_packaging(&data, what);
    cut
}

/// After a kill in a conversion: it is made again, or was made, and the package is there, and nothing besides.
fn conversion(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().converted);
    if let Ok(server) = Process::serve(&data, armed, 1) {
        server.died(point);
    }
    let (server, served) = again(&data, point);
    let began = Instant::now();
    server.until("/api/v1/jobs", |found| {
        let state = &found["data"][0]["state"];
        state != "queued"
    });
    let claimed = began.elapsed();
    let found = server.until("/api/v1/packages", |found| {
        assert_ne!(found["data"][0]["status"], "Failed", "{point}: {found}");
        found["data"][0]["status"] == "Ready"
    });
    let url = found["data"][0]["dash_url"].as_str().expect("an address");
    assert!(server.bytes(url).is_some(), "{point}");
    until("parts and scratch files are gone", || {
        let left = ["parts", "scratch"].map(|name| data.join(name));
        let mut left = left.iter().filter(|folder| folder.exists());
        left.all(|folder| files_in(folder).is_empty()).then_some(())
    });
    server.stop();
    Seen {
        served: Some(served),
        claimed: Some(claimed),
        end: "ready, no parts left",
    }
}

fn start(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().queued);
    let points = "object.written=5*off->return";
    if let Ok(server) = Process::serve(&data, points, 1) {
        server.died(points);
    }
    assert!(
        Process::serve(&data, armed, 1).is_err(),
        "{point} was not reached"
    );
    after_packaging(&data, point)
}

/// After a kill in a packaging: the job is taken up, and the package is that of a run without a kill.
pub fn after_packaging(data: &Path, point: &str) -> Seen {
    let (server, served) = again(data, point);
    let began = Instant::now();
    server.until("/api/v1/jobs", |found| {
        let state = &found["data"][0]["state"];
        state == "running" || state == "done"
    });
    let claimed = began.elapsed();
    assert!(
        claimed < CLAIMED_WITHIN,
        "{point}: claimed after {claimed:?}"
    );
    ready(&server, data, point);
    server.stop();
    Seen {
        served: Some(served),
        claimed: Some(claimed),
        end: "ready, same bytes",
    }
}

/// Waits for the only package and checks that it is the one of the undisturbed run, byte for byte.
pub fn ready(server: &Process, data: &Path, point: &str) {
    let found = server.until("/api/v1/packages", |found| {
        let status = &found["data"][0]["status"];
        assert_ne!(status, "Failed", "{point}: {found}");
        status == "Ready"
    });
    let package = only(server, "packages").expect("the package");
    assert_eq!(only(server, "jobs").expect("its job")["state"], "done");
    for url in ["dash_url", "hls_url"] {
        let url = package[url].as_str().expect("an address");
        assert!(
            server.bytes(url).is_some(),
            "{point}: {url} is not served: {found}"
        );
    }
    same_bytes(data, point);
}

#[track_caller]
fn same_bytes(data: &Path, point: &str) {
    let found = of_one_package(snapshot(&data.join("packages")));
    let wanted = of_one_package(scenes().package.clone());
    let names = |files: &Files| files.keys().cloned().collect::<Vec<PathBuf>>();
    assert_eq!(names(&found), names(&wanted), "{point}");
    for (path, bytes) in wanted {
        assert!(
            found[&path] == bytes,
            "{point}: {} has other bytes",
            path.display()
        );
    }
}

/// The files without the folder of their package, whose name a retry changes. There is one such folder.
#[track_caller]
fn of_one_package(files: Files) -> Files {
    let first = |path: &PathBuf| {
        path.components()
            .next()
            .map(|name| name.as_os_str().to_owned())
    };
    let folders: BTreeSet<_> = files.keys().filter_map(first).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    let inside = |path: PathBuf| path.components().skip(1).collect::<PathBuf>();
    files
        .into_iter()
        .map(|(path, bytes)| (inside(path), bytes))
        .collect()
}

fn cancel(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().queued);
    let server = Process::serve(&data, &format!("{SLOWLY};{armed}"), 1).unwrap();
    let job = running(&server);
    // The answer waits for the worker, which dies first; or it came just before.
    let _ = server.post(&format!("{job}/cancel"), &json!({}));
    server.died(point);
    let (server, served) = again(&data, point);
    let found = server.until(&job, |job| {
        job["state"] != "queued" && job["state"] != "running"
    });
    assert_eq!(found["state"], "cancelled", "{point}");
    no_files(&data.join("packages"), point);
    let (status, answer) = server
        .post(&format!("{job}/retry"), &json!({}))
        .expect("an answer");
    assert_eq!(status, 200, "{answer}");
    ready(&server, &data, point);
    server.stop();
    Seen {
        served: Some(served),
        end: "cancelled, no files; retried: same bytes",
        ..Seen::default()
    }
}

fn pause(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().queued);
    let server = Process::serve(&data, &format!("{SLOWLY};{armed}"), 1).unwrap();
    let job = running(&server);
    let (status, answer) = server
        .post(&format!("{job}/pause"), &json!({}))
        .expect("an answer");
    assert_eq!(status, 200, "{answer}");
    server.died(point);
    let (server, served) = again(&data, point);
    server.until(&job, |job| job["state"] == "paused");
    let (status, answer) = server
        .post(&format!("{job}/resume"), &json!({}))
        .expect("an answer");
    assert_eq!(status, 200, "{answer}");
    ready(&server, &data, point);
    server.stop();
    Seen {
        served: Some(served),
        end: "paused; resumed: same bytes",
        ..Seen::default()
    }
}

fn fail(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().queued);
    let source = files_in(&data.join("sources")).pop().expect("the source");
    fs::write(&source, "damaged").unwrap();
    if let Ok(server) = Process::serve(&data, armed, 1) {
        server.died(point);
    }
    let (server, served) = again(&data, point);
    let found = server.until("/api/v1/jobs", |found| {
        found["data"][0]["state"] == "failed"
    });
    let job = &found["data"][0];
    assert!(job["error"].as_str().unwrap().contains("7 bytes"), "{job}");
    no_files(&data.join("packages"), point);
    fs::copy(media::clip(), &source).unwrap();
    let path = format!("/api/v1/jobs/{}/retry", job["id"].as_str().unwrap());
    let (status, answer) = server.post(&path, &json!({})).expect("an answer");
    assert_eq!(status, 200, "{answer}");
    ready(&server, &data, point);
    server.stop();
    Seen {
        served: Some(served),
        end: "failed once, no files; retried: same bytes",
        ..Seen::default()
    }
}

fn put_back(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().queued);
    // A file where the package's folder should be.
    let code = scenes().package.keys().next().expect("a folder");
    let taken = data.join("packages").join(code);
    fs::write(&taken, "").unwrap();
    if let Ok(server) = Process::serve(&data, armed, 1) {
        server.died(point);
    }
    fs::remove_file(&taken).unwrap();
    after_packaging(&data, point)
}

fn drain(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().queued);
    let server = Process::serve(&data, &format!("{SLOWLY};{armed}"), 1).unwrap();
    running(&server);
    server.signal(Signal::TERM);
    server.died(point);
    after_packaging(&data, point)
}

fn delete(point: &str, armed: &str, collection: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().ready);
    let server = Process::serve(&data, armed, 1).unwrap();
    let thing = only(&server, collection).expect("there");
    let path = format!("/api/v1/{collection}/{}", thing["id"].as_str().unwrap());
    assert!(server.delete(&path).is_err());
    server.died(point);
    after_deletion(&data, collection, true, point)
}

/// After a kill in a deletion: the thing is wholly there or wholly gone.
pub fn after_deletion(data: &Path, collection: &str, must_be_gone: bool, point: &str) -> Seen {
    let (server, served) = again(data, point);
    let gone = only(&server, collection).is_none();
    assert!(gone || !must_be_gone, "{point}: it came back");
    if gone {
        no_files(&data.join("packages"), point);
        let sources = usize::from(collection == "packages");
        assert_eq!(files_in(&data.join("sources")).len(), sources, "{point}");
    } else {
        ready(&server, data, point);
    }
    server.stop();
    Seen {
        served: Some(served),
        end: if gone {
            "gone, files too"
        } else {
            "still whole"
        },
        ..Seen::default()
    }
}

/// After a kill in a rotation the content keys open as before, and the rotation goes on to its end.
fn rotate(point: &str, armed: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().ready);
    Process::rotate(&data, armed).died(point);
    let (server, served) = again(&data, point);
    licence(&server, point);
    let (code, log) = Process::rotate(&data, "").end();
    assert_eq!(code, Some(0), "{point}: {log}");
    licence(&server, point);
    server.stop();
    Seen {
        served: Some(served),
        end: "licences as before, rotation ended",
        ..Seen::default()
    }
}

/// Asks for the content key of the only package.
fn licence(server: &Process, point: &str) {
    let encoded = |hex: &str| packager::parse_key_id(hex).unwrap().base64url();
    let (status, found) = server
        .post(
            "/license/clearkey",
            &json!({"kids": [encoded(KID)], "type": "temporary"}),
        )
        .unwrap();
    assert_eq!(status, 200, "{point}: {found}");
    assert_eq!(found["keys"][0]["k"], encoded(KEY), "{point}");
}

/// Starts a server where one was killed, and measures how soon it answers.
pub fn again(data: &Path, point: &str) -> (Process, Duration) {
    let server = Process::serve(data, "", 1).unwrap_or_else(|log| panic!("{point}: {log}"));
    let served = server.up_in;
    assert!(served < SERVES_WITHIN, "{point}: served after {served:?}");
    (server, served)
}

/// Waits until the only job writes objects; returns its address.
pub fn running(server: &Process) -> String {
    let at_work = |found: &Value| found["data"][0]["state"] == "running";
    let found = server.until("/api/v1/jobs", at_work);
    format!("/api/v1/jobs/{}", found["data"][0]["id"].as_str().unwrap())
}

#[track_caller]
fn no_files(folder: &Path, point: &str) {
    let found = files_in(folder);
    assert!(found.is_empty(), "{point}: {found:?}");
}

/// All files below a folder, those with a dot in front too.
pub fn files_in(folder: &Path) -> Vec<PathBuf> {
    let found = snapshot(folder).into_iter();
    let files = found.filter(|(_, bytes)| bytes.is_some());
    files.map(|(path, _)| folder.join(path)).collect()
}
