//! A certificate with its private key, out of two PEM files.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::TlsError;

/// A certificate, those that signed it, and its key.
#[derive(Debug, Clone)]
pub struct KeyPair {
    certified: Arc<CertifiedKey>,
}

impl KeyPair {
    /// Reads both files and sees that they belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, TlsError> {
        let unreadable = |source| TlsError::Certificate {
            path: certificate.to_owned(),
            source,
        };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(unreadable)?;
        if chain.is_empty() {
            let path = certificate.to_owned();
            return Err(TlsError::NoCertificate { path });
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|source| TlsError::Key {
            path: key.to_owned(),
            source,
        })?;
        let provider = aws_lc_rs::default_provider();
        let certified =
            CertifiedKey::from_der(chain, private, &provider).map_err(|source| match source {
                Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::Mismatch {
                    certificate: certificate.to_owned(),
                    key: key.to_owned(),
                },
                source => TlsError::Unusable {
                    certificate: certificate.to_owned(),
                    source,
                },
            })?;
        Ok(Self {
            certified: Arc::new(certified),
        })
    }

    /// As rustls takes it.
    pub(super) fn certified(&self) -> &Arc<CertifiedKey> {
        &self.certified
    }
}
