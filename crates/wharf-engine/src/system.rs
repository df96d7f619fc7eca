//! `system`: what the store takes, what is wrong with it, what may go.

use wharf_images::{DiskUsage, GarbageReport, Unfinished};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

impl Engine {
    /// What images, layers and unfinished downloads take; shared layers count once.
    pub fn disk_usage(&self) -> Result<DiskUsage, EngineError> {
        self.store_for_reading()?.usage().map_err(classify)
    }

    /// Deletes what nothing reaches and heals what dead processes left.
    pub fn collect_garbage(&self, unfinished: Unfinished) -> Result<GarbageReport, EngineError> {
        self.store()?.collect_garbage(unfinished).map_err(classify)
    }
}
