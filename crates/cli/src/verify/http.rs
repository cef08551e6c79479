//! The files of a package behind an HTTP server, and what the server does with requests of players.

use crate::client;
use crate::failure::Failure;
use packager::{Delivery, Error, MemorySource, PackageFiles, Served, Source};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body};
use url::Url;

/// How many bytes a manifest or a file of subtitles may have.
const MAX_TEXT: u64 = 16 << 20;
/// How many bytes are taken of a file whose server knows no ranges.
const MAX_WHOLE: u64 = 256 << 20;
/// How many bytes are read at first: the boxes of most segments.
const HEAD: u64 = 16 << 10;
/// How many redirections are followed, on the same server.
const MAX_REDIRECTS: u32 = 5;
/// How many kinds of files the server is asked about.
const MAX_KINDS: usize = 8;
/// How long one request may take.
const PATIENCE: Duration = Duration::from_secs(60);
/// Whose page a player would be on.
const ORIGIN: &str = "https://player.example";

/// A server, and the place of a package on it.
pub struct Server {
    agent: Agent,
    /// The manifest's URL.
    url: Url,
    /// The last part of its path.
    name: String,
    /// URLs of files that were there, by the end of their names.
    seen: Mutex<BTreeMap<String, String>>,
}

impl Server {
    /// The server of a manifest.
    ///
    /// # Errors
    /// [`Failure::Usage`] when the URL names no file.
    pub fn new(url: &Url) -> Result<Self, Failure> {
        let name = url.path().rsplit('/').next().unwrap_or_default();
        let lower = name.to_ascii_lowercase();
        if !lower.ends_with(".mpd") && !lower.ends_with(".m3u8") {
            let what = "TARGET: with --url the path must end in .mpd or .m3u8";
            return Err(Failure::Usage(what.into()));
        }
        Ok(Self {
            agent: client::agent(url.scheme() == "https", PATIENCE),
            name: name.to_owned(),
            url: url.clone(),
            seen: Mutex::default(),
        })
    }

    /// The manifest, as a path of the package.
    pub fn manifest(&self) -> &str {
        &self.name
    }

    /// The URL of a path; `None` when it is on another server.
    fn url_of(&self, path: &str) -> Option<Url> {
        if path == self.name {
            return Some(self.url.clone());
        }
        let url = if path.contains("://") {
            Url::parse(path).ok()?
        } else {
            let mut url = self.url.clone();
            url.set_query(None);
            // Names of files may hold what has a meaning in URLs.
            let path = path
                .replace('%', "%25")
                .replace('?', "%3f")
                .replace('#', "%23");
            url.join(&format!("./{path}")).ok()?
        };
        (url.origin() == self.url.origin()).then_some(url)
    }

    /// One request; redirections are followed on the same server.
    fn get(&self, url: &str, headers: &[(&str, &str)]) -> io::Result<Response<Body>> {
        let mut url = url.to_owned();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.get(&url);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let response = request.call().map_err(ureq::Error::into_io)?;
            if !response.status().is_redirection() {
                return Ok(response);
            }
            let to = text_of(response.headers(), header::LOCATION.as_str());
            let to = Url::parse(&url).and_then(|url| url.join(&to.unwrap_or_default()));
            match to {
                Ok(to) if to.origin() == self.url.origin() => url = to.into(),
                _ => return Err(io::Error::other(format!("{url} leads to another server"))),
            }
        }
        Err(io::Error::other(format!("{url}: too many redirections")))
    }

    fn remember(&self, path: &str, url: &Url) {
        let end = path
            .rsplit_once('.')
            .map_or("", |(_, end)| end)
            .to_ascii_lowercase();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() < MAX_KINDS {
            seen.entry(end).or_insert_with(|| url.to_string());
        }
    }

    /// Asks about one file of each kind, and for paths that lead out of the package.
    ///
    /// # Errors
    /// [`Error::Io`] when the server does not answer.
    pub fn delivery(&self) -> Result<Delivery, Error> {
        let seen = self
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let files = seen
            .values()
            .map(|url| self.served(url))
            .collect::<Result<_, _>>()?;
        let folder = self
            .url
            .as_str()
            .split(['?', '#'])
            .next()
            .unwrap_or_default();
        let folder = folder.rsplit_once('/').map_or(folder, |(folder, _)| folder);
        let mut traversal = Vec::new();
        for up in ["%2e%2e/", "..%2f", "%2e%2e%2f", "..%5c"] {
            let url = format!("{folder}/{}etc/passwd", up.repeat(12));
            let status = match self.get(&url, &[]) {
                Ok(response) => response.status().as_u16(),
                // Closing the connection on it is a refusal, too.
                Err(_) => 0,
            };
            traversal.push((url, status));
        }
        Ok(Delivery { files, traversal })
    }

    /// What the server says of one file.
    fn served(&self, url: &str) -> Result<Served, Error> {
        let path = Url::parse(url).map_or_else(|_| url.to_owned(), |url| url.path().to_owned());
        let is_text = [".mpd", ".m3u8", ".vtt"]
            .iter()
            .any(|end| path.ends_with(end));
        let plain = self.get(url, &[("Origin", ORIGIN)])?;
        let headers = plain.headers();
        let length = text_of(headers, "content-length");
        let head = self.agent.head(url).header("Origin", ORIGIN).call();
        let head = head.map_err(ureq::Error::into_io)?;
        let mut part = self.get(url, &[("Range", "bytes=0-1")])?;
        let range = part.status().as_u16();
        let bytes = part.body_mut().with_config().limit(MAX_WHOLE).read_to_vec();
        let behind = self.get(url, &[("Range", "bytes=999999999999-")])?;
        let compressed = match is_text {
            true => Some(self.get(url, &[("Accept-Encoding", "gzip, br")])?),
            false => None,
        };
        let exposed = text_of(headers, "access-control-expose-headers").unwrap_or_default();
        Ok(Served {
            content_type: text_of(headers, "content-type"),
            head_status: head.status().as_u16(),
            head_agrees: text_of(head.headers(), "content-length") == length,
            range: (range, bytes.map_or(0, |bytes| bytes.len() as u64)),
            range_behind: behind.status().as_u16(),
            etag: headers.contains_key("etag"),
            allow_origin: text_of(headers, "access-control-allow-origin"),
            exposed: exposed
                .split(',')
                .map(|name| name.trim().to_ascii_lowercase())
                .collect(),
            compressed: compressed.map(|response| {
                let coding = text_of(response.headers(), "content-encoding");
                coding.is_some_and(|coding| coding != "identity")
            }),
            path,
        })
    }
}

