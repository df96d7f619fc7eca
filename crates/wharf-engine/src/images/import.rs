//! `import`: a file system archive becomes an image of one layer.

use std::io::{self, BufReader, Read};

use serde_json::{Map, Value, json};
use wharf_blobs::Spool;
use wharf_images::{Lease, NameRecord};
use wharf_layers::{Compression, Decompressor, MAGIC_BYTES, detect};
use wharf_oci::{
    Algorithm, Descriptor, DiffId, Hasher, ImageConfig, ImageId, Manifest, MediaType, Platform,
    RawManifest, Reference,
};
use wharf_transfer::{ErrorKind, EventSink, LayerPart};

use super::changes::ConfigChanges;
use super::load::copy;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};
use crate::intake::LayerIntake;
use crate::local_endpoint::recorded_layers;
use crate::telling::{Manner, Telling};

const BUFFER_BYTES: usize = 256 << 10;

/// What to import, besides the archive's bytes.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The name it gets; none leaves it dangling.
    pub reference: Option<Reference>,
    /// The remark in its history (`-m`).
    pub message: String,
    /// Dockerfile instructions that set up its config (`-c`).
    pub changes: Vec<String>,
    /// What it runs on; the machine's platform if not given.
    pub platform: Option<Platform>,
}

impl Engine {
    /// Makes an image of the archive that `source` gives: plain or compressed.
    pub fn import(
        &self,
        request: &ImportRequest,
        source: &mut dyn Read,
        events: &EventSink,
    ) -> Result<ImageId, EngineError> {
        if request
            .reference
            .as_ref()
            .is_some_and(|name| name.digest().is_some())
        {
            return Err(failure(
                ErrorKind::Invalid,
                "cannot import digest reference",
            ));
        }
        let changes = ConfigChanges::parse(&request.changes).map_err(classify)?;
        let store = self.store()?;
        let lease = store.lease("import").map_err(classify)?;
        let (descriptor, diff_id) = self.take_archive(source, &lease)?;
        let layer = LayerPart {
            descriptor,
            diff_id: Some(diff_id),
        };
        let limits = &self.settings().limits;
        let telling = Telling::new(events, diff_id.short(), Manner::Load);
        let descriptor = &layer.descriptor;
        LayerIntake {
            store,
            descriptor,
            diff_id: layer.diff_id,
            limits,
            telling: &telling,
        }
        .run(&mut NothingToFetch)?;
        let config = self.imported_config(request, &changes, diff_id)?;
        let manifest = manifest_of(&config, &layer)?;
        let blobs = store.blobs();
        lease
            .protect(&[*config.id().digest(), *manifest.digest().digest()])
            .map_err(classify)?;
        blobs
            .put_document(config.id().digest(), config.bytes())
            .map_err(classify)?;
        blobs
            .put_document(manifest.digest().digest(), manifest.bytes())
            .map_err(classify)?;
        let recorded = recorded_layers(store, &[layer])?;
        let name = request.reference.clone().map(|name| NameRecord {
            name: name.or_latest(),
            target: manifest.descriptor(),
            manifest: manifest.digest(),
            image: config.id(),
            updated: store.clock().now(),
        });
        store
            .record_named_image(&manifest, &config, &recorded, &lease, name.as_slice())
            .map_err(classify)?;
        Ok(config.id())
    }

    /// Stores the archive as a blob: as it is where registries know its compression, plain otherwise.
    fn take_archive(
        &self,
        source: &mut dyn Read,
        lease: &Lease,
    ) -> Result<(Descriptor, DiffId), EngineError> {
        let blobs = self.store()?.blobs();
        let mut start = Vec::with_capacity(MAGIC_BYTES);
        source
            .take(MAGIC_BYTES as u64)
            .read_to_end(&mut start)
            .map_err(classify)?;
        let compression = detect(&start);
        let mut whole = io::Cursor::new(start).chain(source);
        let mut spool = blobs.spool().map_err(classify)?;
        let media_type = match compression {
            Compression::None => MediaType::DOCKER_LAYER,
            Compression::Gzip => MediaType::DOCKER_LAYER_GZIP,
            Compression::Zstd => MediaType::OCI_LAYER_ZSTD,
            Compression::Bzip2 | Compression::Xz => {
                let buffered = BufReader::with_capacity(BUFFER_BYTES, whole);
                let mut plain =
                    Decompressor::new(buffered, &self.settings().limits).map_err(classify)?;
                copy(&mut plain, &mut spool).map_err(classify)?;
                return published(spool, MediaType::DOCKER_LAYER, None, self, lease);
            }
        };
        copy(&mut whole, &mut spool).map_err(classify)?;
        let diff_id = match compression {
            Compression::None => None,
            _ => Some(self.diff_id_of(&spool)?),
        };
        published(spool, media_type, diff_id, self, lease)
    }

