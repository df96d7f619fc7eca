//! rpm's database up to 4.15: a hash of Berkeley DB (its `dbinc/db_page.h`), whose values are the headers.

use super::{HEADER_LIMIT_BYTES, RpmError, Take};
use crate::bytes::{size, slice, u16_be, u16_le, u32_be, u32_le};

const HASH: u32 = 0x0006_1561;
const PAGE_HEADER_BYTES: usize = 26;
const HASH_UNSORTED: u8 = 2;
const OVERFLOW: u8 = 7;
const HASH_SORTED: u8 = 13;
/// A value on pages of its own.
const OFF_PAGE: u8 = 3;
/// A value in its page.
const KEY_DATA: u8 = 1;

/// A file, in the order of the bytes of the machine that wrote it.
struct File<'a> {
    bytes: &'a [u8],
    page_bytes: usize,
    swapped: bool,
}

pub(super) fn is_one(database: &[u8]) -> bool {
    u32_le(database, 12) == Some(HASH) || u32_be(database, 12) == Some(HASH)
}

pub(super) fn headers(database: &[u8], take: Take<'_>) -> Result<(), RpmError> {
    let swapped = u32_be(database, 12) == Some(HASH);
    let mut file = File {
        bytes: database,
        page_bytes: 0,
        swapped,
    };
    let cut_off = RpmError::Damaged("its header is cut off");
    file.page_bytes = size(file.u32(database, 20).ok_or(cut_off.clone())?);
    let is_sound = file.page_bytes.is_power_of_two() && (512..=65536).contains(&file.page_bytes);
    if !is_sound {
        return Err(RpmError::Damaged("its pages have no sound size"));
    }
    if database.get(24).ok_or(cut_off)? != &0 {
        return Err(RpmError::Damaged("it is encrypted"));
    }
    for number in 1..database.len() / file.page_bytes {
        let page = file.page(number)?;
        if matches!(page.get(25), Some(&(HASH_SORTED | HASH_UNSORTED))) {
            file.values(page, take)?;
        }
    }
    Ok(())
}

impl<'a> File<'a> {
    fn u16(&self, bytes: &[u8], offset: usize) -> Option<u16> {
        if self.swapped {
            u16_be(bytes, offset)
        } else {
            u16_le(bytes, offset)
        }
    }

    fn u32(&self, bytes: &[u8], offset: usize) -> Option<u32> {
        if self.swapped {
            u32_be(bytes, offset)
        } else {
            u32_le(bytes, offset)
        }
    }

    fn page(&self, number: usize) -> Result<&'a [u8], RpmError> {
        let offset = number.checked_mul(self.page_bytes);
        let page = offset.and_then(|offset| slice(self.bytes, offset, self.page_bytes));
        page.ok_or(RpmError::Damaged("a page lies behind its end"))
    }

    /// The values of a page: each second one of its entries, the others are keys.
    fn values(&self, page: &[u8], take: Take<'_>) -> Result<(), RpmError> {
        let short = RpmError::Damaged("a page is cut off");
        let count = usize::from(self.u16(page, 20).ok_or(short.clone())?);
        for index in (1..count).step_by(2) {
            let place = |index: usize| self.u16(page, PAGE_HEADER_BYTES + 2 * index);
            let offset = usize::from(place(index).ok_or(short.clone())?);
            match *page.get(offset).ok_or(short.clone())? {
                OFF_PAGE => {
                    let first = self.u32(page, offset + 4).ok_or(short.clone())?;
                    let length = self.u32(page, offset + 8).ok_or(short.clone())?;
                    take(&self.chain(size(first), size(length))?)?;
                }
                KEY_DATA => {
                    // entries grow from the page's end down
                    let end = usize::from(place(index - 1).ok_or(short.clone())?);
                    let value = page.get(offset + 1..end).ok_or(short.clone())?;
                    // the entry that counts packages has four bytes
                    if value.len() > 8 {
                        take(value)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A value on pages of its own.
    fn chain(&self, first: usize, length: usize) -> Result<Vec<u8>, RpmError> {
        let short = RpmError::Damaged("a header is cut off");
        if length > HEADER_LIMIT_BYTES || length > self.bytes.len() {
            return Err(RpmError::Damaged("a header is longer than the database"));
        }
        let mut value = Vec::with_capacity(length);
        let mut next = first;
        while value.len() < length {
            if next == 0 {
                return Err(short);
            }
            let page = self.page(next)?;
            if page.get(25) != Some(&OVERFLOW) {
                return Err(RpmError::Damaged(
                    "a header leads to a page of another kind",
                ));
            }
            let held = usize::from(self.u16(page, 22).ok_or(short.clone())?);
            if held == 0 {
                return Err(short);
            }
            let wanted = held.min(length - value.len());
            let part = slice(page, PAGE_HEADER_BYTES, wanted).ok_or(short.clone())?;
            value.extend_from_slice(part);
            next = size(self.u32(page, 16).ok_or(short.clone())?);
        }
        Ok(value)
    }
}
