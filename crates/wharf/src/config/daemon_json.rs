//! The keys of dockerd's `daemon.json` that mean something without a daemon. It is another program's file: keys that
//! we do not know are its business.
//!
//! `data-root` says where the administrator wants images to be. Wharf must never write among dockerd's own files, so
//! it uses the folder `wharf` inside of it, which dockerd leaves alone: the same disk, and never the same files.

use std::path::PathBuf;

use serde::Deserialize;

/// What we take from the file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct DaemonJson {
    pub(super) data_root: Option<PathBuf>,
    pub(super) registry_mirrors: Option<Vec<String>>,
    pub(super) insecure_registries: Option<Vec<String>>,
    pub(super) max_concurrent_downloads: Option<usize>,
    pub(super) max_concurrent_uploads: Option<usize>,
    pub(super) max_download_attempts: Option<u32>,
    pub(super) proxies: Option<DaemonProxies>,
    pub(super) builder: Option<DaemonBuilder>,
}

/// `builder` of `daemon.json`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct DaemonBuilder {
    pub(super) gc: Option<DaemonCollection>,
}

/// `builder.gc`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DaemonCollection {
    pub(super) default_keep_storage: Option<String>,
}

/// `proxies` of `daemon.json`: used where the environment names none.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct DaemonProxies {
    pub(super) http_proxy: Option<String>,
    pub(super) https_proxy: Option<String>,
    pub(super) no_proxy: Option<String>,
}
