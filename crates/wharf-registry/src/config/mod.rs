//! What an operator can say about a registry: the types of `wharf-registry.toml`, their defaults and their meaning.
//!
//! Every key is optional, and one that is not known is an error. The binary reads the file; what does not fit together, or
//! is dangerous, is found by [`RegistryConfig::check`]. The JSON Schema is made of these types and their comments.

mod check;
mod defaults;
mod networks;
mod registry_config;
mod units;

pub use check::{Finding, Severity};
pub use networks::{Network, NetworkError};
pub use registry_config::{
    DatabaseConfig, GarbageConfig, LimitsConfig, LogConfig, LogFormat, LogLevel, ManifestsConfig,
    MetricsConfig, MetricsReaders, ProjectCreators, ProjectsConfig, RegistryConfig, StorageConfig,
    TlsConfig, TlsMode, TracesConfig,
};
pub use units::{ByteSize, TimeSpan, UnitError};
