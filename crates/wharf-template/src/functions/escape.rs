//! `html`, `js`, `urlquery`.

use std::fmt::Write as _;

use super::builtin::made;
use super::error::{Failure, in_run};
use crate::execute::{Budget, Operand};
use crate::print::{Printer, is_printable};
use crate::value::{Rune, Value, runes};

/// The arguments as `print` shows them, but what is not there as in the output of a template.
fn printed(arguments: &[Operand], budget: &Budget) -> Result<Vec<u8>, Failure> {
    let shown = |argument: &Operand| {
        argument
            .clone()
            .unwrapped()
            .printable()
            .unwrap_or(Value::from("<no value>"))
    };
    let values: Vec<_> = arguments.iter().map(shown).collect();
    let mut printer = Printer::new(budget.bytes_left());
    printer
        .print(&values)
        .map_err(|error| in_run(error, budget))?;
    Ok(printer.into_bytes())
}

pub(super) fn html(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let text = printed(arguments, budget)?;
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text {
        match byte {
            0 => escaped.extend_from_slice("\u{fffd}".as_bytes()),
            b'"' => escaped.extend_from_slice(b"&#34;"),
            b'\'' => escaped.extend_from_slice(b"&#39;"),
            b'&' => escaped.extend_from_slice(b"&amp;"),
            b'<' => escaped.extend_from_slice(b"&lt;"),
            b'>' => escaped.extend_from_slice(b"&gt;"),
            other => escaped.push(other),
        }
    }
    made(escaped, budget)
}

pub(super) fn js(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let text = printed(arguments, budget)?;
    let mut escaped = String::with_capacity(text.len());
    for character in runes(&text).map(Rune::character) {
        match character {
            '\\' | '\'' | '"' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\0'..' ' | '<' | '>' | '&' | '=' => push_code(&mut escaped, character),
            _ if character.is_ascii() || is_printable(character) => escaped.push(character),
            _ => push_code(&mut escaped, character),
        }
    }
    made(escaped, budget)
}

fn push_code(escaped: &mut String, character: char) {
    // Writing to a string cannot fail.
    let _infallible = write!(escaped, "\\u{:04X}", u32::from(character));
}

pub(super) fn urlquery(arguments: &[Operand], budget: &mut Budget) -> Result<Operand, Failure> {
    let text = printed(arguments, budget)?;
    let mut escaped = String::with_capacity(text.len());
    for byte in text {
        match byte {
            b' ' => escaped.push('+'),
            b'-' | b'_' | b'.' | b'~' => escaped.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => escaped.push(char::from(byte)),
            _ => {
                // Writing to a string cannot fail.
                let _infallible = write!(escaped, "%{byte:02X}");
            }
        }
    }
    made(escaped, budget)
}
