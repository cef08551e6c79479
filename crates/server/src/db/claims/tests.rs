use super::*;
use crate::db::assets::NewAsset;
use crate::db::engines::{Engine, on_all_engines, open};
use crate::db::packages::{NewPackage, Status};
use crate::db::probe::Probe;
use packager::EncryptScope;

const LEASE_MS: i64 = 60_000;
/// A lease that has run out when it is given.
const NO_LEASE_MS: i64 = -1;

/// A catalogue with one asset and some queued packages of it.
async fn with_queued(engine: Engine, count: usize) -> (tempfile::TempDir, Database) {
    let (dir, db) = open(engine).await;
    let asset = NewAsset {
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
        probe: Probe { tracks: Vec::new() },
    };
    let asset = db.add_asset(&asset).await.expect("an asset");
    for number in 0..count {
        let package = NewPackage {
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
            replaces: None,
        };
        db.add_package(&package).await.expect("a package");
    }
    (dir, db)
}

async fn claim(db: &Database, lease_ms: i64) -> Option<Claim> {
    db.claim_job("worker", lease_ms).await.expect("an answer")
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
        .package("pkg_0")
        .await
        .expect("an answer")
        .expect("there");
    assert_eq!(package.status, Status::Ingested);
    assert_eq!(publish(&db, &new).await, Settled::Yes);
    assert_eq!(publish(&db, &new).await, Settled::Refused, "published once");
    let package = db
        .package("pkg_0")
        .await
        .expect("an answer")
        .expect("there");
    assert_eq!(package.status, Status::Ready);
}

async fn a_cancelled_job_is_not_published(engine: Engine) {
    let (_dir, db) = with_queued(engine, 1).await;
    let claim = claim(&db, LEASE_MS).await.expect("a job");
    db.cancel_job("job_0").await.expect("an answer");
    let beat = db.heartbeat(&claim, LEASE_MS, 0.5, None).await;
    assert_eq!(beat.expect("an answer"), Beat::CancelRequested);
    assert_eq!(publish(&db, &claim).await, Settled::Refused);
    let settled = db.give_up(&claim, None).await;
    assert_eq!(settled.expect("an answer"), Settled::Yes);
    let job = db.job("job_0").await.expect("an answer").expect("there");
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
    let job = db.job("job_0").await.expect("an answer").expect("there");
    assert_eq!(job.error.as_deref(), Some("the disk is full"));
    db.recover_jobs().await.expect("recovered");
    let third = claim(&db, LEASE_MS).await.expect("at once after a start");
    assert_eq!(third.attempts, 2);
}

async fn a_cancel_that_its_worker_did_not_live_to_see_counts_at_the_next_start(engine: Engine) {
    let (_dir, db) = with_queued(engine, 1).await;
    claim(&db, LEASE_MS).await.expect("a job");
    db.cancel_job("job_0").await.expect("an answer");
    assert_eq!(db.recover_jobs().await.expect("recovered"), 1);
    let job = db.job("job_0").await.expect("an answer").expect("there");
    assert_eq!(job.state, JobState::Cancelled);
    assert!(claim(&db, LEASE_MS).await.is_none());
}
}
