//! Figures of the server, and the page that shows all there are.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::CONTENT_TYPE;

use super::admission::{Admission as _, Allowed, OnSystem, Optional, ReadVolumes};
use super::answer::{Answer, Outcome};
use super::body::Body;
use super::call::Call;
use super::error::{Fault, HttpError};
use crate::config::MetricsReaders;
use crate::db;
use crate::metrics::{Counter, Exposition, Histogram, Kind};
use crate::registry::Registry;

/// How long it is remembered how much is stored: counting looks at every blob.
const STORED_MEMORY: Duration = Duration::from_mins(1);
/// Classes of status, by their first digit.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

/// What is counted of requests and connections.
#[derive(Debug)]
pub(crate) struct ServerFigures {
    /// In the order of the table of routes; then the portal, then what there is not.
    operations: Vec<OperationFigures>,
    /// Requests that are being handled.
    pub(super) in_flight: Counter,
    /// Open connections.
    pub(super) connections: Counter,
    /// Connections that did not agree on encryption.
    pub(super) failed_handshakes: Counter,
    /// Requests of clients that ask too much.
    pub(super) refused_for_haste: Counter,
    /// Bytes as they pass the network, encryption included.
    pub(super) received_bytes: Counter,
    /// The same the other way.
    pub(super) sent_bytes: Counter,
    faults: [Counter; Fault::ALL.len()],
    stored: Mutex<Option<(Instant, Stored)>>,
}

#[derive(Debug)]
struct OperationFigures {
    name: &'static str,
    classes: [Counter; CLASSES.len()],
    seconds: Histogram,
}

/// How much there is.
#[derive(Debug, Clone, Copy)]
struct Stored {
    blobs: u64,
    bytes: u64,
    uploads: u64,
}

/// The place of an operation in the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OperationIndex(pub(super) usize);

impl ServerFigures {
    /// For the operations of the table.
    pub(super) fn new(operations: impl Iterator<Item = &'static str>) -> Self {
        let operations = operations.chain(["getPortal", "unknown"]);
        Self {
            operations: operations.map(OperationFigures::new).collect(),
            in_flight: Counter::default(),
            connections: Counter::default(),
            failed_handshakes: Counter::default(),
            refused_for_haste: Counter::default(),
            received_bytes: Counter::default(),
            sent_bytes: Counter::default(),
            faults: Default::default(),
            stored: Mutex::new(None),
        }
    }

    /// The portal's place.
    pub(super) fn portal(&self) -> OperationIndex {
        OperationIndex(self.operations.len() - 2)
    }

    /// The place of what there is not.
    pub(super) fn unknown(&self) -> OperationIndex {
        OperationIndex(self.operations.len() - 1)
    }

    /// Counts an answer.
    pub(super) fn answered(&self, operation: OperationIndex, status: StatusCode, time: Duration) {
        if let Some(operation) = self.operations.get(operation.0) {
            let class = usize::from(status.as_u16() / 100).saturating_sub(1);
            if let Some(counter) = operation.classes.get(class) {
                counter.increment();
            }
            operation.seconds.observe(time);
        }
    }

    /// Counts what the server itself did wrong.
    pub(super) fn failed(&self, error: &HttpError) {
        if let Some(fault) = error.fault()
            && let Some(counter) = self.faults.get(fault as usize)
        {
            counter.increment();
        }
    }

