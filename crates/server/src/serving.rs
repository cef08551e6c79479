//! How files of packages are served, and what clients may take of the server meanwhile.

use crate::http::TlsFiles;
use ipnet::IpNet;
use std::time::Duration;

/// Settings of the listeners and of what they serve; the command line makes them from its flags.
#[derive(Debug, Clone)]
pub struct ServingConfig {
    /// Bytes of memory for files of packages: half of it keeps those that are often asked for, the rest is on its way.
    pub media_memory: u64,
    /// Origins whose pages may read media and licences; empty for any.
    pub cors_origins: Vec<String>,
    /// The files of the certificate, where the listeners speak TLS.
    pub tls: Option<TlsFiles>,
    /// Networks of proxies whose `X-Forwarded-*` is believed.
    pub trusted_proxies: Vec<IpNet>,
    /// Most connections of a listener at once; who comes later waits.
    pub max_connections: usize,
    /// Most connections of a listener that one address has at once, trusted proxies apart; further ones are ended.
    pub max_connections_per_address: usize,
    /// How long a client may take nothing of an answer.
    pub send_pause: Duration,
}

impl Default for ServingConfig {
    fn default() -> Self {
        Self {
            media_memory: 128 << 20,
            cors_origins: Vec::new(),
            tls: None,
            trusted_proxies: Vec::new(),
            max_connections: 10_000,
            max_connections_per_address: 4_000,
            send_pause: Duration::from_secs(60),
        }
    }
}
