//! Wall clocks that jump by hours and days while jobs run: nobody loses a lease by it, and the dead are found all the same.

use super::process::Process;
use super::scene::order;
use super::{CLAIMED_WITHIN, table, torture};
use crate::engines::Engine;
use crate::media;
use crate::support::Scratch;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Debian's package `libfaketime`: the wall clock of a process is told by it.
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const LEASE_MS: &str = "1000";
/// Where a clock stands beside the true one, one after the other.
const JUMPS: [&str; 8] = ["+1h", "-1h", "+1d", "-1d", "+0", "-1d", "+1h", "+1d"];
/// Slow enough for many jumps during a job.
const SLOW: &str = "object.written=sleep(200)";

/// The wall clock of one process.
struct Clock(PathBuf);

impl Clock {
    fn new(folder: &Path, name: &str) -> Self {
        let clock = Self(folder.join(name));
        clock.set("+0");
        clock
    }

    /// Sets it, beside the true time.
    fn set(&self, offset: &str) {
        // In one step: the process reads the file whenever it looks at the clock.
        let new = self.0.with_extension("new");
        fs::write(&new, offset).unwrap();
        fs::rename(new, &self.0).unwrap();
    }

    /// What a process needs to follow it. Its monotonic clocks stay, as they do when a wall clock is set.
    fn environment(&self) -> [(&str, &str); 7] {
        [
            ("LD_PRELOAD", LIBRARY),
            ("FAKETIME_TIMESTAMP_FILE", self.0.to_str().unwrap()),
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
            ("NO_FAKE_STAT", "1"),
            ("REELPACK_TEST_LEASE_MS", LEASE_MS),
            ("FAILPOINTS", SLOW),
        ]
    }
}

#[test]
fn jumping_clocks_do_not_matter_to_leases_on_sqlite() {
    jumping_clocks(Engine::Sqlite);
}

#[test]
fn jumping_clocks_do_not_matter_to_leases_on_postgres() {
    jumping_clocks(Engine::Postgres);
}

#[test]
fn jumping_clocks_do_not_matter_to_leases_on_mysql() {
    jumping_clocks(Engine::MySql);
}

fn jumping_clocks(engine: Engine) {
    assert!(
        Path::new(LIBRARY).exists(),
        "{LIBRARY} is missing: run scripts/setup.sh test (Debian package libfaketime)"
    );
    let scratch = Scratch::new();
    let data = scratch.path().join("data");
    let url = engine.database("clocks");
    let words: Vec<&str> = url
        .iter()
        .flat_map(|url| ["--database-url", url.as_str()])
        .collect();
    let clocks = ["server", "first", "second"].map(|name| Clock::new(scratch.path(), name));
    let [of_server, of_first, of_second] = &clocks;
    of_server.set("+1d");
    let none = [words.as_slice(), &["--workers", "0"]].concat();
    let server = Process::serve_as(&data, &of_server.environment(), &none).unwrap();
    let (status, asset) = server.upload(&media::clip()).unwrap();
    assert_eq!(status, 201, "{asset}");
    is_of_tomorrow(&asset);

    let rounds = if torture() { 5 } else { 1 };
    let mut first = Process::work_as(&data, &of_first.environment(), &words);
    let second = Process::work_as(&data, &of_second.environment(), &words);
    for _ in 0..rounds {
        let package = order(&server);
        let job = jump_until_ready(&server, &clocks, &package, |_| {});
        assert_eq!(
            (&job["attempts"], &job["worker_deaths"]),
            (&1.into(), &0.into()),
            "{job}"
        );
    }

    // One that dies under such clocks is still found: at once on this machine, else when its lease ran out.
    let package = order(&server);
    let mut killed = None;
    let job = jump_until_ready(&server, &clocks, &package, |job| {
        if killed.is_none() && job["state"] == "running" {
            first.kill_now();
            second.kill_now();
            killed = Some(Instant::now());
            let new = Process::work_as(&data, &of_first.environment(), &words);
            std::mem::replace(&mut first, new).end();
        }
        if let Some(killed) = killed {
            assert!(
                job["attempts"] != 1 || killed.elapsed() < CLAIMED_WITHIN,
                "{job}"
            );
        }
    });
    assert_eq!(
        (&job["attempts"], &job["worker_deaths"]),
        (&2.into(), &1.into()),
        "{job}"
    );
    first.stop();
    second.end();
    of_server.set("+0");
    server.stop();
    table::leave(
        "5-clocks",
        "Wall clocks of server and workers that jump by up to a day, again and again, while jobs run (SQLite, PostgreSQL, \
         MariaDB): no lease was lost, no job was begun twice, and workers that were killed meanwhile were found.\n",
    );
}

/// Sees that clocks move at all.
fn is_of_tomorrow(asset: &Value) {
    let soon = SystemTime::now() + Duration::from_secs(12 * 60 * 60);
    let soon = humantime::format_rfc3339_seconds(soon).to_string();
    let made = asset["created_at"].as_str().unwrap();
    assert!(made > soon.as_str(), "no clock moved: {asset}");
}

/// Lets the clocks jump until a package is ready, and shows its job each time. Returns the job as it ended.
fn jump_until_ready(
    server: &Process,
    clocks: &[Clock],
    package: &Value,
    mut look: impl FnMut(&Value),
) -> Value {
    let path = format!("/api/v1/packages/{}", package["id"].as_str().unwrap());
    let mut jumps = 0;
    let found = server.until(&path, |found| {
        for (at, clock) in clocks.iter().enumerate() {
            clock.set(JUMPS[(jumps + 3 * at) % JUMPS.len()]);
        }
        jumps += 1;
        assert_ne!(found["status"], "Failed", "{found}");
        look(&found["job"]);
        found["status"] == "Ready"
    });
    assert!(jumps > JUMPS.len(), "too quick to jump: {jumps}");
    let (_, served) = server.get(&path).unwrap();
    assert!(server.bytes(served["dash_url"].as_str().unwrap()).is_some());
    found["job"].clone()
}
