//! What a request needs to be answered: one line for each route. Who adds a route adds its line; a route without one is refused.

use crate::access::Scope;
use crate::access::playback::Kind;
use axum::http::Method;

/// What a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing, ever: whether the process lives, and what makes the first administrator.
    Nothing,
    /// That there is an administrator: the page's own addresses, and whether the server is ready.
    SetUp,
    /// The same; and no page but this server's own may ask.
    Login,
    /// That one is known, whatever one may do.
    Known,
    /// A scope.
    Allowed(Scope),
    /// A scope of the first tenant: it concerns all.
    Installation(Scope),
    /// It is for players, of any origin that the CORS setting allows.
    Playback(Kind),
}

use Need::{Allowed, Installation, Known, Login, Nothing, SetUp};

const SEE: Need = Allowed(Scope::AssetsRead);
const CHANGE: Need = Allowed(Scope::AssetsWrite);
const SEE_JOBS: Need = Allowed(Scope::JobsRead);
const STEER: Need = Allowed(Scope::JobsWrite);
const MEDIA: Need = Need::Playback(Kind::Media);
const LICENSE: Need = Need::Playback(Kind::License);
const SEE_WEBHOOKS: Need = Allowed(Scope::WebhooksRead);
const CHANGE_WEBHOOKS: Need = Allowed(Scope::WebhooksWrite);
const ADMIN: Need = Allowed(Scope::Admin);
const OPERATE: Need = Installation(Scope::Admin);
const STEER_ALL: Need = Installation(Scope::JobsWrite);

/// Methods, route, need. Routes are as the router has them; `HEAD` is as `GET`.
const NEEDS: &[(&str, &str, Need)] = &[
    ("GET", "/livez", Nothing),
    ("GET", "/setup", Nothing),
    ("GET", "/_app/{*path}", Nothing),
    ("POST", "/api/v1/setup", Nothing),
    ("GET", "/", SetUp),
    ("GET", "/library", SetUp),
    ("GET", "/assets/{id}", SetUp),
    ("GET", "/player", SetUp),
    ("GET", "/tokens", SetUp),
    ("GET", "/webhooks", SetUp),
    ("GET", "/readyz", SetUp),
    ("POST", "/api/v1/session", Login),
    ("GET DELETE", "/api/v1/session", Known),
    ("GET", "/api/v1/docs", Known),
    ("GET", "/api/v1/docs/", Known),
    ("GET", "/api/v1/docs/{*rest}", Known),
    ("GET", "/api/v1/openapi.json", Known),
    ("GET POST", "/api/v1/tokens", ADMIN),
    ("GET DELETE", "/api/v1/tokens/{id}", ADMIN),
    ("GET POST", "/api/v1/tenants", OPERATE),
    ("GET PATCH DELETE", "/api/v1/tenants/{id}", OPERATE),
    ("GET", "/api/v1/assets", SEE),
    ("POST", "/api/v1/assets", CHANGE),
    ("GET", "/api/v1/assets/{id}", SEE),
    ("PATCH DELETE", "/api/v1/assets/{id}", CHANGE),
    ("POST", "/api/v1/assets/{id}/packages", CHANGE),
    ("GET", "/api/v1/assets/{id}/playback", SEE),
    ("PUT", "/api/v1/assets/{id}/playback", CHANGE),
    (
        "POST",
        "/api/v1/assets/{id}/playback_tokens",
        Allowed(Scope::PlaybackSign),
    ),
    ("GET", "/api/v1/uploads", SEE),
    ("POST OPTIONS", "/api/v1/uploads", CHANGE),
    ("GET", "/api/v1/uploads/{id}", SEE),
    ("PATCH POST DELETE OPTIONS", "/api/v1/uploads/{id}", CHANGE),
    ("GET", "/api/v1/events", SEE),
    ("GET", "/api/v1/packages", SEE),
    ("GET", "/api/v1/packages/{id}", SEE),
    ("DELETE", "/api/v1/packages/{id}", CHANGE),
    ("POST", "/api/v1/packages/{id}/replace", CHANGE),
    ("GET", "/api/v1/jobs", SEE_JOBS),
    ("GET", "/api/v1/jobs/{id}", SEE_JOBS),
    ("DELETE", "/api/v1/jobs/{id}", STEER),
    ("POST", "/api/v1/jobs/{id}/cancel", STEER),
    ("POST", "/api/v1/jobs/{id}/pause", STEER),
    ("POST", "/api/v1/jobs/{id}/resume", STEER),
    ("POST", "/api/v1/jobs/{id}/retry", STEER),
    ("GET", "/api/v1/queue", SEE_JOBS),
    ("POST", "/api/v1/queue/pause", STEER_ALL),
    ("POST", "/api/v1/queue/resume", STEER_ALL),
    ("GET", "/api/v1/webhooks", SEE_WEBHOOKS),
    ("POST", "/api/v1/webhooks", CHANGE_WEBHOOKS),
    ("GET", "/api/v1/webhooks/{id}", SEE_WEBHOOKS),
    ("PATCH DELETE", "/api/v1/webhooks/{id}", CHANGE_WEBHOOKS),
    ("POST", "/api/v1/webhooks/{id}/rotate", CHANGE_WEBHOOKS),
    ("POST", "/api/v1/webhooks/{id}/test", CHANGE_WEBHOOKS),
    ("GET", "/api/v1/webhooks/{id}/deliveries", SEE_WEBHOOKS),
    (
        "POST",
        "/api/v1/webhooks/{id}/deliveries/{delivery}/resend",
        CHANGE_WEBHOOKS,
    ),
    ("GET", "/upload_input_content", CHANGE),
    ("POST", "/success", CHANGE),
    ("POST", "/packaged_content", CHANGE),
    // It tells the content key.
    (
        "GET",
        "/packaged_content_id/{number}",
        Allowed(Scope::KeysRead),
    ),
    ("GET", "/packaged_content/{number}", SEE),
    ("GET", "/videos", SEE),
    ("GET", "/videos/", SEE),
    ("GET", "/videos/{code}/dash/{*path}", MEDIA),
    // On the media port, as old links have it.
    ("GET", "/{code}/dash/{*path}", MEDIA),
    ("POST", "/license/clearkey", LICENSE),
    ("GET", "/license/key/{kid}", LICENSE),
    ("GET", "/license/key/{package}/{kid}", LICENSE),
];

impl Need {
    /// Whether the answer is for nobody but the one who asks.
    pub(super) fn is_private(self) -> bool {
        matches!(self, Login | Known | Allowed(_) | Installation(_))
    }

    /// Whether it is for players.
    pub(super) fn is_playback(self) -> bool {
        matches!(self, Self::Playback(_))
    }
}

/// What the table says of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Declared {
    /// What it needs.
    Needs(Need),
    /// The route is there, but not the method: what its first method needs.
    OtherMethod(Need),
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
        Some((.., need)) => Declared::OtherMethod(*need),
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
        assert_eq!(other, Declared::OtherMethod(SEE));
        assert_eq!(of(&Method::GET, "/api/v1/secrets"), Declared::Nowhere);
    }
}
