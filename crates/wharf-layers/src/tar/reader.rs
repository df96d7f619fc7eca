//! Reads an archive entry by entry, as a stream.

use std::fmt;
use std::io::{self, BufRead, Read};

use wharf_oci::{Algorithm, Digest, Hasher};

use super::entry::{Entry, EntryKind, TarError};
use super::header::{self, BLOCK_BYTES, Block, Dialect, Header};
use super::pax::{PaxFault, PaxRecords};
use super::source::Source;
use super::sparse;
use crate::limits::{LimitExceeded, Limits, as_u64};

/// A streaming reader of tar archives: V7, ustar, PAX, star and GNU, with sparse files.
///
/// It accepts what Go's `archive/tar` accepts: signed checksums, an archive that ends without its
/// two zero blocks or within the padding of its last entry. Global PAX headers are read and, again
/// as in Go, have no effect on the entries that follow them.
pub struct TarReader<R> {
    source: Source<R>,
    limits: Limits,
    block: Block,
    // The content of an extended header; kept for its memory.
    extended: Vec<u8>,
    content_left: u64,
    padding_left: u64,
    at_end: bool,
}

impl<R: BufRead> TarReader<R> {
    /// Reads the archive in `source`. Its buffer is used as it is, so give it a large one.
    pub fn new(source: R, limits: Limits) -> Self {
        Self {
            source: Source::new(source, limits.unpacked_bytes),
            limits,
            block: [0; BLOCK_BYTES],
            extended: Vec::new(),
            content_left: 0,
            padding_left: 0,
            at_end: false,
        }
    }

    /// Hashes all bytes of the archive from here on; call it before the first entry is read.
    pub fn hash_with(&mut self, algorithm: Algorithm) {
        self.source.start_hashing(Hasher::new(algorithm), 0);
    }

    /// Reads the next entry into `entry`, passing what is left of the one before. Returns `false`
    /// at the end of the archive.
    pub fn read_entry(&mut self, entry: &mut Entry) -> Result<bool, TarError> {
        self.finish_entry()?;
        let mut overrides = Overrides::default();
        loop {
            let offset = self.source.offset();
            entry.clear();
            if self.at_end || !self.read_block()? {
                self.at_end = true;
                // An extended header without its entry, as Go sees it, is no error.
                return Ok(false);
            }
            let header = read_header(&self.block, entry, offset)?;
            match header.type_flag {
                b'x' => {
                    self.read_extended(header.size)?;
                    overrides.pax = Some(self.pax_records(offset)?);
                }
                b'g' => {
                    self.read_extended(header.size)?;
                    // Read only to refuse what is malformed; see the type's comment.
                    self.pax_records(offset)?;
                }
                b'L' => overrides.name = Some(self.read_long_name(header.size)?),
                b'K' => overrides.link_target = Some(self.read_long_name(header.size)?),
                _ => {
                    self.complete(entry, header, overrides, offset)?;
                    return Ok(true);
                }
            }
        }
    }

    /// The content of the entry that was read last, with the holes of a sparse file as zeros.
    pub fn content<'a>(&'a mut self, entry: &'a Entry) -> EntryContent<'a, R> {
        EntryContent {
            reader: self,
            entry,
            position: 0,
            segment: 0,
        }
    }

    /// Bytes of the archive that were read so far.
    pub fn offset(&self) -> u64 {
        self.source.offset()
    }

    /// Reads what follows the end of the archive, to the end of the source. Returns the digest of
    /// all bytes if they were hashed, and their number.
    pub fn finish(mut self) -> Result<(Option<Digest>, u64), TarError> {
        self.finish_entry()?;
        self.source.skip(u64::MAX)?;
        let size = self.source.offset();
        let digest = self.source.hasher()?.map(|hasher| hasher.clone().finish());
        Ok((digest, size))
    }

    /// Passes what is left of the current entry, so that [`Self::offset`] is where the next one
    /// begins, extended headers included.
    pub(crate) fn finish_entry(&mut self) -> Result<(), TarError> {
        let content = std::mem::take(&mut self.content_left);
        if self.source.skip(content)? > 0 {
            return Err(TarError::Truncated);
        }
        let padding = std::mem::take(&mut self.padding_left);
        if self.source.skip(padding)? > 0 {
            self.at_end = true;
        }
        Ok(())
    }

