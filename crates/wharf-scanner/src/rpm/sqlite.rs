//! rpm's database since 4.16: SQLite, with the headers in the table `Packages` (SQLite, "Database File Format").
//!
//! Only tables are walked, no index, no journal: rpm closes its database when it is done, and an image holds what was written then.

use super::{HEADER_LIMIT_BYTES, RpmError, Take};
use crate::bytes::{size, slice, u16_be, u32_be};

const MAGIC: &[u8] = b"SQLite format 3\0";
const FILE_HEADER_BYTES: usize = 100;
const LEAF: u8 = 0x0d;
const INTERIOR: u8 = 0x05;
/// No tree of a real database is so deep.
const DEPTH_LIMIT: usize = 20;
const TABLE: &[u8] = b"Packages";

pub(super) fn is_one(database: &[u8]) -> bool {
    database.starts_with(MAGIC)
}

pub(super) fn headers(database: &[u8], take: Take<'_>) -> Result<(), RpmError> {
    let file = File::open(database).ok_or(RpmError::Damaged("its header is wrong"))?;
    let mut root = None;
    file.rows(1, &mut |row| {
        // type, name, tbl_name, rootpage, sql
        if row.value(0) == Some(b"table") && row.value(1) == Some(TABLE) {
            root = row.number(3);
        }
        Ok(())
    })?;
    let root = root.ok_or(RpmError::Damaged("it has no table Packages"))?;
    // hnum, blob
    file.rows(root, &mut |row| {
        let header = row
            .value(1)
            .ok_or(RpmError::Damaged("a row has no header"))?;
        take(header)
    })
}

struct File<'a> {
    bytes: &'a [u8],
    page_bytes: usize,
    /// Without what each page keeps for extensions.
    usable_bytes: usize,
}

impl<'a> File<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        let page_bytes = match u16_be(bytes, 16)? {
            1 => 65536,
            other => usize::from(other),
        };
        let usable_bytes = page_bytes.checked_sub(usize::from(*bytes.get(20)?))?;
        let is_sound = page_bytes.is_power_of_two() && page_bytes >= 512 && usable_bytes >= 480;
        is_sound.then_some(Self {
            bytes,
            page_bytes,
            usable_bytes,
        })
    }

    fn page(&self, number: usize) -> Result<&'a [u8], RpmError> {
        let offset = number
            .checked_sub(1)
            .and_then(|before| before.checked_mul(self.page_bytes));
        let page = offset.and_then(|offset| slice(self.bytes, offset, self.page_bytes));
        page.ok_or(RpmError::Damaged("a page lies behind its end"))
    }

    /// Gives every row of a table.
    fn rows(
        &self,
        root: usize,
        give: &mut dyn FnMut(&Row) -> Result<(), RpmError>,
    ) -> Result<(), RpmError> {
        // (page, depth); no page belongs to a tree twice
        let mut waiting = vec![(root, 0)];
        let mut left = self.bytes.len() / self.page_bytes;
        let mut left_bytes = self.bytes.len();
        while let Some((number, depth)) = waiting.pop() {
            left = left
                .checked_sub(1)
                .ok_or(RpmError::Damaged("its pages run in circles"))?;
            if depth > DEPTH_LIMIT {
                return Err(RpmError::Damaged("a table is too deep"));
            }
            let page = self.page(number)?;
            let start = if number == 1 { FILE_HEADER_BYTES } else { 0 };
            let short = RpmError::Damaged("a page is cut off");
            let kind = *page.get(start).ok_or(short.clone())?;
            let count = usize::from(u16_be(page, start + 3).ok_or(short.clone())?);
            let pointers = start + if kind == INTERIOR { 12 } else { 8 };
            let cell = |index: usize| u16_be(page, pointers + 2 * index).map(usize::from);
            match kind {
                INTERIOR => {
                    let last = u32_be(page, start + 8).ok_or(short.clone())?;
                    // the last is taken first: rows come in their order
                    waiting.push((size(last), depth + 1));
                    for index in (0..count).rev() {
                        let child = cell(index).and_then(|offset| u32_be(page, offset));
                        waiting.push((size(child.ok_or(short.clone())?), depth + 1));
                    }
                }
                LEAF => {
                    for index in 0..count {
                        let offset = cell(index).ok_or(short.clone())?;
                        let payload = self.payload(page, offset)?;
                        let rest = left_bytes.checked_sub(payload.len());
                        left_bytes = rest.ok_or(RpmError::Damaged("its rows overlap"))?;
                        give(&Row::read(payload)?)?;
                    }
                }
                _ => return Err(RpmError::Damaged("a page is of no table")),
            }
        }
        Ok(())
    }

    /// What a cell of a leaf holds: what does not fit lies on pages of its own.
    fn payload(&self, page: &[u8], offset: usize) -> Result<Vec<u8>, RpmError> {
        let short = RpmError::Damaged("a row is cut off");
        let (length, after) = number(page, offset).ok_or(short.clone())?;
        let (_row, start) = number(page, after).ok_or(short.clone())?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > HEADER_LIMIT_BYTES || length > self.bytes.len() {
            return Err(RpmError::Damaged("a row is longer than the database"));
        }
        let local = self.local_bytes(length);
        let mut payload = slice(page, start, local).ok_or(short.clone())?.to_vec();
        let mut next = if local < length {
            u32_be(page, start + local).ok_or(short.clone())?
        } else {
            0
        };
        while payload.len() < length {
            if next == 0 {
                return Err(short);
            }
            let page = self.page(size(next))?;
            next = u32_be(page, 0).ok_or(short.clone())?;
            let wanted = (length - payload.len()).min(self.usable_bytes - 4);
            payload.extend_from_slice(slice(page, 4, wanted).ok_or(short.clone())?);
        }
        Ok(payload)
    }

    /// How much of a payload lies in its cell.
    fn local_bytes(&self, length: usize) -> usize {
        let usable = self.usable_bytes;
        if length <= usable - 35 {
            return length;
        }
        let minimum = (usable - 12) * 32 / 255 - 23;
        let wanted = minimum + (length - minimum) % (usable - 4);
        if wanted <= usable - 35 {
            wanted
        } else {
            minimum
        }
    }
}

