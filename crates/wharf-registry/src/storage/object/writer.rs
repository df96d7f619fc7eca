//! Takes the bytes of one request to an upload: whole parts go to the service while the next one is filled.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tokio::task::JoinSet;
use wharf_oci::{Algorithm, Digest, Hasher};

use super::failure::Failure;
use super::notes::{Multipart, Notes, Tail};
use super::part::Part;
use super::storage::{Bucket, multipart_key, sidecar, tails};
use crate::random;
use crate::storage::{FinishError, ObjectKey, PendingUpload, StorageError, StoredObject};

/// The writer of one request. At most two parts of it are in memory: one that is filled, one on its way.
#[derive(Debug)]
pub(crate) struct S3Writer {
    bucket: Arc<Bucket>,
    upload: PendingUpload,
    notes: Notes,
    hasher: Hasher,
    offset: u64,
    part: Part,
    /// The part on its way, which ends with the writer.
    sending: JoinSet<Result<String, StorageError>>,
    /// Whether bytes came since the upload was opened.
    changed: bool,
    /// Whether bytes were lost on the way: then nothing of this request counts.
    failed: bool,
}

impl S3Writer {
    /// Goes on at the upload's offset.
    pub(super) async fn open(
        bucket: Arc<Bucket>,
        upload: PendingUpload,
    ) -> Result<Self, StorageError> {
        let mut writer = Self {
            notes: Notes::default(),
            hasher: upload.hasher()?,
            offset: upload.offset,
            part: Part::at(0),
            sending: JoinSet::new(),
            changed: false,
            failed: false,
            bucket,
            upload,
        };
        if writer.offset > 0 {
            writer.notes = Notes::read(&writer.upload.notes, &writer.upload.key)?;
            writer.resume().await?;
        }
        Ok(writer)
    }

    /// Sees that the parts are there, and reads back what lies behind them.
    async fn resume(&mut self) -> Result<(), StorageError> {
        let client = &self.bucket.client;
        let key = &self.upload.key;
        let what = || format!("opening upload {key}");
        if let Some(multipart) = &self.notes.multipart {
            let found = client
                .has_multipart(&multipart_key(key), &multipart.id)
                .await;
            if !found.map_err(|failure| failure.of_upload(key, what))? {
                return Err(StorageError::Lost { key: key.clone() });
            }
        }
        let tail_bytes = self.notes.tail.as_ref().map_or(0, |tail| tail.size);
        self.part = Part::at(self.offset.saturating_sub(tail_bytes));
        if let Some(tail) = &self.notes.tail {
            let pieces = client.get(&tail.key, None).await;
            let mut pieces = pieces.map_err(|failure| failure.of_upload(key, what))?;
            while let Some(mut piece) = pieces
                .try_next()
                .await
                .map_err(|failure| failure.of_upload(key, what))?
            {
                self.part.take(&mut piece, &self.bucket.memory).await?;
            }
            if self.part.len() != tail.size {
                return Err(StorageError::Lost { key: key.clone() });
            }
        }
        self.drop_objects(&self.notes.stale).await;
        self.notes.stale.clear();
        Ok(())
    }

    pub(in crate::storage) fn offset(&self) -> u64 {
        self.offset
    }

    pub(in crate::storage) async fn write(&mut self, mut bytes: Bytes) -> Result<(), StorageError> {
        self.hasher.update(&bytes);
        self.offset += bytes.len() as u64;
        self.changed |= !bytes.is_empty();
        let taken = self.take(&mut bytes).await;
        self.failed |= taken.is_err();
        taken
    }

    async fn take(&mut self, bytes: &mut Bytes) -> Result<(), StorageError> {
        while !bytes.is_empty() {
            if self.part.is_full() {
                self.send_part(self.offset - bytes.len() as u64).await?;
            }
            self.part.take(bytes, &self.bucket.memory).await?;
        }
        Ok(())
    }

