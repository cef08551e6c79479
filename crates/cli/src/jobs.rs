//! `reelpack jobs`: what the queue of a server holds, and words with it. Everything goes over the HTTP API.

use crate::client;
use crate::failure::Failure;
use crate::token_file::{TokenFileArgs, advice};
use crate::{text, urls};
use clap::{Args, Subcommand};
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::time::Duration;
use ureq::Agent;
use ureq::http::Response;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

const EXAMPLES: &str = "\
Examples:
  reelpack jobs list --state dead
      jobs that were given up because their workers died
  reelpack jobs retry job_3kq0…
      puts a job back into the queue
  reelpack jobs pause
      nothing new is begun until `reelpack jobs resume`

Exit codes: 0 done · 2 wrong usage, or the job's state does not allow it · 65 there is no such job ·
74 the server does not answer.";

/// List jobs, show one, pause, resume, retry or cancel it.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct JobsArgs {
    #[command(subcommand)]
    command: Command,
    /// Base URL of the server.
    #[arg(
        long,
        global = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:5000"
    )]
    server: String,
    #[command(flatten)]
    token: TokenFileArgs,
    /// Print JSON, as the server sends it.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// List jobs, newest first.
    List {
        /// Only jobs in this state: queued, running, waiting, paused, done, failed, cancelled or dead.
        #[arg(long)]
        state: Option<String>,
        /// How many at most, 1 to 200.
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// Show one job.
    Show {
        /// The job's id.
        id: String,
    },
    /// Let a job wait until it is resumed; without a job, the whole queue.
    Pause {
        /// The job's id.
        id: Option<String>,
    },
    /// Let a paused job go on; without a job, the whole queue.
    Resume {
        /// The job's id.
        id: Option<String>,
    },
    /// Put a job that failed, was cancelled or is dead back into the queue.
    Retry {
        /// The job's id.
        id: String,
    },
    /// Cancel a job; what it wrote is deleted.
    Cancel {
        /// The job's id.
        id: String,
    },
}

/// Speaks with the server.
///
/// # Errors
/// [`Failure::Usage`] for a wrong URL and for what the server refuses, [`Failure::Input`] when there is no such
/// job, [`Failure::Io`] when the server does not answer.
pub fn run(args: &JobsArgs) -> Result<(), Failure> {
    let base = urls::base("--server", &args.server)?;
    let server = Server {
        agent: client::agent_of(
            base.starts_with("https"),
            PATIENCE,
            args.token.authorization()?,
        ),
        base,
    };
    let (answer, shown): (Value, fn(&Value) -> String) = match &args.command {
        Command::List { state, limit } => (server.list(state.as_deref(), *limit)?, table),
        Command::Show { id } => (server.get(&format!("jobs/{}", encoded(id)))?, details),
        Command::Pause { id } => (server.word(id.as_deref(), "pause")?, details),
        Command::Resume { id } => (server.word(id.as_deref(), "resume")?, details),
        Command::Retry { id } => (server.word(Some(id), "retry")?, details),
        Command::Cancel { id } => (server.word(Some(id), "cancel")?, details),
    };
    match args.json {
        true => text::print_json(&answer),
        false => text::print(text::printable(&shown(&answer)).as_bytes()),
    }
}

/// A server's API.
struct Server {
    agent: Agent,
    base: String,
}

impl Server {
    fn list(&self, state: Option<&str>, limit: u32) -> Result<Value, Failure> {
        let state = state.map_or(String::new(), |state| format!("&state={}", encoded(state)));
        self.get(&format!("jobs?limit={limit}{state}"))
    }

    /// One word to a job, or to the queue.
    fn word(&self, job: Option<&str>, word: &str) -> Result<Value, Failure> {
        let path = match job {
            Some(id) => format!("jobs/{}/{word}", encoded(id)),
            None => format!("queue/{word}"),
        };
        let url = self.url(&path);
        self.read(&url, self.agent.post(&url).send_empty())
    }

    fn get(&self, path: &str) -> Result<Value, Failure> {
        let url = self.url(path);
        self.read(&url, self.agent.get(&url).call())
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base)
    }

    /// Sorts an answer by who can mend it.
    fn read(
        &self,
        url: &str,
        answer: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<Value, Failure> {
        let away = |error: ureq::Error| Failure::Io(format!("{url} does not answer: {error}"));
        let mut answer = answer.map_err(away)?;
        let status = answer.status().as_u16();
        let body = answer.body_mut().read_to_string().map_err(away)?;
        let found: Value = serde_json::from_str(&body).unwrap_or(Value::Null);
        let detail = found["detail"].as_str().map_or_else(
            || format!("{url} is answered with {status}: is it a Reelpack server?"),
            str::to_owned,
        );
        match status {
            200..=299 if found.is_object() => Ok(found),
            404 => Err(Failure::Input(detail)),
            400..=499 => Err(Failure::Usage(advice(status, &detail, &self.base))),
            _ => Err(Failure::Io(detail)),
        }
    }
}

/// An id as a part of a path: what no id holds is escaped, and found by nobody.
fn encoded(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}

/// Jobs as lines of a table.
fn table(answer: &Value) -> String {
    let mut text = format!(
        "{:<31}{:<11}{:>9}  {:<21}{}\n",
        "JOB", "STATE", "PROGRESS", "CREATED", "ERROR"
    );
    for job in answer["data"].as_array().into_iter().flatten() {
        let progress = job["progress"].as_f64().unwrap_or_default() * 100.0;
        let word = |name: &str| job[name].as_str().unwrap_or_default();
        let line = format!(
            "{:<31}{:<11}{progress:>8.0}%  {:<21}{}",
            word("id"),
            word("state"),
            word("created_at").split('.').next().unwrap_or_default(),
            word("error"),
        );
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// One thing as lines of names and values.
fn details(answer: &Value) -> String {
    let empty = Map::new();
    let fields = answer.as_object().unwrap_or(&empty);
    let mut text = String::new();
    for (name, value) in fields.iter().filter(|(_, value)| !value.is_null()) {
        let value = value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<16}{value}");
    }
    text
}
