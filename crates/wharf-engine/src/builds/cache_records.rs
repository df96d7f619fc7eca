//! The form in which caches of builds travel: an OCI artifact whose config lists records, and whose layers are those of the steps;
//! or, within an image, an annotation of its manifest with records about its own layers.
//!
//! A record says: what has one of these keys comes to this layer. Keys are digests over everything that goes into a step, so that
//! they mean the same on every machine. What a record says is believed as far as its author is; that a layer is the one that the
//! record names is verified, by the digest of its archive and by that of its content.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};
use wharf_images::{BuildEntry, NewBuildEntry};
use wharf_oci::{Descriptor, DiffId, Digest, Manifest, MediaType, RawManifest};
use wharf_transfer::ErrorKind;

use super::record::oci_type;
use crate::error::{EngineError, classify, failure};

/// What a cache is.
pub(super) const ARTIFACT_TYPE: &str = "application/vnd.wharf.build.cache.v1";
/// Its list of records.
pub(super) const CONFIG_TYPE: &str = "application/vnd.wharf.build.cache.v1+json";
/// The records of an image about its own layers.
pub(super) const ANNOTATION: &str = "vnd.wharf.build.cache.v1";
/// A list may be this long.
pub(super) const RECORDS_LIMIT_BYTES: u64 = 16 << 20;
/// Layers that a manifest may have (as images).
const LAYER_LIMIT: usize = 4096;
const VERSION: u32 = 1;

/// The records of a cache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CacheRecords {
    version: u32,
    records: Vec<CacheRecord>,
}

/// What a step comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CacheRecord {
    /// The keys of the step.
    keys: Vec<Digest>,
    /// A key over what is known of it without a look at files.
    shape: Digest,
    /// The layer.
    diff_id: DiffId,
    /// The layer's archive.
    pub(super) blob: Descriptor,
    /// Sum of the sizes of the layer's files, in bytes.
    size: u64,
    /// The step, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    description: String,
}

impl CacheRecords {
    /// Records of these entries, in an order that depends on nothing else.
    pub(super) fn of(entries: &[BuildEntry]) -> Self {
        let mut records: Vec<CacheRecord> = entries
            .iter()
            .filter(|entry| !entry.portable_keys.is_empty())
            .map(|entry| CacheRecord {
                keys: entry.portable_keys.clone(),
                shape: entry.shape,
                diff_id: entry.diff_id,
                blob: Descriptor::new(
                    oci_type(entry.blob.media_type.as_str()),
                    entry.blob.digest,
                    entry.blob.size,
                ),
                size: entry.size,
                description: entry.description.clone(),
            })
            .collect();
        records.sort_by(|one, other| one.keys.cmp(&other.keys));
        records.dedup();
        Self {
            version: VERSION,
            records,
        }
    }

    /// Only those about these layers.
    pub(super) fn about(mut self, diff_ids: &HashSet<DiffId>) -> Self {
        self.records
            .retain(|record| diff_ids.contains(&record.diff_id));
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// The text of the list.
    pub(super) fn to_json(&self) -> Result<String, EngineError> {
        serde_json::to_string(self).map_err(|error| classify(std::io::Error::from(error)))
    }

    /// Reads a list that came from elsewhere.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, EngineError> {
        let invalid = |text: String| failure(ErrorKind::Invalid, text);
        let read: Self = serde_json::from_slice(bytes)
            .map_err(|error| invalid(format!("the cache's records cannot be read: {error}")))?;
        if read.version != VERSION {
            let text = format!("the cache has version {}, known is {VERSION}", read.version);
            return Err(invalid(text));
        }
        Ok(read)
    }

