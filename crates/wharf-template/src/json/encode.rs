//! Values as JSON.

use std::fmt::Write as _;

use crate::print::{FloatForm, format_float};
use crate::value::{GoString, Rune, Struct, Type, Value, runes};

/// How deep values may be nested; Go has no limit, and no document of Docker comes near.
const DEPTH_LIMIT: usize = 200;

/// Whether `<`, `>` and `&` are written as `\u003c` and so on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// They are: Go's `json.Marshal`, Docker's `--format json`.
    Html,
    /// They are not: Docker's `{{json .Field}}`.
    Plain,
}

/// A value that JSON has no words for.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EncodeError {
    /// NaN or an infinity.
    #[error("json: unsupported value: {0}")]
    NotFinite(String),
    /// A complex number.
    #[error("json: unsupported type: complex128")]
    Complex,
    /// More values inside of each other than are allowed.
    #[error("json: values are nested more than {limit} deep")]
    TooDeep {
        /// How many are allowed.
        limit: usize,
    },
}

/// Writes `value` without spaces, keys of maps sorted, fields of structs in their order.
pub fn encode(value: &Value, escape: Escape) -> Result<String, EncodeError> {
    let mut encoder = Encoder {
        output: String::new(),
        escape,
    };
    encoder.value(value, 0)?;
    Ok(encoder.output)
}

/// Writes `text` between quotes.
pub(crate) fn write_string(output: &mut String, text: &[u8], escape: Escape) {
    output.push('"');
    for rune in runes(text) {
        let character = match rune {
            Rune::Char(character, _) => character,
            Rune::Invalid(_) => {
                output.push_str("\\ufffd");
                continue;
            }
        };
        match character {
            '"' => output.push_str("\\\""),
            '\\' => output.push_str("\\\\"),
            '\x08' => output.push_str("\\b"),
            '\x0c' => output.push_str("\\f"),
            '\n' => output.push_str("\\n"),
            '\r' => output.push_str("\\r"),
            '\t' => output.push_str("\\t"),
            '\0'..' ' | '\u{2028}' | '\u{2029}' => push_code(output, character),
            '<' | '>' | '&' if escape == Escape::Html => push_code(output, character),
            _ => output.push(character),
        }
    }
    output.push('"');
}

fn push_code(output: &mut String, character: char) {
    // Writing to a string cannot fail.
    let _infallible = write!(output, "\\u{:04x}", u32::from(character));
}

struct Encoder {
    output: String,
    escape: Escape,
}

impl Encoder {
    fn value(&mut self, value: &Value, depth: usize) -> Result<(), EncodeError> {
        if depth > DEPTH_LIMIT {
            return Err(EncodeError::TooDeep { limit: DEPTH_LIMIT });
        }
        match value {
            Value::Nil => self.output.push_str("null"),
            Value::Bool(of) => self.output.push_str(if *of { "true" } else { "false" }),
            Value::Int(number) => self.output.push_str(&number.to_string()),
            Value::Uint(number) => self.output.push_str(&number.to_string()),
            Value::Float(number) => self.output.push_str(&float(*number)?),
            Value::Complex(..) => return Err(EncodeError::Complex),
            Value::String(text) => write_string(&mut self.output, text.as_bytes(), self.escape),
            Value::Time(time) => {
                write_string(&mut self.output, time.to_rfc3339().as_bytes(), self.escape);
            }
            Value::List(list) => match &list.items {
                None => self.output.push_str("null"),
                Some(items) => {
                    self.output.push('[');
                    for (index, item) in items.iter().enumerate() {
                        self.comma(index);
                        self.value(item, depth + 1)?;
                    }
                    self.output.push(']');
                }
            },
            Value::Map(map) if map.entries.is_none() => self.output.push_str("null"),
            Value::Map(map) => self.members(map.iter(), depth)?,
            Value::Struct(of) => {
                self.output.push('{');
                self.fields(of, &mut 0, depth)?;
                self.output.push('}');
            }
            Value::Pointer(pointer) => {
                self.value(pointer.target.as_ref().unwrap_or(&Value::Nil), depth + 1)?;
            }
            // A number that was kept as it was written.
            Value::Named(named) if *named.name == *"json.Number" => self.number(&named.value),
            Value::Named(named) => self.value(&named.value, depth)?,
            Value::Object(object) => {
                let fields: Vec<_> = object
                    .json_fields()
                    .into_iter()
                    .filter_map(|name| Some((GoString::from(name), object.field(name)?)))
                    .collect();
                // Docker marshals them apart, with Go's defaults.
                let escape = std::mem::replace(&mut self.escape, Escape::Html);
                self.members(fields.iter().map(|(name, value)| (name, value)), depth)?;
                self.escape = escape;
            }
        }
        Ok(())
    }

    fn number(&mut self, value: &Value) {
        match value {
            Value::String(text) if !text.is_empty() => self.output.push_str(&text.to_string()),
            _ => self.output.push('0'),
        }
    }

    fn members<'a>(
        &mut self,
        members: impl Iterator<Item = (&'a GoString, &'a Value)>,
        depth: usize,
    ) -> Result<(), EncodeError> {
        self.output.push('{');
        for (index, (name, value)) in members.enumerate() {
            self.comma(index);
            self.member(name.as_bytes(), value, depth)?;
        }
        self.output.push('}');
        Ok(())
    }

    fn member(&mut self, name: &[u8], value: &Value, depth: usize) -> Result<(), EncodeError> {
        write_string(&mut self.output, name, self.escape);
        self.output.push(':');
        self.value(value, depth + 1)
    }

    /// The fields of a struct; those of embedded structs stand among them.
    fn fields(
        &mut self,
        of: &Struct,
        written: &mut usize,
        depth: usize,
    ) -> Result<(), EncodeError> {
        if depth > DEPTH_LIMIT {
            return Err(EncodeError::TooDeep { limit: DEPTH_LIMIT });
        }
        for (field, value) in of.struct_type.fields.iter().zip(&of.fields) {
            if field.is_embedded() {
                let inner = match value.base() {
                    Value::Pointer(pointer) => pointer.target.as_ref().map(Value::base),
                    other => Some(other),
                };
                if let Some(Value::Struct(inner)) = inner {
                    self.fields(inner, written, depth + 1)?;
                }
            } else if !(field.is_optional() && is_empty(value, &field.field_type)) {
                self.comma(*written);
                *written += 1;
                self.member(field.json_name.as_bytes(), value, depth)?;
            }
        }
        Ok(())
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.output.push(',');
        }
    }
}

/// What `omitempty` leaves out: what `if` calls false, but structs and times never.
fn is_empty(value: &Value, field_type: &Type) -> bool {
    if *field_type == Type::Any {
        value.is_nil()
    } else {
        !value.is_true()
    }
}

/// A float as `encoding/json` writes it: as JavaScript does.
fn float(number: f64) -> Result<String, EncodeError> {
    if !number.is_finite() {
        return Err(EncodeError::NotFinite(format_float(
            number,
            FloatForm::General,
            None,
        )));
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format_float(number, FloatForm::Exponent, None);
        // A small exponent has no leading zero: 1e-9, not 1e-09.
        return Ok(match text.split_once("e-0") {
            Some((digits, exponent)) => format!("{digits}e-{exponent}"),
            None => text,
        });
    }
    Ok(format_float(number, FloatForm::Decimal, None))
}
