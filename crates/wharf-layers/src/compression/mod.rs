//! Compressed layers: what they are compressed with, and reading and writing them.

mod compressor;
mod decompressor;
mod detect;
mod gzip;
mod plain_hash;
mod zstd_compressor;

pub use compressor::{Compressed, Compressor, DeflatedBlock, DeflatedBlocks};
pub use decompressor::Decompressor;
pub use detect::{Compression, MAGIC_BYTES, detect};
pub use plain_hash::PlainHash;
pub use zstd_compressor::ZstdCompressor;

#[cfg(test)]
mod tests;
