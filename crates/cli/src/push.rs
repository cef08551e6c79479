//! `reelpack push`: one file to a server, however often the way is broken off.
//!
//! No signal is caught: what is sent is safe on the server, and where it is stands in a small file, so that the same
//! command goes on after any end.

mod remember;
mod server;

use crate::failure::Failure;
use crate::progress::Progress;
use crate::token_file::TokenFileArgs;
use crate::{text, urls};
use bytesize::ByteSize;
use clap::Args;
use humantime::Duration;
use remember::Remembered;
use serde::Serialize;
use serde_json::{Map, Value, json};
use server::{Server, Trouble, Upload};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Pauses between attempts: the first, and the longest.
const FIRST_PAUSE: std::time::Duration = std::time::Duration::from_millis(250);
const LAST_PAUSE: std::time::Duration = std::time::Duration::from_secs(10);
/// How often the state of something is asked for.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_millis(250);

const EXAMPLES: &str = "\
Examples:
  reelpack push holiday.mp4
      to http://127.0.0.1:5000, packaged, and the address where it plays
  reelpack push film.mov --server https://video.example --no-package
      only the upload

When the way is broken off, or this command, the same command goes on: the server keeps what has come for a day.
Each piece carries its SHA-256.

Exit codes: 0 done · 2 wrong usage · 65 the server cannot use the file (why) · 74 the file cannot be read, or the
server did not answer for too long or refused.";

/// Upload a video to a server, package it there, and print where it plays.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct PushArgs {
    /// The video: MP4 or MOV.
    file: PathBuf,
    /// The server.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:5000")]
    server: String,
    #[command(flatten)]
    token: TokenFileArgs,
    /// The name that people see [default: that of the file].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Your own name for the asset, by which it is found.
    #[arg(long, value_name = "ID")]
    external_id: Option<String>,
    /// A text that is noted about the asset under a name; given again, another one.
    #[arg(long, value_name = "NAME=VALUE", value_parser = entry)]
    metadata: Vec<(String, String)>,
    /// Upload only; order no package.
    #[arg(long)]
    no_package: bool,
    /// How much is sent in one request, and sent again when it is broken off.
    #[arg(long, value_name = "SIZE", default_value = "8MiB")]
    chunk: ByteSize,
    /// How long to wait for a server that does not answer, or has no room.
    #[arg(long, value_name = "TIME", default_value = "10m")]
    patience: Duration,
    /// Report as JSON on stdout.
    #[arg(long)]
    json: bool,
}

/// What came of it, as `--json` says it.
#[derive(Debug, Serialize)]
struct Report {
    asset_id: String,
    /// The oldest other asset with the same bytes.
    duplicate_of: Option<String>,
    /// Where the page shows it.
    url: String,
    dash_url: Option<String>,
    hls_url: Option<String>,
}

/// Uploads, and packages.
///
/// # Errors
/// [`Failure::Input`] when the server cannot use the file, [`Failure::Io`] when it cannot be reached.
pub fn run(args: &PushArgs, quiet: bool) -> Result<(), Failure> {
    let base = urls::base("--server", &args.server)?;
    if args.chunk.as_u64() == 0 {
        return Err(Failure::Usage("--chunk: must not be 0".into()));
    }
    let push = Push::open(args, base)?;
    let title = format!("sending {} to {}", args.file.display(), push.server.base());
    let progress = Progress::start(title, push.size, quiet);
    let done = AtomicU64::new(0);
    let asset = progress.watch(&done, || push.upload(&done))?;
    let mut report = Report {
        url: format!("{}/assets/{asset}", push.server.base()),
        duplicate_of: None,
        dash_url: None,
        hls_url: None,
        asset_id: asset,
    };
    let asset = push.asset(&report.asset_id)?;
    report.duplicate_of = asset["duplicate_of"].as_str().map(str::to_owned);
    if let Some(older) = &report.duplicate_of {
        text::note(&format!(
            "the server has had these bytes before, as {older}"
        ));
    }
    if !args.no_package {
        let package = push.package(&asset, quiet)?;
        report.dash_url = package["dash_url"].as_str().map(str::to_owned);
        report.hls_url = package["hls_url"].as_str().map(str::to_owned);
    }
    push.remembered.forget();
    if args.json {
        return text::print_json(&report);
    }
    text::print(format!("{}\n", report.url).as_bytes())
}

