//! What is pushed or put into a layout as one: manifests, and the blobs that they name.

use wharf_oci::{Descriptor, Digest, MediaType};

/// Some bytes and the descriptor that points to them.
#[derive(Debug, Clone)]
pub struct Blob {
    /// Points to the bytes.
    pub descriptor: Descriptor,
    /// The content.
    pub bytes: Vec<u8>,
}

impl Blob {
    /// Describes `bytes`.
    pub fn new(media_type: &str, bytes: Vec<u8>) -> Self {
        let descriptor = Descriptor::new(
            MediaType::new(media_type),
            Digest::of(&bytes),
            bytes.len() as u64,
        );
        Self { descriptor, bytes }
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> Digest {
        self.descriptor.digest
    }
}

/// A whole image or index, ready to be pushed: first the blobs, then the manifests in order.
#[derive(Debug, Clone)]
pub struct Artifact {
    /// Layers and configs.
    pub blobs: Vec<Blob>,
    /// Manifests, each after those it points to; the last one is the artifact itself.
    pub manifests: Vec<Blob>,
}

impl Artifact {
    /// The manifest or index that a name points to.
    pub fn root(&self) -> &Blob {
        self.manifests.last().expect("an artifact has a manifest")
    }
}
