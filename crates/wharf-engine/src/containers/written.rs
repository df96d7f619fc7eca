//! What a container wrote: its upper folder.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::engine::Engine;
use crate::error::{EngineError, classify};

/// Folders within folders at most.
const DEPTH_LIMIT: usize = 4096;

impl Engine {
    /// The bytes of the files that a container has written or changed (`SizeRw`).
    pub fn written_bytes(&self, id: &str) -> Result<u64, EngineError> {
        let upper = self.container_folder(id).path().join("upper");
        bytes_below(&upper, 0).map_err(classify)
    }
}

/// The bytes of the files in a folder and its folders; 0 if it is not there.
pub(crate) fn bytes_below(folder: &Path, depth: usize) -> io::Result<u64> {
    let entries = match std::fs::read_dir(folder) {
        // The container removes while we look.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        other => other?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry?;
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if metadata.is_dir() && depth < DEPTH_LIMIT {
            bytes += bytes_below(&entry.path(), depth + 1)?;
        } else if metadata.is_file() {
            bytes += metadata.size();
        }
    }
    Ok(bytes)
}
