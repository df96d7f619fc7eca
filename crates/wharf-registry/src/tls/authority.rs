//! An authority of Wharf's own, so that a registry without a certificate need not speak plain HTTP.
//!
//! ```text
//! <folder>/
//!   ca.crt        what clients are told to trust
//!   ca.key        its key; whoever has it can pretend to be this registry
//!   server.crt    the server's certificate and the authority's
//!   server.key    its key
//!   issued.json   for whom the server's certificate is, and until when
//! ```

use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose,
};
use serde::{Deserialize, Serialize};
use wharf_blobs::write_file;

use super::TlsError;
use crate::clock::Clock;
use crate::random;

/// The version of the folder's layout. An older Wharf refuses a newer one.
const FORMAT: u32 = 1;
/// How long clients can trust the authority, in days: ten years.
const AUTHORITY_DAYS: i64 = 3652;
/// How long a server's certificate is valid, in days: browsers refuse more than 398.
const SERVER_DAYS: i64 = 397;
/// It is renewed when it is valid for less than this, in days.
const RENEWAL_DAYS: i64 = 30;
/// A certificate is valid from a day before it is made: clocks differ.
const CLOCKS_DIFFER_DAYS: i64 = 1;
const HOURS_OF_A_DAY: i64 = 24;

/// The authority in a folder.
#[derive(Debug, Clone)]
pub struct Authority {
    folder: PathBuf,
    names: Vec<String>,
    clock: Clock,
}

/// What is remembered of the certificates, since nothing here reads certificates.
#[derive(Debug, Serialize, Deserialize)]
struct Issued {
    format: u32,
    /// The authority's name in its certificate.
    authority: String,
    /// For whom the server's certificate is.
    names: Vec<String>,
    /// Until when, in microseconds since 1970.
    expires: i64,
}

impl Authority {
    /// The authority in `folder`, which issues certificates for `names`. Nothing is touched yet.
    pub fn new(folder: &Path, names: Vec<String>, clock: Clock) -> Self {
        Self {
            folder: folder.to_owned(),
            names,
            clock,
        }
    }

    /// The certificate that clients have to trust.
    pub fn certificate(&self) -> PathBuf {
        self.folder.join("ca.crt")
    }

    /// The server's certificate and its key.
    pub fn server_files(&self) -> (PathBuf, PathBuf) {
        (
            self.folder.join("server.crt"),
            self.folder.join("server.key"),
        )
    }

    /// For whom it issues certificates.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Makes the authority if there is none, and a new server certificate if the old one is for other names or soon runs
    /// out. Says whether anything was made. Waits for the disk.
    pub fn issue_if_due(&self) -> Result<bool, TlsError> {
        let issued = match self.read_issued()? {
            Some(issued) => issued,
            None => self.make_authority()?,
        };
        let renewal = days(RENEWAL_DAYS).as_micros();
        let is_good = issued.names == self.names
            && i128::from(issued.expires) - i128::from(self.clock.micros()) > renewal;
        if is_good {
            return Ok(false);
        }
        self.issue(issued)?;
        Ok(true)
    }

