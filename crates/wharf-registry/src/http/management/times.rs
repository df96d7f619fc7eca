//! Times as Harbor writes them.

use jiff::Timestamp;

/// A time of the database in RFC 3339 with milliseconds.
pub(super) fn harbor_time(micros: i64) -> String {
    let time = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.3}")
}
