//! The one face of all backends.

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use tracing::{Instrument as _, info_span};
use wharf_oci::Algorithm;

use super::{
    BlobBody, LocalStorage, ObjectKey, PendingUpload, S3Storage, StorageError, UploadWriter,
};

/// A place for blobs and small documents. Cheap to clone.
///
/// An enumeration, not a trait: the backends are known, and their methods stay ordinary `async fn`s.
#[derive(Debug, Clone)]
pub enum RegistryStorage {
    /// A folder on this machine.
    Local(LocalStorage),
    /// A bucket of an S3-compatible service.
    S3(S3Storage),
}

/// One object in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedObject {
    /// Where it lies.
    pub key: ObjectKey,
    /// Its length in bytes.
    pub size: u64,
    /// When it was written, in microseconds since 1970.
    pub modified: i64,
}

/// How much room there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageRoom {
    /// All of it, in bytes.
    pub total_bytes: u64,
    /// What is free.
    pub free_bytes: u64,
}

/// An unfinished upload that holds something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedUpload {
    /// The upload's key.
    pub key: ObjectKey,
    /// When something of it was begun or stored, in microseconds since 1970.
    pub touched: i64,
}

impl RegistryStorage {
    /// What kind of storage it is, in the words of Harbor's API.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Local(_) => "filesystem",
            Self::S3(_) => "s3",
        }
    }

    /// A new upload, of which nothing is stored yet. Touches neither disk nor network.
    pub fn begin(&self, algorithm: Algorithm) -> PendingUpload {
        match self {
            Self::Local(_) | Self::S3(_) => PendingUpload::new(algorithm),
        }
    }

    /// Goes on with an upload at its offset. What an earlier writer stored beyond it is dropped.
    ///
    /// [`StorageError::Lost`] when the bytes before the offset are no longer there.
    pub async fn open_upload(&self, upload: PendingUpload) -> Result<UploadWriter, StorageError> {
        match self {
            Self::Local(storage) => storage.open_upload(upload).await.map(UploadWriter::from),
            Self::S3(storage) => storage.open_upload(upload).await.map(UploadWriter::from),
        }
    }

    /// Frees what the upload with this key holds, as far as it is not finished. What is not there any more is no error.
    pub async fn abort_upload(&self, upload: &ObjectKey) -> Result<(), StorageError> {
        match self {
            Self::Local(storage) => storage.abort_upload(upload).await,
            Self::S3(storage) => storage.abort_upload(upload).await,
        }
    }

    /// Up to `limit` uploads that hold something, in the order of their keys, after `after`. Some of them may belong to
    /// nobody any more: a process died, or a request to S3 was made twice because its answer was lost.
    pub async fn list_uploads(
        &self,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ListedUpload>, StorageError> {
        match self {
            Self::Local(storage) => storage.list_uploads(after, limit).await,
            Self::S3(storage) => storage.list_uploads(after, limit).await,
        }
    }

    /// The bytes `range` of an object. The caller knows its size and keeps the range within it.
    pub async fn read(&self, key: &ObjectKey, range: Range<u64>) -> Result<BlobBody, StorageError> {
        let span = info_span!(target: "spans", "storage read", otel.kind = "client");
        let read = async {
            match self {
                Self::Local(storage) => storage.read(key, range).await,
                Self::S3(storage) => storage.read(key, range).await,
            }
        };
        read.instrument(span).await
    }

    /// Where a client can read the object by itself, if the storage offers that: a URL that works for some minutes.
    pub async fn redirect_url(&self, key: &ObjectKey) -> Result<Option<String>, StorageError> {
        match self {
            Self::Local(_) => Ok(None),
            Self::S3(storage) => storage.redirect_url(key).await,
        }
    }

    /// All bytes of a small object of `size` bytes.
    pub async fn read_whole(&self, key: &ObjectKey, size: u64) -> Result<Bytes, StorageError> {
        self.read(key, 0..size).await?.collect().await
    }

    /// Where on this machine an object lies, if it does.
    pub(crate) fn local_path(&self, key: &ObjectKey) -> Option<PathBuf> {
        match self {
            Self::Local(storage) => Some(storage.path(key)),
            Self::S3(_) => None,
        }
    }

    /// The length of an object in bytes, `None` if it is not there.
    pub async fn size(&self, key: &ObjectKey) -> Result<Option<u64>, StorageError> {
        match self {
            Self::Local(storage) => storage.size(key).await,
            Self::S3(storage) => storage.size(key).await,
        }
    }

    /// Deletes an object. What is not there is no error: a collector that died may come again.
    pub async fn delete(&self, key: &ObjectKey) -> Result<(), StorageError> {
        self.delete_all(std::slice::from_ref(key)).await
    }

    /// As [`RegistryStorage::delete`], for many at once: S3 takes a thousand by one request.
    pub async fn delete_all(&self, keys: &[ObjectKey]) -> Result<(), StorageError> {
        match self {
            Self::Local(storage) => storage.delete(keys).await,
            Self::S3(storage) => storage.delete(keys).await,
        }
    }

    /// Stores a small document under a key that may be written again; readers see the old or the new one.
    pub async fn put_document(
        &self,
        key: &ObjectKey,
        content: Vec<u8>,
    ) -> Result<(), StorageError> {
        match self {
            Self::Local(storage) => storage.put_document(key, content).await,
            Self::S3(storage) => storage.put_document(key, content).await,
        }
    }

    /// Up to `limit` objects whose keys begin with `prefix`, in the order of their keys, after `after`.
    pub async fn list(
        &self,
        prefix: &str,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ListedObject>, StorageError> {
        match self {
            Self::Local(storage) => storage.list(prefix, after, limit).await,
            Self::S3(storage) => storage.list(prefix, after, limit).await,
        }
    }

    /// How much room there is; `None` where the storage does not say.
    pub async fn room(&self) -> Result<Option<StorageRoom>, StorageError> {
        match self {
            Self::Local(storage) => storage.room().await.map(Some),
            Self::S3(_) => Ok(None),
        }
    }

    /// Whether it can be read and written now, for `/readyz`.
    pub async fn check(&self) -> Result<(), StorageError> {
        match self {
            Self::Local(storage) => storage.check().await,
            Self::S3(storage) => storage.check().await,
        }
    }
}
