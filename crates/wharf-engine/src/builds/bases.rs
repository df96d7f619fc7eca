//! Base images: from the store, or pulled.

use std::path::Path;
use std::sync::Arc;

use wharf_build::builder::BuildEvents;
use wharf_build::plan::{BaseImage, BaseNeed, LayerRef};
use wharf_images::{ImageStore, Lease, NameRecord, ResolvedBy};
use wharf_oci::{
    Digest, ImageConfig, Manifest, ManifestDigest, ParsedManifest, PlatformMatcher, RawManifest,
};
use wharf_transfer::{ErrorKind, EventSink, TransferEvent};

use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};
use crate::images::{LayoutChoice, PullRequest};

impl Engine {
    /// The base image that is needed: the one of the store if it fits, otherwise a registry's.
    pub(super) async fn base_image(
        &self,
        need: &BaseNeed,
        pull: bool,
        lease: &Lease,
        events: &BuildEvents,
    ) -> Result<Arc<BaseImage>, EngineError> {
        let running = events.start(format!("[internal] load metadata for {}", need.reference));
        let found = self.found_or_pulled(need, pull, lease).await;
        let base = found.map(|found| found.into_base(need));
        match base {
            Ok(base) => {
                running.done();
                Ok(Arc::new(base))
            }
            Err(error) => {
                running.failed(&error);
                Err(EngineError::new(
                    error.kind(),
                    format!(
                        "{}: failed to resolve source metadata for {}: {error}",
                        need.written, need.reference
                    ),
                ))
            }
        }
    }

    /// The base image that is needed, of an OCI layout.
    pub(super) fn layout_base(
        &self,
        need: &BaseNeed,
        folder: &Path,
        image: &LayoutChoice,
        lease: &Lease,
        events: &BuildEvents,
    ) -> Result<Arc<BaseImage>, EngineError> {
        let shown = format!("oci-layout://{}", folder.display());
        let running = events.start(format!("[internal] load metadata for {shown}"));
        let found = self
            .take_layout(folder, image, &need.platform, lease)
            .and_then(|manifest| FoundBase::read(self.store()?, lease, manifest));
        match found {
            Ok(found) => {
                running.done();
                let shown = format!("{shown}@{}", found.manifest);
                Ok(Arc::new(BaseImage {
                    shown,
                    layers: found.layers,
                    config: found.config,
                }))
            }
            Err(error) => {
                running.failed(&error);
                Err(error)
            }
        }
    }

    async fn found_or_pulled(
        &self,
        need: &BaseNeed,
        pull: bool,
        lease: &Lease,
    ) -> Result<FoundBase, EngineError> {
        if !pull && let Some(found) = self.fitting(need, lease)? {
            return Ok(found);
        }
        let request = PullRequest {
            reference: need.reference.clone(),
            platform: Some(need.platform.clone()),
        };
        let nobody: EventSink = Arc::new(|_event: TransferEvent| ());
        let before = self.store()?.name(&need.reference).map_err(classify)?;
        self.pull(&request, &nobody).await?;
        let found = self.fitting(need, lease)?;
        if let Some(before) = before {
            self.give_back(&before)?;
        }
        found.ok_or_else(|| {
            let text = format!("{} is not there for {}", need.reference, need.platform);
            failure(ErrorKind::NotFound, text)
        })
    }

    /// A name that stood for the image of this machine's platform stands for it again, if what it names is still the same index:
    /// another platform was only built upon.
    fn give_back(&self, before: &NameRecord) -> Result<(), EngineError> {
        let store = self.store()?;
        let now = store.name(&before.name).map_err(classify)?;
        let is_same = now.is_some_and(|now| {
            now.target.digest == before.target.digest && now.image != before.image
        });
        if is_same && store.image(before.image).map_err(classify)?.is_some() {
            let (target, manifest) = (&before.target, before.manifest);
            store
                .set_name(&before.name, target, manifest, before.image)
                .map_err(classify)?;
        }
        Ok(())
    }

