//! One value under one verb.

use super::float::{FloatForm, format_float};
use super::printer::{Printed, Printer};
use super::quote::{character_code, is_printable, quote_bytes};
use crate::value::{GoString, List, Map, Struct, Type, Value};

/// What Go prints for pointers and other addresses differs at every run; this stands for all of them.
const ADDRESS: u64 = 0xc0_0000_0000;

impl Printer {
    /// `value` under `verb`, as an argument of `Printf`.
    pub(super) fn value(&mut self, value: &Value, verb: char) -> Printed {
        match (verb, value) {
            ('v' | 'T', Value::Nil) => self.padded(b"<nil>"),
            ('T', _) => {
                let name = value.type_of().map(|of| of.to_string()).unwrap_or_default();
                self.text(name.as_bytes())
            }
            ('p', Value::Nil) => self.bad_verb(value, verb),
            ('p', _) => match value.base() {
                Value::List(_) | Value::Map(_) | Value::Pointer(_) => self.address(value, verb),
                _ => self.bad_verb(value, verb),
            },
            _ => self.inner(value, verb, 0),
        }
    }

    /// `value` under `verb`, `depth` levels inside the argument.
    fn inner(&mut self, value: &Value, verb: char, depth: usize) -> Printed {
        match value.base() {
            Value::Nil if depth == 0 => self.bad_verb(value, verb),
            Value::Nil => self.write(if self.flags.sharp_v {
                b"interface {}(nil)"
            } else {
                b"<nil>"
            }),
            Value::Bool(of) if matches!(verb, 't' | 'v') => {
                self.padded(if *of { b"true" } else { b"false" })
            }
            Value::Int(number) => self.integer(value, number.unsigned_abs(), *number < 0, verb),
            Value::Uint(number) => self.integer(value, *number, false, verb),
            Value::Float(number) => self.float(value, *number, verb),
            Value::Complex(real, imaginary) => self.complex(value, (*real, *imaginary), verb),
            Value::String(text) => self.string(value, text, verb),
            Value::Time(time) => self.string(value, &time.to_go_string().into(), verb),
            Value::List(list) => self.list(value, list, verb, depth),
            Value::Map(map) => self.map(value, map, verb, depth),
            Value::Struct(of) => self.structure(of, verb, depth),
            Value::Pointer(pointer) => match (&pointer.target, depth) {
                // Go prints an address inside of other values; what is there says more, and always the same.
                (Some(target), _) if is_composite(target) => {
                    self.write(b"&")?;
                    self.inner(target, verb, depth + 1)
                }
                _ => self.address(value, verb),
            },
            Value::Object(object) => {
                // Go prints the struct behind it, which is nobody's business.
                self.string(value, &object.type_name().into(), verb)
            }
            Value::Bool(_) | Value::Named(_) => self.bad_verb(value, verb),
        }
    }

    fn bad_verb(&mut self, value: &Value, verb: char) -> Printed {
        if self.explaining {
            return Ok(());
        }
        self.explaining = true;
        self.write(b"%!")?;
        self.write(verb.encode_utf8(&mut [0; 4]).as_bytes())?;
        self.write(b"(")?;
        match value.type_of() {
            None => self.write(b"<nil>")?,
            Some(of) => {
                self.write(format!("{of}=").as_bytes())?;
                self.inner(value, 'v', 0)?;
            }
        }
        self.explaining = false;
        self.write(b")")
    }

    fn text(&mut self, text: &[u8]) -> Printed {
        self.padded(self.cut(text))
    }

    fn string(&mut self, value: &Value, text: &GoString, verb: char) -> Printed {
        match verb {
            'v' if self.flags.sharp_v => self.quoted(text.as_bytes()),
            'v' | 's' => self.text(text.as_bytes()),
            'q' => self.quoted(text.as_bytes()),
            'x' => self.hexadecimal_string(text.as_bytes(), false),
            'X' => self.hexadecimal_string(text.as_bytes(), true),
            _ => self.bad_verb(value, verb),
        }
    }

    fn quoted(&mut self, text: &[u8]) -> Printed {
        let text = self.cut(text);
        let fits_back_quotes = std::str::from_utf8(text).is_ok_and(|text| {
            text.chars()
                .all(|of| of == '\t' || (is_printable_raw(of) && of != '`'))
        });
        if self.flags.sharp && fits_back_quotes {
            return self.padded(&[b"`", text, b"`"].concat());
        }
        self.padded(&quote_bytes(text, '"', self.flags.plus))
    }

