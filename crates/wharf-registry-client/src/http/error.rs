//! Why an exchange with a server did not come to an answer. The texts are those of Go's `net/http`,
//! which Docker's users know and search for.

use std::error::Error as _;
use std::io;
use std::time::Duration;

use rustls::{AlertDescription, CertificateError};

use super::tls::TlsError;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The host's name has no address.
    #[error("dial tcp: lookup {host}: {}", lookup_text(.reason))]
    Lookup {
        /// The name.
        host: String,
        /// What the resolver says. The text says all of it, in Go's words: it is no cause to be told once more.
        reason: io::Error,
    },
    /// No address accepts a connection.
    #[error("dial tcp {address}: connect: {}", errno_text(.source))]
    Dial {
        /// The last address tried.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// The server's certificate is not trusted, or the handshake failed.
    #[error("{}", tls_text(.host, .reason))]
    Handshake {
        /// The host.
        host: String,
        /// What rustls or the system says. Not a source: the text has it all, in Go's words.
        reason: io::Error,
    },
    /// The server does not speak TLS.
    #[error("http: server gave HTTP response to HTTPS client")]
    HttpResponseToHttps,
    /// The certificates of this machine cannot be used.
    #[error(transparent)]
    TlsSetup(#[from] TlsError),
    /// The proxy does not let us through.
    #[error("proxyconnect tcp: {proxy}: {reason}")]
    Proxy {
        /// The proxy, without its password.
        proxy: String,
        /// Its status line, or what is wrong.
        reason: String,
    },
    /// Nothing happened for too long.
    #[error("timeout: {waiting_for} took longer than {} seconds", .limit.as_secs_f32())]
    Timeout {
        /// What did not happen.
        waiting_for: &'static str,
        /// How long it was waited for.
        limit: Duration,
    },
    /// The connection ended before the answer did.
    #[error("{}", broken_text(.reason))]
    Broken {
        /// What hyper says. Not a source: the text has it all, in Go's words.
        reason: hyper::Error,
    },
    /// The body of the request could not be produced.
    #[error("cannot read what is to be sent: {source}")]
    RequestBody {
        /// What its source says.
        source: io::Error,
    },
    /// The body of the answer is longer than it may be.
    #[error("answer is larger than the limit of {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The request cannot be written as HTTP.
    #[error("invalid request: {source}")]
    Request {
        /// Why.
        source: http::Error,
    },
}

impl TransportError {
    /// Whether the connection never came about, so that the server has seen nothing of the request.
    pub(crate) fn is_before_request(&self) -> bool {
        match self {
            Self::Lookup { .. }
            | Self::Dial { .. }
            | Self::Handshake { .. }
            | Self::HttpResponseToHttps
            | Self::TlsSetup(_)
            | Self::Proxy { .. } => true,
            Self::Timeout { waiting_for, .. } => {
                *waiting_for == super::connect::CONNECTING || *waiting_for == super::connect::TLS
            }
            _ => false,
        }
    }

    /// Whether the same may go well a moment later.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            // Docker does not wait for a registry that is not there.
            Self::Lookup { .. }
            | Self::HttpResponseToHttps
            | Self::TlsSetup(_)
            | Self::RequestBody { .. }
            | Self::TooLarge { .. }
            | Self::Request { .. } => false,
            Self::Dial { source, .. } => source.kind() != io::ErrorKind::ConnectionRefused,
            Self::Handshake { reason, .. } => rustls_error(reason).is_none(),
            Self::Proxy { .. } | Self::Timeout { .. } | Self::Broken { .. } => true,
        }
    }
}

