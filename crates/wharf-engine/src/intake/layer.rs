//! A layer on its way from a stream into the store: one pass, three stages.
//!
//! ```text
//! socket ──chunks──► this thread: hash the blob, write it, inflate ──buffers──► second thread: hash the
//!                                                                               tar, unpack
//! ```
//!
//! The queues between the stages are bounded. When the source or this machine ends the work early, the
//! blob and the tree keep their checkpoints, and the next attempt, of this or another process, goes on
//! from there. When the bytes themselves are wrong, nothing is kept: the next attempt would only find the
//! same bytes, and what a bomb has unpacked would stay on the disk.

use std::fs::File;
use std::io::{self, BufRead, BufReader};

use wharf_blobs::{Ingest, IngestSlot, VerifiedBlob};
use wharf_images::{ImageStore, LayerFacts, LayerSlot, LayerWriter};
use wharf_layers::{
    AppliedLayer, ApplyCheckpoint, ApplyLayerError, ApplyOptions, Compression, Decompressor,
    Limits, apply_layer,
};
use wharf_oci::{Descriptor, DiffId, Digest};
use wharf_transfer::{EndpointError, ErrorKind};

use super::incoming::{BlobFeed, Incoming};
use super::pipe::{PipeReader, pipe};
use super::saved_checkpoint::{SavedCheckpoint, TarOf};
use crate::error::{Classified, classify, failure, with_causes};
use crate::telling::Telling;

const PIPE_BUFFERS: usize = 4;
const PIPE_BUFFER_BYTES: usize = 256 << 10;
const FILE_BUFFER_BYTES: usize = 256 << 10;

/// One layer to take in.
pub(crate) struct LayerIntake<'a> {
    pub(crate) store: &'a ImageStore,
    pub(crate) descriptor: &'a Descriptor,
    /// Where this is an image's layer: it is unpacked, and its tar must have this digest.
    pub(crate) diff_id: Option<DiffId>,
    pub(crate) limits: &'a Limits,
    pub(crate) telling: &'a Telling,
}

/// What taking a layer cost: the proof that nothing is done twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct IntakeCost {
    /// Bytes of the blob that came from the source.
    pub(crate) bytes_fetched: u64,
    /// Bytes of the blob that were hashed.
    pub(crate) bytes_hashed: u64,
    /// Bytes of the tar that were hashed.
    pub(crate) tar_bytes_hashed: u64,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "layer {blob} is not what the image says: its content has diff ID {actual}, the image's config says {expected}; the image is broken, ask its author to push it again"
)]
struct WrongDiffId {
    blob: Digest,
    expected: DiffId,
    actual: DiffId,
}

#[derive(Debug, thiserror::Error)]
#[error(
    "layer {blob} is not what the image says: the image's config gives the digest of the compressed layer as its diff ID; the image is broken, ask its author to push it again"
)]
struct CompressedDiffId {
    blob: Digest,
}

#[derive(Debug, thiserror::Error)]
#[error("layer {blob} cannot be unpacked: {source}")]
struct DamagedLayer {
    blob: Digest,
    source: io::Error,
}

#[derive(Debug, thiserror::Error)]
#[error("layer {blob} cannot be unpacked: {reason}")]
struct RefusedLayer {
    blob: Digest,
    reason: String,
    #[source]
    cause: ApplyLayerError,
}

/// Why a layer could not be taken.
#[derive(Debug)]
pub(crate) struct IntakeFailure {
    pub(crate) error: EndpointError,
    /// Whether the bytes were wrong and some of them, or of the tree, were left by an earlier attempt. They are gone now,
    /// so that a second attempt tells whether they were to blame: a loss of power, say, leaves zeros at the end of a file.
    pub(crate) built_on_leftovers: bool,
}

impl From<IntakeFailure> for EndpointError {
    fn from(failure: IntakeFailure) -> Self {
        failure.error
    }
}

/// A tree as it was unpacked, not yet compared with the image's config.
struct Unpacked {
    writer: LayerWriter,
    applied: AppliedLayer,
    /// Up to which offset of the tar it was hashed by an earlier process.
    resumed_at: Option<u64>,
}

impl Unpacked {
    fn tar_bytes_hashed(&self) -> u64 {
        self.applied.tar_size_bytes - self.resumed_at.unwrap_or(0)
    }
}