    fn hexadecimal_string(&mut self, text: &[u8], upper: bool) -> Printed {
        let text = text
            .get(..self.flags.precision.unwrap_or(text.len()).min(text.len()))
            .unwrap_or(text);
        let prefix = match (self.flags.sharp, upper) {
            (true, true) => "0X",
            (true, false) => "0x",
            (false, _) => "",
        };
        let mut written = String::new();
        for (index, byte) in text.iter().enumerate() {
            if index > 0 && self.flags.space {
                written.push(' ');
            }
            if index == 0 || self.flags.space {
                written.push_str(prefix);
            }
            let [high, low] = [byte >> 4, byte & 15]
                .map(|digit| char::from_digit(u32::from(digit), 16).unwrap_or('0'));
            written.extend([high, low].map(|digit| {
                if upper {
                    digit.to_ascii_uppercase()
                } else {
                    digit
                }
            }));
        }
        self.padded(written.as_bytes())
    }

    fn integer(&mut self, value: &Value, magnitude: u64, negative: bool, verb: char) -> Printed {
        let is_unsigned = matches!(value.base(), Value::Uint(_));
        match verb {
            'v' if self.flags.sharp_v && is_unsigned => {
                let sharp = std::mem::replace(&mut self.flags.sharp, true);
                let written = self.digits(magnitude, false, 'x');
                self.flags.sharp = sharp;
                written
            }
            'v' => self.digits(magnitude, negative, 'd'),
            'd' | 'b' | 'o' | 'O' | 'x' | 'X' => self.digits(magnitude, negative, verb),
            'c' => self.padded(
                character_of(magnitude, negative)
                    .encode_utf8(&mut [0; 4])
                    .as_bytes(),
            ),
            'q' => {
                let character = character_of(magnitude, negative);
                let text = character.encode_utf8(&mut [0; 4]).to_owned();
                self.padded(&quote_bytes(text.as_bytes(), '\'', self.flags.plus))
            }
            'U' => self.unicode(if negative {
                magnitude.wrapping_neg()
            } else {
                magnitude
            }),
            _ => self.bad_verb(value, verb),
        }
    }

    /// An integer in the base of `verb`, with sign, prefix and padding.
    fn digits(&mut self, magnitude: u64, negative: bool, verb: char) -> Printed {
        let (digits, prefix) = match verb {
            'b' => (format!("{magnitude:b}"), "0b"),
            'o' => (format!("{magnitude:o}"), "0"),
            'O' => (format!("{magnitude:o}"), "0o"),
            'x' => (format!("{magnitude:x}"), "0x"),
            'X' => (format!("{magnitude:X}"), "0X"),
            _ => (magnitude.to_string(), ""),
        };
        let signed = negative || self.flags.plus || self.flags.space;
        let least = match (self.flags.precision, self.flags.width) {
            (Some(0), width) if magnitude == 0 => {
                return self.without_zero(|printer| printer.padding(width.unwrap_or(0)));
            }
            (Some(precision), _) => precision,
            (None, Some(width)) if self.flags.zero && !self.flags.minus => {
                width - usize::from(signed && width > 0)
            }
            _ => 0,
        };
        let zeros = "0".repeat(least.saturating_sub(digits.len()));
        let octal_is_marked = verb == 'o' && (digits.starts_with('0') || !zeros.is_empty());
        let mut prefix = if self.flags.sharp && !octal_is_marked {
            prefix
        } else {
            ""
        }
        .to_owned();
        if verb == 'O' {
            // `0o` stands always; the flag adds octal's old zero behind it, as for `%o`.
            let old = if self.flags.sharp && !digits.starts_with('0') && zeros.is_empty() {
                "0"
            } else {
                ""
            };
            prefix = format!("0o{old}");
        }
        let sign = match () {
            () if negative => "-",
            () if self.flags.plus => "+",
            () if self.flags.space => " ",
            () => "",
        };
        let text = format!("{sign}{prefix}{zeros}{digits}");
        self.without_zero(|printer| printer.padded(text.as_bytes()))
    }

