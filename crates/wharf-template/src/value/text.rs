//! Strings as Go has them: bytes that are usually, but not always, UTF-8. A template can cut one in the middle of a
//! character (`slice`, `truncate`), and then Docker prints those bytes.

use std::fmt;
use std::sync::Arc;

/// A Go string: immutable bytes, cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GoString(Arc<[u8]>);

impl GoString {
    /// The bytes as they are.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Length in bytes, as Go's `len` counts.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no byte in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<&str> for GoString {
    fn from(text: &str) -> Self {
        Self(text.as_bytes().into())
    }
}

impl From<String> for GoString {
    fn from(text: String) -> Self {
        Self(text.into_bytes().into())
    }
}

impl From<&[u8]> for GoString {
    fn from(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl From<Vec<u8>> for GoString {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

/// Shows what is not UTF-8 as U+FFFD.
impl fmt::Display for GoString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for GoString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

/// One step of reading bytes as UTF-8 in Go's way: a byte that starts no character stands for itself alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rune {
    /// A character, and how many bytes it takes.
    Char(char, usize),
    /// A byte that is not UTF-8; Go counts it as one character, U+FFFD.
    Invalid(u8),
}

impl Rune {
    /// The bytes that it takes.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Char(_, length) => length,
            Self::Invalid(_) => 1,
        }
    }

    /// The character, U+FFFD where there is none.
    pub(crate) fn character(self) -> char {
        match self {
            Self::Char(character, _) => character,
            Self::Invalid(_) => char::REPLACEMENT_CHARACTER,
        }
    }
}

/// Reads bytes as Go's `range` over a string does.
#[derive(Debug, Clone)]
pub(crate) struct Runes<'a>(&'a [u8]);

/// The characters of `bytes`.
pub(crate) fn runes(bytes: &[u8]) -> Runes<'_> {
    Runes(bytes)
}

impl Iterator for Runes<'_> {
    type Item = Rune;

    fn next(&mut self) -> Option<Rune> {
        let first = *self.0.first()?;
        let rune = if first.is_ascii() {
            Rune::Char(char::from(first), 1)
        } else {
            let head = self.0.get(..4).unwrap_or(self.0);
            let valid = match std::str::from_utf8(head) {
                Ok(text) => text,
                Err(error) => {
                    std::str::from_utf8(head.get(..error.valid_up_to()).unwrap_or_default())
                        .unwrap_or("")
                }
            };
            valid
                .chars()
                .next()
                .map_or(Rune::Invalid(first), |character| {
                    Rune::Char(character, character.len_utf8())
                })
        };
        self.0 = self.0.get(rune.len()..).unwrap_or_default();
        Some(rune)
    }
}

/// How many characters Go counts in `bytes`.
pub(crate) fn rune_count(bytes: &[u8]) -> usize {
    if bytes.is_ascii() {
        bytes.len()
    } else {
        runes(bytes).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_character_count_one_each() {
        assert_eq!(rune_count("aé€😀".as_bytes()), 4);
        assert_eq!(rune_count(b"\xc3"), 1);
        assert_eq!(rune_count(b"\xe2\x82"), 2);
        assert_eq!(rune_count(b"\xff\xc3\xa9"), 2);
        let read: String = runes(b"a\xe2\x82b").map(Rune::character).collect();
        assert_eq!(read, "a\u{fffd}\u{fffd}b");
    }
}