impl LayerIntake<'_> {
    /// Takes the layer. Locks are taken in one order everywhere: first the blob's, then the tree's.
    pub(crate) fn run(&self, feed: &mut dyn BlobFeed) -> Result<IntakeCost, IntakeFailure> {
        let fresh = |error| IntakeFailure {
            error,
            built_on_leftovers: false,
        };
        let blobs = self.store.blobs();
        let size = Some(self.descriptor.size);
        let slot = blobs.ingest(&self.descriptor.digest, size);
        let slot = slot.map_err(|error| fresh(classify(error)))?;
        let tree = self.tree().map_err(fresh)?;
        let has_leftovers = matches!(&slot, IngestSlot::Writable(ingest) if ingest.offset() > 0)
            || matches!(&tree, Some(writer) if matches!(SavedCheckpoint::read(writer), Ok(Some(_))));
        let taken = match (slot, tree) {
            (IngestSlot::Present(_), None) => Ok(IntakeCost::default()),
            (IngestSlot::Present(_), Some(writer)) => self.unpack_stored(*writer),
            (IngestSlot::Writable(ingest), None) => self.take_blob(*ingest, feed),
            (IngestSlot::Writable(ingest), Some(writer)) => self.take_both(*ingest, *writer, feed),
        };
        let cost = taken.map_err(|error| IntakeFailure {
            built_on_leftovers: has_leftovers && error.kind() == ErrorKind::Corrupt,
            error,
        })?;
        tracing::debug!(
            digest = %self.descriptor.digest,
            bytes_fetched = cost.bytes_fetched,
            bytes_hashed = cost.bytes_hashed,
            tar_bytes_hashed = cost.tar_bytes_hashed,
            "layer taken"
        );
        Ok(cost)
    }

    fn tree(&self) -> Result<Option<Box<LayerWriter>>, EndpointError> {
        let Some(diff_id) = self.diff_id else {
            return Ok(None);
        };
        match self.store.layer_slot(diff_id).map_err(classify)? {
            LayerSlot::Writable(writer) => Ok(Some(writer)),
            LayerSlot::Present(_) => Ok(None),
        }
    }

    /// The blob is here; its tree is wanting.
    fn unpack_stored(&self, mut writer: LayerWriter) -> Result<IntakeCost, EndpointError> {
        let open = || {
            self.store
                .blobs()
                .open_blob(&self.descriptor.digest)
                .map_err(classify)
        };
        // A tree that was begun while the blob was coming may stand for bytes that were refused in the end.
        if SavedCheckpoint::read(&writer)?.is_some_and(|saved| saved.tar_of != TarOf::VerifiedBlob)
        {
            writer.restart().map_err(classify)?;
        }
        let unpacked = self.unpack(writer, &mut buffered(open()?), TarOf::VerifiedBlob)?;
        let tar_bytes_hashed = unpacked.tar_bytes_hashed();
        let (writer, applied) = self.settle(unpacked, open)?;
        writer
            .finish(LayerFacts::from(&applied))
            .map_err(classify)?;
        Ok(IntakeCost {
            tar_bytes_hashed,
            ..IntakeCost::default()
        })
    }

    /// The tree is here, or not wanted; the blob is wanting.
    fn take_blob(
        &self,
        ingest: Ingest,
        feed: &mut dyn BlobFeed,
    ) -> Result<IntakeCost, EndpointError> {
        let mut incoming = Incoming::new(ingest, feed, self.descriptor.size, self.telling);
        incoming.skip_existing();
        let drained = incoming.drain();
        let (ingest, cost) = incoming.end(drained)?;
        let blob = self.verify(ingest)?;
        blob.publish(self.store.blobs().group_sync())
            .map_err(classify)?;
        Ok(cost)
    }

    /// Everything in one pass.
    fn take_both(
        &self,
        ingest: Ingest,
        mut writer: LayerWriter,
        feed: &mut dyn BlobFeed,
    ) -> Result<IntakeCost, EndpointError> {
        // A tree is resumed only if the bytes that it was made of are still here, and so are verified with
        // the rest. Where nothing is left of the blob, its bytes were refused, or never came.
        if ingest.offset() == 0 && SavedCheckpoint::read(&writer)?.is_some() {
            writer.restart().map_err(classify)?;
        }
        let mut incoming = Incoming::new(ingest, feed, self.descriptor.size, self.telling);
        let unpacked = if writer.diff_id().digest() == &self.descriptor.digest {
            self.unpack_plain(writer, &mut incoming)
        } else {
            self.unpack(writer, &mut incoming, TarOf::IncomingBlob)
        };
        // The tar may end before the blob does: padding, or members of another tool.
        let drained = if unpacked.is_ok() {
            incoming.drain()
        } else {
            Ok(())
        };
        let (ingest, mut cost) = incoming.end(drained)?;
        let unpacked = match unpacked {
            Ok(unpacked) => unpacked,
            Err(error) => return Err(self.blame(ingest, error)),
        };
        let blob = self.verify(ingest)?;
        cost.tar_bytes_hashed = unpacked.tar_bytes_hashed();
        let (writer, applied) = self.settle(unpacked, || blob.open().map_err(classify))?;
        // The one sync, in `finish`, covers the tree and the blob, which was complete before it.
        writer
            .finish(LayerFacts::from(&applied))
            .map_err(classify)?;
        blob.publish_synced().map_err(classify)?;
        Ok(cost)
    }

    /// What to do with the blob whose tree could not be made, and which error counts.
    fn blame(&self, mut ingest: Ingest, error: EndpointError) -> EndpointError {
        let kept = if error.kind() != ErrorKind::Corrupt {
            ingest.suspend()
        } else if ingest.offset() == self.descriptor.size {
            // All of it is here: if these are not the bytes that were asked for, that is the cause.
            match ingest.finish() {
                Ok(_layer_itself_is_bad) => Ok(()),
                Err(damaged) => return classify(damaged),
            }
        } else {
            ingest.discard()
        };
        if let Err(second) = kept {
            tracing::warn!(error = %second, "what was fetched of a layer cannot be kept or thrown away");
        }
        error
    }

    fn verify(&self, ingest: Ingest) -> Result<VerifiedBlob, EndpointError> {
        self.telling.verifying();
        let blob = ingest.finish().map_err(classify)?;
        self.telling.download_complete();
        Ok(blob)
    }

    /// A layer whose blob is the tar itself, which is hashed once, as a blob. What an earlier process
    /// unpacked of it nobody has verified: it begins anew.
    fn unpack_plain(
        &self,
        mut writer: LayerWriter,
        source: &mut dyn BufRead,
    ) -> Result<Unpacked, EndpointError> {
        if SavedCheckpoint::read(&writer)?.is_some() {
            writer.restart().map_err(classify)?;
        }
        let options = ApplyOptions {
            hashed_by_caller: Some(writer.diff_id()),
            ..self.apply_options(&writer)
        };
        let (writer, applied) = self.unpack_with(writer, source, &options, TarOf::IncomingBlob)?;
        let resumed_at = Some(applied.tar_size_bytes);
        Ok(Unpacked {
            writer,
            applied,
            resumed_at,
        })
    }

    /// Hashes the tar while it is unpacked, from where an earlier process stopped.
    fn unpack(
        &self,
        writer: LayerWriter,
        source: &mut dyn BufRead,
        tar_of: TarOf,
    ) -> Result<Unpacked, EndpointError> {
        let resume = SavedCheckpoint::read(&writer)?.map(SavedCheckpoint::into_checkpoint);
        let resumed_at = resume.as_ref().map(|checkpoint| checkpoint.hashed_bytes);
        let options = ApplyOptions {
            resume,
            ..self.apply_options(&writer)
        };
        let (writer, applied) = self.unpack_with(writer, source, &options, tar_of)?;
        Ok(Unpacked {
            writer,
            applied,
            resumed_at,
        })
    }

    fn apply_options(&self, writer: &LayerWriter) -> ApplyOptions {
        ApplyOptions {
            limits: self.limits.clone(),
            algorithm: writer.diff_id().digest().algorithm(),
            ..ApplyOptions::new(self.store.flavour())
        }
    }

    /// Inflates `source` on this thread and unpacks it on a second one.
    fn unpack_with(
        &self,
        writer: LayerWriter,
        source: &mut dyn BufRead,
        options: &ApplyOptions,
        tar_of: TarOf,
    ) -> Result<(LayerWriter, AppliedLayer), EndpointError> {
        let (sender, receiver) = pipe(PIPE_BUFFERS, PIPE_BUFFER_BYTES);
        let (sent, applied) = std::thread::scope(|scope| {
            let apply = scope.spawn(|| self.apply(&writer, receiver, options, tar_of));
            let sent = Decompressor::new(source, self.limits).and_then(|mut inflated| {
                // What the caller hashes would not be what is unpacked.
                let is_plain = inflated.compression() == Compression::None;
                if options.hashed_by_caller.is_some() && !is_plain {
                    return Err(io::Error::other(self.compressed_diff_id()));
                }
                sender.write_all_of(&mut inflated)
            });
            if matches!(sent, Ok(Ok(()))) {
                sender.finish();
            } else {
                drop(sender);
            }
            (sent, apply.join())
        });
        let panicked = || {
            failure(
                ErrorKind::Internal,
                "the thread that unpacks a layer has panicked",
            )
        };
        // The source's own error says more than that the pipe broke.
        let outcome = sent
            .map_err(|error| self.bad_stream(error))
            .and_then(|_reader_may_be_gone| applied.map_err(|_panic| panicked())?);
        match outcome {
            Ok(applied) => Ok((writer, applied)),
            Err(error) => {
                if error.kind() == ErrorKind::Corrupt
                    && let Err(second) = writer.abandon()
                {
                    tracing::warn!(error = %second, "a tree that is of no use cannot be removed");
                }
                Err(error)
            }
        }
    }

    fn apply(
        &self,
        writer: &LayerWriter,
        mut tar: PipeReader,
        options: &ApplyOptions,
        tar_of: TarOf,
    ) -> Result<AppliedLayer, EndpointError> {
        let mut save =
            |checkpoint: &ApplyCheckpoint| SavedCheckpoint::save(tar_of, checkpoint, writer);
        apply_layer(&mut tar, writer.tree(), options, &mut save).map_err(|cause| {
            let (kind, blob) = (Classified::kind(&cause), self.descriptor.digest);
            EndpointError::new(
                kind,
                RefusedLayer {
                    blob,
                    reason: with_causes(&cause),
                    cause,
                },
            )
        })
    }

    /// Compares the diff ID. A tree that an earlier process began is made anew before the layer is
    /// blamed: that process may have unpacked bytes that never were verified.
    fn settle(
        &self,
        unpacked: Unpacked,
        reopen: impl FnOnce() -> Result<File, EndpointError>,
    ) -> Result<(LayerWriter, AppliedLayer), EndpointError> {
        let Unpacked {
            mut writer,
            mut applied,
            resumed_at,
        } = unpacked;
        let expected = writer.diff_id();
        if applied.diff_id != expected && resumed_at.is_some() {
            writer.restart().map_err(classify)?;
            let again = self.unpack(writer, &mut buffered(reopen()?), TarOf::VerifiedBlob)?;
            (writer, applied) = (again.writer, again.applied);
        }
        if applied.diff_id == expected {
            return Ok((writer, applied));
        }
        writer.abandon().map_err(classify)?;
        let (blob, actual) = (self.descriptor.digest, applied.diff_id);
        let cause = WrongDiffId {
            blob,
            expected,
            actual,
        };
        Err(EndpointError::new(ErrorKind::Corrupt, cause))
    }

    /// The config names the compressed blob where it should name the tar in it.
    fn compressed_diff_id(&self) -> EndpointError {
        let blob = self.descriptor.digest;
        EndpointError::new(ErrorKind::Corrupt, CompressedDiffId { blob })
    }

    /// The stream broke: by its source, whose error travels inside, or because it cannot be inflated.
    fn bad_stream(&self, error: io::Error) -> EndpointError {
        match error.downcast::<EndpointError>() {
            Ok(error) => error,
            Err(source) => {
                let blob = self.descriptor.digest;
                EndpointError::new(ErrorKind::Corrupt, DamagedLayer { blob, source })
            }
        }
    }
}

fn buffered(file: File) -> BufReader<File> {
    BufReader::with_capacity(FILE_BUFFER_BYTES, file)
}
