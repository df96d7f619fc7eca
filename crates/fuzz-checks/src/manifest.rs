//! Manifests and indexes as registries and archives give them.

use wharf_oci::{
    Algorithm, Digest, MANIFEST_LIMIT_BYTES, MediaType, MediaTypeKind, ParsedManifest, Platform,
    PlatformMatcher, RawManifest,
};

/// Takes the bytes for a manifest, served as each type that a registry may name.
pub(crate) fn check(bytes: &[u8]) {
    check_served_as(bytes, None);
    let types = MediaType::ACCEPTED_MANIFESTS.into_iter();
    for text in types.chain(["application/json", "text/html", MediaType::OCI_LAYER]) {
        check_served_as(bytes, Some(&MediaType::new(text)));
    }
}

fn check_served_as(bytes: &[u8], served_as: Option<&MediaType>) {
    let Ok(raw) = RawManifest::new(bytes.to_vec(), served_as, Algorithm::Sha256) else {
        return;
    };
    assert!(bytes.len() <= MANIFEST_LIMIT_BYTES);
    assert_eq!(raw.bytes(), bytes, "the bytes are kept");
    assert_eq!(*raw.digest().digest(), Digest::of(bytes));
    let descriptor = raw.descriptor();
    assert_eq!(descriptor.size, bytes.len() as u64);
    assert_eq!(descriptor.media_type, *raw.media_type());
    let known = served_as.filter(|served| served.kind() != MediaTypeKind::Other);
    assert!(
        known.is_none_or(|served| served == raw.media_type()),
        "served as another type"
    );
    match raw.parse() {
        Ok(ParsedManifest::Manifest(manifest)) => {
            assert_eq!(raw.media_type().kind(), MediaTypeKind::Manifest);
            let written = RawManifest::from_manifest(&manifest).expect("a manifest can be written");
            let again = written.parse().expect("what was written can be read");
            assert_eq!(again, ParsedManifest::Manifest(manifest));
        }
        Ok(ParsedManifest::Index(index)) => {
            assert_eq!(raw.media_type().kind(), MediaTypeKind::Index);
            for platform in ["linux/amd64/v3", "linux/arm64", "windows/amd64"] {
                let platform: Platform = platform.parse().expect("a platform");
                let matcher = PlatformMatcher::only(&platform);
                let Some(chosen) = index.choose(&matcher) else {
                    continue;
                };
                assert!(index.manifests.contains(chosen) && !chosen.is_attestation());
                let fits = |of: &Platform| matcher.rank(of).is_some();
                assert!(
                    chosen.platform.as_ref().is_none_or(fits),
                    "a platform that cannot run here"
                );
            }
            let written = RawManifest::from_index(&index).expect("an index can be written");
            let again = written.parse().expect("what was written can be read");
            assert_eq!(again, ParsedManifest::Index(index));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
