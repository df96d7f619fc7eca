//! The documents of a result: a manifest for each platform, and an index over several of them or over attestations.

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};

use serde_json::{Value, json};
use wharf_build::builder::{BuiltLayer, BuiltStage};
use wharf_images::{ImageStore, Lease};
use wharf_layers::{Compressor, Decompressor, Limits, ZstdCompressor};
use wharf_oci::{Descriptor, Digest, Index, Manifest, MediaType, Platform, RawManifest, Reference};

use super::cache_records::{ANNOTATION, CacheRecords};
use super::image_target::{AnnotationPlace, ImageShape, LayerCompression};
use super::record::manifest_of_layers;
use crate::error::{EngineError, classify};

/// What an entry of an index is about (`BuildKit`, "Attestation storage").
const REFERENCE_DIGEST: &str = "vnd.docker.reference.digest";
const REFERENCE_TYPE: &str = "vnd.docker.reference.type";
/// The kind of artifact that an attestation's manifest is (`BuildKit`, `oci-artifact=true`).
const ATTESTATION: &str = "application/vnd.docker.attestation.manifest.v1+json";
const IN_TOTO: &str = "application/vnd.in-toto+json";
const PREDICATE_TYPE: &str = "in-toto.io/predicate-type";
/// The config of an artifact that has none (OCI image specification, "Guidance for an Empty Descriptor").
const EMPTY: &[u8] = b"{}";

/// What came of the build for one platform.
#[derive(Debug)]
pub(super) struct BuiltPlatform {
    /// The platform.
    pub(super) platform: Platform,
    /// What its target stage came to.
    pub(super) built: BuiltStage,
}

/// What is said of one image: the type of each predicate, and the predicate. Statements add the image that they are about.
pub(super) type Predicates = Vec<(&'static str, Value)>;

/// The documents of an image, all in the store and under the lease.
#[derive(Debug)]
pub(super) struct Assembled {
    /// What names point to: the one manifest, or the index.
    pub(super) root: RawManifest,
    /// The manifest of each platform.
    pub(super) manifests: Vec<RawManifest>,
    /// What leads to what.
    pub(super) edges: Vec<(Digest, Vec<Digest>)>,
}

/// Where documents and layers go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) store: &'a ImageStore,
    pub(super) lease: &'a Lease,
    pub(super) limits: &'a Limits,
    pub(super) threads: usize,
    /// What steps have come to.
    pub(super) records: &'a CacheRecords,
}

impl Place<'_> {
    fn put(&self, digest: &Digest, bytes: &[u8]) -> Result<(), EngineError> {
        self.lease.protect(&[*digest]).map_err(classify)?;
        let blobs = self.store.blobs();
        blobs.put_document(digest, bytes).map_err(classify)
    }
}

/// Makes the documents. `predicates` are about the image of the same place; `names` are what statements call it.
pub(super) fn assemble(
    place: Place<'_>,
    builts: &[BuiltPlatform],
    shape: &ImageShape,
    predicates: &[Predicates],
    names: &[Reference],
) -> Result<Assembled, EngineError> {
    let mut manifests = Vec::new();
    let mut edges = Vec::new();
    let mut entries = Vec::new();
    let mut attestations = Vec::new();
    let attests = predicates.iter().any(|said| !said.is_empty());
    let nothing = Predicates::new();
    let mut said = predicates.iter();
    for one in builts {
        let manifest = image_manifest(place, one, shape, attests)?;
        let mut below = vec![*one.built.config.id().digest()];
        place.put(one.built.config.id().digest(), one.built.config.bytes())?;
        place.put(manifest.digest().digest(), manifest.bytes())?;
        below.extend(layers_of(&manifest)?.iter().map(|layer| layer.digest));
        edges.push((*manifest.digest().digest(), below));
        let platform = Some(&one.platform);
        let annotations = shape.annotations_of(AnnotationPlace::ManifestDescriptor, platform);
        entries.push(Descriptor {
            platform: Some(one.platform.clone()),
            annotations: Some(annotations),
            ..manifest.descriptor()
        });
        let said = said.next().unwrap_or(&nothing);
        if !said.is_empty() {
            let subject = subject(names, &one.platform, &manifest);
            let statements: Vec<Value> = said
                .iter()
                .map(|(kind, predicate)| statement(kind, predicate, &subject))
                .collect();
            attestations.push(attestation(
                place,
                shape,
                &manifest,
                &statements,
                &mut edges,
            )?);
        }
        manifests.push(manifest);
    }
    entries.extend(attestations);
    let of_index = shape.annotations_of(AnnotationPlace::Index, None);
    let single = match (manifests.as_slice(), entries.len(), of_index.is_empty()) {
        ([only], 1, true) => Some(only.clone()),
        _ => None,
    };
    let root = if let Some(only) = single {
        only
    } else {
        let root = index(&entries, of_index)?;
        place.put(root.digest().digest(), root.bytes())?;
        let below = entries.iter().map(|entry| entry.digest).collect();
        edges.push((*root.digest().digest(), below));
        root
    };
    Ok(Assembled {
        root,
        manifests,
        edges,
    })
}

