//! `--cache-to`: what steps of a build have come to, for builds elsewhere.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use wharf_build::builder::BuildEvents;
use wharf_images::{BuildEntry, ImageStore, Lease};
use wharf_oci::{DiffId, RawManifest, Reference};
use wharf_transfer::{CopyOptions, EventSink, TransferEvent, copy_image};

use super::archive::ArchiveTarget;
use super::cache_records::CacheRecords;
use super::image_target::ImageShape;
use super::request::BuiltImage;
use crate::engine::Engine;
use crate::error::{EngineError, classify};
use crate::local_endpoint::LocalSource;
use crate::registry_endpoint::RegistrySink;

/// Where a cache goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CachePlace {
    /// A registry.
    Registry(Reference),
    /// An OCI layout in a folder.
    Folder(PathBuf),
    /// The images themselves, about their own layers.
    Inline,
}

/// A cache that is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheTarget {
    /// Where it goes.
    pub place: CachePlace,
    /// Whether steps of all stages are in it, not only those whose layers are in the result.
    pub is_max: bool,
    /// Whether a cache that cannot be written fails the build.
    pub ignores_errors: bool,
}

/// What steps of a build have come to.
pub(super) fn used_records(
    store: &ImageStore,
    events: &BuildEvents,
) -> Result<CacheRecords, EngineError> {
    let mut entries: BTreeMap<i64, BuildEntry> = BTreeMap::new();
    for key in events.used_entries() {
        if let Some(entry) = store.build_entry(&key).map_err(classify)? {
            entries.insert(entry.id, entry);
        }
    }
    let entries: Vec<BuildEntry> = entries.into_values().collect();
    Ok(CacheRecords::of(&entries))
}

impl Engine {
    /// Writes a cache to where it is wanted.
    pub(super) async fn export_cache(
        &self,
        target: &CacheTarget,
        records: CacheRecords,
        of_result: &HashSet<DiffId>,
        lease: &Lease,
    ) -> Result<(), EngineError> {
        let records = if target.is_max {
            records
        } else {
            records.about(of_result)
        };
        let root = self.cache_manifest(&records, lease)?;
        match &target.place {
            CachePlace::Inline => Ok(()),
            CachePlace::Folder(folder) => {
                let image = BuiltImage {
                    names: Vec::new(),
                    manifests: vec![root.clone()],
                    root,
                    shape: ImageShape::default(),
                };
                self.archive_built(&image, false, ArchiveTarget::Folder(folder.clone()))
            }
            CachePlace::Registry(reference) => {
                let store = self.store()?;
                let reference = reference.clone().or_latest();
                let client = self.repository(reference.repository())?;
                let source = LocalSource {
                    store: store.clone(),
                };
                let sink = RegistrySink::new(&client, Some(store), reference.tag().cloned());
                let options = CopyOptions {
                    platform: None,
                    concurrency: self.settings().max_concurrent_uploads.max(1),
                };
                let nobody: EventSink = Arc::new(|_event: TransferEvent| ());
                copy_image(&source, &sink, root, &options, &nobody).await?;
                Ok(())
            }
        }
    }

    /// The documents of a cache, in the store as long as the lease lives.
    fn cache_manifest(
        &self,
        records: &CacheRecords,
        lease: &Lease,
    ) -> Result<RawManifest, EngineError> {
        let (manifest, config) = records.manifest()?;
        let config_digest = wharf_oci::Digest::of(&config);
        let manifest_digest = *manifest.digest().digest();
        lease
            .protect(&[config_digest, manifest_digest])
            .map_err(classify)?;
        let blobs = self.store()?.blobs();
        blobs
            .put_document(&config_digest, &config)
            .map_err(classify)?;
        blobs
            .put_document(&manifest_digest, manifest.bytes())
            .map_err(classify)?;
        Ok(manifest)
    }
}
