//! What sort of failure an error of the lower crates is. One function per error type; the cause is kept.

use std::io;

use wharf_blobs::{BlobError, IngestError};
use wharf_images::{
    CheckError, LayerError, LeaseError, MountError, MountsError, NameError, OpenError, PruneError,
    RecordImageError, RecordsError, RemoveError, ResolveError, SweepError, UnmountError,
    UsageError,
};
use wharf_layers::{ApplyLayerError, TarError};
use wharf_oci::{ImageConfigError, ManifestError, Platform, ReferenceError};
use wharf_registry_client::{
    AuthError, BlobError as RemoteBlobError, ClientConfigError, DownloadError, LoginError,
    ManifestChangeError, ManifestFetchError, RequestError, SearchError, TlsError, UploadError,
};
use wharf_transfer::{ArchiveError, EndpointError, ErrorKind, GraphError};

use crate::images::ChangeError;
use crate::registry::{AnnotationError, ComposeSourceError, ManifestListError};

/// The error of every operation: a sort, and the cause with its own text.
pub type EngineError = EndpointError;

/// Says of an error what sort of failure it is.
pub(crate) trait Classified: std::error::Error + Send + Sync + Sized + 'static {
    /// The sort.
    fn kind(&self) -> ErrorKind;
}

/// Turns an error of a lower crate into an [`EngineError`].
pub(crate) fn classify<E: Classified>(error: E) -> EngineError {
    EngineError::new(error.kind(), error)
}

/// The error's text with those of its causes behind it.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// An error that is only a text.
pub(crate) fn failure(kind: ErrorKind, text: impl Into<String>) -> EngineError {
    EngineError::new(kind, text.into())
}

/// An image is there, but for another platform. The text is Docker's.
pub(crate) fn wrong_platform(image: &str, actual: &Platform, wanted: &Platform) -> EngineError {
    let text = format!(
        "image with reference {image} was found but its platform ({actual}) does not match the specified platform ({wanted})"
    );
    failure(ErrorKind::NotFound, text)
}

impl Classified for io::Error {
    fn kind(&self) -> ErrorKind {
        match Self::kind(self) {
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::ReadOnlyFilesystem
            | io::ErrorKind::TimedOut => ErrorKind::Unavailable,
            io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => ErrorKind::Corrupt,
            _ => ErrorKind::Internal,
        }
    }
}

impl Classified for BlobError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound(_) => ErrorKind::NotFound,
            Self::Corrupt { .. } => ErrorKind::Corrupt,
            Self::TooLarge { .. } => ErrorKind::Invalid,
            Self::Io { source, .. } => Classified::kind(source),
            Self::Ingest(error) => error.kind(),
        }
    }
}

impl Classified for wharf_build::tree::TreeError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => Classified::kind(source),
            Self::Links { .. } | Self::TooMany { .. } => ErrorKind::Invalid,
            Self::Layer(_) => ErrorKind::Corrupt,
            Self::Remembered(error) => error.kind(),
            Self::Records(error) => error.kind(),
        }
    }
}

impl Classified for IngestError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::WrongDigest { .. } | Self::TooShort { .. } | Self::TooLong { .. } => {
                ErrorKind::Corrupt
            }
            Self::Io { source, .. } => Classified::kind(source),
        }
    }
}

impl Classified for LayerError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => Classified::kind(source),
            Self::Damaged { .. } => ErrorKind::Corrupt,
            Self::Format { .. } => ErrorKind::Conflict,
            Self::Checkpoint { .. } => ErrorKind::Internal,
            Self::Records(error) => error.kind(),
        }
    }
}

impl Classified for RecordsError {
    fn kind(&self) -> ErrorKind {
        if self.is_damage() {
            ErrorKind::Corrupt
        } else {
            ErrorKind::Internal
        }
    }
}

impl Classified for LeaseError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Process(_) => ErrorKind::Internal,
            Self::Records(error) => error.kind(),
        }
    }
}

impl Classified for NameError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Form(_) => ErrorKind::Invalid,
            Self::NoSuchImage(_) | Self::NoSuchName(_) => ErrorKind::NotFound,
            Self::Records(error) => error.kind(),
            Self::Journal { source, .. } => Classified::kind(source),
        }
    }
}

impl Classified for OpenError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => Classified::kind(source),
            Self::Format { .. } | Self::Foreign { .. } => ErrorKind::Conflict,
            Self::StoreFile { .. } | Self::RecordsLost { .. } => ErrorKind::Corrupt,
            Self::Blobs(error) => error.kind(),
            Self::Records(error) => error.kind(),
        }
    }
}

impl Classified for RecordImageError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotAnImage(_)
            | Self::Manifest(_)
            | Self::WrongConfig { .. }
            | Self::LayerCount { .. }
            | Self::WrongLayer { .. } => ErrorKind::Invalid,
            Self::MissingBlob(_) | Self::MissingLayer(_) => ErrorKind::NotFound,
            Self::LeaseEnded => ErrorKind::Unavailable,
            Self::Io { source, .. } => Classified::kind(source),
            Self::Blobs(error) => error.kind(),
            Self::Name(error) => error.kind(),
            Self::Records(error) => error.kind(),
        }
    }
}

