//! rpm's own database, which SUSE uses: slots that say where the headers lie (rpm, `lib/backend/ndb/rpmpkg.c`).

use super::{HEADER_LIMIT_BYTES, RpmError, Take};
use crate::bytes::{size, slice, u32_le};

const MAGIC: &[u8] = b"RpmP";
const SLOT: &[u8] = b"Slot";
const BLOB: &[u8] = b"BlbS";
const PAGE_BYTES: usize = 4096;
const SLOT_BYTES: usize = 16;
const BLOCK_BYTES: usize = 16;
/// The file's own header takes the place of two slots.
const FIRST_SLOT: usize = 2;

pub(super) fn is_one(database: &[u8]) -> bool {
    database.starts_with(MAGIC)
}

pub(super) fn headers(database: &[u8], take: Take<'_>) -> Result<(), RpmError> {
    let damaged = RpmError::Damaged;
    if u32_le(database, 4) != Some(0) {
        return Err(damaged("its version is not known"));
    }
    let pages = size(u32_le(database, 12).ok_or(damaged("its header is cut off"))?);
    let slots = pages.checked_mul(PAGE_BYTES / SLOT_BYTES);
    let slots = slots.filter(|slots| *slots <= database.len() / SLOT_BYTES);
    let slots = slots.ok_or(damaged("it has more slots than bytes"))?;
    for number in FIRST_SLOT..slots {
        let slot = slice(database, number * SLOT_BYTES, SLOT_BYTES);
        let slot = slot.ok_or(damaged("its slots are cut off"))?;
        if !slot.starts_with(SLOT) {
            return Err(damaged("a slot is none"));
        }
        let (index, block) = (u32_le(slot, 4), u32_le(slot, 8));
        // an offset of zero is a slot that is free
        let Some(block) = block.filter(|block| *block != 0) else {
            continue;
        };
        let offset = size(block).checked_mul(BLOCK_BYTES);
        let offset = offset.ok_or(damaged("a header lies behind its end"))?;
        let head = slice(database, offset, 16).ok_or(damaged("a header lies behind its end"))?;
        if !head.starts_with(BLOB) || u32_le(head, 4) != index {
            return Err(damaged("a slot leads to no header of its own"));
        }
        let length = size(u32_le(head, 12).unwrap_or(u32::MAX));
        let header = slice(database, offset + 16, length);
        let header = header.filter(|header| header.len() <= HEADER_LIMIT_BYTES);
        take(header.ok_or(damaged("a header is cut off"))?)?;
    }
    Ok(())
}
