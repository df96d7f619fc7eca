//! Documents byte for byte as Docker's programs write them, so that what is pushed has the digest that Docker's would
//! have: Go's `encoding/json` orders members as its structs do, and escapes what HTML could stumble over.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::ser::PrettyFormatter;
use wharf_oci::{Descriptor, Digest, MediaType, Platform};

/// A manifest list (distribution `manifestlist`), or an OCI index if the first manifest is an OCI one. Indented by three
/// spaces, without a newline at the end. Of `manifests` only media type, size, digest and platform go into it.
pub fn manifest_list_document(manifests: &[Descriptor]) -> Result<Vec<u8>, serde_json::Error> {
    let list = ManifestList {
        schema_version: 2,
        media_type: manifest_list_type(manifests),
        manifests: manifests.iter().map(ListEntry::of).collect(),
    };
    indented(&list, "   ")
}

/// What the list of `manifests` is.
pub(super) fn manifest_list_type(manifests: &[Descriptor]) -> &'static str {
    let first = manifests.first().map(|entry| entry.media_type.as_str());
    match first {
        Some(MediaType::OCI_MANIFEST) => MediaType::OCI_INDEX,
        _ => MediaType::DOCKER_MANIFEST_LIST,
    }
}

/// An index as buildx writes it, indented by two spaces.
pub(super) fn index_document(
    media_type: &str,
    manifests: &[Descriptor],
    annotations: &BTreeMap<String, String>,
) -> Result<Vec<u8>, serde_json::Error> {
    let index = Index {
        schema_version: 2,
        media_type,
        manifests: manifests.iter().map(GoDescriptor::of).collect(),
        annotations,
    };
    indented(&index, "  ")
}

/// The document without spaces.
pub(super) fn compact<T: Serialize>(document: &T) -> Result<Vec<u8>, serde_json::Error> {
    Ok(html_escaped(&serde_json::to_vec(document)?))
}

/// JSON without the spaces around its values; what is in strings stays.
pub(super) fn without_spaces(json: &[u8]) -> Vec<u8> {
    let (mut in_string, mut escaped) = (false, false);
    let keep = |byte: &u8| {
        let is_space = byte.is_ascii_whitespace() && !in_string;
        if *byte == b'"' && !escaped {
            in_string = !in_string;
        }
        escaped = *byte == b'\\' && !escaped;
        !is_space
    };
    json.iter().copied().filter(keep).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestList {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<ListEntry>,
}

// distribution `manifestlist.ManifestDescriptor`
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ListEntry {
    media_type: MediaType,
    size: u64,
    digest: Digest,
    platform: GoPlatform,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Index<'a> {
    schema_version: u32,
    media_type: &'a str,
    manifests: Vec<GoDescriptor>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

/// A descriptor with its members in the order of OCI's Go types.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GoDescriptor {
    media_type: MediaType,
    digest: Digest,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    urls: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<GoPlatform>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<MediaType>,
}

#[derive(Serialize)]
struct GoPlatform {
    architecture: String,
    os: String,
    #[serde(rename = "os.version", skip_serializing_if = "String::is_empty")]
    os_version: String,
    #[serde(rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    os_features: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    variant: String,
}

impl ListEntry {
    fn of(entry: &Descriptor) -> Self {
        // Docker writes a platform of empty words where there is none.
        let platform = entry.platform.as_ref();
        Self {
            media_type: entry.media_type.clone(),
            size: entry.size,
            digest: entry.digest,
            platform: platform.map_or_else(GoPlatform::none, GoPlatform::of),
        }
    }
}

impl GoDescriptor {
    /// The same descriptor.
    pub(super) fn of(descriptor: &Descriptor) -> Self {
        let annotations = descriptor.annotations.clone();
        Self {
            media_type: descriptor.media_type.clone(),
            digest: descriptor.digest,
            size: descriptor.size,
            urls: descriptor.urls.clone().filter(|urls| !urls.is_empty()),
            annotations: annotations.filter(|annotations| !annotations.is_empty()),
            platform: descriptor.platform.as_ref().map(GoPlatform::of),
            artifact_type: descriptor.artifact_type.clone(),
        }
    }
}

impl GoPlatform {
    fn none() -> Self {
        Self {
            architecture: String::new(),
            os: String::new(),
            os_version: String::new(),
            os_features: Vec::new(),
            variant: String::new(),
        }
    }

    fn of(platform: &Platform) -> Self {
        Self {
            architecture: platform.architecture.clone(),
            os: platform.os.clone(),
            os_version: platform.os_version.clone(),
            os_features: platform.os_features.clone(),
            variant: platform.variant.clone(),
        }
    }
}

fn indented<T: Serialize>(document: &T, indent: &str) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = Vec::new();
    let formatter = PrettyFormatter::with_indent(indent.as_bytes());
    document.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, formatter,
    ))?;
    Ok(html_escaped(&bytes))
}

