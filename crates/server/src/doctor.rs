//! The doctor: looks at what a server needs, says what is wrong and what to do. It changes nothing that matters: it makes
//! tables as any start does, and writes and deletes one small object.

use crate::app::make_durable_folder;
use crate::config::Config;
use crate::db::Database;
use crate::db::jobs::JobState;
use crate::jobs::lease_ms;
use crate::keys::KEY_FILE;
use crate::storage::Storage;
use crate::{clock, key_file};
use serde::Serialize;
use std::path::Path;
use std::time::Duration;
use transcode::{Limits, Program, Task, Unwatched};

/// A clock that is before this (January 2026) was never set.
const FIRST_MOMENT_MS: i64 = 1_767_225_600_000;
/// How much the clocks of two machines may differ.
const SKEW_MS: i64 = 60_000;
/// A job that waits for longer has nobody who takes it.
const LONG_WAIT: Duration = Duration::from_secs(3_600);

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is.
    pub name: &'static str,
    /// Whether it is as it should be.
    pub good: bool,
    /// What was found.
    pub found: String,
    /// What to do, where something is wrong.
    pub remedy: Option<String>,
}

impl Finding {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            good: true,
            found: found.into(),
            remedy: None,
        }
    }

    fn bad(name: &'static str, found: impl ToString, remedy: &str) -> Self {
        Self {
            name,
            good: false,
            found: found.to_string(),
            remedy: Some(remedy.to_owned()),
        }
    }
}

/// Looks at everything, beside a server that may run. Blocks.
///
/// # Errors
/// When this process itself cannot work.
pub fn doctor(config: &Config) -> Result<Vec<Finding>, crate::ServeError> {
    let mut findings = tools(&config.tools);
    findings.push(own_clock());
    let runtime = crate::blocking_runtime()?;
    runtime.block_on(place(config, &mut findings));
    Ok(findings)
}

fn tools(tools: &transcode::Tools) -> Vec<Finding> {
    let programs = [("ffmpeg", Program::Ffmpeg), ("ffprobe", Program::Ffprobe)];
    let look = |(name, program)| {
        let task = Task {
            program,
            arguments: vec!["-version".into()],
            reads: &[],
            writes: None,
            limits: Limits::LOOK,
        };
        match tools.run(&task, &Unwatched) {
            Ok(said) => {
                let said = String::from_utf8_lossy(&said);
                let version = said.lines().next().unwrap_or("it runs").to_owned();
                Finding::good(name, version)
            }
            Err(error @ transcode::Error::ConfinementMissing(_)) => Finding::bad(
                "confinement",
                error,
                "use Linux 5.13 or newer with Landlock and seccomp; in a container, allow the system calls of Landlock",
            ),
            Err(error) => Finding::bad(
                name,
                error,
                "install ffmpeg, or name it with --ffmpeg and --ffprobe; without it, MP4 and MOV alone are packaged",
            ),
        }
    };
    programs.map(look).to_vec()
}

fn own_clock() -> Finding {
    match clock::now_ms() >= FIRST_MOMENT_MS {
        true => Finding::good("clock", "it is set"),
        false => Finding::bad("clock", "it was never set", "set it, by NTP say"),
    }
}

async fn place(config: &Config, findings: &mut Vec<Finding>) {
    let root = &config.data_dir;
    let storage = make_durable_folder(root)
        .map_err(|error| error.to_string())
        .and_then(|()| Storage::attach(root, &config.storage).map_err(|error| error.to_string()));
    let storage = match storage {
        Ok(storage) => storage,
        Err(error) => {
            let remedy = "name a folder that this user may write to with --data-dir, and a storage that is there";
            findings.push(Finding::bad("data folder", error, remedy));
            return;
        }
    };
    findings.push(space(root, config.uploads.reserve));
    let name = storage.place();
    let stored = tokio::task::spawn_blocking(move || storage.check().map(|()| storage)).await;
    findings.push(match stored {
        Ok(Ok(_)) => Finding::good("storage", name),
        Ok(Err(error)) => Finding::bad(
            "storage",
            format_args!("{name}: {error}"),
            "look at its address, its bucket and the credentials",
        ),
        Err(error) => Finding::bad("storage", error, "report this as a fault of Reelpack"),
    });
    match Database::open(root, config.database.as_ref()).await {
        Err(error) => findings.push(Finding::bad(
            "database",
            error,
            "start it, or look at --database-url-file and at the rights of its user",
        )),
        Ok(db) => {
            findings.push(written(&db).await);
            let path = config.key_file.clone();
            let path = path.unwrap_or_else(|| root.join(KEY_FILE));
            findings.push(key_file(&db, &path).await);
            findings.push(catalogue_clock(&db).await);
            findings.push(jobs(&db).await);
            db.close().await;
        }
    }
}

