//! What a killed pull has left on disk, read from the store's own files (docs/decisions/0001-the-image-engine.md).

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::Result;

use crate::images::LayerNames;

/// A header of a tar, and the unit that contents are padded to.
const TAR_BLOCK_BYTES: u64 = 512;
/// A longer path has an entry of its own before that of the file.
const LONG_PATH: usize = 100;

/// What is on disk of each layer.
pub(super) struct Remains {
    /// By the hex of the blob's digest: bytes of a download.
    downloads: BTreeMap<String, u64>,
    blobs: Vec<String>,
    /// By the hex of the tar's digest: bytes of tar that the unpacked files stand for, reckoned from the files.
    trees: BTreeMap<String, u64>,
}

impl Remains {
    /// Reads the store in `root`.
    pub(super) fn of(root: &Path, layers: &[LayerNames]) -> Result<Self> {
        let mut remains = Self {
            downloads: BTreeMap::new(),
            blobs: Vec::new(),
            trees: BTreeMap::new(),
        };
        for layer in layers {
            if root.join("blobs/sha256").join(&layer.blob).exists() {
                remains.blobs.push(layer.blob.clone());
            }
            let data = root.join(format!("ingest/sha256-{}/data", layer.blob));
            if let Ok(data) = fs::metadata(data) {
                remains.downloads.insert(layer.blob.clone(), data.len());
            }
            let tree = root.join(format!("layers/sha256-{}.partial/fs", layer.diff));
            if tree.exists() {
                remains.trees.insert(layer.diff.clone(), tar_bytes(&tree)?);
            }
        }
        Ok(remains)
    }

    pub(super) fn has_blob(&self, hex: &str) -> bool {
        self.blobs.iter().any(|blob| blob == hex)
    }

    pub(super) fn blob_bytes(&self, hex: &str) -> u64 {
        self.downloads.get(hex).copied().unwrap_or_default()
    }

    pub(super) fn tar_bytes(&self, hex: &str) -> u64 {
        self.trees.get(hex).copied().unwrap_or_default()
    }
}

/// How many bytes of tar the files under `tree` make.
fn tar_bytes(tree: &Path) -> Result<u64> {
    let prefix = tree.as_os_str().len() + 1;
    let mut sum = 0;
    let mut folders = vec![tree.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            sum += TAR_BLOCK_BYTES;
            if path.as_os_str().len() - prefix > LONG_PATH {
                sum += 2 * TAR_BLOCK_BYTES;
            }
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_file() {
                sum += metadata.size().next_multiple_of(TAR_BLOCK_BYTES);
            }
        }
    }
    Ok(sum)
}
