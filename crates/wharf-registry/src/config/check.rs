//! What is wrong or dangerous in a configuration that can be read.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use url::Url;

use super::{RegistryConfig, TlsMode};
use crate::storage::{S3Config, Secret, SecretFile};
use crate::tls::KeyPair;

/// Most connections to a database that anybody has asked for in earnest.
const DATABASE_CONNECTIONS: usize = 1000;

/// One thing to say about a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether the registry starts all the same.
    pub severity: Severity,
    /// The key that it is about: `tls.certificate`.
    pub key: &'static str,
    /// What is the matter, and why.
    pub problem: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The registry does not start.
    Error,
    /// It starts, and somebody should know.
    Warning,
}

/// What has been found so far.
struct Findings(Vec<Finding>);

impl RegistryConfig {
    /// Everything that is wrong or dangerous, looking at the files it names as well.
    pub fn check(&self) -> Vec<Finding> {
        let mut findings = Findings(Vec::new());
        self.check_addresses(&mut findings);
        self.check_tls(&mut findings);
        self.check_places(&mut findings);
        self.check_limits(&mut findings);
        self.check_metrics(&mut findings);
        self.check_traces(&mut findings);
        findings.0
    }

    fn check_addresses(&self, findings: &mut Findings) {
        if !self.data.is_absolute() {
            findings.error(
                "data",
                format!("{} is a relative path", self.data.display()),
                "write the path from the root on: the registry may be started in any folder",
            );
        }
        let Some(text) = &self.external_url else {
            return;
        };
        match Url::parse(text) {
            Err(error) => findings.error(
                "external-url",
                format!("{text:?} is no URL: {error}"),
                "write it like \"https://registry.example.com\"",
            ),
            Ok(url) => {
                let is_plain = matches!(url.scheme(), "http" | "https")
                    && url.path() == "/"
                    && url.query().is_none()
                    && url.fragment().is_none()
                    && url.username().is_empty()
                    && url.has_host();
                if !is_plain {
                    findings.error(
                        "external-url",
                        format!("{text:?} is more or something else than scheme, host and port"),
                        "write it like \"https://registry.example.com\": registries have no path before /v2/",
                    );
                } else if url.scheme() == "http" && !is_loopback_host(&url) {
                    findings.warning(
                        "external-url",
                        format!("clients that follow {text} send passwords in the clear"),
                        "serve with TLS, or end TLS in the proxy, and write https",
                    );
                }
            }
        }
    }

    fn check_tls(&self, findings: &mut Findings) {
        let mode = self.tls_mode();
        if mode == TlsMode::Off && !self.listen.ip().is_loopback() {
            if self.tls.insecure_http {
                findings.warning(
                    "tls.insecure-http",
                    format!(
                        "passwords and images travel in the clear on {}",
                        self.listen
                    ),
                    "let nothing but a proxy that speaks TLS reach this address, or serve with TLS",
                );
            } else {
                findings.error(
                    "tls.mode",
                    format!(
                        "{} can be reached by other machines, and TLS is off",
                        self.listen
                    ),
                    "leave tls.mode out, set tls.certificate and tls.key, or say tls.insecure-http = true (--insecure-http)",
                );
            }
        }
        if self.tls.insecure_http && mode != TlsMode::Off {
            findings.error(
                "tls.insecure-http",
                "it asks for plain HTTP, and tls.mode or tls.certificate for TLS".to_owned(),
                "set only one of them",
            );
        }
        match (mode, &self.tls.certificate, &self.tls.key) {
            (TlsMode::Files, Some(certificate), Some(key)) => {
                check_key_pair(certificate, key, findings);
            }
            (TlsMode::Files, certificate, _) => findings.error(
                if certificate.is_some() {
                    "tls.key"
                } else {
                    "tls.certificate"
                },
                "tls.certificate and tls.key are both needed, and one is not set".to_owned(),
                "set both, or neither to use Wharf's own authority",
            ),
            (_, Some(_), _) | (_, _, Some(_)) => findings.error(
                "tls.mode",
                "it is not \"files\", so tls.certificate and tls.key would not be used".to_owned(),
                "leave out tls.mode, or tls.certificate and tls.key",
            ),
            _ => {}
        }
        for name in &self.tls.names {
            let is_name = name.parse::<IpAddr>().is_ok()
                || rustls::pki_types::DnsName::try_from(name.trim_start_matches("*.")).is_ok();
            if !is_name {
                findings.error(
                    "tls.names",
                    format!("{name:?} is neither a host name nor an address"),
                    "write names like \"registry.example.com\" and addresses like \"192.0.2.7\", without port or scheme",
                );
            }
        }
    }

