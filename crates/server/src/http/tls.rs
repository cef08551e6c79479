//! TLS: a certificate and its key from files, read again when they change.

use crate::ServeError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{ServerConfig, version};

/// How often the files are looked at. It costs two questions to the file system.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// What connections are made secure with.
#[derive(Debug)]
pub(crate) struct Tls {
    files: TlsFiles,
    current: Arc<Current>,
}

/// The files of a certificate chain and of its key, both PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate of this server first, then those that lead to one that clients know.
    pub certificate: PathBuf,
    /// Its private key: PKCS #8, PKCS #1 or SEC1.
    pub key: PathBuf,
}

/// The certificate of this moment.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(current.clone())
    }
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// When one of them cannot be read, or they do not belong together.
    pub(crate) fn load(files: &TlsFiles) -> Result<Self, ServeError> {
        let first = files.read().map_err(ServeError)?;
        Ok(Self {
            files: files.clone(),
            current: Arc::new(Current(RwLock::new(Arc::new(first)))),
        })
    }

    /// Takes connections with the newest certificate, for HTTP/2 and HTTP/1.1.
    ///
    /// # Errors
    /// When the library has no cipher for TLS 1.2 and 1.3.
    pub(crate) fn acceptor(&self) -> Result<TlsAcceptor, ServeError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&version::TLS13, &version::TLS12])
            .map_err(|error| ServeError(format!("TLS cannot be set up: {error}")))?;
        let mut config = config
            .with_no_client_auth()
            .with_cert_resolver(self.current.clone());
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    /// Reads the files again whenever they changed, for ever. Files that cannot be used change nothing.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut interval = tokio::time::interval(LOOK_AGAIN);
        let mut seen = self.files.times().ok();
        loop {
            interval.tick().await;
            let now = match self.files.times() {
                Ok(now) => Some(now),
                Err(error) => {
                    tracing::debug!(%error, "the certificate is not to be seen just now");
                    continue;
                }
            };
            if now == seen {
                continue;
            }
            seen = now;
            match self.files.read() {
                Ok(newest) => {
                    let mut current =
                        (self.current.0.write()).unwrap_or_else(PoisonError::into_inner);
                    *current = Arc::new(newest);
                    tracing::info!("the certificate was read again");
                }
                Err(error) => tracing::error!(error, "the old certificate stays in use"),
            }
        }
    }
}

impl TlsFiles {
    fn read(&self) -> Result<CertifiedKey, String> {
        let at = |path: &Path| path.display().to_string();
        let chain = CertificateDer::pem_file_iter(&self.certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| {
                let path = at(&self.certificate);
                format!("the certificate {path} cannot be used: {error}; it must be a file of PEM certificates")
            })?;
        if chain.is_empty() {
            let path = at(&self.certificate);
            return Err(format!("there is no PEM certificate in {path}"));
        }
        // What is wrong with it is not said in the words of the parser: they may hold some of it.
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|_| {
            let path = at(&self.key);
            format!("the key {path} cannot be read, or is no private key in PEM form")
        })?;
        let provider = aws_lc_rs::default_provider();
        CertifiedKey::from_der(chain, key, &provider).map_err(|error| {
            let (certificate, key) = (at(&self.certificate), at(&self.key));
            format!(
                "the key {key} and the certificate {certificate} cannot be used together: {error}"
            )
        })
    }

    /// What tells a file from one that replaced it.
    fn times(&self) -> io::Result<[(SystemTime, u64); 2]> {
        let of = |path: &Path| {
            let metadata = fs::metadata(path)?;
            Ok::<_, io::Error>((metadata.modified()?, metadata.len()))
        };
        Ok([of(&self.certificate)?, of(&self.key)?])
    }
}
