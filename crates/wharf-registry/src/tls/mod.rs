//! TLS: the server's certificate, from files or from an authority of Wharf's own, and its renewal while connections go on.

mod authority;
mod encryption;
mod error;
mod key_pair;
mod trust;

pub use authority::{Authority, default_names};
pub use encryption::{CertificateSource, Encryption};
pub use error::TlsError;
pub use key_pair::KeyPair;
pub use trust::client_config;