    fn diff_id_of(&self, spool: &Spool) -> Result<DiffId, EngineError> {
        let file = BufReader::with_capacity(BUFFER_BYTES, spool.reopen().map_err(classify)?);
        let mut plain = Decompressor::new(file, &self.settings().limits).map_err(classify)?;
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = plain.read(&mut buffer).map_err(classify)?;
            if count == 0 {
                return Ok(DiffId::new(hasher.finish()));
            }
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
    }

    fn imported_config(
        &self,
        request: &ImportRequest,
        changes: &ConfigChanges,
        diff_id: DiffId,
    ) -> Result<ImageConfig, EngineError> {
        let platform = request
            .platform
            .as_ref()
            .unwrap_or(&self.settings().platform);
        let created = self.settings().clock.now().to_string();
        // Docker's client sends a file itself, so that its daemon says `-` of it.
        let comment = match request.message.as_str() {
            "" => "Imported from -",
            message => message,
        };
        let mut config = Map::new();
        let mut put = |key: &str, value: Value| drop(config.insert(key.to_owned(), value));
        put("architecture", json!(platform.architecture));
        put("comment", json!(comment));
        put("config", changes.to_json());
        put("created", json!(created));
        put(
            "history",
            json!([{ "created": created, "comment": comment }]),
        );
        put("os", json!(platform.os));
        put("rootfs", json!({ "type": "layers", "diff_ids": [diff_id] }));
        if !platform.variant.is_empty() {
            put("variant", json!(platform.variant));
        }
        let bytes = Value::Object(config).to_string().into_bytes();
        ImageConfig::parse(bytes).map_err(classify)
    }
}

/// Ends a layer's archive: its blob, kept by the lease, and what it is unpacked.
pub(crate) fn published(
    spool: Spool,
    media_type: &str,
    diff_id: Option<DiffId>,
    engine: &Engine,
    lease: &Lease,
) -> Result<(Descriptor, DiffId), EngineError> {
    let blobs = engine.store()?.blobs();
    let digest = spool.digest();
    let diff_id = diff_id.unwrap_or_else(|| DiffId::new(digest));
    lease
        .protect(&[digest, *diff_id.digest()])
        .map_err(classify)?;
    let (digest, size) = spool.publish(blobs, blobs.group_sync()).map_err(classify)?;
    Ok((Descriptor::new(media_type, digest, size), diff_id))
}

fn manifest_of(config: &ImageConfig, layer: &LayerPart) -> Result<RawManifest, EngineError> {
    let size = config.bytes().len() as u64;
    RawManifest::from_manifest(&Manifest {
        schema_version: 2,
        media_type: Some(MediaType::new(MediaType::DOCKER_MANIFEST)),
        artifact_type: None,
        config: Descriptor::new(MediaType::DOCKER_CONFIG, *config.id().digest(), size),
        layers: vec![layer.descriptor.clone()],
        subject: None,
        annotations: std::collections::BTreeMap::new(),
    })
    .map_err(classify)
}

/// The blob is in the store already: nothing is fetched.
pub(crate) struct NothingToFetch;

impl crate::intake::BlobFeed for NothingToFetch {
    fn start(&mut self, _offset: u64) -> Result<(), EngineError> {
        Ok(())
    }

    fn next(&mut self) -> Result<Option<bytes::Bytes>, EngineError> {
        Ok(None)
    }
}
