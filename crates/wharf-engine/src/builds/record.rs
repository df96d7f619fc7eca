//! The result as an image of the store.

use std::collections::BTreeMap;

use wharf_build::builder::{BuildEvents, BuiltStage};
use wharf_images::{ImageStore, LayerRecord, Lease, NameRecord};
use wharf_oci::{Descriptor, ImageConfig, Manifest, MediaType, RawManifest, Reference};
use wharf_transfer::ErrorKind;

use crate::error::{EngineError, classify, failure};

/// The manifest of what was built.
pub(super) fn manifest_of(built: &BuiltStage) -> Result<RawManifest, EngineError> {
    let layers = built.layers.iter().map(|layer| &layer.layer.blob);
    manifest_of_layers(&built.config, layers)
}

/// The manifest of an image made here. Docker's types, unless a layer of the base is compressed as only OCI knows.
pub(crate) fn manifest_of_layers<'a>(
    config: &ImageConfig,
    layers: impl Iterator<Item = &'a Descriptor> + Clone,
) -> Result<RawManifest, EngineError> {
    let is_oci = layers
        .clone()
        .any(|blob| docker_type(blob.media_type.as_str()).is_none());
    let layers = layers.map(|blob| {
        let media_type = docker_type(blob.media_type.as_str()).filter(|_| !is_oci);
        let media_type = media_type.unwrap_or_else(|| oci_type(blob.media_type.as_str()));
        Descriptor::new(media_type, blob.digest, blob.size)
    });
    let (manifest, of_config) = if is_oci {
        (MediaType::OCI_MANIFEST, MediaType::OCI_CONFIG)
    } else {
        (MediaType::DOCKER_MANIFEST, MediaType::DOCKER_CONFIG)
    };
    let size = config.bytes().len() as u64;
    RawManifest::from_manifest(&Manifest {
        schema_version: 2,
        media_type: Some(MediaType::new(manifest)),
        artifact_type: None,
        config: Descriptor::new(of_config, *config.id().digest(), size),
        layers: layers.collect(),
        subject: None,
        annotations: BTreeMap::new(),
    })
    .map_err(classify)
}

/// What Docker calls a layer of this type.
fn docker_type(media_type: &str) -> Option<&'static str> {
    match media_type {
        MediaType::DOCKER_LAYER | MediaType::OCI_LAYER => Some(MediaType::DOCKER_LAYER),
        MediaType::DOCKER_LAYER_GZIP | MediaType::OCI_LAYER_GZIP => {
            Some(MediaType::DOCKER_LAYER_GZIP)
        }
        _ => None,
    }
}

fn oci_type(media_type: &str) -> &str {
    match media_type {
        MediaType::DOCKER_LAYER => MediaType::OCI_LAYER,
        MediaType::DOCKER_LAYER_GZIP => MediaType::OCI_LAYER_GZIP,
        other => other,
    }
}

/// Records the image and gives it its names.
pub(super) fn record(
    store: &ImageStore,
    lease: &Lease,
    built: &BuiltStage,
    manifest: &RawManifest,
    names: &[Reference],
    events: &BuildEvents,
) -> Result<(), EngineError> {
    let running = events.start("exporting to image");
    let recorded = (|| {
        let layers = layers_of(store, built)?;
        running.status("exporting layers done");
        let config = &built.config;
        let documents = [*config.id().digest(), *manifest.digest().digest()];
        lease.protect(&documents).map_err(classify)?;
        let blobs = store.blobs();
        blobs
            .put_document(config.id().digest(), config.bytes())
            .map_err(classify)?;
        blobs
            .put_document(manifest.digest().digest(), manifest.bytes())
            .map_err(classify)?;
        let updated = store.clock().now();
        let records: Vec<NameRecord> = names
            .iter()
            .map(|name| NameRecord {
                name: name.clone(),
                target: manifest.descriptor(),
                manifest: manifest.digest(),
                image: config.id(),
                updated,
            })
            .collect();
        store
            .record_named_image(manifest, config, &layers, lease, &records)
            .map_err(classify)?;
        running.status(format!("writing image {} done", config.id()));
        for name in names {
            running.status(format!("naming to {name} done"));
        }
        Ok(())
    })();
    match &recorded {
        Ok(()) => running.done(),
        Err(error) => running.failed(error),
    }
    recorded
}

/// The layers with what they unpack to; those that nobody has looked at yet are unpacked now.
fn layers_of(
    store: &ImageStore,
    built: &BuiltStage,
) -> Result<Vec<(Descriptor, LayerRecord)>, EngineError> {
    built
        .layers
        .iter()
        .map(|layer| {
            let record = store
                .ensure_layer(layer.layer.diff_id)
                .map_err(|error| failure(ErrorKind::Internal, error.to_string()))?;
            Ok((layer.layer.blob.clone(), record))
        })
        .collect()
}
