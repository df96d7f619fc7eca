//! What happens in repositories: uploads, blobs, manifests, tags, referrers, catalog. The rules of each operation stand in
//! order in one function. Nothing here knows HTTP; who may do it was decided before.

mod artifacts;
mod blobs;
mod catalog;
mod copy;
mod delete;
mod manage;
mod manifest_document;
mod manifests;
mod names;
mod pulls;
mod referrers;
mod tagging;
mod tags;
mod trash;
mod uploads;

pub use artifacts::{Artifact, ArtifactDetails};
pub use blobs::Blob;
pub use catalog::NamePage;
pub use copy::ArtifactCopy;
pub use manage::Statistics;
pub(crate) use manifest_document::ManifestDocument;
pub(crate) use manifests::parse_tag;
pub use manifests::{ManifestPush, ManifestReference, PushedManifest};
pub use names::RepositoryName;
pub(crate) use names::{DEFAULT_PROJECT, is_component};
pub(crate) use pulls::Pulls;
pub use referrers::ReferrerPage;
pub use trash::DeletedManifest;
pub use uploads::{BodyError, ByteRange, MountSource, UploadBody, UploadProgress};
#[cfg(test)]
pub(crate) use {
    manifests::{RecordedManifest, remove},
    trash::restore,
    uploads::{RecordedBlob, mount},
};
