//! What can go wrong in the registry, with the fields that a client is told.

use wharf_oci::Digest;

use crate::db::{ListError, SqlError};
use crate::listing::ListRequestError;
use crate::storage::StorageError;

/// Why the registry did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// Not the name of a repository.
    #[error(
        "invalid repository name {name:?}: components are lower-case letters and digits with '.', '_', '__' or '-' between them"
    )]
    NameInvalid {
        /// What was given.
        name: String,
    },
    /// There is no such repository, or nobody may know that there is.
    #[error("repository {name} is not known to this registry")]
    NameUnknown {
        /// The repository.
        name: String,
    },
    /// The repository has no such manifest.
    #[error("manifest {reference} is not in repository {name}")]
    ManifestUnknown {
        /// The repository.
        name: String,
        /// Tag or digest.
        reference: String,
    },
    /// Not a manifest that a registry may serve.
    #[error("the manifest is refused: {reason}")]
    ManifestInvalid {
        /// What is wrong with it.
        reason: String,
    },
    /// Longer than allowed.
    #[error("the manifest is larger than the limit of {limit} bytes")]
    ManifestTooLarge {
        /// The limit in bytes.
        limit: usize,
    },
    /// It names what the repository does not have.
    #[error(
        "the manifest names {} that repository {name} does not have; push them first",
        counted(missing)
    )]
    ManifestBlobUnknown {
        /// The repository.
        name: String,
        /// What is missing.
        missing: Vec<Digest>,
    },
    /// Not a tag.
    #[error(
        "invalid tag {tag:?}: up to 128 letters, digits, '_', '.', '-', and neither '.' nor '-' first"
    )]
    TagInvalid {
        /// What was given.
        tag: String,
    },
    /// The repository has no such blob.
    #[error("blob {digest} is not in repository {name}")]
    BlobUnknown {
        /// The repository.
        name: String,
        /// The blob.
        digest: Digest,
    },
    /// A manifest still needs the blob.
    #[error("blob {digest} is used by a manifest of repository {name}; delete that first")]
    BlobInUse {
        /// The repository.
        name: String,
        /// The blob.
        digest: Digest,
    },
    /// There is no such upload: finished, cancelled, expired or never begun.
    #[error("upload {id} is not known; begin a new one")]
    UploadUnknown {
        /// The upload.
        id: String,
    },
    /// Another request is writing to the upload.
    #[error("another request is writing to upload {id}; wait for its end and ask for the offset")]
    UploadBusy {
        /// The upload.
        id: String,
        /// After how many seconds it is free at the latest, if that request's node has died.
        retry_seconds: u64,
    },
    /// The chunk does not begin where the upload ends.
    #[error("the chunk begins at byte {begins}, and upload {id} goes on at byte {offset}")]
    UploadRange {
        /// The upload.
        id: String,
        /// Where the chunk begins.
        begins: u64,
        /// Where the upload goes on.
        offset: u64,
    },
    /// The client went away or sent too slowly.
    #[error("the request's body ended early: {reason}")]
    BodyIncomplete {
        /// What happened.
        reason: String,
    },
    /// The registry is about to stop; what had come of an upload is kept.
    #[error(
        "the registry is being stopped; ask for the upload's offset and go on from there in a moment"
    )]
    Stopping,
    /// The length of the body is not what a header said.
    #[error("{said} bytes were announced, and {came} came")]
    SizeInvalid {
        /// What a header said.
        said: u64,
        /// What came.
        came: u64,
    },
    /// The bytes have another digest.
    #[error("provided digest {expected} did not match uploaded content, which has {actual}")]
    DigestMismatch {
        /// What the client said.
        expected: Box<Digest>,
        /// What came.
        actual: Box<Digest>,
    },
    /// Not a digest of an algorithm that is known.
    #[error("invalid digest {text:?}: sha256 and sha512 in lower-case hexadecimal are supported")]
    DigestInvalid {
        /// What was given.
        text: String,
    },
    /// The blob is larger than the settings allow.
    #[error("the blob is larger than the limit of {limit} bytes that this registry has set")]
    BlobTooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The caller may not.
    #[error("{reason}")]
    Denied {
        /// What would be needed.
        reason: String,
    },
    /// A management request that cannot be right.
    #[error("{reason}")]
    BadRequest {
        /// What is wrong with it.
        reason: String,
    },
    /// A list that cannot be had like that.
    #[error(transparent)]
    List(#[from] ListRequestError),
    /// A thing of the management API that is not there, or that nobody may know of.
    #[error("{what} was not found")]
    NotFound {
        /// What: `project x`.
        what: String,
    },
    /// It is there already, or something stands against it.
    #[error("{reason}")]
    Conflict {
        /// What stands against it.
        reason: String,
    },
    /// Something has to be done first.
    #[error("{reason}")]
    Precondition {
        /// What.
        reason: String,
    },
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The database failed.
    #[error(transparent)]
    Database(#[from] SqlError),
    /// A fault of this program.
    #[error("internal error: {0}")]
    Internal(String),
}

impl From<ListError> for RegistryError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::Request(error) => error.into(),
            ListError::Sql(error) => error.into(),
        }
    }
}

fn counted(missing: &[Digest]) -> String {
    match missing {
        [one] => format!("{one}"),
        [first, ..] => format!("{first} and {} more", missing.len() - 1),
        [] => "nothing".to_owned(),
    }
}

/// An error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |said, cause| format!("{said}: {cause}"))
}
