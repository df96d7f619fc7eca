//! File trees and layer archives.
//!
//! - [`Decompressor`] reads a layer's archive whatever it is compressed with; [`Compressor`] writes
//!   gzip;
//! - [`Limits`] bound everything that an archive from outside decides.

mod compression;
mod limits;

pub use compression::{Compression, Compressor, Decompressor, MAGIC_BYTES, detect};
pub use limits::{LimitExceeded, Limits};