    /// The manifest of the artifact, and its config.
    pub(super) fn manifest(&self) -> Result<(RawManifest, Vec<u8>), EngineError> {
        let config = self.to_json()?.into_bytes();
        let layers: BTreeMap<Digest, Descriptor> = self
            .records
            .iter()
            .map(|record| (record.blob.digest, record.blob.clone()))
            .collect();
        if layers.len() > LAYER_LIMIT {
            let text = format!(
                "the cache has {} layers, more than {LAYER_LIMIT}: use mode=min",
                layers.len()
            );
            return Err(failure(ErrorKind::Invalid, text));
        }
        let size = config.len() as u64;
        let manifest = RawManifest::from_manifest(&Manifest {
            schema_version: 2,
            media_type: Some(MediaType::new(MediaType::OCI_MANIFEST)),
            artifact_type: Some(MediaType::new(ARTIFACT_TYPE)),
            config: Descriptor::new(CONFIG_TYPE, Digest::of(&config), size),
            layers: layers.into_values().collect(),
            subject: None,
            annotations: BTreeMap::new(),
        })
        .map_err(classify)?;
        Ok((manifest, config))
    }
}

/// Records of several caches, by their keys.
#[derive(Debug, Default)]
pub(super) struct ImportedRecords {
    by_key: HashMap<Digest, (usize, CacheRecord)>,
    shapes: HashSet<Digest>,
}

impl ImportedRecords {
    /// Adds what one cache has; what an earlier one has under a key stays.
    pub(super) fn add(&mut self, source: usize, records: CacheRecords) {
        for record in records.records {
            self.shapes.insert(record.shape);
            for key in &record.keys {
                let known = self.by_key.entry(*key);
                known.or_insert_with(|| (source, record.clone()));
            }
        }
    }

    pub(super) fn has_shape(&self, shape: &Digest) -> bool {
        self.shapes.contains(shape)
    }

    /// What is known under a key, and by which cache.
    pub(super) fn find(&self, key: &Digest) -> Option<&(usize, CacheRecord)> {
        self.by_key.get(key)
    }
}

impl CacheRecord {
    pub(super) fn diff_id(&self) -> DiffId {
        self.diff_id
    }

    /// As the store keeps it.
    pub(super) fn entry(&self) -> NewBuildEntry {
        NewBuildEntry {
            keys: self.keys.clone(),
            portable: self.keys.len(),
            shape: self.shape,
            diff_id: self.diff_id,
            blob: self.blob.clone(),
            size: self.size,
            description: self.description.clone(),
            fields: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, content: &str) -> CacheRecord {
        CacheRecord {
            keys: vec![Digest::of(key.as_bytes())],
            shape: Digest::of(b"shape"),
            diff_id: DiffId::new(Digest::of(content.as_bytes())),
            blob: Descriptor::new(MediaType::OCI_LAYER_GZIP, Digest::of(content.as_bytes()), 3),
            size: 1,
            description: String::new(),
        }
    }

    #[test]
    fn lists_are_read_as_they_were_written() {
        let records = CacheRecords {
            version: VERSION,
            records: vec![record("a", "1"), record("b", "2")],
        };
        let (manifest, config) = records.manifest().unwrap();
        assert_eq!(CacheRecords::read(&config).unwrap(), records);
        assert!(String::from_utf8_lossy(manifest.bytes()).contains(ARTIFACT_TYPE));
        for text in [
            "{",
            "{}",
            "{\"version\":2,\"records\":[]}",
            "{\"version\":1,\"records\":[{}]}",
        ] {
            assert!(CacheRecords::read(text.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_cache_counts() {
        let mut imported = ImportedRecords::default();
        for (source, content) in ["1", "2"].into_iter().enumerate() {
            let records = vec![record("a", content)];
            imported.add(
                source,
                CacheRecords {
                    version: VERSION,
                    records,
                },
            );
        }
        let (source, found) = imported.find(&Digest::of(b"a")).unwrap();
        assert_eq!((*source, found), (0, &record("a", "1")));
        assert!(imported.has_shape(&Digest::of(b"shape")));
        assert!(imported.find(&Digest::of(b"b")).is_none());
    }
}
