//! `reelpack serve`: flags in, a running server out.

mod access;
mod limits;
mod serving;
mod webhooks;

use crate::database::DatabaseArgs;
use crate::failure::Failure;
use crate::ladder::LadderArg;
use crate::storage::StorageArgs;
use crate::telemetry::TelemetryArgs;
use crate::tools::ToolArgs;
use crate::urls;
use clap::Args;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  reelpack serve
      the page at http://127.0.0.1:5000
  reelpack serve --data-dir /srv/reelpack --public-url https://video.example
      behind a reverse proxy
  reelpack serve --media-listen 127.0.0.1:8080
      old links to media keep working
  reelpack serve --database-url-file /etc/reelpack/database-url
      the catalogue in PostgreSQL or MySQL: the file holds postgres://USER:PASSWORD@HOST/DATABASE

Content keys are stored encrypted under DATA-DIR/content-keys.key: keep a copy of that file, apart from the
copies of the database. On loopback nobody has to log in. On any other address access is closed: open /setup and enter
the set-up token that the server writes when it starts. --access open is for networks where everybody may do everything.

SIGINT or SIGTERM: /readyz answers 503, running jobs are handed back, requests under way are answered, then it ends.

Exit codes: 0 ended by SIGINT or SIGTERM · 2 wrong usage · 74 the address, the data folder or the
database cannot be used, or a second signal ended it at once.";

/// Serve the page, the HTTP API, the packages and the licences.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ServeArgs {
    /// Address of the page, the API and the media; port 0 takes a free one.
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:5000", value_parser = address)]
    listen: SocketAddr,
    /// A second address for media alone, as old links want it.
    #[arg(long, value_name = "HOST:PORT", value_parser = address)]
    media_listen: Option<SocketAddr>,
    #[command(flatten)]
    place: PlaceArgs,
    /// What links and licence URLs begin with; the Host of each request unless given.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// How many packagings run at once; with 0, orders wait for `reelpack worker` [default: the number of cores].
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    #[command(flatten)]
    access: access::AccessArgs,
    /// Renditions of packages whose order does not say which: none, auto (those that fit the video), or a FILE that says which
    /// (docs/ladder.md).
    #[arg(long, value_name = "none|auto|FILE", default_value = "none")]
    ladder: LadderArg,
    #[command(flatten)]
    limits: limits::LimitArgs,
    #[command(flatten)]
    webhooks: webhooks::WebhookArgs,
    #[command(flatten)]
    serving: serving::ServingArgs,
}

/// Where a server and its workers keep what they share.
#[derive(Args)]
pub struct PlaceArgs {
    /// Folder of the embedded database, the sources, the packages and the key file [default:
    /// $XDG_DATA_HOME/reelpack, else ~/.local/share/reelpack].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// File under which content keys are wrapped [default: content-keys.key in the data folder].
    #[arg(long, value_name = "FILE")]
    key_file: Option<PathBuf>,
    #[command(flatten)]
    storage: StorageArgs,
    #[command(flatten)]
    tools: ToolArgs,
    #[command(flatten)]
    telemetry: TelemetryArgs,
}

/// Serves until SIGINT or SIGTERM.
///
/// # Errors
/// [`Failure::Usage`] for flags, [`Failure::Io`] when the server cannot start or stops.
pub fn run(args: &ServeArgs) -> Result<(), Failure> {
    let public_url = match &args.public_url {
        Some(text) => Some(urls::base("--public-url", text)?),
        None => None,
    };
    let addresses: Vec<SocketAddr> = [Some(args.listen), args.media_listen]
        .into_iter()
        .flatten()
        .collect();
    args.access.warn(&addresses, public_url.as_deref());
    server::serve(server::Config {
        listen: Some(args.listen),
        media_listen: args.media_listen,
        public_url,
        workers: args.workers.unwrap_or_else(cores),
        access: args.access.control(),
        names: args.access.names(),
        ladder: args.ladder.text()?,
        uploads: args.limits.limits(),
        webhooks: args.webhooks.config(),
        serving: args.serving.config()?,
        ..args.place.config()?
    })
    .map_err(|error| Failure::Io(error.to_string()))
}

impl PlaceArgs {
    /// A configuration of workers alone.
    ///
    /// # Errors
    /// [`Failure::Usage`] when no data folder is named, and none can be guessed.
    pub fn config(&self) -> Result<server::Config, Failure> {
        let data_dir = match &self.data_dir {
            Some(dir) => dir.clone(),
            None => default_data_dir()?,
        };
        Ok(server::Config {
            listen: None,
            media_listen: None,
            data_dir,
            database: self.database.url()?,
            storage: self.storage.config(),
            public_url: None,
            access: None,
            names: Vec::new(),
            key_file: self.key_file.clone(),
            workers: cores(),
            ladder: None,
            first_pause: Duration::from_secs(1),
            uploads: server::UploadLimits::default(),
            webhooks: server::WebhookConfig::default(),
            serving: server::ServingConfig::default(),
            telemetry: self.telemetry.config(),
            tools: self.tools.tools()?,
        })
    }
}

/// How many packagings run at once unless somebody says.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The folder of the XDG Base Directory Specification: a relative `XDG_DATA_HOME` is to be ignored.
///
/// # Errors
/// [`Failure::Usage`] when neither it nor `HOME` is set.
pub fn default_data_dir() -> Result<PathBuf, Failure> {
    let absolute = |name: &str| {
        let path = std::env::var_os(name).map(PathBuf::from);
        path.filter(|path| path.is_absolute())
    };
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("reelpack"))
        .ok_or_else(|| {
            Failure::Usage(
                "neither XDG_DATA_HOME nor HOME is set; name a folder with --data-dir".into(),
            )
        })
}

/// Reads `HOST:PORT`; a name becomes its first address.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    text.to_socket_addrs()
        .ok()
        .and_then(|mut addresses| addresses.next())
        .ok_or_else(|| "not an address; write HOST:PORT, such as 127.0.0.1:5000".into())
}
