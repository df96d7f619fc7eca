//! Whom to trust: the system's authorities, those of `certs.d/HOST[:PORT]`, or, for an insecure
//! registry, anybody; and the client certificate to show.
//!
//! The files are small and read once for each registry, when its first connection is prepared.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, InconsistentKeys, RootCertStore,
    SignatureScheme,
};

/// Where Go, and so Docker, looks for the system's authorities.
const SYSTEM_FILES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
const SYSTEM_DIRS: [&str; 2] = ["/etc/ssl/certs", "/etc/pki/tls/certs"];
/// Longest certificate file that is read.
const FILE_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
/// Most files that are read of one folder.
const DIR_LIMIT_FILES: usize = 4096;

/// Why TLS towards a host cannot be prepared. Some texts are Docker's (`ReadCertsDirectory`).
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no certificate or key where there must be one.
    #[error("{path} is not a PEM file with a {wanted}")]
    Pem {
        /// The file.
        path: PathBuf,
        /// `certificate` or `private key`.
        wanted: &'static str,
    },
    /// A client certificate without its key.
    #[error(
        "missing key {key} for client certificate {certificate}. CA certificates must use the extension .crt"
    )]
    MissingKey {
        /// Name of the file that is missing.
        key: String,
        /// Name of the file that is there.
        certificate: String,
    },
    /// A key without its client certificate.
    #[error("missing client certificate {certificate} for key {key}")]
    MissingCertificate {
        /// Name of the file that is missing.
        certificate: String,
        /// Name of the file that is there.
        key: String,
    },
    /// No authority is trusted at all, so nothing could be verified.
    #[error(
        "no trusted certificate authorities found on this system; install the package ca-certificates or set SSL_CERT_FILE"
    )]
    NoRoots,
    /// The key in the folder belongs to another certificate.
    #[error("cannot use the client certificate for {host}: private key does not match public key")]
    OtherKey {
        /// The registry.
        host: String,
    },
    /// The cryptography refuses what was read.
    #[error("cannot use the certificates for {host}: {source}")]
    Unusable {
        /// The registry.
        host: String,
        /// Why.
        source: rustls::Error,
    },
}

/// Makes and keeps TLS configurations.
#[derive(Debug)]
pub(crate) struct TlsFactory {
    ca_file: Option<PathBuf>,
    ca_dirs: Vec<PathBuf>,
    certs_dirs: Vec<PathBuf>,
    provider: Arc<CryptoProvider>,
    system_roots: OnceLock<Vec<CertificateDer<'static>>>,
    // By the folders that were read and whether the peer is verified, so that all hosts without
    // folders of their own share one configuration and its sessions.
    made: Mutex<HashMap<MadeFrom, Arc<ClientConfig>>>,
}

type MadeFrom = (Vec<PathBuf>, bool);

#[derive(Debug, Default)]
struct HostFiles {
    authorities: Vec<CertificateDer<'static>>,
    client: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
}

impl TlsFactory {
    pub(crate) fn new(config: &crate::ClientConfig) -> Self {
        Self {
            ca_file: config.ca_file.clone(),
            ca_dirs: config.ca_dirs.clone(),
            certs_dirs: config.certs_dirs.clone(),
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
            system_roots: OnceLock::new(),
            made: Mutex::default(),
        }
    }

    /// The configuration to speak with `target` (`host[:port]`) on behalf of `registry`: with the
    /// folder of `target`, or, as Docker does for token servers and redirects, that of `registry`.
    pub(crate) fn config(
        &self,
        registry: &str,
        target: &str,
        verify: bool,
    ) -> Result<Arc<ClientConfig>, TlsError> {
        let mut dirs = self.existing_dirs(target);
        if dirs.is_empty() && registry != target {
            dirs = self.existing_dirs(registry);
        }
        let key = (dirs, verify);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = made.get(&key) {
            return Ok(Arc::clone(config));
        }
        let config = Arc::new(self.make(&key.0, verify, target)?);
        made.insert(key, Arc::clone(&config));
        Ok(config)
    }

    fn existing_dirs(&self, host: &str) -> Vec<PathBuf> {
        // A host with a separator in it would leave the folder.
        if host.contains('/') || host.starts_with('.') {
            return Vec::new();
        }
        let dirs = self.certs_dirs.iter().map(|dir| dir.join(host));
        dirs.filter(|dir| dir.is_dir()).collect()
    }

