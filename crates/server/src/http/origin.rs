//! Which server a request means, and which page sent it: what keeps web pages of elsewhere out, login or not.
//!
//! A page can lead its own name to this machine (DNS rebinding) and then be of the same origin as this server; but it cannot say another
//! `Host` than that name. A page can also send requests to any address (CSRF); but browsers say of which origin it is.

use super::error::Problem;
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};
use std::net::{IpAddr, Ipv6Addr};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The names under which a server may be asked.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    addresses: Addresses,
    /// Names that the configuration gives, in small letters.
    names: Vec<String>,
    /// `scheme://host[:port]` of the public URL.
    public_origin: Option<String>,
}

/// Which addresses are no foreign hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// Those of this machine's loopback, and `localhost`.
    Loopback,
    /// All that are numbers: no page can have one as its name that leads here and to its own server, too.
    Numbers,
    /// Every host: who asks must log in, and logins are bound to their host.
    Any,
}

impl Hosts {
    /// The hosts of a server with this public URL, if it has one (checked before), and these further names.
    pub(crate) fn new(addresses: Addresses, public_url: Option<&str>, names: &[String]) -> Self {
        let public_origin = public_url.map(|url| {
            let end = url.find("://").map_or(0, |at| at + 3);
            let path = url[end..].find('/').map_or(url.len(), |at| end + at);
            url[..path].to_ascii_lowercase()
        });
        let host = public_origin.as_deref().and_then(authority_of);
        Self {
            addresses,
            names: (host.into_iter().map(name_of).map(str::to_owned))
                .chain(names.iter().map(|name| name.to_ascii_lowercase()))
                .collect(),
            public_origin,
        }
    }

    /// Whether the host that a request names is this server.
    ///
    /// # Errors
    /// 400 for hosts that are none, 421 for those of others.
    pub(super) fn check(&self, headers: &HeaderMap, uri: &Uri) -> Result<(), Problem> {
        let Some(host) = host_of(headers, uri)? else {
            // Browsers always name one.
            return Ok(());
        };
        let name = name_of(host).to_ascii_lowercase();
        let by_address = match self.addresses {
            Addresses::Any => true,
            Addresses::Numbers => address_of(&name).is_some(),
            Addresses::Loopback => false,
        };
        match by_address || is_loopback(&name) || self.names.contains(&name) {
            true => Ok(()),
            false => Err(Problem::foreign_host(&name)),
        }
    }

    /// Whether a browser sent a request for a page of another origin. `private` says that the answer is for nobody else, too.
    pub(super) fn is_foreign(
        &self,
        method: &Method,
        headers: &HeaderMap,
        uri: &Uri,
        private: bool,
    ) -> bool {
        let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if !changes && !private {
            return false;
        }
        let site = text_of(headers, SEC_FETCH_SITE);
        if let Some(origin) = text_of(headers, header::ORIGIN) {
            // Pages without a referrer have no origin to name either, even to their own server.
            let hidden = origin == "null" && site == Some("same-origin");
            if !hidden && !self.is_own(origin, headers, uri) {
                return true;
            }
        }
        // Who follows a link sees the answer alone; the page with the link does not.
        let visit = !changes
            && text_of(headers, SEC_FETCH_MODE) == Some("navigate")
            && text_of(headers, SEC_FETCH_DEST) == Some("document");
        matches!(site, Some("cross-site" | "same-site")) && !visit
    }

    fn is_own(&self, origin: &str, headers: &HeaderMap, uri: &Uri) -> bool {
        let origin = origin.to_ascii_lowercase();
        if Some(&origin) == self.public_origin.as_ref() {
            return true;
        }
        let Ok(Some(host)) = host_of(headers, uri) else {
            return false;
        };
        let (port, host) = match origin.starts_with("https:") {
            true => (":443", host.to_ascii_lowercase()),
            false => (":80", host.to_ascii_lowercase()),
        };
        let host = host.strip_suffix(port).unwrap_or(&host);
        authority_of(&origin).map(|own| own.strip_suffix(port).unwrap_or(own)) == Some(host)
    }
}

/// The host that a request names, with its port.
///
/// # Errors
/// When it is no host, or there are several.
fn host_of<'a>(headers: &'a HeaderMap, uri: &'a Uri) -> Result<Option<&'a str>, Problem> {
    let mut all = headers.get_all(header::HOST).iter();
    let (first, second) = (all.next(), all.next());
    if second.is_some() {
        return Err(Problem::field("Host", "may be there once"));
    }
    match (first, uri.authority()) {
        (Some(host), _) => match host.to_str().ok().filter(|host| is_plain_host(host)) {
            Some(host) => Ok(Some(host)),
            None => Err(Problem::field(
                "Host",
                "may have letters, digits and . : - [ ] only",
            )),
        },
        // HTTP/2 has it here.
        (None, Some(authority)) => Ok(Some(authority.as_str())),
        (None, None) => Ok(None),
    }
}

/// The host lands in manifests and pages, so nothing else may be in it.
pub(super) fn is_plain_host(host: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:[]-".contains(&byte);
    !host.is_empty() && host.len() <= 255 && host.bytes().all(plain)
}

/// A host without its port and without the dot that may end it.
fn name_of(host: &str) -> &str {
    let end = match host.strip_prefix('[').and_then(|rest| rest.find(']')) {
        Some(at) => at + 2,
        None => host.rfind(':').unwrap_or(host.len()),
    };
    let name = host.get(..end).unwrap_or(host);
    name.strip_suffix('.').unwrap_or(name)
}

