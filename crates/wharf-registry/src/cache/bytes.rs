//! The bytes of small objects: configs, signatures, SBOMs. A key is used for one object only, so nothing here can be stale.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use bytes::Bytes;

use crate::storage::ObjectKey;

/// Largest object that is remembered.
pub(crate) const SMALL_BYTES: u64 = 64 << 10;
/// Most bytes of all of them.
const LIMIT_BYTES: usize = 8 << 20;

/// Remembers small objects. When it is full, all are forgotten and read again.
#[derive(Debug, Default)]
pub(crate) struct ObjectCache {
    objects: RwLock<Objects>,
}

#[derive(Debug, Default)]
struct Objects {
    known: HashMap<ObjectKey, Bytes>,
    bytes: usize,
}

impl ObjectCache {
    /// Whether an object of this size is worth remembering.
    pub(crate) fn takes(size: u64) -> bool {
        size <= SMALL_BYTES
    }

    /// The whole object.
    pub(crate) fn get(&self, key: &ObjectKey) -> Option<Bytes> {
        let objects = self.objects.read().unwrap_or_else(PoisonError::into_inner);
        objects.known.get(key).cloned()
    }

    /// Remembers a whole object.
    pub(crate) fn put(&self, key: ObjectKey, bytes: Bytes) {
        let mut objects = self.objects.write().unwrap_or_else(PoisonError::into_inner);
        if objects.bytes + bytes.len() > LIMIT_BYTES {
            *objects = Objects::default();
        }
        objects.bytes += bytes.len();
        objects.known.insert(key, bytes);
    }
}
