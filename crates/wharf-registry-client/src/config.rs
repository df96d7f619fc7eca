//! What the client is told: nothing here is read from the environment or from a home folder.

use std::path::PathBuf;
use std::time::Duration;

use crate::http::proxy::ProxyConfig;

/// Settings of a [`crate::RegistryClient`]. `ClientConfig::default()` talks to any registry that has
/// a certificate of a public authority, directly.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Mirrors of Docker Hub in order of preference, as URLs (`daemon.json`, `registry-mirrors`).
    pub mirrors: Vec<String>,
    /// Registries that may be spoken to without verified TLS or without TLS: `host`, `host:port` or a
    /// network in CIDR notation (`insecure-registries`). 127.0.0.0/8 and `::1` always are such.
    pub insecure_registries: Vec<String>,
    /// Folders with a folder per registry (`HOST[:PORT]`), in which `*.crt` are authorities to trust
    /// and `X.cert` with `X.key` is a client certificate. All that exist are used.
    pub certs_dirs: Vec<PathBuf>,
    /// A file of trusted authorities instead of the system's (`SSL_CERT_FILE`).
    pub ca_file: Option<PathBuf>,
    /// Folders of trusted authorities instead of the system's (`SSL_CERT_DIR`).
    pub ca_dirs: Vec<PathBuf>,
    /// Proxies, by the scheme of what is asked for.
    pub proxies: ProxyConfig,
    /// The `User-Agent` of every request.
    pub user_agent: String,
    /// The `client_id` that token servers are given.
    pub client_id: String,
    /// How long to wait for what.
    pub timeouts: Timeouts,
    /// When and how often to try again.
    pub retry: RetryPolicy,
}

/// How long to wait for a registry.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// For one address to accept the connection, and again for the TLS handshake.
    pub connect: Duration,
    /// For an answer to begin after the request was sent; the registry may be at work.
    pub response: Duration,
    /// For the next bytes of a body, in either direction.
    pub idle: Duration,
    /// For a credential helper to finish.
    pub credential_helper: Duration,
}

/// When to try again after a failure that may pass: the connection broke, or the registry answered
/// 408, 429 or 5xx.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// How often something is tried in all, at least once. Progress of a download resets the count.
    pub max_attempts: u32,
    /// The wait before the second attempt; doubled before each further one. Up to a quarter of it is
    /// added at random, so that many clients do not come back at the same moment.
    pub initial_delay: Duration,
    /// No wait is longer than this. A registry that asks for a longer one by `Retry-After` has said
    /// no: its answer is the error.
    pub max_delay: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            mirrors: Vec::new(),
            insecure_registries: Vec::new(),
            certs_dirs: Vec::new(),
            ca_file: None,
            ca_dirs: Vec::new(),
            proxies: ProxyConfig::default(),
            user_agent: concat!("wharf/", env!("CARGO_PKG_VERSION")).to_owned(),
            client_id: "wharf".to_owned(),
            timeouts: Timeouts::default(),
            retry: RetryPolicy::default(),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            // A registry on object storage may copy a whole blob before it answers the last PUT.
            response: Duration::from_mins(5),
            idle: Duration::from_mins(1),
            credential_helper: Duration::from_mins(2),
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_mins(1),
        }
    }
}
