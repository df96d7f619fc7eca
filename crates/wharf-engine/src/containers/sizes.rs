//! Sizes as Docker's options take them: `512m`, `1.5g`, `64kb` (docker/go-units, `RAMInBytes`).

/// The number of bytes; `None` if the text is no size.
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|one: char| !one.is_ascii_digit() && one != '.');
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let unit = unit.trim().to_ascii_lowercase();
    let unit = unit
        .strip_suffix("ib")
        .or_else(|| unit.strip_suffix('b'))
        .unwrap_or(&unit);
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        "p" => 50,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(1 << shift);
    }
    // Digits alone that do not fit are too many.
    if !number.contains('.') {
        return None;
    }
    let number: f64 = number.parse().ok()?;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size with a fraction is not exact, and is checked to be a size"
    )]
    let bytes = (number * (1_u64 << shift) as f64) as u64;
    (number.is_finite() && number >= 0.0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, expected) in [
            ("0", Some(0)),
            ("64", Some(64)),
            ("1k", Some(1024)),
            ("512M", Some(512 << 20)),
            ("1.5g", Some(3 << 29)),
            ("2 GiB", Some(2 << 30)),
            ("10kb", Some(10 << 10)),
            ("", None),
            ("m", None),
            ("-1", None),
            ("1x", None),
            ("99999999999999999999", None),
            ("20000p", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text:?}");
        }
    }
}
