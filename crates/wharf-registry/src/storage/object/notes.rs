//! What is remembered of an upload between requests, and how its bytes are cut into parts.

use serde::{Deserialize, Serialize};

use crate::storage::{ObjectKey, StorageError};

/// The first parts have this size. S3 wants at least 5 MiB of all but the last one.
const FIRST_PART_BYTES: u64 = 8 << 20;
/// The last parts of the largest objects have this size.
const LAST_PART_BYTES: u64 = 768 << 20;
/// A part is at most this fraction of what lies before it, so that parts grow with the object.
const GROWTH: u64 = 512;

/// The size of the part that begins at `offset`. With it an object of S3's largest size, 5 TiB, has fewer than the 10,000
/// parts that S3 allows, and one of 4 GiB still has parts of 8 MiB.
pub(super) fn part_bytes(offset: u64) -> usize {
    let wanted = (offset / GROWTH).clamp(FIRST_PART_BYTES, LAST_PART_BYTES);
    usize::try_from(wanted).unwrap_or(usize::MAX)
}

/// The state of an upload that has bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Notes {
    /// The multipart upload, once there was a whole part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) multipart: Option<Multipart>,
    /// The bytes behind the last part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tail: Option<Tail>,
    /// Earlier tails. They are deleted by the next request: before, the database may still name them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) stale: Vec<String>,
}

/// A multipart upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Multipart {
    /// What the service calls it.
    pub(super) id: String,
    /// What the service answered to each part, in order.
    pub(super) parts: Vec<String>,
}

/// Bytes that are too few for a part, in an object of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tail {
    /// Its key.
    pub(super) key: String,
    /// Its length in bytes.
    pub(super) size: u64,
}

impl Notes {
    /// Reads what [`Notes::write`] wrote.
    pub(super) fn read(text: &str, upload: &ObjectKey) -> Result<Self, StorageError> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        serde_json::from_str(text).map_err(|error| StorageError::Failed {
            what: format!("reading the record of upload {upload}"),
            cause: Box::new(error),
        })
    }

    pub(super) fn write(&self, upload: &ObjectKey) -> Result<String, StorageError> {
        serde_json::to_string(self).map_err(|error| StorageError::Failed {
            what: format!("recording upload {upload}"),
            cause: Box::new(error),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limits of S3: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html>
    #[test]
    fn the_largest_object_has_few_enough_parts_of_allowed_sizes() {
        let (mut offset, mut parts) = (0_u64, 0);
        while offset < 5 << 40 {
            let size = part_bytes(offset) as u64;
            assert!((5 << 20..=5 << 30).contains(&size), "{size} at {offset}");
            offset += size;
            parts += 1;
        }
        assert!(parts <= 10_000, "{parts}");
    }

    #[test]
    fn notes_are_read_as_they_were_written() {
        let key = ObjectKey::unique();
        let notes = Notes {
            multipart: Some(Multipart {
                id: "2~abc".to_owned(),
                parts: vec!["\"etag\"".to_owned()],
            }),
            tail: Some(Tail {
                key: "uploads/x/y".to_owned(),
                size: 3,
            }),
            stale: vec!["uploads/x/z".to_owned()],
        };
        assert_eq!(
            Notes::read(&notes.write(&key).unwrap(), &key).unwrap(),
            notes
        );
        assert_eq!(Notes::read("", &key).unwrap(), Notes::default());
        assert!(Notes::read("{", &key).is_err());
    }
}
