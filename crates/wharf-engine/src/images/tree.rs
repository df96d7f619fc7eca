//! `images --tree`: what each name points to, and what of it is on this machine.

use wharf_images::{ImageStore, ImageSummary};
use wharf_oci::{
    Descriptor, ImageId, ImageQuery, ManifestDigest, ParsedManifest, Platform, RawManifest,
    Reference,
};

use crate::engine::Engine;
use crate::error::{EngineError, classify};

/// Names that point to one manifest or index, with what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageTree {
    /// The image.
    pub image: ImageId,
    /// Its names with a tag; none if it is only kept.
    pub names: Vec<Reference>,
    /// Whether something uses it.
    pub in_use: bool,
    /// The image for each platform, in the order of the index.
    pub platforms: Vec<PlatformImage>,
}

/// The image for one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformImage {
    /// Its manifest.
    pub manifest: ManifestDigest,
    /// What it runs on.
    pub platform: Platform,
    /// Whether it is on this machine.
    pub available: bool,
    /// Whether something uses it.
    pub in_use: bool,
    /// Bytes of its manifest, config and layers as they were received.
    pub content_bytes: u64,
    /// Bytes of its unpacked layers.
    pub unpacked_bytes: u64,
}

impl Engine {
    /// The trees of a listed image: one for everything that its names point to.
    pub fn image_trees(&self, image: &ImageSummary) -> Result<Vec<ImageTree>, EngineError> {
        let store = self.store_for_reading()?;
        let record = store.resolve(&ImageQuery::Digest(*image.id.digest()));
        let record = record.map_err(classify)?.image;
        let mut targets: Vec<(Descriptor, Vec<Reference>)> = Vec::new();
        for name in &record.names {
            // What the filter of the list let through.
            if !image.repo_tags.contains(&name.name) {
                continue;
            }
            match targets
                .iter_mut()
                .find(|(target, _)| target.digest == name.target.digest)
            {
                Some((_, names)) => names.push(name.name.clone()),
                None => targets.push((name.target.clone(), vec![name.name.clone()])),
            }
        }
        if targets.is_empty() {
            let kept = record.names.first().map(|name| &name.target);
            let target = kept.or(record.manifests.first()).cloned();
            targets.extend(target.map(|target| (target, Vec::new())));
        }
        targets
            .into_iter()
            .map(|(target, names)| {
                Ok(ImageTree {
                    image: image.id,
                    names,
                    in_use: image.users > 0,
                    platforms: platforms(store, &target, image)?,
                })
            })
            .collect()
    }
}

fn platforms(
    store: &ImageStore,
    target: &Descriptor,
    image: &ImageSummary,
) -> Result<Vec<PlatformImage>, EngineError> {
    let Some(root) = read(store, target)? else {
        return Ok(Vec::new());
    };
    let ParsedManifest::Index(index) = root.parse().map_err(classify)? else {
        let own = (image.size, image.users > 0);
        let found = found(store, &root, &image.platform, own)?;
        return Ok(vec![found]);
    };
    let mut platforms = Vec::new();
    for entry in index.manifests.iter().filter(|one| !one.is_attestation()) {
        let platform = entry.platform.as_ref().unwrap_or(&image.platform);
        let here = store.resolve(&ImageQuery::Digest(entry.digest)).ok();
        platforms.push(match (here, read(store, entry)?) {
            (Some(here), Some(raw)) => {
                let in_use = here.image.id == image.id && image.users > 0;
                found(store, &raw, platform, (here.image.size, in_use))?
            }
            _ => PlatformImage {
                manifest: ManifestDigest::new(entry.digest),
                platform: platform.clone(),
                available: false,
                in_use: false,
                content_bytes: 0,
                unpacked_bytes: 0,
            },
        });
    }
    Ok(platforms)
}

/// The document, if it is here.
fn read(store: &ImageStore, target: &Descriptor) -> Result<Option<RawManifest>, EngineError> {
    let blobs = store.blobs();
    if blobs.contains(&target.digest).map_err(classify)?.is_none() {
        return Ok(None);
    }
    let bytes = blobs.read_document(&target.digest).map_err(classify)?;
    let raw = RawManifest::new(bytes, Some(&target.media_type), target.digest.algorithm());
    raw.map(Some).map_err(classify)
}

fn found(
    store: &ImageStore,
    raw: &RawManifest,
    platform: &Platform,
    (unpacked_bytes, in_use): (u64, bool),
) -> Result<PlatformImage, EngineError> {
    let mut content_bytes = raw.bytes().len() as u64;
    if let ParsedManifest::Manifest(manifest) = raw.parse().map_err(classify)? {
        for part in manifest.layers.iter().chain([&manifest.config]) {
            let size = store.blobs().contains(&part.digest).map_err(classify)?;
            content_bytes += size.unwrap_or_default();
        }
    }
    Ok(PlatformImage {
        manifest: raw.digest(),
        platform: platform.clone(),
        available: true,
        in_use,
        content_bytes,
        unpacked_bytes,
    })
}