    fn make(&self, dirs: &[PathBuf], verify: bool, host: &str) -> Result<ClientConfig, TlsError> {
        let unusable = |source| TlsError::Unusable {
            host: host.to_owned(),
            source,
        };
        let mut files = HostFiles::default();
        for dir in dirs {
            read_host_dir(dir, &mut files)?;
        }
        let verifier: Arc<dyn ServerCertVerifier> = if verify {
            self.verifier(files.authorities)?
        } else {
            Arc::new(NoVerifier {
                provider: Arc::clone(&self.provider),
            })
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()
            .map_err(unusable)?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        match files.client {
            Some((chain, key)) => {
                let key = self.provider.key_provider.load_private_key(key);
                let pair = CertifiedKey::new(chain, key.map_err(unusable)?);
                if does_not_fit(&pair) {
                    let host = host.to_owned();
                    return Err(TlsError::OtherKey { host });
                }
                let always = SingleCertAndKey::from(pair);
                Ok(builder.with_client_cert_resolver(Arc::new(always)))
            }
            None => Ok(builder.with_no_client_auth()),
        }
    }

    fn verifier(
        &self,
        authorities: Vec<CertificateDer<'static>>,
    ) -> Result<Arc<dyn ServerCertVerifier>, TlsError> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(authorities.iter().cloned());
        roots.add_parsable_certificates(self.system_roots().iter().cloned());
        let webpki = WebPkiServerVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&self.provider),
        )
        .build()
        .map_err(|_no_roots| TlsError::NoRoots)?;
        Ok(Arc::new(RegistryVerifier {
            webpki,
            trusted_as_is: authorities,
        }))
    }

    fn system_roots(&self) -> &[CertificateDer<'static>] {
        self.system_roots.get_or_init(|| {
            let chosen = self.ca_file.is_some() || !self.ca_dirs.is_empty();
            if chosen {
                return read_roots(self.ca_file.iter(), self.ca_dirs.iter());
            }
            let first = SYSTEM_FILES
                .iter()
                .map(Path::new)
                .find(|file| file.is_file());
            match first {
                Some(file) => read_roots(std::iter::once(file), std::iter::empty::<&Path>()),
                None => read_roots(std::iter::empty::<&Path>(), SYSTEM_DIRS.iter()),
            }
        })
    }
}

/// Trusts as `webpki` does, and in addition a server whose very certificate was put into `certs.d`:
/// a self-signed certificate made by `openssl req -x509` says that it is an authority, which `webpki`
/// refuses in a server, and Docker accepts.
#[derive(Debug)]
struct RegistryVerifier {
    webpki: Arc<WebPkiServerVerifier>,
    trusted_as_is: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for RegistryVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verdict = self.webpki.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        match verdict {
            // The validity in time was checked before this is found.
            Err(error) if is_ca_as_server(&error) && self.trusted_as_is.contains(end_entity) => {
                let certificate = ParsedCertificate::try_from(end_entity)?;
                rustls::client::verify_server_name(&certificate, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki
            .verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.webpki
            .verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.webpki.supported_verify_schemes()
    }
}

fn is_ca_as_server(error: &rustls::Error) -> bool {
    let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = error else {
        return false;
    };
    other.0.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity)
}

/// For insecure registries: encrypts, but does not ask to whom.
#[derive(Debug)]
struct NoVerifier {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for NoVerifier {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}

/// Whether the key is known to be that of another certificate. Certificates of X.509's first version, as `openssl x509
/// -req` makes them, cannot be read here; the registry is the one to judge them.
fn does_not_fit(pair: &CertifiedKey) -> bool {
    matches!(
        pair.keys_match(),
        Err(rustls::Error::InconsistentKeys(
            InconsistentKeys::KeyMismatch
        ))
    )
}

fn read_host_dir(dir: &Path, files: &mut HostFiles) -> Result<(), TlsError> {
    let names = file_names(dir)?;
    for name in &names {
        let path = dir.join(name);
        if name.strip_suffix(".crt").is_some() {
            files.authorities.extend(read_certificates(&path)?);
        } else if let Some(stem) = name.strip_suffix(".cert") {
            let key = format!("{stem}.key");
            if !names.contains(&key) {
                return Err(TlsError::MissingKey {
                    key,
                    certificate: name.clone(),
                });
            }
            files.client = Some((read_certificates(&path)?, read_key(&dir.join(key))?));
        } else if let Some(stem) = name.strip_suffix(".key") {
            let certificate = format!("{stem}.cert");
            if !names.contains(&certificate) {
                return Err(TlsError::MissingCertificate {
                    certificate,
                    key: name.clone(),
                });
            }
        }
    }
    Ok(())
}

// Sorted, so that the same folder always means the same.
fn file_names(dir: &Path) -> Result<Vec<String>, TlsError> {
    let failed = |source| TlsError::Read {
        path: dir.to_owned(),
        source,
    };
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)
        .map_err(failed)?
        .take(DIR_LIMIT_FILES)
    {
        if let Ok(name) = entry.map_err(failed)?.file_name().into_string() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn read_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(path)?).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(TlsError::Pem {
            path: path.to_owned(),
            wanted: "certificate",
        }),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_slice(&read(path)?).map_err(|_not_a_key| TlsError::Pem {
        path: path.to_owned(),
        wanted: "private key",
    })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut content = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_LIMIT_BYTES).read_to_end(&mut content))
        .map_err(|source| TlsError::Read {
            path: path.to_owned(),
            source,
        })?;
    Ok(content)
}

