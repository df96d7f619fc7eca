//! The span of a request: what a collector of traces is told about it.

use http::{HeaderMap, Method, StatusCode};
use tracing::field::Empty;
use tracing::{Span, info_span};

use super::forwarded::Origin;

/// Makes a span belong to the trace that a request's headers name (W3C Trace Context). The program that exports traces
/// brings it, so that nothing here knows how they are exported.
pub type FollowTrace = fn(&Span, &HeaderMap);

/// Begins it. Names follow OpenTelemetry's conventions for HTTP servers.
/// It has to have its name from the start.
pub(super) fn begin(method: &Method, path: &str, origin: Origin, operation: &str) -> Span {
    info_span!(
        target: "spans",
        "request",
        otel.name = operation,
        otel.kind = "server",
        otel.status_code = Empty,
        http.request.method = %method,
        http.response.status_code = Empty,
        url.path = path,
        url.scheme = if origin.secure { "https" } else { "http" },
        client.address = %origin.client,
        user.name = Empty,
    )
}

/// Says what was found out about the request.
pub(super) fn end(span: &Span, actor: &str, status: StatusCode) {
    if span.is_disabled() {
        return;
    }
    span.record("http.response.status_code", status.as_u16());
    if !actor.is_empty() {
        span.record("user.name", actor);
    }
    if status.is_server_error() {
        span.record("otel.status_code", "ERROR");
    }
}
