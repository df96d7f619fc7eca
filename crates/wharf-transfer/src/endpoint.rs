//! The two ends of a copy.

use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use wharf_oci::{Descriptor, RawManifest};

use crate::events::EventSink;
use crate::graph::{ImageGraph, ImageParts, LayerPart};

/// The bytes of a blob as they come.
pub type BlobStream = Pin<Box<dyn Stream<Item = Result<Bytes, EndpointError>> + Send>>;

/// Where an image is: a registry, this machine. A handle that is cheap to clone, since an upload keeps one to
/// begin again.
pub trait ImageSource: Clone + Send + Sync + 'static {
    /// The manifest or index that `target` points to; its digest has been verified.
    fn manifest(
        &self,
        target: &Descriptor,
    ) -> impl Future<Output = Result<RawManifest, EndpointError>> + Send;

    /// A config document, whole and verified.
    fn document(
        &self,
        target: &Descriptor,
    ) -> impl Future<Output = Result<Vec<u8>, EndpointError>> + Send;

    /// A blob from `offset` on. The sink verifies it.
    fn open_blob(
        &self,
        target: &Descriptor,
        offset: u64,
    ) -> impl Future<Output = Result<BlobStream, EndpointError>> + Send;
}

/// Where an image is wanted.
pub trait ImageSink: Send + Sync {
    /// Looks at all that is going to come, before the first layer does, and says so. The sink may refuse.
    fn announce(
        &self,
        graph: &ImageGraph,
        layers: &[LayerPart],
        events: &EventSink,
    ) -> impl Future<Output = Result<(), EndpointError>> + Send;

    /// Takes one layer, or finds that it is here already.
    fn put_layer<S: ImageSource>(
        &self,
        task: LayerTask<'_, S>,
    ) -> impl Future<Output = Result<(), EndpointError>> + Send;

    /// Takes one image's config and manifest, after all of its layers.
    fn put_image(
        &self,
        parts: &ImageParts,
        role: ManifestRole,
    ) -> impl Future<Output = Result<(), EndpointError>> + Send;

    /// Takes an index, after all of its images.
    fn put_index(
        &self,
        index: &RawManifest,
    ) -> impl Future<Output = Result<(), EndpointError>> + Send;
}

/// One layer to take, where it comes from and whom to tell.
#[derive(Clone, Copy)]
pub struct LayerTask<'a, S> {
    /// The layer.
    pub layer: &'a LayerPart,
    /// Where its bytes are.
    pub source: &'a S,
    /// Whom to tell.
    pub events: &'a EventSink,
}

impl<S> std::fmt::Debug for LayerTask<'_, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LayerTask")
            .field("layer", self.layer)
            .finish_non_exhaustive()
    }
}

/// Whether a manifest is what was asked for or a part of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ManifestRole {
    /// The name will point to this very manifest.
    Root,
    /// The name will point to an index that lists it.
    Child,
}

/// What sort of failure it is. Three tables translate it: to exit codes, to Docker's HTTP statuses and to
/// OCI error codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// What was named is not there.
    NotFound,
    /// It contradicts what is there.
    Conflict,
    /// What was given makes no sense.
    Invalid,
    /// Who asks is not known.
    Unauthorized,
    /// Who asks may not.
    Denied,
    /// The other side, or the disk, does not serve now.
    Unavailable,
    /// What was stored or sent is damaged.
    Corrupt,
    /// A defect, or a failure of this machine.
    Internal,
}

/// Why an end of a copy failed: the sort, and the cause with its own text.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct EndpointError {
    source: Box<Inner>,
}

#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
struct Inner {
    kind: ErrorKind,
    #[source]
    cause: Box<dyn StdError + Send + Sync>,
}

impl EndpointError {
    /// An error of the sort `kind`, caused by `cause`.
    pub fn new(kind: ErrorKind, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            source: Box::new(Inner {
                kind,
                cause: cause.into(),
            }),
        }
    }

    /// Its sort.
    pub fn kind(&self) -> ErrorKind {
        self.source.kind
    }

    /// The cause.
    pub fn cause(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.source.cause
    }
}
