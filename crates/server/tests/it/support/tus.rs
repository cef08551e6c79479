//! A client of tus, as plain as the protocol.

use super::TestApp;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, RequestBuilder, Response};
use sha2::{Digest, Sha256};

/// An upload that has begun.
pub struct Tus<'a> {
    app: &'a TestApp,
    pub path: String,
}

impl TestApp {
    /// A request of tus.
    pub fn tus(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.client.request(method, self.url(path));
        request.header("tus-resumable", "1.0.0")
    }

    /// Asks for an upload of this length, whatever the answer.
    pub async fn ask_to_begin(&self, length: u64) -> Response {
        let request = self.tus("POST", "/api/v1/uploads");
        let request = request.header("upload-length", length);
        request.send().await.expect("an answer")
    }

    /// Begins an upload of this length under this name.
    pub async fn begin(&self, length: u64, name: &str) -> Tus<'_> {
        let metadata = format!("filename {}", STANDARD.encode(name));
        let request = self.tus("POST", "/api/v1/uploads");
        let request = request
            .header("upload-length", length)
            .header("upload-metadata", metadata);
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), 201);
        self.upload_at(&header(&answer, "location"))
    }

    /// The upload at an address.
    pub fn upload_at(&self, location: &str) -> Tus<'_> {
        let path = location.strip_prefix(&self.base).unwrap_or(location);
        Tus {
            app: self,
            path: path.to_owned(),
        }
    }
}

impl Tus<'_> {
    /// A request that appends at an offset.
    pub fn appending(&self, offset: u64, bytes: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = self.app.tus("PATCH", &self.path);
        request
            .header("upload-offset", offset)
            .header("content-type", "application/offset+octet-stream")
            .body(bytes)
    }

    pub async fn append(&self, offset: u64, bytes: impl Into<reqwest::Body>) -> Response {
        let request = self.appending(offset, bytes);
        request.send().await.expect("an answer")
    }

    pub async fn head(&self) -> Response {
        let request = self.app.tus("HEAD", &self.path);
        request.send().await.expect("an answer")
    }

    /// The offset as the server tells it.
    pub async fn offset(&self) -> u64 {
        let answer = self.head().await;
        assert_eq!(answer.status(), 200);
        number(&answer, "upload-offset")
    }

    pub async fn end(&self) -> Response {
        let request = self.app.tus("DELETE", &self.path);
        request.send().await.expect("an answer")
    }

    /// The upload in JSON.
    pub async fn json(&self) -> serde_json::Value {
        self.app.get_json(&self.path).await
    }
}

pub fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name);
    let value = value.unwrap_or_else(|| panic!("no {name} in {answer:?}"));
    value.to_str().expect("text").to_owned()
}

pub fn number(answer: &Response, name: &str) -> u64 {
    header(answer, name).parse().expect("a number")
}

pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
