//! What a server needs to know to start.

use crate::access::AccessControl;
use crate::db::DatabaseUrl;
use crate::serving::ServingConfig;
use crate::storage::StorageConfig;
use crate::telemetry::TelemetryConfig;
use crate::uploads::UploadLimits;
use crate::webhooks::WebhookConfig;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// Configuration of a server; the command line makes it from its flags.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where the page, the API and the media are served; without it the process is workers alone.
    pub listen: Option<SocketAddr>,
    /// Where the media alone are served besides, for old links (`/CODE/dash/stream.mpd`).
    pub media_listen: Option<SocketAddr>,
    /// Holds the embedded database, the storage and the key file.
    pub data_dir: PathBuf,
    /// The database of the catalogue, when it is not the embedded one.
    pub database: Option<DatabaseUrl>,
    /// Where sources and packages are kept, if not in the data folder.
    pub storage: StorageConfig,
    /// What links and licence URLs begin with; else the request's `Host`.
    pub public_url: Option<String>,
    /// Whether one has to log in; by the addresses to listen on unless it is said.
    pub access: Option<AccessControl>,
    /// Further names under which it may be asked where nobody has to log in.
    pub names: Vec<String>,
    /// The file under which content keys are wrapped, if it is not in the data folder.
    pub key_file: Option<PathBuf>,
    /// How many packagings run at once; with 0, orders are queued and wait.
    pub workers: usize,
    /// Which renditions packages have whose order does not say so: those of the source, `auto`, or the text of a profile.
    pub ladder: Option<String>,
    /// How long a job waits after its first attempt failed for a reason that may pass; twice as long after each
    /// further one.
    pub first_pause: Duration,
    /// What uploads may take.
    pub uploads: UploadLimits,
    /// How webhooks are delivered.
    pub webhooks: WebhookConfig,
    /// The listeners, and how files of packages are served.
    pub serving: ServingConfig,
    /// What is told of the process while it runs.
    pub telemetry: TelemetryConfig,
    /// What converts files that the engine does not read.
    pub tools: transcode::Tools,
}

/// Checks a public URL; returns it without a slash at its end.
///
/// It lands in manifests and links, so only what needs no escaping there may be in it.
pub(crate) fn public_url(text: &str) -> Result<String, String> {
    let rest = ["http://", "https://"]
        .iter()
        .find_map(|scheme| text.strip_prefix(scheme))
        .ok_or_else(|| format!("the public URL {text:?} must begin with http:// or https://"))?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".:[]-_~/%".contains(&byte);
    if rest.is_empty() || rest.starts_with('/') || !rest.bytes().all(plain) {
        return Err(format!(
            "the public URL {text:?} must be a host with an optional port and path, \
             like https://video.example"
        ));
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::public_url;

    #[test]
    fn public_urls_are_plain() {
        let good = "https://video.example:8443/reel";
        assert_eq!(
            public_url("https://video.example:8443/reel/").as_deref(),
            Ok(good)
        );
        for bad in [
            "",
            "video.example",
            "ftp://x",
            "http://",
            "http:///x",
            "http://a\"b",
            "http://a b",
            "http://a?b",
        ] {
            assert!(public_url(bad).is_err(), "{bad:?}");
        }
    }
}
