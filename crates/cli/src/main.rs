//! `reelpack`: one binary, many roles. Arguments come in; files, a report on stdout and an exit code go
//! out. Results are on stdout, everything else is on stderr.

mod backup;
mod client;
mod config;
mod database;
mod decrypt;
mod doctor;
mod failure;
mod health;
mod import;
mod input;
mod inspect;
mod interrupt;
mod jobs;
mod keys;
mod ladder;
mod output;
mod package;
mod password;
mod place;
mod progress;
mod push;
mod random;
mod rotate_key;
mod scrub;
mod serve;
mod settings;
mod storage;
mod telemetry;
mod text;
mod token;
mod token_file;
mod tools;
mod urls;
mod user;
mod verify;
mod worker;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use failure::Failure;
use std::process::ExitCode;

const EXIT_CODES: &str = "\
Exit codes: 0 done · 1 a package breaks a requirement (verify) · 2 wrong usage · 65 the input is not usable ·
70 a fault of reelpack · 74 a file could not be read or written.
Results are written to stdout, everything else to stderr.";

/// Packages video as encrypted MPEG-DASH and HLS, and serves it.
#[derive(Parser)]
#[command(name = "reelpack", version, after_help = EXIT_CODES, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Show no progress; warnings and errors are still shown.
    #[arg(short, long, global = true, display_order = 900)]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    Package(Box<package::PackageArgs>),
    Inspect(inspect::InspectArgs),
    Decrypt(decrypt::DecryptArgs),
    Verify(verify::VerifyArgs),
    Worker(worker::WorkerArgs),
    Jobs(jobs::JobsArgs),
    Serve(Box<serve::ServeArgs>),
    Config(config::ConfigArgs),
    Doctor(Box<doctor::DoctorArgs>),
    Health(health::HealthArgs),
    Push(push::PushArgs),
    Token(token::TokenArgs),
    User(user::UserArgs),
    Import(Box<import::ImportArgs>),
    Scrub(scrub::ScrubArgs),
    RotateKey(rotate_key::RotateKeyArgs),
    Backup(backup::BackupArgs),
    Restore(backup::RestoreArgs),
}

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    if words.next().is_some_and(|word| word == tools::HELPER) {
        return transcode::confine::run(words);
    }
    let words: Vec<_> = std::env::args_os().collect();
    let (matches, file) = match settings::matches(Cli::command(), &words) {
        Ok(read) => read,
        Err(failure) => return report(&failure),
    };
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = match cli.command {
        Command::Package(args) => package::run(&args, cli.quiet),
        Command::Inspect(args) => inspect::run(&args),
        Command::Decrypt(args) => decrypt::run(&args, cli.quiet),
        Command::Verify(args) => verify::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Config(args) => config::run(&args, &Cli::command(), &matches, &file),
        Command::Doctor(args) => doctor::run(&args),
        Command::Health(args) => health::run(&args),
        Command::Worker(args) => worker::run(&args),
        Command::Jobs(args) => jobs::run(&args),
        Command::Push(args) => push::run(&args, cli.quiet),
        Command::Token(args) => token::run(&args),
        Command::User(args) => user::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Scrub(args) => scrub::run(&args),
        Command::RotateKey(args) => rotate_key::run(&args),
        Command::Backup(args) => backup::backup(&args),
        Command::Restore(args) => backup::restore(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report(&failure),
    }
}

/// Says what went wrong and gives the exit code for it.
fn report(failure: &Failure) -> ExitCode {
    match failure {
        // The reader has what it wanted (`reelpack inspect … | head -1`).
        Failure::BrokenPipe => ExitCode::SUCCESS,
        // The report has said it.
        Failure::Verdict => ExitCode::from(failure.code()),
        Failure::Interrupted(signal) => {
            text::note("interrupted: nothing was left behind");
            interrupt::die_of(*signal)
        }
        Failure::Usage(message)
        | Failure::Input(message)
        | Failure::Internal(message)
        | Failure::Io(message) => {
            text::note(&format!("error: {message}"));
            ExitCode::from(failure.code())
        }
    }
}
