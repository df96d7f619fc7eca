//! Figures as text, in Prometheus' exposition format 0.0.4.

use std::fmt::{self, Write as _};

use super::Histogram;

/// What every name begins with.
const PREFIX: &str = "wharf_registry_";

/// What kind of figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Only goes up.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Times.
    Histogram,
}

/// The text so far.
#[derive(Debug, Default)]
pub(crate) struct Exposition(String);

/// Labels: names and values, all of which are words of this program.
pub(crate) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    /// Begins a family of figures; its samples follow.
    pub(crate) fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        self.line(format_args!("# HELP {PREFIX}{name} {help}"));
        self.line(format_args!("# TYPE {PREFIX}{name} {kind}"));
    }

    /// One figure.
    pub(crate) fn sample(&mut self, name: &str, labels: Labels<'_>, value: u64) {
        self.line(format_args!(
            "{PREFIX}{name}{} {value}",
            Shown(labels, None)
        ));
    }

    /// A family of one figure.
    pub(crate) fn single(&mut self, name: &str, kind: Kind, help: &str, value: u64) {
        self.family(name, kind, help);
        self.sample(name, &[], value);
    }

    /// The figures of a histogram.
    pub(crate) fn histogram(&mut self, name: &str, labels: Labels<'_>, histogram: &Histogram) {
        let snapshot = histogram.snapshot();
        for (end, count) in &snapshot.buckets {
            let shown = Shown(labels, Some(end));
            self.line(format_args!("{PREFIX}{name}_bucket{shown} {count}"));
        }
        let (all, count, sum) = (
            Shown(labels, Some("+Inf")),
            snapshot.count,
            snapshot.sum_seconds,
        );
        self.line(format_args!("{PREFIX}{name}_bucket{all} {count}"));
        let shown = Shown(labels, None);
        self.line(format_args!("{PREFIX}{name}_sum{shown} {sum}"));
        self.line(format_args!("{PREFIX}{name}_count{shown} {count}"));
    }

    /// The text.
    pub(crate) fn finish(self) -> String {
        self.0
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _infallible = writeln!(self.0, "{line}");
    }
}

/// Labels as they are written, with the upper end of a bucket.
struct Shown<'a>(Labels<'a>, Option<&'a str>);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.1.map(|end| ("le", end));
        let mut separator = '{';
        for (name, value) in self.0.iter().copied().chain(end) {
            write!(f, "{separator}{name}=\"{value}\"")?;
            separator = ',';
        }
        if separator == ',' {
            f.write_char('}')
        } else {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn figures_are_written_as_prometheus_reads_them() {
        let mut text = Exposition::default();
        text.single("connections", Kind::Gauge, "Open connections.", 3);
        text.family("seconds", Kind::Histogram, "Time.");
        let histogram = Histogram::default();
        histogram.observe(Duration::from_millis(1500));
        text.histogram("seconds", &[("operation", "getBlob")], &histogram);
        let text = text.finish();
        assert!(text.starts_with(
            "# HELP wharf_registry_connections Open connections.\n# TYPE wharf_registry_connections gauge\n\
             wharf_registry_connections 3\n"
        ));
        for line in [
            "wharf_registry_seconds_bucket{operation=\"getBlob\",le=\"1\"} 0",
            "wharf_registry_seconds_bucket{operation=\"getBlob\",le=\"5\"} 1",
            "wharf_registry_seconds_bucket{operation=\"getBlob\",le=\"+Inf\"} 1",
            "wharf_registry_seconds_sum{operation=\"getBlob\"} 1.5",
            "wharf_registry_seconds_count{operation=\"getBlob\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
