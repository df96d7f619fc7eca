//! `image prune`: images that nothing needs go.

use wharf_images::{PruneFilter, PruneReport};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

impl Engine {
    /// Removes dangling images, or with `all` every image that no container uses.
    pub fn prune_images(&self, filter: &PruneFilter) -> Result<PruneReport, EngineError> {
        self.store()?.prune(filter).map_err(classify)
    }
}
