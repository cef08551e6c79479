//! Kills while a file comes in by tus.

use super::matrix::{Seen, again, files_in};
use super::process::Process;
use super::scene::only;
use crate::media;
use crate::support::Scratch;
use std::fs;

/// Sends a file in two pieces to a server that dies at a point, goes on with its successor, and looks at what became
/// of it: all that was acknowledged is there, and one asset comes of it.
pub fn upload(point: &str, armed: &str, survived: usize) -> Seen {
    let scratch = Scratch::new();
    let data = scratch.path().join("data");
    let bytes = fs::read(media::clip()).unwrap();
    let half = bytes.len() / 2;
    let server = Process::serve(&data, armed, 0).unwrap();
    let begun = server.tus(None, bytes.len() as u64, &[]);
    let mut acknowledged = 0;
    let mut path = None;
    if let Ok((status, _, id)) = &begun {
        assert_eq!(*status, 201);
        let upload = format!("/api/v1/uploads/{id}");
        if let Ok((status, offset, _)) = server.tus(Some(&upload), 0, &bytes[..half]) {
            assert_eq!((status, offset), (204, half as u64), "{point}");
            acknowledged = offset;
            let last = server.tus(Some(&upload), offset, &bytes[half..]);
            assert!(last.is_err(), "{point} was not reached: {last:?}");
        }
        path = Some(upload);
    }
    server.died(point);
    assert!(
        survived == 0 || acknowledged > 0,
        "{point}: killed too soon"
    );

    let (server, served) = again(&data, point);
    let path = path.unwrap_or_else(|| {
        let (status, _, id) = server.tus(None, bytes.len() as u64, &[]).unwrap();
        assert_eq!(status, 201, "{point}");
        format!("/api/v1/uploads/{id}")
    });
    let (status, found) = server.get(&path).unwrap();
    assert_eq!(status, 200, "{point}: {found}");
    let offset = found["offset"].as_u64().unwrap();
    assert!(
        offset >= acknowledged,
        "{point}: {acknowledged} were acknowledged, {offset} are there"
    );
    let rest = usize::try_from(offset).unwrap();
    if rest < bytes.len() {
        let (status, ..) = server.tus(Some(&path), offset, &bytes[rest..]).unwrap();
        assert_eq!(status, 204, "{point}");
    }
    let done = server.until(&path, |found| found["state"] == "done");
    let asset = only(&server, "assets").expect("the asset");
    assert_eq!(done["asset_id"], asset["id"], "{point}");
    let sources = files_in(&data.join("sources"));
    assert_eq!(sources.len(), 1, "{point}: {sources:?}");
    assert!(
        fs::read(&sources[0]).unwrap() == bytes,
        "{point}: other bytes"
    );
    // Its answer may come before the last of its bytes have gone from their first place.
    super::until("the upload's own file is gone", || {
        // An upload whose beginning the client did not hear of waits, empty, until it expires.
        let mut files = files_in(&data.join("uploads")).into_iter();
        files
            .all(|file| file.metadata().map_or(0, |data| data.len()) == 0)
            .then_some(())
    });
    server.stop();
    Seen {
        served: Some(served),
        end: if rest == bytes.len() {
            "asset there"
        } else if rest > 0 {
            "went on from what was acknowledged"
        } else {
            "began again"
        },
        ..Seen::default()
    }
}
