//! Images in files: what `docker save` writes, old and new, and OCI image layouts.

mod contents;
mod docker_archive;
mod oci_layout;

pub use contents::{
    ArchiveError, ArchiveFiles, ArchiveImage, ArchiveLayer, ArchiveManifest, read_contents,
};
pub use docker_archive::DockerArchiveEntry;
pub use oci_layout::{BLOBS_FOLDER, OCI_LAYOUT_DOCUMENT, blob_path};
