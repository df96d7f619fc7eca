//! Go's `time.Time`, as far as templates print it.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

/// A moment and the zone that it is shown in.
#[derive(Clone, Debug, PartialEq)]
pub struct GoTime(Zoned);

impl GoTime {
    /// `moment` shown in `zone`.
    pub fn new(moment: Timestamp, zone: TimeZone) -> Self {
        Self(moment.to_zoned(zone))
    }

    /// Go's zero time: midnight of 1 January of the year 1, UTC.
    pub fn zero() -> Self {
        Self::new(
            Timestamp::from_second(-62_135_596_800).unwrap_or(Timestamp::UNIX_EPOCH),
            TimeZone::UTC,
        )
    }

    /// The moment.
    pub fn timestamp(&self) -> Timestamp {
        self.0.timestamp()
    }

    /// As Go's `String` prints it: `2026-11-21 13:34:08.5 +0000 UTC`. A zone without letters is shown by its offset,
    /// twice, as Go does.
    pub fn to_go_string(&self) -> String {
        let offset = self.offset("");
        let abbreviation = self
            .0
            .time_zone()
            .to_offset_info(self.0.timestamp())
            .abbreviation()
            .to_owned();
        let letters = abbreviation
            .chars()
            .all(|character| character.is_ascii_alphabetic());
        let name = if letters {
            abbreviation
        } else {
            short_offset(&offset)
        };
        format!(
            "{} {}{} {offset} {name}",
            self.0.strftime("%Y-%m-%d"),
            self.0.strftime("%H:%M:%S"),
            self.fraction()
        )
    }

    /// As JSON carries it: RFC 3339 with as many digits of the second as there are.
    pub fn to_rfc3339(&self) -> String {
        let offset = if self.0.offset().is_zero() {
            "Z".to_owned()
        } else {
            self.offset(":")
        };
        format!(
            "{}{}{offset}",
            self.0.strftime("%Y-%m-%dT%H:%M:%S"),
            self.fraction()
        )
    }

    /// The digits after the second, without trailing zeros, with their point; empty for a whole second.
    fn fraction(&self) -> String {
        match self.0.subsec_nanosecond() {
            0 => String::new(),
            nanoseconds => format!(".{nanoseconds:09}")
                .trim_end_matches('0')
                .to_owned(),
        }
    }

    fn offset(&self, separator: &str) -> String {
        let seconds = self.0.offset().seconds();
        let (sign, minutes) = (
            if seconds < 0 { '-' } else { '+' },
            seconds.unsigned_abs() / 60,
        );
        format!("{sign}{:02}{separator}{:02}", minutes / 60, minutes % 60)
    }
}

/// `+0300` as the time zone database abbreviates it: `+03`.
fn short_offset(offset: &str) -> String {
    offset.strip_suffix("00").unwrap_or(offset).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_go() {
        let moment: Timestamp = "2026-11-21T13:34:08.5Z".parse().unwrap();
        let show = |zone: TimeZone| GoTime::new(moment, zone).to_go_string();
        assert_eq!(show(TimeZone::UTC), "2026-11-21 13:34:08.5 +0000 UTC");
        assert_eq!(
            show(TimeZone::fixed(jiff::tz::offset(3))),
            "2026-11-21 16:34:08.5 +0300 +03"
        );
        assert_eq!(
            GoTime::zero().to_go_string(),
            "0001-01-01 00:00:00 +0000 UTC"
        );
        assert_eq!(GoTime::zero().to_rfc3339(), "0001-01-01T00:00:00Z");
        assert_eq!(
            GoTime::new(moment, TimeZone::fixed(jiff::tz::offset(-5))).to_rfc3339(),
            "2026-11-21T08:34:08.5-05:00"
        );
    }
}