/// Reads `NAME=VALUE`.
fn entry(text: &str) -> Result<(String, String), String> {
    let entry = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let entry = entry.map(|(name, value)| (name.to_owned(), value.to_owned()));
    entry.ok_or_else(|| "must be NAME=VALUE".to_owned())
}

/// A file on its way.
struct Push<'a> {
    args: &'a PushArgs,
    file: File,
    size: u64,
    name: String,
    server: Server,
    remembered: Remembered,
}

/// Counts attempts that came to nothing.
struct Patience {
    since: Instant,
    pause: std::time::Duration,
    said: String,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            since: Instant::now(),
            pause: FIRST_PAUSE,
            said: String::new(),
        }
    }
}

impl<'a> Push<'a> {
    fn open(args: &'a PushArgs, base: String) -> Result<Self, Failure> {
        let file = crate::input::open(&args.file)?;
        let metadata = file.metadata();
        let metadata = metadata.map_err(|error| Failure::io("read", &args.file, &error))?;
        let own_name = args.file.file_name().unwrap_or(args.file.as_os_str());
        Ok(Self {
            remembered: Remembered::of(&args.file, &metadata, &base),
            server: Server::new(base, args.token.authorization()?),
            size: metadata.len(),
            name: args
                .name
                .clone()
                .unwrap_or_else(|| own_name.to_string_lossy().into_owned()),
            args,
            file,
        })
    }

    /// What the server is told about the file.
    fn noted(&self) -> Vec<(&'static str, String)> {
        let mut noted = vec![("filename", self.name.clone())];
        if let Some(external_id) = &self.args.external_id {
            noted.push(("external_id", external_id.clone()));
        }
        if !self.args.metadata.is_empty() {
            let entries = self.args.metadata.iter();
            let entries: Map<String, Value> = entries
                .map(|(name, value)| (name.clone(), value.as_str().into()))
                .collect();
            noted.push(("metadata", Value::Object(entries).to_string()));
        }
        noted
    }

    /// Sends what the server does not have yet. Returns the id of the asset.
    fn upload(&self, done: &AtomicU64) -> Result<String, Failure> {
        let mut patience = Patience::default();
        let mut known = self.remembered.read();
        loop {
            let Some(url) = known.take() else {
                let begun = self.server.begin(self.size, &self.noted());
                known = self.or_wait(begun, &mut patience)?;
                if let Some(url) = &known {
                    self.remembered.write(url);
                }
                continue;
            };
            let upload = match self.server.look(&url) {
                // It expired, or the server forgot it: from the beginning.
                Err(Trouble::Unknown) => continue,
                found => self.or_wait(found, &mut patience)?,
            };
            let sent = match upload {
                Some(upload) => self.send(&url, upload, done, &mut patience)?,
                None => None,
            };
            if let Some(asset) = sent {
                return Ok(asset);
            }
            known = Some(url);
        }
    }

