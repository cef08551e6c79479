//! Where a server keeps what it has, for the commands that look after it.

use crate::database::DatabaseArgs;
use crate::failure::Failure;
use crate::storage::StoreArgs;
use crate::{serve, text};
use clap::Args;
use server::{Catalogue, Place};
use std::path::PathBuf;

/// The flags by which the server itself was told where its catalogue is.
#[derive(Args)]
pub struct CatalogueArgs {
    /// The server's data folder [default: $XDG_DATA_HOME/reelpack, else ~/.local/share/reelpack].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
}

/// The flags by which the server itself was told where all that it has is.
#[derive(Args)]
pub struct PlaceArgs {
    #[command(flatten)]
    catalogue: CatalogueArgs,
    #[command(flatten)]
    store: StoreArgs,
}

impl CatalogueArgs {
    /// Reads the flags.
    ///
    /// # Errors
    /// As [`PlaceArgs::place`].
    pub fn catalogue(&self) -> Result<Catalogue, Failure> {
        Ok(Catalogue {
            data_dir: match &self.data_dir {
                Some(dir) => dir.clone(),
                None => serve::default_data_dir()?,
            },
            database: self.database.url()?,
        })
    }
}

impl PlaceArgs {
    /// Reads the flags.
    ///
    /// # Errors
    /// [`Failure::Usage`] for what cannot be used, [`Failure::Io`] for a file that cannot be read.
    pub fn place(&self) -> Result<Place, Failure> {
        let catalogue = self.catalogue.catalogue()?;
        Ok(Place {
            data_dir: catalogue.data_dir,
            database: catalogue.database,
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
