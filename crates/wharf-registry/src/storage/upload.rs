//! An upload: what is known of it between requests, and the writer within one.

use bytes::Bytes;
use tracing::{Instrument as _, info_span};
use wharf_oci::{Algorithm, Digest, Hasher, HasherState};

use super::local::LocalWriter;
use super::object::S3Writer;
use super::{ObjectKey, StorageError};

/// An upload between two requests, as the database keeps it. Any node can go on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUpload {
    /// Made when it began. The finished object's key is this one, or has it in its name.
    pub key: ObjectKey,
    /// What its digest will be of.
    pub algorithm: Algorithm,
    /// How many bytes are stored.
    pub offset: u64,
    /// The hash of these bytes so far.
    pub hash: HasherState,
    /// What the storage itself wants to remember, in its own JSON; empty when nothing is stored.
    pub notes: String,
}

/// A finished object: durable, and readable under its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// Where it lies.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub size: u64,
}

/// Why an upload could not be finished.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// The bytes have another digest. The upload is gone.
    #[error("provided digest {expected} did not match uploaded content, which has {actual}")]
    Digest {
        /// What the client said.
        expected: Box<Digest>,
        /// What came.
        actual: Box<Digest>,
    },
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl PendingUpload {
    /// An upload of which nothing is stored.
    pub(crate) fn new(algorithm: Algorithm) -> Self {
        Self {
            key: ObjectKey::unique(),
            algorithm,
            offset: 0,
            hash: Hasher::new(algorithm).save(),
            notes: String::new(),
        }
    }

    /// The hasher that has seen the stored bytes.
    pub(crate) fn hasher(&self) -> Result<Hasher, StorageError> {
        Hasher::resume(self.algorithm, &self.hash).ok_or_else(|| StorageError::Lost {
            key: self.key.clone(),
        })
    }
}

/// Takes the bytes of one request. Dropping it loses what came since the upload was opened, and nothing more.
#[derive(Debug)]
pub struct UploadWriter {
    backend: Backend,
}

#[derive(Debug)]
enum Backend {
    Local(LocalWriter),
    S3(Box<S3Writer>),
}

impl UploadWriter {
    /// How many bytes the upload has, those of this request included.
    pub fn offset(&self) -> u64 {
        match &self.backend {
            Backend::Local(writer) => writer.offset(),
            Backend::S3(writer) => writer.offset(),
        }
    }

    /// Takes the next bytes. They are hashed on the way and never read again.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), StorageError> {
        match &mut self.backend {
            Backend::Local(writer) => writer.write(bytes).await,
            Backend::S3(writer) => writer.write(bytes).await,
        }
    }

    /// Ends the request, not the upload: all bytes are stored where another node finds them.
    pub async fn pause(self) -> Result<PendingUpload, StorageError> {
        match self.backend {
            Backend::Local(writer) => writer.pause().await,
            Backend::S3(writer) => writer.pause().await,
        }
    }

    /// Ends the upload: compares the digest and makes the object durable. On a wrong digest everything is dropped.
    /// A digest of another algorithm than the upload began with is right too; then the bytes are read once more.
    pub async fn finish(self, digest: &Digest) -> Result<StoredObject, FinishError> {
        let span = info_span!(target: "spans", "storage finish", otel.kind = "client");
        let finished = async {
            match self.backend {
                Backend::Local(writer) => writer.finish(digest).await,
                Backend::S3(writer) => writer.finish(digest).await,
            }
        };
        finished.instrument(span).await
    }
}

impl From<LocalWriter> for UploadWriter {
    fn from(writer: LocalWriter) -> Self {
        Self {
            backend: Backend::Local(writer),
        }
    }
}

impl From<S3Writer> for UploadWriter {
    fn from(writer: S3Writer) -> Self {
        Self {
            backend: Backend::S3(Box::new(writer)),
        }
    }
}
