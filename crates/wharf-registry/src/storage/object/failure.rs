//! What the service's failures mean for the callers of storage.

use std::error::Error;

use object_store::client::HttpError;

use crate::storage::{ObjectKey, StorageError};

/// What a failed request meant.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no such object, multipart upload or bucket.
    NotFound,
    /// The parts of a multipart upload are not those that it was told to have.
    InvalidParts,
    /// No space, or none for this user.
    Full,
    /// Overloaded, unreachable or too slow; it was tried again for as long as the configuration allows.
    Unavailable(object_store::Error),
    /// It does not know us, or does not let us.
    Denied(object_store::Error),
    /// Anything else.
    Other(object_store::Error),
}

impl From<object_store::Error> for Failure {
    fn from(error: object_store::Error) -> Self {
        let text = error.to_string();
        match error_code(&text) {
            Some("NoSuchKey" | "NoSuchUpload" | "NoSuchBucket") => Self::NotFound,
            Some("InvalidPart" | "InvalidPartOrder" | "EntityTooSmall") => Self::InvalidParts,
            Some("QuotaExceeded" | "InsufficientCapacity" | "XMinioStorageFull") => Self::Full,
            Some(
                "SlowDown" | "ServiceUnavailable" | "InternalError" | "RequestTimeout"
                | "OperationAborted" | "TooManyRequests" | "Throttling",
            ) => Self::Unavailable(error),
            None if is_transport(&error) || has_server_error(&text) => Self::Unavailable(error),
            _ => match error {
                object_store::Error::NotFound { .. } => Self::NotFound,
                object_store::Error::PermissionDenied { .. }
                | object_store::Error::Unauthenticated { .. } => Self::Denied(error),
                error => Self::Other(error),
            },
        }
    }
}

impl Failure {
    /// The error of an operation on an object; `what` says what was being done.
    pub(super) fn of_object(self, key: &ObjectKey, what: impl FnOnce() -> String) -> StorageError {
        match self {
            Self::NotFound => StorageError::NotFound { key: key.clone() },
            other => other.of_service(what),
        }
    }

    /// The error of an operation on an unfinished upload; `what` says what was being done.
    pub(super) fn of_upload(self, key: &ObjectKey, what: impl FnOnce() -> String) -> StorageError {
        match self {
            Self::NotFound | Self::InvalidParts => StorageError::Lost { key: key.clone() },
            other => other.of_service(what),
        }
    }

    /// The error of an operation on the bucket itself; `what` says what was being done.
    pub(super) fn of_service(self, what: impl FnOnce() -> String) -> StorageError {
        let what = what();
        match self {
            Self::NotFound => StorageError::Failed {
                what,
                cause: "the bucket is not there; make it, or correct its name".into(),
            },
            Self::InvalidParts => StorageError::Failed {
                what,
                cause: "parts are missing".into(),
            },
            Self::Full => StorageError::Full { what },
            Self::Unavailable(error) => StorageError::Unavailable {
                what,
                cause: Some(Box::new(error)),
            },
            Self::Denied(error) => StorageError::Failed {
                what: format!(
                    "{what}; the service refuses us: check access-key, secret-key and what they allow"
                ),
                cause: Box::new(error),
            },
            Self::Other(error) => StorageError::Failed {
                what,
                cause: Box::new(error),
            },
        }
    }
}

/// The code in S3's answer, which the client library keeps in its text only.
fn error_code(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("<Code>")?;
    rest.split_once("</Code>").map(|(code, _)| code)
}

/// Whether the failure is one of the connection: the service has not answered.
fn is_transport(error: &object_store::Error) -> bool {
    let mut current: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = current {
        if error.is::<HttpError>() {
            return true;
        }
        current = error.source();
    }
    false
}

/// Whether the service answered 5xx or 429 without saying more, as it does to HEAD.
fn has_server_error(text: &str) -> bool {
    let Some((_, rest)) = text.split_once("status code: ") else {
        return false;
    };
    rest.starts_with('5') || rest.starts_with("429")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic {
            store: "S3",
            source: text.into(),
        }
    }

    #[test]
    fn codes_and_statuses_are_told_apart() {
        let of = |text: &str| Failure::from(generic(text));
        let answer = |code: &str| {
            format!(
                "Server returned non-2xx status code: 400 Bad Request: <Error><Code>{code}</Code></Error>"
            )
        };
        assert!(matches!(of(&answer("SlowDown")), Failure::Unavailable(_)));
        assert!(matches!(of(&answer("QuotaExceeded")), Failure::Full));
        assert!(matches!(of(&answer("InvalidPart")), Failure::InvalidParts));
        assert!(matches!(of(&answer("NoSuchUpload")), Failure::NotFound));
        assert!(matches!(
            of(&answer("SignatureDoesNotMatch")),
            Failure::Other(_)
        ));
        let bare = "Server returned non-2xx status code: ";
        assert!(matches!(
            of(&format!("{bare}503 Service Unavailable: ")),
            Failure::Unavailable(_)
        ));
        assert!(matches!(
            of(&format!("{bare}400 Bad Request: ")),
            Failure::Other(_)
        ));
    }
}