    /// Sends the part that is full and begins the one at `next_offset`.
    async fn send_part(&mut self, next_offset: u64) -> Result<(), StorageError> {
        self.await_part().await?;
        let key = multipart_key(&self.upload.key);
        let multipart = match &mut self.notes.multipart {
            Some(multipart) => multipart,
            slot @ None => {
                let id = self.bucket.client.create_multipart(&key).await;
                let id = id.map_err(|failure| {
                    failure.of_service(|| format!("beginning upload {}", self.upload.key))
                })?;
                let parts = Vec::new();
                slot.insert(Multipart { id, parts })
            }
        };
        let (index, id) = (multipart.parts.len(), multipart.id.clone());
        let part = std::mem::replace(&mut self.part, Part::at(next_offset));
        let (bucket, upload) = (Arc::clone(&self.bucket), self.upload.key.clone());
        self.sending.spawn(async move {
            let (content, _memory) = part.into_bytes();
            let stored = bucket.client.put_part(&key, &id, index, content).await;
            stored.map_err(|failure| {
                failure.of_upload(&upload, || {
                    format!("writing part {} of upload {upload}", index + 1)
                })
            })
        });
        Ok(())
    }

    /// Waits for the part that is on its way.
    async fn await_part(&mut self) -> Result<(), StorageError> {
        while let Some(sent) = self.sending.join_next().await {
            let answer = sent.map_err(|error| StorageError::Failed {
                what: format!("writing upload {}", self.upload.key),
                cause: Box::new(error),
            })??;
            if let Some(multipart) = &mut self.notes.multipart {
                multipart.parts.push(answer);
            }
        }
        Ok(())
    }

    fn check_whole(&self) -> Result<(), StorageError> {
        if self.failed {
            return Err(StorageError::Failed {
                what: format!("writing upload {}", self.upload.key),
                cause: "an earlier write of it failed".into(),
            });
        }
        Ok(())
    }

    pub(in crate::storage) async fn pause(mut self) -> Result<PendingUpload, StorageError> {
        self.check_whole()?;
        if !self.changed {
            return Ok(self.upload);
        }
        self.await_part().await?;
        let replaced = self.notes.tail.take().map(|tail| tail.key);
        self.notes.stale.extend(replaced);
        if !self.part.is_empty() {
            self.notes.tail = Some(self.store_tail().await?);
        }
        Ok(PendingUpload {
            offset: self.offset,
            hash: self.hasher.save(),
            notes: self.notes.write(&self.upload.key)?,
            ..self.upload
        })
    }

    /// Stores what is too little for a part, under a key that was never used: a request that was given up and still goes
    /// on can overwrite nothing.
    async fn store_tail(&mut self) -> Result<Tail, StorageError> {
        let upload = &self.upload.key;
        let key = format!("{}{}", tails(upload), random::uuid());
        let part = std::mem::replace(&mut self.part, Part::at(0));
        let size = part.len();
        let (content, _memory) = part.into_bytes();
        let stored = self.bucket.client.put(&key, content).await;
        stored.map_err(|failure| {
            failure.of_service(|| format!("writing the end of upload {upload}"))
        })?;
        Ok(Tail { key, size })
    }

    pub(in crate::storage) async fn finish(
        mut self,
        expected: &Digest,
    ) -> Result<StoredObject, FinishError> {
        self.check_whole()?;
        self.await_part().await?;
        let is_announced = expected.algorithm() == self.upload.algorithm;
        let actual = if is_announced {
            Some(self.hasher.clone().finish())
        } else if self.notes.multipart.is_none() {
            Some(digest_of(expected.algorithm(), self.part.content()))
        } else {
            None
        };
        if let Some(actual) = actual
            && actual != *expected
        {
            self.discard().await;
            return Err(mismatch(expected, actual));
        }
        let object = if self.notes.multipart.is_some() {
            self.finish_multipart(expected, actual.is_some()).await?
        } else {
            self.finish_small(expected).await?
        };
        self.drop_objects(&self.tails()).await;
        Ok(object)
    }

    /// All of the blob is in memory: its key can have its digest.
    async fn finish_small(&mut self, digest: &Digest) -> Result<StoredObject, StorageError> {
        let key = ObjectKey::of_blob(digest, &self.upload.key);
        let part = std::mem::replace(&mut self.part, Part::at(0));
        let (content, _memory) = part.into_bytes();
        let stored = self.bucket.client.put(key.as_str(), content).await;
        stored.map_err(|failure| failure.of_service(|| format!("storing {key}")))?;
        Ok(StoredObject {
            key,
            size: self.offset,
        })
    }

