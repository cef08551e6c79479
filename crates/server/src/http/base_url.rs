//! What the URLs in answers and manifests begin with.

use super::error::Problem;
use super::origin::is_plain_host;
use super::peer::Client;
use crate::app::Shared;
use axum::extract::FromRequestParts;
use axum::http::header;
use axum::http::request::Parts;
use std::sync::Arc;

/// `scheme://host:port` of the request, or the configured public URL; no slash at its end.
#[derive(Debug, Clone)]
pub(super) struct BaseUrl(pub(super) String);

impl FromRequestParts<Arc<Shared>> for BaseUrl {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        shared: &Arc<Shared>,
    ) -> Result<Self, Self::Rejection> {
        if let Some(url) = &shared.public_url {
            return Ok(Self(url.clone()));
        }
        let host = parts
            .headers
            .get(header::HOST)
            .and_then(|host| host.to_str().ok())
            .ok_or_else(|| Problem::field("Host", "is missing"))?;
        if !is_plain_host(host) {
            return Err(Problem::field(
                "Host",
                "may have letters, digits and . : - [ ] only",
            ));
        }
        let client = parts.extensions.get::<Client>();
        let scheme = client.map_or("http", |client| client.scheme());
        Ok(Self(format!("{scheme}://{host}")))
    }
}
