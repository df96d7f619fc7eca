//! Writes gzip, for layers that are held only in plain form and must be sent compressed.

use std::fmt;
use std::io::{self, Write};

use flate2::write::GzEncoder;

/// A writer that compresses with gzip into `W`.
///
/// The same input gives the same output: the header carries neither a name nor a time.
pub struct Compressor<W: Write> {
    encoder: GzEncoder<W>,
}

impl<W: Write> Compressor<W> {
    /// Compresses at `level`, from 1 (fast) to 9 (small); Docker uses 6.
    pub fn gzip(target: W, level: u32) -> Self {
        let level = flate2::Compression::new(level.clamp(1, 9));
        Self {
            encoder: GzEncoder::new(target, level),
        }
    }

    /// Writes what is still held back and the end of the stream. Without it the stream is truncated.
    pub fn finish(self) -> io::Result<W> {
        self.encoder.finish()
    }
}

impl<W: Write> Write for Compressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.encoder.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

impl<W: Write> fmt::Debug for Compressor<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor").finish_non_exhaustive()
    }
}
