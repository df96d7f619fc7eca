//! The client: what it was told, and what it has learned about each registry in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use url::Url;
use wharf_oci::Repository;

use crate::auth::authenticator::Authenticator;
use crate::auth::credentials::CredentialSource;
use crate::config::ClientConfig;
use crate::endpoint::Endpoint;
use crate::exchange::Exchange;
use crate::http::proxy::{ProxyError, without_password};
use crate::http::tls::TlsError;
use crate::repository::RepositoryClient;

/// The name that images have of Docker Hub, and the host that serves it.
pub(crate) const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// Speaks to registries. Cheap to clone; clones share connections, tokens and what was learned.
#[derive(Debug, Clone)]
pub struct RegistryClient {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) config: ClientConfig,
    pub(crate) exchange: Exchange,
    pub(crate) credentials: Arc<dyn CredentialSource>,
    mirrors: Vec<Arc<Endpoint>>,
    registries: Mutex<HashMap<String, Arc<Endpoint>>>,
}

/// Why a client cannot be made from its configuration.
#[derive(Debug, thiserror::Error)]
pub enum ClientConfigError {
    /// A proxy that cannot be used.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A mirror that is no URL of a host.
    #[error("invalid mirror: {url:?}: {reason}")]
    Mirror {
        /// As configured.
        url: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// An insecure registry that is neither a host nor a network.
    #[error(
        "insecure registry {entry:?} is not valid: write HOST, HOST:PORT, or a network as 10.0.0.0/8"
    )]
    Insecure {
        /// As configured.
        entry: String,
    },
}

impl RegistryClient {
    /// A client. Reads no file yet and opens no connection.
    pub fn new(
        config: ClientConfig,
        credentials: Arc<dyn CredentialSource>,
    ) -> Result<Self, ClientConfigError> {
        let mirrors = config.mirrors.iter().map(|mirror| {
            let authenticator = Authenticator::new(None, &config.client_id);
            let endpoint = Endpoint::mirror(&mirror_url(mirror)?, authenticator);
            Ok::<_, ClientConfigError>(Arc::new(endpoint))
        });
        let shared = Shared {
            mirrors: mirrors.collect::<Result<_, _>>()?,
            exchange: Exchange::new(&config)?,
            credentials,
            registries: Mutex::default(),
            config,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// A client for one repository. Reads the registry's certificates (`certs.d`) from disk the first
    /// time, so call it where blocking for a moment is fine.
    pub fn repository(&self, repository: &Repository) -> Result<RepositoryClient, TlsError> {
        let registry = self.registry(repository.domain());
        self.shared.prepare(&registry)?;
        let mut readers = Vec::new();
        if repository.is_docker_hub() {
            for mirror in &self.shared.mirrors {
                self.shared.prepare(mirror)?;
                readers.push(Arc::clone(mirror));
            }
        }
        readers.push(Arc::clone(&registry));
        Ok(RepositoryClient::new(
            Arc::clone(&self.shared),
            repository.clone(),
            readers,
            registry,
        ))
    }

    /// The server of the registry `domain`, always the same within this process.
    pub(crate) fn registry(&self, domain: &str) -> Arc<Endpoint> {
        let registries = self.shared.registries.lock();
        let mut registries = registries.unwrap_or_else(PoisonError::into_inner);
        let made = registries.entry(domain.to_owned()).or_insert_with(|| {
            let source = (domain.to_owned(), Arc::clone(&self.shared.credentials));
            let authenticator = Authenticator::new(Some(source), &self.shared.config.client_id);
            Arc::new(Endpoint::registry(host_of(domain), authenticator))
        });
        Arc::clone(made)
    }
}

impl Shared {
    // Reads certificates where blocking is fine, and tells of what is wrong with them before the first
    // request. Insecure registries on loopback need none of the system's.
    fn prepare(&self, endpoint: &Endpoint) -> Result<(), TlsError> {
        let host = endpoint.host();
        let is_loopback = host.starts_with("127.")
            || host.starts_with("[::1]")
            || host == "localhost"
            || host.starts_with("localhost:");
        let verify = !is_loopback;
        match self.exchange.transport.tls.config(host, host, verify) {
            // The registry may turn out to be an insecure one; if not, the first request says it.
            Ok(_) | Err(TlsError::NoRoots) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// The host that serves `domain`.
pub(crate) fn host_of(domain: &str) -> &str {
    if domain == DOCKER_HUB {
        DOCKER_HUB_HOST
    } else {
        domain
    }
}

// moby `registry/config.go`, `ValidateMirror`.
fn mirror_url(text: &str) -> Result<Url, ClientConfigError> {
    let refused = |url, reason| ClientConfigError::Mirror { url, reason };
    let url = Url::parse(text).map_err(|_error| refused(text.to_owned(), "not a URL"))?;
    let invalid = |reason| refused(without_password(&url), reason);
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("unsupported scheme; use https:// or http://"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("path, query, or fragment at end of the URI"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(invalid("username/password not allowed in URI"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::credentials::FixedCredentials;

    #[test]
    fn mirrors_are_checked() {
        for (mirror, valid) in [
            ("https://mirror.example", true),
            ("http://mirror.example:5000/", true),
            ("mirror.example", false),
            ("ftp://mirror.example", false),
            ("https://mirror.example/v2/", false),
            ("https://mirror.example?x", false),
            ("https://u:p@mirror.example", false),
        ] {
            let config = ClientConfig {
                mirrors: vec![mirror.to_owned()],
                ..ClientConfig::default()
            };
            let client = RegistryClient::new(config, Arc::new(FixedCredentials::default()));
            assert_eq!(client.is_ok(), valid, "{mirror}");
        }
    }
}
