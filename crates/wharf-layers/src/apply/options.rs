//! What a layer is unpacked with, what comes out, and what lies between.

use wharf_oci::{Algorithm, DiffId, HasherState};

use super::remembered::RememberedEntry;
use crate::limits::Limits;

/// How ownership and overlayfs's marks are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Flavour {
    /// By root: owners and device nodes as the layer has them, and `trusted.overlay.opaque`.
    Root,
    /// By an ordinary user, to be mounted with `userxattr` in a user namespace where the user is
    /// root: everything is owned by the user, opaque directories are `user.overlay.opaque`, and
    /// what the user cannot set is remembered (see [`super::RememberedMetadata`]). Directories get
    /// `u+rwx` besides their own mode, so that their owner can read and delete the tree.
    User,
    /// By root of an ordinary user's namespace with many ids (`/etc/subuid`), and to be read and mounted there only: owners as the
    /// layer has them, `user.overlay.opaque`; device nodes, and owners beyond the ids of the namespace, are remembered.
    Subordinate,
}

impl Flavour {
    /// Whether the trees are an ordinary user's: overlayfs is mounted with `userxattr`, and finds its marks there.
    pub fn is_users(self) -> bool {
        self != Self::Root
    }

    /// The attribute of overlayfs that hides what lower layers have in a directory; its value is `y`.
    pub fn opaque_attribute(self) -> &'static str {
        if self.is_users() {
            "user.overlay.opaque"
        } else {
            "trusted.overlay.opaque"
        }
    }

    /// The attribute of overlayfs that makes an empty file a whiteout.
    pub fn whiteout_attribute(self) -> &'static str {
        if self.is_users() {
            "user.overlay.whiteout"
        } else {
            "trusted.overlay.whiteout"
        }
    }

    /// Who owns a file of such a tree, unless something else is remembered of it: `on_disk` is what `stat` says.
    pub fn owner(self, on_disk: (u32, u32)) -> (u32, u32) {
        match self {
            Self::Root | Self::Subordinate => on_disk,
            // The user is root of the container.
            Self::User => (0, 0),
        }
    }
}

/// How [`super::apply_layer`] unpacks.
#[derive(Debug, Clone)]
pub struct ApplyOptions {
    /// Who unpacks.
    pub flavour: Flavour,
    /// What the layer may cost.
    pub limits: Limits,
    /// The algorithm of the diff ID to compute.
    pub algorithm: Algorithm,
    /// The diff ID, where the caller hashes the very bytes that it gives and compares them itself: a
    /// plain layer's blob is its archive. Then nothing is hashed here, no checkpoint is offered, and
    /// [`AppliedLayer::diff_id`] is this one.
    pub hashed_by_caller: Option<DiffId>,
    /// Where an interrupted call on the same archive and directory stopped: the checkpoint that it
    /// offered last.
    pub resume: Option<ApplyCheckpoint>,
    /// A checkpoint is offered whenever this many more bytes of the archive were unpacked.
    pub checkpoint_interval_bytes: u64,
}

impl ApplyOptions {
    /// SHA-256, default limits, a checkpoint every 7 MiB, from the start: with what the buffers in
    /// front hold, no death costs more than 8 MiB.
    pub fn new(flavour: Flavour) -> Self {
        Self {
            flavour,
            limits: Limits::default(),
            algorithm: Algorithm::Sha256,
            hashed_by_caller: None,
            resume: None,
            checkpoint_interval_bytes: 7 << 20,
        }
    }
}

/// How far a layer was unpacked: everything in front of `tar_offset` is on disk, as far as the
/// kernel is concerned (nothing was synced).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApplyCheckpoint {
    /// Bytes of the uncompressed archive; an entry begins here, and is written anew.
    pub tar_offset: u64,
    /// Bytes of it that were hashed: `tar_offset`, or more within the content of a large file.
    pub hashed_bytes: u64,
    /// The hash of the first `hashed_bytes`.
    pub hasher_state: HasherState,
}

/// A layer that was unpacked whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedLayer {
    /// Digest of the whole uncompressed archive, to its last byte.
    pub diff_id: DiffId,
    /// Length of the uncompressed archive.
    pub tar_size_bytes: u64,
    /// Sum of the sizes that the entries' headers say: what Docker calls the size of a layer.
    pub content_size_bytes: u64,
    /// Disk space of the tree, estimated: content and directories in blocks of 4 KiB.
    pub disk_size_bytes: u64,
    /// Entries of the archive.
    pub entries: u64,
    /// Whether the layer hides everything below it (`.wh..wh..opq` at its top). Overlayfs merges
    /// the top directories of its layers whatever their marks say: who mounts must leave the layers
    /// below out.
    pub root_is_opaque: bool,
    /// Extended attributes that the file system or its rules refused, as Docker lets them pass.
    pub xattrs_refused: u64,
    /// What an ordinary user could not set on symbolic links and named pipes, which cannot carry
    /// `user.*` attributes. Sorted by path.
    pub remembered: Vec<RememberedEntry>,
}
