//! Names and secrets that nobody can guess.

use std::fmt::Write as _;

/// `N` bytes from the kernel.
///
/// # Panics
/// When the kernel has none, which Linux promises not to happen.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    #[expect(
        clippy::expect_used,
        reason = "going on without randomness would be worse than ending"
    )]
    getrandom::fill(&mut bytes).expect("the kernel gives random bytes");
    bytes
}

/// A random UUID (version 4, RFC 9562), which the distribution specification asks for in the address of an upload.
pub(crate) fn uuid() -> String {
    let mut bytes: [u8; 16] = bytes();
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let mut text = String::with_capacity(36);
    for (position, byte) in bytes.iter().enumerate() {
        if matches!(position, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_looks_like_one_and_is_new() {
        let (one, other) = (uuid(), uuid());
        assert_ne!(one, other);
        let groups: Vec<usize> = one.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12]);
        assert_eq!(one.as_bytes()[14], b'4');
        assert!(b"89ab".contains(&one.as_bytes()[19]));
    }
}
