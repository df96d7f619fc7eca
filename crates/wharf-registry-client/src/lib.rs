//! Speaks the OCI distribution protocol, and Docker's, to any registry.

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
pub use download::{Download, DownloadError};
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
