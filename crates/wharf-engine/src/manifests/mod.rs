//! Manifests and manifest lists as registries have them, and lists that are being made on this machine.

mod entry;
mod list_document;
mod lists;
mod push;
mod remote;

pub use entry::ManifestEntry;
pub use list_document::list_document;
pub use lists::{ManifestListError, ManifestLists};
pub use push::PushedManifest;
pub use remote::RemoteManifest;
