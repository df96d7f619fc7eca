//! Moments as Docker's filters take them: an age (`10m`, `1h30m`), a date or time with or without zone, or seconds
//! since 1970.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A text that means no moment.
#[derive(Debug, thiserror::Error)]
#[error("failed to parse value as time or duration: \"{text}\"")]
pub(crate) struct MomentError {
    text: String,
}

/// The moment that the text means. Times without a zone are in `zone`.
pub(crate) fn parse_moment(
    text: &str,
    now: Timestamp,
    zone: &TimeZone,
) -> Result<Timestamp, MomentError> {
    let age = (text != "0").then(|| go_duration(text)).flatten();
    let moment = match age {
        Some(age) => now.checked_sub(age).ok(),
        None if text.contains('-') => time(text, zone),
        None => unix_seconds(text),
    };
    moment.ok_or_else(|| MomentError {
        text: text.to_owned(),
    })
}

/// A duration in the notation of Go: numbers with units, `1h30m`, `1.5s`, `-2us`.
fn go_duration(text: &str) -> Option<SignedDuration> {
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(SignedDuration::ZERO);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let number_end =
            rest.find(|character: char| !(character.is_ascii_digit() || character == '.'))?;
        let (number, after) = rest.split_at(number_end);
        let unit_end = after.find(|character: char| character.is_ascii_digit() || character == '.');
        let (unit, after) = after.split_at(unit_end.unwrap_or(after.len()));
        let unit_seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        seconds += number.parse::<f64>().ok()? * unit_seconds;
        rest = after;
    }
    if text.len() == usize::from(negative) {
        return None;
    }
    SignedDuration::try_from_secs_f64(if negative { -seconds } else { seconds }).ok()
}

/// `2006-01-02`, `2006-01-02T15`, `...T15:04`, `...T15:04:05`, `...T15:04:05.999`, each with or without zone.
fn time(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (local, offset) = split_zone(text);
    let time: DateTime = match local.split_once('T') {
        None => local
            .parse::<Date>()
            .ok()?
            .to_datetime(jiff::civil::Time::midnight()),
        Some((date, hour)) if hour.len() == 2 => format!("{date}T{hour}:00").parse().ok()?,
        Some(_) => local.parse().ok()?,
    };
    match offset {
        None => Some(time.to_zoned(zone.clone()).ok()?.timestamp()),
        Some("Z" | "z") => Some(time.to_zoned(TimeZone::UTC).ok()?.timestamp()),
        // A date alone has no place for an offset in RFC 3339, so the whole time is spelled out.
        Some(offset) => format!("{time}{offset}").parse().ok(),
    }
}

/// Splits `Z` or `+01:00` off.
fn split_zone(text: &str) -> (&str, Option<&str>) {
    if text.ends_with(['Z', 'z']) {
        let (local, zone) = text.split_at(text.len() - 1);
        return (local, Some(zone));
    }
    // The third dash, if there is one, begins a zone west of Greenwich.
    let dash = text.match_indices('-').nth(2).map(|(position, _)| position);
    match text.find('+').or(dash) {
        Some(position) => {
            let (local, zone) = text.split_at(position);
            (local, Some(zone))
        }
        None => (text, None),
    }
}

/// `1795276800` or `1795276800.123456789`.
fn unix_seconds(text: &str) -> Option<Timestamp> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 9 || !fraction.chars().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let nanoseconds = format!("{fraction:0<9}").parse().ok()?;
    Timestamp::new(seconds.parse().ok()?, nanoseconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_docker_reads_them() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        for (text, expected) in [
            ("10m", Some("2026-11-21T11:50:00Z")),
            ("1h30m", Some("2026-11-21T10:30:00Z")),
            ("1.5s", Some("2026-11-21T11:59:58.5Z")),
            ("-1h", Some("2026-11-21T13:00:00Z")),
            ("0s", Some("2026-11-21T12:00:00Z")),
            ("2026-01-02", Some("2026-01-01T22:00:00Z")),
            ("2026-01-02Z", Some("2026-01-02T00:00:00Z")),
            ("2026-01-02T03", Some("2026-01-02T01:00:00Z")),
            ("2026-01-02T03:04", Some("2026-01-02T01:04:00Z")),
            ("2026-01-02T03:04:05.5", Some("2026-01-02T01:04:05.5Z")),
            ("2026-01-02T03:04:05Z", Some("2026-01-02T03:04:05Z")),
            ("2026-01-02T03:04:05-01:00", Some("2026-01-02T04:04:05Z")),
            ("2026-01-02T03:04:05+01:00", Some("2026-01-02T02:04:05Z")),
            ("1795276800", Some("2026-11-21T16:00:00Z")),
            ("1795276800.5", Some("2026-11-21T16:00:00.5Z")),
            ("0", Some("1970-01-01T00:00:00Z")),
            ("", None),
            ("-", None),
            ("h", None),
            ("5", Some("1970-01-01T00:00:05Z")),
            ("2026-13-01", None),
            ("yesterday", None),
            ("1e999h", None),
            ("99999999999999999999h", None),
        ] {
            let moment = parse_moment(text, now, &zone).ok();
            assert_eq!(
                moment,
                expected.map(|time| time.parse().unwrap()),
                "{text:?}"
            );
        }
    }
}
