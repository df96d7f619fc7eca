//! Number literals, with Go's rules: what a literal can be depends on how it is written and on where it stands.

use std::sync::Arc;

use super::error::ParseReason;
use super::unquote;
use crate::print::quote;

/// A literal: all that it can be taken for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    pub(crate) text: Arc<str>,
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
}

impl Number {
    fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            int: None,
            uint: None,
            float: None,
            complex: None,
        }
    }

    /// `'x'`.
    pub(crate) fn from_character(text: &str) -> Result<Self, ParseReason> {
        let mut number = Self::new(text);
        let body = text.get(1..).unwrap_or_default();
        let (code, rest) = unquote::first_character(body, '\'')?;
        if rest != "'" {
            return Err(ParseReason::MalformedCharacter {
                text: text.to_owned(),
            });
        }
        number.int = Some(i64::from(code));
        number.uint = Some(u64::from(code));
        number.float = Some(f64::from(code));
        Ok(number)
    }

    /// `1+2i`.
    pub(crate) fn from_complex(text: &str) -> Result<Self, ParseReason> {
        let illegal = || ParseReason::IllegalNumber {
            text: quote(text.as_bytes()),
        };
        let body = text.strip_suffix('i').ok_or_else(illegal)?;
        let exponent = |at: usize| {
            let before = body.get(..at).unwrap_or_default();
            before.ends_with(['p', 'P'])
                || (before.ends_with(['e', 'E']) && !before.contains(['x', 'X']))
        };
        let split = body
            .char_indices()
            .rev()
            .find(|(at, sign)| matches!(sign, '+' | '-') && *at > 0 && !exponent(*at));
        let (real, imaginary) = body
            .split_at_checked(split.ok_or_else(illegal)?.0)
            .ok_or_else(illegal)?;
        let real = parse_float(real).ok_or_else(illegal)?;
        let imaginary = parse_float(imaginary).ok_or_else(illegal)?;
        Ok(Self::new(text).with_complex(real, imaginary))
    }

    /// Any other number.
    pub(crate) fn parse(text: &str) -> Result<Self, ParseReason> {
        let mut number = Self::new(text);
        if let Some(imaginary) = text.strip_suffix('i').and_then(parse_float) {
            return Ok(number.with_complex(0.0, imaginary));
        }
        if let Some((negative, magnitude)) = parse_integer(text) {
            // As Go: an unsigned number has no sign, but minus zero is one.
            number.uint = (!text.starts_with(['-', '+']) || (negative && magnitude == 0))
                .then_some(magnitude);
            number.int = signed(negative, magnitude);
            if number.int == Some(0) {
                number.uint = Some(0);
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "Go rounds in the same way")]
        if let Some(int) = number.int {
            number.float = Some(int as f64);
        } else if let Some(uint) = number.uint {
            number.float = Some(uint as f64);
        } else if let Some(float) = parse_float(text) {
            if !text.contains(['.', 'e', 'E', 'p', 'P']) {
                return Err(ParseReason::IntegerOverflow {
                    text: quote(text.as_bytes()),
                });
            }
            number.float = Some(float);
            (number.int, number.uint) = whole(float);
        }
        if number.float.is_none() {
            return Err(ParseReason::IllegalNumber {
                text: quote(text.as_bytes()),
            });
        }
        Ok(number)
    }

    fn with_complex(mut self, real: f64, imaginary: f64) -> Self {
        self.complex = Some((real, imaginary));
        if imaginary == 0.0 {
            self.float = Some(real);
            (self.int, self.uint) = whole(real);
        }
        self
    }

    /// Whether it is written as a number with a fraction or an exponent.
    pub(crate) fn looks_like_float(&self) -> bool {
        let hexadecimal = self.text.starts_with("0x") || self.text.starts_with("0X");
        let hexadecimal_integer =
            hexadecimal && self.text.len() > 2 && !self.text.contains(['p', 'P']);
        !hexadecimal_integer
            && !self.text.starts_with('\'')
            && self.text.contains(['.', 'e', 'E', 'p', 'P'])
    }
}

fn signed(negative: bool, magnitude: u64) -> Option<i64> {
    if negative {
        0_i64.checked_sub_unsigned(magnitude)
    } else {
        i64::try_from(magnitude).ok()
    }
}

