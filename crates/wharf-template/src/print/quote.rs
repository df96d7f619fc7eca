//! Go's quoted strings and characters, and which characters Go counts as printable.

use std::fmt::{Arguments, Write as _};

use unicode_general_category::{GeneralCategory as Is, get_general_category};

use crate::value::{Rune, runes};

/// `bytes` between double quotes, as `%q` prints them.
pub(crate) fn quote(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&quote_bytes(bytes, '"', false)).into_owned()
}

/// The first `count` characters of `bytes` between double quotes, as `%.{count}q` prints them.
pub(crate) fn quote_cut(bytes: &[u8], count: usize) -> String {
    let length = runes(bytes).take(count).map(Rune::len).sum();
    quote(bytes.get(..length).unwrap_or(bytes))
}

/// `bytes` between `quote`s; `ascii_only` is the flag `+` of `%q`.
pub(crate) fn quote_bytes(bytes: &[u8], quote: char, ascii_only: bool) -> Vec<u8> {
    let mut quoted = String::with_capacity(bytes.len() + 2);
    quoted.push(quote);
    for rune in runes(bytes) {
        match rune {
            Rune::Invalid(byte) => push(&mut quoted, format_args!("\\x{byte:02x}")),
            Rune::Char(character, _) => push_escaped(&mut quoted, character, quote, ascii_only),
        }
    }
    quoted.push(quote);
    quoted.into_bytes()
}

fn push_escaped(quoted: &mut String, character: char, quote: char, ascii_only: bool) {
    match character {
        '\x07' => quoted.push_str("\\a"),
        '\x08' => quoted.push_str("\\b"),
        '\x0c' => quoted.push_str("\\f"),
        '\n' => quoted.push_str("\\n"),
        '\r' => quoted.push_str("\\r"),
        '\t' => quoted.push_str("\\t"),
        '\x0b' => quoted.push_str("\\v"),
        '\\' => quoted.push_str("\\\\"),
        character if character == quote => {
            quoted.push('\\');
            quoted.push(quote);
        }
        character if is_printable(character) && (character.is_ascii() || !ascii_only) => {
            quoted.push(character);
        }
        character => {
            let code = u32::from(character);
            match code {
                0..0x20 | 0x7f => push(quoted, format_args!("\\x{code:02x}")),
                0x20..0x1_0000 => push(quoted, format_args!("\\u{code:04x}")),
                _ => push(quoted, format_args!("\\U{code:08x}")),
            }
        }
    }
}

fn push(quoted: &mut String, text: Arguments<'_>) {
    // Writing to a string cannot fail.
    let _infallible = quoted.write_fmt(text);
}

/// `U+00E9 'é'`, as `%#U` prints it.
pub(crate) fn character_code(character: char) -> String {
    let code = u32::from(character);
    if is_printable(character) {
        format!("U+{code:04X} '{character}'")
    } else {
        format!("U+{code:04X}")
    }
}

/// Letters, marks, numbers, punctuation, symbols and the ASCII space.
pub(crate) fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return (' '..='~').contains(&character);
    }
    !matches!(
        get_general_category(character),
        Is::Control
            | Is::Format
            | Is::Surrogate
            | Is::PrivateUse
            | Is::Unassigned
            | Is::SpaceSeparator
            | Is::LineSeparator
            | Is::ParagraphSeparator
    )
}

/// Go's letters and decimal digits.
pub(crate) fn is_letter_or_digit(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    matches!(
        get_general_category(character),
        Is::UppercaseLetter
            | Is::LowercaseLetter
            | Is::TitlecaseLetter
            | Is::ModifierLetter
            | Is::OtherLetter
            | Is::DecimalNumber
    )
}
