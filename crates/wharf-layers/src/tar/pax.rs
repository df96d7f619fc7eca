//! POSIX extended headers: records of `length key=value\n`, and what they change about an entry.

use std::collections::BTreeMap;

use super::entry::{Entry, SparseSegment, Timestamp, Xattr};
use super::header::{BadField, id};
use crate::limits::{LimitExceeded, Limits, as_u64};

/// The records of an extended header that concern us.
#[derive(Debug, Default)]
pub(super) struct PaxRecords {
    /// Replaces what the header says about the size of the stored content.
    pub(super) size: Option<u64>,
    /// GNU's records about a sparse file, by the part of their key behind `GNU.sparse.`.
    pub(super) sparse: BTreeMap<Vec<u8>, Vec<u8>>,
    // The pieces of GNU.sparse format 0.0, whose two keys repeat and whose order means something.
    pub(super) sparse_numbers: Vec<u64>,
    name: Option<Vec<u8>>,
    link_target: Option<Vec<u8>>,
    user_id: Option<u32>,
    group_id: Option<u32>,
    modified: Option<Timestamp>,
    accessed: Option<Timestamp>,
    // The second is what libarchive writes beside the first, whose values are raw bytes.
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    encoded_xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Why records cannot be taken.
#[derive(Debug)]
pub(super) enum PaxFault {
    Field(BadField),
    Limit(LimitExceeded),
}

impl From<BadField> for PaxFault {
    fn from(field: BadField) -> Self {
        Self::Field(field)
    }
}

impl PaxRecords {
    /// Reads `records`, the content of an extended header.
    pub(super) fn parse(mut records: &[u8], limits: &Limits) -> Result<Self, PaxFault> {
        let mut parsed = Self::default();
        let mut xattr_bytes = 0_usize;
        while !records.is_empty() {
            let (key, value, rest) = split_record(records).ok_or("PAX record")?;
            records = rest;
            parsed.take(key, value)?;
            if key.starts_with(b"SCHILY.xattr.") || key.starts_with(b"LIBARCHIVE.xattr.") {
                xattr_bytes = xattr_bytes.saturating_add(key.len() + value.len());
            }
            if xattr_bytes > limits.xattr_bytes {
                let limit = as_u64(limits.xattr_bytes);
                return Err(PaxFault::Limit(LimitExceeded::XattrBytes { limit }));
            }
            if parsed.sparse_numbers.len() / 2 > limits.sparse_segments {
                let limit = as_u64(limits.sparse_segments);
                return Err(PaxFault::Limit(LimitExceeded::SparseSegments { limit }));
            }
        }
        Ok(parsed)
    }

    /// Changes `entry` as the records say.
    pub(super) fn apply(self, entry: &mut Entry) {
        let Self {
            name,
            link_target,
            user_id,
            group_id,
            modified,
            accessed,
            xattrs,
            mut encoded_xattrs,
            ..
        } = self;
        entry.name = name.unwrap_or_else(|| std::mem::take(&mut entry.name));
        entry.link_target = link_target.unwrap_or_else(|| std::mem::take(&mut entry.link_target));
        entry.user_id = user_id.unwrap_or(entry.user_id);
        entry.group_id = group_id.unwrap_or(entry.group_id);
        entry.modified = modified.unwrap_or(entry.modified);
        entry.accessed = accessed.or(entry.accessed);
        encoded_xattrs.extend(xattrs);
        entry.xattrs = encoded_xattrs
            .into_iter()
            .map(|(name, value)| Xattr { name, value })
            .collect();
    }

