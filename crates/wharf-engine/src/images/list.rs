//! `images`: what is on this machine.

use wharf_images::{ImageSummary, ListFilter};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

impl Engine {
    /// The images that the filter lets through, the youngest first.
    pub fn images(&self, filter: &ListFilter) -> Result<Vec<ImageSummary>, EngineError> {
        self.store_for_reading()?.list(filter).map_err(classify)
    }
}
