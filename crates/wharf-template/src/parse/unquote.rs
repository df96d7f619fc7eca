//! Reads quoted strings and characters as Go's source does.

use super::error::ParseReason;
use crate::value::GoString;

/// The text of a string literal with its quotes, `"..."` or `` `...` ``.
pub(crate) fn string(quoted: &str) -> Result<GoString, ParseReason> {
    if let Some(raw) = quoted
        .strip_prefix('`')
        .and_then(|rest| rest.strip_suffix('`'))
    {
        return Ok(raw.replace('\r', "").into());
    }
    let body = quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or(ParseReason::InvalidSyntax)?;
    if !body.contains('\\') {
        return Ok(body.into());
    }
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    while !rest.is_empty() {
        let (part, tail) = next(rest, '"')?;
        match part {
            Part::Character(character) => {
                bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Part::Byte(byte) => bytes.push(byte),
        }
        rest = tail;
    }
    Ok(bytes.into())
}

/// The code of the first character of `text`, whose literal is enclosed by `quote`, and what follows it.
pub(crate) fn first_character(text: &str, quote: char) -> Result<(u32, &str), ParseReason> {
    let (part, rest) = next(text, quote)?;
    let code = match part {
        Part::Character(character) => u32::from(character),
        Part::Byte(byte) => u32::from(byte),
    };
    Ok((code, rest))
}

enum Part {
    Character(char),
    Byte(u8),
}

fn next(text: &str, quote: char) -> Result<(Part, &str), ParseReason> {
    let mut characters = text.chars();
    let first = characters.next().ok_or(ParseReason::InvalidSyntax)?;
    if first == quote {
        return Err(ParseReason::InvalidSyntax);
    }
    if first != '\\' {
        return Ok((Part::Character(first), characters.as_str()));
    }
    let escape = characters.next().ok_or(ParseReason::InvalidSyntax)?;
    let rest = characters.as_str();
    let simple = |character| Ok((Part::Character(character), rest));
    match escape {
        'a' => simple('\x07'),
        'b' => simple('\x08'),
        'f' => simple('\x0c'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\x0b'),
        '\\' => simple('\\'),
        '\'' | '"' if escape == quote => simple(quote),
        'x' => digits(rest, 2, 16).and_then(|(code, rest)| Ok((Part::Byte(byte(code)?), rest))),
        'u' => digits(rest, 4, 16)
            .and_then(|(code, rest)| Ok((Part::Character(character(code)?), rest))),
        'U' => digits(rest, 8, 16)
            .and_then(|(code, rest)| Ok((Part::Character(character(code)?), rest))),
        '0'..='7' => {
            let octal = text.get(1..).unwrap_or_default();
            digits(octal, 3, 8).and_then(|(code, rest)| Ok((Part::Byte(byte(code)?), rest)))
        }
        _ => Err(ParseReason::InvalidSyntax),
    }
}

fn digits(text: &str, count: usize, radix: u32) -> Result<(u32, &str), ParseReason> {
    let (digits, rest) = text
        .split_at_checked(count)
        .ok_or(ParseReason::InvalidSyntax)?;
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err(ParseReason::InvalidSyntax);
    }
    match u32::from_str_radix(digits, radix) {
        Ok(code) => Ok((code, rest)),
        Err(_too_large) => Err(ParseReason::InvalidSyntax),
    }
}

fn byte(code: u32) -> Result<u8, ParseReason> {
    code.try_into().or(Err(ParseReason::InvalidSyntax))
}

fn character(code: u32) -> Result<char, ParseReason> {
    char::from_u32(code).ok_or(ParseReason::InvalidSyntax)
}
