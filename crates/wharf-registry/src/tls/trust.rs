//! Whom this registry trusts when it connects to a database.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use super::TlsError;

/// TLS that trusts the authorities of the PEM file `certificates`, or else the system's.
pub fn client_config(certificates: Option<&Path>) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = certificates {
        let read = CertificateDer::pem_file_iter(path)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|source| TlsError::Certificate {
                path: path.to_owned(),
                source,
            })?;
        roots.add_parsable_certificates(read);
        if roots.is_empty() {
            let path = path.to_owned();
            return Err(TlsError::NoCertificate { path });
        }
    } else {
        // Where the system has none, a connection that needs some fails and says so.
        let system = rustls_native_certs::load_native_certs().certs;
        roots.add_parsable_certificates(system);
    }
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsError::Setup)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
