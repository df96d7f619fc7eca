//! Unpacking a layer from its stored blob: what a repair does. (A pull unpacks while it downloads,
//! which is the engine's work.)

use std::io::BufReader;

use wharf_blobs::BlobError;
use wharf_layers::{ApplyLayerError, ApplyOptions, Decompressor, apply_layer};
use wharf_oci::{DiffId, Digest};

use crate::layers::{LayerError, LayerFacts, LayerWriter};
use crate::store::ImageStore;

const BUFFER_BYTES: usize = 1 << 18;

/// Why a stored blob could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// The blob cannot be read.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// The blob is no layer, or the disk does not take it.
    #[error("cannot unpack {blob}: {source}")]
    Apply {
        /// The blob.
        blob: Digest,
        /// The cause.
        source: ApplyLayerError,
    },
    /// The blob cannot be inflated.
    #[error("cannot inflate {blob}: {source}")]
    Inflate {
        /// The blob.
        blob: Digest,
        /// The cause.
        source: std::io::Error,
    },
    /// It unpacks to another layer.
    #[error("{blob} unpacks to layer {actual}, not to {expected}")]
    WrongDiffId {
        /// The blob.
        blob: Digest,
        /// The layer wanted.
        expected: DiffId,
        /// The layer that it is.
        actual: DiffId,
    },
    /// The folder cannot be emptied.
    #[error(transparent)]
    Layers(#[from] LayerError),
}

impl ImageStore {
    /// Unpacks `blob` into the folder of `writer`, from the start, and checks that it is that layer.
    pub(crate) fn unpack_stored(
        &self,
        writer: &mut LayerWriter,
        blob: &Digest,
    ) -> Result<LayerFacts, UnpackError> {
        writer.restart()?;
        let file = BufReader::with_capacity(BUFFER_BYTES, self.shared.blobs.open_blob(blob)?);
        let options = ApplyOptions {
            algorithm: writer.diff_id().digest().algorithm(),
            ..ApplyOptions::new(self.shared.flavour)
        };
        let inflated =
            Decompressor::new(file, &options.limits).map_err(|source| UnpackError::Inflate {
                blob: *blob,
                source,
            })?;
        let mut source = BufReader::with_capacity(BUFFER_BYTES, inflated);
        let applied = apply_layer(&mut source, writer.tree(), &options, &mut |_| Ok(())).map_err(
            |source| UnpackError::Apply {
                blob: *blob,
                source,
            },
        )?;
        if applied.diff_id != writer.diff_id() {
            return Err(UnpackError::WrongDiffId {
                blob: *blob,
                expected: writer.diff_id(),
                actual: applied.diff_id,
            });
        }
        Ok(LayerFacts::from(&applied))
    }
}