    fn check_places(&self, findings: &mut Findings) {
        let (storage, database) = (&self.storage, &self.database);
        let one_only = "keep one of them";
        if database.path.is_some() && database.url.is_some() {
            findings.error(
                "database.url",
                "database.path is set as well, and there is one database".to_owned(),
                one_only,
            );
        }
        if storage.path.is_some() && storage.s3.is_some() {
            findings.error(
                "storage.s3",
                "storage.path is set as well, and there is one storage".to_owned(),
                one_only,
            );
        }
        if let Some(Err(error)) = storage.s3.as_ref().map(S3Config::check) {
            findings.error(
                "storage.s3",
                crate::error::with_causes(&error),
                "correct the section, which docs/configuration.md describes",
            );
        }
        let secrets = [
            ("database.url", database.url.as_ref()),
            (
                "storage.s3.secret-key",
                storage.s3.as_ref().and_then(|s3| s3.secret_key.as_ref()),
            ),
        ];
        for (key, secret) in secrets {
            match secret {
                Some(Secret::File(SecretFile { file })) => check_secret_file(key, file, findings),
                Some(Secret::Text(text)) if holds_a_secret(key, text) => findings.warning(
                    key,
                    "it has a password in it, which everybody sees who can read this file"
                        .to_owned(),
                    "write { file = \"/path\" } and keep it there, readable by the registry alone",
                ),
                _ => {}
            }
        }
        for (key, path) in [
            ("storage.path", &self.storage.path),
            ("database.path", &database.path),
        ] {
            if let Some(path) = path.as_ref().filter(|path| !path.is_absolute()) {
                findings.error(
                    key,
                    format!("{} is a relative path", path.display()),
                    "write the path from the root on: the registry may be started in any folder",
                );
            }
        }
    }

    fn check_limits(&self, findings: &mut Findings) {
        let limits = &self.limits;
        let zero = "set it to at least 1, or leave it out";
        if limits.connections == 0 {
            findings.error(
                "limits.connections",
                "nobody could connect".to_owned(),
                zero,
            );
        }
        if limits.requests_per_second == Some(0) {
            findings.error(
                "limits.requests-per-second",
                "nobody could ask for anything".to_owned(),
                zero,
            );
        }
        let spans = [
            ("limits.header-timeout", limits.header_timeout),
            ("limits.body-timeout", limits.body_timeout),
            ("limits.write-timeout", limits.write_timeout),
            ("tls.handshake-timeout", self.tls.handshake_timeout),
        ];
        for (key, span) in spans {
            if span.duration().is_zero() {
                findings.error(
                    key,
                    "no client is that quick".to_owned(),
                    "set it to \"1s\" or more",
                );
            }
        }
        if limits.blob_size.bytes() == 0 {
            findings.error(
                "limits.blob-size",
                "no blob could be pushed".to_owned(),
                zero,
            );
        }
        if !(1..=DATABASE_CONNECTIONS).contains(&self.database.connections) {
            findings.error(
                "database.connections",
                format!(
                    "{} is not from 1 to {DATABASE_CONNECTIONS}",
                    self.database.connections
                ),
                "each connection is a process of PostgreSQL: 8 for each registry are plenty",
            );
        }
        if self.external_url.is_some()
            && self.trusted_proxies.is_empty()
            && limits.requests_per_second.is_some()
        {
            findings.warning(
                "limits.requests-per-second",
                "behind a proxy all clients have the address of the proxy and share one allowance"
                    .to_owned(),
                "name the proxy in trusted-proxies, or leave the limit out, if there is a proxy",
            );
        }
    }

