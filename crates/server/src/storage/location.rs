//! Which storage: what `--storage` says, and how a client of it is made. Credentials go from a file or the
//! environment into the client; they are in no text that is printed.

use super::remote::Remote;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::client::ClientConfigKey;
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ObjectStore, RetryConfig};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Longest pause between two tries of a request.
const MAX_PAUSE: Duration = Duration::from_secs(5);
/// How long a request may be tried again and again, in timeouts.
const TIMEOUTS_A_REQUEST: u32 = 4;

/// Where sources and packages are kept.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// `s3://BUCKET/PREFIX`, `gs://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`; the data folder when not given.
    pub url: Option<String>,
    /// Address of a service that speaks the same protocol; that of the provider when not given.
    pub endpoint: Option<String>,
    /// Region of an S3 bucket.
    pub region: Option<String>,
    /// Lines of `NAME=VALUE` with the names of the provider's environment variables, mode 0600.
    pub credentials_file: Option<PathBuf>,
    /// How long a request may go without any byte.
    pub timeout: Duration,
    /// How often a request is tried again.
    pub retries: usize,
    /// Whether objects of packages that failed or were cancelled are kept, below `work/`.
    pub keep_work: bool,
    /// How long a package that was replaced keeps its objects for those who play it.
    pub grace: Duration,
    /// How often what nothing names is looked for.
    pub sweep_every: Duration,
}

impl Default for StorageConfig {
    fn default() -> Self {
        Self {
            url: None,
            endpoint: None,
            region: None,
            credentials_file: None,
            timeout: Duration::from_secs(30),
            retries: 6,
            keep_work: false,
            grace: Duration::from_secs(3600),
            sweep_every: Duration::from_secs(3600),
        }
    }
}

/// Why the configuration cannot work. No text holds a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error(
        "the storage {0:?} is no address of an object store; write s3://BUCKET/PREFIX, \
         gs://BUCKET/PREFIX or az://CONTAINER/PREFIX"
    )]
    Url(String),
    #[error("the credentials file {0}: {1}")]
    File(PathBuf, std::io::Error),
    #[error("the credentials file {0} may be read by others (mode {1:o}); run: chmod 600 {0}")]
    Mode(PathBuf, u32),
    #[error(
        "the credentials file {0}, line {1}: {2}; write NAME=VALUE with a name of the provider's \
         environment variables"
    )]
    Line(PathBuf, usize, String),
    #[error("the storage {0} cannot be used as configured: {1}")]
    Client(String, object_store::Error),
    #[error("an object store needs a Tokio runtime: {0}")]
    Runtime(#[from] tokio::runtime::TryCurrentError),
}

/// The providers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Provider {
    S3,
    Google,
    Azure,
}

/// Makes a client: the environment first, then the file, then what the flags say.
macro_rules! client {
    ($builder:ty, $key:ident, $endpoint:expr, $address:expr, $config:expr) => {{
        let mut builder = <$builder>::from_env().with_url($address.bucket_url());
        for (name, value, line) in $config.given()? {
            let key = name.to_ascii_lowercase().parse::<$key>();
            let key = key.map_err(|_| line.unknown(&name))?;
            builder = builder.with_config(key, value);
        }
        if let Some(endpoint) = &$config.endpoint {
            builder = builder.with_config($endpoint, endpoint);
        }
        // An address without TLS was written by somebody, who wants it so.
        let endpoint = builder.get_config_value(&$endpoint);
        if endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")) {
            builder = builder.with_config($key::Client(ClientConfigKey::AllowHttp), "true");
        }
        for (key, value) in $config.timeouts() {
            builder = builder.with_config($key::Client(key), value);
        }
        builder.with_retry($config.retry())
    }};
}

impl StorageConfig {
    /// A client of the object store; `None` when the data folder is the storage.
    ///
    /// Must be called on a Tokio runtime.
    pub(super) fn connect(&self) -> Result<Option<Remote>, ConfigError> {
        let Some(url) = &self.url else {
            return Ok(None);
        };
        let address = Address::parse(url).ok_or_else(|| ConfigError::Url(url.clone()))?;
        let runtime = tokio::runtime::Handle::try_current()?;
        let client = self.client(&address)?;
        Ok(Some(Remote::new(
            client,
            &address.prefix,
            url.trim_end_matches('/'),
            runtime,
        )))
    }