fn layers_of(manifest: &RawManifest) -> Result<Vec<Descriptor>, EngineError> {
    match manifest.parse().map_err(classify)? {
        wharf_oci::ParsedManifest::Manifest(parsed) => Ok(parsed.layers),
        wharf_oci::ParsedManifest::Index(_) => Ok(Vec::new()),
    }
}

fn image_manifest(
    place: Place<'_>,
    one: &BuiltPlatform,
    shape: &ImageShape,
    attests: bool,
) -> Result<RawManifest, EngineError> {
    let mut layers = Vec::new();
    for layer in &one.built.layers {
        layers.push(compressed(place, layer, shape)?);
    }
    let mut annotations = shape.annotations_of(AnnotationPlace::Manifest, Some(&one.platform));
    if shape.inline_cache {
        let own = one.built.config.diff_ids().iter().copied().collect();
        let records = place.records.clone().about(&own);
        if !records.is_empty() {
            annotations.insert(ANNOTATION.to_owned(), records.to_json()?);
        }
    }
    let plain = manifest_of_layers(&one.built.config, layers.iter())?;
    let is_oci = plain.media_type().as_str() == MediaType::OCI_MANIFEST;
    let wants_oci =
        shape.oci || attests || !shape.annotations.is_empty() || !annotations.is_empty();
    if (is_oci && annotations.is_empty()) || !(is_oci || wants_oci) {
        return Ok(plain);
    }
    let layers = layers.iter().map(|layer| {
        let media_type = super::record::oci_type(layer.media_type.as_str());
        Descriptor::new(media_type, layer.digest, layer.size)
    });
    let config = &one.built.config;
    let size = config.bytes().len() as u64;
    RawManifest::from_manifest(&Manifest {
        schema_version: 2,
        media_type: Some(MediaType::new(MediaType::OCI_MANIFEST)),
        artifact_type: None,
        config: Descriptor::new(MediaType::OCI_CONFIG, *config.id().digest(), size),
        layers: layers.collect(),
        subject: None,
        annotations,
    })
    .map_err(classify)
}

/// The layer's archive as the shape wants it.
fn compressed(
    place: Place<'_>,
    layer: &BuiltLayer,
    shape: &ImageShape,
) -> Result<Descriptor, EngineError> {
    let blob = &layer.layer.blob;
    let Some(wanted) = shape
        .compression
        .filter(|_| !layer.is_base || shape.force_compression)
    else {
        return Ok(blob.clone());
    };
    let media_type = match wanted {
        LayerCompression::None => MediaType::OCI_LAYER,
        LayerCompression::Gzip(_) => MediaType::OCI_LAYER_GZIP,
        LayerCompression::Zstd(_) => MediaType::OCI_LAYER_ZSTD,
    };
    let is_so = super::record::oci_type(blob.media_type.as_str()) == media_type;
    // what a base has at another level stays, too: its blobs are in registries already
    if is_so && (layer.is_base || wanted == LayerCompression::Gzip(6)) {
        return Ok(blob.clone());
    }
    let source = place
        .store
        .blobs()
        .open_blob(&blob.digest)
        .map_err(classify)?;
    let mut tar = Decompressor::new(BufReader::new(source), place.limits).map_err(classify)?;
    let spool = place.store.blobs().spool().map_err(classify)?;
    let threads = place.threads;
    let spool = match wanted {
        LayerCompression::None => copied(&mut tar, spool).map_err(classify)?,
        LayerCompression::Gzip(level) => Compressor::gzip(spool, level, threads)
            .and_then(|writer| copied(&mut tar, writer))
            .and_then(Compressor::finish)
            .map_err(classify)?,
        LayerCompression::Zstd(level) => ZstdCompressor::new(spool, level, threads)
            .and_then(|writer| copied(&mut tar, writer))
            .and_then(ZstdCompressor::finish)
            .map_err(classify)?,
    };
    let blobs = place.store.blobs();
    place.lease.protect(&[spool.digest()]).map_err(classify)?;
    let (digest, size) = spool.publish(blobs, blobs.group_sync()).map_err(classify)?;
    let descriptor = Descriptor::new(media_type, digest, size);
    let remembered = place
        .store
        .remember_layer_blob(&descriptor, layer.layer.diff_id);
    remembered.map_err(classify)?;
    Ok(descriptor)
}

