//! How long things are left alone.

use std::time::Duration;

/// The collector's windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GarbageSettings {
    /// How long a blob that nothing refers to is kept after somebody last relied on it: a push takes that long at most
    /// between its first blob and its manifest.
    pub grace: Duration,
    /// How long a deleted manifest can be brought back.
    pub undelete: Duration,
    /// How long an upload is kept that nobody goes on with.
    pub upload_expiry: Duration,
    /// How long the collector rests between two rounds.
    pub interval: Duration,
}

impl Default for GarbageSettings {
    fn default() -> Self {
        Self {
            grace: Duration::from_hours(2),
            undelete: Duration::from_hours(24),
            upload_expiry: Duration::from_hours(24 * 7),
            interval: Duration::from_mins(5),
        }
    }
}

impl GarbageSettings {
    /// The moment before which `window` is over at `now`, in microseconds since 1970.
    pub(super) fn cutoff(window: Duration, now: i64) -> i64 {
        now.saturating_sub(i64::try_from(window.as_micros()).unwrap_or(i64::MAX))
    }
}