    /// Sends pieces until all is there, or one gets lost; then the server has to be asked how far it is.
    fn send(
        &self,
        url: &str,
        mut upload: Upload,
        done: &AtomicU64,
        patience: &mut Patience,
    ) -> Result<Option<String>, Failure> {
        let mut piece = vec![
            0;
            usize::try_from(self.args.chunk.as_u64())
                .unwrap_or(usize::MAX)
                .min(1 << 30)
        ];
        while upload.offset < self.size {
            done.store(upload.offset, Ordering::Relaxed);
            let rest = usize::try_from(self.size - upload.offset).unwrap_or(usize::MAX);
            let piece = {
                let count = rest.min(piece.len());
                &mut piece[..count]
            };
            let read = self.file.read_exact_at(piece, upload.offset);
            read.map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => Failure::Input(format!(
                    "{}: became shorter while it was sent",
                    self.args.file.display()
                )),
                _ => Failure::io("read", &self.args.file, &error),
            })?;
            match self.server.append(url, upload.offset, piece) {
                Err(Trouble::Unknown) => return Ok(None),
                sent => match self.or_wait(sent, patience)? {
                    Some(further) => {
                        upload = further;
                        *patience = Patience::default();
                    }
                    None => return Ok(None),
                },
            }
        }
        done.store(self.size, Ordering::Relaxed);
        self.finished(url, upload, patience)
    }

    /// Waits until the server has looked at the file.
    fn finished(
        &self,
        url: &str,
        mut upload: Upload,
        patience: &mut Patience,
    ) -> Result<Option<String>, Failure> {
        loop {
            if let Some(asset) = upload.asset {
                return Ok(Some(asset));
            }
            std::thread::sleep(LOOK_AGAIN);
            upload = match self.server.look_closely(url) {
                Err(Trouble::Unknown) => return Ok(None),
                found => match self.or_wait(found, patience)? {
                    Some(upload) => upload,
                    None => continue,
                },
            };
        }
    }

    fn asset(&self, id: &str) -> Result<Value, Failure> {
        self.ask("GET", &format!("/api/v1/assets/{id}"), None)
    }

    /// The package of the asset: one that is there or being made, else a new one; waits until it is ready.
    fn package(&self, asset: &Value, quiet: bool) -> Result<Value, Failure> {
        let packages = asset["packages"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        let there = packages
            .iter()
            .find(|package| package["status"] != "Failed");
        let mut package = match there {
            Some(package) => package.clone(),
            None => {
                let id = asset["id"].as_str().unwrap_or_default();
                self.ask(
                    "POST",
                    &format!("/api/v1/assets/{id}/packages"),
                    Some(&json!({})),
                )?
            }
        };
        if !quiet {
            text::note("packaging");
        }
        loop {
            match package["status"].as_str() {
                Some("Ready") => return Ok(package),
                Some("Failed") => {
                    let reason = package["error"]
                        .as_str()
                        .unwrap_or("the server does not say why");
                    return Err(Failure::Input(format!(
                        "{}: {reason}",
                        self.args.file.display()
                    )));
                }
                _ => std::thread::sleep(LOOK_AGAIN),
            }
            let id = package["id"].as_str().unwrap_or_default().to_owned();
            package = self.ask("GET", &format!("/api/v1/packages/{id}"), None)?;
        }
    }

    /// A request in JSON, tried until there is an answer or patience is at its end.
    fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        let mut patience = Patience::default();
        loop {
            if let Some(answer) =
                self.or_wait(self.server.json(method, path, body), &mut patience)?
            {
                return Ok(answer);
            }
        }
    }

    /// Waits a while when something may go later: then `None`.
    fn or_wait<T>(
        &self,
        found: Result<T, Trouble>,
        patience: &mut Patience,
    ) -> Result<Option<T>, Failure> {
        let reason = match found {
            Ok(found) => return Ok(Some(found)),
            Err(Trouble::Passing(reason)) => reason,
            Err(Trouble::Unusable(reason)) => {
                self.remembered.forget();
                return Err(Failure::Input(format!(
                    "{}: {reason}",
                    self.args.file.display()
                )));
            }
            Err(Trouble::Refused(reason)) => {
                return Err(Failure::Io(format!("{}: {reason}", self.server.base())));
            }
            Err(Trouble::Unknown) => {
                let what = "what was just there is gone; run the command again";
                return Err(Failure::Io(format!("{}: {what}", self.server.base())));
            }
        };
        let limit: std::time::Duration = self.args.patience.into();
        if patience.since.elapsed() >= limit {
            return Err(Failure::Io(format!(
                "{}: {reason}; {} of --patience are over, run the command again to go on",
                self.server.base(),
                self.args.patience
            )));
        }
        if patience.said != reason {
            text::note(&format!("waiting for {}: {reason}", self.server.base()));
            patience.said = reason;
        }
        std::thread::sleep(patience.pause);
        patience.pause = (patience.pause * 2).min(LAST_PAUSE);
        Ok(None)
    }
}
