//! What can be wrong with certificates and keys.

use std::io;
use std::path::PathBuf;

use rustls::pki_types::pem;

/// Why TLS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate's file cannot be read.
    #[error("the certificate {} cannot be read", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// There is no certificate in the file.
    #[error("there is no certificate in {}", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The key's file cannot be read.
    #[error("the private key {} cannot be read", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: pem::Error,
    },
    /// They are not made for each other.
    #[error("the key {} does not fit the certificate {}", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// They cannot be used for another reason: an algorithm that is not known, an encoding that is damaged.
    #[error("the certificate {} and its key cannot be used", certificate.display())]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// A file of the own authority cannot be read or written.
    #[error("the authority's file {} cannot be read or written", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file of the own authority does not hold what it should.
    #[error(
        "the authority's file {} is damaged ({reason}); restore it, or move the folder away and let clients trust a new authority",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A certificate cannot be made.
    #[error("a certificate cannot be made for {names}")]
    Issue {
        /// For whom.
        names: String,
        /// Why not.
        source: rcgen::Error,
    },
    /// TLS itself cannot be set up.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

impl TlsError {
    /// Whether the key's file is to blame rather than the certificate's.
    pub(crate) fn is_about_key(&self) -> bool {
        matches!(self, Self::Key { .. } | Self::Mismatch { .. })
    }
}