fn space(root: &Path, reserve: u64) -> Finding {
    let free = match rustix::fs::statvfs(root) {
        Ok(found) => found.f_bavail.saturating_mul(found.f_frsize),
        Err(error) => return Finding::bad("free space", error, "look at the disk"),
    };
    let found = format!(
        "{} MiB are free, {} are kept in reserve",
        free >> 20,
        reserve >> 20
    );
    match free >= reserve {
        true => Finding::good("free space", found),
        false => Finding::bad(
            "free space",
            found,
            "delete assets that are no longer needed, or give the data folder more space; uploads are refused until then",
        ),
    }
}

async fn written(db: &Database) -> Finding {
    match db.check_write().await {
        Ok(()) => Finding::good("database", "it can be written"),
        Err(error) => Finding::bad(
            "database",
            error,
            "look at its log, at the rights of its user, and at its disk",
        ),
    }
}

async fn key_file(db: &Database, path: &Path) -> Finding {
    let new = async { Ok::<_, crate::db::Error>(!db.holds_keys().await? && !path.exists()) };
    match new.await {
        Ok(true) => return Finding::good("key file", "it is made at the first start"),
        Ok(false) => {}
        Err(error) => return Finding::bad("key file", error, "see the database"),
    }
    match key_file::open(db, path, false).await {
        Ok(_) => Finding::good("key file", "it opens the content keys of this database"),
        Err(error) => Finding::bad(
            "key file",
            error,
            "bring the file that belongs to this database, from the backup that is kept apart; nothing else opens its keys",
        ),
    }
}

async fn catalogue_clock(db: &Database) -> Finding {
    match db.newest_moment_ms().await {
        Ok(newest) if newest.is_some_and(|newest| newest > clock::now_ms() + SKEW_MS) => {
            Finding::bad(
                "clock of the catalogue",
                "it has moments that are still to come: a clock was set back, or machines differ",
                "set the clocks of all machines, by NTP say",
            )
        }
        Ok(_) => Finding::good("clock of the catalogue", "it agrees with this machine's"),
        Err(error) => Finding::bad("clock of the catalogue", error, "see the database"),
    }
}

async fn jobs(db: &Database) -> Finding {
    let name = "jobs";
    let looked = async {
        let held = db.held_jobs().await?;
        let expired = held
            .iter()
            .filter(|job| job.has_expired(lease_ms()))
            .count();
        let queue = db.queue(None).await?;
        Ok::<_, crate::db::Error>((expired, queue, db.oldest_waiting_ms().await?))
    };
    let (expired, queue, oldest) = match looked.await {
        Ok(looked) => looked,
        Err(error) => return Finding::bad(name, error, "see the database"),
    };
    let count = |state| {
        let found = queue.jobs.iter().find(|(of, _)| *of == state);
        found.map_or(0, |(_, count)| *count)
    };
    let waited_ms = oldest.map_or(0, |oldest| clock::now_ms() - oldest);
    let (queued, running, dead) = (
        count(JobState::Queued),
        count(JobState::Running),
        count(JobState::Dead),
    );
    let found = format!(
        "{queued} queued, {running} running, {dead} dead; {expired} leases have run out; the oldest waits for {} s",
        waited_ms / 1000
    );
    if expired > 0 {
        let remedy =
            "start a server or a worker: each takes back the jobs of dead ones within 15 s";
        return Finding::bad(name, found, remedy);
    }
    if queue.paused && queued > 0 {
        return Finding::bad(
            name,
            found,
            "the queue is paused: `reelpack jobs` resumes it",
        );
    }
    if u128::try_from(waited_ms).is_ok_and(|waited| waited > LONG_WAIT.as_millis()) && running == 0
    {
        let remedy = "nobody takes them: start a worker, or the server with --workers";
        return Finding::bad(name, found, remedy);
    }
    match dead {
        0 => Finding::good(name, found),
        _ => Finding::bad(
            name,
            found,
            "their workers died three times: look at the log and at the memory of the machine, then retry them",
        ),
    }
}
