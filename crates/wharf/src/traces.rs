//! Traces of the registry's requests, for a collector that takes OTLP over HTTP.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::Context as _;
use http::HeaderMap;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use wharf_registry::config::TracesConfig;

use crate::environment::Environment;

/// Under this target are the registry's spans.
pub(crate) const SPANS: &str = "spans";
/// How long the collector may take for one batch, and for the last one at the end.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(10);
/// Where OTLP over HTTP takes traces (OpenTelemetry protocol, "OTLP/HTTP Request").
const TRACES_PATH: &str = "v1/traces";

/// Sends spans to a collector, in batches and from a thread of its own.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Prepares to send where the configuration says; `None` if it names no collector. Whether one is there shows when
    /// something is sent.
    pub(crate) fn open(config: &TracesConfig) -> anyhow::Result<Option<Self>> {
        let Some(endpoint) = &config.endpoint else {
            return Ok(None);
        };
        let mut headers = HashMap::new();
        if let Some(secret) = &config.authorization {
            let value = secret.reveal(Environment::secret);
            let value = value.context("traces.authorization cannot be read")?;
            headers.insert("authorization".to_owned(), value);
        }
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/{TRACES_PATH}", endpoint.trim_end_matches('/')))
            .with_headers(headers)
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .context("traces.endpoint cannot be used")?;
        let sampler = Sampler::TraceIdRatioBased(config.sample);
        let resource = Resource::builder().with_service_name(config.service_name.clone());
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(sampler)))
            .with_resource(resource.build())
            .with_batch_exporter(exporter)
            .build();
        Ok(Some(Self { provider }))
    }

    /// What takes the spans from those who make them.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: tracing::Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("wharf-registry"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(|about| about.target() == SPANS))
    }

    /// Sends what is left, and waits for that: when nothing else is to be done any more.
    pub(crate) fn close(self) {
        if let Err(error) = self.provider.shutdown_with_timeout(EXPORT_TIMEOUT) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Makes a request's span part of the trace that its headers name (W3C Trace Context), if they name one.
pub(crate) fn follow(span: &Span, headers: &HeaderMap) {
    if span.is_disabled() {
        return;
    }
    let parent = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
    if let Err(error) = span.set_parent(parent) {
        tracing::debug!(%error, "a request does not follow the trace that it names");
    }
}