    async fn stored(&self, registry: &Registry) -> Result<Stored, db::SqlError> {
        let known = *self.stored.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, stored)) = known
            && at.elapsed() < STORED_MEMORY
        {
            return Ok(stored);
        }
        let stored = registry
            .db()
            .read(|sql| {
                let (blobs, bytes) = db::blobs::count(sql)?;
                let uploads = db::uploads::count(sql)?;
                Ok::<_, db::SqlError>(Stored {
                    blobs,
                    bytes,
                    uploads,
                })
            })
            .await?;
        *self.stored.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((Instant::now(), stored));
        Ok(stored)
    }

    /// Everything, as Prometheus reads it. What storage holds is left out while the database does not work.
    pub(super) async fn expose(&self, registry: &Registry) -> String {
        let mut text = Exposition::default();
        text.family("build_info", Kind::Gauge, "The version of Wharf; always 1.");
        text.sample("build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.write_requests(&mut text);
        self.write_connections(&mut text);
        match self.stored(registry).await {
            Ok(stored) => stored.write(&mut text),
            Err(error) => tracing::warn!(%error, "what is stored cannot be counted"),
        }
        registry.db().figures().write(&mut text);
        registry.garbage_figures().write(&mut text);
        text.finish()
    }

    fn write_requests(&self, text: &mut Exposition) {
        let used = || self.operations.iter().filter(|one| one.seconds.count() > 0);
        let name = "requests_total";
        text.family(name, Kind::Counter, "Answered requests.");
        for operation in used() {
            for (class, counter) in CLASSES.iter().zip(&operation.classes) {
                if counter.get() > 0 {
                    let labels = [("operation", operation.name), ("status", *class)];
                    text.sample(name, &labels, counter.get());
                }
            }
        }
        let name = "request_seconds";
        text.family(
            name,
            Kind::Histogram,
            "Time from the head of a request to the head of its answer.",
        );
        for operation in used() {
            text.histogram(name, &[("operation", operation.name)], &operation.seconds);
        }
        text.single(
            "requests_in_flight",
            Kind::Gauge,
            "Requests that are being handled.",
            self.in_flight.get(),
        );
        text.single(
            "requests_refused_total",
            Kind::Counter,
            "Requests of clients that asked for more than their allowance.",
            self.refused_for_haste.get(),
        );
        let name = "faults_total";
        text.family(
            name,
            Kind::Counter,
            "Requests that failed by the server's fault.",
        );
        for fault in Fault::ALL {
            if let Some(counter) = self.faults.get(fault as usize) {
                text.sample(name, &[("part", fault.word())], counter.get());
            }
        }
    }

    fn write_connections(&self, text: &mut Exposition) {
        for (name, kind, help, counter) in [
            (
                "connections",
                Kind::Gauge,
                "Open connections.",
                &self.connections,
            ),
            (
                "failed_handshakes_total",
                Kind::Counter,
                "Connections that did not agree on encryption.",
                &self.failed_handshakes,
            ),
            (
                "received_bytes_total",
                Kind::Counter,
                "Bytes from clients, as they passed the network.",
                &self.received_bytes,
            ),
            (
                "sent_bytes_total",
                Kind::Counter,
                "Bytes to clients, as they passed the network.",
                &self.sent_bytes,
            ),
        ] {
            text.single(name, kind, help, counter.get());
        }
    }
}

impl OperationFigures {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            classes: Default::default(),
            seconds: Histogram::default(),
        }
    }
}

impl Stored {
    fn write(self, text: &mut Exposition) {
        text.single("blobs", Kind::Gauge, "Blobs in storage.", self.blobs);
        text.single(
            "blob_bytes",
            Kind::Gauge,
            "Bytes of all blobs in storage.",
            self.bytes,
        );
        text.single(
            "uploads",
            Kind::Gauge,
            "Uploads that are neither finished nor given up.",
            self.uploads,
        );
    }
}

/// `GET /metrics`, for those whom the configuration names.
pub(super) async fn read_metrics(call: Call, _caller: Optional) -> Outcome {
    let metrics = &call.server.metrics;
    if !metrics.enabled {
        return Err(HttpError::new(
            StatusCode::NOT_FOUND,
            "NOT_FOUND",
            "metrics are turned off in this registry's configuration",
        ));
    }
    if metrics.readers == MetricsReaders::Administrators {
        Allowed::<OnSystem, ReadVolumes>::admit(&call).await?;
    }
    Ok(page(call.figures.expose(&call.registry).await))
}

/// The page of figures.
pub(super) fn page(text: String) -> Answer {
    Answer::new(StatusCode::OK)
        .static_header(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")
        .body(Body::whole(text))
}