// These characters can only be within strings. U+2028 and U+2029 start with E2 80 in UTF-8.
fn html_escaped(json: &[u8]) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(json.len());
    let mut rest = json;
    while let Some((first, behind)) = rest.split_first() {
        let (text, behind): (&[u8], &[u8]) = match (first, behind) {
            (b'<', _) => (b"\\u003c", behind),
            (b'>', _) => (b"\\u003e", behind),
            (b'&', _) => (b"\\u0026", behind),
            (0xe2, [0x80, 0xa8, behind @ ..]) => (b"\\u2028", behind),
            (0xe2, [0x80, 0xa9, behind @ ..]) => (b"\\u2029", behind),
            _ => (std::slice::from_ref(first), behind),
        };
        escaped.extend_from_slice(text);
        rest = behind;
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_go_except_in_strings() {
        let table = [
            (r#"{ "a" : [ 1 , 2 ] }"#, r#"{"a":[1,2]}"#),
            ("{\n\t\"a b\": \"c \\\" d\"\n}", r#"{"a b":"c \" d"}"#),
            (r#"[ "\\" , " x" ]"#, r#"["\\"," x"]"#),
        ];
        for (json, expected) in table {
            let actual = without_spaces(json.as_bytes());
            assert_eq!(String::from_utf8_lossy(&actual), expected);
        }
    }

    #[test]
    fn documents_are_escaped_as_in_go() {
        let actual = compact(&"a<b>&\u{2028}\u{2029}é\u{2026}").expect("JSON");
        assert_eq!(
            String::from_utf8_lossy(&actual),
            "\"a\\u003cb\\u003e\\u0026\\u2028\\u2029é…\""
        );
    }

    #[test]
    fn a_list_has_the_digest_of_docker_s() {
        // The list that docker pushed in tests/golden/manifest/recorded.txt of the crate wharf.
        let entry = |digest: &str, size, platform: &str| Descriptor {
            platform: Some(platform.parse().expect("a platform")),
            ..Descriptor::new(
                MediaType::DOCKER_MANIFEST,
                digest.parse().expect("a digest"),
                size,
            )
        };
        let mut arm64 = entry(
            "sha256:6907162655eac24bf62db70b5ed7879f83c119e6e02f892d48830be9f28d5dbb",
            734,
            "linux/arm64",
        );
        if let Some(platform) = &mut arm64.platform {
            platform.variant = "v8".to_owned();
        }
        let amd64 = entry(
            "sha256:b5711c50ea5ef2a0561933a2df50dbdd64f8a8a1d7bd2d79a588a61ed624ee66",
            735,
            "linux/amd64",
        );
        let document = manifest_list_document(&[arm64, amd64]).expect("JSON");
        assert_eq!(
            Digest::of(&document).to_string(),
            "sha256:607abd6b5800da4880206f9188fb279cbbc4202f6bf06bb22f8cca62f00945a7"
        );
    }
}
