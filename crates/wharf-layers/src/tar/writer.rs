//! Writes archives: ustar, with a PAX header where ustar has no room.

use std::fmt::{self, Write as _};
use std::io::{self, Read, Write};

use super::entry::{Entry, EntryKind, Timestamp};
use super::header::{BLOCK_BYTES, Block};

/// The largest number that fits into a ustar field of 8 and of 12 bytes.
const OCTAL_7_MAX: u64 = 0o777_7777;
const OCTAL_11_MAX: u64 = 0o777_7777_7777;

/// A writer of tar archives. The same entries give the same bytes.
///
/// An [`Entry`] is written as what it says; sparse files are written with their holes as zeros.
pub struct TarWriter<W> {
    target: W,
}

impl<W: Write> TarWriter<W> {
    /// Writes the archive into `target`.
    pub fn new(target: W) -> Self {
        Self { target }
    }

    /// Writes an entry whose content is `content`; its size is taken from there.
    pub fn append_bytes(&mut self, entry: &Entry, content: &[u8]) -> io::Result<()> {
        self.append_sized(entry, content.len() as u64, content)
    }

    /// Writes an entry with [`Entry::size_bytes`] bytes from `content`, which must have as many.
    pub fn append(&mut self, entry: &Entry, content: impl Read) -> io::Result<()> {
        self.append_sized(entry, entry.size_bytes, content)
    }

    /// Ends the archive and gives the target back. Without it the archive lacks its end marker.
    pub fn finish(mut self) -> io::Result<W> {
        self.target.write_all(&[0; 2 * BLOCK_BYTES])?;
        self.target.flush()?;
        Ok(self.target)
    }

    fn append_sized(&mut self, entry: &Entry, size: u64, content: impl Read) -> io::Result<()> {
        let size = if entry.kind.has_content() { size } else { 0 };
        let mut header = UstarHeader::new(entry, size)?;
        if !header.records.is_empty() {
            let records = std::mem::take(&mut header.records);
            let extension = pax_entry(entry);
            let extension = UstarHeader::typed(&extension, records.len() as u64, b'x')?;
            self.target.write_all(&extension.block)?;
            self.target.write_all(&records)?;
            self.pad(records.len() as u64)?;
        }
        self.target.write_all(&header.block)?;
        if size > 0 {
            let written = io::copy(&mut content.take(size), &mut self.target)?;
            if written < size {
                let name = String::from_utf8_lossy(&entry.name);
                let text = format!("`{name}` has {written} bytes where {size} were announced");
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, text));
            }
            self.pad(size)?;
        }
        Ok(())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let used = usize::try_from(size % BLOCK_BYTES as u64).unwrap_or_default();
        let zeros = [0; BLOCK_BYTES];
        match zeros.get(used..) {
            Some(padding) if used > 0 => self.target.write_all(padding),
            _ => Ok(()),
        }
    }
}

/// How many bytes an entry takes in an archive, headers and content, as [`TarWriter::append`] writes it.
///
/// # Errors
/// If it cannot be written at all.
pub fn archived_bytes(entry: &Entry) -> io::Result<u64> {
    let padded = |size: u64| size.next_multiple_of(BLOCK_BYTES as u64);
    let size = if entry.kind.has_content() {
        entry.size_bytes
    } else {
        0
    };
    let records = UstarHeader::new(entry, size)?.records.len() as u64;
    let extension = if records > 0 {
        BLOCK_BYTES as u64 + padded(records)
    } else {
        0
    };
    Ok(extension + BLOCK_BYTES as u64 + padded(size))
}

impl<W> fmt::Debug for TarWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TarWriter").finish_non_exhaustive()
    }
}

impl Entry {
    /// A regular file owned by root.
    pub fn file(name: &str, mode: u32, modified: Timestamp) -> Self {
        Self {
            name: name.into(),
            mode,
            modified,
            ..Self::default()
        }
    }

    /// A directory owned by root. The name should end with a slash, as it does in most archives.
    pub fn directory(name: &str, mode: u32, modified: Timestamp) -> Self {
        Self {
            kind: EntryKind::Directory,
            ..Self::file(name, mode, modified)
        }
    }

    /// A symbolic link owned by root.
    pub fn symlink(name: &str, target: &str, modified: Timestamp) -> Self {
        Self {
            kind: EntryKind::Symlink,
            link_target: target.into(),
            ..Self::file(name, 0o777, modified)
        }
    }

    /// A further name of the file `target` of the same archive.
    pub fn hard_link(name: &str, target: &str, modified: Timestamp) -> Self {
        Self {
            kind: EntryKind::HardLink,
            link_target: target.into(),
            ..Self::file(name, 0o644, modified)
        }
    }
}

/// A header block and the PAX records of what did not fit into it.
struct UstarHeader {
    block: Block,
    records: Vec<u8>,
}

impl UstarHeader {
    fn new(entry: &Entry, size: u64) -> io::Result<Self> {
        let flag = match entry.kind {
            EntryKind::File => b'0',
            EntryKind::HardLink => b'1',
            EntryKind::Symlink => b'2',
            EntryKind::CharacterDevice => b'3',
            EntryKind::BlockDevice => b'4',
            EntryKind::Directory => b'5',
            EntryKind::Fifo => b'6',
            EntryKind::Other(flag) => flag,
        };
        Self::typed(entry, size, flag)
    }