    async fn finish_multipart(
        &mut self,
        digest: &Digest,
        is_verified: bool,
    ) -> Result<StoredObject, FinishError> {
        if !self.part.is_empty() {
            // The last part may be of any size.
            self.send_part(self.offset).await?;
            self.await_part().await?;
        }
        let key = multipart_key(&self.upload.key);
        self.complete(&key).await?;
        if !is_verified {
            self.verify(&key, digest).await?;
        }
        let marked = self
            .bucket
            .client
            .put(&sidecar(&key, digest), Bytes::new())
            .await;
        marked.map_err(|failure| {
            failure.of_service(|| format!("writing down the digest of {key}"))
        })?;
        let key = ObjectKey::parse(&key).ok_or_else(|| StorageError::Failed {
            what: format!("finishing upload {}", self.upload.key),
            cause: format!("{key:?} is no key").into(),
        })?;
        Ok(StoredObject {
            key,
            size: self.offset,
        })
    }

    /// Makes the parts an object. The answer to an earlier attempt may have been lost: then the upload is gone because the
    /// object is there.
    async fn complete(&self, key: &str) -> Result<(), StorageError> {
        let Some(multipart) = &self.notes.multipart else {
            return Ok(());
        };
        let client = &self.bucket.client;
        let upload = &self.upload.key;
        let what = || format!("finishing upload {upload}");
        let completed = client.complete_multipart(key, &multipart.id, &multipart.parts);
        match completed.await {
            Ok(()) => Ok(()),
            Err(Failure::NotFound) => {
                let size = client.size(key).await;
                match size.map_err(|failure| failure.of_service(what))? {
                    Some(size) if size == self.offset => Ok(()),
                    _ => Err(StorageError::Lost {
                        key: upload.clone(),
                    }),
                }
            }
            Err(failure @ Failure::InvalidParts) => {
                // Whoever writes to it beside us has spoilt it for both.
                self.discard().await;
                Err(failure.of_upload(upload, what))
            }
            Err(failure) => Err(failure.of_upload(upload, what)),
        }
    }

    /// Reads the object once more, for a digest of an algorithm that nobody had announced.
    async fn verify(&self, key: &str, expected: &Digest) -> Result<(), FinishError> {
        let client = &self.bucket.client;
        let failed = |failure: Failure| failure.of_service(|| format!("reading {key} again"));
        let mut hasher = Hasher::new(expected.algorithm());
        let mut pieces = client.get(key, None).await.map_err(failed)?;
        while let Some(piece) = pieces.try_next().await.map_err(failed)? {
            hasher.update(&piece);
        }
        let actual = hasher.finish();
        if actual == *expected {
            return Ok(());
        }
        self.drop_objects(&[key.to_owned()]).await;
        self.discard().await;
        Err(mismatch(expected, actual))
    }

    /// Frees what the upload holds. What cannot be freed now is found by its upload's key later.
    async fn discard(&self) {
        if let Some(multipart) = &self.notes.multipart {
            let key = multipart_key(&self.upload.key);
            let aborted = self.bucket.client.abort_multipart(&key, &multipart.id);
            if let Err(failure) = aborted.await {
                tracing::warn!(upload = %self.upload.key, ?failure, "a multipart upload is left for the collector");
            }
        }
        self.drop_objects(&self.tails()).await;
    }

    fn tails(&self) -> Vec<String> {
        let tail = self.notes.tail.iter().map(|tail| &tail.key);
        tail.chain(&self.notes.stale).cloned().collect()
    }

    async fn drop_objects(&self, keys: &[String]) {
        if let Err(failure) = self.bucket.client.delete(keys).await {
            tracing::warn!(upload = %self.upload.key, ?failure, "objects of an upload are left for the collector");
        }
    }
}

fn digest_of(algorithm: Algorithm, content: &[u8]) -> Digest {
    let mut hasher = Hasher::new(algorithm);
    hasher.update(content);
    hasher.finish()
}

fn mismatch(expected: &Digest, actual: Digest) -> FinishError {
    FinishError::Digest {
        expected: Box::new(*expected),
        actual: Box::new(actual),
    }
}
