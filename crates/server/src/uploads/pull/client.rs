//! Asks other servers for files: http and https only, each hop checked, nothing unpacked, nobody's proxy.

use super::Trouble;
use crate::outside::{Allowed, Failed, Gate};
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, IF_RANGE, LOCATION, RANGE};
use reqwest::{Client, Response, StatusCode, Url};
use std::time::Duration;

/// How many redirections are followed.
const MAX_REDIRECTS: usize = 5;
/// The setting that allows more than the public internet.
const SETTING: &str = "--pull-allow";
/// How long an answer may take to begin.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// A client for pulls.
#[derive(Debug, Clone)]
pub(super) struct PullClient {
    client: Client,
    gate: Gate,
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
        Self::through(Gate::new(allow, SETTING))
    }

    fn through(gate: Gate) -> std::io::Result<Self> {
        let client = gate.client().build().map_err(std::io::Error::other)?;
        Ok(Self { client, gate })
    }

    /// Checks what can be known of a URL before anything is asked.
    pub(super) fn check(&self, url: &Url) -> Result<(), Trouble> {
        self.gate.check(url).map_err(Trouble::lasting)
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
    match Failed::from(error) {
        Failed::Inside(reason) => Trouble::lasting(reason),
        Failed::Otherwise(reason) => Trouble::passing(reason),
    }
}

#[cfg(test)]
mod tests;
