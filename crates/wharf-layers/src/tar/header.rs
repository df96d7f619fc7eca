//! The 512-byte header block: V7, ustar, star and GNU dialects.
//!
//! Where the dialects leave room for doubt this follows Go's `archive/tar`, because Docker,
//! containerd, podman and the scanners read layers with it, and a layer must not mean one thing to
//! them and another to us.

use super::entry::{Device, Entry, EntryKind, Timestamp};

/// The unit of a tar archive, in bytes.
pub(super) const BLOCK_BYTES: usize = 512;

/// One block.
pub(super) type Block = [u8; BLOCK_BYTES];

/// The dialect of a header, told by its magic bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    V7,
    Ustar,
    Star,
    Gnu,
}

/// What a header block says that is not in the [`Entry`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) dialect: Dialect,
    pub(super) type_flag: u8,
    /// Bytes of content that follow, before extended headers have their say.
    pub(super) size: u64,
}

/// The name of a field that does not hold what it should.
pub(super) type BadField = &'static str;

/// Whether the block's checksum matches, summed as POSIX says or with signed bytes as some old
/// systems did.
pub(super) fn checksum_matches(block: &Block) -> bool {
    let own = field(block, 148, 8);
    let Some(expected) = octal(own).and_then(|sum| i64::try_from(sum).ok()) else {
        return false;
    };
    // The field itself counts as eight spaces.
    let spaces = 8 * i64::from(b' ');
    let unsigned = |bytes: &[u8]| bytes.iter().map(|byte| i64::from(*byte)).sum::<i64>();
    if expected == unsigned(block) - unsigned(own) + spaces {
        return true;
    }
    let signed = |bytes: &[u8]| -> i64 {
        let values = bytes.iter().map(|byte| i64::from(byte.cast_signed()));
        values.sum()
    };
    expected == signed(block) - signed(own) + spaces
}

/// Reads a block whose checksum matches into `entry`, which is clear.
pub(super) fn read_header(block: &Block, entry: &mut Entry) -> Result<Header, BadField> {
    let dialect = dialect(block);
    let type_flag = byte(block, 156);
    entry.kind = EntryKind::from_type_flag(type_flag);
    entry.name.extend_from_slice(text(field(block, 0, 100)));
    entry
        .link_target
        .extend_from_slice(text(field(block, 157, 100)));
    // Mode is a signed 64-bit number to Go, of which only these bits are used.
    entry.mode =
        u32::try_from(number(field(block, 100, 8)).ok_or("mode")? & 0o7777).unwrap_or_default();
    entry.user_id = id(number(field(block, 108, 8)).ok_or("uid")?).ok_or("uid")?;
    entry.group_id = id(number(field(block, 116, 8)).ok_or("gid")?).ok_or("gid")?;
    let size = number(field(block, 124, 12)).ok_or("size")?;
    let size = u64::try_from(size).ok().ok_or("size")?;
    entry.modified.seconds = number(field(block, 136, 12)).ok_or("mtime")?;
    if dialect != Dialect::V7 {
        entry.device = Device {
            major: device_number(field(block, 329, 8)).ok_or("devmajor")?,
            minor: device_number(field(block, 337, 8)).ok_or("devminor")?,
        };
    }
    let prefix = match dialect {
        Dialect::V7 => &[],
        Dialect::Ustar => text(field(block, 345, 155)),
        Dialect::Star => {
            entry.accessed = time(field(block, 476, 12))?;
            text(field(block, 345, 131))
        }
        Dialect::Gnu => gnu_times_or_prefix(block, entry),
    };
    if !prefix.is_empty() {
        let mut name = prefix.to_vec();
        name.push(b'/');
        name.append(&mut entry.name);
        entry.name = name;
    }
    Ok(Header {
        dialect,
        type_flag,
        size,
    })
}

/// The bytes at `offset`; the callers' constants stay within the block.
pub(super) fn field(block: &Block, offset: usize, length: usize) -> &[u8] {
    block.get(offset..offset + length).unwrap_or_default()
}

/// The byte at `offset`.
pub(super) fn byte(block: &Block, offset: usize) -> u8 {
    block.get(offset).copied().unwrap_or_default()
}

/// The bytes before the first zero.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number in octal digits, or in GNU's base 256, where the highest bit of the first byte is set.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    let first = *field.first()?;
    if first & 0x80 == 0 {
        return i64::try_from(octal(field)?).ok();
    }
    // Two's complement of as many bytes as there are, less the marking bit.
    let invert = if first & 0x40 != 0 { 0xff } else { 0 };
    let mut value: u64 = 0;
    for (index, byte) in field.iter().enumerate() {
        let byte = byte ^ invert;
        let byte = if index == 0 { byte & 0x7f } else { byte };
        if value >> 56 != 0 {
            return None;
        }
        value = value << 8 | u64::from(byte);
    }
    let value = i64::try_from(value).ok()?;
    Some(if invert == 0 { value } else { !value })
}

/// A user or group ID, of which the highest means "do not change" to the kernel.
pub(super) fn id(value: i64) -> Option<u32> {
    u32::try_from(value).ok().filter(|id| *id != u32::MAX)
}

fn octal(field: &[u8]) -> Option<u64> {
    let padding = |byte: &u8| matches!(byte, b' ' | 0);
    let start = field.iter().position(|byte| !padding(byte));
    let end = field.iter().rposition(|byte| !padding(byte));
    let (Some(start), Some(end)) = (start, end) else {
        return Some(0);
    };
    // What stands behind a zero byte is not part of the number.
    text(field.get(start..=end)?)
        .iter()
        .try_fold(0_u64, |value, digit| match digit {
            b'0'..=b'7' => value.checked_mul(8)?.checked_add(u64::from(digit - b'0')),
            _ => None,
        })
}

fn device_number(field: &[u8]) -> Option<u32> {
    u32::try_from(number(field)?).ok()
}

fn dialect(block: &Block) -> Dialect {
    let magic = field(block, 257, 6);
    let version = field(block, 263, 2);
    if magic == b"ustar\0" && field(block, 508, 4) == b"tar\0" {
        Dialect::Star
    } else if magic == b"ustar\0" {
        Dialect::Ustar
    } else if magic == b"ustar " && version == b" \0" {
        Dialect::Gnu
    } else {
        Dialect::V7
    }
}

fn time(field: &[u8]) -> Result<Option<Timestamp>, BadField> {
    if field.first() == Some(&0) {
        return Ok(None);
    }
    let seconds = number(field).ok_or("atime")?;
    Ok(Some(Timestamp {
        seconds,
        nanoseconds: 0,
    }))
}

// GNU keeps two times where ustar keeps the prefix. Go before 1.8 wrote a prefix there all the
// same, and layers of that age are still pulled.
fn gnu_times_or_prefix<'a>(block: &'a Block, entry: &mut Entry) -> &'a [u8] {
    if let (Ok(accessed), Ok(_)) = (time(field(block, 345, 12)), time(field(block, 357, 12))) {
        entry.accessed = accessed;
        return &[];
    }
    let prefix = text(field(block, 345, 155));
    if prefix.is_ascii() { prefix } else { &[] }
}
