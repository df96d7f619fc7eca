//! Tells a compression by the first bytes of a stream.

/// How a layer's archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all: a plain archive.
    None,
    /// Gzip, also of several members (stargz and eStargz are that).
    Gzip,
    /// Zstandard, also of several frames and with skippable ones (zstd:chunked is that).
    Zstd,
    /// Bzip2, met in `load` and `import`.
    Bzip2,
    /// The xz container of LZMA2, met in `load` and `import`.
    Xz,
}

/// The number of bytes at the start of a stream that [`detect`] wants to see.
pub const MAGIC_BYTES: usize = 6;

/// The compression of a stream that starts with `start`: at least [`MAGIC_BYTES`] of it, or all of
/// it. Whatever has no known magic is [`Compression::None`].
pub fn detect(start: &[u8]) -> Compression {
    // Skippable frames (0x184D2A50 to 0x184D2A5F) may stand in front of the first data frame.
    let skippable = matches!(start, [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..]);
    if start.starts_with(&[0x1f, 0x8b, 0x08]) {
        Compression::Gzip
    } else if skippable || start.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Compression::Zstd
    } else if matches!(start, [b'B', b'Z', b'h', b'1'..=b'9', ..]) {
        Compression::Bzip2
    } else if start.starts_with(&[0xfd, b'7', b'z', b'X', b'Z', 0x00]) {
        Compression::Xz
    } else {
        Compression::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_each_magic() {
        for (start, expected) in [
            (&b""[..], Compression::None),
            (b"etc/passwd\0\0", Compression::None),
            (b"\x1f\x8b", Compression::None),
            (b"\x1f\x8b\x08\0\0\0", Compression::Gzip),
            (b"\x28\xb5\x2f\xfd\0\0", Compression::Zstd),
            (b"\x5e\x2a\x4d\x18\0\0", Compression::Zstd),
            (b"BZh91A", Compression::Bzip2),
            (b"BZh01A", Compression::None),
            (b"\xfd7zXZ\0", Compression::Xz),
        ] {
            assert_eq!(detect(start), expected, "{start:?}");
        }
    }
}
