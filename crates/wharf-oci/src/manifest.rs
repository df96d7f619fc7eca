//! Image manifests, kept as the bytes that were received.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::descriptor::Descriptor;
use crate::digest::{Algorithm, Hasher};
use crate::ids::ManifestDigest;
use crate::index::Index;
use crate::media_type::{MediaType, MediaTypeKind};

/// Largest manifest or index that is read (OCI distribution specification: at least 4 MiB).
pub const MANIFEST_LIMIT_BYTES: usize = 4 << 20;

/// An image manifest: one config and its layers from the base up. A view; the bytes are in [`RawManifest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u32,
    /// May be absent in OCI manifests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The kind of artifact, where this is not an image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// The image config.
    pub config: Descriptor,
    /// Layers from the base up.
    #[serde(default)]
    pub layers: Vec<Descriptor>,
    /// The manifest that this one says something about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free text by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A manifest or index exactly as received, with its media type and digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawManifest {
    bytes: Vec<u8>,
    media_type: MediaType,
    digest: ManifestDigest,
}

/// What a [`RawManifest`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ParsedManifest {
    /// One image.
    Manifest(Box<Manifest>),
    /// Several, by platform.
    Index(Box<Index>),
}

/// Why a document is not a manifest that Wharf can use.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Longer than [`MANIFEST_LIMIT_BYTES`].
    #[error("manifest of {size} bytes is larger than the limit of {MANIFEST_LIMIT_BYTES} bytes")]
    TooLarge {
        /// Its length in bytes.
        size: usize,
    },
    /// Not JSON, or without what a manifest must have.
    #[error("manifest is not valid: {0}")]
    Json(#[from] serde_json::Error),
    /// JSON, but not an object.
    #[error("manifest is not a JSON object")]
    NotAnObject,
    /// Both `layers` and `manifests`, which could be read in two ways (CVE-2021-41190).
    #[error("manifest has both layers and manifests and is refused as ambiguous")]
    Ambiguous,
    /// The outer media type and the one inside differ.
    #[error("manifest says it is {inside}, but was served as {outside}")]
    MediaTypeMismatch {
        /// In the document.
        inside: MediaType,
        /// In the header or descriptor.
        outside: MediaType,
    },
    /// Docker's format before 2016.
    #[error(
        "Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported; ask the image's author to push it again with a current client"
    )]
    Schema1,
    /// Neither a manifest nor an index.
    #[error("unsupported manifest media type {0}")]
    Unsupported(MediaType),
    /// `schemaVersion` is not 2.
    #[error("unsupported manifest schema version {0}")]
    SchemaVersion(u32),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Shape {
    #[serde(default)]
    schema_version: u32,
    #[serde(default)]
    media_type: Option<MediaType>,
    #[serde(default)]
    layers: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    config: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    manifests: Option<serde::de::IgnoredAny>,
}

impl RawManifest {
    /// Takes received bytes. `served_as` is the `Content-Type` or descriptor's type, if there was one;
    /// `algorithm` is that of the digest it is known by.
    pub fn new(
        bytes: Vec<u8>,
        served_as: Option<&MediaType>,
        algorithm: Algorithm,
    ) -> Result<Self, ManifestError> {
        if bytes.len() > MANIFEST_LIMIT_BYTES {
            return Err(ManifestError::TooLarge { size: bytes.len() });
        }
        // serde would also take an array for a struct, field by field.
        if bytes.trim_ascii_start().starts_with(b"[") {
            return Err(ManifestError::NotAnObject);
        }
        let shape: Shape = serde_json::from_slice(&bytes)?;
        let media_type = effective_media_type(&shape, served_as)?;
        let mut hasher = Hasher::new(algorithm);
        hasher.update(&bytes);
        let digest = ManifestDigest::new(hasher.finish());
        Ok(Self {
            bytes,
            media_type,
            digest,
        })
    }

    /// Serialises a manifest that Wharf itself makes.
    pub fn from_manifest(manifest: &Manifest) -> Result<Self, ManifestError> {
        let bytes = indented(manifest, manifest.media_type.as_ref())?;
        Self::new(bytes, manifest.media_type.as_ref(), Algorithm::Sha256)
    }

    /// Serialises an index that Wharf itself makes.
    pub fn from_index(index: &Index) -> Result<Self, ManifestError> {
        let bytes = indented(index, index.media_type.as_ref())?;
        Self::new(bytes, index.media_type.as_ref(), Algorithm::Sha256)
    }

    /// The bytes as received.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it is.
    pub fn media_type(&self) -> &MediaType {
        &self.media_type
    }

    /// The digest of the bytes.
    pub fn digest(&self) -> ManifestDigest {
        self.digest
    }

    /// A descriptor of this document.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::new(
            self.media_type.clone(),
            *self.digest.digest(),
            self.bytes.len() as u64,
        )
    }

    /// Reads it.
    pub fn parse(&self) -> Result<ParsedManifest, ManifestError> {
        match self.media_type.kind() {
            MediaTypeKind::Index => Ok(ParsedManifest::Index(Box::new(serde_json::from_slice(
                &self.bytes,
            )?))),
            _ => Ok(ParsedManifest::Manifest(Box::new(serde_json::from_slice(
                &self.bytes,
            )?))),
        }
    }
}

