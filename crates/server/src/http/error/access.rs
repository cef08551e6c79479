//! Problems of who may not come in, or not play.

use super::super::html;
use super::super::rate_limit::Limited;
use super::{Kind, Problem};
use crate::access::{Reached, Scope};
use axum::response::Response;

impl Problem {
    /// 403 for a page of another site.
    pub(in crate::http) fn cross_site() -> Self {
        Self::new(
            Kind::CrossSite,
            "a browser sent this request for a page of another site; use the page of this server, \
             or a client that is no browser",
        )
    }

    /// 421 for a host that is not this server.
    pub(in crate::http) fn foreign_host(host: &str) -> Self {
        Self::new(
            Kind::ForeignHost,
            format!(
                "this server is not {host}; ask it by localhost or its address, or start it with --allow-host {host} \
                 if that is its name"
            ),
        )
    }

    /// 401 before there is an administrator.
    pub(in crate::http) fn not_set_up() -> Self {
        Self::new(
            Kind::NotSetUp,
            "open /setup and make the first administrator, with the set-up token from the server's console",
        )
    }

    /// 401 for who shows nothing.
    pub(in crate::http) fn unauthorized() -> Self {
        Self::new(
            Kind::Unauthorized,
            "send the header Authorization: Bearer with an API token, or log in on the page",
        )
    }

    /// 401 for a token that is none, or not any more.
    pub(in crate::http) fn wrong_token() -> Self {
        Self::new(
            Kind::Unauthorized,
            "the token is unknown, has run out or was revoked; an administrator can make another one",
        )
    }

    /// 401 for a name and a password; it does not say which is wrong.
    pub(in crate::http) fn wrong_login() -> Self {
        Self::new(Kind::WrongLogin, "the name or the password is wrong")
    }

    /// 403.
    pub(in crate::http) fn wrong_set_up_token() -> Self {
        Self::new(
            Kind::WrongSetUpToken,
            "this is not the set-up token: the server writes it on its console when it starts, a new one at each start",
        )
    }

    /// 403 for a token that allows other things.
    pub(in crate::http) fn missing_scope(scope: Scope) -> Self {
        let scope = scope.as_str();
        Self::new(
            Kind::MissingScope,
            format!("it needs the scope {scope}; an administrator can make a token that has it"),
        )
    }

    /// 429.
    pub(in crate::http) fn too_many_attempts(reached: Reached) -> Self {
        let text = format!("wait {} s, then try again", reached.wait);
        Self {
            limited: Some(Box::new(Limited::Rate(reached))),
            ..Self::new(Kind::TooManyAttempts, text)
        }
    }

    /// 401 for a player that shows nothing.
    pub(in crate::http) fn playback_is_signed() -> Self {
        Self::new(
            Kind::PlaybackIsSigned,
            "ask for it with ?token= and a token of POST /api/v1/assets/{id}/playback_tokens",
        )
    }

    /// 403 for a player whose token is none, of something else, or not good at this moment.
    pub(in crate::http) fn wrong_playback_token() -> Self {
        Self::new(
            Kind::WrongPlaybackToken,
            "it has run out, is used up, or is of another asset, rendition or kind; ask for another one",
        )
    }

    /// The same as a page with a link to where one gets in.
    pub(in crate::http) fn for_people(self) -> Response {
        let (status, _, title) = self.kind.facts();
        let link = match self.kind {
            Kind::NotSetUp => "<a href=\"/setup\">Set up</a>",
            _ => "<a href=\"/\">Log in</a>",
        };
        let detail = crate::links::escape(&self.detail);
        html::page(status, title, &format!("<p>{detail}</p>\n<p>{link}</p>"))
    }

    /// 403 for a route without its line in `needs.rs`.
    pub(in crate::http) fn undeclared() -> Self {
        Self::new(
            Kind::Undeclared,
            "this is a fault of the server: the route has no line in http/needs.rs",
        )
    }
}
