//! Flags about who may come in.

use crate::text;
use clap::{Args, ValueEnum};
use server::AccessControl;
use std::net::SocketAddr;

/// Who may come in.
#[derive(Args)]
#[command(next_help_heading = "Access")]
pub struct AccessArgs {
    /// Whether one has to log in: open is for loopback and networks that are trusted [default: open where all addresses
    /// are of loopback, else closed].
    #[arg(long, value_name = "HOW")]
    access: Option<Choice>,
    /// Where nobody has to log in, a further name by which clients may ask this server; may be given several times.
    #[arg(long, value_name = "NAME")]
    allow_host: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Choice {
    /// Whoever reaches the server has everything.
    Open,
    /// People log in, programs send a token.
    Closed,
}

impl AccessArgs {
    /// What was said, if anything.
    pub fn control(&self) -> Option<AccessControl> {
        self.access.map(|choice| match choice {
            Choice::Open => AccessControl::Open,
            Choice::Closed => AccessControl::Closed,
        })
    }

    /// Further names.
    pub fn names(&self) -> Vec<String> {
        self.allow_host.clone()
    }

    /// Warns when others can reach a server that lets everybody in.
    pub fn warn(&self, addresses: &[SocketAddr], public_url: Option<&str>) {
        let by_address = AccessControl::of_addresses(addresses.iter().copied());
        if self.control().unwrap_or(by_address) == AccessControl::Closed {
            return;
        }
        if by_address == AccessControl::Closed {
            let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
            text::warn(&format!(
                "ACCESS IS OPEN: nobody has to log in, and {} may be reached by other machines; whoever reaches it has \
                 every video and every key. Without --access open, one would have to log in",
                addresses.join(" and ")
            ));
        } else if let Some(url) = public_url {
            text::warn(&format!(
                "ACCESS IS OPEN: nobody has to log in, and whoever reaches {url} has every video and every key, unless \
                 the proxy there asks who comes. With --access closed, one has to log in"
            ));
        }
    }
}
