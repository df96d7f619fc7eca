//! What can go wrong with storage, in the words that its callers tell apart.

use std::io;

use super::ObjectKey;

/// Why storage could not do something.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no object under this key.
    #[error("object {key} is not in storage")]
    NotFound {
        /// The key.
        key: ObjectKey,
    },
    /// The bytes that an upload had stored so far are gone or damaged: it has to begin anew.
    #[error("the stored part of upload {key} is gone or damaged; begin the upload anew")]
    Lost {
        /// The upload's key.
        key: ObjectKey,
    },
    /// No space is left.
    #[error("no space is left in storage ({what})")]
    Full {
        /// What was being done.
        what: String,
    },
    /// The storage is overloaded or cannot be reached now; trying again later may help.
    #[error("storage is not available now ({what})")]
    Unavailable {
        /// What was being done.
        what: String,
        /// Why it failed, where something said so.
        #[source]
        cause: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Anything else.
    #[error("storage failed ({what})")]
    Failed {
        /// What was being done.
        what: String,
        /// Why it failed.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StorageError {
    /// An error of the file system; `what` says what was being done.
    pub(crate) fn io(what: impl Into<String>, error: io::Error) -> Self {
        let what = what.into();
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { what },
            _ => Self::Failed {
                what,
                cause: Box::new(error),
            },
        }
    }
}
