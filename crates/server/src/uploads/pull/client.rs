//! Asks other servers for files: http and https only, each hop checked, nothing unpacked, nobody's proxy.

use super::Trouble;
use super::address::{Allowed, is_public};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, IF_RANGE, LOCATION, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// How many redirections are followed.
const MAX_REDIRECTS: usize = 5;
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// How long an answer may take to begin.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// A client for pulls.
#[derive(Debug, Clone)]
pub(super) struct PullClient {
    client: Client,
    gate: Gate,
}

/// Lets through what may be reached.
#[derive(Debug, Clone)]
struct Gate {
    allow: Arc<Vec<Allowed>>,
    lookup: Lookup,
}

/// Who knows the addresses of names.
#[derive(Debug, Clone)]
enum Lookup {
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
     --pull-allow"
)]
struct Inside {
    host: String,
    address: IpAddr,
}

/// Where a file goes on, and the validator that says that it is still the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct From<'a> {
    pub(super) offset: u64,
    pub(super) validator: &'a str,
}

impl PullClient {
    /// A client that reaches the public internet and what is allowed besides.
    pub(super) fn new(allow: &[Allowed]) -> std::io::Result<Self> {
        Self::with(allow, Lookup::System)
    }

    fn with(allow: &[Allowed], lookup: Lookup) -> std::io::Result<Self> {
        let gate = Gate {
            allow: Arc::new(allow.to_vec()),
            lookup,
        };
        let client = Client::builder()
            .redirect(Policy::none())
            .no_proxy()
            .dns_resolver(Arc::new(gate.clone()))
            .connect_timeout(CONNECT_TIME)
            .user_agent(concat!("reelpack/", env!("CARGO_PKG_VERSION")))
            // A connection that is kept would be used again without a look at the address.
            .pool_max_idle_per_host(0)
            .build()
            .map_err(std::io::Error::other)?;
        Ok(Self { client, gate })
    }

    /// Checks what can be known of a URL before anything is asked.
    pub(super) fn check(&self, url: &Url) -> Result<(), Trouble> {
        if !matches!(url.scheme(), "http" | "https") {
            let scheme = url.scheme();
            return Err(Trouble::lasting(format!(
                "{scheme}: is no scheme to pull from; http and https are"
            )));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Trouble::lasting(
                "a user name or a password in a URL is not taken",
            ));
        }
        let host = url.host_str().unwrap_or_default();
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        match literal.parse() {
            Ok(address) => self.gate.judge(host, address).map_err(Trouble::lasting),
            Err(_) => Ok(()),
        }
    }

    /// Asks for a file, or for the rest of one, through all redirections.
    pub(super) async fn get(&self, url: &Url, from: Option<From<'_>>) -> Result<Response, Trouble> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            self.check(&url)?;
            let mut request = self
                .client
                .get(url.clone())
                .header(ACCEPT_ENCODING, "identity");
            if let Some(from) = from {
                request = request
                    .header(RANGE, format!("bytes={}-", from.offset))
                    .header(IF_RANGE, from.validator);
            }
            let answer = tokio::time::timeout(ANSWER_TIME, request.send()).await;
            let answer =
                answer.map_err(|_| Trouble::passing("the answer did not begin in time"))?;
            let answer = answer.map_err(trouble)?;
            match next(&url, &answer)? {
                Some(there) => url = there,
                None => return usable(answer),
            }
        }
        Err(Trouble::lasting(format!(
            "there are more than {MAX_REDIRECTS} redirections"
        )))
    }
}

/// Where a redirection leads.
fn next(url: &Url, answer: &Response) -> Result<Option<Url>, Trouble> {
    if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let location = answer
        .headers()
        .get(LOCATION)
        .and_then(|value| value.to_str().ok());
    let there = location.and_then(|location| url.join(location).ok());
    let there = there.ok_or_else(|| Trouble::lasting("a redirection leads nowhere"))?;
    if url.scheme() == "https" && there.scheme() == "http" {
        return Err(Trouble::lasting("a redirection leads from https to http"));
    }
    Ok(Some(there))
}

fn usable(answer: Response) -> Result<Response, Trouble> {
    let status = answer.status();
    let coding = answer.headers().get(CONTENT_ENCODING);
    if coding.is_some_and(|coding| coding != "identity") {
        return Err(Trouble::lasting(
            "the file came compressed, although that was not asked for",
        ));
    }
    match status {
        StatusCode::OK | StatusCode::PARTIAL_CONTENT => Ok(answer),
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => {
            Err(Trouble::passing(format!("the answer is {status}")))
        }
        _ if status.is_server_error() => Err(Trouble::passing(format!("the answer is {status}"))),
        _ => Err(Trouble::lasting(format!("the answer is {status}"))),
    }
}

/// Sorts what went wrong on the way; says nothing of the URL, which may hold a secret.
pub(super) fn trouble(error: reqwest::Error) -> Trouble {
    let error = error.without_url();
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    let mut text = String::new();
    while let Some(found) = cause {
        if let Some(inside) = found.downcast_ref::<Inside>() {
            return Trouble::lasting(inside);
        }
        text = found.to_string();
        cause = found.source();
    }
    Trouble::passing(format!("{error}: {text}"))
}

impl Gate {
    /// Refuses an address that must not be reached.
    fn judge(&self, host: &str, address: IpAddr) -> Result<(), Inside> {
        let allowed = |allowed: &Allowed| allowed.is_host(host) || allowed.has(address);
        if is_public(address) || self.allow.iter().any(allowed) {
            return Ok(());
        }
        Err(Inside {
            host: host.to_owned(),
            address,
        })
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
mod tests;
