//! How long things took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets in microseconds, with the text that Prometheus is told.
const BUCKETS: [(u64, &str); 14] = [
    (250, "0.00025"),
    (500, "0.0005"),
    (1_000, "0.001"),
    (2_500, "0.0025"),
    (5_000, "0.005"),
    (10_000, "0.01"),
    (25_000, "0.025"),
    (50_000, "0.05"),
    (100_000, "0.1"),
    (250_000, "0.25"),
    (1_000_000, "1"),
    (5_000_000, "5"),
    (30_000_000, "30"),
    (120_000_000, "120"),
];

/// A histogram of times.
#[derive(Debug, Default)]
pub(crate) struct Histogram {
    /// How many fell into each bucket and not into the one before; the last is for all that took longer.
    counts: [AtomicU64; BUCKETS.len() + 1],
    sum_micros: AtomicU64,
}

/// What a histogram held at one moment.
pub(super) struct Snapshot {
    /// Upper end and how many took at most that long.
    pub(super) buckets: Vec<(&'static str, u64)>,
    /// How many there were.
    pub(super) count: u64,
    /// All their seconds.
    pub(super) sum_seconds: f64,
}

impl Histogram {
    /// Counts one that took so long.
    pub(crate) fn observe(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = BUCKETS.partition_point(|(end, _)| *end < micros);
        if let Some(count) = self.counts.get(bucket) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }

    /// How many there were.
    pub(crate) fn count(&self) -> u64 {
        let counts = self.counts.iter();
        counts.map(|count| count.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn snapshot(&self) -> Snapshot {
        let mut count = 0;
        let mut buckets = Vec::with_capacity(BUCKETS.len());
        let ends = BUCKETS.iter().map(|(_, end)| Some(*end)).chain([None]);
        for (end, bucket) in ends.zip(&self.counts) {
            count += bucket.load(Ordering::Relaxed);
            buckets.extend(end.map(|end| (end, count)));
        }
        let sum = Duration::from_micros(self.sum_micros.load(Ordering::Relaxed));
        Snapshot {
            buckets,
            count,
            sum_seconds: sum.as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_falls_into_its_bucket_and_all_above() {
        let histogram = Histogram::default();
        for micros in [250, 251, 1_000, 200_000_000] {
            histogram.observe(Duration::from_micros(micros));
        }
        let snapshot = histogram.snapshot();
        let at = |end| {
            snapshot
                .buckets
                .iter()
                .find(|(text, _)| *text == end)
                .unwrap()
                .1
        };
        assert_eq!(
            (at("0.00025"), at("0.0005"), at("0.001"), at("120")),
            (1, 2, 3, 3)
        );
        assert_eq!(snapshot.count, 4);
        assert!((snapshot.sum_seconds - 200.001_501).abs() < 1e-9);
    }

    #[test]
    fn the_texts_of_buckets_are_their_ends() {
        for (micros, text) in BUCKETS {
            let seconds: f64 = text.parse().unwrap();
            assert_eq!(
                Duration::from_secs_f64(seconds),
                Duration::from_micros(micros),
                "{text}"
            );
        }
    }
}
