//! The server that takes the file, spoken to by tus and in JSON.

use crate::client;
use crate::token_file::advice;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::time::Duration;
use ureq::http::{HeaderValue, Request, Response, header};
use ureq::{Agent, AsSendBody, Body};

/// How long one request may take: 8 MiB at 28 KB/s.
const PATIENCE: Duration = Duration::from_secs(300);
/// How much of an answer is read.
const MAX_ANSWER: u64 = 16 << 20;

/// A server.
pub struct Server {
    agent: Agent,
    base: String,
}

/// How far an upload is.
pub struct Upload {
    /// Bytes that the server has.
    pub offset: u64,
    /// What it became.
    pub asset: Option<String>,
}

/// Why something did not go.
#[derive(Debug)]
pub enum Trouble {
    /// It may go later.
    Passing(String),
    /// The server cannot use the file.
    Unusable(String),
    /// The server knows of no such thing.
    Unknown,
    /// The server will not do it.
    Refused(String),
}

impl Server {
    /// The server of a URL without a slash at its end, and who asks it.
    pub fn new(base: String, authorization: Option<HeaderValue>) -> Self {
        Self {
            agent: client::agent_of(base.starts_with("https:"), PATIENCE, authorization),
            base,
        }
    }

    /// What its URLs begin with.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Begins an upload; `noted` are the pairs of its `Upload-Metadata`. Returns its URL.
    pub fn begin(&self, size: u64, noted: &[(&str, String)]) -> Result<String, Trouble> {
        let pair = |(key, value): &(&str, String)| format!("{key} {}", STANDARD.encode(value));
        let metadata: Vec<String> = noted.iter().map(pair).collect();
        let metadata = metadata.join(",");
        let request = self
            .tus("POST", &format!("{}/api/v1/uploads", self.base))
            .header("Upload-Length", size)
            .header("Upload-Metadata", metadata);
        let answer = self.run(request.body(()));
        let answer = answer.map_err(|trouble| match trouble {
            Trouble::Unknown => self.not_reelpack(),
            other => other,
        })?;
        let path = text(&answer, header::LOCATION.as_str()).ok_or_else(|| self.not_reelpack())?;
        let id = path.rsplit('/').next().unwrap_or_default();
        // The server may know itself by another name than the one that leads there from here.
        Ok(format!("{}/api/v1/uploads/{id}", self.base))
    }

    /// Asks how far an upload is.
    pub fn look(&self, url: &str) -> Result<Upload, Trouble> {
        let answer = self.run(self.tus("HEAD", url).body(()))?;
        if text(&answer, "reelpack-state").as_deref() == Some("refused") {
            return self.look_closely(url);
        }
        self.upload_of(&answer)
    }

    /// Asks what became of an upload, and why.
    pub fn look_closely(&self, url: &str) -> Result<Upload, Trouble> {
        let answer = self.run(Request::get(url).body(()))?;
        let found = read(answer)?;
        let reason = || {
            found["error"]
                .as_str()
                .unwrap_or("the server does not say why")
                .to_owned()
        };
        match found["state"].as_str() {
            Some("refused" | "failed") => Err(Trouble::Unusable(reason())),
            _ => Ok(Upload {
                offset: found["offset"].as_u64().unwrap_or(0),
                asset: found["asset_id"].as_str().map(str::to_owned),
            }),
        }
    }

    /// Appends a piece at an offset.
    pub fn append(&self, url: &str, offset: u64, piece: &[u8]) -> Result<Upload, Trouble> {
        let sum = STANDARD.encode(Sha256::digest(piece));
        let request = self
            .tus("PATCH", url)
            .header("Upload-Offset", offset)
            .header("Upload-Checksum", format!("sha256 {sum}"))
            .header(header::CONTENT_TYPE, "application/offset+octet-stream");
        let answer = self.run(request.body(piece))?;
        self.upload_of(&answer)
    }

    /// A request in JSON.
    pub fn json(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Trouble> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        let answer = match body {
            None => self.run(request.body(())),
            Some(body) => {
                let request = request.header(header::CONTENT_TYPE, "application/json");
                self.run(request.body(body.to_string()))
            }
        };
        read(answer?)
    }

    fn upload_of(&self, answer: &Response<Body>) -> Result<Upload, Trouble> {
        let offset = text(answer, "upload-offset").and_then(|offset| offset.parse().ok());
        Ok(Upload {
            offset: offset.ok_or_else(|| self.not_reelpack())?,
            asset: text(answer, "reelpack-asset"),
        })
    }

    fn not_reelpack(&self) -> Trouble {
        Trouble::Refused("the answer is not that of a Reelpack server".to_owned())
    }

    fn tus(&self, method: &str, url: &str) -> ureq::http::request::Builder {
        let request = Request::builder().method(method).uri(url);
        request.header("Tus-Resumable", "1.0.0")
    }

    fn run(
        &self,
        request: Result<Request<impl AsSendBody>, ureq::http::Error>,
    ) -> Result<Response<Body>, Trouble> {
        let request = request.map_err(|error| Trouble::Refused(error.to_string()))?;
        let mut answer = self.agent.run(request).map_err(|error| match error {
            ureq::Error::HostNotFound | ureq::Error::Timeout(_) | ureq::Error::ConnectionFailed => {
                Trouble::Passing(error.to_string())
            }
            ureq::Error::Io(error) => Trouble::Passing(error.to_string()),
            ureq::Error::Protocol(error) => Trouble::Passing(error.to_string()),
            other => Trouble::Refused(other.to_string()),
        })?;
        let status = answer.status().as_u16();
        if (200..300).contains(&status) {
            return Ok(answer);
        }
        let body = answer
            .body_mut()
            .with_config()
            .limit(MAX_ANSWER)
            .read_to_string();
        let problem: Value = serde_json::from_str(&body.unwrap_or_default()).unwrap_or_default();
        let detail = match problem["detail"].as_str() {
            Some(detail) => detail.to_owned(),
            None => format!("the answer is {status}"),
        };
        Err(match status {
            404 | 410 => Trouble::Unknown,
            422 => Trouble::Unusable(detail),
            // Locked, at another offset, too slow, damaged on the way, too many, no room just now, not there just now.
            408 | 409 | 423 | 429 | 460 | 500.. => Trouble::Passing(detail),
            status => Trouble::Refused(advice(status, &detail, &self.base)),
        })
    }
}

fn read(mut answer: Response<Body>) -> Result<Value, Trouble> {
    let body = answer
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER)
        .read_to_string();
    let body = body.map_err(|error| Trouble::Passing(error.to_string()))?;
    serde_json::from_str(&body).map_err(|_| Trouble::Refused("the answer is not JSON".to_owned()))
}

fn text(answer: &Response<Body>, name: &str) -> Option<String> {
    Some(answer.headers().get(name)?.to_str().ok()?.to_owned())
}