/// The integers that `float` is exactly.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked by the range before"
)]
fn whole(float: f64) -> (Option<i64>, Option<u64>) {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    if float.fract() != 0.0 || !float.is_finite() {
        return (None, None);
    }
    let int = (-TWO_TO_63..TWO_TO_63)
        .contains(&float)
        .then_some(float as i64);
    let uint = (0.0..2.0 * TWO_TO_63)
        .contains(&float)
        .then_some(float as u64);
    (int, uint)
}

/// Sign and magnitude of an integer with Go's prefixes and underscores.
fn parse_integer(text: &str) -> Option<(bool, u64)> {
    let (negative, unsigned) = split_sign(text);
    let lower = unsigned.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, lower.get(2..)?),
        [b'0', b'o', ..] => (8, lower.get(2..)?),
        [b'0', b'b', ..] => (2, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    if !underscores_are_right(unsigned) || digits.starts_with(['+', '-']) {
        return None;
    }
    let digits = digits.replace('_', "");
    u64::from_str_radix(&digits, radix)
        .ok()
        .map(|magnitude| (negative, magnitude))
}

/// A floating-point number as Go's `ParseFloat` reads it; nothing if it is out of range.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let (negative, unsigned) = split_sign(text);
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        || !underscores_are_right(unsigned)
    {
        return None;
    }
    let digits = unsigned.replace('_', "").to_ascii_lowercase();
    let magnitude = match digits.strip_prefix("0x") {
        Some(hexadecimal) => parse_hexadecimal_float(hexadecimal)?,
        None if digits.ends_with('e') => return None,
        None => digits.parse().ok()?,
    };
    let float = if negative { -magnitude } else { magnitude };
    float.is_finite().then_some(float)
}

/// `1.8p3`: more than 60 bits of digits are not counted, which Go rounds and nobody writes.
fn parse_hexadecimal_float(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once('p')?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let kept = digits.get(..digits.len().min(15))?;
    let mantissa = u64::from_str_radix(kept, 16).ok()?;
    let exponent: i32 = exponent.parse().ok()?;
    let shift = i32::try_from(whole.len())
        .ok()?
        .checked_sub(i32::try_from(kept.len()).ok()?)?
        .checked_mul(4)?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "the nearest double is what is wanted"
    )]
    let float = mantissa as f64 * 2.0_f64.powi(exponent.checked_add(shift)?);
    Some(float)
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes() {
        [b'-', ..] => (true, text.get(1..).unwrap_or_default()),
        [b'+', ..] => (false, text.get(1..).unwrap_or_default()),
        _ => (false, text),
    }
}

/// An underscore stands between digits, or between the prefix and a digit.
fn underscores_are_right(unsigned: &str) -> bool {
    let lower = unsigned.to_ascii_lowercase();
    let hexadecimal = lower.starts_with("0x");
    let prefixed = hexadecimal || lower.starts_with("0b") || lower.starts_with("0o");
    let mut previous_is_digit = prefixed;
    let mut previous_is_underscore = false;
    for character in lower.chars().skip(if prefixed { 2 } else { 0 }) {
        let is_digit = character.is_ascii_digit() || (hexadecimal && character.is_ascii_hexdigit());
        let is_underscore = character == '_';
        if (is_underscore && !previous_is_digit) || (previous_is_underscore && !is_digit) {
            return false;
        }
        (previous_is_digit, previous_is_underscore) = (is_digit, is_underscore);
    }
    !previous_is_underscore
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_what_go_takes_them_for() {
        let int = |text| Number::parse(text).ok().and_then(|number| number.int);
        for (text, expected) in [
            ("0x1F", Some(31)),
            ("017", Some(15)),
            ("0b11", Some(3)),
            ("0o7", Some(7)),
            ("1_000", Some(1000)),
            ("1__0", None),
            ("08", None),
            ("1e3", Some(1000)),
            ("1.5", None),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("-0", Some(0)),
            ("0x1p4", Some(16)),
        ] {
            assert_eq!(int(text), expected, "{text}");
        }
        assert_eq!(
            Number::from_complex("1e+2+3i").unwrap().complex,
            Some((100.0, 3.0))
        );
        assert_eq!(parse_float("1_23.50_0_0e+1_2"), Some(1.235e14));
    }
}
