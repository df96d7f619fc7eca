//! Image indexes and Docker manifest lists.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::descriptor::Descriptor;
use crate::media_type::MediaType;
use crate::platform::PlatformMatcher;

/// An index: manifests by platform. A view; the bytes are in [`crate::RawManifest`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// Always 2.
    pub schema_version: u32,
    /// May be absent in OCI indexes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<MediaType>,
    /// The kind of artifact, where these are not images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<MediaType>,
    /// The manifests.
    pub manifests: Vec<Descriptor>,
    /// The manifest that this index says something about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// Free text by key.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Index {
    /// The manifest that `matcher` likes best; the first of equals. Attestations are never chosen,
    /// and an entry without a platform only when nothing else matches.
    pub fn choose(&self, matcher: &PlatformMatcher) -> Option<&Descriptor> {
        let images = || {
            self.manifests
                .iter()
                .filter(|entry| !entry.is_attestation())
        };
        let ranked = images().filter_map(|entry| {
            let rank = matcher.rank(entry.platform.as_ref()?)?;
            Some((rank, entry))
        });
        ranked
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, entry)| entry)
            .or_else(|| images().find(|entry| entry.platform.is_none()))
    }
}