fn is_loopback(name: &str) -> bool {
    // Browsers and resolvers lead these names nowhere else (RFC 6761).
    if name == "localhost" || name.ends_with(".localhost") {
        return true;
    }
    address_of(name).is_some_and(|address| address.is_loopback())
}

fn address_of(name: &str) -> Option<IpAddr> {
    match name
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        Some(inner) => inner.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => name.parse().ok(),
    }
}

fn authority_of(origin: &str) -> Option<&str> {
    let rest = origin.strip_prefix("http://");
    rest.or_else(|| origin.strip_prefix("https://"))
}

fn text_of(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    // What is no text is nobody's origin.
    headers
        .get(name)
        .map(|value| value.to_str().unwrap_or("null"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn hosts_are_plain() {
        for host in ["localhost:5000", "127.0.0.1", "[::1]:80", "a-b.example"] {
            assert!(is_plain_host(host), "{host}");
        }
        for host in ["", "a b", "a\"b", "a<b", "a/b", "a@b", "ä.example", "a_b"] {
            assert!(!is_plain_host(host), "{host}");
        }
    }

    #[test]
    fn a_name_is_this_server_or_another() {
        let hosts = Hosts::new(
            Addresses::Loopback,
            Some("https://Video.example:8443/reel"),
            &["Nas".to_owned()],
        );
        let uri = Uri::from_static("/");
        let check = |host| hosts.check(&headers(&[(header::HOST, host)]), &uri).is_ok();
        for host in [
            "localhost",
            "LOCALHOST:5000",
            "localhost.",
            "reel.localhost:1",
            "127.0.0.1:5000",
            "127.9.9.9",
            "[::1]:5000",
            "video.example",
            "video.example:443",
            "nas:5000",
        ] {
            assert!(check(host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evillocalhost",
            "evil-video.example",
            "video.example.evil.example",
            "192.168.0.1",
            "[::2]",
            "0.0.0.0:5000",
            "x",
            "[::1",
        ] {
            assert!(!check(host), "{host}");
        }
        let two = [(header::HOST, "localhost"), (header::HOST, "evil.example")];
        let mut both = headers(&two[..1]);
        both.append(header::HOST, HeaderValue::from_static(two[1].1));
        assert!(hosts.check(&both, &uri).is_err());
    }

    #[test]
    fn elsewhere_numbers_are_this_server() {
        let hosts = Hosts::new(Addresses::Numbers, None, &[]);
        let uri = Uri::from_static("/");
        let check = |host| hosts.check(&headers(&[(header::HOST, host)]), &uri).is_ok();
        for host in ["192.168.0.1:5000", "[2001:db8::1]:5000", "localhost"] {
            assert!(check(host), "{host}");
        }
        for host in ["evil.example", "192.168.0.1.evil.example", "nas"] {
            assert!(!check(host), "{host}");
        }
    }

    #[test]
    fn an_origin_is_this_server_or_another() {
        let hosts = Hosts::new(Addresses::Loopback, Some("https://video.example/reel"), &[]);
        let uri = Uri::from_static("/");
        let foreign = |host, origin| {
            let headers = headers(&[(header::HOST, host), (header::ORIGIN, origin)]);
            hosts.is_foreign(&Method::POST, &headers, &uri, true)
        };
        for (host, origin) in [
            ("localhost:5000", "http://localhost:5000"),
            ("localhost", "http://localhost:80"),
            ("localhost:443", "https://localhost"),
            ("127.0.0.1:5000", "https://video.example"),
        ] {
            assert!(!foreign(host, origin), "{host} {origin}");
        }
        for (host, origin) in [
            ("localhost:5000", "http://localhost:3000"),
            ("localhost:5000", "http://localhost"),
            ("localhost:5000", "null"),
            ("localhost:5000", "file://"),
            ("localhost:5000", "http://localhost:5000.evil.example"),
            ("localhost:5000", "http://evil-video.example"),
            ("localhost:5000", "http://video.example"),
            ("localhost:5000", "https://video.example.evil.example"),
        ] {
            assert!(foreign(host, origin), "{host} {origin}");
        }
    }

    #[test]
    fn browsers_say_for_whom_they_ask() {
        let hosts = Hosts::new(Addresses::Loopback, None, &[]);
        let uri = Uri::from_static("/");
        let foreign = |method: Method, pairs: &[(HeaderName, &'static str)], private| {
            hosts.is_foreign(&method, &headers(pairs), &uri, private)
        };
        let site = |value| (SEC_FETCH_SITE, value);
        for value in ["cross-site", "same-site"] {
            assert!(foreign(Method::POST, &[site(value)], false));
            assert!(foreign(Method::GET, &[site(value)], true));
            assert!(!foreign(Method::GET, &[site(value)], false));
            let visit = [
                site(value),
                (SEC_FETCH_MODE, "navigate"),
                (SEC_FETCH_DEST, "document"),
            ];
            assert!(!foreign(Method::GET, &visit, true));
            assert!(foreign(Method::POST, &visit, true));
            let frame = [
                site(value),
                (SEC_FETCH_MODE, "navigate"),
                (SEC_FETCH_DEST, "iframe"),
            ];
            assert!(foreign(Method::GET, &frame, true));
        }
        for value in ["same-origin", "none"] {
            assert!(!foreign(Method::POST, &[site(value)], true));
        }
        let hidden = [site("same-origin"), (header::ORIGIN, "null")];
        assert!(!foreign(Method::POST, &hidden, true));
        assert!(!foreign(Method::POST, &[], true), "no browser");
    }
}
