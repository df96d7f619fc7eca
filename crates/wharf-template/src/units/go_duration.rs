//! Go's durations: `1h30m`, `1.5s`, `300ms`.

use jiff::SignedDuration;

/// What is not a duration. Prints in Go's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseDurationError {
    /// It is no number with a unit, or it is too long.
    #[error("time: invalid duration {}", quoted(text))]
    Invalid {
        /// What was to be a duration.
        text: String,
    },
    /// There is a number without a unit.
    #[error("time: missing unit in duration {}", quoted(text))]
    MissingUnit {
        /// What was to be a duration.
        text: String,
    },
    /// There is a unit that Go does not know, such as `d`.
    #[error("time: unknown unit {} in duration {}", quoted(unit), quoted(text))]
    UnknownUnit {
        /// The unit.
        unit: String,
        /// What was to be a duration.
        text: String,
    },
}

/// Reads a duration as Go's `time.ParseDuration`: signed numbers with units from `ns` to `h`.
pub fn parse_go_duration(text: &str) -> Result<SignedDuration, ParseDurationError> {
    let invalid = || ParseDurationError::Invalid {
        text: text.to_owned(),
    };
    let (is_negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(SignedDuration::ZERO);
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut sum: u64 = 0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |character| {
            character.is_ascii_digit() || character == '.'
        });
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let (fraction, has_second_point) = fraction
            .split_once('.')
            .map_or((fraction, false), |(fraction, _)| (fraction, true));
        if whole.is_empty() && fraction.is_empty() {
            return Err(invalid());
        }
        let (unit, after) = split(after, |character| {
            !character.is_ascii_digit() && character != '.'
        });
        if unit.is_empty() || has_second_point {
            return Err(ParseDurationError::MissingUnit {
                text: text.to_owned(),
            });
        }
        let scale = nanoseconds(unit).ok_or_else(|| ParseDurationError::UnknownUnit {
            unit: unit.to_owned(),
            text: text.to_owned(),
        })?;
        let part = scaled(whole, fraction, scale).ok_or_else(invalid)?;
        // Go's durations are signed numbers of nanoseconds.
        sum = sum
            .checked_add(part)
            .filter(|sum| *sum <= 1 << 63)
            .ok_or_else(invalid)?;
        rest = after;
    }
    let total = if is_negative {
        0_i64.checked_sub_unsigned(sum)
    } else {
        i64::try_from(sum).ok()
    };
    total.map(SignedDuration::from_nanos).ok_or_else(invalid)
}

/// Package `time` quotes in its own way: by bytes, and nothing but ASCII stays.
fn quoted(text: &str) -> String {
    let quoted: String = text
        .bytes()
        .map(|byte| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(byte)),
            b' '..0x80 => char::from(byte).to_string(),
            _ => format!("\\x{byte:02x}"),
        })
        .collect();
    format!("\"{quoted}\"")
}

fn split(text: &str, belongs: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text
        .find(|character| !belongs(character))
        .unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

fn nanoseconds(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn scaled(whole: &str, fraction: &str, scale: u64) -> Option<u64> {
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    // Digits beyond these say nothing about nanoseconds.
    let fraction = fraction.get(..fraction.len().min(18))?;
    let mut part = 0;
    if !fraction.is_empty() {
        let digits: u128 = fraction.parse().ok()?;
        let power = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        part = u64::try_from(digits * u128::from(scale) / power).ok()?;
    }
    whole.checked_mul(scale)?.checked_add(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_go_s() {
        let nanoseconds = |text| {
            parse_go_duration(text)
                .map(|duration| duration.as_nanos())
                .map_err(|e| e.to_string())
        };
        for (text, expected) in [
            ("0", 0),
            ("-0", 0),
            ("1h30m", 5_400_000_000_000),
            ("-1.5s", -1_500_000_000),
            (".5s", 500_000_000),
            ("1.s", 1_000_000_000),
            ("300ms", 300_000_000),
            ("1µs2ns", 1_002),
            ("0.100000000000000000000h", 360_000_000_000),
            ("-9223372036854775808ns", i128::from(i64::MIN)),
            ("9223372036854775807ns", i128::from(i64::MAX)),
        ] {
            assert_eq!(nanoseconds(text), Ok(expected), "{text}");
        }
        for (text, expected) in [
            ("", "time: invalid duration \"\""),
            ("3", "time: missing unit in duration \"3\""),
            ("3d", "time: unknown unit \"d\" in duration \"3d\""),
            (".s", "time: invalid duration \".s\""),
            ("h", "time: invalid duration \"h\""),
            ("1.2.3s", "time: missing unit in duration \"1.2.3s\""),
            (
                "9223372036854775808ns",
                "time: invalid duration \"9223372036854775808ns\"",
            ),
            ("2562048h", "time: invalid duration \"2562048h\""),
        ] {
            assert_eq!(nanoseconds(text), Err(expected.to_owned()), "{text}");
        }
    }
}
