//! `reelpack serve`: flags in, a running server out.

mod limits;

use crate::database::DatabaseArgs;
use crate::failure::Failure;
use crate::storage::StorageArgs;
use crate::{text, urls};
use clap::Args;
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::path::PathBuf;

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
copies of the database. Nobody logs in yet: whoever reaches the address has everything, keys included.

Exit codes: 0 ended by SIGINT or SIGTERM · 2 wrong usage · 74 the address, the data folder or the
database cannot be used.";

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
    /// Folder of the embedded database, the sources, the packages and the key file [default:
    /// $XDG_DATA_HOME/reelpack, else ~/.local/share/reelpack].
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    #[command(flatten)]
    database: DatabaseArgs,
    /// What links and licence URLs begin with; the Host of each request unless given.
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// How many packagings run at once; with 0, orders wait for `reelpack worker` [default: the number of cores].
    #[arg(long, value_name = "N")]
    workers: Option<usize>,
    #[command(flatten)]
    limits: limits::LimitArgs,
    #[command(flatten)]
    storage: StorageArgs,
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
    for address in [Some(args.listen), args.media_listen].into_iter().flatten() {
        if !address.ip().is_loopback() {
            text::warn(&format!(
                "{address} is open to other machines, and nobody has to log in; \
                 whoever reaches it has every video and every key"
            ));
        }
    }
    let data_dir = match &args.data_dir {
        Some(dir) => dir.clone(),
        None => default_data_dir()?,
    };
    server::serve(server::Config {
        listen: args.listen,
        media_listen: args.media_listen,
        data_dir,
        database: args.database.url()?,
        storage: args.storage.config(),
        public_url,
        workers: args.workers.unwrap_or_else(cores),
        uploads: args.limits.limits(),
    })
    .map_err(|error| Failure::Io(error.to_string()))
}

fn cores() -> usize {
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
