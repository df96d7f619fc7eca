//! What this machine holds: names, images, mountable layers, who uses them, and what may go.
//!
//! ```text
//! <root>/
//!   store.json                 format of the store and flavour of its layers
//!   lock                       held while the store is made, migrated or rebuilt
//!   blobs/, ingest/            manifests, configs, layer blobs (`wharf-blobs`)
//!   layers/<algorithm>-<hex>/  one unpacked layer, named by its diff ID
//!       fs/                    the tree, with overlayfs whiteouts
//!       layer.json             what it is
//!   layers/<...>.partial/      the same while it is unpacked: `lock`, `fs/`, `state`
//!   layers/empty/fs/           an empty folder: overlayfs wants two lower layers at least
//!   scratch/                   folders for the time being
//!   removing/                  trees renamed away, to be deleted outside every lock
//!   wharf.db                   the records
//!   names.json                 the names once more, for people and for `check`
//! ```
//!
//! Rules that every operation here keeps:
//! - content is recorded only after it is on disk, and a name is written after its content;
//! - content disappears inside a write transaction that found it unreachable, so that nobody can
//!   take it up at the same moment; who wants to use content that no name reaches yet takes a
//!   [`Lease`] on it *before* looking whether it is there;
//! - trees are deleted after they were renamed away, when no lock is held.

mod builds;
mod check;
mod clock;
mod deflated;
mod fetched;
mod garbage;
mod images;
mod layers;
mod leases;
mod list;
mod names;
mod origins;
mod process;
mod prune;
mod records;
mod remove;
mod resolve;
mod scratch;
mod snapshots;
mod store;
mod unpack;
mod usage;
mod users;

pub use builds::{
    BuildEntry, BuildPruneFilter, BuildPruneReport, BuildUsage, EnsureLayerError, FileDigest,
    FileIdentity, NewBuildEntry,
};
pub use check::{
    CheckError, CheckEvent, CheckOptions, CheckReport, DifferenceKind, FoundProblem, Problem,
    TreeDifference,
};
pub use clock::Clock;
pub use fetched::{FetchedFacts, FetchedFile};
pub use garbage::{GarbageReport, SweepError, Unfinished};
pub use images::{ImageLayer, ImageRecord, RecordImageError};
pub use layers::{LayerError, LayerFacts, LayerRecord, LayerSlot, LayerWriter};
pub use leases::{Lease, LeaseError};
pub use list::{ImageSummary, LabelFilter, ListFilter};
pub use names::{NameError, NameRecord};
pub use prune::{PruneError, PruneFilter, PruneReport};
pub use records::RecordsError;
pub use remove::{
    ConflictReason, PreparationError, RemoveError, RemoveEvent, RemoveOptions, UserText,
};
pub use resolve::{ResolveError, ResolvedBy, ResolvedImage};
pub use scratch::ScratchFolder;
pub use snapshots::{LayerTrees, MountError, MountMode, Mounted, MountsError, UnmountError};
pub use store::{
    Access, ImageStore, OpenError, OpenOptions, STORE_FORMAT, StepHook, StoreIds, StoreOwners,
};
pub use usage::{DiskUsage, UsageError};
pub use users::{ImageUser, UnknownUserKind, UserError, UserKind};
pub use wharf_layers::{Flavour, OverlayError};
