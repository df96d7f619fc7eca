//! Durations as Go writes them: `1m30s`, `500ms`, `1.5h`.

/// The duration in nanoseconds; `None` if it is none, or longer than Go's longest (292 years).
pub(super) fn parse_duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i64 = 0;
    loop {
        let behind = rest
            .trim_start_matches(|character: char| character.is_ascii_digit() || character == '.');
        let number = rest.strip_suffix(behind)?;
        let (unit_ns, behind) = unit(behind)?;
        total = total.checked_add(amount_ns(number, unit_ns)?)?;
        rest = behind;
        if rest.is_empty() {
            break;
        }
    }
    Some(if negative { -total } else { total })
}

fn unit(text: &str) -> Option<(i64, &str)> {
    const UNITS: [(&str, i64); 8] = [
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("μs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    UNITS
        .iter()
        .find_map(|(name, unit_ns)| Some((*unit_ns, text.strip_prefix(name)?)))
}

fn amount_ns(number: &str, unit_ns: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.contains('.') || (whole.is_empty() && fraction.is_empty()) {
        return None;
    }
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut total = whole.checked_mul(unit_ns)?;
    let mut digit_ns = unit_ns;
    for digit in fraction.chars() {
        digit_ns /= 10;
        total = total.checked_add(digit_ns.checked_mul(i64::from(digit.to_digit(10)?))?)?;
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_go_s() {
        for (text, expected) in [
            ("30s", Some(30_000_000_000)),
            ("1m30s", Some(90_000_000_000)),
            ("1.5h", Some(5_400_000_000_000)),
            ("500ms", Some(500_000_000)),
            (".5s", Some(500_000_000)),
            ("1us", Some(1_000)),
            ("0", Some(0)),
            ("0s", Some(0)),
            ("-1s", Some(-1_000_000_000)),
            ("", None),
            ("30", None),
            ("s", None),
            ("1.2.3s", None),
            ("1d", None),
            ("1s x", None),
            ("9999999h", None),
        ] {
            assert_eq!(parse_duration(text), expected, "{text}");
        }
    }
}
