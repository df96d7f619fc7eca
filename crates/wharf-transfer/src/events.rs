//! What a transfer tells while it runs. Data, not text for a terminal: the one who draws decides.

use std::sync::Arc;

use wharf_oci::{Digest, Repository};

/// Something that happened in a pull, push or load.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransferEvent {
    /// A line of text.
    Status(String),
    /// A line of text about one tag: `latest: Pulling from library/nginx`.
    TagStatus {
        /// The tag, or what stands for it.
        id: String,
        /// What is said about it.
        text: String,
    },
    /// How one layer is doing.
    Layer {
        /// The first 12 digits of the blob's digest (pull) or of the diff ID (push, load).
        id: String,
        /// How it is doing.
        progress: LayerProgress,
    },
    /// A manifest was stored by the registry under this tag.
    Pushed {
        /// The tag.
        tag: String,
        /// The manifest's digest.
        digest: Digest,
        /// The manifest's length in bytes.
        size: u64,
    },
    /// A remark that people must not miss, such as what a push left out; shown when all is done.
    Note(String),
}

/// The states of a layer, in Docker's words. Amounts are bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayerProgress {
    /// It will be pulled.
    PullingFsLayer,
    /// It waits for its turn.
    Waiting,
    /// Its blob is coming in.
    Downloading {
        /// Bytes so far, those of earlier attempts included.
        current: u64,
        /// Bytes in all.
        total: u64,
    },
    /// Its digest is being compared.
    VerifyingChecksum,
    /// Its blob is here.
    DownloadComplete,
    /// It is being unpacked.
    Extracting {
        /// Bytes of the blob so far.
        current: u64,
        /// Bytes of the blob in all.
        total: u64,
    },
    /// It is unpacked.
    PullComplete,
    /// It was here before.
    AlreadyExists,
    /// It will be pushed.
    Preparing,
    /// It is being compressed for the registry.
    Compressing {
        /// Bytes of the tar so far.
        current: u64,
        /// Bytes of the tar in all.
        total: u64,
    },
    /// Its blob is going out.
    Pushing {
        /// Bytes so far.
        current: u64,
        /// Bytes in all.
        total: u64,
    },
    /// The registry has it now.
    Pushed,
    /// The registry had it before.
    LayerAlreadyExists,
    /// The registry had it in another repository and links it.
    MountedFrom(Repository),
    /// A failure; the next attempt begins in so many seconds.
    RetryingIn(u64),
    /// It is being loaded from an archive.
    LoadingLayer {
        /// Bytes so far.
        current: u64,
        /// Bytes in all.
        total: u64,
    },
}

/// Where events go. Called from several threads, so it must be quick.
pub type EventSink = Arc<dyn Fn(TransferEvent) + Send + Sync>;

impl TransferEvent {
    /// A layer event for the blob or layer `digest`.
    pub fn layer(digest: &Digest, progress: LayerProgress) -> Self {
        Self::Layer {
            id: digest.short(),
            progress,
        }
    }
}
