//! Answers, in few words.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION};
use http::{Response, StatusCode};
use serde::Serialize;

use super::body::Body;
use super::error::HttpError;

/// `Docker-Content-Digest`.
pub(super) const DOCKER_CONTENT_DIGEST: HeaderName =
    HeaderName::from_static("docker-content-digest");

/// What a handler gives.
pub(crate) type Outcome = Result<Answer, HttpError>;

/// A successful answer.
pub(crate) struct Answer(Response<Body>);

impl Answer {
    /// Without a body.
    pub(crate) fn new(status: StatusCode) -> Self {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        Self(response)
    }

    /// A JSON document.
    pub(crate) fn json(document: &impl Serialize) -> Self {
        Self::new(StatusCode::OK).with_json("application/json", document)
    }

    /// With a JSON document as body.
    #[must_use]
    pub(crate) fn with_json(self, content_type: &'static str, document: &impl Serialize) -> Self {
        // Only a map with keys that are no texts could fail, and none is made here.
        let body = serde_json::to_vec(document).unwrap_or_default();
        self.static_header(CONTENT_TYPE, content_type)
            .body(Body::whole(body))
    }

    /// With a body.
    #[must_use]
    pub(crate) fn body(mut self, body: Body) -> Self {
        *self.0.body_mut() = body;
        self
    }

    /// With a header whose value never changes.
    #[must_use]
    pub(crate) fn static_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.0
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
        self
    }

    /// With a header; one that cannot stand in a header is left out. Values here are digests, numbers and encoded paths.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.0.headers_mut().append(name, value);
        }
        self
    }

    /// Says where something is.
    #[must_use]
    pub(crate) fn location(self, path: impl AsRef<str>) -> Self {
        self.header(LOCATION, path)
    }

    /// Says how long the body is, or would be.
    #[must_use]
    pub(crate) fn length(mut self, bytes: u64) -> Self {
        self.0
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(bytes));
        self
    }

    /// The finished response.
    pub(super) fn into_response(self) -> Response<Body> {
        self.0
    }
}
