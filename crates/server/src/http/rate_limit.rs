//! The headers that tell programs of a limit they reached: `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10).

use crate::access::Reached;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What a problem says of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Limited {
    /// So many in a time.
    Rate(Reached),
    /// So many at once, by name. When one ends, nobody knows.
    AtOnce(&'static str, usize),
}

impl Limited {
    /// Adds the headers to an answer.
    pub(super) fn tell(self, headers: &mut HeaderMap) {
        let (policy, limit) = match self {
            Self::Rate(reached) => {
                headers.insert(header::RETRY_AFTER, reached.wait.into());
                let name = reached.name;
                (
                    format!("\"{name}\";q={};w={}", reached.quota, reached.window),
                    format!("\"{name}\";r=0;t={}", reached.wait),
                )
            }
            Self::AtOnce(name, most) => (
                format!("\"{name}\";q={most};qu=\"concurrent-requests\""),
                format!("\"{name}\";r=0"),
            ),
        };
        for (name, value) in [(POLICY, policy), (LIMIT, limit)] {
            // Names are our own words, and the rest are numbers.
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_as_the_draft_says() {
        let told = |limited: Limited| {
            let mut headers = HeaderMap::new();
            limited.tell(&mut headers);
            [POLICY, LIMIT].map(|name| headers[name].to_str().expect("text").to_owned())
        };
        let reached = Reached {
            name: "login-account",
            quota: 10,
            window: 600,
            wait: 42,
        };
        let rate = told(Limited::Rate(reached));
        assert_eq!(
            rate,
            ["\"login-account\";q=10;w=600", "\"login-account\";r=0;t=42"]
        );
        let at_once = told(Limited::AtOnce("event-streams", 256));
        let policy = "\"event-streams\";q=256;qu=\"concurrent-requests\"";
        assert_eq!(at_once, [policy, "\"event-streams\";r=0"]);
    }
}