    fn make_authority(&self) -> Result<Issued, TlsError> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.folder)
            .map_err(|source| file_error(&self.folder, source))?;
        let name = format!("Wharf registry authority {}", random_name());
        let failed = |source| TlsError::Issue {
            names: name.clone(),
            source,
        };
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = Self::authority_params(&name);
        self.set_validity(&mut params, AUTHORITY_DAYS);
        let certificate = params.self_signed(&key).map_err(failed)?;
        self.write("ca.key", &key.serialize_pem(), 0o600)?;
        self.write("ca.crt", &certificate.pem(), 0o644)?;
        let issued = Issued {
            format: FORMAT,
            authority: name,
            names: Vec::new(),
            expires: 0,
        };
        self.write_issued(&issued)?;
        Ok(issued)
    }

    /// What the authority's certificate says, as far as those that it signs repeat it.
    fn authority_params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = distinguished_name(name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
    }

    fn issue(&self, mut issued: Issued) -> Result<(), TlsError> {
        let failed = |source| TlsError::Issue {
            names: self.names.join(", "),
            source,
        };
        let authority_pem = self.read("ca.crt")?;
        let authority_key =
            KeyPair::from_pem(&self.read("ca.key")?).map_err(|error| TlsError::Damaged {
                path: self.folder.join("ca.key"),
                reason: error.to_string(),
            })?;
        let issuer = Issuer::new(Self::authority_params(&issued.authority), authority_key);
        let key = KeyPair::generate().map_err(failed)?;
        let mut params = CertificateParams::new(self.names.clone()).map_err(failed)?;
        params.distinguished_name = distinguished_name("Wharf registry");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        self.set_validity(&mut params, SERVER_DAYS);
        let certificate = params.signed_by(&key, &issuer).map_err(failed)?;
        // The key first: who reads both between the two writes sees that they do not fit, and looks again.
        self.write("server.key", &key.serialize_pem(), 0o600)?;
        let chain = format!("{}{authority_pem}", certificate.pem());
        self.write("server.crt", &chain, 0o644)?;
        issued.names.clone_from(&self.names);
        issued.expires = (self.clock.now() + days(SERVER_DAYS)).as_microsecond();
        self.write_issued(&issued)
    }

    /// Says from when until when a certificate counts: whole days.
    fn set_validity(&self, params: &mut CertificateParams, valid_days: i64) {
        let date = |span: SignedDuration| (self.clock.now() + span).to_zoned(TimeZone::UTC).date();
        let moment = |date: Date| {
            rcgen::date_time_ymd(
                i32::from(date.year()),
                date.month().unsigned_abs(),
                date.day().unsigned_abs(),
            )
        };
        params.not_before = moment(date(days(-CLOCKS_DIFFER_DAYS)));
        params.not_after = moment(date(days(valid_days)));
    }

    fn read_issued(&self) -> Result<Option<Issued>, TlsError> {
        let path = self.folder.join("issued.json");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return self.refuse_to_replace_an_authority();
            }
            Err(source) => return Err(TlsError::File { path, source }),
        };
        let damaged = |reason: String| TlsError::Damaged {
            path: path.clone(),
            reason,
        };
        let issued: Issued =
            serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        if issued.format != FORMAT {
            let format = issued.format;
            return Err(damaged(format!(
                "it is of version {format}, and this Wharf reads {FORMAT}"
            )));
        }
        Ok(Some(issued))
    }

    /// A new authority would lock out every client that trusts the old one: so never by accident.
    fn refuse_to_replace_an_authority(&self) -> Result<Option<Issued>, TlsError> {
        if self.certificate().exists() {
            return Err(TlsError::Damaged {
                path: self.folder.join("issued.json"),
                reason: "it is gone, and ca.crt is there".to_owned(),
            });
        }
        Ok(None)
    }

    fn write_issued(&self, issued: &Issued) -> Result<(), TlsError> {
        let path = self.folder.join("issued.json");
        let text = serde_json::to_string_pretty(issued).map_err(|error| TlsError::File {
            path: path.clone(),
            source: error.into(),
        })?;
        self.write("issued.json", &text, 0o644)
    }

    fn read(&self, name: &str) -> Result<String, TlsError> {
        let path = self.folder.join(name);
        fs::read_to_string(&path).map_err(|source| TlsError::File { path, source })
    }

    fn write(&self, name: &str, text: &str, mode: u32) -> Result<(), TlsError> {
        let path = self.folder.join(name);
        write_file(&path, text.as_bytes(), mode).map_err(|source| TlsError::File { path, source })
    }
}

/// The names of a registry that was told none: this machine's, loopback's, and those of its addresses.
pub fn default_names(listen: SocketAddr, external_host: Option<&str>) -> Vec<String> {
    let machine = rustix::system::uname();
    let machine = machine.nodename().to_string_lossy().to_lowercase();
    let mut names = Vec::new();
    let mut add = |name: String| {
        let is_usable = name.parse::<IpAddr>().is_ok()
            || rustls::pki_types::DnsName::try_from(name.as_str()).is_ok();
        if is_usable && !names.contains(&name) {
            names.push(name);
        }
    };
    external_host
        .map(str::to_owned)
        .into_iter()
        .for_each(&mut add);
    add(machine);
    add("localhost".to_owned());
    add("127.0.0.1".to_owned());
    add("::1".to_owned());
    if !listen.ip().is_unspecified() {
        add(listen.ip().to_string());
    }
    names
}

/// Tells authorities apart that a client trusts at once.
fn random_name() -> String {
    let number = u32::from_be_bytes(random::bytes());
    format!("{number:08x}")
}

fn distinguished_name(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(days * HOURS_OF_A_DAY)
}

