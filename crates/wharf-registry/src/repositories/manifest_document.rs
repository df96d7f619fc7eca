//! What a pushed manifest says about itself and what it needs.

use std::collections::{BTreeMap, BTreeSet};

use wharf_oci::{
    Algorithm, Descriptor, Digest, Index, MANIFEST_LIMIT_BYTES, Manifest, ManifestError, MediaType,
    ParsedManifest, RawManifest,
};

use crate::db::manifests::NewManifest;
use crate::error::RegistryError;

/// Longest media type: two names of 127 bytes and the slash between them (RFC 6838).
const TYPE_LIMIT_BYTES: usize = 255;

/// A manifest that was read, before the database was asked about what it names.
#[derive(Debug, Clone)]
pub(crate) struct ManifestDocument {
    /// What is recorded of it.
    pub(crate) record: NewManifest,
    /// Blobs that must be in the repository, with the sizes it says they have.
    pub(crate) needed: BTreeMap<Digest, u64>,
    /// Blobs that may be elsewhere (non-distributable layers). None of them is needed, too.
    pub(crate) optional: BTreeSet<Digest>,
}

impl ManifestDocument {
    /// Reads a manifest as it was pushed, of any type that registries serve.
    pub(crate) fn read(
        bytes: Vec<u8>,
        content_type: Option<&MediaType>,
        algorithm: Algorithm,
    ) -> Result<Self, RegistryError> {
        let raw = RawManifest::new(bytes, content_type, algorithm).map_err(refused)?;
        let parsed = raw.parse().map_err(refused)?;
        let mut record = NewManifest {
            digest: *raw.digest().digest(),
            media_type: raw.media_type().clone(),
            artifact_type: None,
            config_media_type: None,
            config_digest: None,
            subject: None,
            annotations: None,
            total_size: raw.bytes().len() as u64,
            content: raw.bytes().to_vec(),
            blobs: Vec::new(),
            awaited: Vec::new(),
            children: Vec::new(),
        };
        let mut document = match parsed {
            ParsedManifest::Manifest(manifest) => {
                let (needed, optional) = describe_image(&mut record, *manifest)?;
                Self {
                    record,
                    needed,
                    optional,
                }
            }
            ParsedManifest::Index(index) => {
                describe_index(&mut record, *index);
                Self {
                    record,
                    needed: BTreeMap::new(),
                    optional: BTreeSet::new(),
                }
            }
        };
        check_types(&document.record)?;
        // Sizes are what the client says until they were compared with those of the blobs.
        let sizes = document.needed.values();
        document.record.total_size = sizes.fold(document.record.total_size, |sum, size| {
            sum.saturating_add(*size)
        });
        Ok(document)
    }
}

fn describe_image(
    record: &mut NewManifest,
    manifest: Manifest,
) -> Result<(BTreeMap<Digest, u64>, BTreeSet<Digest>), RegistryError> {
    let config = &manifest.config;
    let own_type = manifest
        .artifact_type
        .filter(|own| !own.as_str().is_empty());
    // Where a manifest names no type of artifact, the list of referrers gives its config's.
    record.artifact_type = Some(
        own_type
            .unwrap_or_else(|| config.media_type.clone())
            .as_str()
            .to_owned(),
    );
    record.config_media_type = Some(config.media_type.as_str().to_owned());
    record.config_digest = Some(config.digest);
    record.subject = manifest.subject.map(|subject| subject.digest);
    record.annotations = annotations(&manifest.annotations);
    let mut needed = BTreeMap::from([(config.digest, config.size)]);
    let mut optional = BTreeSet::new();
    for layer in &manifest.layers {
        if !is_distributable(layer) {
            optional.insert(layer.digest);
        } else if let Some(size) = needed.insert(layer.digest, layer.size)
            && size != layer.size
        {
            return Err(RegistryError::ManifestInvalid {
                reason: format!(
                    "it says that {} has {size} bytes, and that it has {}",
                    layer.digest, layer.size
                ),
            });
        }
    }
    optional.retain(|digest| !needed.contains_key(digest));
    Ok((needed, optional))
}

/// Sees that the types by which a manifest is found are short, and that they can be written into a log, a header and
/// every database.
fn check_types(record: &NewManifest) -> Result<(), RegistryError> {
    for text in [&record.artifact_type, &record.config_media_type]
        .into_iter()
        .flatten()
    {
        if text.len() > TYPE_LIMIT_BYTES || text.contains(char::is_control) {
            return Err(RegistryError::ManifestInvalid {
                reason: format!(
                    "its type {:?} is no media type",
                    text.chars().take(80).collect::<String>()
                ),
            });
        }
    }
    Ok(())
}

fn describe_index(record: &mut NewManifest, index: Index) {
    record.artifact_type = index
        .artifact_type
        .filter(|own| !own.as_str().is_empty())
        .map(|own| own.as_str().to_owned());
    record.subject = index.subject.map(|subject| subject.digest);
    record.annotations = annotations(&index.annotations);
    let child = |entry: &Descriptor| {
        let platform = entry.platform.as_ref();
        let platform = platform.and_then(|platform| serde_json::to_string(platform).ok());
        (entry.digest, platform)
    };
    record.children = index.manifests.iter().map(child).collect();
}

/// Whether a registry has to hold the layer. Licences forbid it for some (`foreign`, `nondistributable`).
fn is_distributable(layer: &Descriptor) -> bool {
    let media_type = layer.media_type.as_str();
    !media_type.contains(".nondistributable.") && !media_type.contains(".foreign.")
}

fn annotations(annotations: &BTreeMap<String, String>) -> Option<String> {
    if annotations.is_empty() {
        return None;
    }
    serde_json::to_string(annotations).ok()
}

fn refused(error: ManifestError) -> RegistryError {
    match error {
        ManifestError::TooLarge { .. } => RegistryError::ManifestTooLarge {
            limit: MANIFEST_LIMIT_BYTES,
        },
        other => RegistryError::ManifestInvalid {
            reason: other.to_string(),
        },
    }
}
