//! Kills at random moments. The seed is printed; `REELPACK_SEED` repeats a run.

use super::matrix::{Seen, after_deletion, after_packaging, after_upload};
use super::process::Process;
use super::scene::{folder, only, scenes};
use super::{table, torture};
use crate::media;
use crate::support::Scratch;
use std::time::{Duration, Instant};

/// Kills in `make test`, and in `make torture`.
const FEW: u32 = 12;
const MANY: u32 = 200;

/// Kills of one scene and what was seen at worst.
#[derive(Debug, Default)]
struct Tally {
    kills: u32,
    served: Duration,
    claimed: Duration,
}

#[test]
fn nothing_is_lost_or_there_twice_whatever_the_moment_of_the_kill() {
    let seed = std::env::var("REELPACK_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |text| text.parse().unwrap());
    println!("REELPACK_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let times = undisturbed();
    let mut tallies: [(&str, Tally); 3] = Default::default();
    for number in 0..if torture() { MANY } else { FEW } {
        let scene = [0, 1, 1, 1, 1, 2][random.usize(..6)];
        let name = ["upload", "package", "delete"][scene];
        // Up to a third later than usual: what is slow, or over, is killed too.
        let moment = times[scene].mul_f64(random.f64() * 1.33);
        let what = format!("seed {seed}, kill {number}: {name} after {moment:?}");
        let seen = match scene {
            0 => upload(moment, &what),
            1 => package(
                moment,
                random.bool().then(|| moment.mul_f64(random.f64())),
                &what,
            ),
            _ => delete(moment, &what),
        };
        let (as_name, tally) = &mut tallies[scene];
        *as_name = name;
        tally.kills += 1;
        tally.served = tally.served.max(seen.served.unwrap_or_default());
        tally.claimed = tally.claimed.max(seen.claimed.unwrap_or_default());
    }
    let mut text = String::from(
        "## At random moments\n\n| killed while | kills | served again at worst after | job claimed again at worst after | lost | half published | there twice | other bytes |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (name, tally) in tallies {
        text += &format!(
            "| {name} | {} | {} | {} | 0 | 0 | 0 | 0 |\n",
            tally.kills,
            table::ms(Some(tally.served)),
            table::ms((name == "package").then_some(tally.claimed))
        );
    }
    table::leave("2-random", &text);
}

/// How long upload, packaging and deletion take here when nobody kills.
fn undisturbed() -> [Duration; 3] {
    let scratch = Scratch::new();
    let server = Process::serve(scratch.path(), "", 0).unwrap();
    let began = Instant::now();
    server.upload(&media::clip()).expect("an answer");
    let upload = began.elapsed();
    server.kill();
    let (_scratch, data) = folder(&scenes().queued);
    let began = Instant::now();
    let server = Process::serve(&data, "", 1).unwrap();
    server.until("/api/v1/packages", |found| {
        found["data"][0]["status"] == "Ready"
    });
    let package = began.elapsed();
    let asset = only(&server, "assets").expect("the asset");
    let began = Instant::now();
    let path = format!("/api/v1/assets/{}", asset["id"].as_str().unwrap());
    server.delete(&path).expect("an answer");
    let times = [upload, package, began.elapsed()];
    server.kill();
    times
}

fn upload(moment: Duration, what: &str) -> Seen {
    let scratch = Scratch::new();
    let server = Process::serve(scratch.path(), "", 1).unwrap();
    let acknowledged = std::thread::scope(|scope| {
        let sent = scope.spawn(|| server.upload(&media::clip()));
        std::thread::sleep(moment);
        server.kill_now();
        matches!(sent.join().unwrap(), Ok((201, _)))
    });
    server.kill();
    after_upload(scratch.path(), acknowledged, what)
}

/// One kill, and perhaps another one of the server that took the job up.
fn package(moment: Duration, again: Option<Duration>, what: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().queued);
    for moment in [Some(moment), again].into_iter().flatten() {
        let server = Process::launch(&data, 1);
        std::thread::sleep(moment);
        server.kill();
    }
    after_packaging(&data, what)
}

fn delete(moment: Duration, what: &str) -> Seen {
    let (_scratch, data) = folder(&scenes().ready);
    let server = Process::serve(&data, "", 1).unwrap();
    let asset = only(&server, "assets").expect("the asset");
    let path = format!("/api/v1/assets/{}", asset["id"].as_str().unwrap());
    let acknowledged = std::thread::scope(|scope| {
        let sent = scope.spawn(|| server.delete(&path));
        std::thread::sleep(moment);
        server.kill_now();
        matches!(sent.join().unwrap(), Ok((204, _)))
    });
    server.kill();
    after_deletion(&data, "assets", acknowledged, what)
}
