//! Other servers that people name: which addresses of theirs may be reached, and the client that reaches no others.
//!
//! In: what the operator allows besides the public internet. Out: a client without redirections, proxies and kept connections,
//! whose every connection goes to an address that was judged.

mod address;

pub use address::Allowed;

use address::is_public;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Url};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Lets through what may be reached.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    allow: Arc<Vec<Allowed>>,
    /// The setting by which an operator allows more.
    setting: &'static str,
    lookup: Lookup,
}

/// Who knows the addresses of names.
#[derive(Debug, Clone)]
pub(crate) enum Lookup {
    /// The operating system.
    System,
    /// Tests: a name's answers, one after the other.
    #[cfg(test)]
    Fixed(Arc<std::sync::Mutex<std::collections::HashMap<String, Vec<Vec<IpAddr>>>>>),
}

/// A host that must not be reached.
#[derive(Debug, thiserror::Error)]
#[error(
    "{host} is {address}, which is no address of the public internet; whoever runs this server can allow it with \
     {setting}"
)]
pub(crate) struct Inside {
    host: String,
    address: IpAddr,
    setting: &'static str,
}

/// A URL at which nothing is asked for. The text holds no secret of the URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unfit {
    /// It is of another protocol.
    #[error("{0}: is no scheme to ask by; http and https are")]
    Scheme(String),
    /// There is a user name or a password in it.
    #[error("a user name or a password in a URL is not taken")]
    Credentials,
    /// Its address is not outside.
    #[error(transparent)]
    Inside(#[from] Inside),
}

impl Gate {
    /// A gate to the public internet and to what is allowed besides, by a setting with this name.
    pub(crate) fn new(allow: &[Allowed], setting: &'static str) -> Self {
        Self::with(allow, setting, Lookup::System)
    }

    pub(crate) fn with(allow: &[Allowed], setting: &'static str, lookup: Lookup) -> Self {
        let allow = Arc::new(allow.to_vec());
        Self {
            allow,
            setting,
            lookup,
        }
    }

    /// A client that goes through this gate.
    pub(crate) fn client(&self) -> ClientBuilder {
        Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(self.clone()))
            .connect_timeout(CONNECT_TIME)
            .user_agent(concat!("reelpack/", env!("CARGO_PKG_VERSION")))
            // A connection that is kept would be used again without a look at the address.
            .pool_max_idle_per_host(0)
    }

    /// Checks what can be known of a URL before anything is asked. The client does not look up addresses that
    /// are written out, so this comes before every request.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Unfit> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Unfit::Scheme(url.scheme().to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Unfit::Credentials);
        }
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        match literal.parse() {
            Ok(address) => Ok(self.judge(host, address)?),
            Err(_) => Ok(()),
        }
    }

    /// Refuses an address that must not be reached.
    fn judge(&self, host: &str, address: IpAddr) -> Result<(), Inside> {
        let allowed = |allowed: &Allowed| allowed.is_host(host) || allowed.has(address);
        if is_public(address) || self.allow.iter().any(allowed) {
            return Ok(());
        }
        Err(Inside {
            host: host.to_owned(),
            address,
            setting: self.setting,
        })
    }
}

/// Why a request came to no answer; says nothing of the URL, which may hold a secret.
pub(crate) enum Failed {
    /// Its address is not outside.
    Inside(String),
    /// Something else.
    Otherwise(String),
}

impl From<reqwest::Error> for Failed {
    fn from(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
        let mut text = String::new();
        while let Some(found) = cause {
            if let Some(inside) = found.downcast_ref::<Inside>() {
                return Self::Inside(inside.to_string());
            }
            text = found.to_string();
            cause = found.source();
        }
        Self::Otherwise(format!("{error}: {text}"))
    }
}

impl Lookup {
    async fn addresses(&self, host: &str) -> std::io::Result<Vec<IpAddr>> {
        match self {
            Self::System => {
                let found = tokio::net::lookup_host((host, 0)).await?;
                Ok(found.map(|address| address.ip()).collect())
            }
            #[cfg(test)]
            Self::Fixed(answers) => {
                let mut answers = answers.lock().expect("no panic");
                let answers = answers.get_mut(host).ok_or(std::io::ErrorKind::NotFound)?;
                Ok(if answers.len() > 1 {
                    answers.remove(0)
                } else {
                    answers[0].clone()
                })
            }
        }
    }
}

impl Resolve for Gate {
    /// The addresses to connect to: those that were judged, and no others.
    fn resolve(&self, name: Name) -> Resolving {
        let gate = self.clone();
        Box::pin(async move {
            let host = name.as_str();
            let mut open = Vec::new();
            let mut refused = None;
            for address in gate.lookup.addresses(host).await? {
                match gate.judge(host, address) {
                    Ok(()) => open.push(SocketAddr::new(address, 0)),
                    Err(inside) => refused = Some(inside),
                }
            }
            // A name with addresses inside and outside is nobody's mistake.
            match refused {
                Some(inside) => Err(inside.into()),
                None => Ok(Box::new(open.into_iter()) as Addrs),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_that_is_named_is_open_whatever_its_address() {
        let inside: IpAddr = "127.0.0.1".parse().expect("an address");
        let named = ["rebinding.example".parse().expect("allowed")];
        let gate = Gate::new(&named, "--allow");
        assert!(gate.judge("rebinding.example", inside).is_ok());
        let refused = gate.judge("other.example", inside).expect_err("refused");
        assert!(refused.to_string().ends_with("allow it with --allow"));
    }
}
