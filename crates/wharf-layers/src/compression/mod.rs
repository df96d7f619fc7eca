//! Compressed layers: what they are compressed with, and reading and writing them.

mod compressor;
mod decompressor;
mod detect;
mod gzip;
mod zstd_compressor;

pub use compressor::{Compressor, DeflatedBlock, DeflatedBlocks};
pub use decompressor::Decompressor;
pub use detect::{Compression, MAGIC_BYTES, detect};
pub use zstd_compressor::ZstdCompressor;

#[cfg(test)]
mod tests;