    fn typed(entry: &Entry, size: u64, flag: u8) -> io::Result<Self> {
        let mut header = Self {
            block: [0; BLOCK_BYTES],
            records: Vec::new(),
        };
        if entry.name.contains(&0) || entry.link_target.contains(&0) {
            let text = "a name in an archive cannot have a zero byte";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        header.put_name(&entry.name);
        header.put_octal(100, 8, u64::from(entry.mode & 0o7777));
        header.put_number("uid", 108, u64::from(entry.user_id));
        header.put_number("gid", 116, u64::from(entry.group_id));
        if size > OCTAL_11_MAX {
            header.record(b"size", size.to_string().as_bytes());
        }
        header.put_octal(124, 12, size.min(OCTAL_11_MAX));
        header.put_modified(entry.modified);
        header.put(156, &[flag]);
        if entry.link_target.len() > 100 || !entry.link_target.is_ascii() {
            header.record(b"linkpath", &entry.link_target);
        }
        header.put(
            157,
            entry.link_target.get(..100).unwrap_or(&entry.link_target),
        );
        header.put(257, b"ustar\x0000");
        header.put_octal(329, 8, u64::from(entry.device.major));
        header.put_octal(337, 8, u64::from(entry.device.minor));
        if let Some(accessed) = entry.accessed {
            header.record(b"atime", pax_time(accessed).as_bytes());
        }
        for xattr in &entry.xattrs {
            header.record(&[b"SCHILY.xattr.", &xattr.name[..]].concat(), &xattr.value);
        }
        header.put_checksum();
        Ok(header)
    }

    // Names of up to 256 bytes fit when a slash stands in the right place.
    fn put_name(&mut self, name: &[u8]) {
        if name.len() <= 100 && name.is_ascii() {
            return self.put(0, name);
        }
        let split = (name.len().saturating_sub(101)..name.len().saturating_sub(1).min(156))
            .find(|at| name.get(*at) == Some(&b'/') && *at > 0);
        match split.and_then(|at| Some((name.get(..at)?, name.get(at + 1..)?))) {
            Some((prefix, rest)) if name.is_ascii() => {
                self.put(0, rest);
                self.put(345, prefix);
            }
            _ => {
                self.record(b"path", name);
                self.put(0, name.get(..100).unwrap_or(name));
            }
        }
    }

    fn put_modified(&mut self, modified: Timestamp) {
        let seconds = u64::try_from(modified.seconds).ok();
        let fits = seconds.filter(|seconds| *seconds <= OCTAL_11_MAX);
        if fits.is_none() || modified.nanoseconds != 0 {
            self.record(b"mtime", pax_time(modified).as_bytes());
        }
        self.put_octal(136, 12, fits.unwrap_or_default());
    }

    fn put_number(&mut self, key: &str, offset: usize, value: u64) {
        if value > OCTAL_7_MAX {
            self.record(key.as_bytes(), value.to_string().as_bytes());
        }
        self.put_octal(offset, 8, value.min(OCTAL_7_MAX));
    }

    // As many octal digits as the field has room for before its zero byte.
    fn put_octal(&mut self, offset: usize, length: usize, mut value: u64) {
        let field = self.block.get_mut(offset..offset + length - 1);
        for digit in field.unwrap_or_default().iter_mut().rev() {
            *digit = b'0' + (value & 7) as u8;
            value >>= 3;
        }
    }

    fn put(&mut self, offset: usize, bytes: &[u8]) {
        if let Some(field) = self.block.get_mut(offset..offset + bytes.len()) {
            field.copy_from_slice(bytes);
        }
    }

    fn put_checksum(&mut self) {
        self.put(148, b"        ");
        let sum: u64 = self.block.iter().map(|byte| u64::from(*byte)).sum();
        self.put_octal(148, 7, sum);
        self.put(154, b"\0 ");
    }

    // The length that a record begins with counts its own digits.
    fn record(&mut self, key: &[u8], value: &[u8]) {
        let rest = key.len() + value.len() + 3;
        let mut length = rest;
        while length != rest + length.to_string().len() {
            length = rest + length.to_string().len();
        }
        self.records
            .extend_from_slice(length.to_string().as_bytes());
        self.records.push(b' ');
        self.records.extend_from_slice(key);
        self.records.push(b'=');
        self.records.extend_from_slice(value);
        self.records.push(b'\n');
    }
}

// The entry that carries the records of `entry`; its name shows in tools that do not know PAX.
fn pax_entry(entry: &Entry) -> Entry {
    let base = entry
        .name
        .split(|byte| *byte == b'/')
        .rfind(|part| !part.is_empty());
    let base = String::from_utf8_lossy(base.unwrap_or_default());
    let base: String = base.chars().filter(char::is_ascii).take(80).collect();
    Entry::file(&format!("PaxHeaders.0/{base}"), 0o644, Timestamp::default())
}

fn pax_time(time: Timestamp) -> String {
    let (mut seconds, mut nanoseconds) = (time.seconds, time.nanoseconds);
    let mut text = String::new();
    if seconds < 0 && nanoseconds > 0 {
        // The fraction of a negative time counts away from zero.
        seconds += 1;
        nanoseconds = 1_000_000_000 - nanoseconds;
        if seconds == 0 {
            text.push('-');
        }
    }
    // Writing to a String cannot fail.
    let _ = write!(text, "{seconds}");
    if nanoseconds > 0 {
        let fraction = format!("{nanoseconds:09}");
        let _ = write!(text, ".{}", fraction.trim_end_matches('0'));
    }
    text
}
