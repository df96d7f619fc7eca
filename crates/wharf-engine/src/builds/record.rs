//! The result as an image of the store.

use std::collections::BTreeMap;

use wharf_build::builder::BuiltStage;
use wharf_images::{ImageStore, LayerRecord, Lease, NameRecord};
use wharf_oci::{
    Descriptor, ImageConfig, Manifest, MediaType, ParsedManifest, RawManifest, Reference,
};
use wharf_transfer::ErrorKind;

use super::assemble::Assembled;
use crate::error::{EngineError, classify, failure};

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

pub(super) fn oci_type(media_type: &str) -> &str {
    match media_type {
        MediaType::DOCKER_LAYER => MediaType::OCI_LAYER,
        MediaType::DOCKER_LAYER_GZIP => MediaType::OCI_LAYER_GZIP,
        other => other,
    }
}

/// Records the image that fits this machine best, and gives it its names. Images for other platforms, and what is said of all, are
/// kept by the index that the names point to. `shows_moment`: lists say that it was made now.
pub(super) fn record(
    store: &ImageStore,
    lease: &Lease,
    built: &BuiltStage,
    manifest: &RawManifest,
    assembled: &Assembled,
    names: &[Reference],
    shows_moment: bool,
) -> Result<(), EngineError> {
    let layers = layers_of(store, built, manifest)?;
    store
        .remember_contents(&assembled.edges)
        .map_err(classify)?;
    let updated = store.clock().now();
    let records: Vec<NameRecord> = names
        .iter()
        .map(|name| NameRecord {
            name: name.clone(),
            target: assembled.root.descriptor(),
            manifest: manifest.digest(),
            image: built.config.id(),
            updated,
        })
        .collect();
    if shows_moment {
        store.record_built_image(manifest, &built.config, &layers, lease, &records)
    } else {
        let previous = store.record_named_image(manifest, &built.config, &layers, lease, &records);
        previous.map(drop)
    }
    .map_err(classify)
}

/// The layers with what is known of them. Those of steps are unpacked when somebody looks into them; only what no step has made is
/// unpacked now.
fn layers_of(
    store: &ImageStore,
    built: &BuiltStage,
    manifest: &RawManifest,
) -> Result<Vec<(Descriptor, LayerRecord)>, EngineError> {
    let ParsedManifest::Manifest(parsed) = manifest.parse().map_err(classify)? else {
        let text = format!(
            "{} is an index where a manifest should be",
            manifest.digest()
        );
        return Err(failure(ErrorKind::Internal, text));
    };
    let diff_ids = built.config.diff_ids().iter();
    diff_ids
        .zip(parsed.layers)
        .map(|(diff_id, blob)| {
            if let Some(record) = store.known_layer(*diff_id).map_err(classify)? {
                return Ok((blob, record));
            }
            let record = store.ensure_layer(*diff_id);
            let record = record.map_err(|error| failure(ErrorKind::Internal, error.to_string()))?;
            Ok((blob, record))
        })
        .collect()
}
