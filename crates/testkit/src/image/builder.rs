//! One image: layers, a config and a manifest, the same bytes each time.

use std::io::Write as _;

use serde_json::{Map, Value, json};
use wharf_oci::{Descriptor, DiffId, Digest, ImageId, MediaType, Platform};

use super::artifact::{Artifact, Blob};
use crate::tar::{Entry, TarBuilder};

/// Whose media types the documents have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Docker's image manifest version 2, schema 2.
    Docker,
    /// The OCI image specification.
    Oci,
}

/// How a layer's blob is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerCompression {
    /// The archive itself.
    None,
    /// gzip, one member, no name and no time in its header.
    Gzip,
    /// zstd, one frame. Docker's dialect has no media type for it and borrows OCI's.
    Zstd,
}

/// A layer as it stands in a built image.
#[derive(Debug, Clone)]
pub struct BuiltLayer {
    /// What the registry holds.
    pub blob: Blob,
    /// The digest of the archive.
    pub diff_id: DiffId,
    /// The archive.
    pub tar: Vec<u8>,
}

/// An image with all its bytes.
#[derive(Debug, Clone)]
pub struct BuiltImage {
    /// The digest of the config.
    pub id: ImageId,
    /// The manifest.
    pub manifest: Blob,
    /// The config.
    pub config: Blob,
    /// The layers, lowest first.
    pub layers: Vec<BuiltLayer>,
    /// What it runs on.
    pub platform: Platform,
}

impl BuiltImage {
    /// Everything that has to be pushed.
    pub fn artifact(&self) -> Artifact {
        let mut blobs: Vec<Blob> = self.layers.iter().map(|layer| layer.blob.clone()).collect();
        blobs.push(self.config.clone());
        Artifact {
            blobs,
            manifests: vec![self.manifest.clone()],
        }
    }

    /// The same image with another config document, which need not be a config at all; ID and manifest follow it.
    #[must_use]
    pub fn with_config(mut self, config: Vec<u8>) -> Self {
        self.config = Blob::new(self.config.descriptor.media_type.as_str(), config);
        self.id = ImageId::new(self.config.digest());
        let mut manifest: Value =
            serde_json::from_slice(&self.manifest.bytes).expect("a manifest that was built");
        manifest["config"] = json!(self.config.descriptor);
        self.manifest = Blob::new(
            self.manifest.descriptor.media_type.as_str(),
            pretty(&manifest),
        );
        self
    }
}

/// Describes an image, step by step. Without any call: `linux/amd64`, made on 2020-01-02, in Docker's dialect.
#[derive(Debug, Clone)]
pub struct ImageBuilder {
    dialect: Dialect,
    platform: Platform,
    created: String,
    layers: Vec<BuiltLayer>,
    history: Vec<Value>,
    container: Map<String, Value>,
    extra: Map<String, Value>,
    annotations: Map<String, Value>,
}

impl Default for ImageBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ImageBuilder {
    /// An image without layers.
    pub fn new() -> Self {
        Self {
            dialect: Dialect::Docker,
            platform: Platform::new("linux", "amd64", ""),
            created: "2020-01-02T03:04:05Z".to_owned(),
            layers: Vec::new(),
            history: Vec::new(),
            container: Map::new(),
            extra: Map::new(),
            annotations: Map::new(),
        }
    }

    /// Chooses the media types of what is added from here on, and of the manifest.
    #[must_use]
    pub fn dialect(mut self, dialect: Dialect) -> Self {
        self.dialect = dialect;
        self
    }

    /// Sets the platform: `linux/arm64/v8`.
    #[must_use]
    pub fn platform(mut self, platform: &str) -> Self {
        self.platform = platform.parse().expect("a platform");
        self
    }

    /// Sets the date of the image and of the steps added from here on (RFC 3339).
    #[must_use]
    pub fn created(mut self, created: &str) -> Self {
        created.clone_into(&mut self.created);
        self
    }

    /// Adds a gzip layer; `created_by` is its step in the history.
    #[must_use]
    pub fn layer(self, tar: Vec<u8>, created_by: &str) -> Self {
        self.compressed_layer(tar, LayerCompression::Gzip, created_by)
    }

    /// Adds a layer compressed as asked.
    #[must_use]
    pub fn compressed_layer(
        self,
        tar: Vec<u8>,
        compression: LayerCompression,
        created_by: &str,
    ) -> Self {
        let bytes = compress(&tar, compression);
        let media_type = layer_media_type(self.dialect, compression);
        let diff_id = DiffId::new(Digest::of(&tar));
        self.built_layer(
            BuiltLayer {
                blob: Blob::new(media_type, bytes),
                diff_id,
                tar,
            },
            created_by,
        )
    }

    /// Adds a layer as it is: damaged, of another type, or taken from another image.
    #[must_use]
    pub fn built_layer(mut self, layer: BuiltLayer, created_by: &str) -> Self {
        self.layers.push(layer);
        let step = json!({"created": self.created, "created_by": created_by});
        self.history.push(step);
        self
    }

