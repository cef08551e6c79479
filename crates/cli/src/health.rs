//! `reelpack health`: whether a server is ready, for containers and supervisors that have no other client.

use crate::client;
use crate::failure::Failure;
use crate::place::line;
use crate::urls;
use clap::Args;
use serde::Deserialize;
use std::time::Duration;

/// Longer than the checks of a server may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a server says that has no administrator yet.
const NOT_SET_UP: &str = "not_set_up";
const MAX_ANSWER: u64 = 64 << 10;

/// Ask a server whether it is ready; say what is not.
#[derive(Args)]
#[command(
    after_help = "Exit codes: 0 it is ready · 1 it is not · 2 wrong usage · 74 it does not answer."
)]
pub struct HealthArgs {
    /// The address of the server.
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:5000")]
    url: String,
}

#[derive(Deserialize)]
struct Readiness {
    ready: bool,
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
}

#[derive(Deserialize)]
struct Check {
    name: String,
    problem: Option<String>,
}

/// Asks, and says what is wrong on stdout.
///
/// # Errors
/// [`Failure::Verdict`] when the server is not ready, [`Failure::Io`] when it does not answer.
pub fn run(args: &HealthArgs) -> Result<(), Failure> {
    let base = urls::base("URL", &args.url)?;
    let failed = |error: &dyn std::fmt::Display| Failure::Io(format!("{base}/readyz: {error}"));
    let agent = client::agent(base.starts_with("https:"), PATIENCE);
    let answer = agent.get(format!("{base}/readyz")).call();
    let mut answer = answer.map_err(|error| failed(&error))?;
    let body = answer
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER)
        .read_to_vec();
    let body = body.map_err(|error| failed(&error))?;
    if let Ok(Problem { code }) = serde_json::from_slice(&body)
        && code == NOT_SET_UP
    {
        // It does all that it can do: somebody has to come and make the first administrator.
        return line("it waits to be set up");
    }
    let said: Readiness = serde_json::from_slice(&body).map_err(|error| failed(&error))?;
    for check in said.checks {
        if let Some(problem) = check.problem {
            line(&format!("{}: {problem}", check.name))?;
        }
    }
    match said.ready {
        true => line("ready"),
        false => Err(Failure::Verdict),
    }
}
