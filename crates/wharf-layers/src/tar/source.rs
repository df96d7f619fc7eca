//! The bytes of an archive: counted, limited, and hashed as they pass.

use std::io::{self, BufRead};

use wharf_oci::Hasher;

use super::entry::TarError;
use crate::limits::LimitExceeded;

/// A buffered source that hashes what is taken from it.
///
/// Hashing is put off until the buffer is used up or the state is asked for, so that the hash runs
/// over long pieces, while they are in the processor's cache anyway.
pub(super) struct Source<R> {
    inner: R,
    /// How much of the buffer of `inner` was taken and how much of that was hashed.
    taken: usize,
    hashed: usize,
    offset: u64,
    limit_bytes: u64,
    hasher: Option<Hasher>,
    /// Bytes to come that the hasher has seen already.
    seen_bytes: u64,
}

impl<R: BufRead> Source<R> {
    pub(super) fn new(inner: R, limit_bytes: u64) -> Self {
        Self {
            inner,
            taken: 0,
            hashed: 0,
            offset: 0,
            limit_bytes,
            hasher: None,
            seen_bytes: 0,
        }
    }

    /// Bytes taken so far.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Hashes from here on with `hasher`, which has seen the next `seen_bytes` already.
    pub(super) fn start_hashing(&mut self, hasher: Hasher, seen_bytes: u64) {
        self.hasher = Some(hasher);
        self.seen_bytes = seen_bytes;
        self.hashed = self.taken;
    }

    /// The hasher that has seen everything taken since [`Self::start_hashing`].
    pub(super) fn hasher(&mut self) -> Result<Option<&Hasher>, TarError> {
        self.hash_to(self.taken)?;
        Ok(self.hasher.as_ref())
    }

    // Hashes the buffer up to `end`.
    fn hash_to(&mut self, end: usize) -> Result<(), TarError> {
        if self.hashed < end {
            let chunk = filled(&mut self.inner)?;
            let mut new = chunk.get(self.hashed..end).unwrap_or_default();
            let seen = new
                .len()
                .min(usize::try_from(self.seen_bytes).unwrap_or(usize::MAX));
            new = new.get(seen..).unwrap_or_default();
            if let Some(hasher) = &mut self.hasher {
                hasher.update(new);
                self.seen_bytes -= seen as u64;
            }
            self.hashed = end;
        }
        Ok(())
    }

    /// The next bytes, at least one unless the source is at its end.
    pub(super) fn fill(&mut self) -> Result<&[u8], TarError> {
        let length = filled(&mut self.inner)?.len();
        if self.taken >= length && length > 0 {
            self.hash_to(length)?;
            self.inner.consume(length);
            self.taken = 0;
            self.hashed = 0;
        }
        let chunk = filled(&mut self.inner)?;
        Ok(chunk.get(self.taken..).unwrap_or_default())
    }

    /// Takes `count` of the bytes that [`Self::fill`] gave.
    pub(super) fn take(&mut self, count: usize) -> Result<(), TarError> {
        self.taken += count;
        self.offset += count as u64;
        if self.offset > self.limit_bytes {
            let limit = self.limit_bytes;
            return Err(LimitExceeded::UnpackedBytes { limit }.into());
        }
        Ok(())
    }

    /// Takes `count` bytes unseen; returns how many the source was short of.
    pub(super) fn skip(&mut self, mut count: u64) -> Result<u64, TarError> {
        while count > 0 {
            let available = self.fill()?.len();
            if available == 0 {
                break;
            }
            let step = available.min(usize::try_from(count).unwrap_or(usize::MAX));
            self.take(step)?;
            count -= step as u64;
        }
        Ok(count)
    }

    /// Takes bytes until `target` is full or the source ends; returns how many.
    pub(super) fn read_full(&mut self, target: &mut [u8]) -> Result<usize, TarError> {
        let mut count = 0;
        while let Some(room) = target.get_mut(count..).filter(|room| !room.is_empty()) {
            let step = {
                let available = self.fill()?;
                let step = available.len().min(room.len());
                if let (Some(room), Some(bytes)) = (room.get_mut(..step), available.get(..step)) {
                    room.copy_from_slice(bytes);
                }
                step
            };
            if step == 0 {
                break;
            }
            self.take(step)?;
            count += step;
        }
        Ok(count)
    }
}

fn filled(inner: &mut impl BufRead) -> Result<&[u8], TarError> {
    loop {
        match inner.fill_buf() {
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                return Err(match LimitExceeded::of(&error) {
                    Some(limit) => TarError::Limit(limit),
                    None => TarError::Read(error),
                });
            }
        }
    }
    inner.fill_buf().map_err(TarError::Read)
}
