//! The moments that `--filter until=` takes.

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{Timestamp, Zoned};

use super::go_duration::parse_go_duration;

/// What is not a moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseTimestampError {
    /// It looks like a date, and is none.
    #[error(
        "{text:?} is no date: write one such as 2026-11-21T13:34:08Z, 2026-11-21T13:34 or 2026-11-21"
    )]
    Date {
        /// What was to be a moment.
        text: String,
    },
    /// It is nothing of all. The text is Docker's.
    #[error("failed to parse value as time or duration: {text:?}")]
    Unknown {
        /// What was to be a moment.
        text: String,
    },
    /// It lies outside of the years that are known.
    #[error("{text:?} is too far from now")]
    OutOfRange {
        /// What was to be a moment.
        text: String,
    },
}

/// Reads a moment as Docker does: a duration before `now` (`1h30m`), a date with or without time and zone
/// (`2026-11-21T13:34:08.5Z`, `2026-11-21T13:34`, `2026-11-21+01:00`), or seconds since 1970 (`1795268048.5`). What has no
/// zone is of the offset that `now` has. As in Docker, a duration gives whole seconds.
pub fn parse_docker_timestamp(text: &str, now: &Zoned) -> Result<Timestamp, ParseTimestampError> {
    let out_of_range = || ParseTimestampError::OutOfRange {
        text: text.to_owned(),
    };
    if text != "0"
        && let Ok(duration) = parse_go_duration(text)
    {
        let moment = now
            .timestamp()
            .checked_sub(duration)
            .or(Err(out_of_range()))?;
        let seconds = moment.as_nanosecond().div_euclid(1_000_000_000);
        return i64::try_from(seconds)
            .ok()
            .and_then(|seconds| Timestamp::from_second(seconds).ok())
            .ok_or_else(out_of_range);
    }
    if let Some(date) = parse_date(text, now.offset()) {
        return date.timestamp().or(Err(out_of_range()));
    }
    if text.contains('-') {
        return Err(ParseTimestampError::Date {
            text: text.to_owned(),
        });
    }
    let (seconds, nanoseconds) =
        parse_seconds(text).ok_or_else(|| ParseTimestampError::Unknown {
            text: text.to_owned(),
        })?;
    Timestamp::new(seconds, nanoseconds).or(Err(out_of_range()))
}

/// `seconds` or `seconds.fraction`.
fn parse_seconds(text: &str) -> Option<(i64, i32)> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded = format!("{fraction:0<9}");
    Some((seconds.parse().ok()?, padded.get(..9)?.parse().ok()?))
}

/// A date with its time and its offset from UTC.
struct LocalDate {
    date_time: DateTime,
    offset: Offset,
}

impl LocalDate {
    fn timestamp(&self) -> Result<Timestamp, jiff::Error> {
        self.offset.to_timestamp(self.date_time)
    }
}

/// Nothing if it is no date.
fn parse_date(text: &str, local: Offset) -> Option<LocalDate> {
    let (date, rest) = text.split_at_checked(10)?;
    let date = parse_day(date)?;
    // The zone begins at the letter, at the plus, or at the minus behind the day.
    let zone_start = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (time, zone) = rest.split_at_checked(zone_start)?;
    let time = if time.is_empty() {
        Time::midnight()
    } else {
        parse_time(time.strip_prefix('T')?)?
    };
    let offset = match zone {
        "" => local,
        "Z" => Offset::UTC,
        _ => parse_offset(zone)?,
    };
    Some(LocalDate {
        date_time: DateTime::from_parts(date, time),
        offset,
    })
}

fn parse_day(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = parts.next().is_none() && year.len() == 4 && month.len() == 2 && day.len() == 2;
    let year = digits(year)?.try_into().ok()?;
    let date = Date::new(
        year,
        digits(month)?.try_into().ok()?,
        digits(day)?.try_into().ok()?,
    );
    date.ok().filter(|_| is_whole)
}

/// `15`, `15:04`, `15:04:05`, `15:04:05.999999999`; the hour may have one digit, and the fraction a comma before it.
fn parse_time(text: &str) -> Option<Time> {
    let (whole, fraction) = text
        .split_once(['.', ','])
        .map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let parts: Vec<_> = whole.split(':').collect();
    let number = |index: usize| match parts.get(index) {
        Some(part) if part.len() == 2 || (index == 0 && part.len() == 1) => {
            digits(part)?.try_into().ok()
        }
        Some(_) => None,
        None => Some(0),
    };
    let nanoseconds = match fraction {
        None => 0,
        Some(fraction) if parts.len() == 3 && (1..=9).contains(&fraction.len()) => {
            i32::try_from(digits(&format!("{fraction:0<9}"))?).ok()?
        }
        Some(_) => return None,
    };
    if parts.len() > 3 {
        return None;
    }
    Time::new(number(0)?, number(1)?, number(2)?, nanoseconds).ok()
}

/// `+01:00`.
fn parse_offset(text: &str) -> Option<Offset> {
    let (hours, minutes) = text
        .get(1..)?
        .split_once(':')
        .filter(|(hours, minutes)| hours.len() == 2 && minutes.len() == 2)?;
    let seconds = i32::try_from(
        digits(hours)?.checked_mul(3600)? + digits(minutes).filter(|of| *of < 60)? * 60,
    )
    .ok()?;
    Offset::from_seconds(if text.starts_with('-') {
        -seconds
    } else {
        seconds
    })
    .ok()
}

fn digits(text: &str) -> Option<u32> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_docker_s() {
        let now: Zoned = "2026-11-21T13:34:08.5+01:00[+01:00]".parse().unwrap();
        for (text, expected) in [
            ("1h30m", "2026-11-21T11:04:08Z"),
            ("10s", "2026-11-21T12:33:58Z"),
            ("2026-11-21", "2026-11-20T23:00:00Z"),
            ("2026-11-21Z", "2026-11-21T00:00:00Z"),
            ("2026-11-21+02:00", "2026-11-20T22:00:00Z"),
            ("2026-11-21T10", "2026-11-21T09:00:00Z"),
            ("2026-11-21T10:20", "2026-11-21T09:20:00Z"),
            ("2026-11-21T10:20Z", "2026-11-21T10:20:00Z"),
            ("2026-11-21T10:20:30", "2026-11-21T09:20:30Z"),
            ("2026-11-21T10:20:30.25", "2026-11-21T09:20:30.25Z"),
            ("2026-11-21T10:20:30.25-05:00", "2026-11-21T15:20:30.25Z"),
            ("2026-11-21T10:20:30Z", "2026-11-21T10:20:30Z"),
            ("1795268048", "2026-11-21T13:34:08Z"),
            ("1795268048.5", "2026-11-21T13:34:08.5Z"),
            ("0", "1970-01-01T00:00:00Z"),
        ] {
            let moment = parse_docker_timestamp(text, &now).map(|moment| moment.to_string());
            assert_eq!(moment.as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-11-21T",
            "2026-11-21T25:00",
            "1.2.3",
            "2026-11-21 10:00",
            "é-é-é-é",
        ] {
            assert!(parse_docker_timestamp(text, &now).is_err(), "{text}");
        }
    }
}
