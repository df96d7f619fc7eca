//! When to try again: exponential back-off with jitter, and what `Retry-After` asks for.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};
use jiff::fmt::rfc2822::DateTimeParser;

use crate::config::RetryPolicy;

/// Something that people may want to see while an operation goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientEvent {
    /// Something failed that may pass, and is tried again after a wait (Docker: `Retrying in N seconds`).
    Retrying {
        /// How often it was tried so far.
        attempt: u32,
        /// How often it will be tried in all.
        max_attempts: u32,
        /// How long the wait is that now begins.
        delay: Duration,
        /// What failed.
        reason: String,
    },
    /// A mirror cannot serve this; the next one, or the registry itself, is asked.
    MirrorFailed {
        /// The mirror's host.
        mirror: String,
        /// What failed.
        reason: String,
    },
}

/// Is told what happens. Called in the middle of the operation: must not block.
pub type EventObserver = Arc<dyn Fn(&ClientEvent) + Send + Sync>;

impl RetryPolicy {
    /// The wait after `failures` failures in a row; `None` if that was the last attempt, or if the
    /// registry asks for a wait (`retry_after`) longer than we ever do.
    pub(crate) fn delay(&self, failures: u32, retry_after: Option<Duration>) -> Option<Duration> {
        if failures >= self.max_attempts.max(1) {
            return None;
        }
        if let Some(asked) = retry_after {
            return (asked <= self.max_delay).then_some(asked);
        }
        let doubled = self
            .initial_delay
            .saturating_mul(1 << failures.saturating_sub(1).min(16));
        let jitter = doubled.mul_f64(0.25 * random_fraction());
        Some(doubled.saturating_add(jitter).min(self.max_delay))
    }
}

/// Whether an answer with this status may be another one a moment later.
pub(crate) fn may_pass(status: http::StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// The wait that `Retry-After` asks for: seconds, or a date, which is compared with the `Date` of the
/// same answer so that this machine's clock does not matter.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let asked = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |text: &str| DateTimeParser::new().parse_timestamp(text).ok();
    let now = date(headers.get(DATE)?.to_str().ok()?.trim())?;
    let until = date(asked)?;
    let seconds = until.as_second().saturating_sub(now.as_second());
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

// Between 0 and 1. The standard library's hasher keys are random; that is random enough for jitter.
fn random_fraction() -> f64 {
    let random = u32::try_from(RandomState::new().hash_one(0) >> 32).unwrap_or(0);
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_limit() {
        let policy = RetryPolicy {
            max_attempts: 6,
            initial_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(10),
        };
        for (failures, least, most) in [
            (1, 1.0, 1.25),
            (2, 2.0, 2.5),
            (3, 4.0, 5.0),
            (5, 10.0, 10.0),
        ] {
            let delay = policy.delay(failures, None).unwrap().as_secs_f64();
            assert!((least..=most).contains(&delay), "{failures}: {delay}");
        }
        assert_eq!(policy.delay(6, None), None);
        let seconds = Duration::from_secs;
        assert_eq!(policy.delay(1, Some(seconds(7))), Some(seconds(7)));
        assert_eq!(policy.delay(1, Some(seconds(11))), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = "Wed, 21 Oct 2015 07:28:00 GMT";
        for (asked, date, expected) in [
            ("120", None, Some(120)),
            (" 0 ", None, Some(0)),
            ("Wed, 21 Oct 2015 07:29:30 GMT", Some(now), Some(90)),
            ("Wed, 21 Oct 2015 07:27:00 GMT", Some(now), Some(0)),
            ("Wed, 21 Oct 2015 07:29:30 GMT", None, None),
            ("soon", Some(now), None),
            ("-5", Some(now), None),
            ("99999999999999999999", Some(now), None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, asked.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            let expected = expected.map(Duration::from_secs);
            assert_eq!(retry_after(&headers), expected, "{asked}");
        }
    }
}