impl Classified for ResolveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Parse(_) => ErrorKind::Invalid,
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::Ambiguous { .. } => ErrorKind::Conflict,
            Self::Records(error) => error.kind(),
        }
    }
}

impl Classified for ReferenceError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl Classified for ManifestError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl Classified for ImageConfigError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Invalid
    }
}

impl Classified for GraphError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoMatchingPlatform(_) => ErrorKind::NotFound,
            _ => ErrorKind::Invalid,
        }
    }
}

impl Classified for ArchiveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => Classified::kind(source),
            Self::NoMatchingPlatform(_) => ErrorKind::NotFound,
            Self::WrongDigest { .. } => ErrorKind::Corrupt,
            _ => ErrorKind::Invalid,
        }
    }
}

impl Classified for ApplyLayerError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::DiskFull { .. } | Self::Checkpoint { .. } => ErrorKind::Unavailable,
            Self::Permission { .. } => ErrorKind::Denied,
            Self::FileSystem { source, .. } => Classified::kind(source),
            _ => ErrorKind::Corrupt,
        }
    }
}

impl Classified for TarError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Corrupt
    }
}

impl Classified for RequestError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Authentication { .. } => ErrorKind::Unauthorized,
            Self::Refused(response) => of_status(response.status.as_u16()),
            Self::Unreachable { .. } | Self::Interrupted { .. } => ErrorKind::Unavailable,
            Self::Redirect { .. } | Self::Protocol { .. } => ErrorKind::Invalid,
        }
    }
}

fn of_status(status: u16) -> ErrorKind {
    match status {
        401 => ErrorKind::Unauthorized,
        403 => ErrorKind::Denied,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        408 | 429 | 500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Invalid,
    }
}

impl Classified for ManifestFetchError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } | Self::UnknownRepository { .. } | Self::Denied { .. } => {
                ErrorKind::NotFound
            }
            Self::WrongDigest(_) => ErrorKind::Corrupt,
            Self::Invalid { .. } => ErrorKind::Invalid,
            Self::Request(error) => error.kind(),
        }
    }
}

impl Classified for ManifestChangeError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::WrongDigest(_) => ErrorKind::Corrupt,
            Self::Request(error) => error.kind(),
        }
    }
}

impl Classified for RemoteBlobError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound { .. } => ErrorKind::NotFound,
            Self::WrongLength { .. } | Self::WrongDigest(_) => ErrorKind::Corrupt,
            Self::TooLarge { .. } | Self::Offset { .. } => ErrorKind::Invalid,
            Self::Request(error) => error.kind(),
        }
    }
}

impl Classified for DownloadError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Address { .. } | Self::Scheme { .. } => ErrorKind::Invalid,
            Self::Status { .. } => ErrorKind::NotFound,
            Self::Request(error) => error.kind(),
        }
    }
}

impl Classified for UploadError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Authentication(_) => ErrorKind::Unauthorized,
            Self::Location { .. } | Self::WrongOffset { .. } => ErrorKind::Invalid,
            Self::WrongDigest(_) => ErrorKind::Corrupt,
            Self::Request(error) => error.kind(),
        }
    }
}

/// Errors that are of one sort whatever their cause.
macro_rules! always {
    ($($error:ty => $kind:ident),* $(,)?) => {
        $(impl Classified for $error {
            fn kind(&self) -> ErrorKind {
                ErrorKind::$kind
            }
        })*
    };
}

always! {
    AnnotationError => Invalid,
    AuthError => Unauthorized,
    ChangeError => Invalid,
    ClientConfigError => Invalid,
    ComposeSourceError => Invalid,
    LoginError => Unauthorized,
    MountError => Conflict,
    MountsError => Internal,
    PruneError => Internal,
    SearchError => Unavailable,
    SweepError => Internal,
    TlsError => Invalid,
    UnmountError => Conflict,
    UsageError => Internal,
}

impl Classified for CheckError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Open(error) => error.kind(),
            Self::Blobs(error) => error.kind(),
            Self::Layers(error) => error.kind(),
            Self::Records(error) => error.kind(),
            _ => ErrorKind::Internal,
        }
    }
}

impl Classified for ManifestListError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSuchManifest(_) | Self::NoSuchList(_) | Self::NoSuchMember { .. } => {
                ErrorKind::NotFound
            }
            Self::Exists => ErrorKind::Conflict,
            Self::Io { source, .. } => Classified::kind(source),
            Self::Damaged { .. } => ErrorKind::Corrupt,
            Self::Document(_) => ErrorKind::Internal,
            _ => ErrorKind::Invalid,
        }
    }
}

impl Classified for RemoveError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Resolve(error) => error.kind(),
            _ => ErrorKind::Conflict,
        }
    }
}
