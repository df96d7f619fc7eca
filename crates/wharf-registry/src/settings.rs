//! What a registry is told at start, beyond where its parts lie.

use std::time::Duration;

use crate::garbage::GarbageSettings;

/// Settings with their defaults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether an index may name manifests that are not in the repository (sparse indexes).
    pub sparse_indexes: bool,
    /// Whether every user may make projects, or only administrators (Harbor's `project_creation_restriction`).
    pub users_create_projects: bool,
    /// How long the collector leaves things alone.
    pub garbage: GarbageSettings,
    /// Largest blob in bytes.
    pub blob_limit_bytes: u64,
    /// How long a client may take for the next 16 KiB of a body.
    pub body_timeout: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse_indexes: false,
            users_create_projects: true,
            garbage: GarbageSettings::default(),
            blob_limit_bytes: 1 << 40,
            body_timeout: Duration::from_mins(1),
        }
    }
}
