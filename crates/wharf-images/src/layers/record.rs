//! What is known of a layer, and its form on disk.

use std::io;

use serde::{Deserialize, Serialize};
use wharf_layers::{AppliedLayer, Flavour, RememberedEntry, RememberedMetadata};
use wharf_oci::DiffId;

use super::error::{LayerError, io_error};
use crate::store::{FlavourText, Shared};

pub(super) const LAYER_FORMAT: u32 = 1;

/// A layer, unpacked, or packed as a build has written it: that is unpacked when somebody looks into it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerRecord {
    /// The digest of its tar.
    pub diff_id: DiffId,
    /// Sum of its files' sizes in bytes, as Docker counts a layer.
    pub size: u64,
    /// What the tree takes on disk, in bytes; 0 of one that is packed.
    pub unpacked_bytes: u64,
    /// Entries of the tar; 0 of one that is packed.
    pub entries: u64,
    /// Whether it hides everything below it, its root folder's content included.
    pub root_is_opaque: bool,
}

impl LayerRecord {
    /// A layer that is an archive in the store, and no tree yet.
    pub(crate) fn packed(diff_id: DiffId, size: u64) -> Self {
        Self {
            diff_id,
            size,
            unpacked_bytes: 0,
            entries: 0,
            root_is_opaque: false,
        }
    }

    /// Whether it may have no tree.
    pub(crate) fn may_be_packed(&self) -> bool {
        self.unpacked_bytes == 0 && self.entries == 0
    }
}

/// What unpacking has found out about a layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerFacts {
    /// Sum of its files' sizes in bytes.
    pub size: u64,
    /// What the tree takes on disk, in bytes.
    pub unpacked_bytes: u64,
    /// Entries of the tar.
    pub entries: u64,
    /// Whether it hides everything below it, its root folder's content included.
    pub root_is_opaque: bool,
    /// What an ordinary user could not set on symbolic links and named pipes.
    pub remembered: Vec<RememberedEntry>,
}

impl From<&AppliedLayer> for LayerFacts {
    fn from(applied: &AppliedLayer) -> Self {
        Self {
            size: applied.content_size_bytes,
            unpacked_bytes: applied.disk_size_bytes,
            entries: applied.entries,
            root_is_opaque: applied.root_is_opaque,
            remembered: applied.remembered.clone(),
        }
    }
}

/// `layer.json`.
#[derive(Serialize, Deserialize)]
pub(crate) struct LayerFile {
    pub(crate) format: u32,
    pub(crate) diff_id: DiffId,
    pub(crate) size: u64,
    pub(crate) unpacked_bytes: u64,
    pub(crate) entries: u64,
    #[serde(default)]
    pub(crate) root_is_opaque: bool,
    #[serde(with = "FlavourText")]
    pub(crate) flavour: Flavour,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) remembered: Vec<RememberedText>,
}

/// A [`RememberedEntry`] in `layer.json`: path and attribute as bytes.
#[derive(Serialize, Deserialize)]
pub(crate) struct RememberedText {
    path: Vec<u8>,
    metadata: Vec<u8>,
}

impl From<&RememberedEntry> for RememberedText {
    fn from(entry: &RememberedEntry) -> Self {
        Self {
            path: entry.path.clone(),
            metadata: entry.metadata.to_bytes(),
        }
    }
}

impl RememberedText {
    // `None` for what a later version wrote.
    pub(super) fn into_entry(self) -> Option<RememberedEntry> {
        Some(RememberedEntry {
            metadata: RememberedMetadata::from_bytes(&self.metadata)?,
            path: self.path,
        })
    }
}

impl Shared {
    /// What `layer.json` of a whole layer says.
    pub(crate) fn read_layer(&self, diff_id: DiffId) -> Result<Option<LayerRecord>, LayerError> {
        let file = self.read_layer_file(diff_id)?;
        Ok(file.map(|file| LayerRecord {
            diff_id,
            size: file.size,
            unpacked_bytes: file.unpacked_bytes,
            entries: file.entries,
            root_is_opaque: file.root_is_opaque,
        }))
    }

    pub(super) fn read_layer_file(&self, diff_id: DiffId) -> Result<Option<LayerFile>, LayerError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let path = self.layer_path(diff_id).join("layer.json");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(&path)(error)),
        };
        let damaged = |source| LayerError::Damaged {
            path: path.clone(),
            source,
        };
        let Format { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if format != LAYER_FORMAT {
            return Err(LayerError::Format {
                path,
                found: format,
            });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }
}