/// A row: the types of its values, and the values.
struct Row {
    payload: Vec<u8>,
    /// Type, place and length of each value.
    values: Vec<(u64, usize, usize)>,
}

impl Row {
    fn read(payload: Vec<u8>) -> Result<Self, RpmError> {
        let short = RpmError::Damaged("a row's header is cut off");
        let (header_bytes, mut offset) = number(&payload, 0).ok_or(short.clone())?;
        let header_bytes = usize::try_from(header_bytes).unwrap_or(usize::MAX);
        if header_bytes > payload.len() {
            return Err(short);
        }
        let mut values = Vec::new();
        let mut place = header_bytes;
        while offset < header_bytes {
            let (kind, after) = number(&payload, offset).ok_or(short.clone())?;
            let length = match kind {
                0 | 8 | 9 => 0,
                1..=4 => kind,
                5 => 6,
                6 | 7 => 8,
                10 | 11 => return Err(RpmError::Damaged("a value has no type")),
                kind => (kind - 12) / 2,
            };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            values.push((kind, place, length));
            place = place.checked_add(length).ok_or(short.clone())?;
            offset = after;
        }
        Ok(Self { payload, values })
    }

    /// The bytes of a text or blob.
    fn value(&self, index: usize) -> Option<&[u8]> {
        let (kind, place, length) = *self.values.get(index)?;
        slice(&self.payload, place, length).filter(|_| kind >= 12)
    }

    /// A whole number that is not negative.
    fn number(&self, index: usize) -> Option<usize> {
        let (kind, place, length) = *self.values.get(index)?;
        match kind {
            8 => Some(0),
            9 => Some(1),
            1..=6 => {
                let bytes = slice(&self.payload, place, length)?;
                let fold = |number: u64, byte: &u8| (number << 8) | u64::from(*byte);
                usize::try_from(bytes.iter().fold(0, fold)).ok()
            }
            _ => None,
        }
    }
}

/// A number of one to nine bytes; with the place behind it.
fn number(bytes: &[u8], offset: usize) -> Option<(u64, usize)> {
    let mut value = 0_u64;
    for index in 0..8 {
        let byte = *bytes.get(offset.checked_add(index)?)?;
        value = (value << 7) | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, offset + index + 1));
        }
    }
    let last = *bytes.get(offset.checked_add(8)?)?;
    Some(((value << 8) | u64::from(last), offset + 9))
}
