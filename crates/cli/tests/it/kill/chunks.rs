//! A ladder that is encoded by workers in processes of their own: two share it, and some are killed in the midst of it.

use super::matrix::files_in;
use super::process::Process;
use super::scene::{Files, folder, only};
use super::table;
use crate::media;
use crate::support::{KEY, KID, Scratch, snapshot};
use serde_json::json;
use std::path::{Path, PathBuf};

const LEASE_MS: u64 = 1_000;
const PROFILE: &str = "source = false\n[[video]]\nshort_side = 360\npreset = \"medium\"\n[[video]]\nshort_side = 180\n";

/// A catalogue with an order for a ladder, which no worker has seen.
fn ordered() -> (Scratch, PathBuf) {
    let scratch = Scratch::new();
    let data = scratch.path().join("ordered");
    let clip = scratch.path().join("clip.mp4");
    let picture = "testsrc2=s=640x360:r=25";
    let sound = "sine=440:sample_rate=48000";
    let clip_text = clip.to_str().unwrap();
    media::ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        picture,
        "-f",
        "lavfi",
        "-i",
        sound,
        "-t",
        "24",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-c:a",
        "aac",
        clip_text,
    ]);
    let server = Process::serve(&data, "", 0).unwrap();
    let (status, asset) = server.upload(&clip).unwrap();
    assert_eq!(status, 201, "{asset}");
    let asset = only(&server, "assets").expect("an asset");
    let path = format!("/api/v1/assets/{}/packages", asset["id"].as_str().unwrap());
    let order = json!({"kid": KID, "key": KEY, "ladder": PROFILE});
    let (status, package) = server.post(&path, &order).unwrap();
    assert_eq!(status, 202, "{package}");
    server.stop();
    (scratch, data)
}

fn wait_until_ready(server: &Process) {
    server.until("/api/v1/packages", |found| {
        let status = &found["data"][0]["status"];
        assert_ne!(status, "Failed", "{found}");
        status == "Ready"
    });
}

/// Waits until so many pictures are encoded of each rung.
fn wait_for_pictures(server: &Process, wanted: i64) {
    server.until("/api/v1/jobs", |found| {
        found["data"][0]["rungs"][0]["pictures_done"].as_i64() >= Some(wanted)
    });
}

fn media_of(data: &Path) -> Files {
    let mut files = snapshot(&data.join("packages"));
    files.retain(|path, bytes| {
        bytes.is_some() && path.extension().is_some_and(|kind| kind == "m4s")
    });
    files
}

#[test]
fn a_ladder_survives_kills_and_is_shared_by_workers() {
    let (_scratch, queued) = ordered();
    let (_whole, data) = folder(&queued);
    let server = Process::serve(&data, "", 0).unwrap();
    let (one, other) = (
        Process::work(&data, "", LEASE_MS),
        Process::work(&data, "", LEASE_MS),
    );
    wait_until_ready(&server);
    let made = "a part is made";
    assert!(one.said(made) && other.said(made), "both made parts");
    one.stop();
    other.stop();
    server.stop();
    let undisturbed = media_of(&data);
    assert!(undisturbed.len() > 10, "{:?}", undisturbed.keys());

    let (_broken, data) = folder(&queued);
    let server = Process::serve(&data, "", 0).unwrap();
    // At whatever picture it is then.
    for pictures in [1, 250] {
        let worker = Process::work(&data, "", LEASE_MS);
        wait_for_pictures(&server, pictures);
        worker.kill();
    }
    let worker = Process::work(&data, "", LEASE_MS);
    wait_until_ready(&server);
    let job = only(&server, "jobs").expect("the job");
    assert_eq!(
        job["rungs"][0]["pictures_done"], job["rungs"][0]["pictures"],
        "{job}"
    );
    worker.stop();
    server.stop();
    let found = media_of(&data);
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&found), names(&undisturbed));
    for (path, bytes) in &undisturbed {
        assert!(found[path] == *bytes, "other bytes: {}", path.display());
    }
    for left in ["parts", "scratch"] {
        let folder = data.join(left);
        assert!(
            !folder.exists() || files_in(&folder).is_empty(),
            "{left}: {:?}",
            files_in(&folder)
        );
    }
    table::leave(
        "5-chunks",
        "A ladder encoded in chunks, its worker killed twice at whatever picture it was: the same bytes as those that two \
         undisturbed worker processes made together.\n",
    );
}
