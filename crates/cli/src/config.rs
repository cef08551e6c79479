//! `reelpack config show`: the settings of a server, and where each comes from.

use crate::failure::Failure;
use crate::serve::ServeArgs;
use crate::settings::{self, FileSettings};
use crate::text;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, Subcommand};
use std::fmt::Write;

const EXAMPLES: &str = "\
Examples:
  reelpack config show --config /etc/reelpack.toml
      what a server would run with, and which of it the file says

The output is a file of settings itself. What may hold a secret is shown as \"…\".

Exit codes: 0 shown · 2 something cannot be used; the text says what and where · 74 the file cannot be read.";

/// Look at the settings of a server.
#[derive(Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Show every setting of `reelpack serve`, and where it comes from: a flag, the environment, the file, or the default.
    #[command(after_help = EXAMPLES)]
    Show(Box<ServeArgs>),
}

/// Shows the settings.
///
/// # Errors
/// [`Failure::Io`] when stdout cannot be written to.
pub fn run(
    args: &ConfigArgs,
    command: &Command,
    matches: &ArgMatches,
    file: &FileSettings,
) -> Result<(), Failure> {
    let Action::Show(_) = &args.action;
    let show = matches
        .subcommand_matches("config")
        .and_then(|config| config.subcommand_matches("show"));
    let serve = command.find_subcommand("serve");
    let (Some(show), Some(serve)) = (show, serve) else {
        return Err(Failure::Internal("the settings are not to be found".into()));
    };
    text::print(listed(serve, show, file).as_bytes())
}

fn listed(serve: &Command, matches: &ArgMatches, file: &FileSettings) -> String {
    let mut lines = String::new();
    for arg in settings::of(serve) {
        let name = arg.get_id().as_str();
        let source = match matches.value_source(name) {
            Some(ValueSource::CommandLine) => format!("flag --{}", name.replace('_', "-")),
            Some(ValueSource::EnvVariable) => format!("environment {}", settings::variable(name)),
            Some(_) if file.has(name) => {
                let path = file.path.as_deref().unwrap_or("the file".as_ref());
                format!("file {}", path.display())
            }
            Some(_) => "default".to_owned(),
            None => {
                let _ = writeln!(lines, "# {name} is not set");
                continue;
            }
        };
        let values: Vec<String> = match (settings::is_secret(name), matches.get_raw(name)) {
            (true, _) => vec!["\"…\"".to_owned()],
            (false, raw) => raw
                .into_iter()
                .flatten()
                .map(|value| toml::Value::from(value.to_string_lossy().into_owned()).to_string())
                .collect(),
        };
        let value = match (arg.get_action(), values.as_slice()) {
            (clap::ArgAction::Append, values) => format!("[{}]", values.join(", ")),
            (_, values) => values.join(", "),
        };
        let _ = writeln!(lines, "{name} = {value}  # {source}");
    }
    lines
}
