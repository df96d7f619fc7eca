//! What counts where the file says nothing.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::{
    ByteSize, DatabaseConfig, GarbageConfig, LimitsConfig, LogConfig, ManifestsConfig,
    MetricsConfig, MetricsReaders, ProjectCreators, ProjectsConfig, RegistryConfig, StorageConfig,
    TimeSpan, TlsConfig, TracesConfig,
};
use crate::garbage::GarbageSettings;
use crate::http::ServerSettings;
use crate::settings::{Settings, SparseManifests};

impl Default for RegistryConfig {
    fn default() -> Self {
        Self {
            data: PathBuf::from("/var/lib/wharf-registry"),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 5000)),
            external_url: None,
            trusted_proxies: Vec::new(),
            shutdown_grace: TimeSpan::seconds(30),
            tls: TlsConfig::default(),
            storage: StorageConfig::default(),
            database: DatabaseConfig::default(),
            limits: LimitsConfig::default(),
            projects: ProjectsConfig::default(),
            manifests: ManifestsConfig::default(),
            garbage: GarbageConfig::default(),
            log: LogConfig::default(),
            metrics: MetricsConfig::default(),
            traces: TracesConfig::default(),
        }
    }
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            mode: None,
            certificate: None,
            key: None,
            names: Vec::new(),
            handshake_timeout: TimeSpan::seconds(10),
            insecure_http: false,
        }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            path: None,
            url: None,
            connections: 8,
            certificates: None,
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            blob_size: ByteSize::new(1 << 40),
            connections: 4096,
            header_timeout: TimeSpan::seconds(60),
            body_timeout: TimeSpan::seconds(60),
            write_timeout: TimeSpan::seconds(60),
            requests_per_second: None,
        }
    }
}

impl Default for GarbageConfig {
    fn default() -> Self {
        let GarbageSettings {
            grace,
            undelete,
            upload_expiry,
            interval,
        } = GarbageSettings::default();
        let span = |duration: Duration| TimeSpan::seconds(duration.as_secs());
        Self {
            grace: span(grace),
            undelete: span(undelete),
            upload_expiry: span(upload_expiry),
            interval: span(interval),
        }
    }
}

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            readers: MetricsReaders::default(),
            listen: None,
        }
    }
}

impl Default for TracesConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            authorization: None,
            sample: 1.0,
            service_name: "wharf-registry".to_owned(),
        }
    }
}

impl RegistryConfig {
    /// What the registry's rooms are told.
    pub fn settings(&self) -> Settings {
        Settings {
            sparse: SparseManifests {
                indexes: self.manifests.sparse_indexes,
                images: self.manifests.sparse_images,
            },
            users_create_projects: self.projects.creators == ProjectCreators::Users,
            garbage: GarbageSettings {
                grace: self.garbage.grace.duration(),
                undelete: self.garbage.undelete.duration(),
                upload_expiry: self.garbage.upload_expiry.duration(),
                interval: self.garbage.interval.duration(),
            },
            blob_limit_bytes: self.limits.blob_size.bytes(),
            body_timeout: self.limits.body_timeout.duration(),
        }
    }

    /// What the server is told.
    pub fn server_settings(&self) -> ServerSettings {
        ServerSettings {
            external_url: self.external_url.clone(),
            trusted_proxies: self.trusted_proxies.clone(),
            connection_limit: self.limits.connections,
            header_timeout: self.limits.header_timeout.duration(),
            write_timeout: self.limits.write_timeout.duration(),
            shutdown_grace: self.shutdown_grace.duration(),
            requests_per_second: self.limits.requests_per_second,
            metrics: self.metrics.clone(),
            follow_trace: None,
        }
    }
}