// What cannot be read is left out, as Go does: a system's folder holds dangling links and other files.
fn read_roots(
    files: impl Iterator<Item: AsRef<Path>>,
    dirs: impl Iterator<Item: AsRef<Path>>,
) -> Vec<CertificateDer<'static>> {
    let mut paths: Vec<PathBuf> = files.map(|file| file.as_ref().to_owned()).collect();
    for dir in dirs {
        let names = file_names(dir.as_ref()).unwrap_or_default();
        paths.extend(names.iter().map(|name| dir.as_ref().join(name)));
    }
    let mut roots = Vec::new();
    for path in paths {
        match read_certificates(&path) {
            Ok(certificates) => roots.extend(certificates),
            Err(error) => tracing::debug!(%error, "certificate authorities left out"),
        }
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(files: &[(&str, &str)]) -> Result<Arc<ClientConfig>, String> {
        let dir = tempfile::tempdir().unwrap();
        let host = dir.path().join("registry.example:5000");
        std::fs::create_dir(&host).unwrap();
        for (name, content) in files {
            let mut file = File::create(host.join(name)).unwrap();
            io::Write::write_all(&mut file, content.as_bytes()).unwrap();
        }
        let config = crate::ClientConfig {
            certs_dirs: vec![dir.path().to_owned()],
            ..crate::ClientConfig::default()
        };
        let factory = TlsFactory::new(&config);
        let host = "registry.example:5000";
        factory
            .config(host, host, false)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_folder_must_hold_whole_pairs() {
        let key = rcgen::KeyPair::generate().unwrap();
        let names = vec!["client.example".to_owned()];
        let certificate = rcgen::CertificateParams::new(names)
            .unwrap()
            .self_signed(&key)
            .unwrap()
            .pem();
        let key = key.serialize_pem();
        assert!(made(&[]).is_ok());
        assert!(made(&[("ca.crt", &certificate), ("README", "hello")]).is_ok());
        assert!(made(&[("client.cert", &certificate), ("client.key", &key)]).is_ok());
        for (files, expected) in [
            (
                vec![("client.cert", certificate.as_str())],
                "missing key client.key for client certificate client.cert. CA certificates must use the extension .crt",
            ),
            (
                vec![("client.key", key.as_str())],
                "missing client certificate client.cert for key client.key",
            ),
            (vec![("ca.crt", "nonsense")], "with a certificate"),
            (
                vec![("a.cert", certificate.as_str()), ("a.key", "nonsense")],
                "with a private key",
            ),
        ] {
            let error = made(&files).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn hosts_without_a_folder_share_one_configuration() {
        let factory = TlsFactory::new(&crate::ClientConfig::default());
        let one = factory.config("a.example", "a.example", false).unwrap();
        let two = factory.config("b.example", "../..", false).unwrap();
        assert!(Arc::ptr_eq(&one, &two));
    }
}
