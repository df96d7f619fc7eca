//! The part of an object that is being filled, and the memory that all of them share.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::notes::part_bytes;
use crate::storage::StorageError;

/// What an upload may hold without asking: small blobs never wait, and a client that sends little holds little.
const FREE_BYTES: usize = 256 << 10;
const MEBIBYTE: usize = 1 << 20;

/// The memory for parts. Whoever waits for it holds none but what is on its way to the service, so that waiting ends.
#[derive(Debug)]
pub(super) struct UploadMemory {
    mebibytes: Arc<Semaphore>,
    total: u32,
    wait: Duration,
}

impl UploadMemory {
    /// So many mebibytes, for which an upload waits at most so long.
    pub(super) fn new(total: u32, wait: Duration) -> Self {
        Self {
            mebibytes: Arc::new(Semaphore::new(total as usize)),
            total,
            wait,
        }
    }

    /// Takes memory for a part. One that is larger than all there is goes alone.
    async fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, StorageError> {
        let wanted = u32::try_from(bytes.div_ceil(MEBIBYTE)).unwrap_or(u32::MAX);
        let permits = Arc::clone(&self.mebibytes).acquire_many_owned(wanted.min(self.total));
        match tokio::time::timeout(self.wait, permits).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(StorageError::Unavailable {
                what: "waiting for memory that other uploads use".to_owned(),
                cause: None,
            }),
        }
    }
}

/// Bytes that become one part, in one piece: many small pieces would cost more than their bytes.
#[derive(Debug)]
pub(super) struct Part {
    bytes: Vec<u8>,
    size: usize,
    memory: Option<OwnedSemaphorePermit>,
}

impl Part {
    /// The part that begins at `offset`.
    pub(super) fn at(offset: u64) -> Self {
        Self {
            bytes: Vec::new(),
            size: part_bytes(offset),
            memory: None,
        }
    }

    /// Takes as many bytes as it has room for from the front of `bytes`.
    pub(super) async fn take(
        &mut self,
        bytes: &mut Bytes,
        memory: &UploadMemory,
    ) -> Result<(), StorageError> {
        let count = bytes.len().min(self.size - self.bytes.len());
        if self.memory.is_none() && self.bytes.len() + count > FREE_BYTES {
            self.memory = Some(memory.take(self.size).await?);
            self.bytes.reserve_exact(self.size - self.bytes.len());
        }
        self.bytes.extend_from_slice(&bytes.split_to(count));
        Ok(())
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() == self.size
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    pub(super) fn content(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes, and what gives their memory back when it is dropped.
    pub(super) fn into_bytes(self) -> (Bytes, Option<OwnedSemaphorePermit>) {
        (Bytes::from(self.bytes), self.memory)
    }
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "a test runs a runtime of its own"
)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_part_waits_for_memory_and_gives_it_back() {
        let memory = UploadMemory::new(8, Duration::from_millis(10));
        let fill = async |part: &mut Part, count: usize| {
            part.take(&mut Bytes::from(vec![7; count]), &memory).await
        };
        let (mut first, mut second) = (Part::at(0), Part::at(0));
        fill(&mut first, FREE_BYTES + 1).await.unwrap();
        fill(&mut second, FREE_BYTES).await.unwrap();
        let error = fill(&mut second, 1).await.unwrap_err();
        assert!(matches!(error, StorageError::Unavailable { .. }), "{error}");
        drop(first.into_bytes());
        fill(&mut second, 1).await.unwrap();
        assert_eq!(second.len(), FREE_BYTES as u64 + 1);
    }

    #[tokio::test]
    async fn a_part_larger_than_all_memory_goes_alone() {
        let memory = UploadMemory::new(1, Duration::from_millis(10));
        let mut part = Part::at(0);
        let mut bytes = Bytes::from(vec![7; 9 << 20]);
        part.take(&mut bytes, &memory).await.unwrap();
        assert!(part.is_full());
        assert_eq!(bytes.len(), 1 << 20);
    }
}
