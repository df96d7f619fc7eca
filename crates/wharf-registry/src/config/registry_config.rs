//! The types of `wharf-registry.toml`.

use std::net::SocketAddr;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ByteSize, Network, TimeSpan};
use crate::storage::{S3Config, Secret};

/// A registry's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RegistryConfig {
    /// Folder of everything that the registry keeps, unless another place is said for it.
    pub data: PathBuf,
    /// Address and port to serve on: `127.0.0.1:5000`, `[::]:443`.
    pub listen: SocketAddr,
    /// Under what address clients reach the registry, where that is not what they ask for: behind a proxy that changes
    /// names or ends TLS.
    pub external_url: Option<String>,
    /// Proxies that are believed when they say for whom they ask (`X-Forwarded-For`, `X-Forwarded-Proto`): addresses and
    /// networks.
    pub trusted_proxies: Vec<Network>,
    /// How long requests may go on after the registry was told to stop. Uploads keep what had come by then.
    pub shutdown_grace: TimeSpan,
    /// Encryption.
    pub tls: TlsConfig,
    /// Where the bytes of images are.
    pub storage: StorageConfig,
    /// Where names, rights and links are.
    pub database: DatabaseConfig,
    /// How much is allowed.
    pub limits: LimitsConfig,
    /// Who may make projects.
    pub projects: ProjectsConfig,
    /// What images may look like.
    pub manifests: ManifestsConfig,
    /// How long things are kept that nobody needs.
    pub garbage: GarbageConfig,
    /// What is logged.
    pub log: LogConfig,
    /// Figures for Prometheus.
    pub metrics: MetricsConfig,
    /// Traces for an OpenTelemetry collector.
    pub traces: TracesConfig,
}

/// `[tls]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TlsConfig {
    /// Where the certificate comes from. By default: from `certificate` and `key` if they are set; otherwise none on
    /// addresses that only this machine reaches, and from Wharf's own authority on all others.
    pub mode: Option<TlsMode>,
    /// The certificate and those between it and the authority, as PEM. Read again when the file changes.
    pub certificate: Option<PathBuf>,
    /// The certificate's private key, as PEM.
    pub key: Option<PathBuf>,
    /// Names and addresses that the own authority's certificate is for. By default this machine's name, `localhost`,
    /// `127.0.0.1`, `::1`, the address of `listen` and the host of `external-url`.
    pub names: Vec<String>,
    /// How long a client may take to agree on encryption.
    pub handshake_timeout: TimeSpan,
    /// Whether to serve without TLS on addresses that other machines reach: passwords and images travel in the clear.
    pub insecure_http: bool,
}

/// Where the certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TlsMode {
    /// From `certificate` and `key`.
    Files,
    /// From an authority of Wharf's own, made at the first start in the folder `tls` of the data.
    OwnAuthority,
    /// There is none: plain HTTP.
    Off,
}

/// `[storage]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct StorageConfig {
    /// A local folder. By default `storage` in the data.
    pub path: Option<PathBuf>,
    /// A bucket of an S3-compatible service instead.
    #[serde(skip_serializing)]
    pub s3: Option<S3Config>,
}

/// `[database]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DatabaseConfig {
    /// The file of an SQLite database. By default `registry.db` in the data.
    pub path: Option<PathBuf>,
    /// A PostgreSQL database instead: `postgres://user:password@host/database?sslmode=require`, or where that is written:
    /// `{ file = "/path" }`, `{ environment = "NAME" }`. Several registries may share it.
    #[serde(skip_serializing)]
    pub url: Option<Secret>,
    /// Most connections to PostgreSQL.
    pub connections: usize,
    /// Certificates of the authorities that PostgreSQL's certificate is checked with, as PEM. By default the system's.
    pub certificates: Option<PathBuf>,
}

/// `[limits]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LimitsConfig {
    /// Largest blob.
    pub blob_size: ByteSize,
    /// Most connections at once; more wait until one ends.
    pub connections: usize,
    /// How long a client may take for the head of a request, and stay silent between two.
    pub header_timeout: TimeSpan,
    /// How long a client may send next to nothing in the middle of a body.
    pub body_timeout: TimeSpan,
    /// How long a client may take nothing of what it is sent.
    pub write_timeout: TimeSpan,
    /// Requests a second that one address may make in the long run; it may save up ten seconds' worth. Without it there is no limit.
    pub requests_per_second: Option<u32>,
}

