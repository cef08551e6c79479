//! Flags about the listeners and what they serve.

use crate::failure::Failure;
use bytesize::ByteSize;
use clap::Args;
use humantime::Duration;
use ipnet::IpNet;
use server::{ServingConfig, TlsFiles};
use std::net::IpAddr;
use std::path::PathBuf;

/// How files of packages are served. Sizes are as those of uploads.
#[derive(Args)]
#[command(next_help_heading = "Serving")]
pub struct ServingArgs {
    /// Memory for files of packages: half of it keeps those that are often asked for.
    #[arg(long, value_name = "SIZE", default_value = "128MiB")]
    media_memory: ByteSize,
    /// An origin, such as https://player.example, whose pages may read media and licences; may be given several times
    /// [default: any].
    #[arg(long, value_name = "ORIGIN", value_parser = origin)]
    cors_origin: Vec<String>,
    /// Speak TLS (HTTP/2 and HTTP/1.1) with the certificate chain in this PEM file, which is read again when it changes.
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// The private key of that certificate, PEM.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// A network or address of proxies whose X-Forwarded-For, -Proto and -Host are believed; may be given several times.
    #[arg(long, value_name = "CIDR", value_parser = network)]
    trusted_proxy: Vec<IpNet>,
    /// Most connections at once, for each listener; further ones wait.
    #[arg(long, value_name = "N", default_value_t = 10_000)]
    max_connections: u32,
    /// Most connections of one address (or of one /64 of IPv6) at once, for each listener, trusted proxies apart; further ones are ended.
    #[arg(long, value_name = "N", default_value_t = 4_000)]
    max_connections_per_address: u32,
    /// How long a client may take nothing of its answer.
    #[arg(long, value_name = "TIME", default_value = "60s")]
    send_pause: Duration,
}

impl ServingArgs {
    /// The settings as the server reads them.
    ///
    /// # Errors
    /// [`Failure::Usage`] for a certificate without its key.
    pub fn config(&self) -> Result<ServingConfig, Failure> {
        Ok(ServingConfig {
            media_memory: self.media_memory.as_u64(),
            cors_origins: self.cors_origin.clone(),
            tls: self.tls()?,
            trusted_proxies: self.trusted_proxy.clone(),
            max_connections: usize::try_from(self.max_connections).unwrap_or(usize::MAX),
            max_connections_per_address: usize::try_from(self.max_connections_per_address)
                .unwrap_or(usize::MAX),
            send_pause: self.send_pause.into(),
        })
    }

    fn tls(&self) -> Result<Option<TlsFiles>, Failure> {
        match (&self.tls_certificate, &self.tls_key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => Ok(Some(TlsFiles {
                certificate: certificate.clone(),
                key: key.clone(),
            })),
            _ => Err(Failure::Usage(
                "a certificate needs its key, and a key its certificate: --tls-certificate and --tls-key".into(),
            )),
        }
    }
}

/// Reads a network, or one address of it.
fn network(text: &str) -> Result<IpNet, String> {
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    let network = text.parse().ok().or_else(address);
    network.ok_or_else(|| "not a network; write 10.0.0.0/8 or one address".to_owned())
}

/// Reads an origin as browsers write it.
fn origin(text: &str) -> Result<String, String> {
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    let origin = url.origin().ascii_serialization();
    match origin == text {
        true => Ok(origin),
        false => {
            Err("an origin is a scheme, a host and perhaps a port: https://HOST[:PORT]".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        serving: ServingArgs,
    }

    #[test]
    fn the_flags_have_the_defaults_of_the_server() {
        let flags = Line::parse_from(["x"]).serving.config().unwrap();
        assert_eq!(
            format!("{flags:?}"),
            format!("{:?}", ServingConfig::default())
        );
        let good = [
            "x",
            "--cors-origin",
            "https://a.example:8443",
            "--trusted-proxy",
            "10.0.0.1",
        ];
        let flags = Line::parse_from(good).serving.config().unwrap();
        assert_eq!(flags.cors_origins, ["https://a.example:8443"]);
        assert_eq!(flags.trusted_proxies[0].to_string(), "10.0.0.1/32");
        let alone = Line::try_parse_from(["x", "--tls-key", "k.pem"]).unwrap();
        assert!(alone.serving.config().is_err());
        for wrong in [
            "*",
            "null",
            "a.example",
            "https://a.example/",
            "https://A.example",
        ] {
            assert!(
                Line::try_parse_from(["x", "--cors-origin", wrong]).is_err(),
                "{wrong}"
            );
        }
    }
}