    /// The image of the store, if there is one for that platform: the one that the name stands for, or another one of the index
    /// that the name leads to.
    fn fitting(&self, need: &BaseNeed, lease: &Lease) -> Result<Option<FoundBase>, EngineError> {
        let store = self.store()?;
        let by_name = store.resolve_text(&need.reference.to_string());
        let found = match by_name.or_else(|_no_name| store.resolve_text(&need.written)) {
            Ok(found) => found,
            Err(_not_here) => return Ok(None),
        };
        let matcher = PlatformMatcher::only(&need.platform);
        let platform = &found.image.platform;
        // an image without a platform is one that says nothing against this one
        if matcher.rank(platform).is_some() || platform.os.is_empty() {
            return FoundBase::read(store, lease, found.image.manifest).map(Some);
        }
        let ResolvedBy::Name(name) = found.by else {
            return Ok(None);
        };
        let Ok(bytes) = store.blobs().read_document(&name.target.digest) else {
            return Ok(None);
        };
        let (kind, algorithm) = (&name.target.media_type, name.target.digest.algorithm());
        let raw = RawManifest::new(bytes, Some(kind), algorithm).map_err(classify)?;
        let ParsedManifest::Index(index) = raw.parse().map_err(classify)? else {
            return Ok(None);
        };
        let Some(child) = index.choose(&matcher) else {
            return Ok(None);
        };
        let child = ManifestDigest::new(child.digest);
        if !is_whole(store, child)? {
            return Ok(None);
        }
        FoundBase::read(store, lease, child).map(Some)
    }
}

/// Whether everything that a manifest names is in the store.
fn is_whole(store: &ImageStore, manifest: ManifestDigest) -> Result<bool, EngineError> {
    let blobs = store.blobs();
    let is_here = |digest: &Digest| -> Result<bool, EngineError> {
        Ok(blobs.contains(digest).map_err(classify)?.is_some())
    };
    if !is_here(manifest.digest())? {
        return Ok(false);
    }
    let parsed = parsed_manifest(store, manifest)?;
    for part in parsed.layers.iter().chain([&parsed.config]) {
        if !is_here(&part.digest)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// An image of the store, under the build's lease.
struct FoundBase {
    manifest: ManifestDigest,
    config: ImageConfig,
    layers: Vec<LayerRef>,
}

impl FoundBase {
    fn read(
        store: &ImageStore,
        lease: &Lease,
        manifest: ManifestDigest,
    ) -> Result<Self, EngineError> {
        let parsed = parsed_manifest(store, manifest)?;
        let bytes = store.blobs().read_document(&parsed.config.digest);
        let config = ImageConfig::parse(bytes.map_err(classify)?).map_err(classify)?;
        if parsed.layers.len() != config.diff_ids().len() {
            let text = format!("{manifest} is damaged: run `wharf system check --repair`");
            return Err(failure(ErrorKind::Corrupt, text));
        }
        let mut digests: Vec<Digest> = vec![*manifest.digest(), parsed.config.digest];
        let mut layers = Vec::new();
        for (diff_id, blob) in config.diff_ids().iter().zip(parsed.layers) {
            digests.extend([*diff_id.digest(), blob.digest]);
            layers.push(LayerRef {
                diff_id: *diff_id,
                blob,
            });
        }
        lease.protect(&digests).map_err(classify)?;
        for layer in &layers {
            store
                .remember_layer_blob(&layer.blob, layer.diff_id)
                .map_err(classify)?;
        }
        Ok(Self {
            manifest,
            config,
            layers,
        })
    }

    fn into_base(self, need: &BaseNeed) -> BaseImage {
        BaseImage {
            shown: match need.reference.digest() {
                Some(_) => need.reference.to_string(),
                None => format!("{}@{}", need.reference, self.manifest),
            },
            layers: self.layers,
            config: self.config,
        }
    }
}

/// The blobs of the layers that a manifest of the store names.
pub(crate) fn manifest_layers(
    store: &ImageStore,
    digest: ManifestDigest,
) -> Result<Vec<wharf_oci::Descriptor>, EngineError> {
    Ok(parsed_manifest(store, digest)?.layers)
}

fn parsed_manifest(store: &ImageStore, digest: ManifestDigest) -> Result<Manifest, EngineError> {
    let bytes = store
        .blobs()
        .read_document(digest.digest())
        .map_err(classify)?;
    let raw = RawManifest::new(bytes, None, digest.digest().algorithm()).map_err(classify)?;
    match raw.parse().map_err(classify)? {
        ParsedManifest::Manifest(manifest) => Ok(*manifest),
        ParsedManifest::Index(_) => {
            let text = format!("{digest} is an index where a manifest should be");
            Err(failure(ErrorKind::Corrupt, text))
        }
    }
}
