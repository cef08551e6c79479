//! The flags that say where sources and packages are kept.

use clap::Args;
use server::StorageConfig;
use std::path::PathBuf;
use std::time::Duration;

/// Where sources and packages are kept. Credentials are in the environment (`AWS_ACCESS_KEY_ID` and what else the
/// provider's own tools read) or in a file, never in a flag.
#[derive(Args, Debug)]
pub struct StoreArgs {
    /// Keep sources and packages in an object store: s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX
    /// [default: the data folder].
    #[arg(long, value_name = "URL", help_heading = "Storage")]
    storage: Option<String>,
    /// Address of a service that speaks the provider's protocol, such as http://garage:3900.
    #[arg(
        long,
        value_name = "URL",
        requires = "storage",
        help_heading = "Storage"
    )]
    storage_endpoint: Option<String>,
    /// Region of an S3 bucket.
    #[arg(
        long,
        value_name = "NAME",
        requires = "storage",
        help_heading = "Storage"
    )]
    storage_region: Option<String>,
    /// File with lines NAME=VALUE, named as the provider's environment variables; mode 0600.
    #[arg(
        long,
        value_name = "FILE",
        requires = "storage",
        help_heading = "Storage"
    )]
    storage_credentials_file: Option<PathBuf>,
    /// How long the object store may be silent before a request is tried again.
    #[arg(long, value_name = "SECONDS", default_value = "30",
        value_parser = clap::value_parser!(u64).range(1..=3600), help_heading = "Storage")]
    storage_timeout: u64,
}

/// The storage of a server or a worker, and what is kept in it for how long.
#[derive(Args, Debug)]
pub struct StorageArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Keep what packagings wrote that failed or were cancelled, below work/ in the storage, where nothing is served
    /// from. It is yours to delete.
    #[arg(long, help_heading = "Storage")]
    keep_work: bool,
    /// How long a package that was replaced keeps its files, for those who play it.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "3600",
        help_heading = "Storage"
    )]
    replaced_grace: u64,
}

impl StorageArgs {
    /// What the server needs to know.
    pub fn config(&self) -> StorageConfig {
        StorageConfig {
            keep_work: self.keep_work,
            grace: Duration::from_secs(self.replaced_grace),
            ..self.store.config()
        }
    }
}

impl StoreArgs {
    /// Where the storage is.
    pub fn config(&self) -> StorageConfig {
        StorageConfig {
            url: self.storage.clone(),
            endpoint: self.storage_endpoint.clone(),
            region: self.storage_region.clone(),
            credentials_file: self.storage_credentials_file.clone(),
            timeout: Duration::from_secs(self.storage_timeout),
            ..StorageConfig::default()
        }
    }
}
