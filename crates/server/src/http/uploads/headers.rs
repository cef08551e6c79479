//! Reads the headers of tus.

use crate::http::annotations::{EXTERNAL_ID, METADATA};
use crate::http::error::{Problem, Result};
use crate::uploads::sum::Sum;
use axum::http::{HeaderMap, header};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::HashSet;

/// Content type of a body that brings bytes.
pub(super) const BYTES: &str = "application/offset+octet-stream";
/// Longest `Upload-Metadata`.
const MAX_METADATA: usize = 4_096;

/// The headers of a request.
pub(super) struct Tus<'a>(&'a HeaderMap);

/// What `Upload-Metadata` says.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Metadata {
    /// As it came.
    pub(super) text: String,
    /// Name of the file.
    pub(super) name: Option<String>,
    /// The client's own name for the asset.
    pub(super) external_id: Option<String>,
    /// The metadata of the asset, JSON.
    pub(super) metadata: Option<String>,
}

impl<'a> Tus<'a> {
    /// Reads a request of this version.
    pub(super) fn of(headers: &'a HeaderMap) -> Result<Self> {
        Ok(Self(headers))
    }

    /// The length of an upload that begins; `None` when it is said later.
    pub(super) fn length_of_new(&self) -> Result<Option<u64>> {
        let deferred = self.text("upload-defer-length")?;
        match (self.length()?, deferred) {
            (Some(length), None) => Ok(Some(length)),
            (None, Some("1")) => Ok(None),
            (None, Some(_)) => Err(Problem::field("Upload-Defer-Length", "must be 1")),
            (None, None) => Err(Problem::field("Upload-Length", "is missing")),
            (Some(_), Some(_)) => {
                let text = "cannot come together with Upload-Defer-Length";
                Err(Problem::field("Upload-Length", text))
            }
        }
    }

    /// `Upload-Length`.
    pub(super) fn length(&self) -> Result<Option<u64>> {
        self.number("upload-length", "Upload-Length")
    }

    /// `Upload-Offset`.
    pub(super) fn offset(&self) -> Result<u64> {
        let offset = self.number("upload-offset", "Upload-Offset")?;
        offset.ok_or_else(|| Problem::field("Upload-Offset", "is missing"))
    }

    /// `Upload-Checksum`.
    pub(super) fn sum(&self) -> Result<Option<Sum>> {
        let text = self.text("upload-checksum")?;
        let sum = text.map(Sum::parse).transpose();
        sum.map_err(|what| Problem::field("Upload-Checksum", what))
    }

    /// Whether the body is bytes of the upload.
    pub(super) fn brings_bytes(&self) -> bool {
        let kind = self.0.get(header::CONTENT_TYPE);
        kind.is_some_and(|kind| kind.as_bytes().eq_ignore_ascii_case(BYTES.as_bytes()))
    }

    /// How long the body says it is.
    pub(super) fn content_length(&self) -> Option<u64> {
        let length = self.0.get(header::CONTENT_LENGTH)?.to_str().ok()?;
        length.parse().ok()
    }

    /// `Upload-Metadata`: pairs of a key and its value in base64.
    pub(super) fn metadata(&self) -> Result<Metadata> {
        let wrong = |what: &str| Problem::field("Upload-Metadata", what);
        let Some(text) = self.text("upload-metadata")? else {
            return Ok(Metadata::default());
        };
        if text.len() > MAX_METADATA {
            return Err(wrong(&format!(
                "may have {MAX_METADATA} characters at most"
            )));
        }
        let mut read = Metadata {
            text: text.to_owned(),
            ..Metadata::default()
        };
        let mut seen = HashSet::new();
        for pair in text
            .split(',')
            .map(str::trim)
            .filter(|pair| !pair.is_empty())
        {
            let (key, value) = pair.split_once(' ').unwrap_or((pair, ""));
            if !seen.insert(key) {
                return Err(wrong("names a key twice"));
            }
            let value = STANDARD
                .decode(value.trim())
                .map_err(|_| wrong("has a value that is not base64"))?;
            let as_text = |value| {
                let text = String::from_utf8(value);
                text.map_err(|_| Problem::not_allowed(&[key], "must be UTF-8"))
            };
            match key {
                "filename" => read.name = Some(String::from_utf8_lossy(&value).into_owned()),
                EXTERNAL_ID => read.external_id = Some(as_text(value)?),
                METADATA => read.metadata = Some(as_text(value)?),
                _ => {}
            }
        }
        Ok(read)
    }

    fn number(&self, header: &str, name: &str) -> Result<Option<u64>> {
        let Some(text) = self.text(header)? else {
            return Ok(None);
        };
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text
            .parse()
            .ok()
            .filter(|number| digits && i64::try_from(*number).is_ok());
        number
            .map(Some)
            .ok_or_else(|| Problem::field(name, "must be a number of bytes"))
    }

    fn text(&self, header: &str) -> Result<Option<&'a str>> {
        let mut values = self.0.get_all(header).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(Problem::field(header, "comes twice"));
        }
        let text = value
            .to_str()
            .map_err(|_| Problem::field(header, "must be plain text"))?;
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a value"));
        headers
    }

    #[test]
    fn metadata_are_read_and_what_is_wrong_is_refused() {
        let headers = with(
            "upload-metadata",
            "filename YSBiLm1wNA==,is_it,filetype dmlkZW8vbXA0,external_id NDI=,metadata e30=",
        );
        let metadata = Tus(&headers).metadata().expect("metadata");
        assert_eq!(metadata.name.as_deref(), Some("a b.mp4"));
        assert_eq!(metadata.external_id.as_deref(), Some("42"));
        assert_eq!(metadata.metadata.as_deref(), Some("{}"));
        let long = format!("filename {}", "A".repeat(65_536));
        for wrong in [
            "filename !!",
            "a YQ==,a YQ==",
            "external_id /w==",
            long.as_str(),
        ] {
            assert!(
                Tus(&with("upload-metadata", wrong)).metadata().is_err(),
                "{wrong:.20}"
            );
        }
    }

    #[test]
    fn numbers_are_plain_digits() {
        for (text, number) in [("0", Some(0)), ("9223372036854775807", Some(u64::MAX / 2))] {
            let headers = with("upload-length", text);
            assert_eq!(Tus(&headers).length().expect("a number"), number);
        }
        for wrong in [
            "",
            "-1",
            "+1",
            "1.0",
            "0x1",
            " ",
            "9223372036854775808",
            "1e3",
        ] {
            assert!(
                Tus(&with("upload-length", wrong)).length().is_err(),
                "{wrong}"
            );
        }
    }
}
