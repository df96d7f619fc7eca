//! `images`: what is on this machine.

use wharf_images::{ImageSummary, ListFilter};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

impl Engine {
    /// The images that the filter lets through, the youngest first.
    pub fn images(&self, filter: &ListFilter) -> Result<Vec<ImageSummary>, EngineError> {
        // Whoever asks for what is older than an image is to hear that there is no such image.
        if self.has_no_store() && filter.before.is_empty() && filter.since.is_empty() {
            return Ok(Vec::new());
        }
        self.store_for_reading()?.list(filter).map_err(classify)
    }
}
