//! `reelpack rotate-key`: another key in the key file.

use crate::failure::Failure;
use crate::place::{PlaceArgs, line};
use clap::Args;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  reelpack rotate-key --data-dir /srv/reelpack
      a new key becomes the first line of the key file, and every content key is wrapped under it
  reelpack rotate-key --data-dir /srv/reelpack --forget-old
      afterwards: the old key goes from the file

Servers and workers may run: they read a file that changed again. Those of other machines have copies of the file: give them the new
one before --forget-old. Ended anywhere, it can be run again, and goes on. Playback tokens that the old key signed are good until it
is forgotten. Keep a copy of the new file, and the old one as long as backups need it.

Exit codes: 0 done · 2 wrong usage · 74 it could not be done; no content key is lost.";

/// Wrap the content keys under another key, while servers run.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct RotateKeyArgs {
    /// Leave nothing in the key file but its first key.
    #[arg(long)]
    forget_old: bool,
    /// The key file [default: content-keys.key in the data folder].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Rotates, and reports on stdout.
///
/// # Errors
/// [`Failure::Io`] when it could not be done.
pub fn run(args: &RotateKeyArgs) -> Result<(), Failure> {
    let place = args.place.place()?;
    let report = server::rotate_key(&place, args.key_file.as_deref(), args.forget_old);
    let report = report.map_err(|error| Failure::Io(error.to_string()))?;
    let file = match (report.made, report.keys_in_file) {
        (true, _) => "a new key is the first of the key file",
        (false, 1) => "the key file has one key",
        (false, _) => "the key file had several keys already",
    };
    let next = match report.keys_in_file {
        1 => "",
        _ => "; --forget-old takes the old ones away",
    };
    line(&format!(
        "{file}; {} content keys were wrapped anew{next}",
        report.rewrapped
    ))
}
