//! Who may come in: whether one has to log in, who is known, and by which secrets.

mod attempts;
mod caller;
pub(crate) mod issue;
pub(crate) mod password;
pub(crate) mod playback;
mod policies;
pub(crate) mod rules;
mod scope;
pub(crate) mod secret;
mod tenant;

pub(crate) use attempts::{Reached, network};
pub(crate) use caller::Caller;
pub(crate) use scope::Scope;
pub(crate) use tenant::Tenant;

use crate::config::Config;
use crate::db::{self, Database};
use crate::http::{Addresses, Hosts};
use attempts::Attempts;
use policies::Policies;
use secret::Secret;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether one has to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessControl {
    /// Whoever reaches the server may do everything: on loopback, or in a network that is trusted.
    Open,
    /// Programs send a token, people log in.
    Closed,
}

impl AccessControl {
    /// What holds for these addresses unless somebody says otherwise: open on loopback alone.
    pub fn of_addresses(addresses: impl IntoIterator<Item = SocketAddr>) -> Self {
        let here = |address: SocketAddr| address.ip().to_canonical().is_loopback();
        match addresses.into_iter().all(here) {
            true => Self::Open,
            false => Self::Closed,
        }
    }
}

/// What is known of who may come in.
#[derive(Debug)]
pub(crate) struct Access {
    control: AccessControl,
    /// The names under which this server may be asked.
    pub(crate) hosts: Hosts,
    /// Attempts to log in.
    pub(crate) attempts: Attempts,
    /// Who may play what.
    pub(crate) policies: Policies,
    /// What makes the first administrator, once.
    set_up_token: Secret,
    /// Whether there is one. Once there is, that stays.
    is_set_up: AtomicBool,
}

impl Access {
    /// Reads the configuration; `public_url` is checked already.
    ///
    /// # Errors
    /// When the operating system has no randomness.
    pub(crate) fn new(config: &Config, public_url: Option<&str>) -> std::io::Result<Self> {
        let listens = || [config.listen, config.media_listen].into_iter().flatten();
        let by_address = AccessControl::of_addresses(listens());
        let control = config.access.unwrap_or(by_address);
        let addresses = match (control, by_address) {
            (AccessControl::Closed, _) => Addresses::Any,
            (AccessControl::Open, AccessControl::Open) => Addresses::Loopback,
            (AccessControl::Open, AccessControl::Closed) => Addresses::Numbers,
        };
        Ok(Self {
            control,
            hosts: Hosts::new(addresses, public_url, &config.names),
            attempts: Attempts::default(),
            policies: Policies::default(),
            set_up_token: Secret::make("setup")?,
            is_set_up: AtomicBool::new(false),
        })
    }

    /// Whether nobody has to log in.
    pub(crate) fn is_open(&self) -> bool {
        self.control == AccessControl::Open
    }

    /// Whether there is an administrator.
    ///
    /// # Errors
    /// When the catalogue does not answer.
    pub(crate) async fn is_set_up(&self, db: &Database) -> db::Result<bool> {
        if !self.is_set_up.load(Ordering::Acquire) && db.has_accounts().await? {
            self.is_set_up.store(true, Ordering::Release);
        }
        Ok(self.is_set_up.load(Ordering::Acquire))
    }

    /// What makes the first administrator; for the console alone.
    pub(crate) fn set_up_token(&self) -> &str {
        self.set_up_token.text()
    }

    /// Whether somebody has seen the console. Hashes are compared, so that the time tells nothing of the token.
    pub(crate) fn is_set_up_token(&self, text: &str) -> bool {
        secret::hash(text).is_some_and(|hash| hash == self.set_up_token.hash())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_alone_is_open() {
        for (addresses, control) in [
            (&["127.0.0.1:1"][..], AccessControl::Open),
            (&["[::1]:1", "127.9.9.9:2"], AccessControl::Open),
            (&["[::ffff:127.0.0.1]:1"], AccessControl::Open),
            (&["0.0.0.0:1"], AccessControl::Closed),
            (&["[::]:1"], AccessControl::Closed),
            (&["127.0.0.1:1", "192.0.2.1:2"], AccessControl::Closed),
        ] {
            let parsed = addresses
                .iter()
                .map(|text| text.parse().expect("an address"));
            assert_eq!(
                AccessControl::of_addresses(parsed),
                control,
                "{addresses:?}"
            );
        }
    }
}