fn effective_media_type(
    shape: &Shape,
    served_as: Option<&MediaType>,
) -> Result<MediaType, ManifestError> {
    if shape.schema_version == 1 {
        return Err(ManifestError::Schema1);
    }
    if shape.schema_version != 2 {
        return Err(ManifestError::SchemaVersion(shape.schema_version));
    }
    if shape.manifests.is_some() && (shape.layers.is_some() || shape.config.is_some()) {
        return Err(ManifestError::Ambiguous);
    }
    // Some registries serve everything as text/plain or application/json: then the document decides.
    let outside = served_as.filter(|outside| outside.kind() != MediaTypeKind::Other);
    match (&shape.media_type, outside) {
        (Some(inside), Some(outside)) if inside != outside => {
            Err(ManifestError::MediaTypeMismatch {
                inside: inside.clone(),
                outside: outside.clone(),
            })
        }
        (Some(media_type), _) | (None, Some(media_type)) => supported(media_type.clone()),
        (None, None) if shape.manifests.is_some() => Ok(MediaType::new(MediaType::OCI_INDEX)),
        (None, None) => Ok(MediaType::new(MediaType::OCI_MANIFEST)),
    }
}

fn supported(media_type: MediaType) -> Result<MediaType, ManifestError> {
    match media_type.kind() {
        MediaTypeKind::Manifest | MediaTypeKind::Index => Ok(media_type),
        MediaTypeKind::Schema1 => Err(ManifestError::Schema1),
        _ => Err(ManifestError::Unsupported(media_type)),
    }
}

/// JSON with the white space that Docker gives its own formats, and everybody else OCI's: then two programs that make the
/// same manifest make the same digest.
fn indented<T: Serialize>(
    document: &T,
    media_type: Option<&MediaType>,
) -> Result<Vec<u8>, serde_json::Error> {
    let is_docker = media_type.is_some_and(|media_type| {
        [MediaType::DOCKER_MANIFEST, MediaType::DOCKER_MANIFEST_LIST].contains(&media_type.as_str())
    });
    let indent: &[u8] = if is_docker { b"   " } else { b"  " };
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(indent);
    document.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, formatter,
    ))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str, served_as: Option<&str>) -> Result<RawManifest, ManifestError> {
        let served_as = served_as.map(MediaType::new);
        RawManifest::new(
            json.as_bytes().to_vec(),
            served_as.as_ref(),
            Algorithm::Sha256,
        )
    }

    #[test]
    fn the_document_or_the_header_names_the_type() {
        let oci = r#"{"schemaVersion":2,"config":{},"layers":[]}"#;
        let list = r#"{"schemaVersion":2,"manifests":[]}"#;
        for (json, served_as, expected) in [
            (oci, None, MediaType::OCI_MANIFEST),
            (list, None, MediaType::OCI_INDEX),
            (list, Some("application/json"), MediaType::OCI_INDEX),
            (
                list,
                Some(MediaType::DOCKER_MANIFEST_LIST),
                MediaType::DOCKER_MANIFEST_LIST,
            ),
            (
                oci,
                Some(MediaType::DOCKER_MANIFEST),
                MediaType::DOCKER_MANIFEST,
            ),
        ] {
            assert_eq!(
                raw(json, served_as).unwrap().media_type().as_str(),
                expected
            );
        }
    }

    #[test]
    fn refuses_what_cannot_be_used() {
        let mismatch = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        for (json, served_as, expected) in [
            ("<html>", None, "manifest is not valid"),
            (r#"{"schemaVersion":1}"#, None, "schema 1 are not supported"),
            ("[2]", None, "not a JSON object"),
            ("{}", None, "unsupported manifest schema version 0"),
            (
                r#"{"schemaVersion":2,"layers":[],"manifests":[]}"#,
                None,
                "ambiguous",
            ),
            (
                mismatch,
                Some(MediaType::OCI_MANIFEST),
                "manifest says it is",
            ),
            (
                r#"{"schemaVersion":2,"mediaType":"text/x"}"#,
                None,
                "unsupported manifest media type text/x",
            ),
        ] {
            let error = raw(json, served_as).unwrap_err().to_string();
            assert!(error.contains(expected), "{json}: {error}");
        }
        let large = RawManifest::new(
            vec![b' '; MANIFEST_LIMIT_BYTES + 1],
            None,
            Algorithm::Sha256,
        );
        assert!(matches!(large, Err(ManifestError::TooLarge { .. })));
    }

    #[test]
    fn what_we_make_is_indented_as_its_other_makers_do() {
        let made = |media_type: &str| {
            let index = Index {
                schema_version: 2,
                media_type: Some(MediaType::new(media_type)),
                artifact_type: None,
                manifests: Vec::new(),
                subject: None,
                annotations: BTreeMap::new(),
            };
            let raw = RawManifest::from_index(&index).unwrap();
            String::from_utf8(raw.bytes().to_vec()).unwrap()
        };
        assert!(made(MediaType::DOCKER_MANIFEST_LIST).starts_with("{\n   \"schemaVersion\": 2,\n"));
        assert!(made(MediaType::OCI_INDEX).starts_with("{\n  \"schemaVersion\": 2,\n"));
    }
}