    /// Stored content of the current entry: pieces of a sparse file without their holes. Empty at
    /// its end.
    pub(crate) fn fill_content(&mut self) -> Result<&[u8], TarError> {
        if self.content_left == 0 {
            return Ok(&[]);
        }
        let left = usize::try_from(self.content_left).unwrap_or(usize::MAX);
        let available = self.source.fill()?;
        if available.is_empty() {
            return Err(TarError::Truncated);
        }
        Ok(available.get(..left).unwrap_or(available))
    }

    /// Takes `count` bytes of what [`Self::fill_content`] gave.
    pub(crate) fn consume_content(&mut self, count: usize) -> Result<(), TarError> {
        self.content_left = self.content_left.saturating_sub(count as u64);
        self.source.take(count)
    }

    /// Hashes from here on with `hasher`, which has seen the next `seen_bytes` already.
    pub(crate) fn start_hashing(&mut self, hasher: Hasher, seen_bytes: u64) {
        self.source.start_hashing(hasher, seen_bytes);
    }

    /// The hasher that has seen everything read since hashing began.
    pub(crate) fn hasher(&mut self) -> Result<Option<&Hasher>, TarError> {
        self.source.hasher()
    }

    // Reads a header block; `false` at the end of the archive.
    fn read_block(&mut self) -> Result<bool, TarError> {
        let offset = self.source.offset();
        if !self.read_whole_block()? {
            return Ok(false);
        }
        if self.block != [0; BLOCK_BYTES] {
            return Ok(true);
        }
        // Two zero blocks are the end. One and then the end of the source is taken for it too.
        if self.read_whole_block()? && self.block != [0; BLOCK_BYTES] {
            return Err(TarError::Header {
                offset,
                field: "a zero block stands among the entries",
            });
        }
        Ok(false)
    }

    fn read_whole_block(&mut self) -> Result<bool, TarError> {
        match self.source.read_full(&mut self.block)? {
            0 => Ok(false),
            BLOCK_BYTES => Ok(true),
            _ => Err(TarError::Truncated),
        }
    }

    fn read_extended(&mut self, size: u64) -> Result<(), TarError> {
        let limit = self.limits.header_bytes;
        let length = usize::try_from(size).unwrap_or(usize::MAX);
        if size > limit {
            return Err(LimitExceeded::HeaderBytes { limit }.into());
        }
        self.extended.clear();
        self.extended.resize(length, 0);
        if self.source.read_full(&mut self.extended)? < length {
            return Err(TarError::Truncated);
        }
        if self.source.skip(padding(size))? > 0 {
            return Err(TarError::Truncated);
        }
        Ok(())
    }

    fn read_long_name(&mut self, size: u64) -> Result<Vec<u8>, TarError> {
        self.read_extended(size)?;
        Ok(header::text(&self.extended).to_vec())
    }

    fn pax_records(&self, offset: u64) -> Result<PaxRecords, TarError> {
        PaxRecords::parse(&self.extended, &self.limits).map_err(|fault| match fault {
            PaxFault::Field(field) => TarError::Header { offset, field },
            PaxFault::Limit(limit) => limit.into(),
        })
    }

