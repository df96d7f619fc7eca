//! Images made from nothing: layers, configs, manifests and indexes, in Docker's and in OCI's dialect.

mod archive;
mod artifact;
mod builder;
mod index;

pub use archive::{docker_archive, oci_archive, write_oci_layout};
pub use artifact::{Artifact, Blob};
pub use builder::{BuiltImage, BuiltLayer, Dialect, ImageBuilder, LayerCompression, bomb_layer};
pub use index::{BuiltIndex, IndexBuilder};
