//! Upper, lower and title case as Go's `unicode` has them: one character for one character, in any language.

use crate::print::is_letter_or_digit;

/// Go's `unicode.ToUpper`.
pub(super) fn upper(character: char) -> char {
    match character {
        // Letters with iota below have a single capital, which Unicode's full mapping takes apart.
        '\u{1f80}'..='\u{1f87}' | '\u{1f90}'..='\u{1f97}' | '\u{1fa0}'..='\u{1fa7}' => {
            shifted(character, 8)
        }
        '\u{1fb3}' | '\u{1fc3}' | '\u{1ff3}' => shifted(character, 9),
        _ => single(character, character.to_uppercase()),
    }
}

/// Go's `unicode.ToLower`.
pub(super) fn lower(character: char) -> char {
    match character {
        'İ' => 'i',
        _ => single(character, character.to_lowercase()),
    }
}

/// Go's `unicode.ToTitle`.
pub(super) fn title(character: char) -> char {
    match character {
        'Ǆ'..='ǆ' => 'ǅ',
        'Ǉ'..='ǉ' => 'ǈ',
        'Ǌ'..='ǌ' => 'ǋ',
        'Ǳ'..='ǳ' => 'ǲ',
        // Georgian has capitals, but not for titles.
        '\u{10d0}'..='\u{10ff}' => character,
        _ => upper(character),
    }
}

/// Whether a word ends before `character` in Go's `strings.Title`.
pub(super) fn is_separator(character: char) -> bool {
    if character.is_ascii() {
        return !(character.is_ascii_alphanumeric() || character == '_');
    }
    !is_letter_or_digit(character) && character.is_whitespace()
}

/// The mapping, where it is to one character.
fn single(character: char, mut mapped: impl Iterator<Item = char>) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => character,
    }
}

fn shifted(character: char, by: u32) -> char {
    char::from_u32(u32::from(character) + by).unwrap_or(character)
}
