//! Floating-point numbers as Go's `strconv` writes them.

/// The letter of the verb: which form a number gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FloatForm {
    /// `%e`, `%E`.
    Exponent,
    /// `%f`.
    Decimal,
    /// `%g`, `%G`, `%v`: the shorter of the two.
    General,
    /// `%x`, `%X`.
    Hexadecimal,
    /// `%b`.
    Binary,
}

/// Writes `number` in `form`, in lower case, with its sign only if it is negative. Without `precision` with as many
/// digits as tell it from its neighbours.
pub(crate) fn format_float(number: f64, form: FloatForm, precision: Option<usize>) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let sign = if number.is_sign_negative() { "-" } else { "" };
    let magnitude = number.abs();
    let body = match form {
        FloatForm::Exponent => {
            Digits::of(magnitude, precision.map(|after_point| after_point + 1)).exponent(precision)
        }
        FloatForm::Decimal => match precision {
            Some(precision) => format!("{magnitude:.precision$}"),
            None => format!("{magnitude}"),
        },
        FloatForm::General => general(magnitude, precision),
        FloatForm::Hexadecimal => hexadecimal(magnitude, precision),
        FloatForm::Binary => binary(magnitude),
    };
    format!("{sign}{body}")
}

/// Significant digits, and the power of ten of the first one.
struct Digits {
    digits: String,
    exponent: i32,
}

impl Digits {
    /// `count` digits, at least one, or as few as tell the number from its neighbours.
    fn of(magnitude: f64, count: Option<usize>) -> Self {
        let text = match count {
            Some(count) => format!("{magnitude:.*e}", count.max(1) - 1),
            None => format!("{magnitude:e}"),
        };
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        Self {
            digits: mantissa.replace('.', ""),
            exponent: exponent.parse().unwrap_or(0),
        }
    }

    /// `d.ddde+dd`.
    fn exponent(&self, precision: Option<usize>) -> String {
        let (first, rest) = self
            .digits
            .split_at_checked(1)
            .unwrap_or((&self.digits, ""));
        let rest = rest
            .get(..precision.unwrap_or(rest.len()).min(rest.len()))
            .unwrap_or_default();
        let point = if rest.is_empty() { "" } else { "." };
        let sign = if self.exponent < 0 { '-' } else { '+' };
        format!(
            "{first}{point}{rest}e{sign}{:02}",
            self.exponent.unsigned_abs()
        )
    }
}

/// `%g`: with an exponent where that is shorter than zeros; trailing zeros are dropped.
fn general(magnitude: f64, precision: Option<usize>) -> String {
    let mut digits = Digits::of(magnitude, precision);
    let kept = digits.digits.trim_end_matches('0').len().max(1);
    digits.digits.truncate(kept);
    let limit = match precision {
        None => 6,
        Some(precision) => i32::try_from(precision.max(1)).unwrap_or(i32::MAX),
    };
    if digits.exponent < -4 || digits.exponent >= limit {
        return digits.exponent(None);
    }
    let whole_length = usize::try_from(digits.exponent + 1).unwrap_or(0);
    if whole_length == 0 {
        let zeros = usize::try_from(-digits.exponent - 1).unwrap_or(0);
        return format!("0.{}{}", "0".repeat(zeros), digits.digits);
    }
    match digits.digits.split_at_checked(whole_length) {
        Some((whole, "")) => whole.to_owned(),
        Some((whole, fraction)) => format!("{whole}.{fraction}"),
        None => format!("{:0<whole_length$}", digits.digits),
    }
}

const MANTISSA_BITS: u32 = 52;
const EXPONENT_BIAS: i64 = 1023;

/// The mantissa with its leading bit, and the power of two of its last bit.
fn mantissa_and_exponent(magnitude: f64) -> (u64, i64) {
    let bits = magnitude.to_bits();
    let fraction = bits & ((1 << MANTISSA_BITS) - 1);
    let exponent = i64::try_from(bits >> MANTISSA_BITS & 0x7ff).unwrap_or(0);
    let (mantissa, exponent) = if exponent == 0 {
        (fraction, 1)
    } else {
        (fraction | 1 << MANTISSA_BITS, exponent)
    };
    (
        mantissa,
        exponent - EXPONENT_BIAS - i64::from(MANTISSA_BITS),
    )
}

/// `%b`: mantissa as an integer, then the power of two.
fn binary(magnitude: f64) -> String {
    let (mantissa, exponent) = mantissa_and_exponent(magnitude);
    format!("{mantissa}p{exponent:+}")
}

/// `%x`: `0x1.8p+00`.
fn hexadecimal(magnitude: f64, precision: Option<usize>) -> String {
    let (mut mantissa, mut exponent) = mantissa_and_exponent(magnitude);
    if mantissa == 0 {
        let zeros = precision
            .filter(|digits| *digits > 0)
            .map(|digits| format!(".{}", "0".repeat(digits)));
        return format!("0x0{}p+00", zeros.unwrap_or_default());
    }
    // The leading one goes to bit 60, so that 15 hexadecimal digits follow it.
    let shift = mantissa.leading_zeros() - 3;
    mantissa <<= shift;
    exponent += 60 - i64::from(shift);
    if let Some(digits) = precision.filter(|digits| *digits < 15) {
        let dropped = 60 - 4 * u32::try_from(digits).unwrap_or(0);
        let extra = mantissa & ((1 << dropped) - 1);
        mantissa >>= dropped;
        let half = 1_u64 << (dropped - 1);
        if extra > half || (extra == half && mantissa & 1 == 1) {
            mantissa += 1;
        }
        mantissa <<= dropped;
        if mantissa >> 61 != 0 {
            mantissa >>= 1;
            exponent += 1;
        }
    }
    let fraction = format!("{:015x}", mantissa & ((1 << 60) - 1));
    let fraction = match precision {
        None => fraction.trim_end_matches('0').to_owned(),
        Some(digits) => format!("{fraction:0<digits$}")
            .get(..digits)
            .unwrap_or_default()
            .to_owned(),
    };
    let point = if fraction.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("0x1{point}{fraction}p{sign}{:02}", exponent.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        use FloatForm::{Binary, Decimal, Exponent, General, Hexadecimal};
        for (number, form, precision, expected) in [
            (1.0, General, None, "1"),
            (0.1, General, None, "0.1"),
            (1e21, General, None, "1e+21"),
            (1e20, General, None, "1e+20"),
            (1_000_000.0, General, None, "1e+06"),
            (100_000.0, General, None, "100000"),
            (1e-5, General, None, "1e-05"),
            (0.000_123, General, None, "0.000123"),
            (1982.0, General, Some(3), "1.98e+03"),
            (999.6, General, Some(3), "1e+03"),
            (999.6, General, Some(4), "999.6"),
            (100.0, General, Some(3), "100"),
            (-0.0, General, None, "-0"),
            (1.5, Exponent, Some(6), "1.500000e+00"),
            (1.5, Exponent, None, "1.5e+00"),
            (15.0, Exponent, Some(0), "2e+01"),
            (0.0, Exponent, Some(2), "0.00e+00"),
            (2.5, Decimal, Some(0), "2"),
            (3.25, Decimal, None, "3.25"),
            (1.5, Hexadecimal, None, "0x1.8p+00"),
            (1.5, Hexadecimal, Some(3), "0x1.800p+00"),
            (1.0, Binary, None, "4503599627370496p-52"),
            (f64::INFINITY, General, None, "+Inf"),
        ] {
            assert_eq!(format_float(number, form, precision), expected);
        }
    }
}
