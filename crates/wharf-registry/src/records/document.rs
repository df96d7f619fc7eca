//! The records in storage: small JSON documents, one for each project, manifest and tag.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::db::records::RecordKind;
use crate::storage::ObjectKey;

/// Where records lie.
pub(super) const PROJECTS: &str = "records/projects/";
/// As [`PROJECTS`].
pub(super) const MANIFESTS: &str = "records/manifests/";
/// As [`PROJECTS`].
pub(super) const TAGS: &str = "records/tags/";

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProjectDocument {
    pub(super) name: String,
    pub(super) public: bool,
    pub(super) owner_name: String,
    pub(super) metadata: String,
    pub(super) created: i64,
}

/// A manifest of a repository, with its bytes: they are short, and a rebuild needs them all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ManifestRecord {
    pub(super) repository: String,
    pub(super) digest: String,
    pub(super) media_type: String,
    pub(super) pushed: i64,
    pub(super) pushed_by: String,
    /// In base64.
    content: String,
}

/// A tag of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TagDocument {
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) digest: String,
    pub(super) updated: i64,
    pub(super) pushed_by: String,
}

impl ManifestRecord {
    pub(super) fn new(
        repository: &str,
        digest: &str,
        media_type: &str,
        pushed: (i64, String),
        content: &[u8],
    ) -> Self {
        Self {
            repository: repository.to_owned(),
            digest: digest.to_owned(),
            media_type: media_type.to_owned(),
            pushed: pushed.0,
            pushed_by: pushed.1,
            content: STANDARD.encode(content),
        }
    }

    /// The bytes as they were pushed; `None` if the record is damaged.
    pub(super) fn content(&self) -> Option<Vec<u8>> {
        STANDARD.decode(&self.content).ok()
    }
}

/// Where the record of a thing lies. Names of repositories are in lower case and have no `%`, so that no repository's
/// name runs into what stands behind another's.
pub(super) fn record_key(kind: RecordKind, name: &str, item: &str) -> Option<ObjectKey> {
    ObjectKey::parse(&match kind {
        RecordKind::Project => format!("{PROJECTS}{name}"),
        RecordKind::Manifest => {
            let (algorithm, hex) = item.split_once(':')?;
            format!("{MANIFESTS}{name}/%m/{algorithm}/{hex}")
        }
        RecordKind::Tag => format!("{TAGS}{name}/%t/{item}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_thing_has_a_place_of_its_own() {
        let key = |kind, name, item| record_key(kind, name, item).unwrap().as_str().to_owned();
        let long = "a".repeat(255);
        assert_eq!(key(RecordKind::Project, "p", ""), "records/projects/p");
        assert_eq!(key(RecordKind::Tag, "p/a", "V1"), "records/tags/p/a/%t/V1");
        assert_eq!(
            key(RecordKind::Manifest, "p/a", "sha256:ab"),
            "records/manifests/p/a/%m/sha256/ab"
        );
        assert!(record_key(RecordKind::Tag, &long, &"t".repeat(128)).is_some());
        assert!(record_key(RecordKind::Tag, "p/a", "..").is_none());
    }
}
