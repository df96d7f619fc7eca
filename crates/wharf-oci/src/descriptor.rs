//! A pointer to content: media type, digest, size (OCI image specification, "Descriptors").

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::digest::Digest;
use crate::media_type::MediaType;
use crate::platform::Platform;

/// Points to a blob or a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    #[serde(default)]
    pub media_type: MediaType,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// What it runs on; only in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Free text by key.
    #[serde(
        default,
        skip_serializing_if = "is_empty",
        deserialize_with = "some_or_none"
    )]
    pub annotations: Option<BTreeMap<String, String>>,
    /// Where else the content may be had (foreign layers).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub urls: Option<Vec<String>>,
    /// The kind of artifact that the manifest pointed to describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
}

impl Descriptor {
    /// A descriptor without anything optional.
    pub fn new(media_type: impl Into<MediaType>, digest: Digest, size: u64) -> Self {
        Self {
            media_type: media_type.into(),
            digest,
            size,
            platform: None,
            annotations: None,
            urls: None,
            artifact_type: None,
        }
    }

    /// The annotation `key`.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }

    /// Whether this is a build attestation that `BuildKit` put beside the images of an index.
    pub fn is_attestation(&self) -> bool {
        self.annotation("vnd.docker.reference.type").is_some()
    }
}

/// None at all are as good as an empty list, and are written as nothing.
fn some_or_none<'d, D: Deserializer<'d>>(
    deserializer: D,
) -> Result<Option<BTreeMap<String, String>>, D::Error> {
    let read = Option::<BTreeMap<String, String>>::deserialize(deserializer)?;
    Ok(read.filter(|annotations| !annotations.is_empty()))
}

#[expect(clippy::ref_option, reason = "the signature serde asks for")]
fn is_empty(annotations: &Option<BTreeMap<String, String>>) -> bool {
    annotations.as_ref().is_none_or(BTreeMap::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_annotations_are_as_good_as_empty_ones() {
        let text = |annotations: &str| {
            let digest = "a".repeat(64);
            format!(r#"{{"mediaType":"x/y","digest":"sha256:{digest}","size":7{annotations}}}"#)
        };
        let read =
            |annotations: &str| -> Descriptor { serde_json::from_str(&text(annotations)).unwrap() };
        let plain = read("");
        for annotations in [r#","annotations":{}"#, r#","annotations":null"#] {
            assert_eq!(read(annotations), plain, "{annotations}");
        }
        assert_eq!(serde_json::to_string(&plain).unwrap(), text(""));
        let kept = read(r#","annotations":{"a":"b"}"#);
        assert_eq!(kept.annotation("a"), Some("b"));
    }
}
