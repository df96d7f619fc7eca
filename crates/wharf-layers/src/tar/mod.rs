//! Tar archives: a streaming reader of every dialect that layers come in, and a writer.

mod entry;
mod header;
mod pax;
mod reader;
mod source;
mod sparse;
mod writer;

pub use entry::{Device, Entry, EntryKind, SparseSegment, TarError, Timestamp, Xattr};
pub use reader::{EntryContent, TarReader};
pub use writer::{TarWriter, archived_bytes};

#[cfg(test)]
mod tests;
