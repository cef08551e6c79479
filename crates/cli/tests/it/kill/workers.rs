//! Workers in processes of their own: killed, stopped and continued, poisoned, asked to end.

use super::matrix::{ready, running};
use super::process::Process;
use super::scene::{folder, order, scenes};
use super::{CLAIMED_WITHIN, table, torture, until};
use crate::support::Scratch;
use rustix::process::Signal;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The lease in `make test`; in `make torture` it is the real one.
const SHORT_LEASE_MS: u64 = 1_000;
const REAL_LEASE_MS: u64 = 10_000;

/// A server that has an order and runs no jobs.
fn server_with_order() -> (Scratch, PathBuf, Process) {
    let (scratch, data) = folder(&scenes().queued);
    let server = Process::serve(&data, "", 0).unwrap();
    (scratch, data, server)
}

#[test]
fn another_worker_takes_the_job_of_one_that_was_killed() {
    let (_scratch, data, server) = server_with_order();
    let first = Process::work(&data, "object.written=4*off->return", REAL_LEASE_MS);
    first.died("object.written");
    let began = Instant::now();
    let second = Process::work(&data, "", REAL_LEASE_MS);
    server.until("/api/v1/jobs", |found| {
        let job = &found["data"][0];
        job["attempts"] == 2 || job["state"] == "done"
    });
    let claimed = began.elapsed();
    assert!(claimed < CLAIMED_WITHIN, "{claimed:?}");
    ready(&server, &data, "another worker");
    second.stop();
    server.stop();
    let text = format!(
        "## Workers in processes of their own\n\nA worker that was killed: another one claimed its job after {}.\n",
        table::ms(Some(claimed))
    );
    table::leave("3-workers", &text);
}

#[test]
fn who_was_stopped_for_longer_than_its_lease_publishes_nothing() {
    let (times, lease_ms) = match torture() {
        true => (20, REAL_LEASE_MS),
        false => (4, SHORT_LEASE_MS),
    };
    scenes();
    // They wait most of the time.
    let refused: usize = std::thread::scope(|scope| {
        let share = times / 4;
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(move || (0..share).map(|_| stale_publish(lease_ms)).sum::<usize>())
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum()
    });
    assert_eq!(refused, times);
    let text = format!(
        "A worker that was stopped (SIGSTOP) for longer than its lease of {lease_ms} ms and went on (SIGCONT) when another \
         one had published: its publish was refused {refused} of {times} times.\n"
    );
    table::leave("4-stopped", &text);
}

/// Stops a worker just before it publishes, lets another one publish, and lets the first go on. 1 if it was refused.
fn stale_publish(lease_ms: u64) -> usize {
    until("a worker is stopped between two transactions", || {
        try_stale_publish(lease_ms)
    })
}

/// The same; `None` when the worker was stopped in the middle of a transaction. Then it holds the one lock that SQLite
/// has for writers, nobody can publish, and there is nothing to be seen.
fn try_stale_publish(lease_ms: u64) -> Option<usize> {
    let (_scratch, data, server) = server_with_order();
    let stale = Process::work(&data, "publish.ready=sleep(1000)", lease_ms);
    server.until("/api/v1/packages", |found| {
        found["data"][0]["status"] == "Encrypted"
    });
    stale.signal(Signal::STOP);
    if server.get("/readyz").unwrap().0 != 200 {
        stale.signal(Signal::CONT);
        stale.stop();
        server.stop();
        return None;
    }
    let fresh = Process::work(&data, "", lease_ms);
    // The stopped one may be in the midst of a file; what lies there is compared when it has ended.
    server.until("/api/v1/packages", |found| {
        found["data"][0]["status"] == "Ready"
    });
    let published = server.get("/api/v1/packages").unwrap();
    stale.signal(Signal::CONT);
    let said = "the job belongs to another worker now";
    until("the stale worker ends its job", || {
        stale.said(said).then_some(())
    });
    stale.stop();
    fresh.stop();
    assert_eq!(server.get("/api/v1/packages").unwrap(), published);
    ready(&server, &data, "after the stale worker");
    server.stop();
    Some(1)
}

