//! Numbers within bytes that anybody may have written: `None` beyond their end.

/// The `length` bytes from `offset` on.
pub(crate) fn slice(bytes: &[u8], offset: usize, length: usize) -> Option<&[u8]> {
    bytes.get(offset..offset.checked_add(length)?)
}

/// A number in two bytes, the high one first.
pub(crate) fn u16_be(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_be_bytes(
        slice(bytes, offset, 2)?.try_into().ok()?,
    ))
}

/// A number in two bytes, the low one first.
pub(crate) fn u16_le(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(
        slice(bytes, offset, 2)?.try_into().ok()?,
    ))
}

/// A number in four bytes, the high one first.
pub(crate) fn u32_be(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_be_bytes(
        slice(bytes, offset, 4)?.try_into().ok()?,
    ))
}

/// A number in four bytes, the low one first.
pub(crate) fn u32_le(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(
        slice(bytes, offset, 4)?.try_into().ok()?,
    ))
}

/// A place or length of 32 bits.
pub(crate) fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
