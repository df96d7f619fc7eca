//! Figures of the collector.

use super::GarbageReport;
use crate::metrics::{Counter, Exposition, Kind};

/// What all rounds did together.
#[derive(Debug, Default)]
pub(crate) struct GarbageFigures {
    rounds: Counter,
    uploads: Counter,
    manifests: Counter,
    links: Counter,
    blobs: Counter,
    objects: Counter,
    freed_bytes: Counter,
    strays: Counter,
}

impl GarbageFigures {
    /// Counts a round.
    pub(super) fn add(&self, report: &GarbageReport) {
        self.rounds.increment();
        self.uploads.add(report.uploads);
        self.manifests.add(report.manifests);
        self.links.add(report.links);
        self.blobs.add(report.blobs);
        self.objects.add(report.objects);
        self.freed_bytes.add(report.freed_bytes);
        self.strays.add(report.strays);
    }

    /// Writes them down.
    pub(crate) fn write(&self, text: &mut Exposition) {
        text.single(
            "garbage_rounds_total",
            Kind::Counter,
            "Rounds of the garbage collector.",
            self.rounds.get(),
        );
        let name = "garbage_collected_total";
        text.family(name, Kind::Counter, "What the garbage collector gave up.");
        for (what, number) in [
            ("uploads", &self.uploads),
            ("manifests", &self.manifests),
            ("links", &self.links),
            ("blobs", &self.blobs),
            ("objects", &self.objects),
            ("strays", &self.strays),
        ] {
            text.sample(name, &[("what", what)], number.get());
        }
        text.single(
            "garbage_freed_bytes_total",
            Kind::Counter,
            "Bytes that the garbage collector freed.",
            self.freed_bytes.get(),
        );
    }
}
