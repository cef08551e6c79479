//! The suites of the catalogue, the queue and the first API on PostgreSQL and MariaDB: this binary again, told to
//! use another engine. (`REELPACK_TEST_ENGINE=postgres cargo test -p server --test it` runs any of the others.)

use crate::support::ENGINE;
use std::process::Command;

/// Modules of this binary, by how the names of their tests begin.
const SUITES: [&str; 14] = [
    "annotations::",
    "assets::",
    "catalogue::",
    "etag::",
    "first_api::",
    "import::",
    "jobs::",
    "packages::",
    "restart::",
    "secrets::",
    "uploads::limits::the_quota",
    "uploads::protocol::",
    "uploads::pull::",
    "uploads::racing::",
];

#[test]
fn the_suites_hold_on_postgres() {
    the_suites_hold_on("postgres");
}

#[test]
fn the_suites_hold_on_mysql() {
    the_suites_hold_on("mysql");
}

fn the_suites_hold_on(engine: &str) {
    // A run that was told to use an engine is such a run itself.
    if std::env::var_os(ENGINE).is_some() {
        return;
    }
    let this = std::env::current_exe().expect("this binary");
    let mut run = Command::new(this);
    run.args(SUITES).args(["--test-threads", "2"]);
    let done = run.env(ENGINE, engine).output().expect("it runs");
    let said = String::from_utf8_lossy(&done.stdout);
    assert!(done.status.success(), "{engine}: {said}");
    let passed = said.lines().filter(|line| line.ends_with(" ... ok"));
    assert!(passed.count() > 30, "{engine}: {said}");
}
