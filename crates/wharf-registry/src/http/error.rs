//! What a client is told when something did not work: the one table from errors to status and code.

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use super::body::Body;
use crate::db::SqlError;
use crate::error::RegistryError;
use crate::listing::ListRequestError;
use crate::storage::StorageError;

/// Seconds after which a client may try again when storage or database are not available.
const RETRY_SECONDS: &str = "5";

/// An answer that says what is wrong, in the form of the distribution specification, which is Harbor's as well.
#[derive(Debug)]
pub(crate) struct HttpError {
    status: StatusCode,
    code: &'static str,
    message: String,
    detail: Option<Value>,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// What only the log is told.
    cause: Option<Box<RegistryError>>,
}

/// Which part of the server is at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Storage.
    Storage,
    /// The database.
    Database,
    /// The program itself.
    Program,
}

impl Fault {
    /// All of them, in order.
    pub(super) const ALL: [Self; 3] = [Self::Storage, Self::Database, Self::Program];

    /// The word that figures have for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Database => "database",
            Self::Program => "program",
        }
    }
}

impl HttpError {
    /// An error of its own.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            detail: None,
            headers: Vec::new(),
            cause: None,
        }
    }

    /// A request that cannot be right.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", message)
    }

    /// With machine-readable facts.
    #[must_use]
    pub(crate) fn detail(mut self, detail: Value) -> Self {
        self.detail = Some(detail);
        self
    }

    /// With a header.
    #[must_use]
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// With a code of the distribution specification, which allows no others below `/v2/`.
    #[must_use]
    pub(super) fn of_distribution(mut self) -> Self {
        self.code = match self.code {
            "BAD_REQUEST" | "CONFLICT" | "PRECONDITION" => "UNSUPPORTED",
            "NOT_FOUND" => "NAME_UNKNOWN",
            "FORBIDDEN" => "DENIED",
            known => known,
        };
        self
    }

    /// The status.
    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// Which part of the server is at fault, if it is the server's.
    pub(super) fn fault(&self) -> Option<Fault> {
        Some(match self.cause.as_deref()? {
            RegistryError::Storage(_) => Fault::Storage,
            RegistryError::Database(_) => Fault::Database,
            _ => Fault::Program,
        })
    }

    /// The answer. What the server itself did wrong is logged here, once.
    pub(super) fn into_response(self) -> Response<Body> {
        if self.status.is_server_error() {
            let cause = self
                .cause
                .as_deref()
                .map(|cause| cause as &dyn std::error::Error);
            tracing::error!(code = self.code, error = cause, "{}", self.message);
        }
        let mut error = json!({ "code": self.code, "message": self.message });
        if let (Some(error), Some(detail)) = (error.as_object_mut(), self.detail) {
            error.insert("detail".to_owned(), detail);
        }
        let body = json!({ "errors": [error] }).to_string();
        let mut response = Response::new(Body::whole(body));
        *response.status_mut() = self.status;
        response.headers_mut().extend(self.headers);
        response
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl From<RegistryError> for HttpError {
    fn from(error: RegistryError) -> Self {
        use RegistryError as E;
        let message = error.to_string();
        let told = |status, code| Self::new(status, code, message.clone());
        match &error {
            E::NameInvalid { .. } => told(StatusCode::BAD_REQUEST, "NAME_INVALID"),
            E::NameUnknown { name } => {
                told(StatusCode::NOT_FOUND, "NAME_UNKNOWN").detail(json!({ "name": name }))
            }
            E::ManifestUnknown { reference, .. } => told(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN")
                .detail(json!({ "reference": reference })),
            E::ManifestInvalid { .. } | E::TagInvalid { .. } => {
                told(StatusCode::BAD_REQUEST, "MANIFEST_INVALID")
            }
            E::ManifestTooLarge { .. } => told(StatusCode::PAYLOAD_TOO_LARGE, "MANIFEST_INVALID"),
            E::ManifestBlobUnknown { missing, .. } => {
                // A manifest may name a hundred thousand: enough are listed to go on with.
                let listed: Vec<String> =
                    missing.iter().take(100).map(ToString::to_string).collect();
                told(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN")
                    .detail(json!({ "digests": listed }))
            }
            E::BlobUnknown { digest, .. } => told(StatusCode::NOT_FOUND, "BLOB_UNKNOWN")
                .detail(json!({ "digest": digest.to_string() })),
            E::BlobInUse { .. } => told(StatusCode::METHOD_NOT_ALLOWED, "UNSUPPORTED"),
            E::UploadUnknown { .. } => told(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN"),
            E::UploadBusy { retry_seconds, .. } => {
                told(StatusCode::CONFLICT, "BLOB_UPLOAD_INVALID")
                    .header(RETRY_AFTER, HeaderValue::from(*retry_seconds))
            }
            E::UploadRange { .. } => told(StatusCode::RANGE_NOT_SATISFIABLE, "BLOB_UPLOAD_INVALID"),
            E::BodyIncomplete { .. } => told(StatusCode::BAD_REQUEST, "BLOB_UPLOAD_INVALID"),
            E::Stopping => told(StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE")
                .header(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS)),
            E::SizeInvalid { .. } => told(StatusCode::BAD_REQUEST, "SIZE_INVALID"),
            E::DigestMismatch { .. } | E::DigestInvalid { .. } => {
                told(StatusCode::BAD_REQUEST, "DIGEST_INVALID")
            }
            E::BlobTooLarge { .. } => told(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID"),
            E::Denied { .. } => told(StatusCode::FORBIDDEN, "FORBIDDEN"),
            // Harbor's own answer to a page that is too long.
            E::List(ListRequestError::Page) => {
                told(StatusCode::UNPROCESSABLE_ENTITY, "UNPROCESSABLE_ENTITY")
            }
            E::BadRequest { .. } | E::List(_) => told(StatusCode::BAD_REQUEST, "BAD_REQUEST"),
            E::NotFound { .. } => told(StatusCode::NOT_FOUND, "NOT_FOUND"),
            E::Conflict { .. } => told(StatusCode::CONFLICT, "CONFLICT"),
            E::Precondition { .. } => told(StatusCode::PRECONDITION_FAILED, "PRECONDITION"),
            E::Storage(_) | E::Database(_) | E::Internal(_) => Self::of_server(error),
        }
    }
}

impl HttpError {
    /// What is not the client's fault. It learns what kind of fault it is, and the log the rest.
    fn of_server(error: RegistryError) -> Self {
        let (status, code, message) = match &error {
            RegistryError::Storage(StorageError::Full { .. })
            | RegistryError::Database(SqlError::Full(_)) => (
                StatusCode::INSUFFICIENT_STORAGE,
                "INSUFFICIENT_STORAGE",
                "no space is left in the registry; its administrator has to make room",
            ),
            RegistryError::Storage(StorageError::Unavailable { .. })
            | RegistryError::Database(SqlError::Unavailable(_)) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                "the registry's storage or database is not available now; try again",
            ),
            _ => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "UNKNOWN",
                "the registry failed; its log says why",
            ),
        };
        let mut told = Self::new(status, code, message);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            told = told.header(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        }
        told.cause = Some(Box::new(error));
        told
    }
}