    // A record with an empty value takes back an earlier one, as POSIX says.
    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), BadField> {
        let given = !value.is_empty();
        match key {
            b"path" => self.name = path(value, "path")?,
            b"linkpath" => self.link_target = path(value, "linkpath")?,
            b"size" => self.size = optional(value, decimal, "PAX size")?,
            b"uid" => self.user_id = optional(value, pax_id, "PAX uid")?,
            b"gid" => self.group_id = optional(value, pax_id, "PAX gid")?,
            b"mtime" => self.modified = optional(value, pax_time, "PAX mtime")?,
            b"atime" => self.accessed = optional(value, pax_time, "PAX atime")?,
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                let expect_offset = self.sparse_numbers.len().is_multiple_of(2);
                if expect_offset != (key == b"GNU.sparse.offset") {
                    return Err("order of sparse records");
                }
                let number = decimal(value).ok_or("sparse record")?;
                self.sparse_numbers.push(number);
            }
            _ => {
                if let Some(name) = key.strip_prefix(b"GNU.sparse.") {
                    self.sparse.insert(name.to_vec(), value.to_vec());
                } else if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
                    // An attribute may be empty, so that here nothing is taken back.
                    insert_xattr(&mut self.xattrs, name.to_vec(), value.to_vec())?;
                } else if let Some(name) = key.strip_prefix(b"LIBARCHIVE.xattr.")
                    && given
                {
                    let name = percent_decoded(name).ok_or("LIBARCHIVE.xattr")?;
                    let value = base64_decoded(value).ok_or("LIBARCHIVE.xattr")?;
                    insert_xattr(&mut self.encoded_xattrs, name, value)?;
                }
            }
        }
        Ok(())
    }
}

/// The pieces that `numbers`, offset and length in turn, describe.
pub(super) fn segments(numbers: &[u64]) -> Option<Vec<SparseSegment>> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    rest.is_empty().then(|| {
        pairs
            .iter()
            .map(|[offset, length]| SparseSegment {
                offset: *offset,
                length: *length,
            })
            .collect()
    })
}

/// A number in decimal digits; at most as large as a file can be.
pub(super) fn decimal(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits
        .iter()
        .try_fold(0_u64, |value, digit| match digit {
            b'0'..=b'9' => value.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
            _ => None,
        })
        .filter(|value| i64::try_from(*value).is_ok())
}

// The first record's key and value, and what follows it.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    // 20 digits are more than any length has.
    let space = records.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(records.get(..space)?)?).ok()?;
    let record = records.get(space + 1..length)?;
    let record = record.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (record.get(..equals)?, record.get(equals + 1..)?);
    if key.is_empty() || key.contains(&0) {
        return None;
    }
    Some((key, value, records.get(length..)?))
}

fn optional<T>(
    value: &[u8],
    parse: impl Fn(&[u8]) -> Option<T>,
    field: BadField,
) -> Result<Option<T>, BadField> {
    if value.is_empty() {
        return Ok(None);
    }
    parse(value).map(Some).ok_or(field)
}

fn path(value: &[u8], field: BadField) -> Result<Option<Vec<u8>>, BadField> {
    if value.contains(&0) {
        return Err(field);
    }
    Ok((!value.is_empty()).then(|| value.to_vec()))
}

fn pax_id(value: &[u8]) -> Option<u32> {
    id(i64::try_from(decimal(value)?).ok()?)
}

// Seconds with a fraction of any length, of which nine digits count: `1700000000.25`, `-1.5`.
fn pax_time(value: &[u8]) -> Option<Timestamp> {
    let (negative, value) = match value.strip_prefix(b"-") {
        Some(value) => (true, value),
        None => (false, value),
    };
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let seconds = i64::try_from(decimal(parts.next()?)?).ok()?;
    let fraction = parts.next().unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nanoseconds = fraction
        .iter()
        .chain(std::iter::repeat(&b'0'))
        .take(9)
        .fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    Some(match (negative, nanoseconds) {
        (false, _) => Timestamp {
            seconds,
            nanoseconds,
        },
        (true, 0) => Timestamp {
            seconds: -seconds,
            nanoseconds,
        },
        (true, _) => Timestamp {
            seconds: -seconds - 1,
            nanoseconds: 1_000_000_000 - nanoseconds,
        },
    })
}

fn insert_xattr(
    xattrs: &mut BTreeMap<Vec<u8>, Vec<u8>>,
    name: Vec<u8>,
    value: Vec<u8>,
) -> Result<(), BadField> {
    if name.is_empty() || name.contains(&0) {
        return Err("name of an extended attribute");
    }
    xattrs.insert(name, value);
    Ok(())
}

fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        if *first == b'%' {
            let (digits, tail) = tail.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            decoded.push(u8::from_str_radix(digits, 16).ok()?);
            rest = tail;
        } else {
            decoded.push(*first);
            rest = tail;
        }
    }
    Some(decoded)
}

// Base64 without demanding the padding, which libarchive does not write.
fn base64_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.iter().take_while(|byte| **byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits & 0xff_ffff) << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push((bits >> count).to_le_bytes()[0]);
        }
    }
    Some(decoded)
}
