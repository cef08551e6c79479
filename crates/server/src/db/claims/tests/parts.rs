use super::*;
use crate::access::Tenant;
use crate::db::Wanted;
use crate::db::jobs::Job;
use crate::db::parts::NewPart;

/// Parts whose weights are 1, 2, 3 ….
fn parts(count: i64) -> Vec<NewPart> {
    let part = |number: i64| NewPart {
        id: format!("part_{number}"),
        task: format!("{{\"chunk\":{number}}}"),
        weight: number,
    };
    (1..=count).map(part).collect()
}

async fn beat(db: &Database, claim: &Claim, progress: f64) -> Beat {
    let beat = db.heartbeat(claim, LEASE_MS, progress, None).await;
    beat.expect("an answer")
}

async fn job(db: &Database) -> Job {
    let job = db.job(&Tenant::first(), "job_0").await.expect("an answer");
    job.expect("there")
}

async fn next(db: &Database) -> Claim {
    claim(db, LEASE_MS).await.expect("a job")
}

/// Two packages; the first one's job waits for its parts.
async fn split(engine: Engine, count: i64) -> (tempfile::TempDir, Database) {
    let (dir, db) = with_queued(engine, 2).await;
    let whole = next(&db).await;
    assert_eq!((whole.part, whole.task.as_deref()), (0, None));
    let split = db.split(&whole, "{\"plan\":1}", &parts(count)).await;
    assert_eq!(split.expect("an answer"), Settled::Yes);
    assert_eq!(
        beat(&db, &whole, 0.5).await,
        Beat::Lost,
        "it is nobody's now"
    );
    (dir, db)
}

async fn made(db: &Database, claim: &Claim) -> Settled {
    db.finish_part(claim, "[1]").await.expect("an answer")
}

