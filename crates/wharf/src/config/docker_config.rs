//! What the user's Docker `config.json` says about output and pruning. Credentials in the same file are the business
//! of `wharf-registry-client`, which also writes it; the `proxies` in it are for containers, not for us.

use std::path::Path;

use serde::Deserialize;

use super::files::{ConfigError, read_json};

/// The keys that we take.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DockerConfig {
    /// The `--format` of `images` if none is given.
    #[serde(default)]
    pub(crate) images_format: String,
    /// The `--format` of `ps` if none is given.
    #[serde(default)]
    pub(crate) ps_format: String,
    /// The `--format` of `stats` if none is given.
    #[serde(default)]
    pub(crate) stats_format: String,
    /// Filters that every prune has: `label=keep`, `label!=keep`.
    #[serde(default)]
    pub(crate) prune_filters: Vec<String>,
}

impl DockerConfig {
    /// Reads `config.json` in the folder. No file is an empty one.
    pub(crate) fn read(folder: &Path) -> Result<Self, ConfigError> {
        Ok(read_json(&folder.join("config.json"))?.unwrap_or_default())
    }
}
