//! `reelpack scrub`: compares what is kept with what was written.

use crate::failure::Failure;
use crate::place::{PlaceArgs, line};
use crate::text;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  reelpack scrub
      reads everything below the default data folder, beside a server that may run
  reelpack scrub --storage s3://films/reel --json
      the same in a bucket, for a program

Exit codes: 0 everything is as it was written · 1 something is missing or altered · 2 wrong usage ·
74 the database or the storage cannot be used.";

/// Find objects of the storage that are missing or altered, by the hashes recorded when they were written.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ScrubArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Scrubs and reports on stdout.
///
/// # Errors
/// [`Failure::Verdict`] when something is not as it was written, [`Failure::Io`] when nobody can say.
pub fn run(args: &ScrubArgs) -> Result<(), Failure> {
    let report = server::scrub(&args.place.place()?);
    let report = report.map_err(|error| Failure::Io(error.to_string()))?;
    if args.json {
        text::print_json(&report)?;
    } else {
        for fault in &report.faults {
            line(&format!("{} ({}): {}", fault.key, fault.of, fault.what))?;
        }
        for package in &report.unrecorded {
            line(&format!(
                "{package}: an older version made it and recorded no hashes; package it anew"
            ))?;
        }
        line(&format!(
            "{} objects, {} bytes read: {} faults",
            report.objects,
            report.bytes,
            report.faults.len()
        ))?;
    }
    match report.faults.is_empty() {
        true => Ok(()),
        false => Err(Failure::Verdict),
    }
}