    fn client(&self, address: &Address) -> Result<Arc<dyn ObjectStore>, ConfigError> {
        let failed = |error| ConfigError::Client(address.bucket_url(), error);
        Ok(match address.provider {
            Provider::S3 => {
                let endpoint = AmazonS3ConfigKey::Endpoint;
                let mut builder =
                    client!(AmazonS3Builder, AmazonS3ConfigKey, endpoint, address, self);
                if let Some(region) = &self.region {
                    builder = builder.with_region(region);
                }
                Arc::new(builder.build().map_err(failed)?)
            }
            Provider::Google => {
                let endpoint = GoogleConfigKey::BaseUrl;
                let builder = client!(
                    GoogleCloudStorageBuilder,
                    GoogleConfigKey,
                    endpoint,
                    address,
                    self
                );
                Arc::new(builder.build().map_err(failed)?)
            }
            Provider::Azure => {
                let endpoint = AzureConfigKey::Endpoint;
                let builder = client!(
                    MicrosoftAzureBuilder,
                    AzureConfigKey,
                    endpoint,
                    address,
                    self
                );
                Arc::new(builder.build().map_err(failed)?)
            }
        })
    }

    /// The settings of the credentials file, each with where it was said.
    fn given(&self) -> Result<Vec<(String, String, Line<'_>)>, ConfigError> {
        let Some(path) = &self.credentials_file else {
            return Ok(Vec::new());
        };
        let failed = |error| ConfigError::File(path.clone(), error);
        let mode = std::fs::metadata(path).map_err(failed)?;
        let mode = mode.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(ConfigError::Mode(path.clone(), mode));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let mut given = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let at = Line { path, number };
            let (name, value) = line.split_once('=').ok_or_else(|| at.error("no `=`"))?;
            let value = value.trim().trim_matches('"');
            given.push((name.trim().to_owned(), value.to_owned(), at));
        }
        Ok(given)
    }

    fn timeouts(&self) -> [(ClientConfigKey, String); 3] {
        let seconds = |duration: Duration| format!("{} ms", duration.as_millis());
        [
            (ClientConfigKey::ConnectTimeout, seconds(self.timeout)),
            // Counts from byte to byte: a slow player may take its time over a large object.
            (ClientConfigKey::ReadTimeout, seconds(self.timeout)),
            (
                ClientConfigKey::Timeout,
                seconds(Duration::from_secs(24 * 3600)),
            ),
        ]
    }

    fn retry(&self) -> RetryConfig {
        RetryConfig {
            backoff: BackoffConfig {
                max_backoff: MAX_PAUSE.min(self.timeout),
                ..BackoffConfig::default()
            },
            max_retries: self.retries,
            retry_timeout: self.timeout * TIMEOUTS_A_REQUEST,
        }
    }
}

/// A line of the credentials file.
#[derive(Debug, Clone, Copy)]
struct Line<'a> {
    path: &'a Path,
    number: usize,
}

impl Line<'_> {
    fn error(&self, what: &str) -> ConfigError {
        ConfigError::Line(self.path.to_owned(), self.number, what.to_owned())
    }

    /// The name is printed, for a value may be a secret.
    fn unknown(&self, name: &str) -> ConfigError {
        self.error(&format!("{name:?} is no setting of this provider"))
    }
}

/// `s3://bucket/prefix` in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Address {
    provider: Provider,
    scheme: String,
    bucket: String,
    prefix: String,
}

impl Address {
    fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let provider = match scheme {
            "s3" => Provider::S3,
            "gs" => Provider::Google,
            "az" => Provider::Azure,
            _ => return None,
        };
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_end_matches('/');
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        let is_plain =
            |name: &str| !name.is_empty() && !name.starts_with('.') && name.bytes().all(plain);
        let fits = is_plain(bucket) && (prefix.is_empty() || prefix.split('/').all(is_plain));
        fits.then(|| Self {
            provider,
            scheme: scheme.to_owned(),
            bucket: bucket.to_owned(),
            prefix: prefix.to_owned(),
        })
    }

    fn bucket_url(&self) -> String {
        format!("{}://{}", self.scheme, self.bucket)
    }
}

#[cfg(test)]
mod tests;
