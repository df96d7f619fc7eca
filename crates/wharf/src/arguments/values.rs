//! Checks the text given to an option, in the words of Docker (which are those of Go's libraries).

use super::flag::{Flag, FlagKind};
use super::quote::quoted;

/// Checks a value and brings it into its plain form: `T` becomes `true`, `0x10` becomes `16`.
pub(super) fn check(flag: &Flag, value: &str) -> Result<Vec<String>, String> {
    if let Some(check) = flag.check {
        check(value)?;
    }
    of_kind(flag.kind, value)
}

fn of_kind(kind: FlagKind, value: &str) -> Result<Vec<String>, String> {
    match kind {
        FlagKind::Switch => Ok(vec![boolean(value)?.to_string()]),
        FlagKind::Number => Ok(vec![number(value)?.to_string()]),
        FlagKind::Text | FlagKind::List => Ok(vec![value.to_owned()]),
        FlagKind::CommaList => comma_separated(value),
        FlagKind::Filter => filter(value),
    }
}

fn boolean(value: &str) -> Result<bool, String> {
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!(
            "strconv.ParseBool: parsing {}: invalid syntax",
            quoted(value)
        )),
    }
}

/// Decimal, `0x`, `0o`, `0` and `0b`, with `_` between digits: the literals of Go.
fn number(value: &str) -> Result<i64, String> {
    let failure = |why: &str| format!("strconv.ParseInt: parsing {}: {why}", quoted(value));
    let (negative, digits) = match value.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, value.strip_prefix('+').unwrap_or(value)),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, plain) = if let Some(hexadecimal) = lower.strip_prefix("0x") {
        (16, hexadecimal)
    } else if let Some(binary) = lower.strip_prefix("0b") {
        (2, binary)
    } else if let Some(octal) = lower.strip_prefix("0o") {
        (8, octal)
    } else if let Some(octal) = lower.strip_prefix('0').filter(|rest| !rest.is_empty()) {
        (8, octal)
    } else {
        (10, lower.as_str())
    };
    let plain = plain.replace('_', "");
    if plain.is_empty() || !plain.chars().all(|digit| digit.is_digit(radix)) {
        return Err(failure("invalid syntax"));
    }
    let magnitude = i128::from_str_radix(&plain, radix).unwrap_or(i128::MAX);
    let signed = if negative { -magnitude } else { magnitude };
    i64::try_from(signed).map_err(|_beyond| failure("value out of range"))
}

fn filter(value: &str) -> Result<Vec<String>, String> {
    if value.is_empty() {
        return Ok(Vec::new()); // Docker takes `--filter ""` as none
    }
    match value.split_once('=') {
        Some((key, wanted)) => Ok(vec![format!(
            "{}={}",
            key.trim().to_lowercase(),
            wanted.trim()
        )]),
        None => Err("bad format of filter (expected name=value)".to_owned()),
    }
}

/// One CSV record: fields may stand in double quotes, a double quote inside is doubled.
pub(crate) fn comma_separated(value: &str) -> Result<Vec<String>, String> {
    const STRAY: &str = "extraneous or missing \" in quoted-field";
    let mut fields = Vec::new();
    let mut rest = value;
    if rest.is_empty() {
        return Ok(fields);
    }
    loop {
        let Some(quoted_rest) = rest.strip_prefix('"') else {
            let (field, after) = rest
                .split_once(',')
                .map_or((rest, None), |(field, after)| (field, Some(after)));
            if let Some(column) = field.find('"') {
                let column = value.len() - rest.len() + column + 1;
                return Err(format!(
                    "parse error on line 1, column {column}: bare \" in non-quoted-field"
                ));
            }
            fields.push(field.to_owned());
            match after {
                Some(after) => rest = after,
                None => return Ok(fields),
            }
            continue;
        };
        let mut field = String::new();
        let mut characters = quoted_rest.char_indices().peekable();
        let end = loop {
            match characters.next() {
                None => {
                    return Err(format!(
                        "parse error on line 1, column {}: {STRAY}",
                        value.len() + 1
                    ));
                }
                Some((_, '"')) => match characters.peek() {
                    Some((_, '"')) => {
                        field.push('"');
                        characters.next();
                    }
                    next => break next.copied(),
                },
                Some((_, character)) => field.push(character),
            }
        };
        fields.push(field);
        match end {
            None => return Ok(fields),
            Some((position, ',')) => rest = quoted_rest.get(position + 1..).unwrap_or_default(),
            Some((position, _)) => {
                let column = value.len() - quoted_rest.len() + position;
                return Err(format!("parse error on line 1, column {column}: {STRAY}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::type_complexity, reason = "a table")]
    fn values_are_checked_like_docker() {
        let cases: &[(FlagKind, &str, Result<&[&str], &str>)] = &[
            (FlagKind::Switch, "T", Ok(&["true"])),
            (FlagKind::Switch, "0", Ok(&["false"])),
            (
                FlagKind::Switch,
                "yes",
                Err("strconv.ParseBool: parsing \"yes\": invalid syntax"),
            ),
            (FlagKind::Number, "0x5", Ok(&["5"])),
            (FlagKind::Number, "017", Ok(&["15"])),
            (FlagKind::Number, "-3", Ok(&["-3"])),
            (
                FlagKind::Number,
                "",
                Err("strconv.ParseInt: parsing \"\": invalid syntax"),
            ),
            (
                FlagKind::Number,
                "99999999999999999999",
                Err("strconv.ParseInt: parsing \"99999999999999999999\": value out of range"),
            ),
            (FlagKind::Filter, "Dangling = true", Ok(&["dangling=true"])),
            (FlagKind::Filter, "", Ok(&[])),
            (
                FlagKind::Filter,
                "dangling",
                Err("bad format of filter (expected name=value)"),
            ),
            (FlagKind::CommaList, "a,b", Ok(&["a", "b"])),
            (FlagKind::CommaList, "\"a,\"\"b\",c", Ok(&["a,\"b", "c"])),
            (FlagKind::CommaList, "", Ok(&[])),
            (
                FlagKind::CommaList,
                "\"a",
                Err("parse error on line 1, column 3: extraneous or missing \" in quoted-field"),
            ),
            (
                FlagKind::CommaList,
                "a\"b",
                Err("parse error on line 1, column 2: bare \" in non-quoted-field"),
            ),
        ];
        for (kind, value, expected) in cases {
            let expected = expected
                .map(|values| values.iter().map(ToString::to_string).collect::<Vec<_>>())
                .map_err(str::to_owned);
            assert_eq!(of_kind(*kind, value), expected, "{kind:?} {value:?}");
        }
    }
}