    fn check_traces(&self, findings: &mut Findings) {
        let traces = &self.traces;
        if let Some(endpoint) = &traces.endpoint {
            let url = Url::parse(endpoint).ok();
            let is_http = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
            if !url.as_ref().is_some_and(is_http) {
                findings.error(
                    "traces.endpoint",
                    format!("{endpoint:?} is not the address of a collector"),
                    "write it like \"http://localhost:4318\": the collector's port for OTLP over HTTP",
                );
            }
        }
        if !(0.0..=1.0).contains(&traces.sample) {
            findings.error(
                "traces.sample",
                format!("{} is not from 0 to 1", traces.sample),
                "write 1 to trace all requests, 0.01 for one in a hundred",
            );
        }
        if let Some(Secret::File(SecretFile { file })) = &traces.authorization {
            check_secret_file("traces.authorization", file, findings);
        }
    }

    fn check_metrics(&self, findings: &mut Findings) {
        let Some(listen) = self.metrics.listen else {
            return;
        };
        if !self.metrics.enabled {
            findings.error(
                "metrics.listen",
                "metrics.enabled is false, so nothing would be served there".to_owned(),
                "leave out one of them",
            );
        }
        if listen == self.listen && listen.port() != 0 {
            findings.error(
                "metrics.listen",
                "it is the address of the registry itself".to_owned(),
                "take another port, or leave it out: /metrics is served there too, for metrics.readers",
            );
        }
        if !listen.ip().is_loopback() {
            findings.warning(
                "metrics.listen",
                format!("everybody who reaches {listen} can read the figures"),
                "let only Prometheus reach this address",
            );
        }
    }
}

impl Findings {
    fn error(&mut self, key: &'static str, problem: String, remedy: &'static str) {
        self.add(Severity::Error, key, problem, remedy);
    }

    fn warning(&mut self, key: &'static str, problem: String, remedy: &'static str) {
        self.add(Severity::Warning, key, problem, remedy);
    }

    fn add(
        &mut self,
        severity: Severity,
        key: &'static str,
        problem: String,
        remedy: &'static str,
    ) {
        self.0.push(Finding {
            severity,
            key,
            problem,
            remedy,
        });
    }
}

fn is_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// An address of a database may be without a password; other secrets are nothing else.
fn holds_a_secret(key: &str, text: &str) -> bool {
    key != "database.url" || Url::parse(text).map_or(true, |url| url.password().is_some())
}

/// Whether the two files can be read and belong together.
fn check_key_pair(certificate: &Path, key: &Path, findings: &mut Findings) {
    if let Err(error) = KeyPair::read(certificate, key) {
        let (at, remedy) = if error.is_about_key() {
            (
                "tls.key",
                "name the PEM file of the private key that the certificate was made for",
            )
        } else {
            (
                "tls.certificate",
                "name the PEM file that begins with the server's certificate, then those that signed it",
            )
        };
        findings.error(at, crate::error::with_causes(&error), remedy);
        return;
    }
    check_secret_file("tls.key", key, findings);
}

/// Whether a file that holds a secret can be read, and by nobody else than its owner and group.
fn check_secret_file(at: &'static str, path: &Path, findings: &mut Findings) {
    match std::fs::metadata(path) {
        Err(error) => findings.error(
            at,
            format!("{} cannot be read: {error}", path.display()),
            "correct the path, or let the user that the registry runs as read it",
        ),
        Ok(metadata) if metadata.permissions().mode() & 0o007 != 0 => findings.warning(
            at,
            format!(
                "{} can be read or changed by every user of this machine",
                path.display()
            ),
            "chmod 600 it, or 640 with the group of the registry",
        ),
        Ok(_) => {}
    }
}
