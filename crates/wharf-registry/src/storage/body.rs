//! The bytes of an object on their way out.

use std::fmt;
use std::fs::File;
use std::ops::Range;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;

use super::StorageError;

/// A part of an object, ready to be read.
pub enum BlobBody {
    /// A range of an open file, which the kernel may send to a socket by itself.
    File {
        /// The file.
        file: File,
        /// Which bytes of it.
        range: Range<u64>,
    },
    /// Pieces that come from elsewhere.
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, StorageError>> + Send>>),
}

impl fmt::Debug for BlobBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { range, .. } => f.debug_struct("File").field("range", range).finish(),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}
