//! A manifest list in the bytes that Docker makes of it, so that the same list has the same digest whoever made it.

use serde_json::{Map, Value, json};
use wharf_oci::{Algorithm, Descriptor, ManifestError, MediaType, RawManifest};

use super::entry::{ManifestEntry, platform_document};

/// Docker indents lists by three blanks.
const INDENT: &[u8] = b"   ";

/// The list of these manifests. It is an OCI index if one of them is in OCI's format.
pub(crate) fn list_of(entries: &[ManifestEntry]) -> Result<RawManifest, ManifestError> {
    let oci = entries.iter().any(ManifestEntry::is_oci);
    let media_type = MediaType::new(if oci {
        MediaType::OCI_INDEX
    } else {
        MediaType::DOCKER_MANIFEST_LIST
    });
    let descriptors: Vec<Descriptor> = entries
        .iter()
        .map(|entry| entry.descriptor.clone())
        .collect();
    let bytes = list_document(&media_type, &descriptors)?;
    RawManifest::new(bytes, Some(&media_type), Algorithm::Sha256)
}

/// What `manifest inspect` prints of a list: its entries, without what Docker does not know of.
pub fn list_document(
    media_type: &MediaType,
    descriptors: &[Descriptor],
) -> Result<Vec<u8>, serde_json::Error> {
    let manifests: Vec<Value> = descriptors.iter().map(descriptor_document).collect();
    let mut document = Map::new();
    document.insert("schemaVersion".to_owned(), json!(2));
    document.insert("mediaType".to_owned(), json!(media_type));
    document.insert("manifests".to_owned(), Value::Array(manifests));
    let mut bytes = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(INDENT);
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
    serde::Serialize::serialize(&Value::Object(document), &mut serializer)?;
    Ok(bytes)
}

fn descriptor_document(descriptor: &Descriptor) -> Value {
    let mut document = Map::new();
    document.insert("mediaType".to_owned(), json!(descriptor.media_type));
    document.insert("size".to_owned(), json!(descriptor.size));
    document.insert("digest".to_owned(), json!(descriptor.digest));
    if let Some(urls) = descriptor.urls.as_ref().filter(|urls| !urls.is_empty()) {
        document.insert("urls".to_owned(), json!(urls));
    }
    let platform = descriptor
        .platform
        .as_ref()
        .map_or_else(|| json!({"architecture": "", "os": ""}), platform_document);
    document.insert("platform".to_owned(), platform);
    Value::Object(document)
}
