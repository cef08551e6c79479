//! What a request shows to be let in: a bearer token, or the cookie of a session.

use super::error::{Problem, Result};
use super::peer::Client;
use crate::access::{Caller, secret};
use crate::app::Shared;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};

/// The cookie of a session: of this host alone, over TLS (or loopback), never for scripts or for other sites' requests.
pub(super) const COOKIE: &str = "__Host-reelpack-session";
/// A session ends after 12 hours.
pub(super) const SESSION_MS: i64 = 12 * 60 * 60 * 1000;

/// Who sent a request.
///
/// # Errors
/// 401 when it shows nothing, or what is not valid (any more); 429 when its address did so too often; 503 when the catalogue
/// does not answer.
pub(super) async fn caller(shared: &Shared, head: &Parts) -> Result<Caller> {
    let headers = &head.headers;
    if headers.contains_key(header::AUTHORIZATION) {
        let hash = bearer(headers).and_then(secret::hash);
        let token = match hash {
            Some(hash) => shared.db.valid_api_token(&hash).await?,
            None => None,
        };
        let token = token.ok_or_else(|| refused(shared, head, Problem::wrong_token()))?;
        return Ok(Caller::Token {
            scopes: token.scopes(),
            tenant: token.tenant_id,
        });
    }
    let Some(shown) = session(headers) else {
        return Err(Problem::unauthorized());
    };
    let account = match secret::hash(shown) {
        Some(hash) => shared.db.account_of_session(&hash).await?,
        None => None,
    };
    let account = account.ok_or_else(|| refused(shared, head, Problem::unauthorized()))?;
    Ok(Caller::Account {
        tenant: account.tenant_id,
        name: account.name,
    })
}

/// What is answered to something that opens nothing: the same each time, until there were too many.
fn refused(shared: &Shared, head: &Parts, problem: Problem) -> Problem {
    let Some(client) = head.extensions.get::<Client>() else {
        return problem;
    };
    match shared.access.attempts.wrong_credential(client.address) {
        Ok(()) => problem,
        Err(reached) => Problem::too_many_attempts(reached),
    }
}

/// The token of a request (RFC 6750, 2.1). In URLs and bodies there are none.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (all.next()?, all.next());
    let (scheme, token) = first.to_str().ok()?.split_once(' ')?;
    (second.is_none() && scheme.eq_ignore_ascii_case("bearer")).then(|| token.trim())
}

/// What the cookie of a session holds.
pub(super) fn session(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter();
    let texts = lines.filter_map(|line| line.to_str().ok());
    let mut pairs = texts.flat_map(|text| text.split(';'));
    pairs.find_map(|pair| {
        let (name, value) = pair.trim().split_once('=')?;
        (name == COOKIE).then_some(value)
    })
}

/// The header that gives a browser its session; `None` takes it away.
///
/// # Errors
/// Never: secrets are letters and digits.
pub(super) fn cookie(secret: Option<&str>) -> Result<HeaderValue> {
    let age = secret.map_or(0, |_| SESSION_MS / 1000);
    let value = secret.unwrap_or_default();
    let text =
        format!("{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={age}");
    let mut header = HeaderValue::from_str(&text).map_err(Problem::internal)?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn tokens_are_read_from_their_header() {
        let of = |value| bearer(&headers(header::AUTHORIZATION, value)).map(str::to_owned);
        assert_eq!(of("Bearer rpt_1").as_deref(), Some("rpt_1"));
        assert_eq!(of("bearer  rpt_1").as_deref(), Some("rpt_1"));
        for other in ["Basic cnB0XzE=", "rpt_1", "Bearer", ""] {
            assert_eq!(of(other), None, "{other}");
        }
        let mut two = headers(header::AUTHORIZATION, "Bearer rpt_1");
        two.append(header::AUTHORIZATION, HeaderValue::from_static("Bearer x"));
        assert_eq!(bearer(&two), None);
    }

    #[test]
    fn sessions_are_read_from_their_cookie() {
        let of = |value| session(&headers(header::COOKIE, value)).map(str::to_owned);
        let both = of("a=b; __Host-reelpack-session=rps_1;c=d");
        assert_eq!(both.as_deref(), Some("rps_1"));
        for other in ["reelpack-session=rps_1", "x__Host-reelpack-session=1", "a"] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