    // Merges what the extended headers said into the entry and finds where its content ends.
    fn complete(
        &mut self,
        entry: &mut Entry,
        header: Header,
        overrides: Overrides,
        offset: u64,
    ) -> Result<(), TarError> {
        let bad = |field| TarError::Header { offset, field };
        let mut size = header.size;
        let mut pax = overrides.pax;
        if let Some(records) = &mut pax {
            size = records.size.unwrap_or(size);
        }
        let mut map = None;
        if header.type_flag == b'S' {
            if header.dialect != Dialect::Gnu {
                return Err(bad("a sparse file in a header that is not GNU's"));
            }
            map = Some(sparse::read_old_gnu(
                &self.block,
                &mut self.source,
                &self.limits,
            )?);
        } else if let Some(records) = &mut pax
            && entry.kind == EntryKind::File
        {
            map = sparse::read_pax(records, size, &mut self.source, &self.limits)?;
        }
        if let Some(records) = pax {
            records.apply(entry);
        }
        entry.name = overrides
            .name
            .unwrap_or_else(|| std::mem::take(&mut entry.name));
        entry.link_target = overrides
            .link_target
            .unwrap_or_else(|| std::mem::take(&mut entry.link_target));
        // The oldest archives have no type for directories but a slash at the end.
        if header.type_flag == 0 && entry.name.ends_with(b"/") {
            entry.kind = EntryKind::Directory;
        }
        self.content_left = if entry.kind.has_content() { size } else { 0 };
        self.padding_left = padding(self.content_left);
        entry.size_bytes = self.content_left;
        if let Some(map) = map {
            if !sparse::is_valid(&map, size) {
                return Err(bad("map of a sparse file"));
            }
            self.content_left -= map.map_bytes;
            entry.size_bytes = map.size;
            entry.name = map.name.unwrap_or_else(|| std::mem::take(&mut entry.name));
            entry.sparse = Some(map.segments);
        }
        self.check_paths(entry)
    }

    fn check_paths(&self, entry: &Entry) -> Result<(), TarError> {
        let longest = entry.name.len().max(entry.link_target.len());
        if longest > self.limits.path_bytes {
            let limit = as_u64(self.limits.path_bytes);
            return Err(LimitExceeded::PathBytes { limit }.into());
        }
        Ok(())
    }
}

impl<R> fmt::Debug for TarReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TarReader")
            .field("content_left", &self.content_left)
            .field("at_end", &self.at_end)
            .finish_non_exhaustive()
    }
}

/// The content of one entry. See [`TarReader::content`].
pub struct EntryContent<'a, R> {
    reader: &'a mut TarReader<R>,
    entry: &'a Entry,
    position: u64,
    segment: usize,
}

impl<R: BufRead> Read for EntryContent<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (in_hole, run) = self.run();
        let run = usize::try_from(run).unwrap_or(usize::MAX);
        let count = buffer.len().min(run);
        let Some(target) = buffer.get_mut(..count).filter(|target| !target.is_empty()) else {
            return Ok(0);
        };
        let count = if in_hole {
            target.fill(0);
            count
        } else {
            let mut stored = self.reader.fill_content().map_err(into_io)?;
            let count = stored.read(target)?;
            self.reader.consume_content(count).map_err(into_io)?;
            count
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl<R> EntryContent<'_, R> {
    // Whether the position is in a hole, and how many bytes of the same kind follow.
    fn run(&mut self) -> (bool, u64) {
        let Some(segments) = &self.entry.sparse else {
            return (false, self.reader.content_left);
        };
        while let Some(segment) = segments.get(self.segment) {
            let end = segment.offset + segment.length;
            if self.position < segment.offset {
                return (true, segment.offset - self.position);
            }
            if self.position < end {
                return (false, end - self.position);
            }
            self.segment += 1;
        }
        (true, self.entry.size_bytes.saturating_sub(self.position))
    }
}

impl<R> fmt::Debug for EntryContent<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryContent")
            .field("position", &self.position)
            .finish_non_exhaustive()
    }
}

/// What the headers in front of an entry say about it.
#[derive(Default)]
struct Overrides {
    pax: Option<PaxRecords>,
    name: Option<Vec<u8>>,
    link_target: Option<Vec<u8>>,
}

fn read_header(block: &Block, entry: &mut Entry, offset: u64) -> Result<Header, TarError> {
    if !header::checksum_matches(block) {
        return Err(TarError::Checksum { offset });
    }
    header::read_header(block, entry).map_err(|field| TarError::Header { offset, field })
}

// What is missing to a full block behind `size` bytes.
fn padding(size: u64) -> u64 {
    let block = BLOCK_BYTES as u64;
    (block - size % block) % block
}

fn into_io(error: TarError) -> io::Error {
    match error {
        TarError::Read(error) => error,
        TarError::Truncated => io::Error::new(io::ErrorKind::UnexpectedEof, error),
        TarError::Limit(limit) => limit.into(),
        other => io::Error::new(io::ErrorKind::InvalidData, other),
    }
}