#[test]
fn a_job_that_kills_three_workers_is_dead_and_the_queue_goes_on() {
    let (_scratch, data, server) = server_with_order();
    let poison = only_job(&server);
    let second = order(&server);
    for _ in 0..3 {
        let worker = Process::work(&data, "job.planned=return", SHORT_LEASE_MS);
        worker.died("job.planned");
    }
    let worker = Process::work(&data, "", SHORT_LEASE_MS);
    let path = format!("/api/v1/packages/{}", second["id"].as_str().unwrap());
    server.until(&path, |found| found["status"] == "Ready");
    let dead = server.until(&poison, |job| job["state"] == "dead");
    assert_eq!(dead["worker_deaths"], 3);
    assert!(dead["error"].as_str().unwrap().contains("died three times"));
    let (status, answer) = server.post(&format!("{poison}/retry"), &json!({})).unwrap();
    assert_eq!(status, 200, "{answer}");
    server.until(&poison, |job| job["state"] == "done");
    worker.stop();
    server.stop();
}

#[test]
fn a_worker_that_is_asked_to_end_hands_its_job_back_at_once() {
    let (_scratch, data, server) = server_with_order();
    let first = Process::work(&data, "object.written=sleep(100)", REAL_LEASE_MS);
    let job = running(&server);
    let began = Instant::now();
    first.stop();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    let (_, found) = server.get(&job).unwrap();
    assert_eq!(
        (&found["state"], &found["attempts"]),
        (&json!("queued"), &json!(0))
    );
    let second = Process::work(&data, "", REAL_LEASE_MS);
    ready(&server, &data, "handed back");
    let (_, found) = server.get(&job).unwrap();
    assert_eq!(found["attempts"], 1);
    second.stop();
    server.stop();
}

#[test]
fn a_draining_server_is_alive_and_not_ready_and_a_second_signal_ends_it() {
    let (_scratch, data) = folder(&scenes().queued);
    // The hand-over takes a while, so that there is something to see.
    let points = "object.written=sleep(100);drain.stopped=sleep(3000)";
    let server = Process::serve(&data, points, 1).unwrap();
    running(&server);
    assert_eq!(server.get("/readyz").unwrap().0, 200);
    server.signal(Signal::TERM);
    let not_ready = until("503", || {
        let (status, found) = server.get("/readyz").unwrap();
        (status == 503).then_some(found)
    });
    let stopping = |check: &Value| check["name"] == "running" && !check["problem"].is_null();
    assert!(not_ready["checks"].as_array().unwrap().iter().any(stopping));
    assert_eq!(server.get("/livez").unwrap().0, 200);
    let began = Instant::now();
    server.signal(Signal::TERM);
    let (code, log) = server.end();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(code, Some(74), "{log}");
    assert!(log.contains("second signal"), "{log}");
    let server = Process::serve(&data, "", 1).unwrap();
    ready(&server, &data, "after a second signal");
    server.stop();
}

#[test]
fn the_command_line_speaks_with_the_queue() {
    let (scratch, data, server) = server_with_order();
    let job = only_job(&server);
    let id = job.rsplit('/').next().unwrap();
    let jobs = |words: &str| {
        let words = format!("jobs {words} --server {}", server.base());
        scratch.words(&words)
    };
    assert!(jobs("list").ok().stdout().contains(id));
    assert_eq!(
        jobs("list --state running --json").ok().json()["data"],
        json!([])
    );
    assert!(
        jobs(&format!("pause {id}"))
            .ok()
            .stdout()
            .contains("paused")
    );
    assert_eq!(
        jobs(&format!("show {id} --json")).ok().json()["state"],
        "paused"
    );
    jobs(&format!("resume {id}")).ok();
    assert_eq!(jobs("pause --json").ok().json()["paused"], true);
    let worker = Process::work(&data, "", REAL_LEASE_MS);
    jobs(&format!("cancel {id}")).ok();
    jobs(&format!("cancel {id}")).fails(2, "cannot be cancelled");
    jobs(&format!("retry {id}")).ok();
    assert_eq!(
        jobs(&format!("show {id} --json")).ok().json()["state"],
        "queued"
    );
    assert_eq!(jobs("resume --json").ok().json()["paused"], false);
    jobs("show job_nobody").fails(65, "does not exist");
    ready(&server, &data, "through the command line");
    worker.stop();
    server.stop();
}

/// The address of the only job, whatever its state.
fn only_job(server: &Process) -> String {
    let (_, found) = server.get("/api/v1/jobs").unwrap();
    format!("/api/v1/jobs/{}", found["data"][0]["id"].as_str().unwrap())
}
