//! The bytes of an object on their way out.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};

use super::{StorageError, on_disk};

/// A part of an object, ready to be read.
pub enum BlobBody {
    /// A range of an open file, which the kernel may send to a socket by itself.
    File {
        /// The file.
        file: File,
        /// Which bytes of it.
        range: Range<u64>,
    },
    /// All of them.
    Bytes(Bytes),
    /// Pieces that come from elsewhere.
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, StorageError>> + Send>>),
}

impl BlobBody {
    /// All of it in memory: for small objects.
    pub async fn collect(self) -> Result<Bytes, StorageError> {
        match self {
            Self::File { file, range } => {
                let size = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
                let read = on_disk(move || {
                    let mut bytes = BytesMut::zeroed(size);
                    file.read_exact_at(&mut bytes, range.start)?;
                    Ok(bytes.freeze())
                });
                let failed = |error| StorageError::io("reading an object", error);
                read.await
                    .unwrap_or_else(|error| Err(io::Error::other(error)))
                    .map_err(failed)
            }
            Self::Bytes(bytes) => Ok(bytes),
            Self::Stream(mut pieces) => {
                let mut bytes = BytesMut::new();
                while let Some(piece) = pieces.next().await {
                    bytes.extend_from_slice(&piece?);
                }
                Ok(bytes.freeze())
            }
        }
    }
}

impl fmt::Debug for BlobBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { range, .. } => f.debug_struct("File").field("range", range).finish(),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Stream(_) => f.write_str("Stream"),
        }
    }
}
