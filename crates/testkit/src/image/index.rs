//! Several images under one name: Docker's manifest list, or an OCI index.

use serde_json::{Map, Value, json};
use wharf_oci::{MediaType, Platform};

use super::artifact::{Artifact, Blob};
use super::builder::{BuiltImage, Dialect, pretty};

/// An index with the images that it points to.
#[derive(Debug, Clone)]
pub struct BuiltIndex {
    /// The index document.
    pub index: Blob,
    /// The images, in the order of the index.
    pub images: Vec<BuiltImage>,
}

impl BuiltIndex {
    /// Everything that has to be pushed.
    pub fn artifact(&self) -> Artifact {
        let mut blobs: Vec<Blob> = Vec::new();
        let mut manifests: Vec<Blob> = Vec::new();
        for part in self.images.iter().map(BuiltImage::artifact) {
            blobs.extend(part.blobs);
            manifests.extend(part.manifests);
        }
        manifests.push(self.index.clone());
        Artifact { blobs, manifests }
    }
}

/// Describes an index.
#[derive(Debug, Clone)]
pub struct IndexBuilder {
    dialect: Dialect,
    entries: Vec<Value>,
    images: Vec<BuiltImage>,
    annotations: Map<String, Value>,
}

impl IndexBuilder {
    /// An index without images.
    pub fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            entries: Vec::new(),
            images: Vec::new(),
            annotations: Map::new(),
        }
    }

    /// Adds `image` for its own platform.
    #[must_use]
    pub fn image(self, image: &BuiltImage) -> Self {
        let platform = image.platform.clone();
        self.image_for(image, Some(&platform))
    }

    /// Adds `image` for `platform`, or without saying what it runs on.
    #[must_use]
    pub fn image_for(mut self, image: &BuiltImage, platform: Option<&Platform>) -> Self {
        let mut descriptor = image.manifest.descriptor.clone();
        descriptor.platform = platform.cloned();
        self.images.push(image.clone());
        self.entry(&json!(descriptor))
    }

    /// Adds an entry as it is, without content behind it: an attestation, a lie, a missing child.
    #[must_use]
    pub fn entry(mut self, descriptor: &Value) -> Self {
        self.entries.push(descriptor.clone());
        self
    }

    /// Adds an annotation.
    #[must_use]
    pub fn annotation(mut self, key: &str, value: &str) -> Self {
        self.annotations.insert(key.to_owned(), json!(value));
        self
    }

    /// Makes the index.
    pub fn build(self) -> BuiltIndex {
        let media_type = match self.dialect {
            Dialect::Docker => MediaType::DOCKER_MANIFEST_LIST,
            Dialect::Oci => MediaType::OCI_INDEX,
        };
        let mut document =
            json!({"schemaVersion": 2, "mediaType": media_type, "manifests": self.entries});
        if !self.annotations.is_empty() {
            document["annotations"] = Value::Object(self.annotations);
        }
        BuiltIndex {
            index: Blob::new(media_type, pretty(&document)),
            images: self.images,
        }
    }
}
