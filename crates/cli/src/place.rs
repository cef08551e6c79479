//! Where a server keeps what it has, for the commands that look after it.

use crate::database::DatabaseArgs;
use crate::failure::Failure;
use crate::storage::StoreArgs;
use crate::{serve, text};
use clap::Args;
use server::Place;
use std::path::PathBuf;

/// The flags by which the server itself was told.
#[derive(Args)]
pub struct PlaceArgs {
    /// The server's data folder [default: $XDG_DATA_HOME/reelpack, else ~/.local/share/reelpack].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    store: StoreArgs,
}

impl PlaceArgs {
    /// Reads the flags.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what cannot be used, [`Failure::Io`] for a file that cannot be read.
    pub fn place(&self) -> Result<Place, Failure> {
        Ok(Place {
            data_dir: match &self.data_dir {
                Some(dir) => dir.clone(),
                None => serve::default_data_dir()?,
            },
            database: self.database.url()?,
            storage: self.store.config(),
        })
    }
}

/// Writes a line of a result to stdout.
///
/// # Errors
/// As [`text::print`].
pub fn line(result: &str) -> Result<(), Failure> {
    text::print(format!("{}\n", text::printable(result)).as_bytes())
}