    /// `%U`.
    fn unicode(&mut self, code: u64) -> Printed {
        let precision = self.flags.precision.unwrap_or(4).max(4);
        let character = u32::try_from(code)
            .ok()
            .and_then(char::from_u32)
            .filter(|of| is_printable(*of));
        let text = match character {
            Some(character) if self.flags.sharp => format!("U+{code:0precision$X} '{character}'"),
            _ => format!("U+{code:0precision$X}"),
        };
        debug_assert!(character.is_none_or(|of| character_code(of).starts_with("U+")));
        self.without_zero(|printer| printer.padded(text.as_bytes()))
    }

    fn float(&mut self, value: &Value, number: f64, verb: char) -> Printed {
        let (form, default_precision) = match verb {
            'v' | 'g' | 'G' => (FloatForm::General, None),
            'e' | 'E' => (FloatForm::Exponent, Some(6)),
            'f' | 'F' => (FloatForm::Decimal, Some(6)),
            'x' | 'X' => (FloatForm::Hexadecimal, None),
            'b' => (FloatForm::Binary, None),
            _ => return self.bad_verb(value, verb),
        };
        let precision = self.flags.precision.or(default_precision);
        // A double has at most 1,075 digits after the point; the rest of the precision is zeros.
        let exact = precision.map(|precision| precision.min(1_100));
        let mut text = format_float(number, form, exact);
        if let (Some(wanted), Some(exact)) = (precision, exact)
            && form != FloatForm::General
            && wanted > exact
        {
            text = with_more_zeros(&text, wanted - exact);
        }
        if verb.is_ascii_uppercase() && number.is_finite() {
            text.make_ascii_uppercase();
        }
        let (mut sign, mut digits) = match text.split_at_checked(1) {
            Some((sign @ ("-" | "+"), digits)) => (sign.to_owned(), digits.to_owned()),
            _ => ("+".to_owned(), text),
        };
        if self.flags.space && sign == "+" && !self.flags.plus {
            " ".clone_into(&mut sign);
        }
        if !number.is_finite() {
            let hides_sign = number.is_nan() && !self.flags.plus && !self.flags.space;
            let text = if hides_sign {
                digits
            } else {
                format!("{sign}{digits}")
            };
            return self.without_zero(|printer| printer.padded(text.as_bytes()));
        }
        if self.flags.sharp && verb != 'b' {
            digits = with_point(&digits, verb, self.flags.precision);
        }
        if sign == "+" && !self.flags.plus {
            return self.padded(digits.as_bytes());
        }
        let length = sign.len() + digits.len();
        match self.flags.width {
            Some(width) if self.flags.zero && !self.flags.minus && width > length => {
                self.write(sign.as_bytes())?;
                self.padding(width - length)?;
                self.write(digits.as_bytes())
            }
            _ => self.padded(format!("{sign}{digits}").as_bytes()),
        }
    }

    fn complex(&mut self, value: &Value, (real, imaginary): (f64, f64), verb: char) -> Printed {
        if !matches!(
            verb,
            'v' | 'b' | 'g' | 'G' | 'x' | 'X' | 'f' | 'F' | 'e' | 'E'
        ) {
            return self.bad_verb(value, verb);
        }
        self.write(b"(")?;
        self.float(value, real, verb)?;
        let plus = std::mem::replace(&mut self.flags.plus, true);
        self.float(value, imaginary, verb)?;
        self.flags.plus = plus;
        self.write(b"i)")
    }

    fn list(&mut self, value: &Value, list: &List, verb: char, depth: usize) -> Printed {
        if list.element.underlying() == &Type::Uint && matches!(verb, 's' | 'q' | 'x' | 'X') {
            let bytes = list.items().iter().filter_map(|item| match item.base() {
                Value::Uint(byte) => u8::try_from(*byte).ok(),
                _ => None,
            });
            return self.string(value, &bytes.collect::<Vec<_>>().into(), verb);
        }
        let close = if self.flags.sharp_v { b"}" } else { b"]" };
        if self.open(value, list.items.is_none(), b"[")? {
            return Ok(());
        }
        for (index, item) in list.items().iter().enumerate() {
            self.separator(index)?;
            self.inner(item, verb, depth + 1)?;
        }
        self.write(close)
    }

    fn map(&mut self, value: &Value, map: &Map, verb: char, depth: usize) -> Printed {
        let close = if self.flags.sharp_v { b"}" } else { b"]" };
        if self.open(value, map.entries.is_none(), b"map[")? {
            return Ok(());
        }
        for (index, (key, item)) in map.iter().enumerate() {
            self.separator(index)?;
            self.inner(&Value::String(key.clone()), verb, depth + 1)?;
            self.write(b":")?;
            self.inner(item, verb, depth + 1)?;
        }
        self.write(close)
    }

