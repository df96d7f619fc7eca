//! File trees and layer archives.
//!
//! - [`Decompressor`] reads a layer's archive whatever it is compressed with; [`Compressor`] writes
//!   gzip;
//! - [`TarReader`] and [`TarWriter`] read and write tar archives as streams;
//! - [`apply_layer`] unpacks a layer into a directory that overlayfs can mount, safely, resumably,
//!   and computes its diff ID;
//! - [`Overlay`] shows several unpacked layers as one tree;
//! - [`archive_tree`] makes an archive of a tree, a layer where that is what overlayfs wrote;
//! - [`extract_archive`] unpacks an archive into a folder that is in use, and [`archive_named`] makes one of what is there: `cp`;
//! - [`remove_tree`](remove_tree()) deletes what was unpacked;
//! - [`Limits`] bound everything that an archive from outside decides.
//!
//! Everything here is synchronous, and nothing is synced to disk: who names a layer does that once.

mod apply;
mod compression;
mod extract;
mod limits;
mod overlay;
mod remove_tree;
mod tar;
mod tree_entries;

pub use apply::{
    AppliedLayer, ApplyCheckpoint, ApplyLayerError, ApplyOptions, EntryName, Flavour,
    REMEMBERED_XATTR, RememberedEntry, RememberedMetadata, apply_layer,
};
pub use compression::{
    Compressed, Compression, Compressor, Decompressor, DeflatedBlock, DeflatedBlocks, MAGIC_BYTES,
    PlainHash, ZstdCompressor, detect,
};
pub use extract::{ExtractError, ExtractOptions, ExtractPlace, Ownership, extract_archive};
pub use limits::{LimitExceeded, Limits};
pub use overlay::{Overlay, OverlayError, OverlayUpper};
pub use remove_tree::remove_tree;
pub use tar::{
    Device, Entry, EntryContent, EntryKind, SparseSegment, TarError, TarReader, TarWriter,
    Timestamp, Xattr, archived_bytes,
};
pub use tree_entries::{Removal, TreeEntry, TreeKind, archive_named, archive_tree, for_each_entry};
