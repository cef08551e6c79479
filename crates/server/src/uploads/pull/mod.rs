//! Pulls: uploads whose bytes this server fetches from a URL.
//!
//! Their rows are durable, so that a restart goes on: with the rest of the file where the other server says that it
//! is still the same (a strong `ETag` and `If-Range`), from the beginning elsewhere.

mod client;

use super::slots::Holding;
use super::{Halt, UploadLimits, Writer, begin, finish};
use crate::app::Shared;
use crate::clock;
use crate::db::uploads::{End, State, Upload};
use crate::storage::resumable::Opened;
use client::{From, PullClient};
use reqwest::header::{CONTENT_RANGE, ETAG};
use reqwest::{Response, StatusCode, Url};
use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

/// How many pulls run at once; the others wait.
const AT_ONCE: usize = 4;
/// Pauses between attempts: the first, and the longest.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LAST_PAUSE: Duration = Duration::from_secs(60);

/// What pulls share.
#[derive(Debug)]
pub(crate) struct Puller {
    client: PullClient,
    turns: Semaphore,
}

/// Why a pull does not go on.
#[derive(Debug)]
pub(crate) struct Trouble {
    /// For people.
    pub(crate) reason: String,
    /// Whether it may go later.
    passes: bool,
}

impl Trouble {
    fn lasting(reason: impl Display) -> Self {
        Self {
            reason: reason.to_string(),
            passes: false,
        }
    }

    fn passing(reason: impl Display) -> Self {
        Self {
            reason: reason.to_string(),
            passes: true,
        }
    }
}

/// How an attempt ended.
enum Attempt {
    /// All bytes are there.
    Whole(Holding),
    /// Somebody wants the upload, or the server stops, or it is over.
    LetGo,
    /// It may be tried again.
    Again(Holding, String),
    /// It will not go.
    Never(String),
}

impl Puller {
    /// Makes the client.
    pub(crate) fn new(limits: &UploadLimits) -> std::io::Result<Self> {
        Ok(Self {
            client: PullClient::new(&limits.pull_allow)?,
            turns: Semaphore::new(AT_ONCE),
        })
    }

    /// Reads the URL of a pull and checks what can be checked at once.
    pub(crate) fn parse(&self, text: &str) -> Result<Url, Trouble> {
        let url =
            Url::parse(text).map_err(|error| Trouble::lasting(format!("is no URL: {error}")))?;
        self.client.check(&url)?;
        Ok(url)
    }
}

/// What people may see of a URL: no query, where signatures are.
pub(crate) fn shown(url: &str) -> String {
    let end = url.find(['?', '#']).unwrap_or(url.len());
    url[..end].to_owned()
}

/// Goes on with a pull in a task of its own, unless one does already.
pub(crate) fn go_on(shared: &Arc<Shared>, row: Upload) {
    let Ok(holding) = shared.uploads.slots.try_hold(&row.id) else {
        return;
    };
    let shared = shared.clone();
    tokio::spawn(async move {
        let id = row.id.clone();
        if let Err(error) = run(&shared, &id, holding).await {
            // The next look of the sweep goes on.
            tracing::error!(upload = id, ?error, "a pull is interrupted");
        }
    });
}

async fn run(shared: &Arc<Shared>, id: &str, mut holding: Holding) -> Result<(), Halt> {
    let turn = tokio::select! {
        turn = shared.uploads.puller.turns.acquire() => turn,
        () = holding.wanted() => return Ok(()),
        () = shared.stopped() => return Ok(()),
    };
    let mut pause = FIRST_PAUSE;
    loop {
        let Some(row) = shared.db.any_upload(id).await? else {
            return Ok(());
        };
        if row.state != State::Receiving {
            return Ok(());
        }
        let before = row.received;
        let reason = match attempt(shared, row.clone(), holding).await? {
            Attempt::LetGo => return Ok(()),
            Attempt::Never(reason) => {
                return super::finish::end(shared, id, End::Failed, &reason).await;
            }
            Attempt::Whole(held) => {
                drop(turn);
                let row = shared.db.any_upload(id).await?;
                return match row {
                    Some(row) if row.state == State::Finishing => finish(shared, &row, held).await,
                    _ => Ok(()),
                };
            }
            Attempt::Again(held, reason) => {
                holding = held;
                reason
            }
        };
        tracing::warn!(upload = id, reason, "a pull was interrupted");
        let age = clock::now_ms().saturating_sub(row.created_at_ms);
        if age >= super::milliseconds(shared.uploads.limits.pull_time) {
            let reason = format!("it was tried for too long; at last: {reason}");
            return super::finish::end(shared, id, End::Failed, &reason).await;
        }
        let after = shared
            .db
            .any_upload(id)
            .await?
            .map_or(before, |row| row.received);
        pause = if after > before {
            FIRST_PAUSE
        } else {
            (pause * 2).min(LAST_PAUSE)
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = holding.wanted() => return Ok(()),
            () = shared.stopped() => return Ok(()),
        }
    }
}

