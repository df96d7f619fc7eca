//! Writes zstd on several threads.

use std::fmt;
use std::io::{self, Write};

use zstd::Encoder;

/// A writer that compresses with zstd into `W`. The same input gives the same output at one level, however many threads work:
/// the library cuts the input into jobs by its length alone.
pub struct ZstdCompressor<W: Write> {
    encoder: Encoder<'static, W>,
}

impl<W: Write> ZstdCompressor<W> {
    /// Compresses at `level`, from 1 (fast) to 22 (small), on `threads` threads.
    pub fn new(target: W, level: i32, threads: usize) -> io::Result<Self> {
        let mut encoder = Encoder::new(target, level.clamp(1, 22))?;
        encoder.include_checksum(true)?;
        // without workers the library cuts differently
        encoder.multithread(u32::try_from(threads.max(1)).unwrap_or(u32::MAX))?;
        Ok(Self { encoder })
    }

    /// Writes the end of the stream. Without it the stream is truncated.
    pub fn finish(self) -> io::Result<W> {
        self.encoder.finish()
    }
}

impl<W: Write> Write for ZstdCompressor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.encoder.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

impl<W: Write> fmt::Debug for ZstdCompressor<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZstdCompressor").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_leave_no_trace() {
        let input: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 7 % 251) as u8).collect();
        let compressed = |threads| {
            let mut writer = ZstdCompressor::new(Vec::new(), 3, threads).unwrap();
            writer.write_all(&input).unwrap();
            writer.finish().unwrap()
        };
        let one = compressed(1);
        assert_eq!(one, compressed(3));
        assert_eq!(zstd::decode_all(one.as_slice()).unwrap(), input);
    }
}
