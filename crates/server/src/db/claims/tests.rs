mod parts;
mod queue;

use super::*;
use crate::access::Tenant;
use crate::db::Wanted;
use crate::db::assets::NewAsset;
use crate::db::engines::{Engine, on_all_engines, open};
use crate::db::jobs::Wish;
use crate::db::packages::{NewPackage, Status};
use crate::db::probe::Probe;
use crate::db::rescue::Rescued;
use packager::EncryptScope;

const LEASE_MS: i64 = 60_000;
/// A lease that has run out when it is given.
const NO_LEASE_MS: i64 = -1;

/// A catalogue with one asset and some queued packages of it.
async fn with_queued(engine: Engine, count: usize) -> (tempfile::TempDir, Database) {
    let (dir, db) = open(engine).await;
    fill(&db, count).await;
    (dir, db)
}

/// Adds an asset and some queued packages of it.
async fn fill(db: &Database, count: usize) {
    let asset = NewAsset {
        tenant: Tenant::first(),
        number: None,
        id: "ast_1".into(),
        name: "x.mp4".into(),
        input_content_origin: "sources/x".into(),
        sha256: String::new(),
        size: 1,
        container: "mp4".into(),
        brand: "isom".into(),
        fragmented: false,
        duration_seconds: 1.0,
        probe: Probe {
            tracks: Vec::new(),
            conversion: None,
        },
        annotations: Default::default(),
    };
    let asset = db.add_asset(&asset).await.expect("an asset");
    for number in 0..count {
        let package = NewPackage {
            tenant: Tenant::first(),
            number: None,
            id: format!("pkg_{number}"),
            code: format!("code{number}"),
            input_content_id: asset.input_content_id,
            scheme: None,
            encrypt: EncryptScope::All,
            keys: None,
            segment_duration_ms: 4000,
            job_id: format!("job_{number}"),
            iv_seed: [7; 16],
            priority: 0,
            unique_key: None,
            replaces: None,
            ladder: None,
            loudness_lufs: None,
            extras: Vec::new(),
        };
        db.add_package(&package).await.expect("a package");
    }
}

async fn claim(db: &Database, lease_ms: i64) -> Option<Claim> {
    db.claim_job("worker", lease_ms).await.expect("an answer")
}

/// Takes back all jobs whose leases ran out, as the second look of a rescue does.
async fn rescue(db: &Database) -> Rescued {
    let held = db.held_jobs().await.expect("an answer");
    let lost: Vec<_> = held
        .into_iter()
        .filter(|job| job.has_expired(LEASE_MS))
        .collect();
    db.take_back(&lost).await.expect("an answer")
}

async fn publish(db: &Database, claim: &Claim) -> Settled {
    let published = db.publish(claim, "/videos/x", "packages/x", 1);
    published.await.expect("an answer")
}