    /// What stands before the items; whether that was all.
    fn open(
        &mut self,
        value: &Value,
        is_nil: bool,
        plain: &[u8],
    ) -> Result<bool, super::OutputTooLong> {
        if !self.flags.sharp_v {
            self.write(plain)?;
            return Ok(false);
        }
        let name = value.type_of().map(|of| of.to_string()).unwrap_or_default();
        self.write(name.as_bytes())?;
        self.write(if is_nil { b"(nil)" } else { b"{" })?;
        Ok(is_nil)
    }

    fn structure(&mut self, of: &Struct, verb: char, depth: usize) -> Printed {
        if self.flags.sharp_v {
            self.write(of.struct_type.name.as_bytes())?;
        }
        self.write(b"{")?;
        for (index, (field, value)) in of.struct_type.fields.iter().zip(&of.fields).enumerate() {
            self.separator(index)?;
            if self.flags.plus_v || self.flags.sharp_v {
                self.write(field.name.as_bytes())?;
                self.write(b":")?;
            }
            self.inner(value, verb, depth + 1)?;
        }
        self.write(b"}")
    }

    fn separator(&mut self, index: usize) -> Printed {
        match (index, self.flags.sharp_v) {
            (0, _) => Ok(()),
            (_, true) => self.write(b", "),
            (_, false) => self.write(b" "),
        }
    }

    fn address(&mut self, value: &Value, verb: char) -> Printed {
        let address = if value.is_nil() { 0 } else { ADDRESS };
        match verb {
            'v' if self.flags.sharp_v => {
                let name = value.type_of().map(|of| of.to_string()).unwrap_or_default();
                let shown = if address == 0 {
                    "nil".to_owned()
                } else {
                    format!("{address:#x}")
                };
                self.write(format!("({name})({shown})").as_bytes())
            }
            'v' if address == 0 => self.padded(b"<nil>"),
            'v' | 'p' => {
                self.flags.sharp = !self.flags.sharp;
                let written = self.digits(address, false, 'x');
                self.flags.sharp = !self.flags.sharp;
                written
            }
            'b' | 'o' | 'd' | 'x' | 'X' => self.digits(address, false, verb),
            _ => self.bad_verb(value, verb),
        }
    }
}

fn is_composite(value: &Value) -> bool {
    matches!(
        value.base(),
        Value::List(_) | Value::Map(_) | Value::Struct(_)
    )
}

/// What may stand between back quotes.
fn is_printable_raw(character: char) -> bool {
    !matches!(character, '\0'..' ' | '\x7f' | '\u{feff}')
}

/// The character with this code, U+FFFD where there is none.
fn character_of(magnitude: u64, negative: bool) -> char {
    let code = if negative {
        None
    } else {
        u32::try_from(magnitude).ok()
    };
    code.and_then(char::from_u32)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Adds zeros behind the digits, before an exponent.
fn with_more_zeros(text: &str, count: usize) -> String {
    let at = text.find(['e', 'p']).unwrap_or(text.len());
    let (digits, exponent) = text.split_at_checked(at).unwrap_or((text, ""));
    format!("{digits}{}{exponent}", "0".repeat(count))
}

/// The flag `#`: always a point, and `%g` keeps its trailing zeros.
fn with_point(digits: &str, verb: char, precision: Option<usize>) -> String {
    let is_hexadecimal = matches!(verb, 'x' | 'X');
    let at =
        digits.find(|of| matches!(of, 'p' | 'P') || (!is_hexadecimal && matches!(of, 'e' | 'E')));
    let (number, exponent) = digits
        .split_at_checked(at.unwrap_or(digits.len()))
        .unwrap_or((digits, ""));
    let mut wanted = match verb {
        'v' | 'g' | 'G' | 'x' => precision.unwrap_or(6),
        _ => 0,
    };
    let mut seen_nonzero = false;
    for digit in number.chars().filter(|digit| *digit != '.') {
        seen_nonzero |= digit != '0';
        if seen_nonzero {
            wanted = wanted.saturating_sub(1);
        }
    }
    let mut point = "";
    if !number.contains('.') {
        if number == "0" {
            wanted = wanted.saturating_sub(1);
        }
        point = ".";
    }
    format!("{number}{point}{}{exponent}", "0".repeat(wanted))
}
