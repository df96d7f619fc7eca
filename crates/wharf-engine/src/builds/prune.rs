//! What builds remember: how much there is, and removing it.

use wharf_images::{BuildPruneFilter, BuildPruneReport, BuildUsage};

use super::cache_store::CacheMountFilter;
use crate::engine::Engine;
use crate::error::{EngineError, classify};

impl Engine {
    /// What layers take that steps have made.
    pub fn build_usage(&self) -> Result<BuildUsage, EngineError> {
        if self.has_no_store() {
            return Ok(BuildUsage::default());
        }
        let mut usage = self.store_for_reading()?.build_usage().map_err(classify)?;
        for cache in self.cache_mounts()? {
            usage.entries += 1;
            usage.bytes += cache.bytes;
            if !cache.in_use {
                usage.reclaimable_bytes += cache.bytes;
            }
        }
        Ok(usage)
    }

    /// Keeps what builds remember within a limit: what was used longest ago goes first, layers before folders of caches. What an
    /// image has takes no more for being remembered, and does not count.
    pub(super) fn keep_within(&self, limit_bytes: u64) -> Result<(), EngineError> {
        let usage = self.build_usage()?;
        if usage.reclaimable_bytes <= limit_bytes {
            return Ok(());
        }
        let mounts: u64 = self.cache_mounts()?.iter().map(|cache| cache.bytes).sum();
        let report = self.prune_builds(&BuildPruneFilter {
            keep_bytes: Some(limit_bytes.saturating_sub(mounts)),
            ..BuildPruneFilter::default()
        })?;
        if mounts > limit_bytes {
            self.prune_cache_mounts(&CacheMountFilter {
                keep_bytes: Some(limit_bytes),
                ..CacheMountFilter::default()
            })?;
        }
        tracing::info!(
            entries = report.entries.len(),
            limit_bytes,
            "removed build cache"
        );
        Ok(())
    }

    /// Removes layers that steps have made.
    pub fn prune_builds(&self, filter: &BuildPruneFilter) -> Result<BuildPruneReport, EngineError> {
        if self.has_no_store() {
            return Ok(BuildPruneReport::default());
        }
        self.store()?.prune_builds(filter).map_err(classify)
    }
}