impl PackageFiles for Server {
    fn open(&self, path: &str) -> Result<Option<Box<dyn Source + '_>>, Error> {
        let Some(url) = self.url_of(path) else {
            return Ok(None);
        };
        let lower = path.to_ascii_lowercase();
        let is_text = [".mpd", ".m3u8", ".vtt"]
            .iter()
            .any(|end| lower.ends_with(end));
        let range = format!("bytes=0-{}", HEAD - 1);
        let range = ("Range", range.as_str());
        let headers: &[(&str, &str)] = if is_text { &[] } else { &[range] };
        let mut response = self.get(url.as_str(), headers)?;
        let status = response.status().as_u16();
        let whole = match status {
            200 => None,
            206 => Some(total(response.headers()).ok_or_else(|| no_length(&url))?),
            404 | 410 | 416 => return Ok(None),
            _ => {
                return Err(Error::Io(io::Error::other(format!(
                    "{url} is answered with {status}"
                ))));
            }
        };
        self.remember(path, &url);
        let most = match (whole, is_text) {
            (Some(_), _) => HEAD,
            (None, true) => MAX_TEXT,
            (None, false) => MAX_WHOLE,
        };
        let bytes = response.body_mut().with_config().limit(most).read_to_vec();
        let bytes = bytes.map_err(ureq::Error::into_io)?;
        Ok(Some(match whole {
            Some(len) if len > bytes.len() as u64 => Box::new(Ranges {
                server: self,
                url: url.into(),
                len,
                head: bytes,
            }),
            _ => Box::new(MemorySource(bytes)),
        }))
    }

    fn list(&self) -> Option<Vec<String>> {
        None
    }
}

fn no_length(url: &Url) -> Error {
    Error::Io(io::Error::other(format!(
        "{url}: a range without Content-Range"
    )))
}

/// The whole length in `Content-Range: bytes 0-1/900`.
fn total(headers: &HeaderMap) -> Option<u64> {
    let range = text_of(headers, "content-range")?;
    range.rsplit_once('/')?.1.trim().parse().ok()
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

/// A file that is read range by range.
struct Ranges<'a> {
    server: &'a Server,
    url: String,
    len: u64,
    /// The first bytes.
    head: Vec<u8>,
}

impl Source for Ranges<'_> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let count = buffer.len() as u64;
        let end = offset.checked_add(count).filter(|end| *end <= self.len);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        if count == 0 {
            return Ok(());
        }
        if let (Ok(start), Ok(end)) = (usize::try_from(offset), usize::try_from(end))
            && let Some(bytes) = self.head.get(start..end)
        {
            buffer.copy_from_slice(bytes);
            return Ok(());
        }
        let range = format!("bytes={offset}-{}", end - 1);
        let mut response = self.server.get(&self.url, &[("Range", &range)])?;
        if response.status().as_u16() != 206 {
            let what = format!(
                "{}: {range} is answered with {}",
                self.url,
                response.status()
            );
            return Err(io::Error::other(what));
        }
        let bytes = response.body_mut().with_config().limit(count).read_to_vec();
        let bytes = bytes.map_err(ureq::Error::into_io)?;
        if bytes.len() != buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        buffer.copy_from_slice(&bytes);
        Ok(())
    }
}
