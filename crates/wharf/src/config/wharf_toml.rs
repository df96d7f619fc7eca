//! `wharf.toml`, Wharf's own file. Every key is optional; a key that is not known is an error, since it is a typing
//! mistake far more often than a key of a newer Wharf.

use std::path::PathBuf;

use serde::Deserialize;

/// The file as it stands.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct WharfToml {
    /// Folder of the store.
    pub(super) root: Option<PathBuf>,
    /// What is logged: `trace`, `debug`, `info`, `warn`, `error`, `off`.
    pub(super) log_level: Option<String>,
    /// How it is logged: `text` or `json`.
    pub(super) log_format: Option<String>,
    /// Where images come from and go to.
    #[serde(default)]
    pub(super) registries: Registries,
    /// How they are moved.
    #[serde(default)]
    pub(super) transfer: Transfer,
    /// How they are built.
    #[serde(default)]
    pub(super) builds: Builds,
}

/// `[builds]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Builds {
    /// What builds may remember: `10GB`.
    pub(super) cache_limit: Option<String>,
}

/// `[registries]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Registries {
    /// URLs that are asked, in order, before Docker Hub itself.
    pub(super) mirrors: Option<Vec<String>>,
    /// `host`, `host:port` or networks (`10.0.0.0/8`) whose certificates are not verified and that may speak plain HTTP.
    pub(super) insecure: Option<Vec<String>>,
    /// Folders of `HOST[:PORT]/*.crt`, `*.cert`, `*.key`, instead of Docker's.
    pub(super) certificates: Option<Vec<PathBuf>>,
}

/// `[transfer]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Transfer {
    /// Layers that one pull downloads at once.
    pub(super) max_concurrent_downloads: Option<usize>,
    /// Layers that one push uploads at once.
    pub(super) max_concurrent_uploads: Option<usize>,
    /// How often one layer is tried.
    pub(super) max_download_attempts: Option<u32>,
}
