//! `reelpack doctor`: what a server needs, what is wrong with it, and what to do.

use crate::failure::Failure;
use crate::place::line;
use crate::serve::PlaceArgs;
use crate::text;
use clap::Args;

const EXAMPLES: &str = "\
Examples:
  reelpack doctor --data-dir /srv/reelpack
      beside a server that runs, or before the first start

Exit codes: 0 all is well · 1 something is wrong · 2 wrong usage · 74 nobody can say.";

/// Look at ffmpeg, its confinement, the clock, the disk, the storage, the database, the key file and stuck jobs.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct DoctorArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// Write the report as JSON.
    #[arg(long)]
    json: bool,
}

/// Looks and reports on stdout.
///
/// # Errors
/// [`Failure::Verdict`] when something is wrong, [`Failure::Io`] when nobody can say.
pub fn run(args: &DoctorArgs) -> Result<(), Failure> {
    let findings = server::doctor(&args.place.config()?);
    let findings = findings.map_err(|error| Failure::Io(error.to_string()))?;
    if args.json {
        text::print_json(&findings)?;
    } else {
        for finding in &findings {
            let word = if finding.good { "ok" } else { "WRONG" };
            line(&format!("{word:<5} {}: {}", finding.name, finding.found))?;
            if let Some(remedy) = &finding.remedy {
                line(&format!("      → {remedy}"))?;
            }
        }
    }
    match findings.iter().all(|finding| finding.good) {
        true => Ok(()),
        false => Err(Failure::Verdict),
    }
}
