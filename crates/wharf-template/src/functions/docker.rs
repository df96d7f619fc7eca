//! The functions that Docker adds.

use super::builtin::{made, map_characters, operand, text};
use super::case;
use super::error::{CallError, Failure};
use crate::execute::{Budget, Operand};
use crate::json::{Escape, Indent, encode, indent};
use crate::value::{GoString, Rune, Value, runes};

/// Without escapes for HTML.
pub(super) fn json(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let text =
        encode(&operand(arguments, 0).into_value(), Escape::Plain).map_err(CallError::from)?;
    made(text.trim().to_owned(), budget)
}

/// As Go's `json.MarshalIndent` with two spaces.
pub(super) fn indented_json(
    arguments: &[Operand],
    budget: &mut Budget,
) -> Result<Operand, Failure> {
    let text =
        encode(&operand(arguments, 0).into_value(), Escape::Html).map_err(CallError::from)?;
    // What was just encoded can be read, and is text: only its white space changes.
    let lines = indent(text.as_bytes(), Indent::TwoSpaces).map(String::from_utf8);
    made(lines.ok().and_then(Result::ok).unwrap_or(text), budget)
}

pub(super) fn split(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let (whole, separator) = (text(arguments, 0), text(arguments, 1));
    // Every part costs something of its own, however short it is.
    budget.made(whole.len().saturating_mul(2))?;
    let parts = if separator.is_empty() {
        let mut rest = whole.as_bytes();
        let lengths: Vec<_> = runes(whole.as_bytes()).map(Rune::len).collect();
        lengths
            .into_iter()
            .filter_map(|length| {
                let (part, tail) = rest.split_at_checked(length)?;
                rest = tail;
                Some(part)
            })
            .collect()
    } else {
        split_bytes(whole.as_bytes(), separator.as_bytes())
    };
    Ok(Operand::Concrete(Value::strings(parts)))
}

fn split_bytes<'t>(text: &'t [u8], separator: &[u8]) -> Vec<&'t [u8]> {
    let mut parts = Vec::new();
    let (mut start, mut at) = (0, 0);
    while at + separator.len() <= text.len() {
        if text
            .get(at..)
            .is_some_and(|rest| rest.starts_with(separator))
        {
            parts.push(text.get(start..at).unwrap_or_default());
            at += separator.len();
            start = at;
        } else {
            at += 1;
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

pub(super) fn join(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let separator = text(arguments, 1);
    let mut joined = Vec::new();
    if let Some(Value::List(list)) = operand(arguments, 0).value().map(Value::base) {
        for (index, item) in list.items().iter().enumerate() {
            if index > 0 {
                joined.extend_from_slice(separator.as_bytes());
            }
            if let Value::String(item) = item.base() {
                joined.extend_from_slice(item.as_bytes());
            }
            if joined.len() > budget.bytes_left() {
                break;
            }
        }
    }
    made(joined, budget)
}

/// The first letter of every word as in a title.
pub(super) fn title(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let mut previous = ' ';
    let titled = map_characters(&text(arguments, 0), |character| {
        let starts = case::is_separator(previous);
        previous = character;
        if starts {
            case::title(character)
        } else {
            character
        }
    });
    made(titled, budget)
}

pub(super) fn lower(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    made(map_characters(&text(arguments, 0), case::lower), budget)
}

pub(super) fn upper(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    made(map_characters(&text(arguments, 0), case::upper), budget)
}

/// Spaces before and behind, but none around an empty text.
pub(super) fn pad(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let source = text(arguments, 0);
    if source.is_empty() {
        return made(source, budget);
    }
    let spaces = |index| match usize::try_from(integer(arguments, index)) {
        Err(_negative) => Err(Failure::from(CallError::NegativeRepeat)),
        Ok(count) if count > budget.bytes_left() => Err(Failure::Limit(budget.too_long())),
        Ok(count) => Ok(vec![b' '; count]),
    };
    let padded = [
        spaces(1)?.as_slice(),
        source.as_bytes(),
        spaces(2)?.as_slice(),
    ]
    .concat();
    made(padded, budget)
}

/// The first bytes; a character may be cut in two, as Docker does.
pub(super) fn truncate(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let (source, length) = (text(arguments, 0), integer(arguments, 1));
    match usize::try_from(length) {
        Err(_negative) => Err(CallError::NegativeLength { length }.into()),
        Ok(length) => match source.as_bytes().get(..length) {
            Some(cut) => made(GoString::from(cut), budget),
            None => made(source, budget),
        },
    }
}

/// What the functions of a header do.
#[expect(
    clippy::unnecessary_wraps,
    reason = "a function of templates, as the others"
)]
pub(super) fn unchanged(arguments: &[Operand], _: &mut Budget) -> Result<Operand, Failure> {
    Ok(Operand::Concrete(Value::String(text(arguments, 0))))
}

fn integer(arguments: &[Operand], index: usize) -> i64 {
    match arguments
        .get(index)
        .and_then(Operand::value)
        .map(Value::base)
    {
        Some(Value::Int(number)) => *number,
        _ => 0,
    }
}
