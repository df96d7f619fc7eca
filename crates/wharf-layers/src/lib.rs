//! File trees and layer archives.
//!
//! - [`Decompressor`] reads a layer's archive whatever it is compressed with; [`Compressor`] writes
//!   gzip;
//! - [`TarReader`] and [`TarWriter`] read and write tar archives as streams;
//! - [`Limits`] bound everything that an archive from outside decides.

mod compression;
mod limits;
mod tar;

pub use compression::{Compression, Compressor, Decompressor, MAGIC_BYTES, detect};
pub use limits::{LimitExceeded, Limits};
pub use tar::{
    Device, Entry, EntryContent, EntryKind, SparseSegment, TarError, TarReader, TarWriter,
    Timestamp, Xattr,
};
