//! Bytes by digest in a folder.
//!
//! ```text
//! <root>/
//!   blobs/<algorithm>/<hex>      whole, verified, synced; never changed, only deleted
//!   ingest/<algorithm>-<hex>/    one download in flight
//!       lock                     held (flock) by the process that writes
//!       data                     the bytes so far
//!       state                    the last checkpoint: how many of them are hashed, and the hasher's state
//!   ingest/spool-<pid>-<n>       bytes whose digest is not known yet, locked by their writer
//! ```
//!
//! A blob gets its name only after its size and digest were checked and its bytes are on disk.
//! Several processes may use one folder; two that want the same blob meet at its lock.

mod atomic;
mod ingest;
mod lock;
mod reader;
mod spool;
mod store;
mod sync;

pub use atomic::{sync_directory, write_file, write_file_unsynced};
pub use ingest::{CHECKPOINT_BYTES, Ingest, IngestError, VerifiedBlob};
pub use lock::FileLock;
pub use reader::VerifyingReader;
pub use spool::{Scratch, Spool};
pub use store::{BlobError, BlobState, BlobStore, IngestSlot, UnfinishedIngest};
pub use sync::{BootId, GroupSync};