/// `[projects]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ProjectsConfig {
    /// Who may make projects.
    pub creators: ProjectCreators,
}

/// Who may make projects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ProjectCreators {
    /// Everybody who has an account.
    #[default]
    Users,
    /// Administrators of the registry.
    Administrators,
}

/// `[manifests]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ManifestsConfig {
    /// Whether an index may name manifests that its repository does not have.
    pub sparse_indexes: bool,
    /// Whether an image or another artifact may name blobs that its repository does not have; it keeps those that come later.
    pub sparse_images: bool,
}

/// `[garbage]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct GarbageConfig {
    /// How long a blob is kept that nothing refers to, after somebody last relied on it: longer than any push takes from
    /// its first blob to its manifest.
    pub grace: TimeSpan,
    /// How long a deleted manifest can be brought back.
    pub undelete: TimeSpan,
    /// How long an upload is kept that nobody goes on with.
    pub upload_expiry: TimeSpan,
    /// How long the collector rests between two rounds.
    pub interval: TimeSpan,
}

/// `[log]`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct LogConfig {
    /// Lines for people or for machines.
    pub format: LogFormat,
    /// The least important that is logged.
    pub level: LogLevel,
    /// Whether each request is logged.
    pub requests: bool,
    /// Whether each change that somebody makes is logged, beside the audit log in the database.
    pub audit: bool,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// How important something is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    /// Everything.
    Trace,
    /// What happens inside.
    Debug,
    /// What happens.
    #[default]
    Info,
    /// What should be looked at.
    Warn,
    /// What failed.
    Error,
    /// Nothing.
    Off,
}

/// `[metrics]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct MetricsConfig {
    /// Whether `/metrics` is served at all.
    pub enabled: bool,
    /// Who may read it.
    pub readers: MetricsReaders,
    /// An address of its own where `/metrics`, `/livez` and `/readyz` are served to everybody without TLS, and nothing else is:
    /// `127.0.0.1:9464`.
    pub listen: Option<SocketAddr>,
}

/// Who may read `/metrics`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MetricsReaders {
    /// Administrators of the registry, and robots of the system that may read `system-volumes`.
    #[default]
    Administrators,
    /// Everybody.
    Everybody,
}

/// `[traces]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct TracesConfig {
    /// The collector, which takes OTLP over HTTP: `http://localhost:4318`. Without it nothing is traced.
    pub endpoint: Option<String>,
    /// What the collector wants to see in the header `Authorization`, if anything.
    #[serde(skip_serializing)]
    pub authorization: Option<Secret>,
    /// Which part of the requests is traced, from 0 to 1. A request that belongs to a trace already follows that one.
    pub sample: f64,
    /// Under what name the traces are.
    pub service_name: String,
}

impl RegistryConfig {
    /// The JSON Schema of the file.
    pub fn schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Where the certificate comes from, all considered.
    pub fn tls_mode(&self) -> TlsMode {
        let tls = &self.tls;
        if let Some(mode) = tls.mode {
            mode
        } else if tls.certificate.is_some() || tls.key.is_some() {
            TlsMode::Files
        } else if tls.insecure_http || self.listen.ip().is_loopback() {
            TlsMode::Off
        } else {
            TlsMode::OwnAuthority
        }
    }

    /// The host of `external-url`.
    pub fn external_host(&self) -> Option<String> {
        let url = Url::parse(self.external_url.as_deref()?).ok()?;
        let host = url.host_str()?;
        Some(host.trim_matches(['[', ']']).to_owned())
    }

    /// The folder of the blobs.
    pub fn storage_folder(&self) -> PathBuf {
        let chosen = self.storage.path.clone();
        chosen.unwrap_or_else(|| self.data.join("storage"))
    }

    /// The file of the SQLite database.
    pub fn database_file(&self) -> PathBuf {
        let chosen = self.database.path.clone();
        chosen.unwrap_or_else(|| self.data.join("registry.db"))
    }

    /// The folder of the own authority.
    pub fn tls_folder(&self) -> PathBuf {
        self.data.join("tls")
    }
}
