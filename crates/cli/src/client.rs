//! The HTTP client of the subcommands that talk to servers.

use std::sync::Arc;
use std::time::Duration;
use ureq::config::ConfigBuilder;
use ureq::http::{HeaderValue, Request, header};
use ureq::middleware::MiddlewareNext;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::typestate::AgentScope;
use ureq::{Agent, SendBody};

/// A client that follows no redirections by itself, takes any status for an answer, and gives a request up after a time.
pub fn agent(with_tls: bool, patience: Duration) -> Agent {
    config(with_tls, patience).build().into()
}

/// The same, showing who asks in each request, if that is given. All requests must go to one server.
pub fn agent_of(with_tls: bool, patience: Duration, authorization: Option<HeaderValue>) -> Agent {
    let Some(authorization) = authorization else {
        return agent(with_tls, patience);
    };
    let show = move |mut request: Request<SendBody>, next: MiddlewareNext| {
        let headers = request.headers_mut();
        headers.insert(header::AUTHORIZATION, authorization.clone());
        next.handle(request)
    };
    config(with_tls, patience).middleware(show).build().into()
}

fn config(with_tls: bool, patience: Duration) -> ConfigBuilder<AgentScope> {
    let mut config = Agent::config_builder()
        .max_redirects(0)
        .max_redirects_will_error(false)
        .http_status_as_error(false)
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_global(Some(patience))
        .user_agent(concat!("reelpack/", env!("CARGO_PKG_VERSION")));
    if with_tls {
        let roots = rustls_native_certs::load_native_certs().certs;
        let roots: Vec<Certificate<'static>> = roots
            .iter()
            .map(|root| Certificate::from_der(root).to_owned())
            .collect();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(provider))
            .root_certs(RootCerts::new_with_certs(&roots));
        config = config.tls_config(tls.build());
    }
    config
}