    /// Adds a step without a layer to the history.
    #[must_use]
    pub fn step(mut self, created_by: &str) -> Self {
        let step = json!({"created": self.created, "created_by": created_by, "empty_layer": true});
        self.history.push(step);
        self
    }

    /// Adds a history entry as it is.
    #[must_use]
    pub fn history_entry(mut self, entry: Value) -> Self {
        self.history.push(entry);
        self
    }

    /// Sets a field of the container's config: `Env`, `Cmd`, `Labels`, ...
    #[must_use]
    pub fn container(mut self, key: &str, value: Value) -> Self {
        self.container.insert(key.to_owned(), value);
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, key: &str, value: &str) -> Self {
        let labels = self.container.entry("Labels").or_insert_with(|| json!({}));
        if let Value::Object(labels) = labels {
            labels.insert(key.to_owned(), json!(value));
        }
        self
    }

    /// Sets a field at the top of the config, known or unknown: `author`, `variant`, `x-mine`, ...
    #[must_use]
    pub fn config_field(mut self, key: &str, value: Value) -> Self {
        self.extra.insert(key.to_owned(), value);
        self
    }

    /// Adds an annotation to the manifest.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), json!(value));
        self
    }

    /// Makes the image.
    pub fn build(self) -> BuiltImage {
        let (config_type, manifest_type) = match self.dialect {
            Dialect::Docker => (MediaType::DOCKER_CONFIG, MediaType::DOCKER_MANIFEST),
            Dialect::Oci => (MediaType::OCI_CONFIG, MediaType::OCI_MANIFEST),
        };
        let config = Blob::new(config_type, self.config_document());
        let layers: Vec<&Descriptor> = self
            .layers
            .iter()
            .map(|layer| &layer.blob.descriptor)
            .collect();
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": manifest_type,
            "config": config.descriptor,
            "layers": layers,
        });
        if !self.annotations.is_empty() {
            manifest["annotations"] = Value::Object(self.annotations);
        }
        BuiltImage {
            id: ImageId::new(config.digest()),
            manifest: Blob::new(manifest_type, pretty(&manifest)),
            config,
            layers: self.layers,
            platform: self.platform,
        }
    }

    fn config_document(&self) -> Vec<u8> {
        let diff_ids: Vec<String> = self
            .layers
            .iter()
            .map(|layer| layer.diff_id.digest().to_string())
            .collect();
        let mut config = json!({
            "architecture": self.platform.architecture,
            "config": self.container,
            "created": self.created,
            "history": self.history,
            "os": self.platform.os,
            "rootfs": {"type": "layers", "diff_ids": diff_ids},
        });
        if !self.platform.variant.is_empty() {
            config["variant"] = json!(self.platform.variant);
        }
        for (key, value) in &self.extra {
            config[key] = value.clone();
        }
        serde_json::to_vec(&config).expect("JSON of strings and numbers")
    }
}

/// A layer with one file of `zeros` zeros, which takes next to no space as it is sent. Nobody can say its diff ID without
/// unpacking it, so that the one given is not its own.
pub fn bomb_layer(path: &str, zeros: u64) -> BuiltLayer {
    let header = TarBuilder::new()
        .entry(&Entry::file(path, "").declared_size(zeros))
        .finish();
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory");
    // The header alone: the two blocks behind it are the end of the archive.
    let header = &header[..header.len() - 1_024];
    encoder.write_all(header).expect("writing to memory");
    let piece = vec![0; 1 << 20];
    for _ in 0..zeros.div_ceil(1 << 20) {
        encoder.write_all(&piece).expect("writing to memory");
    }
    let bytes = encoder.finish().expect("writing to memory");
    BuiltLayer {
        // Nor the blob's: that is another fault, which is found before anything is unpacked.
        diff_id: DiffId::new(Digest::of(path.as_bytes())),
        blob: Blob::new(MediaType::OCI_LAYER_ZSTD, bytes),
        tar: Vec::new(),
    }
}

/// Compresses `tar` as a layer.
pub(crate) fn compress(tar: &[u8], compression: LayerCompression) -> Vec<u8> {
    match compression {
        LayerCompression::None => tar.to_vec(),
        LayerCompression::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(tar).expect("writing to memory");
            encoder.finish().expect("writing to memory")
        }
        LayerCompression::Zstd => zstd::encode_all(tar, 3).expect("reading and writing memory"),
    }
}

/// Manifests are indented by three blanks, as Docker writes them.
pub(crate) fn pretty(document: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"   ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    serde::Serialize::serialize(document, &mut serializer).expect("writing to memory");
    bytes
}

fn layer_media_type(dialect: Dialect, compression: LayerCompression) -> &'static str {
    match (dialect, compression) {
        (Dialect::Docker, LayerCompression::None) => MediaType::DOCKER_LAYER,
        (Dialect::Docker, LayerCompression::Gzip) => MediaType::DOCKER_LAYER_GZIP,
        (Dialect::Oci, LayerCompression::None) => MediaType::OCI_LAYER,
        (Dialect::Oci, LayerCompression::Gzip) => MediaType::OCI_LAYER_GZIP,
        (_, LayerCompression::Zstd) => MediaType::OCI_LAYER_ZSTD,
    }
}
