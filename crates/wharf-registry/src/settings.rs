//! What a registry is told at start, beyond where its parts lie.

use std::time::Duration;

use crate::garbage::GarbageSettings;

/// Settings with their defaults.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which manifests may name what their repository does not have.
    pub sparse: SparseManifests,
    /// Whether every user may make projects, or only administrators (Harbor's `project_creation_restriction`).
    pub users_create_projects: bool,
    /// How long the collector leaves things alone.
    pub garbage: GarbageSettings,
    /// Largest blob in bytes.
    pub blob_limit_bytes: u64,
    /// How long a client may take for the next 16 KiB of a body.
    pub body_timeout: Duration,
}

/// Which manifests may name what their repository does not have (the distribution specification, "Pushing Manifests", leaves
/// that to the registry).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SparseManifests {
    /// Indexes may name manifests that are not there.
    pub indexes: bool,
    /// Images and other artifacts may name blobs that are not there.
    pub images: bool,
}

impl SparseManifests {
    /// All of them.
    pub const ALLOWED: Self = Self {
        indexes: true,
        images: true,
    };
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            sparse: SparseManifests::default(),
            users_create_projects: true,
            garbage: GarbageSettings::default(),
            blob_limit_bytes: 1 << 40,
            body_timeout: Duration::from_mins(1),
        }
    }
}
