//! What a check can find, and how it tells.

use std::path::PathBuf;

use wharf_oci::{DiffId, Digest, ImageId, Reference};

use super::compare::TreeDifference;

/// What a check does at the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckEvent {
    /// The database is being made anew from the stored images.
    Rebuilding,
    /// So many blobs and layers will be looked at.
    Started {
        /// Blobs.
        blobs: u64,
        /// Layers.
        layers: u64,
    },
    /// A blob has been looked at.
    Blob(Digest),
    /// A layer has been looked at.
    Layer(DiffId),
    /// Something is wrong.
    Found(Problem),
    /// What was found last has been put right.
    Repaired(Problem),
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Blobs that were read to their last byte.
    pub blobs: u64,
    /// Their bytes.
    pub blob_bytes: u64,
    /// Layers whose trees were compared with what their blobs unpack to.
    pub layers: u64,
    /// Layers of which no blob is here, so that their trees could not be compared.
    pub layers_without_blob: u64,
    /// Images whose records were compared with their documents.
    pub images: u64,
    /// Whether the database was made anew.
    pub rebuilt: bool,
    /// What was wrong.
    pub problems: Vec<FoundProblem>,
}

/// Something wrong, and whether it still is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundProblem {
    /// What.
    pub problem: Problem,
    /// Whether it was put right.
    pub repaired: bool,
}

/// One thing that is wrong with the store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The database was lost or damaged.
    #[error("the database is lost or damaged: {0}")]
    Records(String),
    /// A blob's bytes are not those of its digest. Repair removes it.
    #[error("content {digest} is damaged: its digest is {actual}")]
    DamagedBlob {
        /// By its name.
        digest: Digest,
        /// By its bytes.
        actual: Digest,
    },
    /// Content that an image needs is not there. Only pulling or loading the image again helps.
    #[error("content {digest} of image {} is missing: pull or load {} again", image.short(), named(names, *image))]
    MissingBlob {
        /// The content.
        digest: Digest,
        /// The image.
        image: ImageId,
        /// Its names.
        names: Vec<Reference>,
    },
    /// A stored document cannot be read as what it should be.
    #[error("content {digest} of image {} cannot be understood: {reason}", image.short())]
    BadDocument {
        /// The content.
        digest: Digest,
        /// The image.
        image: ImageId,
        /// Why.
        reason: String,
    },
    /// A layer's tree is not what its blob unpacks to. Repair unpacks it again.
    #[error("layer {diff_id} is damaged: {}", listed(differences))]
    DamagedLayer {
        /// The layer.
        diff_id: DiffId,
        /// What differs; at most twenty entries. Empty if `layer.json` is what cannot be read.
        differences: Vec<TreeDifference>,
    },
    /// A layer that an image needs is not unpacked. Repair unpacks it.
    #[error("layer {0} is not unpacked")]
    MissingLayer(DiffId),
    /// The record of a layer differs from what is on disk.
    #[error("the record of layer {0} is wrong")]
    WrongLayerRecord(DiffId),
    /// The record of an image differs from its documents.
    #[error("the record of image {0} is wrong")]
    WrongImageRecord(ImageId),
    /// A name points to an image that is not recorded. Repair removes it.
    #[error("name {} points to image {}, which is not here: pull it again", name.familiar(), image.short())]
    NameWithoutImage {
        /// The name.
        name: Reference,
        /// Where it points.
        image: ImageId,
    },
    /// A layer could not be unpacked again.
    #[error("layer {diff_id} cannot be unpacked again: {reason}")]
    CannotUnpack {
        /// The layer.
        diff_id: DiffId,
        /// Why.
        reason: String,
    },
    /// A damaged layer cannot be replaced while it is mounted.
    #[error("layer {diff_id} is in use at {}: unmount it and check again", target.display())]
    MountedLayer {
        /// The layer.
        diff_id: DiffId,
        /// Where.
        target: PathBuf,
    },
    /// An image could not be recorded anew.
    #[error("the image with manifest {manifest} cannot be restored: {reason}")]
    CannotRestore {
        /// The manifest.
        manifest: Digest,
        /// Why.
        reason: String,
    },
    /// The names are not known any more.
    #[error("names.json cannot be read, and the names of the images are lost: {0}")]
    LostNames(String),
}

impl CheckReport {
    /// Whether nothing is wrong now.
    pub fn is_sound(&self) -> bool {
        self.problems.iter().all(|found| found.repaired)
    }
}

fn named(names: &[Reference], image: ImageId) -> String {
    names
        .first()
        .map_or_else(|| image.short(), Reference::familiar)
}

fn listed(differences: &[TreeDifference]) -> String {
    if differences.is_empty() {
        return "layer.json cannot be read".to_owned();
    }
    let lines: Vec<String> = differences
        .iter()
        .map(|difference| format!("/{} {}", difference.path.display(), difference.kind))
        .collect();
    lines.join(", ")
}