on_all_engines! {
async fn each_job_is_claimed_once_and_in_order(engine: Engine) {
    let (_dir, db) = with_queued(engine, 3).await;
    for number in 0..3 {
        let claim = claim(&db, LEASE_MS).await.expect("a job");
        assert_eq!(claim.id, format!("job_{number}"));
        assert_eq!((claim.attempts, claim.iv_seed), (1, vec![7; 16]));
    }
    assert!(claim(&db, LEASE_MS).await.is_none());
}

async fn who_lost_the_lease_can_say_nothing_any_more(engine: Engine) {
    let (_dir, db) = with_queued(engine, 1).await;
    let late = claim(&db, NO_LEASE_MS).await.expect("a job");
    assert!(
        claim(&db, LEASE_MS).await.is_none(),
        "nobody took it back yet"
    );
    assert_eq!(rescue(&db).await.waiting, 1);
    let new = claim(&db, LEASE_MS).await.expect("the same job");
    assert_eq!((&late.id, late.fence + 1), (&new.id, new.fence));
    let beat = db.heartbeat(&late, LEASE_MS, 0.5, Some("late")).await;
    assert_eq!(beat.expect("an answer"), Beat::Lost);
    assert_eq!(publish(&db, &late).await, Settled::Refused);
    let said = [
        db.set_fragmented(&late, &[], &[], None).await,
        db.set_encrypted(&late, "late").await,
        db.give_up(&late, Some("late")).await,
        db.give_up(&late, None).await,
        db.release(&late, Some(("late", 0))).await,
        db.release(&late, None).await,
    ];
    for word in said {
        assert_eq!(word.expect("an answer"), Settled::Refused);
    }
    let package = db
        .package(&Tenant::first(), "pkg_0")
        .await
        .expect("an answer")
        .expect("there");
    assert_eq!(package.status, Status::Ingested);
    assert_eq!(publish(&db, &new).await, Settled::Yes);
    assert_eq!(publish(&db, &new).await, Settled::Refused, "published once");
    let package = db
        .package(&Tenant::first(), "pkg_0")
        .await
        .expect("an answer")
        .expect("there");
    assert_eq!(package.status, Status::Ready);
}

async fn a_cancelled_job_is_not_published(engine: Engine) {
    let (_dir, db) = with_queued(engine, 1).await;
    let claim = claim(&db, LEASE_MS).await.expect("a job");
    db.cancel_job(&Tenant::first(), "job_0", &Wanted::Any).await.expect("an answer");
    let beat = db.heartbeat(&claim, LEASE_MS, 0.5, None).await;
    assert_eq!(beat.expect("an answer"), Beat::CancelRequested);
    assert_eq!(publish(&db, &claim).await, Settled::Refused);
    let settled = db.give_up(&claim, None).await;
    assert_eq!(settled.expect("an answer"), Settled::Yes);
    let job = db.job(&Tenant::first(), "job_0").await.expect("an answer").expect("there");
    assert_eq!((job.state, job.error), (JobState::Cancelled, None));
}

async fn a_job_that_is_put_back_counts_only_failures(engine: Engine) {
    let (_dir, db) = with_queued(engine, 1).await;
    let first = claim(&db, LEASE_MS).await.expect("a job");
    db.release(&first, None).await.expect("put back");
    let second = claim(&db, LEASE_MS).await.expect("at once");
    assert_eq!((second.attempts, second.fence), (1, 2));
    db.release(&second, Some(("the disk is full", LEASE_MS)))
        .await
        .expect("put back");
    assert!(
        claim(&db, LEASE_MS).await.is_none(),
        "its time has not come"
    );
    let job = db.job(&Tenant::first(), "job_0").await.expect("an answer").expect("there");
    assert_eq!(job.error.as_deref(), Some("the disk is full"));
    db.begin_boot("another boot").await.expect("noted");
    let third = claim(&db, LEASE_MS).await.expect("at once after a reboot");
    assert_eq!(third.attempts, 2);
    db.begin_boot("another boot").await.expect("noted");
    assert_eq!(rescue(&db).await, Rescued::default(), "the same boot");
    db.begin_boot("a third boot").await.expect("noted");
    assert_eq!(rescue(&db).await.waiting, 1, "its lease is void");
}

async fn a_cancel_that_its_worker_did_not_live_to_see_counts(engine: Engine) {
    let (_dir, db) = with_queued(engine, 1).await;
    claim(&db, NO_LEASE_MS).await.expect("a job");
    db.cancel_job(&Tenant::first(), "job_0", &Wanted::Any).await.expect("an answer");
    assert_eq!(rescue(&db).await.ended, ["code0"]);
    let job = db.job(&Tenant::first(), "job_0").await.expect("an answer").expect("there");
    assert_eq!(job.state, JobState::Cancelled);
    assert!(claim(&db, LEASE_MS).await.is_none());
}

async fn a_job_whose_workers_die_three_times_is_dead_until_it_is_retried(engine: Engine) {
    let (_dir, db) = with_queued(engine, 2).await;
    for death in 1..=3 {
        let claim = claim(&db, NO_LEASE_MS).await.expect("a job");
        assert_eq!((claim.id.as_str(), claim.attempts), ("job_0", death));
        let rescued = rescue(&db).await;
        assert_eq!(rescued.ended.len(), usize::from(death == 3));
    }
    let job = db.job(&Tenant::first(), "job_0").await.expect("an answer").expect("there");
    assert_eq!((job.state, job.deaths), (JobState::Dead, 3));
    assert!(job.error.expect("a reason").contains("died three times"));
    let next = claim(&db, LEASE_MS).await.expect("the queue goes on");
    assert_eq!(next.id, "job_1");
    let wish = db
        .retry_job(&Tenant::first(), "job_0", "another code", &Wanted::Any)
        .await
        .expect("an answer");
    assert_eq!(wish, Wish::Granted);
    let again = claim(&db, LEASE_MS).await.expect("the job");
    assert_eq!(
        (again.id.as_str(), again.code.as_str()),
        ("job_0", "another code")
    );
    let job = db.job(&Tenant::first(), "job_0").await.expect("an answer").expect("there");
    assert_eq!((job.deaths, job.error), (0, None));
}

async fn a_renewed_lease_is_not_taken_away(engine: Engine) {
    let (_dir, db) = with_queued(engine, 1).await;
    let claim = claim(&db, NO_LEASE_MS).await.expect("a job");
    let seen = db.held_jobs().await.expect("an answer");
    assert!(seen[0].has_expired(LEASE_MS));
    let beat = db.heartbeat(&claim, LEASE_MS, 0.5, None).await;
    assert_eq!(beat.expect("an answer"), Beat::Held);
    assert_eq!(
        db.take_back(&seen).await.expect("an answer"),
        Rescued::default()
    );
    assert_eq!(publish(&db, &claim).await, Settled::Yes);
}

async fn a_lease_of_a_clock_that_was_wrong_is_no_lease(engine: Engine) {
    let (_dir, db) = with_queued(engine, 2).await;
    const DAY_MS: i64 = 24 * 3600 * 1000;
    claim(&db, DAY_MS).await.expect("a job");
    let other = claim(&db, LEASE_MS).await.expect("a job");
    assert_eq!(rescue(&db).await.waiting, 1, "the one of a day");
    db.release(&other, Some(("it failed", DAY_MS)))
        .await
        .expect("put back");
    let first = claim(&db, LEASE_MS).await.expect("a job");
    let second = claim(&db, LEASE_MS).await.expect("whatever its time");
    assert_eq!((first.id.as_str(), second.id.as_str()), ("job_0", "job_1"));
}

async fn a_paused_job_waits_and_a_paused_queue_begins_nothing(engine: Engine) {
    let (_dir, db) = with_queued(engine, 2).await;
    assert_eq!(
        db.pause_job(&Tenant::first(), "job_0", &Wanted::Any).await.expect("an answer"),
        Wish::Granted
    );
    let running = claim(&db, LEASE_MS).await.expect("the other job");
    assert_eq!(running.id, "job_1");
    assert!(claim(&db, LEASE_MS).await.is_none());
    db.pause_job(&Tenant::first(), "job_1", &Wanted::Any).await.expect("an answer");
    let beat = db.heartbeat(&running, LEASE_MS, 0.5, None).await;
    assert_eq!(beat.expect("an answer"), Beat::PauseRequested);
    db.release(&running, None).await.expect("put back");
    let job = db.job(&Tenant::first(), "job_1").await.expect("an answer").expect("there");
    assert_eq!((job.state, job.attempts), (JobState::Paused, 0));
    db.pause_queue(true).await.expect("paused");
    for id in ["job_0", "job_1"] {
        assert_eq!(db.resume_job(&Tenant::first(), id, &Wanted::Any).await.expect("an answer"), Wish::Granted);
    }
    assert!(claim(&db, LEASE_MS).await.is_none());
    let queue = db.queue(None).await.expect("the queue");
    assert_eq!(
        (queue.paused, queue.jobs),
        (true, vec![(JobState::Queued, 2)])
    );
    db.pause_queue(false).await.expect("resumed");
    assert!(claim(&db, LEASE_MS).await.is_some());
}
}
