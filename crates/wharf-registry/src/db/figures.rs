//! Figures of the database.

use std::time::Instant;

use crate::metrics::{Counter, Exposition, Histogram, Kind};

/// What is counted of all questions and changes.
#[derive(Debug, Default)]
pub(crate) struct DatabaseFigures {
    reads: Histogram,
    writes: Histogram,
    /// Waiting for a thread, or with one.
    waiting: Counter,
}

impl DatabaseFigures {
    /// Counts a question.
    pub(super) async fn of_read<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.observed(&self.reads, work).await
    }

    /// Counts a change.
    pub(super) async fn of_write<T, E>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.observed(&self.writes, work).await
    }

    async fn observed<T, E>(
        &self,
        histogram: &Histogram,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let started = Instant::now();
        let _waiting = self.waiting.enter();
        let outcome = work.await;
        histogram.observe(started.elapsed());
        outcome
    }

    /// Writes them down.
    pub(crate) fn write(&self, text: &mut Exposition) {
        let name = "database_seconds";
        text.family(
            name,
            Kind::Histogram,
            "Time of questions and changes, from asking for a thread to the answer.",
        );
        text.histogram(name, &[("kind", "read")], &self.reads);
        text.histogram(name, &[("kind", "write")], &self.writes);
        text.single(
            "database_waiting",
            Kind::Gauge,
            "Questions and changes that wait for the database or are being worked on.",
            self.waiting.get(),
        );
    }
}