async fn attempt(shared: &Arc<Shared>, row: Upload, holding: Holding) -> Result<Attempt, Halt> {
    let Some(url) = row.url.as_deref().and_then(|url| Url::parse(url).ok()) else {
        return Ok(Attempt::Never("its URL is gone".to_owned()));
    };
    let from = row
        .validator
        .as_deref()
        .filter(|_| row.received > 0)
        .map(|validator| From {
            offset: row.received(),
            validator,
        });
    let answer = match shared.uploads.puller.client.get(&url, from).await {
        Ok(answer) => answer,
        Err(trouble) if trouble.passes => return Ok(Attempt::Again(holding, trouble.reason)),
        Err(trouble) => return Ok(Attempt::Never(trouble.reason)),
    };
    if answer.status() == StatusCode::OK {
        let length = answer.content_length();
        if let Some(reason) = too_much(shared, &row, length).await? {
            return Ok(Attempt::Never(reason));
        }
        let validator = strong_etag(&answer);
        if !shared
            .db
            .restart_pull(&row.id, length, validator.as_deref())
            .await?
        {
            return Ok(Attempt::LetGo);
        }
    } else if first_byte(&answer) != Some(row.received()) {
        return Ok(Attempt::Never(
            "the answer holds another part of the file than was asked for".to_owned(),
        ));
    }
    let Some(row) = shared.db.any_upload(&row.id).await? else {
        return Ok(Attempt::LetGo);
    };
    receive(shared, &row, holding, answer).await
}

/// Why a file of this length is not begun.
async fn too_much(
    shared: &Shared,
    row: &Upload,
    length: Option<u64>,
) -> Result<Option<String>, Halt> {
    let most = begin::most(shared, row).await?;
    if length.is_some_and(|length| length > most) {
        return Ok(Some(format!("the file is larger than {most} bytes")));
    }
    match begin::room(shared, length.unwrap_or(1)).await {
        Ok(()) => Ok(None),
        Err(begin::Refusal::Io(error)) => Err(error.into()),
        Err(begin::Refusal::Db(error)) => Err(error.into()),
        Err(_) => Ok(Some(
            "the file does not fit on this server's disk".to_owned(),
        )),
    }
}

async fn receive(
    shared: &Arc<Shared>,
    row: &Upload,
    holding: Holding,
    mut answer: Response,
) -> Result<Attempt, Halt> {
    let most = begin::most(shared, row).await?;
    let partial = match shared.uploads.incoming.hold(&row.id, row.received())? {
        Opened::Here(partial) => partial,
        Opened::Held => return Ok(Attempt::LetGo),
        Opened::Gone => {
            return Ok(Attempt::Never(
                "its bytes are gone from the disk".to_owned(),
            ));
        }
    };
    let mut writer = Writer::new(shared, row, holding, (partial, most), None);
    let ended = copy(shared, &mut writer, &mut answer).await;
    let kept = writer.keep().await;
    match (ended, kept) {
        (Ok(Copied::All), Ok(())) => {
            let end = writer.recorded();
            if row.length().is_none() {
                shared.db.set_upload_length(row, end).await?;
                writer.set_length(end);
                writer.record().await?;
            }
            if writer.is_whole() {
                return Ok(Attempt::Whole(writer.into_holding()));
            }
            Ok(Attempt::Again(
                writer.into_holding(),
                "the file was cut off".to_owned(),
            ))
        }
        (Ok(Copied::Stopped), _) | (_, Err(Halt::Gone)) => Ok(Attempt::LetGo),
        (Err(Halt::TooLarge(most)), _) => Ok(Attempt::Never(format!(
            "the file is larger than {most} bytes"
        ))),
        (Ok(Copied::Broken(reason)), Ok(())) => Ok(Attempt::Again(writer.into_holding(), reason)),
        (Err(Halt::Full), _) | (_, Err(Halt::Full)) => Ok(Attempt::Again(
            writer.into_holding(),
            "the disk is full".to_owned(),
        )),
        (Err(halt), _) | (_, Err(halt)) => Err(halt),
    }
}

/// How the answer of another server ended.
enum Copied {
    All,
    Broken(String),
    Stopped,
}

async fn copy(shared: &Shared, writer: &mut Writer, answer: &mut Response) -> Result<Copied, Halt> {
    let stopped = shared.stopped();
    tokio::pin!(stopped);
    let limits = &shared.uploads.limits;
    let (mut since, mut count) = (Instant::now(), 0_u64);
    loop {
        let chunk = tokio::select! {
            chunk = timeout(limits.body_pause, answer.chunk()) => chunk,
            () = writer.holding().wanted() => return Ok(Copied::Stopped),
            () = &mut stopped => return Ok(Copied::Stopped),
        };
        match chunk {
            Err(_) => return Ok(Copied::Broken("nothing came for too long".to_owned())),
            Ok(Err(error)) => return Ok(Copied::Broken(client::trouble(error).reason)),
            Ok(Ok(None)) => return Ok(Copied::All),
            Ok(Ok(Some(bytes))) => {
                writer.push(&bytes).await?;
                if writer.record_at().is_some_and(|due| due <= Instant::now()) {
                    writer.record().await?;
                }
                count += bytes.len() as u64;
            }
        }
        if since.elapsed() >= limits.body_pause {
            if count < limits.body_rate.saturating_mul(since.elapsed().as_secs()) {
                return Ok(Copied::Broken("it came too slowly".to_owned()));
            }
            (since, count) = (Instant::now(), 0);
        }
    }
}

/// A validator that holds byte for byte (RFC 9110, 8.8.1).
fn strong_etag(answer: &Response) -> Option<String> {
    let etag = answer.headers().get(ETAG)?.to_str().ok()?;
    (etag.starts_with('"') && etag.len() <= 255).then(|| etag.to_owned())
}

/// The first byte of `Content-Range: bytes 5-9/10`.
fn first_byte(answer: &Response) -> Option<u64> {
    let range = answer.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range
        .strip_prefix("bytes ")?
        .split('-')
        .next()?
        .trim()
        .parse()
        .ok()
}
