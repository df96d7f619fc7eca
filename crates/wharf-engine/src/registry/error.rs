//! What can be wrong with a manifest list.

use std::io;
use std::path::PathBuf;

use wharf_oci::{Digest, ManifestError, Reference};

/// Why an operation on manifest lists failed. The texts are Docker's where Docker has one.
#[derive(Debug, thiserror::Error)]
pub enum ManifestListError {
    /// The registry has no such manifest, or will not say.
    #[error("no such manifest: {0}")]
    NoSuchManifest(Box<Reference>),
    /// There is no such list on this machine.
    #[error("No such manifest: {0}")]
    NoSuchList(Box<Reference>),
    /// The list does not have this manifest.
    #[error("manifest for image {} does not exist in {}", .image.familiar(), .list.familiar())]
    NoSuchMember {
        /// The list.
        list: Box<Reference>,
        /// What was looked for in it.
        image: Box<Reference>,
    },
    /// The list is there, and nothing was said about amending it.
    #[error("refusing to amend an existing manifest list with no --amend flag")]
    Exists,
    /// Lists hold images, not lists.
    #[error("{0} is a manifest list")]
    IsList(Box<Reference>),
    /// No program runs on that.
    #[error("manifest entry for image has unsupported os/arch combination: {os}/{architecture}")]
    UnknownPlatform {
        /// As given.
        os: String,
        /// As given.
        architecture: String,
    },
    /// A list is of no use if it does not say what its images run on.
    #[error("manifest {0} must have an OS and Architecture to be pushed to a registry")]
    NoPlatform(Box<Reference>),
    /// Images do not travel from registry to registry by this command.
    #[error(
        "cannot use source images from a different registry than the target image: {of_image} != {of_list}"
    )]
    OtherRegistry {
        /// Registry of an image.
        of_image: String,
        /// Registry of the list.
        of_list: String,
    },
    /// A manifest that is not what its file says it is.
    #[error("internal digest mismatch for {reference}: expected {expected}, got {actual}")]
    WrongDigest {
        /// Which.
        reference: Box<Reference>,
        /// In the descriptor.
        expected: Digest,
        /// Of the bytes.
        actual: Digest,
    },
    /// A file cannot be read or written.
    #[error("cannot access manifest list file {}", .path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that holds no manifest.
    #[error(
        "manifest list file {} is damaged; remove the list with 'manifest rm' and create it again",
        .path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A manifest that cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A document that cannot be written.
    #[error(transparent)]
    Document(#[from] serde_json::Error),
}
