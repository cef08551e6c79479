//! Who may come in.

use crate::config::Config;
use crate::http::{Addresses, Hosts};

/// What is known of who may come in.
#[derive(Debug)]
pub(crate) struct Access {
    /// The names under which this server may be asked.
    pub(crate) hosts: Hosts,
}

impl Access {
    /// Reads the configuration; `public_url` is checked already.
    pub(crate) fn new(config: &Config, public_url: Option<&str>) -> Self {
        let listens = [config.listen, config.media_listen];
        let here = |address: &std::net::SocketAddr| address.ip().is_loopback();
        let addresses = match listens.iter().flatten().all(here) {
            true => Addresses::Loopback,
            false => Addresses::Any,
        };
        Self {
            hosts: Hosts::new(addresses, public_url),
        }
    }
}
