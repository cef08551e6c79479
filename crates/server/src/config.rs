//! What a server needs to know to start.

use std::net::SocketAddr;
use std::path::PathBuf;

/// Configuration of a server; the command line makes it from its flags.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the page, the API and the media are served.
    pub listen: SocketAddr,
    /// Where the media alone are served besides, for old links (`/CODE/dash/stream.mpd`).
    pub media_listen: Option<SocketAddr>,
    /// Holds the database, the storage and the key file.
    pub data_dir: PathBuf,
    /// What links and licence URLs begin with; else the request's `Host`.
    pub public_url: Option<String>,
    /// How many packagings run at once.
    pub workers: usize,
}
