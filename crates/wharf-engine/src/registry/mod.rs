//! What happens in registries without an image on this machine: reading manifests, Docker's manifest lists, and new
//! indexes out of what is there.

mod annotation;
mod attestations;
mod compose;
mod copying;
mod documents;
mod error;
mod list_files;
mod lists;
mod reading;
mod sources;

pub use annotation::{Annotation, AnnotationError};
pub use attestations::{AttestationKind, RegistryImage};
pub use compose::{ComposeRequest, Composed};
pub use documents::manifest_list_document;
pub use error::ManifestListError;
pub use list_files::ManifestLists;
pub use lists::{ListMode, PlatformChange};
pub use reading::{ImageManifest, RegistryManifest};
pub use sources::{ComposeSource, ComposeSourceError, SourceDescriptor};
