//! Reading with verification to the last byte.

use std::io::{self, Read};

use wharf_oci::{Digest, Hasher};

/// Passes bytes through and hashes them; the end of the stream is an error if the digest is wrong.
#[derive(Debug)]
pub struct VerifyingReader<R> {
    inner: R,
    expected: Digest,
    hasher: Option<Hasher>,
}

impl<R: Read> VerifyingReader<R> {
    /// Reads `inner`, which should be the content of `expected`.
    pub fn new(inner: R, expected: Digest) -> Self {
        let hasher = Some(Hasher::new(expected.algorithm()));
        Self {
            inner,
            expected,
            hasher,
        }
    }
}

impl<R: Read> Read for VerifyingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let count = self.inner.read(buffer)?;
        let Some(mut hasher) = self.hasher.take() else {
            return Ok(count);
        };
        if count > 0 {
            hasher.update(buffer.get(..count).unwrap_or_default());
            self.hasher = Some(hasher);
            return Ok(count);
        }
        let actual = hasher.finish();
        if actual == self.expected {
            return Ok(0);
        }
        let text = format!("content of {} has digest {actual}", self.expected);
        Err(io::Error::new(io::ErrorKind::InvalidData, text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_tells() {
        let content = b"hello";
        let mut read = Vec::new();
        let mut good = VerifyingReader::new(&content[..], Digest::of(content));
        good.read_to_end(&mut read).unwrap();
        assert_eq!(read, content);
        let mut bad = VerifyingReader::new(&content[..], Digest::of(b"other"));
        assert!(bad.read_to_end(&mut read).is_err());
    }
}
