//! Where settings come from: flags, else the environment, else a file, else the defaults.
//!
//! The flags of a subcommand are the one table of its settings: `--data-dir` is `REELPACK_DATA_DIR` in the environment and
//! `data_dir` in the file. In: the words of the command line. Out: the values that hold, and which of them a file gave.

use crate::failure::Failure;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// What all variables of the environment begin with.
const PREFIX: &str = "REELPACK_";
/// The setting that names the file.
const CONFIG: &str = "config";
/// Subcommands that have settings.
const WITH_SETTINGS: [&str; 3] = ["serve", "worker", "config"];
/// Settings that may hold a secret, and what to use in their place: neither environment nor file may have them.
const SECRETS: [(&str, &str); 1] = [("database_url", "database_url_file")];
/// How alike two names are that are taken for the same, from 0 to 1.
const ALIKE: f64 = 0.8;

/// The values of a file, by the names of settings.
#[derive(Debug, Default)]
pub struct FileSettings {
    /// Where they are from.
    pub path: Option<PathBuf>,
    values: BTreeMap<String, Vec<String>>,
}

impl FileSettings {
    /// Whether the file has a setting.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }
}

/// Whether a setting may hold a secret.
pub fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|(secret, _)| *secret == name)
}

/// The variable of the environment that has a setting.
pub fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase())
}

/// The settings of a command: its flags that take part in the layers.
pub fn of(command: &Command) -> impl Iterator<Item = &Arg> {
    let names = ["help", "version", "quiet", CONFIG];
    let arguments = command.get_arguments();
    arguments.filter(move |arg| !names.contains(&arg.get_id().as_str()))
}

/// Reads the command line over the environment and the file.
///
/// # Errors
/// [`Failure::Usage`] for what the environment or the file has that cannot be, [`Failure::Io`] for a file that cannot be read.
/// What is wrong with the command line itself ends the process, as does `--help`.
pub fn matches(
    command: Command,
    words: &[OsString],
) -> Result<(ArgMatches, FileSettings), Failure> {
    let mut words_after = words.iter().skip(1).filter_map(|word| word.to_str());
    let subcommand = words_after.find(|word| !word.starts_with('-'));
    if !subcommand.is_some_and(|name| WITH_SETTINGS.contains(&name)) {
        return Ok((command.get_matches_from(words), FileSettings::default()));
    }
    let file = match named(words) {
        Some(path) => read(&path, &command)?,
        None => FileSettings::default(),
    };
    check_environment(&command)?;
    let command = with_layers(command, &file);
    Ok((command.get_matches_from(words), file))
}

/// Gives the subcommands their layers below the flags.
fn with_layers(command: Command, file: &FileSettings) -> Command {
    let layered = |command: Command| {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .env(variable(CONFIG))
            .hide_env_values(true)
            .display_order(0)
            .help("A file of settings (TOML), which flags and the environment go before; docs/configuration.md");
        let command = command.mut_args(|arg| below(arg, file));
        command.arg(config)
    };
    command
        .mut_subcommand("serve", layered)
        .mut_subcommand("worker", layered)
        .mut_subcommand("config", |config| config.mut_subcommand("show", layered))
}

/// One flag with its variable, and with the value of the file as its default.
fn below(arg: Arg, file: &FileSettings) -> Arg {
    let name = arg.get_id().to_string();
    if ["help", "version", "quiet"].contains(&name.as_str()) || is_secret(&name) {
        return arg;
    }
    let arg = arg.env(variable(&name)).hide_env_values(true);
    let arg = match arg.get_action() {
        ArgAction::Append => arg.value_delimiter(','),
        _ => arg,
    };
    match file.values.get(&name) {
        Some(values) => arg.default_values(values.clone()),
        None => arg,
    }
}

/// The file that the command line or the environment names.
fn named(words: &[OsString]) -> Option<PathBuf> {
    let flag = format!("--{CONFIG}");
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if *word == *flag {
            return words.next().map(PathBuf::from);
        }
        let text = word.to_str().and_then(|word| word.strip_prefix(&flag));
        if let Some(path) = text.and_then(|rest| rest.strip_prefix('=')) {
            return Some(path.into());
        }
    }
    std::env::var_os(variable(CONFIG)).map(PathBuf::from)
}

fn read(path: &Path, command: &Command) -> Result<FileSettings, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| Failure::io("read", path, &error))?;
    let wrong = |what: String| Failure::Usage(format!("{}: {what}", path.display()));
    let table: Table = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut values = BTreeMap::new();
    for (name, value) in &table {
        let arg = setting(command, name).ok_or_else(|| wrong(unknown(command, name)))?;
        if let Some((_, instead)) = SECRETS.iter().find(|(secret, _)| secret == name) {
            return Err(wrong(format!(
                "{name} may hold a password; write it into a file of its own and name that one with {instead}"
            )));
        }
        let texts = texts(value, arg).map_err(|what| wrong(format!("{name} {what}")))?;
        check(arg, &texts).map_err(|what| wrong(format!("{name}: {what}")))?;
        values.insert(name.clone(), texts);
    }
    Ok(FileSettings {
        path: Some(path.to_owned()),
        values,
    })
}

