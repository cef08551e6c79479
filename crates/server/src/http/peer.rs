//! Who is at the other end of a connection, and what a trusted proxy says of whom it asks for.
//!
//! In: the address that connected, and the head of a request. Out: a head without any word of a proxy that is not trusted,
//! whose `Host` is the one that was asked for, and [`Client`] among its extensions.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Request, header};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};

/// What proxies say, and what anybody can say. `Forwarded` is read by nobody here.
const FORWARDED: [HeaderName; 8] = [
    header::FORWARDED,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-port"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-server"),
    HeaderName::from_static("x-real-ip"),
];

/// Who asks, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    /// The address of the client, as the nearest trusted proxy saw it if there is one.
    pub(crate) address: IpAddr,
    /// Whether the client speaks TLS: with this server, or with a trusted proxy.
    pub(crate) tls: bool,
}

impl Client {
    /// `http` or `https`.
    pub(crate) fn scheme(self) -> &'static str {
        match self.tls {
            true => "https",
            false => "http",
        }
    }
}

/// Notes in a request who sent it over a connection from `peer`.
pub(super) fn settle<B>(
    request: &mut Request<B>,
    peer: SocketAddr,
    tls: bool,
    trusted: &[IpNet],
) -> Client {
    // HTTP/2 names the host in the target, and so may HTTP/1.1, where the target counts (RFC 9112, 3.2.2).
    let authority = request.uri().authority().map(|host| host.as_str());
    let authority = authority.and_then(|host| HeaderValue::from_str(host).ok());
    let headers = request.headers_mut();
    if let Some(host) = authority
        && headers.get_all(header::HOST).iter().count() < 2
    {
        headers.insert(header::HOST, host);
    }
    let address = peer.ip().to_canonical();
    let mut client = Client { address, tls };
    if is_trusted(address, trusted) {
        client.address = behind(headers, address, trusted);
        if let Some(scheme) = only(headers, "x-forwarded-proto") {
            client.tls = scheme.eq_ignore_ascii_case("https");
        }
        if let Some(host) = only(headers, "x-forwarded-host")
            && let Ok(host) = HeaderValue::from_str(host)
        {
            headers.insert(header::HOST, host);
        }
    }
    for name in &FORWARDED {
        headers.remove(name);
    }
    request.extensions_mut().insert(client);
    client
}

/// Whether an address is that of a proxy whose word counts.
pub(super) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// The last address before the trusted proxies; each of them appended the one that it saw.
fn behind(headers: &HeaderMap, peer: IpAddr, trusted: &[IpNet]) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter();
    let texts: Vec<&str> = lines.filter_map(|line| line.to_str().ok()).collect();
    let listed = texts.iter().flat_map(|text| text.split(',')).rev();
    let mut nearest = peer;
    for text in listed {
        // What is no address ends the list: nobody knows who wrote what stands before it.
        let Ok(address) = text.trim().parse::<IpAddr>() else {
            return nearest;
        };
        nearest = address.to_canonical();
        if !is_trusted(nearest, trusted) {
            return nearest;
        }
    }
    nearest
}

/// The last word of a header: what the nearest proxy said.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let last = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    last.rsplit(',')
        .next()
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(peer: &str, headers: &[(&str, &str)]) -> (Client, String) {
        let mut request = Request::builder().uri("/").header("host", "own.example");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).expect("a request");
        let peer = SocketAddr::new(peer.parse().expect("an address"), 4_000);
        let trusted = ["10.0.0.0/8", "::1/128"].map(|net| net.parse().expect("a network"));
        let client = settle(&mut request, peer, false, &trusted);
        let left: Vec<_> = request.headers().keys().collect();
        assert_eq!(left, [header::HOST], "nothing of a proxy is left");
        assert_eq!(request.extensions().get(), Some(&client));
        let host = request.headers()[header::HOST].to_str().expect("text");
        (client, host.to_owned())
    }

    /// SEC-37.
    #[test]
    fn what_a_proxy_says_counts_when_it_is_trusted() {
        let said = [
            ("x-forwarded-for", "1.1.1.1, 9.9.9.9, 10.0.0.7"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "site.example"),
            ("forwarded", "for=8.8.8.8"),
            ("x-real-ip", "8.8.8.8"),
        ];
        let client = |address: &str, tls| Client {
            address: address.parse().expect("an address"),
            tls,
        };
        for (peer, address, tls, host) in [
            ("192.0.2.1", "192.0.2.1", false, "own.example"),
            ("10.0.0.1", "9.9.9.9", true, "site.example"),
            ("::ffff:10.0.0.1", "9.9.9.9", true, "site.example"),
            ("::1", "9.9.9.9", true, "site.example"),
            ("::2", "::2", false, "own.example"),
        ] {
            assert_eq!(asked(peer, &said), (client(address, tls), host.to_owned()));
        }
        for (list, address) in [
            ("", "10.0.0.1"),
            ("unknown", "10.0.0.1"),
            ("1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"),
            ("10.0.0.3", "10.0.0.3"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            let (found, _) = asked("10.0.0.1", &[("x-forwarded-for", list)]);
            assert_eq!(found, client(address, false), "{list}");
        }
    }

    #[test]
    fn the_host_of_the_target_counts() {
        let request = Request::builder().uri("https://h2.example:8443/x");
        let mut request = request.header("host", "other").body(()).expect("a request");
        let peer = "192.0.2.1:1".parse().expect("an address");
        assert_eq!(settle(&mut request, peer, true, &[]).scheme(), "https");
        assert_eq!(request.headers()[header::HOST], "h2.example:8443");
    }
}
