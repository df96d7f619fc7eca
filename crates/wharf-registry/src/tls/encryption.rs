//! Connections are encrypted with the certificate of the moment: it can change while they go on.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::{Authority, KeyPair, TlsError};
use crate::storage::on_disk;

/// How often files are looked at, and the own authority's dates.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Where the server's certificate comes from.
#[derive(Debug, Clone)]
pub enum CertificateSource {
    /// Two PEM files, which somebody else renews.
    Files {
        /// The certificate and those between it and the authority.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
    /// The own authority.
    Authority(Authority),
}

/// TLS for a server. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Encryption {
    shared: Arc<Shared>,
}

struct Shared {
    acceptor: TlsAcceptor,
    handshake_timeout: Duration,
    source: CertificateSource,
    current: Arc<CurrentCertificate>,
}

/// The certificate of the moment.
#[derive(Debug)]
struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

/// When the two files were written: another time means another content.
type Marks = [Option<SystemTime>; 2];

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

impl Encryption {
    /// Reads the certificate, or makes it. Waits for the disk.
    pub fn prepare(
        source: CertificateSource,
        handshake_timeout: Duration,
    ) -> Result<Self, TlsError> {
        let first = source.read()?;
        let current = Arc::new(CurrentCertificate(RwLock::new(Arc::clone(
            first.certified(),
        ))));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<CurrentCertificate>::clone(&current));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Clients that come again need no second exchange of keys, and the server no memory of them.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Setup)?;
        Ok(Self {
            shared: Arc::new(Shared {
                acceptor: TlsAcceptor::from(Arc::new(config)),
                handshake_timeout,
                source,
                current,
            }),
        })
    }

    /// How long a client may take to agree on encryption.
    pub(crate) fn handshake_timeout(&self) -> Duration {
        self.shared.handshake_timeout
    }

    /// Agrees with a client on encryption.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let handshake = self.shared.acceptor.accept(stream);
        let timeout = self.shared.handshake_timeout;
        let too_slow = |_elapsed| io::Error::from(io::ErrorKind::TimedOut);
        tokio::time::timeout(timeout, handshake)
            .await
            .map_err(too_slow)?
    }

    /// Takes up a changed certificate, and renews the own authority's, until `stop` turns true. One that cannot be used is
    /// logged, and the old one stays.
    pub async fn keep_current(&self, mut stop: watch::Receiver<bool>) {
        let mut seen = self.marks().await;
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _told_or_gone = stop.wait_for(|stop| *stop) => return,
            }
            let shared = Arc::clone(&self.shared);
            let looked = on_disk(move || shared.look(seen)).await;
            match looked {
                Ok(marks) => seen = marks,
                Err(error) => tracing::error!(%error, "looking at the certificate failed"),
            }
        }
    }

    async fn marks(&self) -> Marks {
        let shared = Arc::clone(&self.shared);
        let marks = on_disk(move || shared.source.marks()).await;
        marks.unwrap_or_default()
    }
}

impl Shared {
    /// Reads the certificate again if its files are not those that were `seen`; gives back what is to be seen now.
    fn look(&self, seen: Marks) -> Marks {
        if let CertificateSource::Authority(authority) = &self.source
            && let Err(error) = authority.issue_if_due()
        {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the certificate cannot be renewed"
            );
        }
        let marks = self.source.marks();
        if marks == seen {
            return seen;
        }
        match self.source.read() {
            Ok(pair) => {
                let mut current = self
                    .current
                    .0
                    .write()
                    .unwrap_or_else(PoisonError::into_inner);
                *current = Arc::clone(pair.certified());
                tracing::info!("a new certificate is in use");
                marks
            }
            Err(error) => {
                // Perhaps only one of the two files is written yet; so this is looked at again.
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "the changed certificate cannot be used, and the old one stays"
                );
                seen
            }
        }
    }
}

impl CertificateSource {
    fn read(&self) -> Result<KeyPair, TlsError> {
        if let Self::Authority(authority) = self {
            authority.issue_if_due()?;
        }
        let (certificate, key) = self.files();
        KeyPair::read(&certificate, &key)
    }

    fn files(&self) -> (PathBuf, PathBuf) {
        match self {
            Self::Files { certificate, key } => (certificate.clone(), key.clone()),
            Self::Authority(authority) => authority.server_files(),
        }
    }

    fn marks(&self) -> Marks {
        let (certificate, key) = self.files();
        [modified(&certificate), modified(&key)]
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    std::fs::metadata(path)
        .and_then(|metadata| metadata.modified())
        .ok()
}