fn file_error(path: &Path, source: io::Error) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use rustls::pki_types::pem::PemObject as _;
    use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
    use rustls::{RootCertStore, client::WebPkiServerVerifier, client::danger::ServerCertVerifier};

    use super::*;

    const START_SECONDS: i64 = 1_800_000_000;
    const DAY_SECONDS: i64 = 86_400;

    struct Case {
        folder: tempfile::TempDir,
        seconds: Arc<AtomicI64>,
    }

    impl Case {
        fn new() -> Self {
            Self {
                folder: tempfile::tempdir().unwrap(),
                seconds: Arc::new(AtomicI64::new(START_SECONDS)),
            }
        }

        fn authority(&self, names: &[&str]) -> Authority {
            let seconds = Arc::clone(&self.seconds);
            let clock = Clock::from_fn(move || {
                jiff::Timestamp::from_second(seconds.load(Ordering::Relaxed)).unwrap()
            });
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            Authority::new(&self.folder.path().join("tls"), names, clock)
        }

        /// What a client that trusts the authority makes of the server's certificate.
        fn verify(&self, authority: &Authority, name: &str) -> Result<(), rustls::Error> {
            let mut roots = RootCertStore::empty();
            let ca = CertificateDer::from_pem_file(authority.certificate()).unwrap();
            roots.add(ca).unwrap();
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let verifier =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
            let (certificate, _) = authority.server_files();
            let chain: Vec<_> = CertificateDer::pem_file_iter(certificate)
                .unwrap()
                .map(Result::unwrap)
                .collect();
            let seconds = self.seconds.load(Ordering::Relaxed).unsigned_abs();
            let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
            let name = ServerName::try_from(name.to_owned()).unwrap();
            let verified =
                verifier
                    .unwrap()
                    .verify_server_cert(&chain[0], &chain[1..], &name, &[], now);
            verified.map(drop)
        }
    }

    #[test]
    fn clients_that_trust_the_authority_trust_its_server_under_its_names_alone() {
        let case = Case::new();
        let authority = case.authority(&["registry.test", "127.0.0.1", "::1"]);
        assert!(authority.issue_if_due().unwrap());
        for name in ["registry.test", "127.0.0.1", "::1"] {
            case.verify(&authority, name).unwrap();
        }
        for name in ["other.test", "127.0.0.2"] {
            assert!(case.verify(&authority, name).is_err(), "{name}");
        }
        let (certificate, key) = authority.server_files();
        super::super::KeyPair::read(&certificate, &key).unwrap();
        let ca_key = case.folder.path().join("tls/ca.key");
        for secret in [key, ca_key] {
            let mode = fs::metadata(&secret).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", secret.display());
        }
    }

    #[test]
    fn certificates_are_renewed_in_time_by_the_same_authority() {
        let case = Case::new();
        let authority = case.authority(&["registry.test"]);
        assert!(authority.issue_if_due().unwrap());
        let ca = fs::read(authority.certificate()).unwrap();
        let mut renewals = 0;
        for _week in 0..110 {
            case.seconds.fetch_add(7 * DAY_SECONDS, Ordering::Relaxed);
            renewals += u32::from(authority.issue_if_due().unwrap());
            case.verify(&authority, "registry.test").unwrap();
        }
        assert_eq!(renewals, 2);
        assert_eq!(fs::read(authority.certificate()).unwrap(), ca);
    }

    #[test]
    fn other_names_need_another_certificate() {
        let case = Case::new();
        assert!(case.authority(&["one.test"]).issue_if_due().unwrap());
        assert!(!case.authority(&["one.test"]).issue_if_due().unwrap());
        let authority = case.authority(&["one.test", "two.test"]);
        assert!(authority.issue_if_due().unwrap());
        case.verify(&authority, "two.test").unwrap();
    }

    #[test]
    fn an_authority_that_clients_trust_is_never_replaced() {
        let case = Case::new();
        let authority = case.authority(&["registry.test"]);
        authority.issue_if_due().unwrap();
        let notes = case.folder.path().join("tls/issued.json");
        for (text, reason) in [
            (Some("{"), "EOF"),
            (
                Some(r#"{"format":2,"authority":"x","names":[],"expires":0}"#),
                "version 2",
            ),
            (None, "it is gone"),
        ] {
            match text {
                Some(text) => testkit::write(&notes, text),
                None => fs::remove_file(&notes).unwrap(),
            }
            let error = authority.issue_if_due().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
