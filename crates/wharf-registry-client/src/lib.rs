//! Speaks the OCI distribution protocol, and Docker's, to any registry.
//!
//! From the outside in:
//!
//! ```text
//! RegistryClient        what it was told; one endpoint per registry     client, config
//!   login, search, download                                             the files of those names
//!   RepositoryClient    mirrors, retries, errors                        repository, retry, error
//!     manifests, blobs, uploads, tags, referrers                        the files of those names
//!       Endpoint        TLS or not; answers challenges                  endpoint, auth/
//!         Exchange      redirects; whom to trust and to show who we are exchange, insecure
//!           Transport   connections, pool, proxies, bodies; no registry http/
//! ```
//!
//! Rules that hold throughout: credentials go to the scheme, host and port that they are for, and never
//! to a mirror; whatever comes from outside has a limit; no request is sent only to find out what the
//! next one will tell anyway; nothing is read from the environment or a home folder.

mod auth;
mod blobs;
mod client;
mod config;
mod download;
mod endpoint;
mod error;
mod exchange;
mod http;
mod insecure;
mod link;
mod login;
mod manifests;
mod percent;
mod referrers;
mod repository;
mod retry;
mod search;
mod tags;
mod uploads;

pub use auth::challenge::{AuthChallenge, parse_challenges};
pub use auth::config_file::{ConfigFileError, DockerConfigFile};
pub use auth::credential_helper::{CredentialHelper, HelperAction, HelperError};
pub use auth::credentials::{
    CredentialError, CredentialSource, Credentials, FixedCredentials, Secret,
};
pub use auth::server_address::{credential_key, registry_domain};
pub use auth::store::{CredentialStoreError, DockerCredentials, StoredIn};
pub use blobs::{BlobError, BlobStream};
pub use client::{ClientConfigError, RegistryClient};
pub use config::{ClientConfig, RetryPolicy, Timeouts};
pub use download::{Download, DownloadError, KnownFile, Validators};
pub use error::{
    AuthError, DigestMismatch, ErrorDetail, ErrorResponse, RedirectError, RequestError,
};
pub use exchange::BlobSource;
pub use http::error::TransportError;
pub use http::proxy::{ProxyConfig, ProxyError};
pub use http::tls::TlsError;
pub use login::{LoginError, LoginOutcome};
pub use manifests::{ManifestChangeError, ManifestFetchError, StoredManifest};
pub use referrers::referrers_tag;
pub use repository::{RepositoryClient, TagOrDigest};
pub use retry::{ClientEvent, EventObserver};
pub use search::{SearchError, SearchFilters, SearchResult};
pub use uploads::{MountOutcome, UploadError, UploadMode, UploadSession};
