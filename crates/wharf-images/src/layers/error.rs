//! What can go wrong with layers.

use std::io;
use std::path::{Path, PathBuf};

use wharf_oci::DiffId;

use super::record::LAYER_FORMAT;
use crate::records::RecordsError;

/// Why a layer could not be taken up, written or finished.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The disk failed.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// `layer.json` is not what it should be.
    #[error("{} is damaged: {source}; run `wharf system check --repair`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: serde_json::Error,
    },
    /// The layer was written by a later version.
    #[error("{} has format {found}, this program knows format {LAYER_FORMAT}: use a newer wharf", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// The format it says it has.
        found: u32,
    },
    /// A checkpoint could not be written as JSON.
    #[error("cannot save how far layer {diff_id} is unpacked: {source}")]
    Checkpoint {
        /// The layer.
        diff_id: DiffId,
        /// The cause.
        source: serde_json::Error,
    },
    /// The records failed.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

pub(super) fn io_error(path: &Path) -> impl FnOnce(io::Error) -> LayerError {
    let path = path.to_path_buf();
    move |source| LayerError::Io { path, source }
}
