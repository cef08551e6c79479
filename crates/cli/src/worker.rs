//! `reelpack worker`: workers without a server.

use crate::failure::Failure;
use crate::serve::{PlaceArgs, cores};
use clap::Args;
use std::num::NonZeroUsize;

const EXAMPLES: &str = "\
Examples:
  reelpack serve --workers 0 --data-dir /srv/reelpack
  reelpack worker --data-dir /srv/reelpack --workers 4
      a server that packages nothing, and a process beside it that does
  reelpack worker --database-url-file db.url --storage s3://bucket/reelpack --key-file content-keys.key
      the same on another machine, with the database, the storage and the key file of the server

Any number of them may run beside a server. With the embedded database they run on its machine and share its data folder.
SIGINT or SIGTERM: running jobs are handed back at once, then it ends.

Exit codes: 0 ended by SIGINT or SIGTERM · 2 wrong usage · 74 the data folder cannot be used, or a second signal ended
it at once.";

/// Take jobs from the queue of a server, and serve nothing.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct WorkerArgs {
    #[command(flatten)]
    place: PlaceArgs,
    /// How many packagings run at once [default: the number of cores].
    #[arg(long, value_name = "N")]
    workers: Option<NonZeroUsize>,
}

/// Works until SIGINT or SIGTERM.
///
/// # Errors
/// [`Failure::Usage`] for flags, [`Failure::Io`] when the workers cannot start.
pub fn run(args: &WorkerArgs) -> Result<(), Failure> {
    server::serve(server::Config {
        workers: args.workers.map_or_else(cores, NonZeroUsize::get),
        ..args.place.config()?
    })
    .map_err(|error| Failure::Io(error.to_string()))
}
