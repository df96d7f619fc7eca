//! What builds remember: how much there is, and removing it.

use wharf_images::{BuildPruneFilter, BuildPruneReport, BuildUsage};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

impl Engine {
    /// What layers take that steps have made.
    pub fn build_usage(&self) -> Result<BuildUsage, EngineError> {
        if self.has_no_store() {
            return Ok(BuildUsage::default());
        }
        self.store_for_reading()?.build_usage().map_err(classify)
    }

    /// Removes layers that steps have made.
    pub fn prune_builds(&self, filter: &BuildPruneFilter) -> Result<BuildPruneReport, EngineError> {
        if self.has_no_store() {
            return Ok(BuildPruneReport::default());
        }
        self.store()?.prune_builds(filter).map_err(classify)
    }
}
