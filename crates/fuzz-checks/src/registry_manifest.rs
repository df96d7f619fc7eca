//! Manifests that are pushed to the registry.

use wharf_oci::{Digest, MANIFEST_LIMIT_BYTES, MediaType};
use wharf_registry::http::fuzzing::manifest;

const TYPE_LIMIT_BYTES: usize = 255;

/// Takes the bytes for a manifest, pushed as each type.
pub(crate) fn check(bytes: &[u8]) {
    let types = [
        None,
        Some(MediaType::OCI_MANIFEST),
        Some(MediaType::OCI_INDEX),
        Some(MediaType::DOCKER_MANIFEST),
        Some("text/plain; charset=utf-8"),
    ];
    for content_type in types {
        let Some(read) = manifest(bytes, content_type) else {
            continue;
        };
        assert!(bytes.len() <= MANIFEST_LIMIT_BYTES);
        assert_eq!(read.content, bytes, "it is stored as it came");
        assert_eq!(read.digest, Digest::of(bytes));
        if let Some(kind) = &read.artifact_type {
            assert!(
                kind.len() <= TYPE_LIMIT_BYTES && !kind.contains(char::is_control),
                "{kind:?}"
            );
        }
        let largest = read.needed.values().max().copied().unwrap_or_default();
        assert!(
            read.total_size >= largest.max(bytes.len() as u64),
            "{read:?}"
        );
        assert_eq!(
            manifest(bytes, content_type),
            Some(read),
            "it says the same again"
        );
    }
}
