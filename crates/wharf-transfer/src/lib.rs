//! Copies an image from where it is to where it is wanted, skipping what is there.
//!
//! Pull, push and the copying of manifests between registries are all [`copy_image`] with other
//! ends: an [`ImageSource`] and an [`ImageSink`]. The order is always the same: layers (side by side),
//! config, manifest, then the index and with it the name; so whoever sees a name finds all of it.
//! What happens is told as [`TransferEvent`]s, which a terminal or an HTTP stream draws.

mod archive;
mod copy;
mod endpoint;
mod events;
mod graph;

pub use archive::{
    ArchiveError, ArchiveFiles, ArchiveImage, ArchiveLayer, ArchiveManifest, BLOBS_FOLDER,
    DockerArchiveEntry, OCI_LAYOUT_DOCUMENT, blob_path, read_contents,
};
pub use copy::{CopyOptions, copy_image};
pub use endpoint::{
    BlobStream, EndpointError, ErrorKind, ImageSink, ImageSource, LayerTask, ManifestRole,
};
pub use events::{EventSink, LayerProgress, TransferEvent};
pub use graph::{GraphError, ImageGraph, ImageParts, LayerPart};
