//! One manifest with what it runs on: an entry of a manifest list in the making, and what `manifest inspect --verbose`
//! prints. The document is Docker's (docker/cli `cli/manifest/types`), so that lists begun with one tool can be finished
//! with the other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use wharf_oci::{
    Algorithm, Descriptor, ManifestError, MediaType, Platform, RawManifest, Reference,
    ReferenceError,
};

/// A manifest of one image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestEntry {
    /// The name it was asked for by.
    pub reference: Reference,
    /// Its media type, digest and size, and what it runs on.
    pub descriptor: Descriptor,
    /// Its bytes.
    pub raw: RawManifest,
}

/// Why a document is no entry of a manifest list.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EntryError {
    /// Not the JSON that is expected.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A field is missing.
    #[error("there is no {0}")]
    Missing(&'static str),
    /// The name is none.
    #[error("\"Ref\": {0}")]
    Reference(#[from] ReferenceError),
    /// The manifest is not in base64.
    #[error("\"Raw\": {0}")]
    Base64(#[from] base64::DecodeError),
    /// The manifest is none, or not the one that the descriptor points to.
    #[error("\"Raw\": {0}")]
    Manifest(#[from] ManifestError),
}

impl ManifestEntry {
    /// The entry as Docker writes it.
    pub fn document(&self) -> Value {
        let mut descriptor = Map::new();
        descriptor.insert("mediaType".to_owned(), json!(self.descriptor.media_type));
        descriptor.insert("digest".to_owned(), json!(self.descriptor.digest));
        descriptor.insert("size".to_owned(), json!(self.descriptor.size));
        if let Some(platform) = &self.descriptor.platform {
            descriptor.insert("platform".to_owned(), platform_document(platform));
        }
        let parsed: Value = serde_json::from_slice(self.raw.bytes()).unwrap_or_default();
        let name = if self.is_oci() {
            "OCIManifest"
        } else {
            "SchemaV2Manifest"
        };
        let mut document = Map::new();
        document.insert("Ref".to_owned(), json!(self.reference.to_string()));
        document.insert("Descriptor".to_owned(), Value::Object(descriptor));
        document.insert("Raw".to_owned(), json!(STANDARD.encode(self.raw.bytes())));
        document.insert(name.to_owned(), parsed);
        Value::Object(document)
    }

    /// Reads what [`ManifestEntry::document`] or Docker wrote.
    pub(super) fn from_document(document: &[u8]) -> Result<Self, EntryError> {
        let document: Value = serde_json::from_slice(document)?;
        let field = |name: &'static str| document.get(name).ok_or(EntryError::Missing(name));
        let reference = field("Ref")?
            .as_str()
            .ok_or(EntryError::Missing("Ref"))?
            .parse()?;
        let descriptor: Descriptor = serde_json::from_value(field("Descriptor")?.clone())?;
        let bytes = STANDARD.decode(field("Raw")?.as_str().ok_or(EntryError::Missing("Raw"))?)?;
        let raw = RawManifest::new(bytes, Some(&descriptor.media_type), Algorithm::Sha256)?;
        Ok(Self {
            reference,
            descriptor,
            raw,
        })
    }

    /// Whether the manifest is in OCI's format.
    pub(super) fn is_oci(&self) -> bool {
        *self.raw.media_type() == MediaType::new(MediaType::OCI_MANIFEST)
    }
}

/// Architecture first, as Docker writes platforms.
pub(super) fn platform_document(platform: &Platform) -> Value {
    let mut document = Map::new();
    document.insert("architecture".to_owned(), json!(platform.architecture));
    document.insert("os".to_owned(), json!(platform.os));
    for (name, text) in [
        ("os.version", &platform.os_version),
        ("variant", &platform.variant),
    ] {
        if !text.is_empty() {
            document.insert(name.to_owned(), json!(text));
        }
    }
    if !platform.os_features.is_empty() {
        document.insert("os.features".to_owned(), json!(platform.os_features));
    }
    Value::Object(document)
}