on_all_engines! {
async fn a_package_is_made_when_its_parts_are(engine: Engine) {
    let (_dir, db) = split(engine, 3).await;
    let (one, two, three) = (next(&db).await, next(&db).await, next(&db).await);
    assert_eq!((one.part, two.part, three.part), (1, 2, 3), "before the package that came later");
    assert_eq!(two.task.as_deref(), Some("{\"chunk\":2}"));
    assert_eq!((one.iv_seed.len(), &one.code), (16, &two.code));
    assert_eq!(next(&db).await.id, "job_1", "nothing else waits");

    assert_eq!(made(&db, &three).await, Settled::Yes);
    assert_eq!(beat(&db, &two, 0.5).await, Beat::Held);
    let seen = job(&db).await;
    assert_eq!(seen.state, JobState::Waiting);
    let expect = 0.9 * (3.0 + 2.0 * 0.5) / 6.0;
    assert!((seen.progress - expect).abs() < 1e-9, "{}", seen.progress);
    let listed = db.jobs(&Tenant::first(), None, crate::db::Page::before(i64::MAX, 9)).await;
    assert_eq!(listed.expect("jobs").len(), 2, "parts are no jobs of their own to clients");
    let states: Vec<_> = db.parts(one.packaged_content_id).await.expect("parts");
    let states: Vec<_> = states.iter().map(|part| (part.state, part.weight)).collect();
    let done: Vec<_> = db.parts(one.packaged_content_id).await.expect("parts");
    assert_eq!(done[2].made.as_deref(), Some("[1]"));
    assert_eq!(states, [(JobState::Running, 1), (JobState::Running, 2), (JobState::Done, 3)]);

    assert_eq!(made(&db, &one).await, Settled::Yes);
    assert!(claim(&db, LEASE_MS).await.is_none(), "one is not made yet");
    assert_eq!(made(&db, &two).await, Settled::Yes);
    assert_eq!(made(&db, &two).await, Settled::Refused, "made once");
    let whole = next(&db).await;
    assert_eq!((whole.id.as_str(), whole.part, whole.attempts), ("job_0", 0, 1));
    assert!(beat(&db, &whole, 0.5).await == Beat::Held);
    let seen = job(&db).await;
    assert!((seen.progress - 0.95).abs() < 1e-9, "{}", seen.progress);
    let package = db.package(&Tenant::first(), "pkg_0").await.expect("an answer").expect("there");
    assert_eq!(package.preparation.as_deref(), Some("{\"plan\":1}"));
    assert_eq!(package.job().map(|job| job.state), Some(JobState::Running));
    assert_eq!(publish(&db, &whole).await, Settled::Yes);
}

async fn a_worker_that_dies_costs_its_part_alone(engine: Engine) {
    let (_dir, db) = split(engine, 2).await;
    let (lost, held) = (claim(&db, NO_LEASE_MS).await.expect("a part"), next(&db).await);
    assert_eq!(rescue(&db).await.waiting, 1);
    assert_eq!(made(&db, &lost).await, Settled::Refused);
    assert_eq!(made(&db, &held).await, Settled::Yes);
    let again = next(&db).await;
    assert_eq!((again.part, again.fence), (1, lost.fence + 1));
    assert_eq!(made(&db, &again).await, Settled::Yes);
    assert_eq!(next(&db).await.id, "job_0");
}

async fn a_part_that_fails_fails_the_package(engine: Engine) {
    let (_dir, db) = split(engine, 3).await;
    let (bad, other) = (next(&db).await, next(&db).await);
    assert_eq!(db.give_up(&bad, Some("no picture")).await.expect("an answer"), Settled::Yes);
    let seen = job(&db).await;
    assert_eq!((seen.state, seen.error.as_deref()), (JobState::Failed, Some("no picture")));
    assert_eq!(beat(&db, &other, 0.1).await, Beat::CancelRequested);
    assert_eq!(made(&db, &other).await, Settled::Refused);
    assert_eq!(db.give_up(&other, None).await.expect("an answer"), Settled::Yes);
    let seen = job(&db).await;
    assert_eq!((seen.state, seen.error.as_deref()), (JobState::Failed, Some("no picture")));
    assert_eq!(next(&db).await.id, "job_1", "the third part will not be made");
    let package = db.package(&Tenant::first(), "pkg_0").await.expect("an answer").expect("there");
    assert_eq!(package.status, Status::Failed);

    assert_eq!(db.retry_job(&Tenant::first(), "job_0", "another", &Wanted::Any).await.expect("an answer"), Wish::Granted);
    let again = next(&db).await;
    assert_eq!((again.id.as_str(), again.part), ("job_0", 0));
    assert!(db.parts(again.packaged_content_id).await.expect("parts").is_empty());
    assert_eq!(db.split(&again, "{}", &parts(2)).await.expect("an answer"), Settled::Yes);
}

async fn a_part_that_kills_its_workers_is_given_up_with_the_whole(engine: Engine) {
    let (_dir, db) = split(engine, 1).await;
    for _ in 0..2 {
        claim(&db, NO_LEASE_MS).await.expect("the part");
        assert_eq!(rescue(&db).await.waiting, 1);
    }
    claim(&db, NO_LEASE_MS).await.expect("the part");
    assert_eq!(rescue(&db).await.ended, ["code0"]);
    assert_eq!(job(&db).await.state, JobState::Dead);
}

async fn parts_pause_and_go_on_with_their_package(engine: Engine) {
    let (_dir, db) = split(engine, 3).await;
    let (one, two) = (next(&db).await, next(&db).await);
    assert_eq!(db.pause_job(&Tenant::first(), "job_0", &Wanted::Any).await.expect("an answer"), Wish::Granted);
    assert_eq!(job(&db).await.state, JobState::Paused);
    assert_eq!(next(&db).await.id, "job_1", "the third part is paused too");
    assert_eq!(beat(&db, &one, 0.1).await, Beat::PauseRequested);
    assert_eq!(db.release(&one, None).await.expect("an answer"), Settled::Yes);
    // The second one was quicker than the wish.
    assert_eq!(made(&db, &two).await, Settled::Yes);
    assert!(claim(&db, LEASE_MS).await.is_none());

    assert_eq!(db.resume_job(&Tenant::first(), "job_0", &Wanted::Any).await.expect("an answer"), Wish::Granted);
    assert_eq!(job(&db).await.state, JobState::Waiting);
    let (one, three) = (next(&db).await, next(&db).await);
    assert_eq!((one.part, three.part), (1, 3));
    assert_eq!(db.pause_job(&Tenant::first(), "job_0", &Wanted::Any).await.expect("an answer"), Wish::Granted);
    assert_eq!(made(&db, &one).await, Settled::Yes);
    assert_eq!(made(&db, &three).await, Settled::Yes);
    assert!(claim(&db, LEASE_MS).await.is_none(), "paused before it was queued");
    assert_eq!(db.resume_job(&Tenant::first(), "job_0", &Wanted::Any).await.expect("an answer"), Wish::Granted);
    assert_eq!(next(&db).await.id, "job_0");
}

async fn a_waiting_package_is_cancelled_at_once(engine: Engine) {
    let (_dir, db) = split(engine, 2).await;
    let running = next(&db).await;
    assert_eq!(db.cancel_job(&Tenant::first(), "job_0", &Wanted::Any).await.expect("an answer"), Wish::Granted);
    assert_eq!(job(&db).await.state, JobState::Cancelled);
    assert_eq!(beat(&db, &running, 0.1).await, Beat::CancelRequested);
    assert_eq!(made(&db, &running).await, Settled::Refused);
    let busy = db.delete_package(&Tenant::first(), "pkg_0", &Wanted::Any).await.expect("an answer");
    assert!(matches!(busy, crate::db::assets::Deleted::Busy), "its part still runs");
    assert_eq!(db.give_up(&running, None).await.expect("an answer"), Settled::Yes);
    let gone = db.delete_package(&Tenant::first(), "pkg_0", &Wanted::Any).await.expect("an answer");
    assert!(matches!(gone, crate::db::assets::Deleted::Done(_)));
}

async fn the_last_two_parts_may_end_at_once(engine: Engine) {
    let (_dir, db) = split(engine, 8).await;
    let db = std::sync::Arc::new(db);
    let mut ending = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (db, part) = (db.clone(), next(&db).await);
        ending.spawn(async move { made(&db, &part).await });
    }
    while let Some(ended) = ending.join_next().await {
        assert_eq!(ended.expect("no panic"), Settled::Yes);
    }
    assert_eq!(next(&db).await.id, "job_0");
    assert_eq!(next(&db).await.id, "job_1");
}
}
