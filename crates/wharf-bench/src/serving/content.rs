//! The images that servers hold: the same bytes on each.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::load::digest_text;

/// The repository that all is in. Wharf's project `bench` is private.
pub(super) const REPOSITORY: &str = "bench/app";
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Some bytes with their digest.
#[derive(Debug, Clone)]
pub(super) struct Blob {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: String,
}

impl Blob {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        let digest = digest_text(&Sha256::digest(&bytes));
        Self { bytes, digest }
    }
}

/// What is pushed before anything is asked for.
pub(super) struct Corpus {
    /// Manifests with their tags, of the usual size: a config and eight layers.
    pub(super) manifests: Vec<(String, Blob)>,
    /// What the manifests are made of, 4 kB each.
    pub(super) small: Vec<Blob>,
    pub(super) large: Blob,
}

impl Corpus {
    /// `manifests` images that share `small` small blobs, and a blob of `large_bytes`.
    pub(super) fn new(manifests: usize, small: usize, large_bytes: usize) -> Self {
        let small: Vec<Blob> = (0..small)
            .map(|number| Blob::new(bytes(number, 4096)))
            .collect();
        let manifests = (0..manifests).map(|number| {
            let layers: Vec<Value> = (1..=8)
                .map(|layer| {
                    let kind = "application/vnd.oci.image.layer.v1.tar+gzip";
                    descriptor(kind, &small[(number + layer) % small.len()])
                })
                .collect();
            let manifest = json!({
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": descriptor("application/vnd.oci.image.config.v1+json", &small[number % small.len()]),
                "layers": layers,
                "annotations": {"org.opencontainers.image.version": number.to_string()},
            });
            (format!("v{number}"), Blob::new(manifest.to_string().into_bytes()))
        });
        Self {
            manifests: manifests.collect(),
            large: Blob::new(bytes(usize::MAX, large_bytes)),
            small,
        }
    }
}

/// An index of nothing, told from others by `number`: a manifest that needs no blob.
pub(super) fn empty_index(number: usize) -> Blob {
    let index = json!({
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [],
        "annotations": {"org.opencontainers.image.version": number.to_string()},
    });
    Blob::new(index.to_string().into_bytes())
}

fn descriptor(kind: &str, blob: &Blob) -> Value {
    json!({"mediaType": kind, "digest": blob.digest, "size": blob.bytes.len()})
}

/// Bytes that do not compress, others for each `number`.
fn bytes(number: usize, size: usize) -> Vec<u8> {
    let mut state = (number as u64 ^ 0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = vec![0; size];
    for piece in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        piece.copy_from_slice(&state.to_le_bytes()[..piece.len()]);
    }
    bytes
}
