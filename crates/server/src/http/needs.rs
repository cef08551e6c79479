//! What a request needs to be answered: one line for each route. Who adds a route adds its line; a route without one is refused.

use axum::http::Method;

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: the page's own files, whether the process lives.
    Nothing,
    /// It is for nobody's page but this server's own.
    Private,
    /// It is for players, of any origin that the CORS setting allows.
    Playback,
}

use Need::{Nothing, Playback, Private};

/// Methods, route, need. Routes are as the router has them; `HEAD` is as `GET`.
const NEEDS: &[(&str, &str, Need)] = &[
    ("GET", "/", Nothing),
    ("GET", "/library", Nothing),
    ("GET", "/assets/{id}", Nothing),
    ("GET", "/player", Nothing),
    ("GET", "/_app/{*path}", Nothing),
    ("GET", "/livez", Nothing),
    ("GET", "/readyz", Nothing),
    ("GET", "/api/v1/docs", Private),
    ("GET", "/api/v1/docs/", Private),
    ("GET", "/api/v1/docs/{*rest}", Private),
    ("GET", "/api/v1/openapi.json", Private),
    ("GET POST", "/api/v1/assets", Private),
    ("GET DELETE", "/api/v1/assets/{id}", Private),
    ("POST", "/api/v1/assets/{id}/packages", Private),
    ("GET POST OPTIONS", "/api/v1/uploads", Private),
    (
        "GET PATCH POST DELETE OPTIONS",
        "/api/v1/uploads/{id}",
        Private,
    ),
    ("GET", "/api/v1/packages", Private),
    ("GET DELETE", "/api/v1/packages/{id}", Private),
    ("POST", "/api/v1/packages/{id}/replace", Private),
    ("GET", "/api/v1/jobs", Private),
    ("GET DELETE", "/api/v1/jobs/{id}", Private),
    ("POST", "/api/v1/jobs/{id}/cancel", Private),
    ("POST", "/api/v1/jobs/{id}/pause", Private),
    ("POST", "/api/v1/jobs/{id}/resume", Private),
    ("POST", "/api/v1/jobs/{id}/retry", Private),
    ("GET", "/api/v1/queue", Private),
    ("POST", "/api/v1/queue/pause", Private),
    ("POST", "/api/v1/queue/resume", Private),
    ("GET", "/upload_input_content", Private),
    ("POST", "/success", Private),
    ("POST", "/packaged_content", Private),
    ("GET", "/packaged_content_id/{number}", Private),
    ("GET", "/packaged_content/{number}", Private),
    ("GET", "/videos", Private),
    ("GET", "/videos/", Private),
    ("GET", "/videos/{code}/dash/{*path}", Playback),
    // On the media port, as old links have it.
    ("GET", "/{code}/dash/{*path}", Playback),
    ("POST", "/license/clearkey", Playback),
    ("GET", "/license/key/{kid}", Playback),
    ("GET", "/license/key/{package}/{kid}", Playback),
];

/// What the table says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    /// What it needs.
    Needs(Need),
    /// The route is there, but not the method: what its first method needs, and its methods.
    OtherMethod(Need, &'static str),
    /// Nobody has said.
    Nowhere,
}

/// Looks a request up.
pub(super) fn of(method: &Method, route: &str) -> Declared {
    let method = match *method {
        Method::HEAD => "GET",
        _ => method.as_str(),
    };
    let lines = || NEEDS.iter().filter(|(_, known, _)| *known == route);
    let has = |methods: &str| methods.split(' ').any(|known| known == method);
    if let Some((.., need)) = lines().find(|(methods, ..)| has(methods)) {
        return Declared::Needs(*need);
    }
    match lines().next() {
        Some((methods, _, need)) => Declared::OtherMethod(*need, methods),
        None => Declared::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_declared_is_nowhere() {
        assert_eq!(of(&Method::HEAD, "/livez"), Declared::Needs(Nothing));
        let other = of(&Method::PUT, "/api/v1/assets");
        assert_eq!(other, Declared::OtherMethod(Private, "GET POST"));
        assert_eq!(of(&Method::GET, "/api/v1/secrets"), Declared::Nowhere);
    }
}
