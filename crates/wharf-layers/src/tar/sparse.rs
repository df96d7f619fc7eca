//! Sparse files: where the pieces go that an archive stores back to back.
//!
//! GNU tar has four formats: the old one in the header itself (type `S`), and three in PAX records
//! (0.0, 0.1, and 1.0, which keeps the map in front of the content).

use std::io::BufRead;

use super::entry::{SparseSegment, TarError};
use super::header::{BLOCK_BYTES, Block, byte, field, number};
use super::pax::{PaxRecords, decimal, segments};
use super::source::Source;
use crate::limits::{LimitExceeded, Limits, as_u64};

/// What a sparse file looks like, and how much of its stored content the description itself took.
pub(super) struct SparseMap {
    pub(super) segments: Vec<SparseSegment>,
    /// Size of the file with its holes.
    pub(super) size: u64,
    pub(super) name: Option<Vec<u8>>,
    pub(super) map_bytes: u64,
}

/// Reads the map of an old GNU sparse file (type `S`), whose header is `block`.
pub(super) fn read_old_gnu<R: BufRead>(
    block: &Block,
    source: &mut Source<R>,
    limits: &Limits,
) -> Result<SparseMap, TarError> {
    let bad = bad_map(source.offset());
    let size = number(field(block, 483, 12))
        .and_then(|size| u64::try_from(size).ok())
        .ok_or_else(&bad)?;
    let mut found = Vec::new();
    let mut more = old_gnu_segments(block, 386, 4, &mut found).ok_or_else(&bad)?;
    let mut extension = [0; BLOCK_BYTES];
    while more {
        if source.read_full(&mut extension)? < BLOCK_BYTES {
            return Err(TarError::Truncated);
        }
        more = old_gnu_segments(&extension, 0, 21, &mut found).ok_or_else(&bad)?;
        check_count(found.len(), limits)?;
    }
    Ok(SparseMap {
        segments: found,
        size,
        name: None,
        // The blocks of the map do not count as content.
        map_bytes: 0,
    })
}

/// Reads the map that `records` describe; `None` if the file is not sparse. `stored_bytes` is the
/// length of the content behind the header.
pub(super) fn read_pax<R: BufRead>(
    records: &mut PaxRecords,
    stored_bytes: u64,
    source: &mut Source<R>,
    limits: &Limits,
) -> Result<Option<SparseMap>, TarError> {
    let sparse = std::mem::take(&mut records.sparse);
    let numbers = std::mem::take(&mut records.sparse_numbers);
    let get = |key: &[u8]| sparse.get(key).map(Vec::as_slice);
    let bad = bad_map(source.offset());
    let map_in_content = match (get(b"major"), get(b"minor")) {
        (Some(b"1"), Some(b"0")) => true,
        (Some(b"0"), Some(b"0" | b"1")) => false,
        (None, None) if get(b"map").is_some() || !numbers.is_empty() => false,
        // No sparse file, or a format that nobody has defined yet: the file is what is stored, as
        // Go sees it.
        _ => return Ok(None),
    };
    let size = match get(b"size").or_else(|| get(b"realsize")) {
        Some(size) => decimal(size).ok_or_else(&bad)?,
        None => stored_bytes,
    };
    let (segments, map_bytes) = if map_in_content {
        read_map_1_0(stored_bytes, source, limits)?
    } else {
        let listed = match get(b"map") {
            Some(map) => numbers_of_list(map).ok_or_else(&bad)?,
            None => numbers,
        };
        check_count(listed.len() / 2, limits)?;
        let found = segments(&listed).ok_or_else(&bad)?;
        let count = get(b"numblocks").and_then(decimal).ok_or_else(&bad)?;
        if count != found.len() as u64 {
            return Err(bad());
        }
        (found, 0)
    };
    Ok(Some(SparseMap {
        segments,
        size,
        name: get(b"name")
            .filter(|name| !name.is_empty())
            .map(<[u8]>::to_vec),
        map_bytes,
    }))
}

/// Checks that the pieces are in order, within the file, and as long together as what is stored.
pub(super) fn is_valid(map: &SparseMap, stored_bytes: u64) -> bool {
    let mut end = 0_u64;
    let mut total = 0_u64;
    for segment in &map.segments {
        let Some(segment_end) = segment.offset.checked_add(segment.length) else {
            return false;
        };
        if segment.offset < end || segment_end > map.size {
            return false;
        }
        end = segment_end;
        total += segment.length;
    }
    total.checked_add(map.map_bytes) == Some(stored_bytes) && i64::try_from(map.size).is_ok()
}

// The pieces listed from `offset` on in `block`, and whether another block of them follows.
fn old_gnu_segments(
    block: &Block,
    offset: usize,
    count: usize,
    found: &mut Vec<SparseSegment>,
) -> Option<bool> {
    for index in 0..count {
        let at = offset + index * 24;
        if byte(block, at) == 0 {
            break;
        }
        found.push(SparseSegment {
            offset: u64::try_from(number(field(block, at, 12))?).ok()?,
            length: u64::try_from(number(field(block, at + 12, 12))?).ok()?,
        });
    }
    Some(byte(block, offset + count * 24) != 0)
}

fn numbers_of_list(list: &[u8]) -> Option<Vec<u64>> {
    if list.is_empty() {
        return Some(Vec::new());
    }
    list.split(|byte| *byte == b',').map(decimal).collect()
}

// Format 1.0: decimal lines in front of the content, their count first, padded to a block.
fn read_map_1_0<R: BufRead>(
    stored_bytes: u64,
    source: &mut Source<R>,
    limits: &Limits,
) -> Result<(Vec<SparseSegment>, u64), TarError> {
    let bad = bad_map(source.offset());
    let mut numbers: Vec<u64> = Vec::new();
    let mut wanted: Option<usize> = None;
    let mut map_bytes = 0_u64;
    let mut line: Vec<u8> = Vec::new();
    let mut block = [0; BLOCK_BYTES];
    while wanted.is_none_or(|wanted| numbers.len() < wanted) {
        map_bytes += block.len() as u64;
        if map_bytes > stored_bytes {
            return Err(bad());
        }
        if source.read_full(&mut block)? < BLOCK_BYTES {
            return Err(TarError::Truncated);
        }
        for byte in block {
            if wanted.is_some_and(|wanted| numbers.len() >= wanted) {
                break;
            }
            if byte != b'\n' {
                line.push(byte);
                if line.len() > 20 {
                    return Err(bad());
                }
                continue;
            }
            let number = decimal(&line).ok_or_else(&bad)?;
            line.clear();
            if wanted.is_some() {
                numbers.push(number);
            } else {
                let count = usize::try_from(number).unwrap_or(usize::MAX);
                check_count(count, limits)?;
                wanted = Some(count.saturating_mul(2));
            }
        }
    }
    let found = segments(&numbers).ok_or_else(&bad)?;
    Ok((found, map_bytes))
}

fn check_count(count: usize, limits: &Limits) -> Result<(), TarError> {
    if count > limits.sparse_segments {
        let limit = as_u64(limits.sparse_segments);
        return Err(LimitExceeded::SparseSegments { limit }.into());
    }
    Ok(())
}

fn bad_map(offset: u64) -> impl Fn() -> TarError {
    move || TarError::Header {
        offset,
        field: "map of a sparse file",
    }
}
