//! `system`: what the store takes, what is wrong with it, what may go.

use wharf_images::{
    CheckEvent, CheckOptions, CheckReport, DiskUsage, GarbageReport, ImageStore, Unfinished,
};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

impl Engine {
    /// What images, layers and unfinished downloads take; shared layers count once.
    pub fn disk_usage(&self) -> Result<DiskUsage, EngineError> {
        if self.has_no_store() {
            return Ok(DiskUsage::default());
        }
        self.store_for_reading()?.usage().map_err(classify)
    }

    /// Deletes what nothing reaches and heals what dead processes left.
    pub fn collect_garbage(&self, unfinished: Unfinished) -> Result<GarbageReport, EngineError> {
        self.store()?.collect_garbage(unfinished).map_err(classify)
    }

    /// Compares everything in the store with its digests and with what its layers unpack to.
    pub fn check(&self, events: &mut dyn FnMut(CheckEvent)) -> Result<CheckReport, EngineError> {
        let options = CheckOptions { repair: false };
        self.store()?.check(options, events).map_err(classify)
    }

    /// As [`Engine::check`]; puts right what can be put right, a lost or damaged database included.
    pub fn repair(&self, events: &mut dyn FnMut(CheckEvent)) -> Result<CheckReport, EngineError> {
        let (_store, report) =
            ImageStore::repair(&self.settings().root, self.open_options(), events)
                .map_err(classify)?;
        Ok(report)
    }
}
