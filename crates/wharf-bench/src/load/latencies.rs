//! How long answers took: all of them are kept, so that percentiles are exact.

use std::time::Duration;

/// The times of some requests.
#[derive(Debug, Default)]
pub(crate) struct Latencies {
    times: Vec<Duration>,
}

impl Latencies {
    pub(crate) fn add(&mut self, time: Duration) {
        self.times.push(time);
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.times.append(&mut others.times);
    }

    pub(crate) fn clear(&mut self) {
        self.times.clear();
    }

    pub(crate) fn count(&self) -> usize {
        self.times.len()
    }

    /// The time in milliseconds that `part` of the requests (0.99: all but one of a hundred) did not exceed, for each of
    /// `parts`; 0 when there was no request.
    pub(crate) fn percentiles<const N: usize>(mut self, parts: [f64; N]) -> [f64; N] {
        self.times.sort_unstable();
        parts.map(|part| {
            let place = self.place(part);
            self.times.get(place).map_or(0.0, Duration::as_secs_f64) * 1e3
        })
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place among samples, of which there are far less than 2^52"
    )]
    fn place(&self, part: f64) -> usize {
        let last = self.times.len().saturating_sub(1);
        ((self.times.len() as f64 * part).ceil() as usize)
            .saturating_sub(1)
            .min(last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_time_that_was_measured() {
        let mut latencies = Latencies::default();
        for milliseconds in (1..=200).rev() {
            latencies.add(Duration::from_millis(milliseconds));
        }
        let found = latencies.percentiles([0.5, 0.99, 1.0]);
        for (found, expected) in found.iter().zip([100.0, 198.0, 200.0]) {
            assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
        }
        let [none] = Latencies::default().percentiles([0.5]);
        assert!(none.abs() < f64::EPSILON);
    }
}
