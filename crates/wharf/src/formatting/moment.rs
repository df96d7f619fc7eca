//! When output is made, and in which zone its times are shown.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use wharf_template::GoTime;
use wharf_template::units::human_duration;

/// The present, for ages, and the zone of the person.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    now: Timestamp,
    zone: TimeZone,
}

impl Moment {
    /// The machine's clock and zone (`TZ`).
    pub(crate) fn present() -> Self {
        Self {
            now: Timestamp::now(),
            zone: TimeZone::system(),
        }
    }

    /// A moment of a test, in UTC.
    #[cfg(test)]
    pub(crate) fn fixed(now: Timestamp) -> Self {
        Self {
            now,
            zone: TimeZone::UTC,
        }
    }

    /// The present in the person's zone.
    pub(crate) fn zoned(&self) -> Zoned {
        self.now.to_zoned(self.zone.clone())
    }

    /// `3 weeks ago`.
    pub(crate) fn age(&self, then: Timestamp) -> String {
        format!(
            "{} ago",
            human_duration(self.now.duration_since(then).as_secs_f64())
        )
    }

    /// Seconds from then to now.
    pub(crate) fn seconds_since(&self, then: Timestamp) -> f64 {
        self.now.duration_since(then).as_secs_f64()
    }

    /// `2026-11-21 13:34:08 +0000 UTC`, to the second; the year 1 if it is not known, as Go has it.
    pub(crate) fn go_time(&self, then: Option<Timestamp>) -> String {
        let Some(whole) = then.and_then(|then| Timestamp::from_second(then.as_second()).ok())
        else {
            return GoTime::zero().to_go_string();
        };
        GoTime::new(whole, self.zone.clone()).to_go_string()
    }

    /// The same with all its digits.
    pub(crate) fn exact_go_time(&self, then: Timestamp) -> String {
        GoTime::new(then, self.zone.clone()).to_go_string()
    }

    /// `2026-11-21T13:34:08Z`, to the second.
    pub(crate) fn rfc3339(&self, then: Option<Timestamp>) -> String {
        let Some(whole) = then.and_then(|then| Timestamp::from_second(then.as_second()).ok())
        else {
            return GoTime::zero().to_rfc3339();
        };
        GoTime::new(whole, self.zone.clone()).to_rfc3339()
    }
}
