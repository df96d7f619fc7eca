//! How far a layer was unpacked, as it is kept on disk, and whether that may be believed.

use std::io;

use serde::{Deserialize, Serialize};
use wharf_images::LayerWriter;
use wharf_layers::ApplyCheckpoint;
use wharf_oci::HasherState;
use wharf_transfer::EndpointError;

use crate::error::classify;

/// Where the tar of a layer comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum TarOf {
    /// A blob that comes in meanwhile, and may turn out wrong.
    IncomingBlob,
    /// A blob whose digest was verified.
    VerifiedBlob,
}

/// The form of an [`ApplyCheckpoint`] on disk.
#[derive(Serialize, Deserialize)]
pub(super) struct SavedCheckpoint {
    pub(super) tar_of: TarOf,
    tar_offset: u64,
    hashed_bytes: u64,
    hasher: Vec<u8>,
}

impl SavedCheckpoint {
    pub(super) fn read(writer: &LayerWriter) -> Result<Option<Self>, EndpointError> {
        writer.checkpoint().map_err(classify)
    }

    pub(super) fn save(
        tar_of: TarOf,
        checkpoint: &ApplyCheckpoint,
        writer: &LayerWriter,
    ) -> io::Result<()> {
        let saved = Self {
            tar_of,
            tar_offset: checkpoint.tar_offset,
            hashed_bytes: checkpoint.hashed_bytes,
            hasher: checkpoint.hasher_state.as_bytes().to_vec(),
        };
        writer.save_checkpoint(&saved).map_err(io::Error::other)
    }

    pub(super) fn into_checkpoint(self) -> ApplyCheckpoint {
        ApplyCheckpoint {
            tar_offset: self.tar_offset,
            hashed_bytes: self.hashed_bytes,
            hasher_state: HasherState::from_bytes(self.hasher),
        }
    }
}
