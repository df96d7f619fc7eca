//! Reads a layer's archive whatever it is compressed with.

use std::fmt;
use std::io::{self, BufRead, Read};

use bzip2::bufread::MultiBzDecoder;
use liblzma::bufread::XzDecoder;

use super::detect::{Compression, MAGIC_BYTES, detect};
use super::gzip::GzipDecoder;
use crate::limits::{LimitExceeded, Limits};

/// The largest window that a zstd frame may ask for, as the zstd program itself has it: 128 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;
/// The memory that an xz stream may ask for: enough for `xz -9`, which wants 65 MiB.
const XZ_MEMORY_BYTES: u64 = 128 << 20;

/// The uncompressed bytes of a stream, whose compression is told by its first bytes.
///
/// Input is taken straight from the reader's buffer and output goes straight to the caller's, so
/// large buffers on both sides (128 to 256 KiB) make it fast. Input that ends too early is an
/// [`io::ErrorKind::UnexpectedEof`]; corrupt input and data behind the end of the compressed stream
/// are errors too (gzip alone may be padded with zeros). The [`Limits`] on unpacked bytes and
/// inflate ratio are kept: see [`LimitExceeded::of`].
pub struct Decompressor<R: BufRead> {
    decoder: Decoder<Source<R>>,
    bytes_out: u64,
    limits: Limits,
}

enum Decoder<R: BufRead> {
    Plain(R),
    Gzip(GzipDecoder<R>),
    Zstd(zstd::stream::read::Decoder<'static, R>),
    Bzip2(MultiBzDecoder<R>),
    Xz(XzDecoder<R>),
}

impl<R: BufRead> Decompressor<R> {
    /// Reads the first bytes of `source` to tell its compression.
    pub fn new(source: R, limits: &Limits) -> io::Result<Self> {
        let source = Source::sniff(source)?;
        let compression = detect(source.start());
        let decoder = match compression {
            Compression::None => Decoder::Plain(source),
            Compression::Gzip => Decoder::Gzip(GzipDecoder::new(source)),
            Compression::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(source)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Decoder::Zstd(decoder)
            }
            Compression::Bzip2 => Decoder::Bzip2(MultiBzDecoder::new(source)),
            Compression::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(
                    XZ_MEMORY_BYTES,
                    liblzma::stream::CONCATENATED,
                )?;
                Decoder::Xz(XzDecoder::new_stream(source, stream))
            }
        };
        Ok(Self {
            decoder,
            bytes_out: 0,
            limits: limits.clone(),
        })
    }

    /// What the stream is compressed with.
    pub fn compression(&self) -> Compression {
        match &self.decoder {
            Decoder::Plain(_) => Compression::None,
            Decoder::Gzip(_) => Compression::Gzip,
            Decoder::Zstd(_) => Compression::Zstd,
            Decoder::Bzip2(_) => Compression::Bzip2,
            Decoder::Xz(_) => Compression::Xz,
        }
    }

    /// Compressed bytes taken from the source so far.
    pub fn bytes_in(&self) -> u64 {
        match &self.decoder {
            Decoder::Plain(source) => source.taken,
            Decoder::Gzip(decoder) => decoder.get_ref().taken,
            Decoder::Zstd(decoder) => decoder.get_ref().taken,
            Decoder::Bzip2(decoder) => decoder.get_ref().taken,
            Decoder::Xz(decoder) => decoder.get_ref().taken,
        }
    }

    /// Uncompressed bytes given out so far.
    pub fn bytes_out(&self) -> u64 {
        self.bytes_out
    }

    /// The source, behind what was taken from it: at its end once a read has returned 0.
    pub fn into_inner(self) -> R {
        match self.decoder {
            Decoder::Plain(source) => source.inner,
            Decoder::Gzip(decoder) => decoder.into_inner().inner,
            Decoder::Zstd(decoder) => decoder.into_inner().inner,
            Decoder::Bzip2(decoder) => decoder.into_inner().inner,
            Decoder::Xz(decoder) => decoder.into_inner().inner,
        }
    }

    fn check_limits(&self) -> io::Result<()> {
        if self.bytes_out > self.limits.unpacked_bytes {
            let limit = self.limits.unpacked_bytes;
            return Err(LimitExceeded::UnpackedBytes { limit }.into());
        }
        let limit = self.limits.inflate_ratio;
        if self.bytes_out > self.limits.ratio_free_bytes
            && self.bytes_out / self.bytes_in().max(1) >= limit
        {
            return Err(LimitExceeded::InflateRatio { limit }.into());
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Decompressor<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.decoder {
            Decoder::Plain(source) => source.read(buffer),
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Zstd(decoder) => decoder.read(buffer),
            Decoder::Bzip2(decoder) => decoder.read(buffer),
            Decoder::Xz(decoder) => decoder.read(buffer),
        }?;
        self.bytes_out = self.bytes_out.saturating_add(count as u64);
        self.check_limits()?;
        Ok(count)
    }
}

impl<R: BufRead> fmt::Debug for Decompressor<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decompressor")
            .field("compression", &self.compression())
            .field("bytes_in", &self.bytes_in())
            .field("bytes_out", &self.bytes_out)
            .finish_non_exhaustive()
    }
}

/// A reader whose first bytes were looked at and can be read again, and that counts what is taken.
struct Source<R> {
    inner: R,
    // Bytes that had to be taken from `inner` to be looked at; they are given out first.
    start: [u8; MAGIC_BYTES],
    start_len: usize,
    start_given: usize,
    taken: u64,
}

impl<R: BufRead> Source<R> {
    // A socket may deliver fewer bytes than a magic number has, so they are collected.
    fn sniff(mut inner: R) -> io::Result<Self> {
        let mut start = [0; MAGIC_BYTES];
        let mut start_len = 0;
        while let Some(room) = start.get_mut(start_len..).filter(|room| !room.is_empty()) {
            match inner.read(room) {
                Ok(0) => break,
                Ok(count) => start_len += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Self {
            inner,
            start,
            start_len,
            start_given: 0,
            taken: 0,
        })
    }
}

impl<R> Source<R> {
    fn start(&self) -> &[u8] {
        self.start
            .get(self.start_given..self.start_len)
            .unwrap_or_default()
    }
}

impl<R: BufRead> BufRead for Source<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start_given < self.start_len {
            return Ok(self.start());
        }
        // Not every decoder above retries a read that a signal interrupted.
        loop {
            match self.inner.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.taken += count as u64;
        if self.start_given < self.start_len {
            self.start_given += count;
        } else {
            self.inner.consume(count);
        }
    }
}

impl<R: BufRead> Read for Source<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start_given == self.start_len {
            // A large read goes past the buffer of `inner` straight into the caller's.
            let count = self.inner.read(buffer)?;
            self.taken += count as u64;
            return Ok(count);
        }
        let count = self.start().read(buffer)?;
        self.consume(count);
        Ok(count)
    }
}
