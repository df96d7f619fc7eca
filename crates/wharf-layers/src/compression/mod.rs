//! Compressed layers: what they are compressed with, and reading and writing them.

mod compressor;
mod decompressor;
mod detect;
mod gzip;

pub use compressor::Compressor;
pub use decompressor::Decompressor;
pub use detect::{Compression, MAGIC_BYTES, detect};

#[cfg(test)]
mod tests;
