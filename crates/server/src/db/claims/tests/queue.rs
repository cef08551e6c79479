//! Several workers on one queue, each with connections of its own, as processes have. Some die of their jobs, and come back
//! too late.

use super::*;
use crate::db::engines::database;
use crate::db::queue::Queue;
use std::collections::HashSet;
use std::time::Instant;

const WORKERS: usize = 4;
/// Of so many jobs, one has its first worker die.
const ONE_DIES_IN: i64 = 10;

fn jobs() -> usize {
    match std::env::var_os("REELPACK_TORTURE") {
        Some(_) => 10_000,
        None => 1_000,
    }
}

on_all_engines! {
async fn every_job_takes_effect_once(engine: Engine) {
    let (dir, url) = database(engine);
    let open = async || {
        let db = Database::open(dir.path(), url.as_ref()).await;
        db.expect("a database")
    };
    let db = open().await;
    let jobs = jobs();
    fill(&db, jobs).await;

    let began = Instant::now();
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        workers.push(tokio::spawn(work(open().await)));
    }
    let (mut done, mut stale) = (0, Vec::new());
    for worker in workers {
        let (published, forgotten) = worker.await.expect("no panic");
        done += published;
        stale.extend(forgotten);
    }
    let rate = jobs as f64 / began.elapsed().as_secs_f64();

    assert_eq!(done, jobs);
    assert!(stale.len() >= jobs / 20, "{} workers died", stale.len());
    for claim in stale {
        assert_eq!(publish(&db, &claim).await, Settled::Refused);
    }
    let queue = db.queue(None).await.expect("an answer");
    let all_done = vec![(JobState::Done, jobs as i64)];
    assert_eq!(queue, Queue { paused: false, jobs: all_done });
    let effects = query("SELECT subject FROM events WHERE kind = ?");
    let effects = effects.bind(EventKind::PackageReady.as_str());
    let effects: Vec<(String,)> = db.all(effects).await.expect("rows");
    assert_eq!(effects.len(), jobs);
    assert_eq!(effects.into_iter().collect::<HashSet<_>>().len(), jobs);
    tell(engine, jobs, rate);
}
}

/// Publishes until nothing is left. Returns how many it published, and the claims that it gave up as if it had died.
async fn work(db: Database) -> (usize, Vec<Claim>) {
    let (mut published, mut forgotten) = (0, Vec::new());
    loop {
        let dies = |claim: &Claim| claim.attempts == 1 && claim.seq % ONE_DIES_IN == 0;
        match claim(&db, LEASE_MS).await {
            Some(claim) if dies(&claim) => {
                let beat = db.heartbeat(&claim, NO_LEASE_MS, 0.5, None).await;
                assert_eq!(beat.expect("an answer"), Beat::Held);
                forgotten.push(claim);
            }
            Some(claim) => {
                assert_eq!(publish(&db, &claim).await, Settled::Yes);
                published += 1;
            }
            None if db.held_jobs().await.expect("an answer").is_empty() => {
                return (published, forgotten);
            }
            None => {
                rescue(&db).await;
            }
        }
    }
}

/// Says how fast it was, and leaves it for the document of `make torture`.
fn tell(engine: Engine, jobs: usize, rate: f64) {
    let text = format!(
        "{engine:?}: {WORKERS} workers, {jobs} jobs that do nothing, one in {ONE_DIES_IN} of whose first workers died: every effect once, \
         {rate:.0} jobs a second.\n"
    );
    print!("{text}");
    if let Some(folder) = std::env::var_os("REELPACK_TABLES") {
        let path = std::path::Path::new(&folder).join(format!("5-queue-{engine:?}.md"));
        std::fs::write(path, text).expect("written");
    }
}