/// A setting of `serve` or of `worker`, by its name.
fn setting<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    all(command).find(|arg| arg.get_id() == name)
}

fn all(command: &Command) -> impl Iterator<Item = &Arg> {
    let subcommands = ["serve", "worker"].iter();
    subcommands
        .filter_map(|name| command.find_subcommand(name))
        .flat_map(of)
}

fn unknown(command: &Command, name: &str) -> String {
    let known = all(command).map(|arg| arg.get_id().as_str());
    let likeness = known.map(|known| (strsim::jaro_winkler(known, &name.replace('-', "_")), known));
    let best = likeness.max_by(|a, b| a.0.total_cmp(&b.0));
    match best {
        Some((likeness, known)) if likeness >= ALIKE => {
            format!("there is no setting {name:?}; did you mean {known}?")
        }
        _ => format!("there is no setting {name:?}; `reelpack config show` lists them"),
    }
}

/// A value as it would be written on the command line.
fn texts(value: &Value, arg: &Arg) -> Result<Vec<String>, &'static str> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(number) => Ok(number.to_string()),
        Value::Boolean(truth) => Ok(truth.to_string()),
        _ => Err("must be a text, a number, true or false"),
    };
    match (value, arg.get_action()) {
        (Value::Array(values), ArgAction::Append) => values.iter().map(one).collect(),
        (Value::Array(_), _) => Err("takes one value, not a list"),
        (value, _) => Ok(vec![one(value)?]),
    }
}

/// Whether a setting takes these values: what its flag says of them.
fn check(arg: &Arg, values: &[String]) -> Result<(), String> {
    let arg = arg.clone().default_values(values.to_vec());
    let id = arg.get_id().to_string();
    // A flag alone: without the others, and without what it requires of them.
    let alone = Command::new(id).arg(arg).no_binary_name(true);
    match alone.try_get_matches_from(std::iter::empty::<OsString>()) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => Ok(()),
        Err(error) => {
            let text = error.to_string();
            let first = text.lines().next().unwrap_or_default();
            Err(first.trim_start_matches("error: ").to_owned())
        }
    }
}

/// Looks at the variables before clap does, which would name the flag instead.
fn check_environment(command: &Command) -> Result<(), Failure> {
    for (secret, instead) in SECRETS {
        let (name, instead) = (variable(secret), variable(instead));
        if std::env::var_os(&name).is_some() {
            return Err(Failure::Usage(format!(
                "{name} may hold a password, and the environment is seen by child processes; write it into a file and name \
                 that one with {instead}"
            )));
        }
    }
    for arg in all(command).filter(|arg| !is_secret(arg.get_id().as_str())) {
        let name = variable(arg.get_id().as_str());
        let Some(value) = std::env::var_os(&name) else {
            continue;
        };
        let wrong = |what: &str| Failure::Usage(format!("{name}: {what}"));
        let value = value.into_string().map_err(|_| wrong("it is no UTF-8"))?;
        let values = match arg.get_action() {
            ArgAction::Append => value.split(',').map(str::to_owned).collect(),
            _ => vec![value],
        };
        check(arg, &values).map_err(|what| wrong(&what))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");

    /// The table of the document, as the flags have it.
    fn table(command: &Command) -> String {
        let mut rows: BTreeMap<&str, (&Arg, String)> = BTreeMap::new();
        for (subcommand, letter) in [("serve", "S"), ("worker", "W")] {
            let subcommand = command.find_subcommand(subcommand).unwrap();
            for arg in of(subcommand) {
                let row = rows.entry(arg.get_id().as_str());
                row.or_insert((arg, String::new())).1.push_str(letter);
            }
        }
        let mut lines = "| setting | for | default | |\n|---|---|---|---|\n".to_owned();
        for (name, (arg, letters)) in rows {
            let defaults: Vec<_> = arg.get_default_values().iter().collect();
            let default = match (defaults.as_slice(), arg.get_action()) {
                ([], _) | (_, ArgAction::SetTrue) => String::new(),
                (values, _) => format!("`{}`", values[0].to_string_lossy()),
            };
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let help = help.replace('|', "\\|").replace(['<', '>'], "");
            lines.push_str(&format!("| `{name}` | {letters} | {default} | {help} |\n"));
        }
        lines
    }

    #[test]
    fn the_document_has_every_setting() {
        let text = std::fs::read_to_string(DOCUMENT).unwrap();
        let (before, rest) = text.split_once("<!-- table -->\n").unwrap();
        let (_, after) = rest.split_once("<!-- end -->").unwrap();
        let table = table(&crate::Cli::command());
        let wanted = format!("{before}<!-- table -->\n{table}<!-- end -->{after}");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(DOCUMENT, &wanted).unwrap();
            return;
        }
        assert_eq!(text, wanted, "run it again with UPDATE_GOLDEN=1");
    }

    #[test]
    fn names_that_are_none_bring_the_one_that_was_meant() {
        let command = crate::Cli::command();
        for (name, hint) in [
            ("data-dir", "did you mean data_dir?"),
            ("datadir", "did you mean data_dir?"),
            ("max_uploads", "did you mean max_upload?"),
            ("colour", "config show"),
        ] {
            let text = unknown(&command, name);
            assert!(text.contains(name) && text.contains(hint), "{text}");
        }
    }
}
