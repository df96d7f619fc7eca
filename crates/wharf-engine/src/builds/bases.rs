//! Base images: from the store, or pulled.

use std::sync::Arc;

use wharf_build::builder::BuildEvents;
use wharf_build::plan::{BaseImage, BaseNeed, LayerRef};
use wharf_images::{ImageRecord, ImageStore, Lease};
use wharf_oci::{
    Digest, ImageConfig, ManifestDigest, ParsedManifest, PlatformMatcher, RawManifest,
};
use wharf_transfer::{ErrorKind, EventSink, TransferEvent};

use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};
use crate::images::PullRequest;

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
        let found = self.found_or_pulled(need, pull).await;
        let base = found.and_then(|image| {
            let store = self.store()?;
            keep(store, lease, &image)?;
            base_of(store, need, &image)
        });
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

    async fn found_or_pulled(
        &self,
        need: &BaseNeed,
        pull: bool,
    ) -> Result<ImageRecord, EngineError> {
        if !pull && let Some(found) = self.fitting(need)? {
            return Ok(found);
        }
        let request = PullRequest {
            reference: need.reference.clone(),
            platform: Some(need.platform.clone()),
        };
        let nobody: EventSink = Arc::new(|_event: TransferEvent| ());
        self.pull(&request, &nobody).await?;
        self.fitting(need)?.ok_or_else(|| {
            let text = format!("{} is not there for {}", need.reference, need.platform);
            failure(ErrorKind::NotFound, text)
        })
    }

    /// The image of the store, if there is one for that platform.
    fn fitting(&self, need: &BaseNeed) -> Result<Option<ImageRecord>, EngineError> {
        let store = self.store()?;
        let by_name = store.resolve_text(&need.reference.to_string());
        let found = match by_name.or_else(|_no_name| store.resolve_text(&need.written)) {
            Ok(found) => found.image,
            Err(_not_here) => return Ok(None),
        };
        let rank = PlatformMatcher::only(&need.platform).rank(&found.platform);
        // an image without a platform is one that says nothing against this one
        let says_nothing = found.platform.os.is_empty();
        Ok(Some(found).filter(|_| rank.is_some() || says_nothing))
    }
}

/// Keeps the image's content as long as the build goes on.
fn keep(store: &ImageStore, lease: &Lease, image: &ImageRecord) -> Result<(), EngineError> {
    let mut digests: Vec<Digest> = vec![*image.manifest.digest(), image.config];
    for layer in &image.layers {
        digests.push(*layer.diff_id.digest());
        let blobs = store.blobs_of_layer(layer.diff_id).map_err(classify)?;
        digests.extend(blobs.iter().map(|blob| blob.digest));
    }
    lease.protect(&digests).map_err(classify)
}

fn base_of(
    store: &ImageStore,
    need: &BaseNeed,
    image: &ImageRecord,
) -> Result<BaseImage, EngineError> {
    let blobs = store.blobs();
    let config = blobs.read_document(&image.config).map_err(classify)?;
    let config = ImageConfig::parse(config).map_err(classify)?;
    let layers = manifest_layers(store, image.manifest)?;
    if layers.len() != config.diff_ids().len() {
        let text = format!(
            "{} is damaged: run `wharf system check --repair`",
            need.reference
        );
        return Err(failure(ErrorKind::Corrupt, text));
    }
    let layers = config
        .diff_ids()
        .iter()
        .zip(layers)
        .map(|(diff_id, blob)| LayerRef {
            diff_id: *diff_id,
            blob,
        });
    let digest = image.manifest;
    Ok(BaseImage {
        shown: match need.reference.digest() {
            Some(_) => need.reference.to_string(),
            None => format!("{}@{digest}", need.reference),
        },
        layers: layers.collect(),
        config,
    })
}

/// The blobs of the layers that a manifest of the store names.
pub(crate) fn manifest_layers(
    store: &ImageStore,
    digest: ManifestDigest,
) -> Result<Vec<wharf_oci::Descriptor>, EngineError> {
    let bytes = store
        .blobs()
        .read_document(digest.digest())
        .map_err(classify)?;
    let raw = RawManifest::new(bytes, None, digest.digest().algorithm()).map_err(classify)?;
    match raw.parse().map_err(classify)? {
        ParsedManifest::Manifest(manifest) => Ok(manifest.layers),
        ParsedManifest::Index(_) => {
            let text = format!("{digest} is an index where a manifest should be");
            Err(failure(ErrorKind::Corrupt, text))
        }
    }
}
