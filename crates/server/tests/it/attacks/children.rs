//! What the processes that this server starts can see: no content key.

use crate::secrets::{CANARY, KID, holds_canary};
use crate::support::child::ServerProcess;
use crate::support::{TestApp, clips, json_of, text};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use reqwest::StatusCode;
use serde_json::json;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was looked at of child processes.
#[derive(Debug, Default)]
struct Seen {
    /// Looks into a process that ran a program other than the server's.
    looks: u32,
    /// Bytes of their memory.
    bytes: u64,
    /// Where the canary was.
    canaries: Vec<String>,
}

/// The processes below a process, however deep.
fn below(id: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{id}/task"));
    let tasks = tasks.into_iter().flatten().filter_map(Result::ok);
    // Processes and threads end while one looks.
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    let children = lists.iter().flat_map(|list| list.split_whitespace());
    let children: Vec<u32> = children.filter_map(|id| id.parse().ok()).collect();
    let deeper = children.iter().flat_map(|child| below(*child));
    children.iter().copied().chain(deeper).collect()
}

/// Looks at arguments, environment and memory of a process that runs another program. Between its fork and its exec, a child is the server
/// itself: its memory is the same.
fn look(id: u32, seen: &mut Seen) {
    let program = |id: u32| std::fs::read_link(format!("/proc/{id}/exe")).ok();
    let own = program(std::process::id());
    if program(id).is_none_or(|program| Some(program) == own) {
        return;
    }
    let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
    for what in ["cmdline", "environ"] {
        let bytes = std::fs::read(format!("/proc/{id}/{what}")).unwrap_or_default();
        if holds_canary(&bytes) {
            seen.canaries.push(format!("{what} of {name}"));
        }
    }
    let maps = std::fs::read_to_string(format!("/proc/{id}/maps")).unwrap_or_default();
    let Ok(memory) = File::open(format!("/proc/{id}/mem")) else {
        return;
    };
    let mut read = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let range = line
            .split_once(' ')
            .and_then(|(range, _)| range.split_once('-'));
        let number = |text: &str| u64::from_str_radix(text, 16).ok();
        let Some((Some(from), Some(to))) = range.map(|(from, to)| (number(from), number(to)))
        else {
            continue;
        };
        // Buffers of pictures are large; a key would be beside the options.
        let mut bytes = vec![0; usize::try_from((to - from).min(4 << 20)).expect("a length")];
        if memory.read_exact_at(&mut bytes, from).is_ok() {
            read += bytes.len() as u64;
            if holds_canary(&bytes) {
                seen.canaries.push(format!("memory of {name} at {from:x}"));
            }
        }
    }
    if read > 0 && name.starts_with("ff") {
        seen.looks += 1;
        seen.bytes += read;
    }
}

#[test]
fn sec_27_child_processes_see_no_content_key() {
    let dir = tempfile::tempdir().expect("a folder");
    let process = ServerProcess::start(dir.path());
    let (id, base) = (process.id(), process.base.clone());
    let app = TestApp::of_process(&base, dir);
    let stop = Arc::new(AtomicBool::new(false));
    let ended = stop.clone();
    let watching = std::thread::spawn(move || {
        let mut seen = Seen::default();
        while !ended.load(Ordering::Relaxed) {
            below(id)
                .into_iter()
                .for_each(|child| look(child, &mut seen));
        }
        seen
    });
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let order = json!({"scheme": "cbcs", "kid": KID, "key": URL_SAFE.encode(CANARY), "ladder": "auto", "extras": ["poster"]});
        let package = app.ready(&clips::plain(), &order).await;
        // The key is there for who plays, and it is the canary.
        let kid = text(&package["kid"]).replace('-', "");
        let key = app.get(&format!("/license/key/{kid}")).await;
        assert_eq!(key.status(), StatusCode::OK);
        assert!(holds_canary(&key.bytes().await.expect("bytes")));
        json_of(app.get("/api/v1/queue").await, StatusCode::OK).await;
    });
    stop.store(true, Ordering::Relaxed);
    let seen = watching.join().expect("a thread");
    assert!(seen.looks > 0 && seen.bytes > 1 << 20, "{seen:?}");
    assert_eq!(seen.canaries, [] as [String; 0]);
    let (status, log) = process.terminate();
    assert!(status.success() && !holds_canary(log.as_bytes()));
}
