//! Where a server listens, and how it is spoken to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Nothing that is measured takes this long; what does has failed.
const PATIENCE: Duration = Duration::from_mins(1);

/// An address, with TLS or without.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// A connection that waits.
pub(crate) trait Transport: Read + Write + Send {}
impl<T: Read + Write + Send> Transport for T {}

impl Endpoint {
    /// A connection for one request after the other.
    pub(crate) fn connect(&self) -> Result<Box<dyn Transport>> {
        let stream = self.connect_plainly()?;
        Ok(match self.tls_connection()? {
            Some(tls) => Box::new(StreamOwned::new(tls, stream)),
            None => Box::new(stream),
        })
    }

    pub(super) fn connect_plainly(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.address)
            .with_context(|| format!("connecting to {}", self.address))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// The state of TLS before the first byte; nothing where there is no TLS.
    pub(super) fn tls_connection(&self) -> Result<Option<ClientConnection>> {
        let Some(config) = &self.tls else {
            return Ok(None);
        };
        let name = ServerName::from(self.address.ip());
        Ok(Some(ClientConnection::new(Arc::clone(config), name)?))
    }
}

/// What a client of TLS needs that trusts the authority in the PEM file `authority`.
///
/// It speaks TLS 1.3 with AES-128-GCM and nothing else, so that all servers do the same work: left to themselves, Go chooses
/// the short key and OpenSSL the long one.
pub(crate) fn trusting(authority: &Path) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    roots.add(
        CertificateDer::from_pem_file(authority)
            .with_context(|| format!("reading {}", authority.display()))?,
    )?;
    let provider = CryptoProvider {
        cipher_suites: vec![aws_lc_rs::cipher_suite::TLS13_AES_128_GCM_SHA256],
        ..aws_lc_rs::default_provider()
    };
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