fn copied<W: Write>(from: &mut impl Read, mut to: W) -> std::io::Result<W> {
    std::io::copy(from, &mut to)?;
    Ok(to)
}

/// An in-toto statement (version 0.1, as `BuildKit` writes it).
pub(super) fn statement(kind: &str, predicate: &Value, subject: &Value) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v0.1",
        "predicateType": kind,
        "subject": subject,
        "predicate": predicate,
    })
}

/// What statements call an image: each of its names as a package URL, or `_` if it has none.
fn subject(names: &[Reference], platform: &Platform, image: &RawManifest) -> Value {
    let digest = json!({"sha256": image.digest().digest().hex()});
    let platform = platform.to_string().replace('/', "%2F");
    let mut subjects: Vec<Value> = names
        .iter()
        .map(|name| {
            let tag = name.tag().map_or_else(String::new, |tag| format!("@{tag}"));
            let familiar = name.repository().familiar();
            json!({"name": format!("pkg:docker/{familiar}{tag}?platform={platform}"), "digest": digest})
        })
        .collect();
    if subjects.is_empty() {
        subjects.push(json!({"name": "_", "digest": digest}));
    }
    Value::Array(subjects)
}

/// Puts statements into the store as an artifact about an image; its entry for the index.
fn attestation(
    place: Place<'_>,
    shape: &ImageShape,
    image: &RawManifest,
    statements: &[Value],
    edges: &mut Vec<(Digest, Vec<Digest>)>,
) -> Result<Descriptor, EngineError> {
    let mut layers = Vec::new();
    for statement in statements {
        let bytes = statement.to_string().into_bytes();
        let digest = Digest::of(&bytes);
        place.put(&digest, &bytes)?;
        let predicate = statement.get("predicateType");
        let predicate = predicate.and_then(Value::as_str);
        let mut layer = Descriptor::new(IN_TOTO, digest, bytes.len() as u64);
        layer.annotations = Some(BTreeMap::from([(
            PREDICATE_TYPE.to_owned(),
            predicate.unwrap_or_default().to_owned(),
        )]));
        layers.push(layer);
    }
    let (config, artifact_type, subject) = if shape.plain_attestations {
        let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.digest).collect();
        let config = json!({
            "architecture": "unknown",
            "os": "unknown",
            "config": {},
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        let bytes = config.to_string().into_bytes();
        (bytes, None, None)
    } else {
        let kind = MediaType::new(ATTESTATION);
        (EMPTY.to_vec(), Some(kind), Some(image.descriptor()))
    };
    let config_type = match artifact_type {
        Some(_) => MediaType::OCI_EMPTY,
        None => MediaType::OCI_CONFIG,
    };
    let config_digest = Digest::of(&config);
    place.put(&config_digest, &config)?;
    let below = layers.iter().map(|layer| layer.digest);
    let below: Vec<Digest> = below.chain([config_digest]).collect();
    let manifest = RawManifest::from_manifest(&Manifest {
        schema_version: 2,
        media_type: Some(MediaType::new(MediaType::OCI_MANIFEST)),
        artifact_type,
        config: Descriptor::new(config_type, config_digest, config.len() as u64),
        layers,
        subject,
        annotations: BTreeMap::new(),
    })
    .map_err(classify)?;
    place.put(manifest.digest().digest(), manifest.bytes())?;
    edges.push((*manifest.digest().digest(), below));
    Ok(Descriptor {
        platform: Some(Platform {
            os: "unknown".to_owned(),
            architecture: "unknown".to_owned(),
            ..Platform::new("", "", "")
        }),
        annotations: Some(BTreeMap::from([
            (REFERENCE_DIGEST.to_owned(), image.digest().to_string()),
            (REFERENCE_TYPE.to_owned(), "attestation-manifest".to_owned()),
        ])),
        ..manifest.descriptor()
    })
}

/// An index; Docker's manifest list if all of it is Docker's.
fn index(
    entries: &[Descriptor],
    annotations: BTreeMap<String, String>,
) -> Result<RawManifest, EngineError> {
    let is_docker = |entry: &Descriptor| entry.media_type.as_str() == MediaType::DOCKER_MANIFEST;
    let media_type = if annotations.is_empty() && entries.iter().all(is_docker) {
        MediaType::DOCKER_MANIFEST_LIST
    } else {
        MediaType::OCI_INDEX
    };
    RawManifest::from_index(&Index {
        schema_version: 2,
        media_type: Some(MediaType::new(media_type)),
        artifact_type: None,
        manifests: entries.to_vec(),
        subject: None,
        annotations,
    })
    .map_err(classify)
}