/// The error that rustls wrapped into `error`.
pub(crate) fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// `Connection refused (os error 111)` as Go writes it: `connection refused`.
fn errno_text(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text
        .split_once(" (os error")
        .map_or(text.as_str(), |(text, _)| text);
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

fn lookup_text(error: &io::Error) -> String {
    let text = errno_text(error);
    let reason = text.rsplit(": ").next().unwrap_or_default();
    match reason {
        "Name or service not known" | "No address associated with hostname" => {
            "no such host".to_owned()
        }
        reason => reason.to_owned(),
    }
}

fn tls_text(host: &str, error: &io::Error) -> String {
    let Some(error) = rustls_error(error) else {
        return format!("tls: handshake with {host} failed: {}", errno_text(error));
    };
    let rustls::Error::InvalidCertificate(reason) = error else {
        return alert_text(error).unwrap_or_else(|| format!("tls: {error}"));
    };
    let reason = match reason {
        CertificateError::UnknownIssuer => "certificate signed by unknown authority".to_owned(),
        CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
            format!("certificate is not valid for any names, but wanted to match {host}")
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let names: Vec<_> = presented.iter().map(|name| plain_name(name)).collect();
            format!("certificate is valid for {}, not {host}", names.join(", "))
        }
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            format!("certificate has expired or is not yet valid: {reason}")
        }
        other => other.to_string(),
    };
    format!("tls: failed to verify certificate: x509: {reason}")
}

// What the server says as it hangs up, as Go has it. Most often it wants to know who we are.
fn alert_text(error: &rustls::Error) -> Option<String> {
    let rustls::Error::AlertReceived(alert) = error else {
        return None;
    };
    let advice =
        "; the server asks for a client certificate that it trusts, which belongs into certs.d";
    Some(match alert {
        AlertDescription::BadCertificate => format!("remote error: tls: bad certificate{advice}"),
        AlertDescription::CertificateRequired => {
            format!("remote error: tls: certificate required{advice}")
        }
        AlertDescription::UnknownCA => {
            format!("remote error: tls: unknown certificate authority{advice}")
        }
        other => format!("remote error: tls: alert {other:?}"),
    })
}

// webpki prints `DnsName("a.example")` and `IpAddress(10.0.0.1)`.
fn plain_name(name: &str) -> &str {
    name.split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .map_or(name, |inner| inner.trim_matches('"'))
}

fn broken_text(error: &hyper::Error) -> String {
    if error.is_incomplete_message() {
        return "unexpected EOF".to_owned();
    }
    if let Some(source) = error.source() {
        return match source.downcast_ref::<io::Error>() {
            Some(source) if source.kind() == io::ErrorKind::UnexpectedEof => {
                "unexpected EOF".to_owned()
            }
            Some(source) => rustls_error(source)
                .and_then(alert_text)
                .unwrap_or_else(|| errno_text(source)),
            None => format!("{error}: {source}"),
        };
    }
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_gos() {
        let refused = TransportError::Dial {
            address: "127.0.0.1:1".to_owned(),
            source: io::Error::from_raw_os_error(111),
        };
        assert_eq!(
            refused.to_string(),
            "dial tcp 127.0.0.1:1: connect: connection refused"
        );
        let reason =
            io::Error::other("failed to lookup address information: Name or service not known");
        let host = "a.invalid".to_owned();
        assert_eq!(
            TransportError::Lookup { host, reason }.to_string(),
            "dial tcp: lookup a.invalid: no such host"
        );
        for (reason, expected) in [
            (
                CertificateError::UnknownIssuer,
                "tls: failed to verify certificate: x509: certificate signed by unknown authority",
            ),
            (
                CertificateError::NotValidForNameContext {
                    expected: "h".try_into().unwrap(),
                    presented: vec![
                        "DnsName(\"a.example\")".to_owned(),
                        "IpAddress(10.0.0.1)".to_owned(),
                    ],
                },
                "tls: failed to verify certificate: x509: certificate is valid for a.example, 10.0.0.1, not h",
            ),
        ] {
            let reason = io::Error::new(
                io::ErrorKind::InvalidData,
                rustls::Error::InvalidCertificate(reason),
            );
            let host = "h".to_owned();
            assert_eq!(
                TransportError::Handshake { host, reason }.to_string(),
                expected
            );
        }
    }
}
